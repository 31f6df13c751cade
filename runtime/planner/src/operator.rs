//! What the operator's own process may do: bring up the seed before anything is formed, bring back managers
//! when none runs, and take away what a committed destruction names.
//!
//! Once a volume is formed the operator provisions nothing any more: the Swarm's leader does.

use std::collections::{BTreeMap, BTreeSet};

use kit_model::{
    Action, Address, Approval, Blocked, ClusterUid, Generation, Head, Inventory, Machine, MachineId, MachineState,
    MemberSpec, Now, Plan, Reason, ResourceSpec, Spec, Step, Token, Volume, VolumeState,
};

use crate::attempts::Attempts;
use crate::bugs::{Bug, planted};
use crate::request::{machine_request, unseeded};

/// What a destruction still has to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Demolition {
    /// Machines to end now.
    pub steps: Vec<Step>,
    /// Resources to remove now, each before those that it depends on; none while a machine is left.
    pub resources: Vec<Address>,
    /// What it waits for.
    pub blocked: Vec<Blocked>,
}

/// Whether the Swarm was ever formed: a volume carries the write-once mark.
#[must_use]
pub fn is_formed(inventory: &Inventory) -> bool {
    inventory.volumes.iter().any(|volume| volume.formed)
}

/// What is missing up to the seed machine: resources, the volumes of the group that leads, the seed. Creates
/// only, each by its token, so that it may be interrupted and repeated at any point. Nothing where the Swarm
/// was formed.
///
/// `attempts` is what the same process sent before.
#[must_use]
pub fn bootstrap(spec: &Spec, uid: &ClusterUid, inventory: &Inventory, attempts: &mut Attempts, now: Now) -> Plan {
    let mut plan = Plan::default();
    if is_formed(inventory) && !planted(Bug::OperatorAfterFormed) {
        return plan;
    }
    if !inventory.complete {
        // The mark of a formed volume may be on the page that did not arrive.
        wait(&mut plan, None, Reason::PartialListing);
        return plan;
    }
    let mut ready = true;
    for resource in &spec.resources {
        ready &= resource_step(&mut plan, spec, uid, inventory, resource);
    }
    let Some(seed) = spec.seed() else { return plan };
    let leaders = spec.leader_group().into_iter().flat_map(|group| &group.members);
    for member in leaders.filter_map(|address| spec.members.get(address)) {
        ready &= volume_step(&mut plan, uid, inventory, member, attempts, now);
    }
    if ready {
        seed_step(&mut plan, spec, uid, inventory, seed, attempts, now);
    }
    plan
}

/// True once the resource can be used.
fn resource_step(
    plan: &mut Plan,
    spec: &Spec,
    uid: &ClusterUid,
    inventory: &Inventory,
    resource: &ResourceSpec,
) -> bool {
    let usable = |address: &Address| {
        inventory.resources.iter().any(|live| live.address == *address && live.ready)
            || !spec.resources.iter().any(|declared| declared.address == *address)
    };
    match inventory.resources.iter().find(|live| live.address == resource.address) {
        Some(live) if live.ready => return true,
        Some(_) => {
            wait(plan, Some(&resource.address), Reason::DependsOn { address: resource.address.clone() });
        }
        None => match resource.depends_on.iter().find(|address| !usable(address)) {
            Some(first) => wait(plan, Some(&resource.address), Reason::DependsOn { address: first.clone() }),
            None => plan.steps.push(Step {
                address: resource.address.clone(),
                action: Action::CreateResource {
                    address: resource.address.clone(),
                    instance: std::sync::Arc::clone(&resource.instance),
                    content: resource.content.clone(),
                    token: Token::of_generation(uid, &resource.address, Generation(0)),
                },
                why: "it does not exist yet".to_owned(),
            }),
        },
    }
    false
}

/// True once the member's volume exists and is whole.
fn volume_step(
    plan: &mut Plan,
    uid: &ClusterUid,
    inventory: &Inventory,
    member: &MemberSpec,
    attempts: &mut Attempts,
    now: Now,
) -> bool {
    let Some(properties) = &member.volume else { return true };
    match inventory.volume_of(&member.address).map(|volume| &volume.state) {
        Some(VolumeState::Available | VolumeState::Held(_)) => true,
        Some(VolumeState::Creating | VolumeState::Unknown) => {
            wait(plan, Some(&member.address), Reason::VolumeCreating);
            false
        }
        None => {
            plan.steps.push(Step {
                address: member.address.clone(),
                action: Action::CreateVolume {
                    address: member.address.clone(),
                    generation: Generation(0),
                    properties: std::sync::Arc::clone(properties),
                    token: attempts.token(&member.address, Token::of_volume(uid, &member.address, Generation(0)), now),
                },
                why: "its volume does not exist yet".to_owned(),
            });
            false
        }
    }
}

fn seed_step(
    plan: &mut Plan,
    spec: &Spec,
    uid: &ClusterUid,
    inventory: &Inventory,
    seed: &MemberSpec,
    attempts: &mut Attempts,
    now: Now,
) {
    let machines = Machines::of(inventory, &seed.address);
    if let Some(machine) = machines.live {
        if keep_up(plan, inventory, seed, machine) {
            wait(plan, Some(&seed.address), Reason::Joining { machine: machine.id.clone() });
        }
        return;
    }
    let (token, why) = match machines.last_dead() {
        None => {
            (Token::of_generation(uid, &seed.address, Generation(0)), "the seed machine does not exist yet".to_owned())
        }
        Some(dead) => (
            Token::of_rescue(uid, &seed.address, &dead.id, &seed.content),
            format!("the seed machine {} is terminated and had not formed the Swarm", dead.id),
        ),
    };
    let token = attempts.token(&seed.address, token, now);
    make(plan, spec, uid, inventory, seed, Generation(0), token, why);
}

/// Brings back managers where none runs, or too few of those that run know the Swarm any more: what is stopped is
/// started, what is gone is made at its own IP with its own volume. All of them, for a machine that runs may have
/// lost its state.
///
/// `absent` names members whose machines are missing from two complete listings a minute apart; `attempts` is what the
/// same process sent before.
#[must_use]
pub fn recover(
    spec: &Spec,
    uid: &ClusterUid,
    inventory: &Inventory,
    absent: &BTreeSet<Address>,
    attempts: &mut Attempts,
    now: Now,
) -> Plan {
    recover_after(spec, uid, inventory, absent, None, attempts, now)
}

/// The same, where the journal still names the machine of an only manager that ended.
fn recover_after(
    spec: &Spec,
    uid: &ClusterUid,
    inventory: &Inventory,
    absent: &BTreeSet<Address>,
    ended: Option<&MachineId>,
    attempts: &mut Attempts,
    now: Now,
) -> Plan {
    let mut plan = Plan::default();
    if !inventory.complete {
        wait(&mut plan, None, Reason::PartialListing);
        return plan;
    }
    if !is_formed(inventory) {
        wait(&mut plan, None, Reason::NotFormed);
        return plan;
    }
    let Some(group) = spec.leader_group() else { return plan };
    let members: Vec<&MemberSpec> = group.members.iter().filter_map(|address| spec.members.get(address)).collect();
    // What is there already first.
    let (there, gone): (Vec<_>, Vec<_>) =
        members.into_iter().partition(|member| Machines::of(inventory, &member.address).live.is_some());
    for member in there {
        if let Some(machine) = Machines::of(inventory, &member.address).live {
            keep_up(&mut plan, inventory, member, machine);
        }
    }
    for member in gone {
        let machines = Machines::of(inventory, &member.address);
        // A voter that died before its volume was marked may hold state all the same: what the disk says counts. That
        // its machine is gone is told as well by two complete listings as by a terminal state.
        let gone_for_good = machines.last_dead().is_some() || absent.contains(&member.address);
        let may_return = |volume: &&Volume| volume.formed || gone_for_good;
        let Some(volume) = inventory.volume_of(&member.address).filter(may_return) else {
            wait(&mut plan, Some(&member.address), Reason::VolumeGone);
            continue;
        };
        let (dead, generation, why) = match machines.last_dead() {
            Some(dead) => {
                (dead.id.clone(), dead.marks.generation, format!("{} is terminated and no manager runs", dead.id))
            }
            None if absent.contains(&member.address) => (
                // No dead machine is listed any more: the volume stands for it.
                ended.cloned().unwrap_or_else(|| MachineId::new(volume.id.to_string())),
                volume.marks.generation,
                "its machine is gone and no manager runs".to_owned(),
            ),
            None => {
                let reason = Reason::ConfirmingAbsence {
                    seen_boot_ms: inventory.at.boot_ms,
                    until_boot_ms: inventory.at.boot_ms,
                };
                wait(&mut plan, Some(&member.address), reason);
                continue;
            }
        };
        let token = Token::of_rescue(uid, &member.address, &dead, &member.content);
        let token = attempts.token(&member.address, token, now);
        make(&mut plan, spec, uid, inventory, member, generation, token, why);
    }
    plan
}

/// What is left of an outage that a person allowed for the only manager: its condemned machine is ended, and once that
/// is terminal the member comes back as in a recovery. None where `head` condemns nothing of an only manager.
///
/// `head` is the last that was in hand: from the end of the machine until its return there is none to be read. Ending the
/// machine is harmless however late it arrives, for it is named by its ID.
#[must_use]
pub fn outage(
    spec: &Spec,
    uid: &ClusterUid,
    head: &Head,
    inventory: &Inventory,
    absent: &BTreeSet<Address>,
    attempts: &mut Attempts,
    now: Now,
) -> Option<Plan> {
    let [address] = spec.leader_group()?.members.as_slice() else { return None };
    let operation = head.operations.get(address).filter(|operation| !operation.condemned.is_empty())?;
    if head.destroying || head.paused.is_some() || !head.approvals.contains(&Approval::Outage(address.clone())) {
        return None;
    }
    let mut plan = Plan::default();
    let ends = |machine: &&Machine| operation.condemned.contains(&machine.id) && !machine.state.is_terminal();
    let Some(machine) = inventory.machines_of(address).find(ends) else {
        return Some(recover_after(spec, uid, inventory, absent, operation.condemned.last(), attempts, now));
    };
    let id = machine.id.clone();
    match machine.state {
        MachineState::ShuttingDown => wait(&mut plan, Some(address), Reason::ShuttingDown { machine: id }),
        MachineState::Unknown => wait(&mut plan, Some(address), Reason::StateUnknown { machine: id }),
        _ => plan.steps.push(Step {
            address: address.clone(),
            action: Action::TerminateMachine { machine: id },
            why: "it is condemned, and its outage is allowed".to_owned(),
        }),
    }
    Some(plan)
}

/// What is left to take away once the destruction is committed and the last permit is over. Never a volume:
/// those are removed by their literal names alone.
#[must_use]
pub fn demolish(spec: &Spec, inventory: &Inventory) -> Demolition {
    let mut left = Demolition::default();
    if !inventory.complete {
        left.blocked.push(Blocked { address: None, reason: Reason::PartialListing });
        return left;
    }
    for machine in inventory.machines.iter().filter(|machine| !machine.state.is_terminal()) {
        let address = machine.marks.address.clone();
        if machine.state == MachineState::ShuttingDown {
            let reason = Reason::ShuttingDown { machine: machine.id.clone() };
            left.blocked.push(Blocked { address: Some(address), reason });
        } else {
            left.steps.push(Step {
                address,
                action: Action::TerminateMachine { machine: machine.id.clone() },
                why: "the cluster is being destroyed".to_owned(),
            });
        }
    }
    if left.steps.is_empty() && left.blocked.is_empty() {
        let order: BTreeMap<&Address, usize> =
            spec.resources.iter().enumerate().map(|(index, resource)| (&resource.address, index)).collect();
        let mut resources: Vec<Address> = inventory.resources.iter().map(|live| live.address.clone()).collect();
        resources.sort_by_key(|address| std::cmp::Reverse(order.get(address).copied()));
        left.resources = resources;
    }
    left
}

/// The machines of one member.
struct Machines<'a> {
    live: Option<&'a Machine>,
    dead: Vec<&'a Machine>,
}

impl<'a> Machines<'a> {
    fn of(inventory: &'a Inventory, address: &'a Address) -> Self {
        let (dead, live): (Vec<_>, Vec<_>) =
            inventory.machines_of(address).partition(|machine| machine.state.is_terminal());
        Self { live: live.first().copied(), dead }
    }

    /// The dead machine that no other was made in the place of: tokens make a chain.
    fn last_dead(&self) -> Option<&'a Machine> {
        self.dead
            .iter()
            .filter(|machine| {
                let marks = &machine.marks;
                let follows = |other: &Machine| {
                    let after = Token::of_rescue(&marks.uid, &marks.address, &machine.id, &other.marks.content);
                    other.marks.token == after
                };
                !self.dead.iter().any(|other| follows(other))
            })
            .max_by_key(|machine| (machine.marks.generation, &machine.id))
            .copied()
    }
}

/// Starts, attaches or waits for a live machine. True when it runs with its volume.
fn keep_up(plan: &mut Plan, inventory: &Inventory, member: &MemberSpec, machine: &Machine) -> bool {
    let id = machine.id.clone();
    let address = &member.address;
    match machine.state {
        MachineState::Pending => wait(plan, Some(address), Reason::MachinePending { machine: id }),
        MachineState::Stopping => wait(plan, Some(address), Reason::MachineStopping { machine: id }),
        MachineState::ShuttingDown => wait(plan, Some(address), Reason::ShuttingDown { machine: id }),
        MachineState::Unknown | MachineState::Terminated => {
            wait(plan, Some(address), Reason::StateUnknown { machine: id });
        }
        MachineState::Stopped => plan.steps.push(Step {
            address: address.clone(),
            why: format!("{id} is stopped"),
            action: Action::StartMachine { machine: id },
        }),
        MachineState::Running => match inventory.volume_of(address) {
            None if member.volume.is_some() => wait(plan, Some(address), Reason::VolumeGone),
            None => return true,
            Some(volume) => return attach(plan, inventory, address, volume, machine),
        },
    }
    false
}

/// True when the volume is attached to the machine.
fn attach(plan: &mut Plan, inventory: &Inventory, address: &Address, volume: &Volume, machine: &Machine) -> bool {
    match &volume.state {
        VolumeState::Held(hold) if hold.machine == machine.id => {
            if hold.attached {
                return true;
            }
            let reason = Reason::VolumeBusy { volume: volume.id.clone(), machine: machine.id.clone() };
            wait(plan, Some(address), reason);
        }
        VolumeState::Held(_) => free(plan, inventory, address, volume),
        VolumeState::Available => plan.steps.push(Step {
            address: address.clone(),
            why: format!("{} runs without its volume", machine.id),
            action: Action::AttachVolume { volume: volume.id.clone(), machine: machine.id.clone() },
        }),
        VolumeState::Creating | VolumeState::Unknown => wait(plan, Some(address), Reason::VolumeCreating),
    }
    false
}

/// Takes the volume from a holder that is terminated, or says who holds it.
fn free(plan: &mut Plan, inventory: &Inventory, address: &Address, volume: &Volume) {
    let Some(hold) = volume.holder() else { return };
    let dead = inventory.machines.iter().any(|machine| machine.id == hold.machine && machine.state.is_terminal());
    if dead {
        plan.steps.push(Step {
            address: address.clone(),
            why: format!("{} is terminated and still holds the volume", hold.machine),
            action: Action::ForceDetach { volume: volume.id.clone(), machine: hold.machine.clone() },
        });
    } else {
        let reason = Reason::VolumeElsewhere { volume: volume.id.clone(), machine: hold.machine.clone() };
        wait(plan, Some(address), reason);
    }
}

/// Makes the member's machine, if nothing holds its address and its volume.
#[allow(clippy::too_many_arguments, reason = "each says what is made, from what, and why")]
fn make(
    plan: &mut Plan,
    spec: &Spec,
    uid: &ClusterUid,
    inventory: &Inventory,
    member: &MemberSpec,
    generation: Generation,
    token: Token,
    why: String,
) {
    let address = &member.address;
    if let Some(stranger) = inventory.strangers.iter().find(|stranger| Some(stranger.ip) == member.ip) {
        wait(plan, Some(address), Reason::IpHeldByStranger { what: stranger.what.clone() });
        return;
    }
    if let Some(volume) = inventory.volume_of(address)
        && volume.holder().is_some()
    {
        free(plan, inventory, address, volume);
        return;
    }
    if let Some(request) = machine_request(uid, spec, address, generation, token) {
        // Where something was formed there is a Swarm to come back to, and none to begin.
        let request = if is_formed(inventory) { unseeded(request) } else { request };
        plan.steps.push(Step {
            address: address.clone(),
            action: Action::CreateMachine(std::sync::Arc::new(request)),
            why,
        });
    }
}

fn wait(plan: &mut Plan, address: Option<&Address>, reason: Reason) {
    plan.blocked.push(Blocked { address: address.cloned(), reason });
}
