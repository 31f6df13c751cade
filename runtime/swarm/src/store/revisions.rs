//! Revisions: each a config that never changes, compressed, with further parts where one cannot hold it.
//!
//! The first part is written last and names the others by their IDs, so that a revision is there whole or not at all, and
//! no part is ever shared. What its labels say besides is when it was put, and whether it is about to be taken away.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::models::ConfigSpec;
use kit_graph::sha256_hex;
use kit_model::{RevisionId, StoreError};
use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

use super::{Kept, MAX_REVISION_BYTES, Written, all_named, inspect, pruning, relabel, remove, unavailable};
use crate::engine::Engine;
use crate::names::Names;

/// The most that one config holds of a revision: Docker takes 1,000 KiB and no more.
const MAX_PART_BYTES: usize = 1_000_000;

/// The most parts of one revision: the Raft store lies in the memory of each manager, ten revisions of it. Graphs shrink to
/// a tenth and less, so that this is far beyond any of [`MAX_REVISION_BYTES`] that says something.
const MAX_PARTS: usize = 4;

/// How hard to compress, from 1 to 10: the usual.
const COMPRESSION: u8 = 6;

/// How often something is tried again that another process changed meanwhile.
const MAX_TRIES: u32 = 5;

/// The label of a first part: the whole ID of the revision.
pub(crate) const REVISION_LABEL: &str = "kit.revision";

/// The label of a further part: the revision that it was made for.
pub(crate) const PART_LABEL: &str = "kit.part-of";

/// The label of a first part: the IDs of the further ones, in order.
pub(crate) const PARTS_LABEL: &str = "kit.parts";

/// The label of a first part: the hash of the revision's bytes.
const HASH_LABEL: &str = "kit.sha256";

/// The label that says when a config was put, in milliseconds since 1970.
pub(crate) const PUT_LABEL: &str = "kit.put-ms";

/// The label of a first part that is about to be taken away: whoever needs it puts it anew.
pub(crate) const CONDEMNED_LABEL: &str = "kit.condemned";

pub(crate) async fn read(engine: &Engine, names: &Names, revision: &RevisionId) -> Result<Arc<[u8]>, StoreError> {
    let first = inspect(engine, &names.revision(revision)).await?;
    // Condemned is gone: what takes it away may be faster than whoever has read of it.
    let first = first.filter(|first| is_of(first, revision) && !is_condemned(first));
    let first = first.ok_or_else(|| StoreError::NoRevision(revision.to_string()))?;
    content(engine, &first).await
}

async fn content(engine: &Engine, first: &Kept) -> Result<Arc<[u8]>, StoreError> {
    let corrupt = |why: String| StoreError::Corrupt(format!("the config {}: {why}", first.name));
    let decoded = |data: &str| STANDARD.decode(data).map_err(|error| corrupt(format!("its data: {error}")));
    let mut compressed = decoded(&first.data)?;
    let parts: Vec<&str> = parts_of(first).collect();
    if parts.len() >= MAX_PARTS {
        return Err(corrupt(format!("it names {} further parts", parts.len())));
    }
    for id in parts {
        let part = inspect(engine, id).await?.ok_or_else(|| corrupt(format!("its further part {id} is gone")))?;
        compressed.extend(decoded(&part.data)?);
    }
    let bytes = decompress_to_vec_zlib_with_limit(&compressed, MAX_REVISION_BYTES)
        .map_err(|error| corrupt(format!("it cannot be unpacked: {error}")))?;
    match first.labels.get(HASH_LABEL) {
        Some(hash) if *hash == sha256_hex(&bytes) => Ok(bytes.into()),
        _ => Err(corrupt("its content does not give the hash in its label: it was damaged or edited".to_owned())),
    }
}

pub(crate) async fn put(engine: &Engine, names: &Names, revision: &RevisionId, bytes: &[u8]) -> Result<(), StoreError> {
    if bytes.len() > MAX_REVISION_BYTES {
        return Err(StoreError::TooLarge { bytes: bytes.len(), limit: MAX_REVISION_BYTES });
    }
    let name = names.revision(revision);
    for _ in 0..MAX_TRIES {
        let done = match inspect(engine, &name).await? {
            Some(first) => renew(engine, revision, &first).await?,
            None => make(engine, names, revision, bytes).await?,
        };
        if done {
            // A prune that fails must not fail the put: the next one tries again.
            let _ = pruning::prune(engine, names, revision, now_ms()).await;
            return Ok(());
        }
    }
    Err(StoreError::Unavailable(format!("the config {name} was changed by others each of the {MAX_TRIES} times")))
}

/// Makes a revision that is there as good as new: it must outlive the prunes until a head names it. False where it has to
/// be put anew.
async fn renew(engine: &Engine, revision: &RevisionId, first: &Kept) -> Result<bool, StoreError> {
    if let Some(other) = first.labels.get(REVISION_LABEL).filter(|other| *other != revision.as_str()) {
        return Err(StoreError::Corrupt(format!("the config {} holds the revision {other}", first.name)));
    }
    let whole = match content(engine, first).await {
        Ok(_) => true,
        Err(StoreError::Corrupt(_)) => false,
        Err(error) => return Err(error),
    };
    // A damaged one is none; and one that is condemned may end at any moment, this one alone, by its ID.
    if !whole || is_condemned(first) {
        remove(engine, &first.id).await.map_err(|error| unavailable(&error))?;
        return Ok(false);
    }
    let mut labels = first.labels.clone();
    labels.insert(PUT_LABEL.to_owned(), now_ms().to_string());
    match relabel(engine, first, labels).await {
        Written::Done => Ok(true),
        Written::Stale => Ok(false),
        Written::Unknown(why) => Err(StoreError::Unavailable(why)),
    }
}

/// Writes all parts, the first one last. False where another process was faster.
async fn make(engine: &Engine, names: &Names, revision: &RevisionId, bytes: &[u8]) -> Result<bool, StoreError> {
    let hash = sha256_hex(bytes);
    let owned = bytes.to_vec();
    let compressed = tokio::task::spawn_blocking(move || compress_to_vec_zlib(&owned, COMPRESSION)).await;
    let compressed = compressed.map_err(|error| StoreError::Unavailable(format!("it was not compressed: {error}")))?;
    if compressed.len() > MAX_PARTS * MAX_PART_BYTES {
        return Err(StoreError::TooLarge { bytes: compressed.len(), limit: MAX_PARTS * MAX_PART_BYTES });
    }
    let mut parts = compressed.chunks(MAX_PART_BYTES);
    let first = parts.next().unwrap_or_default();
    let mut ids = Vec::new();
    for part in parts {
        let labels = [(PART_LABEL, revision.to_string()), (PUT_LABEL, now_ms().to_string())];
        match super::create(engine, spec_of(names.part(revision, random()), &labels, part)).await {
            Ok(id) => ids.push(id),
            Err(error) => {
                discard(engine, &ids).await;
                return Err(unavailable(&error));
            }
        }
    }
    let labels = [
        (REVISION_LABEL, revision.to_string()),
        (PARTS_LABEL, ids.join(",")),
        (HASH_LABEL, hash),
        (PUT_LABEL, now_ms().to_string()),
    ];
    match super::create(engine, spec_of(names.revision(revision), &labels, first)).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_conflict() => {
            discard(engine, &ids).await;
            Ok(false)
        }
        // It may come to be, and then needs its parts; else these are pruned as nobody's.
        Err(error) => Err(unavailable(&error)),
    }
}

/// Parts that no first one names.
async fn discard(engine: &Engine, ids: &[String]) {
    for id in ids {
        // What stays is nobody's, and is pruned.
        let _ = remove(engine, id).await;
    }
}

pub(crate) async fn list(engine: &Engine, names: &Names) -> Result<Vec<RevisionId>, StoreError> {
    let kept = all_named(engine, &names.revisions()).await?;
    let mut found: Vec<RevisionId> =
        kept.iter().filter(|config| !is_condemned(config)).filter_map(|first| revision_in(first, names)).collect();
    found.sort_unstable();
    Ok(found)
}

/// The revision whose first part this is, if it is one.
pub(crate) fn revision_in(config: &Kept, names: &Names) -> Option<RevisionId> {
    let revision = RevisionId::new(config.labels.get(REVISION_LABEL)?.as_str());
    (names.revision(&revision) == config.name).then_some(revision)
}

pub(crate) fn parts_of(first: &Kept) -> impl Iterator<Item = &str> {
    first.labels.get(PARTS_LABEL).into_iter().flat_map(|ids| ids.split(',')).filter(|id| !id.is_empty())
}

fn is_of(first: &Kept, revision: &RevisionId) -> bool {
    first.labels.get(REVISION_LABEL).is_some_and(|named| named == revision.as_str())
}

pub(crate) fn is_condemned(config: &Kept) -> bool {
    config.labels.contains_key(CONDEMNED_LABEL)
}

fn spec_of(name: String, labels: &[(&str, String)], data: &[u8]) -> ConfigSpec {
    let labels: HashMap<String, String> =
        labels.iter().map(|(label, text)| ((*label).to_owned(), text.clone())).collect();
    ConfigSpec { name: Some(name), labels: Some(labels), data: Some(STANDARD.encode(data)), templating: None }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A number that no other process picks: the seed of a hasher, which comes from the kernel.
fn random() -> u64 {
    std::hash::RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests;
