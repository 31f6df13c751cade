//! An operator's commits: another revision, an older one again, pause, resume, and the end.

use std::sync::Arc;

use kit_graph::Graph;
use kit_model::{Head, RevisionId, Spec};
use kit_planner::{ChangeRefused, Resume};
use tokio::time::timeout;

use super::change::Changed;
use super::{Operator, Reached};
use crate::codes;
use crate::error::OperatorError;
use crate::executor::spec_of;

/// A revision ready to be committed.
#[derive(Debug, Clone)]
pub struct Revision {
    /// What it asks for.
    pub spec: Arc<Spec>,
    /// The graph's canonical bytes.
    pub bytes: Arc<[u8]>,
}

impl Revision {
    /// The revision of a graph.
    ///
    /// # Errors
    /// When the runtime cannot apply it.
    pub fn of(graph: &Graph) -> Result<Self, OperatorError> {
        let spec = Spec::from_graph(graph)
            .map_err(|error| OperatorError::new(codes::CANNOT_APPLY, format!("this cannot be applied: {error}")))?;
        if spec.seed().is_none() {
            return Err(OperatorError::new(codes::CANNOT_APPLY, "no group with members leads this cluster")
                .with_help("write `leader = GROUP` in the `cluster` block, naming a group of `swarm.Manager`"));
        }
        Ok(Self { spec: Arc::new(spec), bytes: graph.to_canonical_bytes().into() })
    }
}

impl Operator {
    /// Commits `new` over `base`, the revision that it was planned against.
    ///
    /// # Errors
    /// When the base moved, the change is refused, or no manager answers.
    pub async fn commit(&self, base: &RevisionId, new: &Revision) -> Result<Changed, OperatorError> {
        let reached = self.reach_for(Some(&new.spec)).await?;
        let committed = self.spec_at(&reached, base).await?;
        self.change_head(Some(&committed), Some((&new.spec.revision, &new.bytes)), &|head| {
            match kit_planner::commit_revision(head, base, &committed, &new.spec) {
                // It is so already: committed before, or by a write of ours whose answer was lost.
                Err(ChangeRefused::NothingChanged) => Ok(head.clone()),
                Err(ChangeRefused::BaseMoved { .. }) if head.revision == new.spec.revision => Ok(head.clone()),
                other => other.map_err(refused),
            }
        })
        .await
    }

    /// The revision that a rollback would go back to.
    ///
    /// # Errors
    /// When no manager answers, or there is no such revision.
    pub async fn rollback_target(
        &self,
        spec: Option<&Spec>,
        wanted: Option<&str>,
    ) -> Result<RevisionId, OperatorError> {
        let reached = self.reach_for(spec).await?;
        let head = reached.head.ok_or_else(|| self.not_formed())?.value;
        kit_planner::rollback_target(&head, wanted).map_err(refused)
    }

    /// A revision that the store keeps, to be planned and committed again: a rollback is a commit of an older one.
    ///
    /// # Errors
    /// When no manager answers, or it cannot be read.
    pub async fn stored_revision(&self, revision: &RevisionId) -> Result<Revision, OperatorError> {
        let reached = self.reach_for(None).await?;
        let bytes = self.revision_at(&reached, revision).await?;
        let spec = spec_of(&bytes, revision).map_err(|why| unreadable(revision, &why))?;
        Ok(Revision { spec: Arc::new(spec), bytes })
    }

    /// The graph of the committed revision, and which revision that is.
    ///
    /// # Errors
    /// When no manager answers, nothing was ever committed, or it cannot be read.
    pub async fn committed_graph(&self) -> Result<(RevisionId, Graph), OperatorError> {
        let reached = self.reach_for(None).await?;
        let revision = reached.head.as_ref().ok_or_else(|| self.not_formed())?.value.revision.clone();
        let bytes = self.revision_at(&reached, &revision).await?;
        let graph = Graph::from_bytes(&bytes).map_err(|error| unreadable(&revision, &error.to_string()))?;
        Ok((revision, graph))
    }

    /// Stops everything but looking.
    ///
    /// # Errors
    /// When no manager answers or the cluster is being destroyed.
    pub async fn pause(&self, spec: Option<&Spec>, why: &str) -> Result<Changed, OperatorError> {
        self.change_head(spec, None, &|head| kit_planner::pause(head, why).map_err(refused)).await
    }

    /// Goes on after a pause or a freeze.
    ///
    /// # Errors
    /// When no manager answers, an address is not the cluster's, or the cluster is being destroyed.
    pub async fn resume(&self, spec: Option<&Spec>, what: &Resume) -> Result<Changed, OperatorError> {
        let reached = self.reach_for(spec).await?;
        let head = reached.head.clone().ok_or_else(|| self.not_formed())?.value;
        let committed = self.spec_at(&reached, &head.revision).await?;
        self.change_head(spec, None, &|head| kit_planner::resume(head, &committed, what).map_err(refused)).await
    }

    /// Begins the end: nothing heals any more.
    ///
    /// # Errors
    /// When no manager answers.
    pub async fn begin_destruction(&self, spec: Option<&Spec>) -> Result<Changed, OperatorError> {
        self.change_head(spec, None, &|head: &Head| Ok(kit_planner::destroy(head))).await
    }

    /// The spec of a revision in the store.
    pub(crate) async fn spec_at(&self, reached: &Reached, revision: &RevisionId) -> Result<Spec, OperatorError> {
        let bytes = self.revision_at(reached, revision).await?;
        spec_of(&bytes, revision).map_err(|why| unreadable(revision, &why))
    }

    async fn revision_at(&self, reached: &Reached, revision: &RevisionId) -> Result<Arc<[u8]>, OperatorError> {
        match timeout(self.patience(), reached.store().revision(revision)).await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) => Err(unreadable(revision, &error.to_string())),
            Err(_) => Err(unreadable(revision, "the store gave no answer in time")),
        }
    }
}

fn unreadable(revision: &RevisionId, why: &str) -> OperatorError {
    OperatorError::new(codes::STATE_UNREADABLE, format!("the revision {revision} cannot be read: {why}"))
}

/// A refusal as an error with a code.
pub(crate) fn refused(refusal: ChangeRefused) -> OperatorError {
    let message = refusal.to_string();
    match refusal {
        ChangeRefused::BaseMoved { .. } => OperatorError::new(codes::BASE_MOVED, message)
            .with_help("look at `kitc history`, then plan and commit again"),
        ChangeRefused::NoSuchAddress { .. } => {
            OperatorError::new(codes::NO_SUCH_MEMBER, message).with_help("`kitc status` lists the addresses")
        }
        ChangeRefused::NoSuchRevision { history, .. } if history.is_empty() => OperatorError::new(
            codes::NO_SUCH_REVISION,
            "there is no revision to go back to: nothing was committed before the present one",
        ),
        ChangeRefused::NoSuchRevision { .. } | ChangeRefused::AmbiguousRevision { .. } => {
            OperatorError::new(codes::NO_SUCH_REVISION, message).with_help("`kitc history` lists the revisions")
        }
        ChangeRefused::Pairing { .. } | ChangeRefused::IpCrossed { .. } => {
            OperatorError::new(codes::CHANGE_REFUSED, message)
                .with_help("take the member out in one commit, and add one with another ID in the next")
        }
        ChangeRefused::NothingChanged
        | ChangeRefused::Destroying
        | ChangeRefused::OtherCluster { .. }
        | ChangeRefused::Resource { .. } => OperatorError::new(codes::CHANGE_REFUSED, message),
    }
}
