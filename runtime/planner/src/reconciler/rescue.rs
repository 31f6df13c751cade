//! When the quorum is lost: the one exception to "no action without a committed write".
//!
//! With too few voters running nobody can commit, and a member's address and volume are the lock: whoever rescues,
//! and however many do, arrives at the same token, at the same address, with the same volume.

use std::collections::BTreeMap;
use std::sync::Arc;

use kit_model::{
    Action, Address, Authority, Blocked, ClusterUid, Effect, Inventory, Leadership, Machine, MachineId, MachineState,
    Now, Observation, Policy, Reason, Spec, Step, Token, Volume, VolumeState,
};

use super::{Level, Reconciler, ReplicaRole, report};
use crate::attempts::Attempts;
use crate::bugs::{Bug, planted};
use crate::gate::Gate;
use crate::majority::majority;
use crate::request::{render, unseeded};
use crate::specs::Specs;

/// What speaks for a lost quorum. All times are milliseconds of the boot clock.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidence {
    /// Since when no leader was seen.
    no_leader_ms: Option<u64>,
    /// Since when each complete listing showed too few running managers.
    short_ms: Option<u64>,
    /// What the rescue itself sent.
    pub(super) attempts: Attempts,
}

impl Evidence {
    /// Somebody leads.
    pub(super) fn leader_seen(&mut self) {
        *self = Self::default();
    }

    /// Whether there was no leader for so long that somebody may have begun a rescue.
    pub(super) fn may_have_been_rescued(&self, policy: &Policy, now: Now) -> bool {
        self.no_leader_ms.is_some_and(|since| now.since(since) >= policy.rescue_after_ms)
    }

    /// Whether listings are of use: only when a rescue may come.
    pub(super) const fn wants_listing(&self) -> bool {
        self.no_leader_ms.is_some()
    }
}

impl Reconciler {
    /// Looks at the evidence, and rescues when it holds and it is this replica's turn.
    pub(super) fn consider_rescue(&mut self, seen: &Observation, now: Now, out: &mut Vec<Effect>) {
        let why = match &seen.leadership {
            Leadership::NoLeader(why) | Leadership::Unknown(why) => why.clone(),
            Leadership::Leader | Leadership::Follower(_) => {
                self.end_rescue();
                self.tell(Vec::new(), out);
                return;
            }
        };
        let since = *self.evidence.no_leader_ms.get_or_insert(seen.begun.boot_ms);
        let wait = |reason: Reason| vec![Blocked { address: None, reason }];
        let Some(cached) = &self.seen else {
            self.tell(wait(Reason::NoQuorum { why }), out);
            return;
        };
        let head = cached.head.value.clone();
        if head.destroying || head.paused.is_some() {
            self.end_rescue();
            let reason = match &head.paused {
                Some(why) if !head.destroying => Reason::Paused { why: why.clone() },
                _ => Reason::Destroying,
            };
            self.tell(wait(reason), out);
            return;
        }
        let Some(spec) = self.specs.get(&head.revision).cloned() else {
            self.tell(wait(Reason::RevisionUnreadable { why: head.revision.to_string() }), out);
            return;
        };
        let inventory = match &seen.inventory {
            Some(Ok(inventory)) => Arc::clone(inventory),
            Some(Err(failed)) => {
                self.tell(wait(Reason::ListingFailed { why: failed.clone() }), out);
                return;
            }
            None => {
                self.tell(wait(Reason::NoQuorum { why }), out);
                return;
            }
        };
        if !inventory.complete {
            self.tell(wait(Reason::PartialListing), out);
            return;
        }
        let Some(rank) = self.judge(&spec, &inventory) else {
            self.evidence.short_ms = None;
            self.end_rescue();
            self.tell(wait(Reason::NoQuorum { why }), out);
            self.start_engine(now, since, out);
            return;
        };
        let short = *self.evidence.short_ms.get_or_insert(inventory.at.boot_ms);
        let proven_ms = since
            .saturating_add(self.policy.rescue_after_ms)
            // Two complete listings that far apart, of which this is the second.
            .max(short.saturating_add(self.policy.rescue_after_ms));
        let turn_ms = proven_ms.saturating_add(self.policy.rescue_stagger_ms.saturating_mul(rank));
        if inventory.at.boot_ms < turn_ms && !planted(Bug::RescueWithoutEvidence) {
            let left_ms = turn_ms.saturating_sub(now.boot_ms);
            self.end_rescue();
            self.tell(wait(Reason::RescueNotYet { left_ms, why }), out);
            return;
        }
        if self.role != ReplicaRole::Rescuer {
            self.role = ReplicaRole::Rescuer;
            let text = "too few managers run to commit anything: this replica brings back what is stopped or gone";
            out.push(report(Level::Warn, "rescue", None, text.to_owned()));
        }
        let scene =
            RescueScene { specs: &self.specs, spec: &spec, uid: &head.uid, inventory: &inventory, dead: &self.dead };
        let (steps, blocked) = rescue_steps(&scene, &mut self.evidence.attempts, now);
        self.tell(blocked, out);
        if steps.is_empty() {
            self.gate = Gate::closed();
            return;
        }
        let not_after_boot_ms = now.boot_ms.saturating_add(self.policy.permit_ms);
        self.gate = Gate::rescue(not_after_boot_ms);
        self.last.plan.steps.clone_from(&steps);
        self.send(steps, Authority::Rescue, not_after_boot_ms, now, out);
    }

    /// Enough machines run that somebody could lead, and nobody does: perhaps because this engine handed over to one
    /// that then failed.
    fn start_engine(&mut self, now: Now, since_ms: u64, out: &mut Vec<Effect>) {
        let waited = now.since(self.engine_started_ms.map_or(since_ms, |started| started.max(since_ms)));
        if waited < self.policy.rescue_after_ms || self.stopping_engine.is_some() {
            return;
        }
        self.engine_started_ms = Some(now.boot_ms);
        let id = self.effect_id();
        out.push(Effect::StartLocalEngine { id });
    }

    fn end_rescue(&mut self) {
        if self.role == ReplicaRole::Rescuer {
            self.role = ReplicaRole::Standby;
        }
        self.gate = Gate::closed();
    }

    /// Whether a listing shows fewer running managers than a majority of the voters; if so, which in order this
    /// replica's turn is. A voter is a member whose volume bears the mark.
    fn judge(&mut self, spec: &Spec, inventory: &Inventory) -> Option<u64> {
        let group = spec.leader_group()?;
        let formed = |address: &&Address| inventory.volume_of(address).is_some_and(|volume| volume.formed);
        let voters = group.members.iter().filter(formed).count();
        let running: Vec<&Address> = group.members.iter().filter(|address| runs(inventory, address)).collect();
        let needed = majority(u32::try_from(voters).unwrap_or(u32::MAX)) as usize;
        let rank = running.iter().position(|address| **address == self.identity.member);
        if planted(Bug::RescueWithoutEvidence) {
            return Some(0);
        }
        if voters == 0 || running.len() >= needed {
            self.evidence.leader_or_enough();
            return None;
        }
        rank.map(|rank| u64::try_from(rank).unwrap_or(u64::MAX))
    }
}

impl Evidence {
    /// Enough managers run: what was short before proves nothing any more.
    fn leader_or_enough(&mut self) {
        self.short_ms = None;
    }
}

/// Whether the member's machine runs with its volume: without it, it is not the manager that it was, and a rescue
/// that stopped there would leave it so. What the provider does not say is not known to be dead: it counts as running.
fn runs(inventory: &Inventory, address: &Address) -> bool {
    let Some(volume) = inventory.volume_of(address) else { return false };
    let unsaid = volume.state == VolumeState::Unknown;
    inventory.machines_of(address).any(|machine| match machine.state {
        MachineState::Unknown => true,
        MachineState::Running => unsaid || volume.holder().is_some_and(|holder| holder.machine == machine.id),
        _ => false,
    })
}

/// What a rescue goes by.
struct RescueScene<'a> {
    specs: &'a Specs,
    spec: &'a Spec,
    uid: &'a ClusterUid,
    inventory: &'a Inventory,
    /// Who was seen dead, for the case that the provider shows it no more.
    dead: &'a BTreeMap<Address, Machine>,
}

/// What may be done without a quorum, for the members of the group that leads: start what is stopped, make at its
/// address who is seen terminal and has a formed volume, attach a member's own volume.
fn rescue_steps(scene: &RescueScene<'_>, attempts: &mut Attempts, now: Now) -> (Vec<Step>, Vec<Blocked>) {
    let mut steps = Vec::new();
    let mut blocked = Vec::new();
    let Some(group) = scene.spec.leader_group() else { return (steps, blocked) };
    for address in &group.members {
        match rescue_step(scene, address, attempts, now) {
            Ok(None) => {}
            Ok(Some((action, why))) => match attempts.may_send(address, &action, now) {
                Ok(()) => steps.push(Step { address: address.clone(), action, why }),
                Err((why, left_ms)) => {
                    blocked.push(Blocked { address: Some(address.clone()), reason: Reason::Backoff { why, left_ms } })
                }
            },
            Err(reason) => blocked.push(Blocked { address: Some(address.clone()), reason }),
        }
    }
    (steps, blocked)
}

fn rescue_step(
    scene: &RescueScene<'_>,
    address: &Address,
    attempts: &mut Attempts,
    now: Now,
) -> Result<Option<(Action, String)>, Reason> {
    let inventory = scene.inventory;
    let volume = inventory.volume_of(address).ok_or(Reason::VolumeGone)?;
    let live: Vec<&Machine> = inventory.machines_of(address).filter(|machine| !machine.state.is_terminal()).collect();
    match live.as_slice() {
        [] => make(scene, address, volume, attempts, now).map(Some),
        [machine] => match machine.state {
            MachineState::Stopped => {
                let why = format!("its machine {} is stopped", machine.id);
                if planted(Bug::RescueTerminates) {
                    return Ok(Some((Action::TerminateMachine { machine: machine.id.clone() }, why)));
                }
                Ok(Some((Action::StartMachine { machine: machine.id.clone() }, why)))
            }
            MachineState::Running if volume.state == VolumeState::Available => {
                let action = Action::AttachVolume { volume: volume.id.clone(), machine: machine.id.clone() };
                Ok(Some((action, format!("{} runs without its volume", machine.id))))
            }
            MachineState::Running => match volume.holder() {
                // From a machine that is terminated alone, both named: harmless however late it arrives.
                Some(holder) if holder.machine != machine.id && is_terminal(inventory, &holder.machine) => {
                    let action = Action::ForceDetach { volume: volume.id.clone(), machine: holder.machine.clone() };
                    Ok(Some((action, format!("its volume is still held by {}, which is terminated", holder.machine))))
                }
                Some(holder) if holder.machine != machine.id => {
                    Err(Reason::VolumeElsewhere { volume: volume.id.clone(), machine: holder.machine.clone() })
                }
                _ => Ok(None),
            },
            _ => Ok(None),
        },
        several => Err(Reason::TwoMachines { machines: several.iter().map(|machine| machine.id.clone()).collect() }),
    }
}

/// The request for a member that is gone.
fn make(
    scene: &RescueScene<'_>,
    address: &Address,
    volume: &Volume,
    attempts: &mut Attempts,
    now: Now,
) -> Result<(Action, String), Reason> {
    let RescueScene { specs, spec, uid, inventory, dead } = *scene;
    if !volume.formed {
        return Err(Reason::NotFormed);
    }
    let Some(dead) = last_dead(uid, inventory, address).or_else(|| dead.get(address)) else {
        let at = inventory.at.boot_ms;
        return Err(Reason::ConfirmingAbsence { seen_boot_ms: at, until_boot_ms: at });
    };
    // What the member was made from, if a loaded revision still says it; else what the head says, as it does wherever
    // both say the same: so does who recovers, and the requests are alike.
    let as_head_says = spec.content_of(address) == Some(&dead.marks.content);
    let former = specs.with_content(address, &dead.marks.content).filter(|_| !as_head_says).unwrap_or(spec);
    if let VolumeState::Held(holder) = &volume.state
        && !is_terminal(inventory, &holder.machine)
    {
        return Err(Reason::VolumeElsewhere { volume: volume.id.clone(), machine: holder.machine.clone() });
    }
    let (Some(group), Some(member)) = (former.group_of(address), former.members.get(address)) else {
        return Err(Reason::CannotReproduce);
    };
    if let Some(ip) = member.ip {
        if let Some(stranger) = inventory.strangers.iter().find(|stranger| stranger.ip == ip) {
            return Err(Reason::IpHeldByStranger { what: stranger.what.clone() });
        }
        let holder = inventory.machines.iter().find(|machine| machine.ip == Some(ip) && !machine.state.is_terminal());
        if let Some(holder) = holder {
            return Err(Reason::IpHeldByMachine { machine: holder.id.clone() });
        }
    }
    let token = attempts.token(address, Token::of_rescue(uid, address, &dead.id, &member.content), now);
    let ips = former.manager_ips();
    let request = render(uid, former, group, Some(member), address, dead.marks.generation, token, &ips);
    // Its volume bears the mark: there is a Swarm to come back to, and none to begin.
    let action = Action::CreateMachine(Arc::new(unseeded(request)));
    Ok((action, format!("its machine {} is terminated", dead.id)))
}

/// Whether the listing shows this machine, and shows it gone for good.
fn is_terminal(inventory: &Inventory, machine: &MachineId) -> bool {
    inventory.machines.iter().any(|seen| seen.id == *machine && seen.state.is_terminal())
}

/// The dead machine that was made last: the one after which no other was made.
pub(super) fn last_dead<'a>(uid: &ClusterUid, inventory: &'a Inventory, address: &'a Address) -> Option<&'a Machine> {
    let newest = inventory.machines_of(address).map(|machine| machine.marks.generation).max()?;
    let dead = |machine: &&Machine| machine.state.is_terminal() && machine.marks.generation == newest;
    inventory
        .machines_of(address)
        .filter(dead)
        .filter(|machine| {
            let next = |other: &Machine| Token::of_rescue(uid, address, &machine.id, &other.marks.content);
            !inventory.machines_of(address).any(|other| other.marks.token == next(other))
        })
        .max_by(|one, other| one.id.cmp(&other.id))
}
