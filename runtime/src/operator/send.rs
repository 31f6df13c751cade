//! An operator's own calls: before a cluster is formed, in a recovery, and in its destruction.

use std::sync::atomic::{AtomicU64, Ordering};

use kit_model::{Authority, Call, CallId, ClusterUid, Outcome, Step};
use kit_planner::Gate;
use tokio::time::timeout;

use super::Operator;

/// Numbers the calls of this process.
static NEXT_CALL: AtomicU64 = AtomicU64::new(1);

impl Operator {
    /// Sends one step, once. What became of it shows in the next listing.
    pub(crate) async fn send(&self, uid: &ClusterUid, step: &Step) -> Outcome {
        let policy = self.site.policy();
        let call = Call {
            id: CallId(NEXT_CALL.fetch_add(1, Ordering::Relaxed)),
            address: step.address.clone(),
            authority: Authority::Operator,
            not_after_boot_ms: self.site.clock_now().boot_ms.saturating_add(policy.permit_ms),
            action: step.action.clone(),
        };
        let gate = Gate::operator();
        let admission = || gate.admit(&call, &policy, self.site.clock_now()).map_err(|refusal| refusal.to_string());
        let provider = self.site.provider();
        timeout(self.patience(), provider.send(uid, &call, &admission))
            .await
            .unwrap_or_else(|_| Outcome::Unknown("the provider gave no answer in time".to_owned()))
    }
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
