//! How many, and how often: I15, I16, I21.

use std::collections::BTreeSet;

use kit_model::{Action, Address, Authority, Availability, Head, MachineState, OperationKind, Role};

use super::Scene;
use crate::records::Moment;

/// For how long a worker's loss may be unknown to the leader, in milliseconds.
const UNKNOWABLE_MS: u64 = 60_000;

/// From the write that begins an operation, from which draining is counted, to the arrival of the drain: one permit,
/// and a pause where the node changed meanwhile, in milliseconds.
const DRAIN_SLACK_MS: u64 = 20_000;

/// The most times that the same thing may be sent while nothing changes.
const MAX_REPEATS: u32 = 3;

pub(super) fn i15(scene: &Scene<'_>) -> Result<(), String> {
    match scene.moment {
        Moment::Admitted(admission) => match &admission.call.action {
            // A member's address allows no second machine: that is I4's business.
            Action::CreateMachine(request) if request.ip.is_some() => Ok(()),
            Action::CreateMachine(request) => more_than_wanted(scene, request),
            Action::TerminateMachine { machine } => ended_with_tasks(scene, &admission.call.address, machine),
            _ => Ok(()),
        },
        Moment::Committed { old, new } => budget(scene, old, new),
        _ => Ok(()),
    }
}

fn more_than_wanted(scene: &Scene<'_>, request: &kit_model::MachineRequest) -> Result<(), String> {
    let group = request.address.group();
    let Some(head) = scene.records.head.as_deref() else { return Ok(()) };
    let wanted = head
        .revisions()
        .filter(|revision| !head.history.contains(revision) || **revision == head.revision)
        .filter_map(|revision| scene.records.specs.get(revision)?.groups.get(group))
        .map(|group| group.count)
        .max()
        .unwrap_or(0);
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    // No group has more than there are in all, and counting one for each machine that is asked for takes the square of them.
    if scene.truth.count_live() < wanted {
        return Ok(());
    }
    let live = scene.truth.count_in_group(group, |machine| {
        machine.marks.token != request.token
            && !matches!(machine.state, MachineState::Terminated | MachineState::ShuttingDown)
    });
    if live >= wanted && !scene.truth.holds_token(&request.address, &request.token) {
        return Err(format!(
            "a machine was asked for {} while {live} machines of {group} live, which is to have {wanted}",
            request.address
        ));
    }
    Ok(())
}

fn ended_with_tasks(scene: &Scene<'_>, address: &Address, machine: &kit_model::MachineId) -> Result<(), String> {
    let Some(head) = scene.records.head.as_deref() else { return Ok(()) };
    let Some(operation) = head.operations.get(address) else { return Ok(()) };
    if !matches!(operation.kind, OperationKind::Roll | OperationKind::Retire) {
        return Ok(());
    }
    let Some(node) = scene.truth.node_on(machine) else { return Ok(()) };
    let ready = node.serves;
    // Draining takes as long as the group allows, unless its tasks are gone before.
    let drain_ms = scene
        .records
        .specs
        .get(&head.revision)
        .and_then(|spec| spec.groups.get(address.group()))
        .map_or(0, |group| group.drain_ms);
    let drained_ms = scene.at_ms.saturating_sub(node.availability_ms);
    if ready && !node.votes && node.tasks > 0 && drained_ms + DRAIN_SLACK_MS < drain_ms {
        return Err(format!(
            "{machine} of {address} was ended with {} tasks after {} s, where draining may take {} s",
            node.tasks,
            drained_ms / 1000,
            drain_ms / 1000
        ));
    }
    if ready && !node.votes && node.availability != Availability::Drain && node.tasks > 0 {
        return Err(format!("{machine} of {address} was ended with its {} tasks: it was not drained", node.tasks));
    }
    Ok(())
}

fn budget(scene: &Scene<'_>, old: Option<&Head>, new: &Head) -> Result<(), String> {
    let Some(spec) = scene.records.specs.get(&new.revision) else { return Ok(()) };
    for group in spec.groups.values().filter(|group| group.role != Role::Manager) {
        let of_group = |address: &&Address| address.group() == group.name;
        let rolls: BTreeSet<&Address> = new
            .operations
            .iter()
            .filter(|(_, operation)| operation.kind == OperationKind::Roll)
            .map(|(address, _)| address)
            .filter(of_group)
            .collect();
        let begun = rolls.iter().any(|address| {
            !old.is_some_and(|old| old.operations.contains_key(*address))
                && !scene.records.worker_broken_since.contains_key(*address)
        });
        if !begun {
            continue;
        }
        let broken = scene
            .records
            .worker_broken_since
            .iter()
            .filter(|(_, since)| scene.at_ms.saturating_sub(**since) > UNKNOWABLE_MS)
            .map(|(address, _)| address)
            .filter(of_group)
            .filter(|address| address.slot().is_none_or(|slot| slot <= group.count));
        let away: BTreeSet<&Address> = rolls.iter().copied().chain(broken).collect();
        let allowed = usize::try_from(group.max_unavailable.of(group.count)).unwrap_or(usize::MAX);
        if away.len() > allowed {
            return Err(format!(
                "{} of {} are to be away at once for a roll; {allowed} may be",
                away.len(),
                group.name
            ));
        }
    }
    Ok(())
}

pub(super) fn i16(scene: &Scene<'_>) -> Result<(), String> {
    let Moment::Admitted(admission) = scene.moment else { return Ok(()) };
    let Action::CreateMachine(request) = &admission.call.action else { return Ok(()) };
    if admission.call.authority == Authority::Operator {
        return Ok(());
    }
    let Some(makes) = scene.records.makes.get(&request.address) else { return Ok(()) };
    let failed: BTreeSet<_> = makes
        .iter()
        .filter(|make| make.failed && make.generation != request.generation)
        .map(|make| make.generation)
        .collect();
    let allowed = usize::try_from(scene.records.policy.max_failures).unwrap_or(usize::MAX);
    // The failures in a row, and not those before the member was whole.
    if failed.len() >= allowed {
        return Err(format!(
            "{} was made once more after {} machines of it had failed in a row",
            request.address,
            failed.len()
        ));
    }
    Ok(())
}

pub(super) fn i21(scene: &Scene<'_>) -> Result<(), String> {
    let Moment::Delivered { admission, .. } = scene.moment else { return Ok(()) };
    let Some(repeat) = scene.records.repeats.get(&admission.call.address) else { return Ok(()) };
    if repeat.times > MAX_REPEATS {
        return Err(format!(
            "\"{}\" was sent for {} {} times, each time accepted, and nothing changed",
            admission.call.action.verb(),
            admission.call.address,
            repeat.times
        ));
    }
    Ok(())
}
