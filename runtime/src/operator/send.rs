//! An operator's own calls: before a cluster is formed, in a recovery, and in its destruction.

use std::sync::atomic::{AtomicU64, Ordering};

use kit_model::{Authority, Call, CallError, CallId, ClusterUid, ErrorClass, Outcome, Step};
use kit_planner::{Attempts, Gate};
use tokio::time::timeout;

use super::{Operator, Progress};
use crate::codes;
use crate::error::OperatorError;

/// Numbers the calls of this process.
static NEXT_CALL: AtomicU64 = AtomicU64::new(1);

impl Operator {
    /// Sends one step, once, and tells it; unless the same was sent a short while ago: then there is no outcome. What became
    /// of it shows in the next listing.
    pub(super) async fn send(
        &self,
        uid: &ClusterUid,
        step: &Step,
        attempts: &mut Attempts,
        progress: &dyn Progress,
    ) -> Option<Outcome> {
        let now = self.site.clock_now();
        attempts.may_send(&step.address, &step.action, now).ok()?;
        progress.step(&format!("{}: {} ({})", step.address, step.action.verb(), step.why));
        let policy = self.site.policy();
        let call = Call {
            id: CallId(NEXT_CALL.fetch_add(1, Ordering::Relaxed)),
            address: step.address.clone(),
            authority: Authority::Operator,
            not_after_boot_ms: now.boot_ms.saturating_add(policy.permit_ms),
            action: step.action.clone(),
        };
        let gate = Gate::operator();
        let admission = || gate.admit(&call, &policy, self.site.clock_now()).map_err(|refusal| refusal.to_string());
        let provider = self.site.provider();
        attempts.sent(&call, now, &policy);
        let outcome = timeout(self.patience(), provider.send(uid, &call, &admission))
            .await
            .unwrap_or_else(|_| Outcome::Unknown("the provider gave no answer in time".to_owned()));
        attempts.answered(&call, &outcome, self.site.clock_now(), &policy);
        if let Some(trouble) = trouble(&outcome) {
            progress.step(&format!("{}: {} was {trouble}", step.address, step.action.verb()));
        }
        Some(outcome)
    }
}

/// The end of an operator's work, where what it sends can never succeed.
pub(super) fn refused_for_good(step: &Step, outcome: Option<&Outcome>) -> Result<(), OperatorError> {
    match outcome {
        Some(Outcome::Refused(error)) if error.class == ErrorClass::Fatal => Err(refused(step, error)),
        _ => Ok(()),
    }
}

/// A refusal as the error of the whole work.
pub(super) fn refused(step: &Step, error: &CallError) -> OperatorError {
    let message = format!("{}: {} was refused: {error}", step.address, step.action.verb());
    OperatorError::new(codes::PROVIDER_SILENT, message)
}

/// An outcome that is worth telling, in words.
pub(crate) fn trouble(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Done => None,
        Outcome::NotSent(why) => Some(format!("not sent: {why}")),
        Outcome::Refused(error) => Some(format!("refused: {error}")),
        Outcome::Unknown(why) => Some(format!("no answer: {why}")),
    }
}
