//! The key of a cluster: a config that is made once. Whoever can read it holds the socket of a manager's engine, and with it
//! everything else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::models::ConfigSpec;
use kit_graph::{ClusterKey, KEY_BYTES};
use kit_model::StoreError;

use super::{inspect, unavailable};
use crate::engine::Engine;
use crate::names::Names;

pub(crate) async fn read(engine: &Engine, names: &Names) -> Result<Option<ClusterKey>, StoreError> {
    let Some(kept) = inspect(engine, &names.key()).await? else { return Ok(None) };
    let bytes = STANDARD.decode(&kept.data).ok().and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes).ok());
    match bytes {
        Some(bytes) => Ok(Some(ClusterKey::new(bytes))),
        // Its data is told to nobody.
        None => Err(StoreError::Corrupt(format!("the config {} holds no key of {KEY_BYTES} bytes", names.key()))),
    }
}

/// Keeps a key where there is none. False if there is another one.
pub(crate) async fn keep(engine: &Engine, names: &Names, key: &ClusterKey) -> Result<bool, StoreError> {
    let spec = ConfigSpec {
        name: Some(names.key()),
        labels: None,
        data: Some(STANDARD.encode(key.expose())),
        templating: None,
    };
    match super::create(engine, spec).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_conflict() => {
            Ok(read(engine, names).await?.is_some_and(|kept| kept.expose() == key.expose()))
        }
        Err(error) => Err(unavailable(&error)),
    }
}
