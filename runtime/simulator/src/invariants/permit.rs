//! Permits, intents and tokens: I8, I11, I12, I13.

use kit_model::{Action, Address, Approval, Authority, Epoch, Head, MachineRequest, NodeRole, PermitState, RevisionId};

use super::Scene;
use crate::records::{Actor, Admission, Committed, Moment, Purpose};

/// What clocks of different speeds add up to over one permit, in milliseconds.
const CLOCK_SLACK_MS: u64 = 400;

/// For how long an operator may not know that the cluster was formed, in milliseconds: one listing's way.
const FORMED_UNKNOWABLE_MS: u64 = 15_000;

/// For how long rescuers may not know that enough managers run again, in milliseconds: a listing, and the
/// calls that were on their way.
const QUORUM_UNKNOWABLE_MS: u64 = 30_000;

const fn seconds(milliseconds: u64) -> u64 {
    milliseconds / 1000
}

pub(super) fn i8(scene: &Scene<'_>) -> Result<(), String> {
    let Moment::Admitted(admission) = scene.moment else { return Ok(()) };
    let verb = admission.call.action.verb();
    let address = &admission.call.address;
    match (&admission.by, admission.call.authority) {
        (Actor::Replica { member, .. }, Authority::Permit(epoch)) => {
            // Without a committed head of that epoch it is I11 that is broken.
            let Some(committed) = scene.records.of_epoch(epoch) else { return Ok(()) };
            within_permit(scene, admission, member, epoch, committed)
                .map_err(|why| format!("\"{verb}\" for {address} was sent by {member} under epoch {epoch}, {why}"))
        }
        (Actor::Replica { member, .. }, Authority::Rescue) => rescue(scene, admission)
            .map_err(|why| format!("\"{verb}\" for {address} was sent by {member} to rescue the Swarm, {why}")),
        (Actor::Replica { member, .. }, Authority::Operator) => {
            Err(format!("\"{verb}\" for {address} was sent by the replica {member} in the operator's name"))
        }
        (Actor::Operator { purpose, .. }, authority) => operator(scene, admission, *purpose, authority)
            .map_err(|why| format!("\"{verb}\" for {address} was sent by the operator's process, {why}")),
    }
}

fn within_permit(
    scene: &Scene<'_>,
    admission: &Admission,
    member: &kit_model::Address,
    epoch: Epoch,
    committed: &Committed,
) -> Result<(), String> {
    let head = &committed.head;
    match &head.holder {
        Some(holder) if holder.member == *member => {}
        Some(holder) => return Err(format!("which is {}'s", holder.member)),
        None => return Err("which nobody holds".to_owned()),
    }
    if head.permit != PermitState::Open {
        return Err("whose permit is closed".to_owned());
    }
    if let Some(why) = &head.paused {
        return Err(format!("in which the cluster is paused ({why})"));
    }
    if head.destroying {
        return Err("in which the cluster is being destroyed".to_owned());
    }
    if let Some((other, at_ms)) = committed.replaced {
        return Err(format!(
            "{} s after another holder had committed epoch {other}",
            seconds(scene.at_ms.saturating_sub(at_ms))
        ));
    }
    let Some(write) = scene.records.writes.get(&(member.clone(), epoch)) else {
        return Err("which it never wrote".to_owned());
    };
    let policy = &scene.records.policy;
    let end_ms = write.begun_ms + policy.permit_ms - policy.permit_margin_ms + CLOCK_SLACK_MS;
    if admission.at_ms > end_ms {
        return Err(format!(
            "{} ms after that write was begun, of which {} ms were to be left",
            admission.at_ms - write.begun_ms,
            policy.permit_margin_ms
        ));
    }
    Ok(())
}

fn rescue(scene: &Scene<'_>, admission: &Admission) -> Result<(), String> {
    if !matches!(
        admission.call.action,
        // From a machine that is gone for good: I3 holds that it is.
        Action::StartMachine { .. }
            | Action::CreateMachine(_)
            | Action::AttachVolume { .. }
            | Action::ForceDetach { .. }
    ) {
        return Err("which may only start, create, attach, and take a volume from the dead".to_owned());
    }
    let policy = &scene.records.policy;
    match scene.records.no_quorum {
        None => Err("while enough managers ran all the time".to_owned()),
        Some((_, Some(until_ms))) if scene.at_ms > until_ms + QUORUM_UNKNOWABLE_MS => {
            Err(format!("{} s after enough managers ran again", seconds(scene.at_ms - until_ms)))
        }
        Some((since_ms, _)) if scene.at_ms + CLOCK_SLACK_MS * 5 < since_ms + policy.rescue_after_ms => Err(format!(
            "{} s after the quorum was lost, where {} s must have passed",
            seconds(scene.at_ms - since_ms),
            seconds(policy.rescue_after_ms)
        )),
        Some(_) => Ok(()),
    }
}

fn operator(scene: &Scene<'_>, admission: &Admission, purpose: Purpose, authority: Authority) -> Result<(), String> {
    if authority != Authority::Operator {
        return Err("in a replica's name".to_owned());
    }
    match purpose {
        Purpose::Bootstrap => match scene.records.formed_since {
            Some(since_ms) if scene.at_ms > since_ms + FORMED_UNKNOWABLE_MS => {
                Err(format!("{} s after the cluster was formed", seconds(scene.at_ms - since_ms)))
            }
            _ => Ok(()),
        },
        Purpose::Outage => match &admission.call.action {
            Action::TerminateMachine { machine } => allowed_outage(scene, &admission.call.address, machine),
            // What comes back does so as in a recovery.
            _ => operator(scene, admission, Purpose::Recover, authority),
        },
        Purpose::Recover => match admission.call.action {
            Action::StartMachine { .. }
            | Action::CreateMachine(_)
            | Action::AttachVolume { .. }
            // From a machine that is gone for good: I3 holds that it is.
            // A person looks at whether managers answer: a machine that runs with an empty disk commits nothing.
            | Action::ForceDetach { .. } => match scene.records.too_few_answer {
                None => Err("while enough managers answered all the time".to_owned()),
                Some((_, Some(until_ms))) if scene.at_ms > until_ms + QUORUM_UNKNOWABLE_MS => {
                    Err(format!("{} s after enough managers answered again", seconds(scene.at_ms - until_ms)))
                }
                Some(_) => Ok(()),
            },
            _ => Err("which may only start, create and attach to recover".to_owned()),
        },
    }
}

/// The operator ends a machine only where it is the only manager's, condemned in the committed head, and allowed.
fn allowed_outage(scene: &Scene<'_>, address: &Address, machine: &kit_model::MachineId) -> Result<(), String> {
    let head = scene.records.head.as_deref().ok_or("while nothing was committed")?;
    let group = scene.records.specs.get(&head.revision).and_then(|spec| spec.leader_group());
    if group.is_none_or(|group| group.members.as_slice() != [address.clone()]) || scene.truth.voters().len() > 1 {
        return Err("although it is not the only manager".to_owned());
    }
    if !head.approvals.contains(&Approval::Outage(address.clone())) {
        return Err("although nobody allowed an outage".to_owned());
    }
    if !head.operations.get(address).is_some_and(|operation| operation.condemned.contains(machine)) {
        return Err(format!("although the journal does not condemn {machine}"));
    }
    Ok(())
}

pub(super) fn i11(scene: &Scene<'_>) -> Result<(), String> {
    let Moment::Admitted(admission) = scene.moment else { return Ok(()) };
    let Authority::Permit(epoch) = admission.call.authority else { return Ok(()) };
    let verb = admission.call.action.verb();
    let address = &admission.call.address;
    let Some(committed) = scene.records.of_epoch(epoch) else {
        return Err(format!("\"{verb}\" for {address} was sent under epoch {epoch}, which is not committed"));
    };
    journaled(scene, admission, &committed.head)
        .map_err(|why| format!("\"{verb}\" for {address} was sent under epoch {epoch}, whose head {why}"))
}

fn journaled(scene: &Scene<'_>, admission: &Admission, head: &Head) -> Result<(), String> {
    let address = &admission.call.address;
    let operation = head.operations.get(address);
    match &admission.call.action {
        Action::CreateMachine(request) => match head.intent(address) {
            None => Err("intends nothing for it".to_owned()),
            Some(intent) if intent.generation != request.generation => {
                Err(format!("intends generation {}, not {}", intent.generation, request.generation))
            }
            Some(_) => match operation.and_then(|operation| operation.request.as_ref()) {
                Some(hash) if *hash != request.request => Err("intends another request".to_owned()),
                _ => Ok(()),
            },
        },
        Action::CreateVolume { .. } | Action::RetireVolume { .. } | Action::ForceDetach { .. }
            if head.intent(address).is_none() =>
        {
            Err("intends nothing for it".to_owned())
        }
        Action::TerminateMachine { machine }
            if operation.is_none_or(|operation| !operation.condemned.contains(machine)) =>
        {
            Err(format!("does not condemn {machine}"))
        }
        Action::RebootMachine { machine } if operation.is_none_or(|operation| !operation.rebooted) => {
            Err(format!("does not intend to reboot {machine}"))
        }
        Action::SetRole { node, role: NodeRole::Worker, .. } if operation.is_none() => {
            let voters = scene.truth.voters();
            let twin = voters
                .iter()
                .find(|voter| voter.node == *node)
                .is_none_or(|voter| voters.iter().any(|other| other.node != *node && other.address == voter.address));
            if twin { Ok(()) } else { Err(format!("does not intend to demote {node}")) }
        }
        _ => Ok(()),
    }
}

pub(super) fn i12(scene: &Scene<'_>) -> Result<(), String> {
    let Moment::Admitted(admission) = scene.moment else { return Ok(()) };
    let Some((token, request)) = token_of(&admission.call.action) else { return Ok(()) };
    if let Some(former) = scene.records.tokens.get(token)
        && *former != request
    {
        return Err(format!(
            "token {token} was sent for {} with another request than before: {request}, then {former}",
            admission.call.address
        ));
    }
    // Whoever rescues or recovers makes a member again without a new generation.
    if !matches!(admission.call.authority, Authority::Permit(_)) {
        return Ok(());
    }
    if let Action::CreateMachine(made) = &admission.call.action {
        let key = (made.address.clone(), made.generation);
        if let Some(former) = scene.records.made_under.get(&key)
            && former != token
        {
            return Err(format!(
                "generation {} of {} was asked for under two tokens, {former} and {token}",
                made.generation, made.address
            ));
        }
    }
    Ok(())
}

/// The token of a creating call, and what it stands for.
pub(crate) fn token_of(action: &Action) -> Option<(&kit_model::Token, String)> {
    match action {
        Action::CreateMachine(request) => {
            let hash = MachineRequest::hash_of(
                &request.address,
                request.generation,
                &request.content,
                request.ip,
                &request.boot,
            );
            Some((&request.token, format!("machine {} {hash}", request.address)))
        }
        Action::CreateVolume { address, generation, properties, token } => {
            Some((token, format!("volume {address} {generation} {properties:?}")))
        }
        Action::CreateResource { address, content, token, .. } => {
            Some((token, format!("resource {address} {content}")))
        }
        _ => None,
    }
}

pub(super) fn i13(scene: &Scene<'_>) -> Result<(), String> {
    let Moment::Admitted(admission) = scene.moment else { return Ok(()) };
    let Action::CreateMachine(request) = &admission.call.action else { return Ok(()) };
    let head = match admission.call.authority {
        Authority::Permit(epoch) => match scene.records.of_epoch(epoch) {
            Some(committed) => &committed.head,
            None => return Ok(()),
        },
        Authority::Rescue => match &scene.records.head {
            Some(head) => head,
            None => return Ok(()),
        },
        Authority::Operator => return Ok(()),
    };
    let revision = &request.boot.revision;
    let intended: Option<&RevisionId> = head.intent(&request.address).map(|intent| intent.revision);
    let in_force = *revision == head.revision
        || head.last_good.values().any(|good| good == revision)
        || intended == Some(revision)
        // Whoever rescues has a head from before the quorum was lost.
        || (admission.call.authority == Authority::Rescue && head.history.contains(revision));
    if !in_force {
        return Err(format!(
            "{} was to be made from {revision}, which the head does not name any more",
            request.address
        ));
    }
    // A slot is made as its group is, whatever the number of slots was in that revision.
    let content = scene.records.specs.get(revision).and_then(|spec| match spec.members.get(&request.address) {
        Some(member) => Some(&member.content),
        None => spec.groups.get(request.address.group()).map(|group| &group.content),
    });
    let Some(content) = content else {
        return Err(format!("{} was to be made from {revision}, which knows nothing of it", request.address));
    };
    if *content != request.content {
        return Err(format!("{} was to be made otherwise than {revision} says", request.address));
    }
    Ok(())
}
