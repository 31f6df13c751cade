//! The beginning of a cluster: the anchor, the resources, the volumes of the group that leads, the seed
//! machine; and, once the seed has formed the Swarm, nothing ever again.

use std::time::Duration;

use kit_model::{Anchor, ClusterUid, ErrorClass, Outcome, Plan, Reason, Step};
use kit_planner::Attempts;
use tokio::time::{Instant, sleep};

use super::commit::Revision;
use super::follow::things_of;
use super::send::{refused, trouble};
use super::{Operator, Progress};
use crate::codes;
use crate::error::OperatorError;

/// How long a beginning may take: a machine that boots slowly takes five minutes, and it may have to be made
/// a second time.
const PATIENCE: Duration = Duration::from_secs(900);

/// How long between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How a beginning ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// The cluster.
    pub uid: ClusterUid,
    /// True if it was formed before this began.
    pub was_formed: bool,
}

impl Operator {
    /// Claims the cluster's name, or takes over the claim that stands.
    ///
    /// # Errors
    /// When the provider gives no answer.
    pub async fn claim(&self) -> Result<Anchor, OperatorError> {
        if let Some(anchor) = self.anchor().await? {
            return Ok(anchor);
        }
        let uid = random_uid().map_err(|error| {
            OperatorError::new(codes::STATE_UNREADABLE, format!("the kernel gave no random ID: {error}"))
        })?;
        self.asked(self.site.provider().claim_anchor(self.site.cluster(), uid)).await
    }

    /// Brings the cluster to where a replica beside the seed machine has formed it. It may be interrupted and
    /// repeated at any point, by several at once.
    ///
    /// # Errors
    /// When the provider gives no answer for long, refuses for good, or the cluster is not formed in time.
    pub async fn begin(&self, revision: &Revision, progress: &dyn Progress) -> Result<Begun, OperatorError> {
        self.site.fetch_images(&revision.spec, progress).await?;
        let uid = self.claim().await?.uid;
        let deadline = Instant::now() + PATIENCE;
        let total = things_of(&revision.spec);
        let mut waits_for = String::new();
        let mut given = false;
        let mut first = true;
        let mut attempts = Attempts::default();
        loop {
            match self.list(&uid, Some(&revision.spec)).await {
                // Looked at anew before each call: the moment that a volume is formed, the operator is done.
                Ok(inventory) if kit_planner::is_formed(&inventory) => return Ok(Begun { uid, was_formed: first }),
                Ok(inventory) => {
                    if let (false, Some(seed)) = (given, revision.spec.seed()) {
                        self.site.give_revision(&seed.address, revision).await?;
                        given = true;
                    }
                    let now = self.site.clock_now();
                    let plan = kit_planner::bootstrap(&revision.spec, &uid, &inventory, &mut attempts, now);
                    // A member counts once it is whole, which is after the beginning.
                    let done = inventory.resources.iter().filter(|live| live.ready).count();
                    let sends = match plan.steps.first() {
                        Some(step) => self.begin_step(&uid, step, &mut attempts, progress, &mut waits_for).await?,
                        None => {
                            waits_for = what_waits(&plan).unwrap_or(waits_for);
                            false
                        }
                    };
                    progress.waiting(done.min(total), total, &waits_for);
                    // Another step at once; the same one again only after a pause, where a listing lags.
                    if sends && Instant::now() < deadline {
                        first = false;
                        continue;
                    }
                }
                Err(error) => waits_for = error.in_one_line(),
            }
            first = false;
            if Instant::now() >= deadline {
                let message = format!("{} was not formed within {} min", self.site.cluster(), PATIENCE.as_secs() / 60);
                return Err(OperatorError::new(codes::NOT_FORMED, format!("{message}; it waits: {waits_for}"))
                    .with_help("run the same command again: it goes on where this one stopped"));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Sends a step, and says what is waited for. False where it was sent a short while ago.
    async fn begin_step(
        &self,
        uid: &ClusterUid,
        step: &Step,
        attempts: &mut Attempts,
        progress: &dyn Progress,
        waits_for: &mut String,
    ) -> Result<bool, OperatorError> {
        let Some(outcome) = self.send(uid, step, attempts, progress).await else { return Ok(false) };
        if let Outcome::Refused(error) = &outcome
            && matches!(error.class, ErrorClass::Fatal | ErrorClass::Conflict)
        {
            return Err(refused(step, error));
        }
        *waits_for = format!("{}: {}", step.address, step.action.verb());
        if let Some(trouble) = trouble(&outcome) {
            waits_for.push_str(&format!(" was {trouble}"));
            sleep(LOOK_EVERY).await;
        }
        Ok(true)
    }
}

/// What a beginning waits for that has nothing to send.
fn what_waits(plan: &Plan) -> Option<String> {
    plan.blocked.first().map(|blocked| match &blocked.address {
        // It waits for itself while it is being made.
        Some(address) if blocked.reason == (Reason::DependsOn { address: address.clone() }) => {
            format!("{address} is being made")
        }
        Some(address) => format!("{address}: {}", blocked.reason),
        None => blocked.reason.to_string(),
    })
}

/// A random uid from the kernel: 122 random bits.
fn random_uid() -> std::io::Result<ClusterUid> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/uuid")?;
    Ok(ClusterUid::new(text.trim()))
}
