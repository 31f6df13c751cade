//! What the machine's engine reads when it starts: its labels say whose machine it is. Whatever else stands there stays.

use std::fs;
use std::path::{Path, PathBuf};

use kit_model::BootDocument;
use kit_swarm::{ADDRESS_LABEL, GENERATION_LABEL, UID_LABEL};
use serde_json::{Map, Value};

use crate::error::OperatorError;
use crate::{atomic_file, codes};

/// The most that the file may take, in bytes: a person writes it.
const MAX_CONFIG_BYTES: usize = 1 << 20;

const LABELS: &str = "labels";

pub(super) struct EngineConfig {
    path: PathBuf,
}

impl EngineConfig {
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Has it say whose machine this is. False if it says so already.
    pub(super) fn say(&self, document: &BootDocument) -> Result<bool, OperatorError> {
        let failed =
            |why: String| OperatorError::new(codes::ENGINE_NOT_STARTED, format!("{}: {why}", self.path.display()));
        let bytes =
            atomic_file::read_limited(&self.path, MAX_CONFIG_BYTES).map_err(|error| failed(error.to_string()))?;
        let mut config: Map<String, Value> = match &bytes {
            Some(bytes) if !bytes.trim_ascii().is_empty() => {
                serde_json::from_slice(bytes).map_err(|error| failed(error.to_string()))?
            }
            _ => Map::new(),
        };
        let mut labels = match config.remove(LABELS) {
            None => Vec::new(),
            Some(Value::Array(labels)) => labels,
            Some(_) => return Err(failed("its labels are no list".to_owned())),
        };
        let before = labels.clone();
        let ours = [
            (UID_LABEL, document.uid.to_string()),
            (ADDRESS_LABEL, document.address.to_string()),
            (GENERATION_LABEL, document.generation.0.to_string()),
        ];
        let is_ours = |label: &Value| {
            let name = label.as_str().and_then(|label| label.split_once('=')).map(|(name, _)| name);
            ours.iter().any(|(ours, _)| name == Some(*ours))
        };
        labels.retain(|label| !is_ours(label));
        labels.extend(ours.iter().map(|(name, text)| Value::String(format!("{name}={text}"))));
        if labels == before {
            return Ok(false);
        }
        config.insert(LABELS.to_owned(), Value::Array(labels));
        let text = serde_json::to_vec_pretty(&config).map_err(|error| failed(error.to_string()))?;
        let made = self.path.parent().map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| atomic_file::replace(&self.path, &text)).map_err(|error| failed(error.to_string()))?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_says_whose_machine_it_is_and_keeps_what_a_person_wrote() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("docker/daemon.json");
        let document = BootDocument {
            uid: "u".into(),
            address: "managers.m1".into(),
            generation: kit_model::Generation(4),
            revision: "sha256:1".into(),
            manager: true,
            manager_ips: Vec::new(),
            seed: false,
            has_volume: true,
            disk: None,
        };
        let config = EngineConfig::at(&path);
        assert!(config.say(&document).unwrap());
        assert!(!config.say(&document).unwrap());
        fs::write(&path, r#"{"log-level":"warn","labels":["rack=7","kit.generation=3"]}"#).unwrap();
        assert!(config.say(&document).unwrap());
        let written: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let labels = ["rack=7", "kit.uid=u", "kit.address=managers.m1", "kit.generation=4"];
        assert_eq!(written, serde_json::json!({ "log-level": "warn", "labels": labels }));
        for torn in ["{", "[]", r#"{"labels":"rack=7"}"#] {
            fs::write(&path, torn).unwrap();
            let error = config.say(&document).unwrap_err();
            assert!(error.message.contains("daemon.json"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), torn);
        }
    }
}
