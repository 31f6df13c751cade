//! What was sent, and what became of it: when the same call may go again, and which tokens stand for something that is gone.
//! A holder keeps it in its memory; a rescue and an operator's own process keep one of their own.

use std::collections::{BTreeMap, BTreeSet};

use kit_model::{Action, Address, Call, ErrorClass, Now, Outcome, Policy, Token};
use serde::{Deserialize, Serialize};

use crate::bugs::{Bug, planted};

/// The first pause before a call that was answered is repeated without visible effect: longer than what a
/// provider takes to show it.
pub(crate) const REPEAT_MS: u64 = 30_000;

/// How many tokens in a row may stand for something gone before no further one is tried. Each takes a minute and a half to
/// tell, and a hundred machines that vanish within days before one of them serves are for a person to look at.
const MAX_IN_VAIN: usize = 100;

/// The calls that one process sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attempts {
    /// The last call for an address and when it may be repeated.
    last: BTreeMap<Address, Attempt>,
    /// Until when the provider asked for quiet, and how often it did in a row.
    throttled: Option<(u64, u32)>,
    /// Tokens that stand for something gone.
    in_vain: BTreeSet<Token>,
}

/// Calls of one kind for one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Attempt {
    what: String,
    count: u32,
    next_ms: u64,
    why: String,
    /// True if the last answer was that it is done.
    done: bool,
}

impl Attempts {
    /// Notes that a call is being sent.
    pub fn sent(&mut self, call: &Call, now: Now, policy: &Policy) {
        let what = what_of(&call.action);
        let count = match self.last.get(&call.address) {
            Some(attempt) if attempt.what == what => attempt.count.saturating_add(1),
            _ => 1,
        };
        let attempt = Attempt {
            what,
            count,
            next_ms: now.boot_ms.saturating_add(growing(REPEAT_MS, count, policy)),
            why: format!("\"{}\" was sent and shows no effect yet", call.action.verb()),
            done: false,
        };
        self.last.insert(call.address.clone(), attempt);
    }

    /// Notes what became of a call. False if it was not noted that it was sent, or if another was since.
    pub fn answered(&mut self, call: &Call, outcome: &Outcome, now: Now, policy: &Policy) -> bool {
        let Some(attempt) = self.last.get_mut(&call.address) else { return false };
        let count = attempt.count;
        match outcome {
            Outcome::Done => {
                attempt.done = true;
                // What was sent may have arrived as late as now, and takes its time to show from then on.
                attempt.next_ms = now.boot_ms.saturating_add(growing(REPEAT_MS, count, policy));
                if !call.action.is_for_swarm() {
                    self.throttled = None;
                }
            }
            Outcome::NotSent(_) => {
                // Nothing happened: the next permit tries at once.
                attempt.count = count.saturating_sub(1);
                attempt.next_ms = now.boot_ms;
            }
            Outcome::Unknown(why) => {
                attempt.next_ms = now.boot_ms.saturating_add(growing(policy.backoff_ms, count, policy));
                attempt.why = format!("the answer to \"{}\" was lost: {why}", call.action.verb());
            }
            Outcome::Refused(error) => {
                attempt.next_ms = now.boot_ms.saturating_add(growing(policy.backoff_ms, count, policy));
                attempt.why = error.to_string();
                if error.class == ErrorClass::Throttled {
                    // It took no effect: it counts as no try.
                    attempt.count = count.saturating_sub(1);
                    let times = self.throttled.map_or(0, |(_, times)| times).saturating_add(1);
                    // A whole batch is refused in one breath: that counts once.
                    if self.throttled.is_none_or(|(until_ms, _)| now.boot_ms >= until_ms) {
                        let until_ms = now.boot_ms.saturating_add(growing(policy.backoff_ms, times, policy));
                        self.throttled = Some((until_ms, times));
                    }
                }
            }
        }
        true
    }

    /// Whether `action` may be sent for `address` now; else why not, and for how many milliseconds.
    ///
    /// # Errors
    /// While the provider asks for quiet, and while the same call was sent and its pause is not over.
    pub fn may_send(&self, address: &Address, action: &Action, now: Now) -> Result<(), (String, u64)> {
        if planted(Bug::RepeatWithoutPause) {
            return Ok(());
        }
        if !action.is_for_swarm()
            && let Some((until_ms, _)) = self.throttled
            && now.boot_ms < until_ms
        {
            return Err(("the provider asks for fewer requests".to_owned(), until_ms - now.boot_ms));
        }
        match self.last.get(address) {
            Some(attempt) if now.boot_ms < attempt.next_ms && attempt.what == what_of(action) => {
                Err((attempt.why.clone(), attempt.next_ms - now.boot_ms))
            }
            _ => Ok(()),
        }
    }

    /// Whether a creation under `token` was answered as done, twice, with a pause each time, and still nothing of it
    /// shows: the token stands for something that is gone, and the provider keeps answering with that.
    pub(crate) fn was_in_vain(&self, address: &Address, token: &Token, now: Now) -> bool {
        self.last.get(address).is_some_and(|attempt| {
            attempt.done
                && attempt.count >= 2
                && now.boot_ms >= attempt.next_ms
                && attempt.what.ends_with(token.as_str())
        })
    }

    /// Takes in that no complete listing shows what is to be made for `address` under `token`, and says under which token to
    /// make it: that one, or where it stands for something gone the next. Who makes it from an operator's process or in a rescue
    /// has no journal with generations; whoever does, and however many do, arrives at the same row of tokens.
    pub fn token(&mut self, address: &Address, token: Token, now: Now) -> Token {
        let mut token = token;
        for _ in 0..MAX_IN_VAIN {
            if self.was_in_vain(address, &token, now) {
                self.in_vain.insert(token.clone());
            }
            if !self.in_vain.contains(&token) {
                break;
            }
            token = token.after();
        }
        token
    }

    /// Forgets calls whose pauses are long over, and those that `is_over` tells to have had their effect.
    pub(crate) fn forget(&mut self, is_over: impl Fn(&Address) -> bool, now: Now, policy: &Policy) {
        // Kept a while after its time, so that a repetition is known as one.
        self.last.retain(|address, attempt| {
            now.boot_ms < attempt.next_ms.saturating_add(policy.backoff_max_ms) && !is_over(address)
        });
        self.throttled = self.throttled.filter(|(until_ms, _)| now.boot_ms < until_ms.saturating_add(REPEAT_MS));
    }
}

/// What a call does, and to what: the same text for the same call in another round.
fn what_of(action: &Action) -> String {
    let verb = action.verb();
    match action {
        Action::CreateResource { token, .. } | Action::CreateVolume { token, .. } => format!("{verb} {token}"),
        Action::CreateMachine(request) => format!("{verb} {}", request.token),
        Action::StartMachine { machine } | Action::RebootMachine { machine } | Action::TerminateMachine { machine } => {
            format!("{verb} {machine}")
        }
        Action::AttachVolume { volume, machine } | Action::ForceDetach { volume, machine } => {
            format!("{verb} {volume} {machine}")
        }
        Action::MarkFormed { volume } | Action::RetireVolume { volume } => format!("{verb} {volume}"),
        Action::SetAvailability { node, version, .. }
        | Action::SetRole { node, version, .. }
        | Action::SetLabels { node, version, .. } => format!("{verb} {node} {version}"),
        Action::RemoveNode { node } => format!("{verb} {node}"),
    }
}

fn growing(first_ms: u64, count: u32, policy: &Policy) -> u64 {
    let doubled = first_ms.saturating_mul(1 << count.saturating_sub(1).min(16));
    doubled.min(policy.backoff_max_ms.max(first_ms))
}
