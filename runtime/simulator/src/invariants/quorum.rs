//! Voters: I1, I2, I20.

use std::collections::BTreeSet;

use kit_model::{Action, Address, Approval, Authority, NodeRole, SwarmView};

use super::Scene;
use crate::records::{Actor, Admission, Moment};

/// For how long a loss of a voter may be unknown to the leader, in milliseconds: heartbeats missed, a look
/// around, a head write and a whole permit. Truth younger than this is no reproach.
const UNKNOWABLE_MS: u64 = 60_000;

/// What the tolerance of a clock's speed adds up to over 30 s, in milliseconds, and one answer's way.
const CLOCK_SLACK_MS: u64 = 2_000;

/// The manager that `admission` removes or stops, if it does.
fn disrupted(scene: &Scene<'_>, admission: &Admission) -> Option<(Address, &'static str)> {
    let of_machine = |machine: &kit_model::MachineId, what| {
        let found = scene.truth.machine(machine)?;
        let votes = scene.truth.voters().iter().any(|voter| voter.machine.as_ref() == Some(machine));
        (!found.state.is_terminal() && votes).then_some((found.address, what))
    };
    match &admission.call.action {
        Action::RebootMachine { machine } => of_machine(machine, "rebooted"),
        Action::TerminateMachine { machine } => of_machine(machine, "ended"),
        Action::SetRole { node, role: NodeRole::Worker, .. } => {
            let voters = scene.truth.voters();
            let voter = voters.iter().find(|voter| voter.node == *node)?;
            // Taking away one of two entries at one address takes away no voter that answers.
            let twin = voters.iter().any(|other| other.node != *node && other.address == voter.address);
            (!twin).then(|| (voter.address.clone(), "demoted"))
        }
        _ => None,
    }
}

/// What is disrupted at this moment, if anything.
pub(super) fn disruption_now(scene: &Scene<'_>) -> Option<(Address, &'static str)> {
    match scene.moment {
        Moment::Admitted(admission) => disrupted(scene, admission),
        Moment::HandingOver { member, .. } => Some((member.clone(), "stopped")),
        _ => None,
    }
}

const fn majority(entries: usize) -> usize {
    entries / 2 + 1
}

fn healthy_in(view: &SwarmView) -> BTreeSet<String> {
    view.nodes
        .iter()
        .filter(|node| node.is_healthy_voter())
        .map(|node| node.address.as_ref().map_or_else(|| node.id.to_string(), ToString::to_string))
        .collect()
}

pub(super) fn i1(scene: &Scene<'_>) -> Result<(), String> {
    let Some((address, what)) = disruption_now(scene) else { return Ok(()) };
    let voters = scene.truth.voters();
    let left: BTreeSet<&Address> = voters
        .iter()
        .filter(|voter| voter.address != address)
        .filter(|voter| {
            voter.healthy
                || scene
                    .records
                    .voter_silent_since
                    .get(&voter.node)
                    .is_none_or(|since| scene.at_ms.saturating_sub(*since) < UNKNOWABLE_MS)
        })
        .map(|voter| &voter.address)
        .collect();
    let entries = if what == "demoted" { voters.len().saturating_sub(1) } else { voters.len() };
    // The last voter of a cluster without others is the operator's to approve: there is nothing to keep. Where
    // there are others, no approval allows the loss of the majority.
    if voters.len() <= 1 && scene.records.approves(&Approval::Outage(address.clone())) {
        return Ok(());
    }
    if left.len() < majority(entries) {
        return Err(format!(
            "{address} was {what} although only {} of {} voters would go on answering, and {} must",
            left.len(),
            voters.len(),
            majority(entries)
        ));
    }
    // What the actor had been shown when it decided.
    let (member, view) = match scene.moment {
        Moment::HandingOver { member, view } => (member, view),
        Moment::Admitted(Admission { by: Actor::Replica { member, .. }, call, .. }) => {
            // Without a write of its own it is I8 that is broken.
            let Authority::Permit(epoch) = call.authority else { return Ok(()) };
            let Some(write) = scene.records.writes.get(&(member.clone(), epoch)) else { return Ok(()) };
            (member, &write.view)
        }
        _ => return Ok(()),
    };
    let Some(view) = view.swarm.as_deref() else {
        return Err(format!("{address} was {what} by {member}, which had been shown no voter"));
    };
    let mut seen = healthy_in(view);
    seen.remove(address.as_str());
    let entries = view.nodes.iter().filter(|node| node.manager.is_some()).count();
    let entries = if what == "demoted" { entries.saturating_sub(1) } else { entries };
    if seen.len() < majority(entries) {
        return Err(format!(
            "{address} was {what} by {member}, which had been shown {entries} voters of which {} would go on answering",
            seen.len()
        ));
    }
    Ok(())
}

pub(super) fn i2(scene: &Scene<'_>) -> Result<(), String> {
    let Some((address, what)) = disruption_now(scene) else { return Ok(()) };
    // Where a voter is silent anyhow, taking away its entry takes nobody down: I1 counts, and it waits for no one to
    // become stable, only for another that is down by us.
    let silent =
        what == "demoted" && scene.truth.voters().iter().all(|voter| voter.address != address || !voter.healthy);
    // Open operations count, whatever became of their machines meanwhile.
    let operations = scene.records.head.iter().flat_map(|head| &head.operations);
    for (other, operation) in operations.filter(|(other, _)| !silent && **other != address && is_voter(scene, other)) {
        if operation.rebooted || !operation.condemned.is_empty() {
            let done = if operation.rebooted { "rebooted" } else { "condemned" };
            return Err(format!("{address} was {what} while {other} is {done} by an open operation"));
        }
    }
    for (other, disruption) in &scene.records.disruptions {
        if *other == address {
            continue;
        }
        match disruption.ended_ms {
            None => {
                return Err(format!("{address} was {what} while {other}, {} before, was not whole", disruption.what));
            }
            Some(ended_ms) if !silent && scene.at_ms + CLOCK_SLACK_MS < ended_ms + scene.records.policy.stable_ms => {
                return Err(format!(
                    "{address} was {what} {} s after {other}, {} before, was whole again",
                    (scene.at_ms - ended_ms) / 1000,
                    disruption.what
                ));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// True if `address` is of the group that leads.
fn is_voter(scene: &Scene<'_>, address: &Address) -> bool {
    let spec = scene.records.head.as_ref().and_then(|head| scene.records.specs.get(&head.revision));
    spec.is_some_and(|spec| spec.leader.as_deref() == Some(address.group()))
}

pub(super) fn i20(scene: &Scene<'_>) -> Result<(), String> {
    let Moment::Admitted(admission) = scene.moment else { return Ok(()) };
    let Actor::Replica { member, machine: own } = &admission.by else { return Ok(()) };
    match &admission.call.action {
        Action::TerminateMachine { machine }
        | Action::RebootMachine { machine }
        | Action::ForceDetach { machine, .. }
            if machine == own =>
        {
            Err(format!(
                "{member} sent \"{}\" for {machine}, the machine that it runs on",
                admission.call.action.verb()
            ))
        }
        _ => Ok(()),
    }
}
