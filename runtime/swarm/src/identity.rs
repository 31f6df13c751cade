//! Which machine an engine runs on, and which clusters its Swarm holds.

use kit_model::{Address, ClusterUid, Generation, StoreError};

use crate::engine::{Engine, EngineError, LOOK_PATIENCE};
use crate::names::{ADDRESS_LABEL, GENERATION_LABEL, UID_LABEL, uid_of_head};
use crate::store::all_named;

/// What an engine says of its machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The cluster whose machine it is, if it is one of Kit's.
    pub uid: Option<ClusterUid>,
    /// Which member or slot of it.
    pub address: Option<Address>,
    /// Which making of it.
    pub generation: Option<Generation>,
    /// True if it is a manager of a Swarm.
    pub is_manager: bool,
}

impl Engine {
    /// What this engine says of its machine.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn identity(&self) -> Result<Identity, EngineError> {
        let info = self.ask(LOOK_PATIENCE, async |docker| docker.info().await).await?;
        let labels = info.labels.unwrap_or_default();
        let label = |name: &str| {
            let found = labels.iter().filter_map(|label| label.split_once('=')).find(|(label, _)| *label == name);
            found.map(|(_, text)| text).filter(|text| !text.is_empty())
        };
        Ok(Identity {
            uid: label(UID_LABEL).map(ClusterUid::from),
            address: label(ADDRESS_LABEL).map(Address::from),
            generation: label(GENERATION_LABEL).and_then(|text| text.parse().ok()).map(Generation),
            is_manager: info.swarm.is_some_and(|swarm| swarm.control_available == Some(true)),
        })
    }

    /// The clusters of which the Swarm of this engine holds a head, in order.
    ///
    /// # Errors
    /// When the engine does not answer, is no manager, or knows of no leader.
    pub async fn clusters(&self) -> Result<Vec<ClusterUid>, StoreError> {
        let mut found: Vec<ClusterUid> =
            all_named(self, "kit-").await?.iter().filter_map(|config| uid_of_head(&config.name)).collect();
        found.sort_unstable();
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::{MadeUp, says};

    #[tokio::test]
    async fn an_engine_says_who_its_machine_is_by_its_labels() {
        let info = r#"{"Labels":["kit.uid=u","kit.address=managers.m1","kit.generation=7","other"],"Swarm":{"ControlAvailable":true}}"#;
        let made_up = MadeUp::saying(vec![says(info), says(r#"{"Labels":null}"#)]);
        let (uid, address) = (Some("u".into()), Some("managers.m1".into()));
        let expected = Identity { uid, address, generation: Some(Generation(7)), is_manager: true };
        assert_eq!(made_up.engine.identity().await.unwrap(), expected);
        let strange = made_up.engine.identity().await.unwrap();
        assert_eq!(strange, Identity { uid: None, address: None, generation: None, is_manager: false });
    }

    #[tokio::test]
    async fn clusters_are_known_by_their_heads_alone() {
        let config = |name: &str| format!(r#"{{"ID":"{name}","Version":{{"Index":1}},"Spec":{{"Name":"{name}"}}}}"#);
        let configs = ["kit-b-head", "kit-a-r-0123", "kit-a-head", "kit--head", "other"].map(config).join(",");
        let made_up = MadeUp::saying(vec![says(&format!("[{configs}]"))]);
        assert_eq!(made_up.engine.clusters().await.unwrap(), ["a".into(), "b".into()]);
    }
}
