//! What an operator's process does: it begins a cluster, changes its head, and looks.
//!
//! Once a cluster is formed it provisions nothing any more but in `recover`, when no manager runs, and in
//! `destroy`, after that was committed.

mod begin;
mod change;
mod commit;
mod converged;
mod destroy;
mod destroyed;
mod dry_run;
mod follow;
mod history;
mod outage;
mod reach;
mod recover;
mod report;
mod send;
mod view;
mod words;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use kit_model::{Anchor, ClusterUid, Inventory, ProviderError, Spec};
use tokio::time::timeout;

pub use begin::Begun;
pub use change::{Change, Changed};
pub use commit::Revision;
pub(crate) use converged::state_in_words;
pub use converged::{Lack, lacks};
pub use destroy::{Destroyed, Destruction};
pub use destroyed::Over;
pub use dry_run::{ChangeKind, ChangedValue, DryRun, PlannedChange, PlannedStep, PlannedWait, Refusal};
pub use history::HistoryEntry;
pub use reach::Reached;
pub use recover::RecoveredFrom;
pub use report::{MachineReport, MemberReport, NodeReport, ReplicaReport, Report, ResourceReport, Round, VolumeReport};
pub use view::ClusterView;
pub use words::{MemberWords, short, who_should_act};

use crate::codes;
use crate::error::OperatorError;
use crate::site::Site;

/// An operator's process at one cluster.
#[derive(Clone)]
pub struct Operator {
    /// The cluster's place.
    pub site: Arc<dyn Site>,
}

/// Hears how long work goes on.
pub trait Progress: Send + Sync {
    /// Something was done or decided.
    fn step(&self, message: &str);

    /// So much of the whole is done; the message says what is waited for.
    fn waiting(&self, done: usize, total: usize, message: &str);

    /// The message says what is waited for; how much is done stays as it was told last.
    fn waits_for(&self, message: &str);
}

impl Operator {
    /// The operator at this place.
    #[must_use]
    pub fn new(site: Arc<dyn Site>) -> Self {
        Self { site }
    }

    pub(crate) fn patience(&self) -> Duration {
        Duration::from_millis(self.site.policy().call_timeout_ms)
    }

    /// Who claimed the cluster's name, if anyone did.
    ///
    /// # Errors
    /// When the provider gives no answer.
    pub async fn anchor(&self) -> Result<Option<Anchor>, OperatorError> {
        self.asked(self.site.provider().anchor(self.site.cluster())).await
    }

    /// Everything that carries the cluster's mark.
    ///
    /// # Errors
    /// When the provider gives no answer.
    pub async fn list(&self, uid: &ClusterUid, spec: Option<&Spec>) -> Result<Inventory, OperatorError> {
        let ips: BTreeSet<IpAddr> =
            spec.iter().flat_map(|spec| spec.members.values()).filter_map(|member| member.ip).collect();
        let ips: Vec<IpAddr> = ips.into_iter().collect();
        self.asked(self.site.provider().list(uid, &ips)).await
    }

    pub(crate) async fn asked<T>(
        &self,
        question: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, OperatorError> {
        let patience = self.patience();
        match timeout(patience, question).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(OperatorError::new(codes::PROVIDER_SILENT, error.to_string())),
            Err(_) => Err(OperatorError::new(
                codes::PROVIDER_SILENT,
                format!("the provider gave no answer within {} s", patience.as_secs()),
            )),
        }
    }
}
