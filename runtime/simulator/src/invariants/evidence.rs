//! What was known before something was done: I10, I17, I19, I22.

use kit_model::{
    Action, Address, Approval, Authority, Head, Inventory, MachineId, MachineState, Node, NodeState, OperationKind,
    Outcome,
};

use super::Scene;
use crate::records::{Actor, Admission, Moment, View};

/// What was on its way for longer than this is late, in milliseconds: longer than any permit.
const LATE_MS: u64 = 10_000;

/// What clocks of different speeds and one answer's way add up to over a minute, in milliseconds.
const SLACK_MS: u64 = 3_000;

/// A machine of `address` that truth has alive while another is asked for.
fn passed_over(scene: &Scene<'_>, admission: &Admission) -> Option<(MachineId, MachineState)> {
    let Action::CreateMachine(request) = &admission.call.action else { return None };
    let condemned = scene.records.head.as_deref().and_then(|head| head.operations.get(&request.address));
    scene
        .truth
        .live_machines_of(&request.address)
        .filter(|machine| machine.token != request.token)
        // A slot has no address to keep: its former machine may be on the way to its end.
        .filter(|machine| {
            request.ip.is_some()
                || !(machine.state == MachineState::ShuttingDown
                    || condemned.is_some_and(|operation| operation.condemned.contains(&machine.id)))
        })
        .map(|machine| (machine.id, machine.state))
        .next()
}

fn view_of<'a>(scene: &'a Scene<'_>, admission: &'a Admission) -> &'a View {
    if let (Actor::Replica { member, .. }, Authority::Permit(epoch)) = (&admission.by, admission.call.authority)
        && let Some(write) = scene.records.writes.get(&(member.clone(), epoch))
    {
        return &write.view;
    }
    &admission.view
}

fn state_in(inventory: Option<&Inventory>, machine: &MachineId) -> Option<MachineState> {
    let machines = &inventory?.machines;
    let index = machines.binary_search_by(|found| found.id.cmp(machine)).ok();
    index
        .and_then(|index| machines.get(index))
        .or_else(|| machines.iter().find(|found| found.id == *machine))
        .map(|found| found.state)
}

pub(super) fn i10(scene: &Scene<'_>) -> Result<(), String> {
    let Moment::Admitted(admission) = scene.moment else { return Ok(()) };
    let view = view_of(scene, admission);
    // What an incomplete listing lacks is unknown: a machine may be made on its evidence only if it shows
    // the former one in its final state, or if the same making was asked for before.
    if let Action::CreateMachine(request) = &admission.call.action
        && admission.call.authority != Authority::Operator
        && let Some(inventory) = view.inventory.as_deref()
        && !inventory.complete
        && !scene.records.tokens.contains_key(&request.token)
        && !inventory.machines_of(&request.address).any(|machine| machine.state.is_terminal())
        && scene.truth.ever_made(&request.address)
    {
        return Err(format!(
            "{} was made again on the evidence of a partial listing that does not show what became of it",
            request.address
        ));
    }
    // Where listings promise nothing, one that lacks a machine proves nothing: a minute must lie between two.
    if let (Action::CreateMachine(request), Authority::Permit(_)) = (&admission.call.action, admission.call.authority)
        && let Some(inventory) = view.inventory.as_deref()
        && !inventory.strong
        && !scene.records.tokens.contains_key(&request.token)
        && scene.records.asked_for.contains(&request.address)
        && inventory.machines_of(&request.address).next().is_none()
        && !view.seen_dead.contains(&request.address)
    {
        let since_ms = view.absent_since.get(&request.address).copied().unwrap_or(inventory.at.boot_ms);
        let lacked_ms = inventory.at.boot_ms.saturating_sub(since_ms);
        if lacked_ms < scene.records.policy.absence_ms {
            return Err(format!(
                "{} was made again after listings had lacked its machine for {} s",
                request.address,
                lacked_ms / 1000
            ));
        }
    }
    // A volume that a listing lacks is no more gone than a machine is.
    if let Action::CreateVolume { address, token, .. } = &admission.call.action
        && scene.truth.has_other_volume(address, token)
    {
        return Err(format!("a second volume was asked for {address}, which has one that no listing showed"));
    }
    let Some((machine, state)) = passed_over(scene, admission) else { return Ok(()) };
    let partial = view.listing_failed || view.inventory.as_ref().is_some_and(|inventory| !inventory.complete);
    if partial && state_in(view.inventory.as_deref(), &machine).is_none() {
        return Err(format!(
            "{} was made again because a partial listing lacked {machine}, which is {state:?}",
            admission.call.address
        ));
    }
    Ok(())
}

/// A machine asked for while another lives, where the listing was whole: I4's business.
pub(super) fn second_asked_for(scene: &Scene<'_>) -> Result<(), String> {
    let Moment::Admitted(admission) = scene.moment else { return Ok(()) };
    let Some((machine, state)) = passed_over(scene, admission) else { return Ok(()) };
    let shown = state_in(view_of(scene, admission).inventory.as_deref(), &machine);
    // Unknown is I22's business.
    if shown == Some(MachineState::Unknown) {
        return Ok(());
    }
    // What was rescued a moment ago may not be listed yet: its address is the lock.
    let token = scene.truth.machine(&machine).map(|machine| machine.token);
    let journaled = token.is_some_and(|token| scene.records.made_under.values().any(|made| *made == token));
    if shown.is_none() && !journaled {
        return Ok(());
    }
    Err(format!("a machine was asked for {} while {machine} of it is {state:?}", admission.call.address))
}

pub(super) fn i17(scene: &Scene<'_>) -> Result<(), String> {
    let Moment::Admitted(admission) = scene.moment else { return Ok(()) };
    let Action::RemoveNode { node } = &admission.call.action else { return Ok(()) };
    let Some(found) = scene.truth.node(node) else { return Ok(()) };
    // A vote goes by demotion, and that is done only once the Swarm says so: the engine removes a voter's entry
    // only by force, which takes a vote that nobody counted.
    if found.votes {
        return Err(format!("{node} of {} was to be removed while it still votes", found.address));
    }
    // What is not terminal must be another node by now.
    let may_return = scene
        .truth
        .live_machines_of(&found.address)
        .find(|machine| scene.truth.node_on(&machine.id).is_none_or(|serving| serving.id == *node));
    may_return.map_or(Ok(()), |machine| {
        let state = machine.state;
        Err(format!("{node} was to be removed while {}, which is {state:?}, may come back as it", machine.id))
    })
}

pub(super) fn i19(scene: &Scene<'_>) -> Result<(), String> {
    let Moment::Delivered { admission, outcome: Outcome::Done, late_ms, served_before } = scene.moment else {
        return Ok(());
    };
    if late_ms < LATE_MS {
        return Ok(());
    }
    let address = &admission.call.address;
    let operation = scene.records.head.as_deref().and_then(|head| head.operations.get(address));
    let harm = match &admission.call.action {
        Action::CreateMachine(_) => {
            let live: Vec<_> = scene
                .truth
                .live_machines_of(address)
                .filter(|machine| machine.state != MachineState::ShuttingDown)
                .collect();
            (live.len() > 1).then(|| format!("{address} has {} machines since", live.len()))
        }
        Action::CreateVolume { .. } => {
            let volumes = scene.truth.volumes_of(address);
            (volumes > 1).then(|| format!("{address} has {volumes} volumes since"))
        }
        Action::TerminateMachine { machine } if served_before => operation
            .is_none_or(|operation| !operation.condemned.contains(machine))
            .then(|| format!("{machine} of {address} served, and the journal does not condemn it")),
        Action::RebootMachine { machine } if served_before => {
            operation.is_none().then(|| format!("{machine} of {address} served, and nothing is under way for it"))
        }
        _ => None,
    };
    harm.map_or(Ok(()), |harm| {
        Err(format!("\"{}\" arrived {} s late: {harm}", admission.call.action.verb(), late_ms / 1000))
    })
}

pub(super) fn i22(scene: &Scene<'_>) -> Result<(), String> {
    match scene.moment {
        Moment::Admitted(admission) => {
            let Some((machine, _)) = passed_over(scene, admission) else { return Ok(()) };
            match state_in(view_of(scene, admission).inventory.as_deref(), &machine) {
                Some(MachineState::Unknown) => Err(format!(
                    "{} was made again although the provider did not say what state {machine} was in",
                    admission.call.address
                )),
                _ => Ok(()),
            }
        }
        Moment::Committed { old, new } => new.operations.iter().try_for_each(|(address, operation)| {
            condemned_unknown(scene, old, new, address)?;
            // A roll or a retirement ends what is healthy: only a repair judges health.
            if operation.kind != OperationKind::Repair {
                return Ok(());
            }
            judged(scene, old, new, address)
        }),
        _ => Ok(()),
    }
}

/// Checks that nothing whose state the provider does not say is condemned, whatever for.
fn condemned_unknown(scene: &Scene<'_>, old: Option<&Head>, new: &Head, address: &Address) -> Result<(), String> {
    let (Some(operation), Some(holder)) = (new.operations.get(address), &new.holder) else { return Ok(()) };
    let former = old.and_then(|old| old.operations.get(address));
    let Some(write) = scene.records.writes.get(&(holder.member.clone(), new.epoch)) else { return Ok(()) };
    let inventory = write.view.inventory.as_deref();
    let mut newly =
        operation.condemned.iter().filter(|machine| !former.is_some_and(|former| former.condemned.contains(*machine)));
    match newly.find(|machine| state_in(inventory, machine) == Some(MachineState::Unknown)) {
        Some(machine) => {
            Err(format!("{machine} of {address} was condemned although the provider did not say its state"))
        }
        None => Ok(()),
    }
}

/// Checks what a head newly condemns or reboots for the sake of its health.
fn judged(scene: &Scene<'_>, old: Option<&Head>, new: &Head, address: &Address) -> Result<(), String> {
    let Some(operation) = new.operations.get(address) else { return Ok(()) };
    let former = old.and_then(|old| old.operations.get(address));
    let rebooted = operation.rebooted && !former.is_some_and(|former| former.rebooted);
    let condemned =
        operation.condemned.iter().find(|machine| !former.is_some_and(|former| former.condemned.contains(*machine)));
    let Some(holder) = &new.holder else { return Ok(()) };
    let Some(write) = scene.records.writes.get(&(holder.member.clone(), new.epoch)) else { return Ok(()) };
    let inventory = write.view.inventory.as_deref();
    let runs = condemned.is_some_and(|machine| state_in(inventory, machine) == Some(MachineState::Running));
    if !rebooted && (!runs || operation.rebooted) {
        return Ok(());
    }
    // A person approved that its state is gone, or the provider says that its volume is: that is no judgement
    // of its health.
    let approval = Approval::ReplaceVolume(address.clone());
    let approved = new.approvals.contains(&approval) || old.is_some_and(|old| old.approvals.contains(&approval));
    let lost = inventory.is_some_and(|inventory| {
        let pinned = scene.records.specs.get(&new.revision).and_then(|spec| spec.members.get(address));
        pinned.is_some_and(|member| member.volume.is_some()) && inventory.volume_of(address).is_none()
    });
    if approved || lost {
        return Ok(());
    }
    // Only what was down, and long enough after an election, is judged by its health.
    let what = if rebooted { "rebooted" } else { "condemned" };
    if let Some(swarm) = write.view.swarm.as_deref() {
        let mut nodes = swarm.nodes_of(address).peekable();
        if nodes.peek().is_some() && nodes.all(Node::is_unknown) {
            return Err(format!("{address} was {what} although the Swarm did not know whether its node is down"));
        }
    }
    let since_ms = write.begun_ms.saturating_sub(scene.records.leader_since);
    if since_ms + SLACK_MS < scene.records.policy.after_election_ms && scene.records.leader_since > 0 {
        return Err(format!("{address} was {what} {} s after an election", since_ms / 1000));
    }
    let group = address.group();
    let total = scene.records.specs.get(&new.revision).and_then(|spec| spec.groups.get(group)).map(|group| group.count);
    if let (Some(total), Some(swarm), Some(inventory)) = (total, write.view.swarm.as_deref(), inventory) {
        let down: std::collections::BTreeSet<&Address> = inventory
            .machines
            .iter()
            .filter(|machine| machine.marks.address.group() == group && machine.state == MachineState::Running)
            .map(|machine| &machine.marks.address)
            .filter(|address| {
                let mut nodes = swarm.nodes_of(address).peekable();
                nodes.peek().is_some() && nodes.all(|node| node.state == NodeState::Down)
            })
            .collect();
        let down = u64::try_from(down.len()).unwrap_or(u64::MAX);
        if total > 1 && down * 100 > u64::from(total) * u64::from(scene.records.policy.mass_failure_percent) && down > 1
        {
            return Err(format!("{address} was {what} while {down} of {total} of its group were down at once"));
        }
    }
    Ok(())
}
