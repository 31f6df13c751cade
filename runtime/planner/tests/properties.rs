//! What no plan may ever propose, whatever is seen.

mod world;

use std::collections::BTreeSet;

use kit_model::{Action, Address, Head, MachineState, NodeRole, Plan, Token};
use kit_planner::Memory;
use proptest::prelude::*;
use world::World;

const MEMBERS: [&str; 5] = ["managers.m1", "managers.m2", "managers.m3", "managers.m4", "managers.m5"];
const SLOTS: [&str; 4] = ["workers.1", "workers.2", "workers.3", "workers.4"];

fn any_address() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => prop::sample::select(&MEMBERS[..]), 1 => prop::sample::select(&SLOTS[..])]
}

/// One thing that may be so.
fn any_line() -> impl Strategy<Value = String> {
    let states = prop::sample::select(vec![
        "pending",
        "running",
        "stopping",
        "stopped",
        "shutting-down",
        "terminated",
        "unknown",
    ]);
    let nodes = prop::sample::select(vec![
        "ready", "down", "lying", "unknown", "demoted", "demoting", "drained", "busy", "gone",
    ]);
    let volumes = prop::sample::select(vec!["gone", "free", "unformed", "held i-m3", "held i-x"]);
    let kinds = prop::sample::select(vec!["create", "repair", "roll", "retire"]);
    let extras = prop::sample::select(vec!["", " rebooted", " availability active", " request abc"]);
    let condemned =
        prop::sample::select(vec!["", " condemned i-m1", " condemned i-m2", " condemned i-m3", " condemned i-x"]);
    prop_oneof![
        (any_address(), states.clone()).prop_map(|(who, state)| format!("machine {who} {state}")),
        (any_address(), nodes.clone()).prop_map(|(who, state)| format!("node {who} {state}")),
        (prop::sample::select(&MEMBERS[..]), volumes).prop_map(|(who, state)| format!("volume {who} {state}")),
        any_address().prop_map(|who| format!("no machine {who}")),
        (any_address(), 0u64..6, states).prop_map(|(who, generation, state)| format!(
            "also machine i-x{generation} {who} gen {generation} state {state}"
        )),
        (prop::sample::select(&MEMBERS[..]), 0u64..6, nodes).prop_map(|(who, generation, state)| format!(
            "also node n-x{generation} {who} gen {generation} voter {state}"
        )),
        (any_address(), kinds, 1u64..5, extras, condemned).prop_map(
            |(who, kind, generation, extra, condemned)| format!(
                "operation {who} {kind} gen {generation} revision A{extra}{condemned}"
            )
        ),
        (any_address(), 1u32..5).prop_map(|(who, count)| format!("failures {who} {count}")),
        prop::sample::select(&MEMBERS[..]).prop_map(|who| format!("approve replace-volume {who}")),
        prop::sample::select(&MEMBERS[..]).prop_map(|who| format!("newcomer {who}")),
        prop::sample::select(&MEMBERS[..]).prop_map(|who| format!("me {who}")),
        (1u8..6).prop_map(|n| format!("stranger 10.0.0.{n} somebody")),
        Just("listing weak".to_owned()),
        Just("listing partial".to_owned()),
        Just("stopped managers managers.m2".to_owned()),
        Just("head revision B".to_owned()),
        prop::sample::select(vec!["looks 0", "looks 0 20", "looks 0 70", "looks 0 840 900"])
            .prop_map(ToOwned::to_owned),
    ]
}

fn any_world() -> impl Strategy<Value = (u32, Vec<String>)> {
    (prop::sample::select(vec![1u32, 3, 5]), prop::collection::vec(any_line(), 0..9))
}

fn made(managers: u32, lines: &[String]) -> World {
    let mut world = World::new();
    world.tell(&format!("revision A managers {managers} workers 4"));
    world.tell("revision B managers 3 workers 2 image new");
    let members = &MEMBERS[..managers as usize];
    for address in members.iter().chain(&SLOTS) {
        world.tell(&format!("whole {address}"));
    }
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        // A line about something that an earlier one took away says nothing.
        let known = match words[0] {
            "machine" => world.inventory.machines.iter().any(|it| it.marks.address.as_str() == words[1]),
            "volume" => world.inventory.volumes.iter().any(|it| it.marks.address.as_str() == words[1]),
            "node" => world.swarm.nodes.iter().any(|it| it.address.as_ref().is_some_and(|at| at.as_str() == words[1])),
            "me" => members.contains(&words[1]),
            "also" => match words[1] {
                "machine" => world.inventory.machines.iter().all(|it| it.id.as_str() != words[2]),
                _ => world.swarm.nodes.iter().all(|it| it.id.as_str() != words[2]),
            },
            _ => true,
        };
        if known {
            world.tell(line);
        }
    }
    world
}

/// Healthy voters by address, counted here anew.
fn healthy(world: &World) -> BTreeSet<Address> {
    let voters = world.swarm.nodes.iter().filter(|node| node.is_healthy_voter());
    voters.filter_map(|node| node.address.clone()).collect()
}

fn entries(world: &World) -> usize {
    world.swarm.nodes.iter().filter(|node| node.manager.is_some()).count()
}

fn journal<'a>(world: &'a World, plan: &'a Plan) -> &'a Head {
    plan.head.as_deref().unwrap_or(&world.head)
}

/// Voters that answer and that this plan stops or ends, and those that it demotes.
fn taken(world: &World, plan: &Plan) -> (BTreeSet<Address>, usize) {
    let healthy = healthy(world);
    let mut stopped: BTreeSet<Address> = plan.hand_over.iter().cloned().collect();
    let mut demoted = 0;
    for step in &plan.steps {
        match &step.action {
            Action::TerminateMachine { machine } | Action::RebootMachine { machine } => {
                let found = world.inventory.machines.iter().find(|it| it.id == *machine).expect("a listed machine");
                // Its own node answers from it: a surplus machine beside it carries no vote.
                let carries = world.swarm.nodes.iter().any(|node| {
                    node.is_healthy_voter()
                        && node.address.as_ref() == Some(&found.marks.address)
                        && node.generation == Some(found.marks.generation)
                });
                if carries && found.state == MachineState::Running {
                    stopped.insert(found.marks.address.clone());
                }
            }
            Action::SetRole { node, role: NodeRole::Worker, .. } => {
                let found = world.swarm.nodes.iter().find(|it| it.id == *node).expect("a listed node");
                demoted += 1;
                let address = found.address.clone().expect("an address");
                let twin =
                    world.swarm.nodes.iter().any(|other| {
                        other.id != found.id && other.is_healthy_voter() && other.address == found.address
                    });
                if found.is_healthy_voter() && !twin {
                    stopped.insert(address);
                }
            }
            _ => {}
        }
    }
    (stopped.intersection(&healthy).cloned().collect(), demoted)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_plan_breaks_what_can_be_seen_from_outside((managers, lines) in any_world()) {
        let world = made(managers, &lines);
        let plan = world.plan();
        prop_assert_eq!(&plan, &world.plan(), "the same inputs give the same plan");
        let head = journal(&world, &plan);
        prop_assert!(head.to_bytes().is_ok());

        // I1, I2: voters.
        let (stopped, demoted) = taken(&world, &plan);
        prop_assert!(stopped.len() <= 1, "two managers at once: {stopped:?}");
        let approved = world.head.approvals.iter().any(|it| matches!(it, kit_model::Approval::Outage(_)));
        if (!stopped.is_empty() || demoted > 0) && !approved {
            let left = healthy(&world).len() - stopped.len();
            let majority = (entries(&world) - demoted) / 2 + 1;
            prop_assert!(left >= majority, "{left} of the {majority} that are needed are left");
        }

        for step in &plan.steps {
            // I11: the journal names what is sent for.
            prop_assert!(head.intent(&step.address).is_some(), "no intent for {}", step.address);
            match &step.action {
                Action::CreateMachine(request) => {
                    // I4, I10, I5: nothing live, by a complete listing, and an address that nobody holds.
                    prop_assert!(world.inventory.complete);
                    let alive = |state: MachineState| state != MachineState::Terminated;
                    prop_assert!(
                        !world.inventory.machines.iter().any(|it| it.marks.address == request.address && alive(it.state))
                    );
                    if let Some(ip) = request.ip {
                        prop_assert!(!world.inventory.machines.iter().any(|it| it.ip == Some(ip) && alive(it.state)));
                        prop_assert!(!world.inventory.strangers.iter().any(|it| it.ip == ip));
                    }
                    // I12, I13: the token of the journaled generation, from a revision that the head names.
                    let intent = head.intent(&request.address).expect("an intent");
                    prop_assert_eq!(intent.generation, request.generation);
                    prop_assert_eq!(intent.revision, &request.boot.revision);
                    let token = Token::of_generation(&head.uid, &request.address, request.generation);
                    prop_assert_eq!(&request.token, &token);
                    prop_assert!(head.revisions().any(|it| *it == request.boot.revision));
                    // I16: not after three failures.
                    let failures = head.failures.get(&request.address).map_or(0, |it| it.count);
                    prop_assert!(failures < world.policy.max_failures);
                }
                Action::TerminateMachine { machine } => {
                    // I19, I20, I9: condemned, listed as ours, and not the one that this replica runs on.
                    let operation = head.operations.get(&step.address).expect("an operation");
                    prop_assert!(operation.condemned.contains(machine));
                    let found = world.inventory.machines.iter().find(|it| it.id == *machine).expect("listed");
                    prop_assert!(found.marks.address != world.me.member);
                }
                Action::RebootMachine { machine } => {
                    let found = world.inventory.machines.iter().find(|it| it.id == *machine).expect("listed");
                    prop_assert!(found.marks.address != world.me.member);
                }
                Action::ForceDetach { machine, .. } => {
                    // I3: from the dead alone.
                    let found = world.inventory.machines.iter().find(|it| it.id == *machine).expect("listed");
                    prop_assert!(found.state.is_terminal());
                }
                Action::AttachVolume { volume, machine } => {
                    // I5: a member's own volume, to its own machine.
                    let volume = world.inventory.volumes.iter().find(|it| it.id == *volume).expect("listed");
                    let machine = world.inventory.machines.iter().find(|it| it.id == *machine).expect("listed");
                    prop_assert_eq!(&volume.marks.address, &machine.marks.address);
                }
                Action::RemoveNode { node } => {
                    // I17: no machine may come back as that node.
                    let node = world.swarm.nodes.iter().find(|it| it.id == *node).expect("listed");
                    prop_assert!(node.manager.is_none());
                    let may_return = world.inventory.machines.iter().any(|it| {
                        let other_serves = world.swarm.nodes.iter().any(|other| {
                            other.id != node.id
                                && other.address == node.address
                                && other.generation == Some(it.marks.generation)
                                && other.state == kit_model::NodeState::Ready
                        });
                        Some(&it.marks.address) == node.address.as_ref() && !it.state.is_terminal() && !other_serves
                    });
                    prop_assert!(!may_return);
                }
                _ => {}
            }
        }

        // Whoever hands over sends nothing more.
        prop_assert!(plan.hand_over.is_none() || plan.steps.is_empty());
    }

    #[test]
    fn a_memory_survives_being_written_out((managers, lines) in any_world()) {
        let world = made(managers, &lines);
        let (memory, _, _) = world.remember();
        let text = serde_json::to_string(&memory).expect("text");
        let read: Memory = serde_json::from_str(&text).expect("a memory");
        prop_assert_eq!(memory, read);
    }
}
