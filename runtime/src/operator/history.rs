//! The revisions that a cluster had.

use std::collections::BTreeMap;

use kit_model::{RevisionId, Spec};
use serde::Serialize;

use super::Operator;
use crate::error::OperatorError;

/// One revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryEntry {
    /// Which.
    pub revision: RevisionId,
    /// True for the one that is to be true now.
    pub current: bool,
    /// Groups for which a roll to it has finished.
    pub good_for: Vec<String>,
    /// How many machines it asks for, by group; empty if it cannot be read.
    pub groups: BTreeMap<String, u32>,
}

impl Operator {
    /// The committed revision and those before it, the newest first.
    ///
    /// # Errors
    /// When no manager answers or nothing was ever committed.
    pub async fn history(&self, spec: Option<&Spec>) -> Result<Vec<HistoryEntry>, OperatorError> {
        let reached = self.reach_for(spec).await?;
        let head = reached.head.clone().ok_or_else(|| self.not_formed())?.value;
        let mut entries = Vec::with_capacity(1 + head.history.len());
        for revision in std::iter::once(&head.revision).chain(&head.history) {
            let groups = match self.spec_at(&reached, revision).await {
                Ok(spec) => spec.groups.values().map(|group| (group.name.clone(), group.count)).collect(),
                Err(_) => BTreeMap::new(),
            };
            entries.push(HistoryEntry {
                revision: revision.clone(),
                current: *revision == head.revision,
                good_for: head
                    .last_good
                    .iter()
                    .filter(|(_, good)| *good == revision)
                    .map(|(group, _)| group.clone())
                    .collect(),
                groups,
            });
        }
        Ok(entries)
    }
}
