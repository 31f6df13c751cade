//! Faults, as they strike and as they end.

use std::collections::BTreeSet;
use std::net::IpAddr;

use kit_model::{Address, Level};
use kit_sim::{Engine, Hurt};

use super::operator::{ResumeWish, Wish};
use super::replica::Trap;
use super::{Due, World};
use crate::fault::{FaultKind, Target};
use crate::timeline::Who;

/// How long a supervisor takes to start kitc again, usually, in milliseconds.
const RESTART_MS: u64 = 1_500;

/// How far a wall clock jumps, in milliseconds.
const CLOCK_JUMP_MS: i64 = 3_600_000;

impl World {
    /// Whom a fault befalls now.
    fn victim(&self, target: Option<&Target>) -> Option<Address> {
        match target? {
            Target::Address(address) => Some(address.clone()),
            Target::Leader => self.true_leader(),
            Target::Follower => {
                let leader = self.true_leader();
                self.subject
                    .managers()
                    .iter()
                    .find(|member| Some(*member) != leader.as_ref() && self.replicas.contains_key(*member))
                    .cloned()
            }
        }
    }

    pub(super) fn strike(&mut self, index: usize) {
        let Some(fault) = self.faults.get(index).cloned() else { return };
        let at_ms = self.at_ms;
        let victim = self.victim(fault.target.as_ref());
        if fault.target.is_some() && victim.is_none() {
            self.timeline.add(at_ms, Who::Fault, "missed", None, || format!("{fault} finds nobody"));
            return;
        }
        let leads = victim.is_some() && victim == self.true_leader();
        if let Some(victim) = &victim {
            let before = self.identity(victim);
            self.watch.struck(victim, index, at_ms, before);
        }
        self.befall(&fault.kind, victim.as_ref(), fault.for_ms);
        self.timeline.add(at_ms, Who::Fault, fault.kind.info().name, victim.as_ref(), || {
            let whom = victim.as_ref().map(|victim| {
                let leads = if leads { " (the leader)" } else { "" };
                format!("{victim}{leads}: ")
            });
            format!("{}{}", whom.unwrap_or_default(), fault.kind.info().about)
        });
    }

    fn befall(&mut self, kind: &FaultKind, victim: Option<&Address>, for_ms: u64) {
        let Some(victim) = victim else {
            match kind {
                FaultKind::Throttle => self.hurt(&Hurt::Throttle(for_ms)),
                FaultKind::Capacity => self.hurt(&Hurt::NoCapacity),
                FaultKind::Lag => self.hurt(&Hurt::Lag(for_ms)),
                FaultKind::PartialListing => self.partial_listings = true,
                FaultKind::Roll => self.operator.wish_roll(),
                FaultKind::Scale if self.subject.can_scale() => self.operator.wish_scale(),
                FaultKind::Rollback => self.operator.wish(Wish::Rollback),
                FaultKind::Pause => self.operator.wish(Wish::Pause),
                FaultKind::RotateCa if self.may_rotate() => self.hurt(&Hurt::RotateCa),
                _ => {}
            }
            if self.operator.has_wishes() {
                self.operate_soon();
            }
            return;
        };
        let whom = victim.clone();
        if !self.may_lose(kind, victim) {
            self.timeline.add(self.at_ms, Who::Fault, "spared", None, || {
                format!("{victim} is spared: with a phantom's vote too few identities would be left")
            });
            return;
        }
        match kind {
            FaultKind::Kill => self.hurt(&Hurt::Kill(whom)),
            FaultKind::Stop => self.hurt(&Hurt::Stop(whom)),
            FaultKind::FreezeMachine => {
                self.hurt(&Hurt::Freeze(whom));
                self.freeze_replica(victim, for_ms, "");
            }
            FaultKind::Freeze => self.freeze_replica(victim, for_ms, ""),
            FaultKind::FreezeOnSend => self.set_trap(victim, Trap::FreezeOnSend { for_ms }),
            FaultKind::Crash => self.crash(victim, ""),
            FaultKind::CrashOnCommit => self.set_trap(victim, Trap::CrashOnCommit),
            FaultKind::CrashOnSend => self.set_trap(victim, Trap::CrashOnSend),
            FaultKind::Cut => self.hurt(&Hurt::Cut(whom)),
            FaultKind::Isolate => self.hurt(&Hurt::Isolate(whom)),
            FaultKind::LoseReply => self.set_trap(victim, Trap::LoseReply),
            FaultKind::LoseCommit => self.set_trap(victim, Trap::LoseCommit),
            FaultKind::LoseCall => self.set_trap(victim, Trap::LoseCall),
            FaultKind::DelayCall => self.set_trap(victim, Trap::DelayCall { for_ms }),
            FaultKind::UnknownState => self.hurt(&Hurt::UnknownState(whom, for_ms)),
            FaultKind::LoseVolume => {
                self.volumes.remove(victim);
                self.hurt(&Hurt::LoseVolume(whom));
            }
            FaultKind::Wipe => {
                self.volumes.remove(victim);
                self.hurt(&Hurt::WipeDisk(whom.clone()));
                self.hurt(&Hurt::Reboot(whom));
            }
            FaultKind::Expire => self.hurt(&Hurt::ExpireCertificate(whom)),
            FaultKind::Phantom => self.hurt(&Hurt::RejoinWiped(whom)),
            FaultKind::Stranger => self.besieged.extend(self.ip_of(victim)),
            FaultKind::ClockJump => {
                if let Some(replica) = self.replicas.get_mut(victim) {
                    replica.clocks.wall_skew_ms += CLOCK_JUMP_MS;
                }
            }
            FaultKind::FailDocker => {
                self.engineless.insert(whom);
                self.keep_engines_down();
            }
            FaultKind::Throttle
            | FaultKind::Capacity
            | FaultKind::Lag
            | FaultKind::PartialListing
            | FaultKind::RotateCa
            | FaultKind::Roll
            | FaultKind::Scale
            | FaultKind::Rollback
            | FaultKind::Pause => {}
        }
    }

    /// Hurts the cloud. What is not there, or not in a state for it, is spared.
    fn hurt(&mut self, hurt: &Hurt) {
        if let Err(spared) = self.cloud.hurt(hurt, self.at_ms) {
            self.timeline.add_at_level(self.at_ms, Who::Fault, "spared", Level::Debug, None, || spared.to_string());
        }
        self.touch();
    }

    /// Whether the Swarm survives the loss of another identity. The schedule counts those that are lost; an entry that
    /// nobody answers for counts as well, for as long as it votes, and nothing brings back a Swarm that lost more.
    fn may_lose(&self, kind: &FaultKind, victim: &Address) -> bool {
        let (more_entries, more_lost) = match kind {
            FaultKind::LoseVolume | FaultKind::Wipe | FaultKind::Expire => (0, Some(victim)),
            FaultKind::Phantom => (1, None),
            _ => return true,
        };
        let voters = self.cloud.voters();
        let places: BTreeSet<&Address> = voters.iter().map(|voter| &voter.address).collect();
        let phantoms = voters.len() - places.len() + more_entries;
        if phantoms == 0 {
            return true;
        }
        // Whose state a fault took, and who has not served again since.
        let mut lost: BTreeSet<&Address> = more_lost.into_iter().collect();
        let struck = self.faults.iter().enumerate().filter(|(index, _)| self.watch.victim_of(*index).is_some());
        lost.extend(struck.filter_map(|(_, fault)| match (&fault.target, fault.kind) {
            (
                Some(Target::Address(address)),
                FaultKind::LoseVolume | FaultKind::Wipe | FaultKind::Expire | FaultKind::Phantom,
            ) if !self.is_whole(address) => Some(address),
            _ => None,
        }));
        let managers = self.subject.managers().len();
        managers.saturating_sub(lost.len()) > (managers + phantoms) / 2
    }

    /// Whether the Swarm survives a new CA: whoever is away then is no longer the node that it was, as if its
    /// state were lost, and a majority must be left.
    fn may_rotate(&self) -> bool {
        if self.true_leader().is_none() {
            return false;
        }
        let managers = self.subject.managers();
        let mut lost: BTreeSet<&Address> = managers.iter().filter(|member| !self.is_whole(member)).collect();
        lost.extend(self.faults.iter().filter_map(|fault| match (&fault.target, fault.kind) {
            (
                Some(Target::Address(address)),
                FaultKind::LoseVolume | FaultKind::Wipe | FaultKind::Expire | FaultKind::Phantom,
            ) => Some(address),
            _ => None,
        }));
        lost.len() <= managers.len().saturating_sub(1) / 2
    }

    /// The pinned address of a member.
    fn ip_of(&self, member: &Address) -> Option<IpAddr> {
        self.subject.spec().members.get(member)?.ip
    }

    /// Faults that last hold what comes after them too: a new machine's engine, an address that comes free.
    pub(super) fn keep_hurting(&mut self) {
        self.keep_engines_down();
        let besieged: Vec<IpAddr> = self.besieged.iter().copied().collect();
        for ip in besieged {
            // Refused as long as the member's own machine holds it.
            if self.cloud.hurt(&Hurt::Stranger(ip), self.at_ms).is_ok() {
                self.besieged.remove(&ip);
                self.timeline.add(self.at_ms, Who::Fault, "stranger", None, || {
                    format!("something that is not the cluster's takes {ip}")
                });
            }
        }
    }

    fn keep_engines_down(&mut self) {
        for member in self.engineless.clone() {
            let up = self.cloud.live_machines_at(&member).any(|machine| machine.engine == Engine::Up);
            if up {
                self.hurt(&Hurt::FailDocker(member));
            }
        }
    }

    pub(super) fn relent(&mut self, index: usize) {
        let Some(fault) = self.faults.get(index).cloned() else { return };
        let at_ms = self.at_ms;
        // Whoever was hurt is who is relieved, even if another leads meanwhile.
        let victim = self.watch.victim_of(index);
        if fault.target.is_some() && victim.is_none() {
            return;
        }
        match (fault.kind, victim.clone()) {
            (FaultKind::Capacity, _) => self.hurt(&Hurt::Capacity),
            (FaultKind::PartialListing, _) => self.partial_listings = false,
            (FaultKind::Pause, _) => {
                self.operator.wish(Wish::Resume(ResumeWish::default()));
                self.operate_soon();
            }
            (FaultKind::Cut | FaultKind::Isolate, Some(victim)) => self.hurt(&Hurt::Mend(victim)),
            (FaultKind::FreezeMachine, Some(victim)) => self.hurt(&Hurt::Thaw(victim)),
            (FaultKind::Stranger, Some(victim)) => {
                if let Some(ip) = self.ip_of(&victim) {
                    self.besieged.remove(&ip);
                    self.hurt(&Hurt::RemoveStranger(ip));
                }
            }
            (FaultKind::FailDocker, Some(victim)) => {
                self.engineless.remove(&victim);
                self.hurt(&Hurt::StartDocker(victim));
            }
            (FaultKind::Throttle | FaultKind::Lag | FaultKind::Freeze, _) => {}
            _ => return,
        }
        self.timeline.add(at_ms, Who::Fault, "over", victim.as_ref(), || {
            let whom = victim.as_ref().map(|victim| format!("{victim}: ")).unwrap_or_default();
            format!("{whom}{} is over", fault.kind.info().name)
        });
    }

    fn set_trap(&mut self, member: &Address, trap: Trap) {
        if let Some(replica) = self.replicas.get_mut(member) {
            replica.traps.push(trap);
        }
    }

    pub(super) fn freeze_replica(&mut self, member: &Address, for_ms: u64, when: &str) {
        let Some(replica) = self.replicas.get_mut(member) else { return };
        replica.frozen_until_ms = replica.frozen_until_ms.max(self.at_ms + for_ms);
        if !when.is_empty() {
            self.timeline.add(self.at_ms, Who::Fault, "freeze", Some(member), || {
                format!("{member}: kitc stands still {when} for {} s", for_ms / 1000)
            });
        }
    }

    /// Kills kitc; its supervisor starts it again.
    pub(super) fn crash(&mut self, member: &Address, when: &str) {
        let at_ms = self.at_ms;
        self.processes += 1;
        let process = self.processes;
        let Some(replica) = self.replicas.get_mut(member) else { return };
        replica.process = process;
        replica.running = None;
        replica.frozen_until_ms = 0;
        if !when.is_empty() {
            self.timeline.add(at_ms, Who::Fault, "crash", Some(member), || format!("{member}: kitc is killed {when}"));
        }
        let start_ms = at_ms + self.random.latency(RESTART_MS);
        self.schedule(start_ms, Due::Start { member: member.clone(), process });
    }
}
