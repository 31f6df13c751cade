//! The revisions that are loaded.

use std::collections::BTreeMap;
use std::sync::Arc;

use kit_model::{Address, ContentHash, Head, RevisionId, Spec};

/// The specs of the revisions that a head names, as far as they are loaded.
#[derive(Debug, Clone, Default)]
pub struct Specs {
    loaded: BTreeMap<RevisionId, Arc<Spec>>,
}

impl Specs {
    /// None loaded yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one under its own revision.
    pub fn insert(&mut self, spec: Arc<Spec>) {
        self.loaded.insert(spec.revision.clone(), spec);
    }

    /// The spec of a revision, if it is loaded.
    #[must_use]
    pub fn get(&self, revision: &RevisionId) -> Option<&Arc<Spec>> {
        self.loaded.get(revision)
    }

    /// A loaded spec in which the machine of `address` is made from this content: the first by revision.
    pub(crate) fn with_content(&self, address: &Address, content: &ContentHash) -> Option<&Spec> {
        self.loaded.values().map(Arc::as_ref).find(|spec| spec.content_of(address) == Some(content))
    }

    /// Revisions that planning under `head` needs and that are not loaded. The history is not among them.
    #[must_use]
    pub fn missing(&self, head: &Head) -> Vec<RevisionId> {
        let mut missing: Vec<_> =
            needed(head).filter(|revision| !self.loaded.contains_key(*revision)).cloned().collect();
        missing.sort();
        missing.dedup();
        missing
    }

    /// Forgets what planning under `head` does not need.
    pub fn retain(&mut self, head: &Head) {
        self.loaded.retain(|revision, _| needed(head).any(|wanted| wanted == revision));
    }
}

impl FromIterator<Arc<Spec>> for Specs {
    fn from_iter<T: IntoIterator<Item = Arc<Spec>>>(specs: T) -> Self {
        Self { loaded: specs.into_iter().map(|spec| (spec.revision.clone(), spec)).collect() }
    }
}

fn needed(head: &Head) -> impl Iterator<Item = &RevisionId> {
    std::iter::once(&head.revision)
        .chain(head.last_good.values())
        .chain(head.operations.values().map(|operation| &operation.revision))
        .chain(head.waves.iter().map(|wave| &wave.revision))
}
