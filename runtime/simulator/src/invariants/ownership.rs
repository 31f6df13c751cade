//! Machines, volumes and addresses: I3 to I7, I9, I18.

use std::collections::{BTreeMap, BTreeSet};

use kit_model::{Action, Address, Approval, MachineId};

use super::Scene;
use crate::records::Moment;

pub(super) fn i3(scene: &Scene<'_>) -> Result<(), String> {
    match scene.moment {
        Moment::Admitted(admission) => {
            let Action::ForceDetach { volume, machine } = &admission.call.action else { return Ok(()) };
            match scene.truth.machine(machine) {
                Some(holder) if !holder.state.is_terminal() => Err(format!(
                    "{volume} was to be taken by force from {machine} of {}, which is {:?}",
                    holder.address, holder.state
                )),
                _ => Ok(()),
            }
        }
        _ => flagged(scene, "I3"),
    }
}

pub(super) fn i4(scene: &Scene<'_>) -> Result<(), String> {
    if matches!(scene.moment, Moment::Admitted(_)) {
        return super::evidence::second_asked_for(scene);
    }
    let Moment::Delivered { admission, .. } = scene.moment else { return Ok(()) };
    let Action::CreateMachine(request) = &admission.call.action else { return Ok(()) };
    let pinned = request.ip.is_some();
    let live: Vec<MachineId> = scene
        .truth
        .live_machines_of(&request.address)
        .filter(|machine| pinned || machine.generation == request.generation)
        .map(|machine| machine.id.clone())
        .collect();
    if live.len() > 1 {
        return Err(format!("{} has {} live machines: {}", request.address, live.len(), listed(&live)));
    }
    Ok(())
}

fn listed(machines: &[MachineId]) -> String {
    machines.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

pub(super) fn i5(scene: &Scene<'_>) -> Result<(), String> {
    match scene.moment {
        Moment::Admitted(admission) => {
            let target = match &admission.call.action {
                Action::TerminateMachine { machine } | Action::RebootMachine { machine } => machine,
                _ => return Ok(()),
            };
            if scene.truth.is_stranger(target) {
                return Err(format!(
                    "\"{}\" was sent for {target}, a stranger at an address of ours",
                    admission.call.action.verb()
                ));
            }
            Ok(())
        }
        Moment::Delivered { admission, .. } => {
            let Action::CreateMachine(request) = &admission.call.action else { return Ok(()) };
            let owners: BTreeMap<std::net::IpAddr, &Address> = scene
                .records
                .specs
                .values()
                .flat_map(|spec| spec.members.values())
                .filter_map(|member| Some((member.ip?, &member.address)))
                .collect();
            for machine in scene.truth.live_machines_of(&request.address) {
                if let Some(owner) = machine.ip.and_then(|ip| owners.get(&ip))
                    && **owner != request.address
                {
                    return Err(format!("{} of {} holds the address of {owner}", machine.id, request.address));
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

pub(super) fn i6(scene: &Scene<'_>) -> Result<(), String> {
    let Moment::Admitted(admission) = scene.moment else { return Ok(()) };
    let Action::RetireVolume { volume } = &admission.call.action else { return Ok(()) };
    let Some(owner) = scene.truth.volume(volume) else { return Ok(()) };
    if !scene.records.approves(&Approval::ReplaceVolume(owner.clone())) {
        return Err(format!("{volume} of {owner} was let go although nobody approved its loss"));
    }
    // What was approved is the loss of what is lost already: state that serves is not.
    if scene.truth.serves_from(volume) {
        return Err(format!("{volume} of {owner} was let go although a voter serves from it"));
    }
    Ok(())
}

pub(super) fn i7(scene: &Scene<'_>) -> Result<(), String> {
    flagged(scene, "I7")
}

pub(super) fn i18(scene: &Scene<'_>) -> Result<(), String> {
    if let Moment::Admitted(admission) = scene.moment
        && let Action::AttachVolume { volume, machine } = &admission.call.action
        && let (Some(owner), Some(holder)) = (scene.truth.volume(volume), scene.truth.machine(machine))
        && owner != holder.address
    {
        return Err(format!("{volume} of {owner} was to be attached to {machine} of {}", holder.address));
    }
    flagged(scene, "I18")
}

fn flagged(scene: &Scene<'_>, invariant: &str) -> Result<(), String> {
    if matches!(scene.moment, Moment::Committed { .. } | Moment::Admitted(_)) {
        return Ok(());
    }
    scene.truth.violation(invariant).map_or(Ok(()), |what| Err(what.to_owned()))
}

pub(super) fn i9(scene: &Scene<'_>) -> Result<(), String> {
    let Moment::Admitted(admission) = scene.moment else { return Ok(()) };
    let mut machines: BTreeSet<&MachineId> = BTreeSet::new();
    match &admission.call.action {
        Action::StartMachine { machine }
        | Action::RebootMachine { machine }
        | Action::TerminateMachine { machine }
        | Action::AttachVolume { machine, .. }
        | Action::ForceDetach { machine, .. } => {
            machines.insert(machine);
        }
        _ => {}
    }
    if let Action::AttachVolume { volume, .. }
    | Action::ForceDetach { volume, .. }
    | Action::MarkFormed { volume }
    | Action::RetireVolume { volume } = &admission.call.action
        && scene.truth.is_foreign_volume(volume)
    {
        return Err(format!(
            "\"{}\" was sent for {volume}, which carries no mark of this cluster",
            admission.call.action.verb()
        ));
    }
    for machine in machines {
        if scene.truth.machine(machine).is_some_and(|found| !found.ours) || scene.truth.is_stranger(machine) {
            return Err(format!(
                "\"{}\" was sent for {machine}, which carries no mark of this cluster",
                admission.call.action.verb()
            ));
        }
    }
    Ok(())
}
