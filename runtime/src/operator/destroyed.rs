//! A cluster that was destroyed while volumes of it were kept: nothing runs, nothing answers, and that is no outage.

use kit_model::{Head, Inventory, Spec, VolumeId};

use super::Operator;
use crate::codes;
use crate::error::OperatorError;

/// Why there is nothing left to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Over {
    /// The name is free, or another cluster's.
    Gone,
    /// These volumes are kept and hold the name.
    Kept(Vec<VolumeId>),
}

/// The volumes that a destruction left, if it is over.
///
/// Machines that are gone are an outage as well; a destruction was committed, or took the declared resources too,
/// which no outage does. A listing that is not complete shows no absence.
pub(super) fn kept_volumes(inventory: &Inventory, spec: Option<&Spec>, head: Option<&Head>) -> Option<Vec<VolumeId>> {
    let ended = inventory.machines.iter().all(|machine| machine.state.is_terminal());
    let committed = head.is_some_and(|head| head.destroying);
    let declared = spec.is_some_and(|spec| !spec.resources.is_empty());
    let taken = inventory.resources.is_empty() && (declared || committed);
    let over = inventory.complete && ended && taken && kit_planner::is_formed(inventory);
    over.then(|| inventory.volumes.iter().map(|volume| volume.id.clone()).collect())
}

impl Operator {
    /// Whether the cluster that had `uid` is no more; none while it is there, or nobody says.
    pub async fn over(&self, uid: &kit_model::ClusterUid, spec: Option<&Spec>) -> Option<Over> {
        match self.anchor().await.ok()? {
            Some(anchor) if anchor.uid == *uid => {}
            _ => return Some(Over::Gone),
        }
        let inventory = self.list(uid, spec).await.ok()?;
        let cached = self.cached(uid).await;
        let last_seen = cached.as_ref().map(|(head, _)| &head.value);
        let spec = cached.as_ref().map(|(_, spec)| &**spec).or(spec);
        kept_volumes(&inventory, spec, last_seen).map(Over::Kept)
    }

    /// The error of a command that needs a cluster that is there, where it was destroyed.
    pub(super) async fn if_destroyed(&self, spec: Option<&Spec>) -> Option<OperatorError> {
        let anchor = self.anchor().await.ok()??;
        match self.over(&anchor.uid, spec).await? {
            Over::Gone => None,
            Over::Kept(volumes) => Some(self.destroyed(&volumes)),
        }
    }

    /// What is said of a destroyed cluster whose volumes are kept.
    pub(super) fn destroyed(&self, volumes: &[VolumeId]) -> OperatorError {
        let name = self.site.cluster();
        let ids: Vec<&str> = volumes.iter().map(VolumeId::as_str).collect();
        let ids = ids.join(",");
        OperatorError::new(codes::DESTROYED, format!("the cluster {name} was destroyed; its volumes are kept"))
            .with_help(format!("`kitc destroy FILE --yes {name} --volumes {ids}` removes them and frees the name"))
    }
}

#[cfg(test)]
mod tests {
    use kit_model::{Address, ClusterUid, ContentHash, Generation, Marks, RevisionId, Token, Volume, VolumeState};

    use super::*;

    fn left() -> Inventory {
        let volume = Volume {
            id: VolumeId::from("vol-1"),
            marks: Marks {
                uid: ClusterUid::from("uid"),
                address: Address::from("managers.m1"),
                generation: Generation(0),
                content: ContentHash::from("content"),
                token: Token::from("token"),
            },
            state: VolumeState::Available,
            formed: true,
        };
        Inventory { complete: true, volumes: vec![volume], ..Inventory::default() }
    }

    fn head(destroying: bool) -> Head {
        Head { destroying, ..Head::first(ClusterUid::from("uid"), RevisionId::from("sha256:1")) }
    }

    #[test]
    fn an_outage_is_no_destruction() {
        assert_eq!(kept_volumes(&left(), None, Some(&head(true))), Some(vec![VolumeId::from("vol-1")]));
        assert_eq!(kept_volumes(&left(), None, Some(&head(false))), None, "nobody destroyed it");
        assert_eq!(kept_volumes(&left(), None, None), None, "what was declared is not known");
        let partial = Inventory { complete: false, ..left() };
        assert_eq!(kept_volumes(&partial, None, Some(&head(true))), None, "what is not listed is not gone");
    }
}
