//! From a decision to its end: the head write that journals it, the calls under its permit, their answers.

use std::collections::BTreeMap;

use kit_model::{
    Address, Authority, Blocked, Call, CallId, CommitResult, Effect, EffectId, Head, HeadVersion, Level, Now, Outcome,
    Permit, PermitState, Plan, Reason, Step, Versioned,
};

use crate::bugs::{Bug, planted};
use crate::gate::Gate;

use super::{Batch, Reconciler, Seen, Then, Writing, report};

impl Reconciler {
    /// Journals a decision, if there is something to journal.
    pub(super) fn carry_out(&mut self, head: Versioned<Head>, decided: Plan, now: Now, out: &mut Vec<Effect>) {
        let mine = head.value.holder.as_ref() == Some(&self.me());
        let open = head.value.permit == PermitState::Open;
        let halted = head.value.destroying || head.value.paused.is_some();
        let busy = !head.value.operations.is_empty() || !head.value.waves.is_empty();
        let lapsed = self.seen.as_ref().is_none_or(|seen| now.since(seen.first_ms) >= self.policy.permit_ms);
        let steps = decided.steps.clone();
        let hand_over = decided.hand_over.clone();
        let mut next = decided.head.clone().unwrap_or_else(|| Box::new(head.value.clone()));
        let journals = decided.head.is_some();
        self.last.converged = !journals
            && steps.is_empty()
            && !busy
            && hand_over.is_none()
            && decided.blocked.iter().all(|blocked| blocked.address.is_none())
            && !halted
            && decided.blocked.is_empty();
        self.last.plan = decided;
        let then = if let Some(address) = hand_over {
            Then::HandOver(address)
        } else if !steps.is_empty() {
            Then::Send
        } else if journals || (mine && open && !halted && (!busy || lapsed)) {
            Then::Rest
        } else {
            let idle = self.last.converged || (!busy && self.last.plan.blocked.is_empty());
            self.look_in(if idle { self.policy.idle_every_ms } else { self.policy.observe_every_ms }, now);
            return;
        };
        let base = head.value.epoch;
        let begins = next.operations.values().any(|operation| operation.generation.0 > base.0)
            || next.waves.iter().any(|wave| wave.generation.0 > base.0);
        if then == Then::Send || begins {
            next.epoch.0 = base.0.saturating_add(1);
        }
        next.holder = Some(self.me());
        next.permit = if then == Then::Send { PermitState::Open } else { PermitState::Closed };
        if let Err(error) = next.to_bytes() {
            out.push(report(Level::Error, "blocked", None, error.to_string()));
            self.tell(vec![Blocked { address: None, reason: Reason::JournalFull }], out);
            return;
        }
        self.gate = Gate::closed();
        self.write(head.version, next, steps, then, now, out);
    }

    pub(super) fn write(
        &mut self,
        base: HeadVersion,
        head: Box<Head>,
        steps: Vec<Step>,
        then: Then,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let id = self.effect_id();
        out.push(Effect::CommitHead { id, base, head: head.clone() });
        self.writing = Some(Writing { id, started_ms: now.boot_ms, head, steps, then });
        if planted(Bug::SendBeforeCommit)
            && let Some(writing) = self.writing.take()
        {
            let permit = Permit { epoch: writing.head.epoch, not_after_boot_ms: now.boot_ms + self.policy.permit_ms };
            self.send(writing.steps.clone(), Authority::Permit(permit.epoch), permit.not_after_boot_ms, now, out);
            self.gate = Gate::permit(permit);
            self.writing = Some(Writing { steps: Vec::new(), then: Then::Rest, ..writing });
        }
    }

    pub(super) fn committed(&mut self, id: EffectId, result: CommitResult, now: Now, out: &mut Vec<Effect>) {
        if self.writing.as_ref().is_none_or(|writing| writing.id != id) {
            return;
        }
        let Some(writing) = self.writing.take() else { return };
        self.settled_ms = now.boot_ms;
        self.look_in(0, now);
        let version = match result {
            CommitResult::Committed(version) => version,
            CommitResult::Unknown(_) if planted(Bug::UnknownCommitAsCommitted) => {
                self.seen.as_ref().map_or(HeadVersion(0), |seen| seen.head.version)
            }
            CommitResult::Stale => {
                if planted(Bug::StalePlanKept) {
                    self.kept = Some(self.last.plan.clone());
                }
                out.push(report(Level::Info, "stale", None, "another wrote the head first: looking again".to_owned()));
                return;
            }
            CommitResult::Unknown(why) => {
                // It opens nothing. The more often, the longer the pause: a cut-off leader only burdens the rest.
                self.unknown_writes = self.unknown_writes.saturating_add(1);
                self.tried_epoch = self.tried_epoch.max(writing.head.epoch);
                let wait_ms = self.policy.observe_every_ms.saturating_mul(u64::from(self.unknown_writes.min(8)));
                self.look_in(wait_ms, now);
                let text = format!("the answer to a head write is not in hand ({why}): reading again");
                out.push(report(Level::Warn, "unknown-write", None, text));
                return;
            }
        };
        self.unknown_writes = 0;
        let epoch = writing.head.epoch;
        let head = Versioned { version, value: *writing.head };
        self.seen = Some(Seen { head, first_ms: now.boot_ms });
        if let Some(memory) = &mut self.memory {
            memory.forget_refusals();
        }
        match writing.then {
            Then::Rest | Then::Begin => {}
            Then::HandOver(address) => {
                // The majority was counted when the write began: an answer that took longer than a permit proves
                // nothing about now.
                if now.since(writing.started_ms) < self.policy.permit_ms {
                    self.stop_engine(address, out);
                } else {
                    let text = "the head was written so slowly that the voters are counted anew".to_owned();
                    out.push(report(Level::Warn, "late", Some(address), text));
                }
            }
            Then::Send => {
                let from_ms = if planted(Bug::PermitFromAnswer) || planted(Bug::UnknownCommitAsCommitted) {
                    now.boot_ms
                } else {
                    writing.started_ms
                };
                let not_after_boot_ms = from_ms.saturating_add(self.policy.permit_ms);
                if now.boot_ms.saturating_add(self.policy.permit_margin_ms) >= not_after_boot_ms {
                    let text = "the head was written so slowly that the permit is over".to_owned();
                    out.push(report(Level::Warn, "late", None, text));
                    return;
                }
                self.gate = Gate::permit(Permit { epoch, not_after_boot_ms });
                self.send(writing.steps, Authority::Permit(epoch), not_after_boot_ms, now, out);
            }
        }
    }

    pub(super) fn stop_engine(&mut self, address: Address, out: &mut Vec<Effect>) {
        let id = self.effect_id();
        self.stopping_engine = Some(id);
        let text = "its engine stops so that another manager leads and replaces it".to_owned();
        out.push(report(Level::Info, "hand-over", Some(address), text));
        out.push(Effect::StopLocalEngine { id });
    }

    /// Hands out calls.
    pub(super) fn send(
        &mut self,
        steps: Vec<Step>,
        authority: Authority,
        not_after_boot_ms: u64,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let mut calls = BTreeMap::new();
        for step in steps {
            let id = CallId(self.next_call);
            self.next_call += 1;
            let text = format!("{}: {}", step.action.verb(), step.why);
            out.push(report(Level::Info, "step", Some(step.address.clone()), text));
            let call = Call { id, address: step.address, authority, not_after_boot_ms, action: step.action };
            match authority {
                Authority::Rescue => self.evidence.attempts.sent(&call, now, &self.policy),
                _ => {
                    if let Some(memory) = &mut self.memory {
                        memory.sent(&call, now, &self.policy);
                    }
                }
            }
            out.push(Effect::Mutate(call.clone()));
            calls.insert(id, call);
        }
        if calls.is_empty() {
            return;
        }
        let give_up_ms = not_after_boot_ms.saturating_add(self.policy.call_timeout_ms.saturating_mul(2));
        self.batch = Some(Batch { calls, give_up_ms, rescue: authority == Authority::Rescue });
    }

    pub(super) fn called(&mut self, id: CallId, outcome: &Outcome, now: Now, out: &mut Vec<Effect>) {
        let Some(batch) = &mut self.batch else { return };
        let Some(call) = batch.calls.remove(&id) else { return };
        let rescue = batch.rescue;
        let settled = batch.calls.is_empty();
        let verb = call.action.verb();
        let (level, text) = match outcome {
            Outcome::Done => (Level::Debug, format!("{verb}: done")),
            Outcome::NotSent(why) => (Level::Info, format!("{verb}: not sent: {why}")),
            Outcome::Refused(error) => (Level::Warn, format!("{verb}: refused: {error}")),
            Outcome::Unknown(why) => (Level::Warn, format!("{verb}: no answer in hand: {why}")),
        };
        out.push(report(level, "outcome", Some(call.address.clone()), text));
        if rescue {
            self.evidence.attempts.answered(&call, outcome, now, &self.policy);
        } else if let Some(memory) = &mut self.memory {
            memory.answered(&call, outcome, now, &self.policy);
        }
        if settled {
            self.batch = None;
            self.gate = Gate::closed();
            self.settled_ms = now.boot_ms;
            self.look_in(0, now);
        }
    }

    pub(super) fn engine_stopped(&mut self, id: EffectId, answer: Result<(), String>, now: Now, out: &mut Vec<Effect>) {
        if self.stopping_engine.take_if(|stopping| *stopping == id).is_none() {
            return;
        }
        match answer {
            Ok(()) => out.push(report(Level::Info, "engine-stopped", None, "the local engine is stopped".to_owned())),
            Err(why) => {
                self.look_in(self.policy.backoff_ms, now);
                let text = format!("the local engine could not be stopped: {why}");
                out.push(report(Level::Warn, "engine-stopped", None, text));
            }
        }
    }
}
