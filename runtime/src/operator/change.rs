//! A change of the head by an operator: against the version that was read, or not at all.

use std::time::Duration;

use kit_model::{CommitResult, Head, HeadVersion, RevisionId, Spec, StoreError, Versioned};
use tokio::time::{sleep, timeout};

use super::Operator;
use super::reach::candidates;
use crate::codes;
use crate::error::OperatorError;

/// How often a change is tried again when a replica's write came between: each of them takes a few
/// milliseconds every few seconds, so that many in a row are no chance.
const MAX_TRIES: u32 = 30;

/// How long before a change is tried again.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(300);

/// How a head becomes another one: pure, and the same again gives the same.
pub type Change<'a> = dyn Fn(&Head) -> Result<Head, OperatorError> + Send + Sync + 'a;

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The head before.
    pub before: Head,
    /// The head now, and its version.
    pub now: Versioned<Head>,
    /// True if nothing had to be written: it was so already.
    pub unchanged: bool,
}

impl Operator {
    /// Changes the head by `change`. A revision that the new head names is put into the store first.
    ///
    /// `change` is asked before anything is written, so that what it refuses leaves no trace; and asked again
    /// whenever another write came between.
    ///
    /// # Errors
    /// When no manager answers, `change` refuses, or the answer to the write stays unknown.
    pub async fn change_head(
        &self,
        spec: Option<&Spec>,
        revision: Option<(&RevisionId, &[u8])>,
        change: &Change<'_>,
    ) -> Result<Changed, OperatorError> {
        let mut put = false;
        let mut lost = None;
        let mut first = None;
        for _ in 0..MAX_TRIES {
            let reached = match self.reach_for(spec).await {
                Ok(reached) => reached,
                // Once a write was sent, an election on the way is waited for: its outcome must be told.
                Err(error) if lost.is_none() => return Err(error),
                Err(_) => {
                    sleep(TRY_AGAIN_AFTER).await;
                    continue;
                }
            };
            let Some(base) = reached.head.clone() else { return Err(self.not_formed()) };
            let next = change(&base.value)?;
            let before = first.get_or_insert_with(|| base.value.clone()).clone();
            if next == base.value {
                let unchanged = lost.is_none();
                return Ok(Changed { before, now: base, unchanged });
            }
            // Never sent: whether it was committed is no question.
            if let Err(error) = next.to_bytes() {
                return Err(OperatorError::new(codes::CHANGE_REFUSED, error.to_string())
                    .with_help("wait until operations have ended, or `kitc resume` what is frozen; then try again"));
            }
            if let (Some((revision, bytes)), false) = (revision, put) {
                self.put(&reached, revision, bytes).await?;
                put = true;
            }
            match self.write(&reached, base.version, &next).await {
                CommitResult::Committed(version) => {
                    let now = Versioned { version, value: next };
                    self.remember(&now, revision.map(|(_, bytes)| bytes)).await;
                    return Ok(Changed { before, now, unchanged: false });
                }
                CommitResult::Stale => {}
                // Read again: `change` gives the head as it stands if the write has arrived after all. If it
                // arrives later than the next one, it names a version that is no longer there.
                CommitResult::Unknown(why) => lost = Some(why),
            }
            sleep(TRY_AGAIN_AFTER).await;
        }
        Err(match lost {
            Some(why) => OperatorError::new(
                codes::COMMIT_UNKNOWN,
                format!("whether the change was committed is not known: {why}"),
            )
            .with_help("`kitc history` shows in a minute whether it was"),
            None => OperatorError::new(
                codes::NO_MANAGER_ANSWERS,
                format!("the head was written by others each of the {MAX_TRIES} times that this was tried"),
            ),
        })
    }

    /// Finds a manager of the cluster, whose members the spec names or else the provider.
    ///
    /// # Errors
    /// When none answers.
    pub async fn reach_for(&self, spec: Option<&Spec>) -> Result<super::Reached, OperatorError> {
        let asked = match spec {
            Some(spec) => candidates(Some(spec), None),
            None if self.site.goes_through().is_some() => Vec::new(),
            None => {
                let anchor = self.anchor().await?.ok_or_else(|| self.not_formed())?;
                let inventory = self.list(&anchor.uid, None).await?;
                self.candidates(&anchor.uid, None, Some(&inventory)).await
            }
        };
        match self.reach(&asked).await {
            Ok(reached) => Ok(reached),
            // Nobody answers where nobody is left.
            Err(error) => Err(self.if_destroyed(spec).await.unwrap_or(error)),
        }
    }

    async fn put(&self, reached: &super::Reached, revision: &RevisionId, bytes: &[u8]) -> Result<(), OperatorError> {
        let patience = self.patience();
        match timeout(patience, reached.store().put_revision(revision, bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error @ StoreError::TooLarge { .. })) => {
                Err(OperatorError::new(codes::CHANGE_REFUSED, error.to_string()))
            }
            Ok(Err(error)) => Err(OperatorError::new(codes::NO_MANAGER_ANSWERS, error.to_string())),
            Err(_) => Err(OperatorError::new(
                codes::NO_MANAGER_ANSWERS,
                format!("the store gave no answer within {} s", patience.as_secs()),
            )),
        }
    }

    async fn write(&self, reached: &super::Reached, base: HeadVersion, head: &Head) -> CommitResult {
        let patience = self.patience();
        timeout(patience, reached.store().update_head(base, head))
            .await
            .unwrap_or_else(|_| CommitResult::Unknown(format!("no answer within {} s", patience.as_secs())))
    }

    /// The error of a command that needs a formed cluster.
    #[must_use]
    pub fn not_formed(&self) -> OperatorError {
        OperatorError::new(codes::NOT_FORMED, format!("the cluster {} is not formed yet", self.site.cluster()))
            .with_help("`kitc apply FILE` makes it")
    }
}
