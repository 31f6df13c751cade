//! The one head and the revisions as configs of the Swarm. Of a config only the labels may change, and only by naming the
//! version that is changed.

pub(crate) mod head;
pub(crate) mod key;
pub(crate) mod pruning;
pub(crate) mod revisions;

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::{Config, ConfigSpec};
use bollard::query_parameters::{ListConfigsOptions, UpdateConfigOptions};
use kit_model::StoreError;

use crate::engine::{CALL_PATIENCE, Engine, EngineError};

/// The largest revision that is kept, in bytes before it is compressed: a graph of 10,000 members with its provenance
/// takes about 6 MB, and a reader must not be made to fill its memory.
pub const MAX_REVISION_BYTES: usize = 16 << 20;

/// How many revisions are kept at least: the current one and nine that can be gone back to.
pub const KEPT_REVISIONS: usize = 10;

/// A config as it is kept, with what an update must name.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) id: String,
    pub(crate) version: u64,
    pub(crate) name: String,
    pub(crate) labels: HashMap<String, String>,
    /// As Docker gives it, in base 64.
    pub(crate) data: String,
}

impl Kept {
    fn of(config: Config) -> Result<Self, StoreError> {
        let without = |what: &str| StoreError::Corrupt(format!("the engine gave a config without its {what}"));
        let spec = config.spec.ok_or_else(|| without("spec"))?;
        Ok(Self {
            id: config.id.filter(|id| !id.is_empty()).ok_or_else(|| without("ID"))?,
            version: config.version.and_then(|version| version.index).ok_or_else(|| without("version"))?,
            name: spec.name.unwrap_or_default(),
            labels: spec.labels.unwrap_or_default(),
            data: spec.data.unwrap_or_default(),
        })
    }

    /// The same with other labels, as an update must send it: name and data must be what they are.
    fn with(&self, labels: HashMap<String, String>) -> ConfigSpec {
        ConfigSpec {
            name: Some(self.name.clone()),
            labels: Some(labels),
            data: Some(self.data.clone()),
            templating: None,
        }
    }
}

/// What became of a change of a config.
pub(crate) enum Written {
    Done,
    /// The version that was named does not stand any more, or the config is not there.
    Stale,
    /// No answer that proves either.
    Unknown(String),
}

pub(crate) fn unavailable(error: &EngineError) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// The config of this name or ID; none if the Swarm has none.
pub(crate) async fn inspect(engine: &Engine, name: &str) -> Result<Option<Kept>, StoreError> {
    inspect_within(CALL_PATIENCE, engine, name).await
}

/// The same in another time.
pub(crate) async fn inspect_within(
    patience: Duration,
    engine: &Engine,
    name: &str,
) -> Result<Option<Kept>, StoreError> {
    match engine.ask(patience, async |docker| docker.inspect_config(name).await).await {
        Ok(config) => Kept::of(config).map(Some),
        Err(error) if error.is_missing(name) => Ok(None),
        Err(error) => Err(unavailable(&error)),
    }
}

/// Every config whose name begins so.
pub(crate) async fn all_named(engine: &Engine, prefix: &str) -> Result<Vec<Kept>, StoreError> {
    let filters = HashMap::from([("name".to_owned(), vec![prefix.to_owned()])]);
    let options = Some(ListConfigsOptions { filters: Some(filters) });
    let found = engine.ask(CALL_PATIENCE, async |docker| docker.list_configs(options).await).await;
    let found = found.map_err(|error| unavailable(&error))?;
    let kept = found.into_iter().map(Kept::of).collect::<Result<Vec<_>, _>>()?;
    Ok(kept.into_iter().filter(|config| config.name.starts_with(prefix)).collect())
}

/// Makes a config, whose ID is given back.
pub(crate) async fn create(engine: &Engine, spec: ConfigSpec) -> Result<String, EngineError> {
    Ok(engine.ask(CALL_PATIENCE, async |docker| docker.create_config(spec).await).await?.id)
}

/// Gives a config other labels, if it still is of the version that was read.
pub(crate) async fn relabel(engine: &Engine, kept: &Kept, labels: HashMap<String, String>) -> Written {
    let Ok(version) = i64::try_from(kept.version) else { return Written::Stale };
    let (spec, options) = (kept.with(labels), UpdateConfigOptions { version });
    match engine.ask(CALL_PATIENCE, async |docker| docker.update_config(&kept.id, spec, options).await).await {
        Ok(()) => Written::Done,
        Err(error) if error.is_out_of_sequence() || error.is_missing(&kept.id) => Written::Stale,
        Err(error) => Written::Unknown(error.to_string()),
    }
}

/// Takes a config away, by its ID: another of the same name stays. One that is gone is no error.
pub(crate) async fn remove(engine: &Engine, id: &str) -> Result<(), EngineError> {
    match engine.ask(CALL_PATIENCE, async |docker| docker.delete_config(id).await).await {
        Err(error) if !error.is_missing(id) => Err(error),
        _ => Ok(()),
    }
}
