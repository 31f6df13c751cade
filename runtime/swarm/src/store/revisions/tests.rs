//! The store against a made-up engine that keeps configs as a Swarm does.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use kit_contract::StoreWorld;
use kit_model::{CommitResult, Head, SpecStore};
use serde_json::{Value, json};

use super::*;
use crate::engine::tests::{MadeUp, Says, refuses, says};
use crate::{EngineService, KEPT_REVISIONS, ManagerEngine};

/// Configs by ID, and the index of the last change.
#[derive(Default)]
struct Configs {
    by_id: BTreeMap<String, (u64, Value)>,
    index: u64,
}

impl Configs {
    fn answer(&mut self, request: &str) -> Says {
        let mut words = request.splitn(3, ' ');
        let (method, target, body) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path: Vec<&str> = path.trim_start_matches("/configs").split('/').filter(|part| !part.is_empty()).collect();
        let spec = || serde_json::from_str::<Value>(body).unwrap();
        match (method, path.as_slice()) {
            ("POST", ["create"]) => self.create(spec()),
            ("GET", []) => says(&Value::from_iter(self.by_id.iter().map(|(id, kept)| shown(id, kept))).to_string()),
            (_, [name, ..]) => {
                let named = |(id, (_, spec)): (&String, &(u64, Value))| {
                    (id == name || spec["Name"] == **name).then(|| id.clone())
                };
                let Some(id) = self.by_id.iter().find_map(named) else {
                    return refuses(404, &format!("config {name} not found"));
                };
                match method {
                    "GET" => says(&shown(&id, &self.by_id[&id]).to_string()),
                    "DELETE" => {
                        self.by_id.remove(&id);
                        says("")
                    }
                    _ => self.update(&id, query.strip_prefix("version=").unwrap().parse().unwrap(), spec()),
                }
            }
            other => panic!("{other:?}"),
        }
    }

    fn create(&mut self, spec: Value) -> Says {
        if self.by_id.values().any(|(_, kept)| kept["Name"] == spec["Name"]) {
            return refuses(409, "rpc error: code = AlreadyExists desc = it already exists");
        }
        let data = STANDARD.decode(spec["Data"].as_str().unwrap_or_default()).unwrap();
        if data.is_empty() || data.len() > 1_024_000 || spec["Name"].as_str().unwrap().len() > 64 {
            return refuses(400, "rpc error: code = InvalidArgument desc = no such config can be");
        }
        self.index += 1;
        let id = format!("id{}", self.index);
        self.by_id.insert(id.clone(), (self.index, spec));
        says(&json!({ "ID": id }).to_string())
    }

    fn update(&mut self, id: &str, version: u64, spec: Value) -> Says {
        let kept = self.by_id.get_mut(id).unwrap();
        if kept.0 != version {
            return refuses(500, "rpc error: code = Unknown desc = update out of sequence");
        }
        if (&kept.1["Name"], &kept.1["Data"]) != (&spec["Name"], &spec["Data"]) {
            return refuses(400, "rpc error: code = InvalidArgument desc = only updates to Labels are allowed");
        }
        self.index += 1;
        *kept = (self.index, spec);
        says("")
    }
}

fn shown(id: &str, (index, spec): &(u64, Value)) -> Value {
    json!({ "ID": id, "Version": { "Index": index }, "Spec": spec })
}

struct World {
    configs: Arc<Mutex<Configs>>,
    store: ManagerEngine,
    _made_up: MadeUp,
}

fn world() -> World {
    let configs = Arc::new(Mutex::new(Configs::default()));
    let answers = Arc::clone(&configs);
    let made_up =
        MadeUp::answering(move |request| answers.lock().unwrap_or_else(PoisonError::into_inner).answer(request));
    let store =
        ManagerEngine::new(made_up.engine.clone(), "contract".into(), EngineService::of_systemd()).expect("it fits");
    World { configs, store, _made_up: made_up }
}

impl StoreWorld for World {
    fn store(&self) -> &dyn SpecStore {
        &self.store
    }
}

impl World {
    fn named(&self, prefix: &str) -> Vec<String> {
        let configs = self.configs.lock().unwrap();
        let names = configs.by_id.values().map(|(_, spec)| spec["Name"].as_str().unwrap().to_owned());
        names.filter(|name| name.starts_with(prefix)).collect()
    }

    /// Changes the spec of each config whose name begins so.
    fn edit(&self, prefix: &str, edit: impl Fn(&mut Value)) {
        let mut configs = self.configs.lock().unwrap();
        let found = configs.by_id.values_mut().filter(|(_, spec)| spec["Name"].as_str().unwrap().starts_with(prefix));
        found.for_each(|(_, spec)| edit(spec));
    }
}

kit_contract::store_promises!(world());

/// Bytes that do not get smaller.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

fn revision_of(bytes: &[u8]) -> RevisionId {
    RevisionId::new(sha256_hex(bytes))
}

const REVISIONS: &str = "kit-contract-r-";

#[tokio::test]
async fn what_one_config_cannot_hold_is_split_and_read_back() {
    let world = world();
    for (length, configs) in [(900_000, 1), (1_200_000, 3), (3_900_000, 7)] {
        let bytes = noise(length);
        let revision = revision_of(&bytes);
        world.store.put_revision(&revision, &bytes).await.unwrap();
        assert_eq!(world.store.revision(&revision).await.unwrap().as_ref(), bytes);
        assert_eq!(world.named(REVISIONS).len(), configs, "after {length} bytes");
    }
    assert_eq!(world.store.revisions().await.unwrap().len(), 3);
    let large = noise(4_100_000);
    let refused = world.store.put_revision(&revision_of(&large), &large).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { bytes, limit: 4_000_000 }) if bytes > large.len()));
    assert_eq!(world.named(REVISIONS).len(), 7, "what was refused leaves no trace");
}

#[tokio::test]
async fn what_is_damaged_is_refused_by_name_and_put_anew() {
    let bytes = noise(1_200_000);
    let revision = revision_of(&bytes);
    let flip = |spec: &mut Value| {
        let mut data = STANDARD.decode(spec["Data"].as_str().unwrap()).unwrap();
        let middle = data.len() / 2;
        data[middle] ^= 1;
        spec["Data"] = STANDARD.encode(data).into();
    };
    let label = |spec: &mut Value| spec["Labels"][HASH_LABEL] = "other".into();
    for damage in [&flip as &dyn Fn(&mut Value), &label] {
        let world = world();
        world.store.put_revision(&revision, &bytes).await.unwrap();
        world.edit(REVISIONS, damage);
        let error = world.store.revision(&revision).await.unwrap_err();
        assert!(matches!(&error, StoreError::Corrupt(why) if why.contains(REVISIONS)), "{error:?}");
        world.store.put_revision(&revision, &bytes).await.unwrap();
        assert_eq!(world.store.revision(&revision).await.unwrap().as_ref(), bytes);
    }
}

#[tokio::test]
async fn a_part_that_is_gone_is_named() {
    let world = world();
    let bytes = noise(1_200_000);
    world.store.put_revision(&revision_of(&bytes), &bytes).await.unwrap();
    let is_part = |spec: &Value| spec["Labels"][PART_LABEL].is_string();
    world.configs.lock().unwrap().by_id.retain(|_, (_, spec)| !is_part(spec));
    let error = world.store.revision(&revision_of(&bytes)).await.unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt(why) if why.contains("is gone")), "{error:?}");
}

#[tokio::test]
async fn two_revisions_whose_names_are_alike_are_not_taken_for_each_other() {
    let world = world();
    let one = revision_of(b"one");
    let alike = RevisionId::new(format!("{}{}", &one.as_str()[..23], "0".repeat(48)));
    world.store.put_revision(&one, b"one").await.unwrap();
    assert!(matches!(world.store.revision(&alike).await, Err(StoreError::NoRevision(_))));
    assert!(matches!(world.store.put_revision(&alike, b"two").await, Err(StoreError::Corrupt(_))));
    assert_eq!(world.store.revision(&one).await.unwrap().as_ref(), b"one");
}

#[tokio::test]
async fn revisions_are_pruned_once_they_are_old_but_for_what_the_head_names() {
    let world = world();
    let bytes: Vec<Vec<u8>> = (0..14_u8).map(|number| vec![number]).collect();
    for one in &bytes {
        world.store.put_revision(&revision_of(one), one).await.unwrap();
    }
    let head = Head::first("contract".into(), revision_of(&bytes[0]));
    assert!(matches!(world.store.create_head(&head).await, CommitResult::Committed(_)));
    world.store.put_revision(&revision_of(b"young"), b"young").await.unwrap();
    assert_eq!(world.store.revisions().await.unwrap().len(), 15, "nothing is old");
    let age = |spec: &mut Value| {
        let put: u64 = spec["Labels"][PUT_LABEL].as_str().unwrap().parse().unwrap();
        spec["Labels"][PUT_LABEL] = (put - 4_000_000).to_string().into();
    };
    world.edit(REVISIONS, age);
    // Put again is as good as new.
    world.store.put_revision(&revision_of(&bytes[1]), &bytes[1]).await.unwrap();
    let left = world.store.revisions().await.unwrap();
    assert_eq!(left.len(), KEPT_REVISIONS);
    for kept in [&bytes[0][..], &bytes[1], &bytes[13], b"young"] {
        assert!(left.contains(&revision_of(kept)), "{kept:?}");
    }
    assert!(!left.contains(&revision_of(&bytes[2])));
}

#[tokio::test]
async fn what_is_condemned_is_gone_and_is_made_anew_under_another_id() {
    let world = world();
    let revision = revision_of(b"one");
    world.store.put_revision(&revision, b"one").await.unwrap();
    let before: Vec<String> = world.configs.lock().unwrap().by_id.keys().cloned().collect();
    world.edit(REVISIONS, |spec| spec["Labels"][CONDEMNED_LABEL] = "".into());
    assert!(matches!(world.store.revision(&revision).await, Err(StoreError::NoRevision(_))));
    assert!(world.store.revisions().await.unwrap().is_empty());
    world.store.put_revision(&revision, b"one").await.unwrap();
    assert_eq!(world.store.revision(&revision).await.unwrap().as_ref(), b"one");
    assert!(!world.configs.lock().unwrap().by_id.contains_key(&before[0]));
}

#[tokio::test]
async fn a_key_is_kept_once_and_one_that_is_damaged_is_not_shown() {
    let world = world();
    let (one, two) = (kit_graph::ClusterKey::new([1; 32]), kit_graph::ClusterKey::new([2; 32]));
    assert!(world.store.key().await.unwrap().is_none());
    assert!(world.store.keep_key(&one).await.unwrap());
    assert!(world.store.keep_key(&one).await.unwrap(), "the same again is no error");
    assert!(!world.store.keep_key(&two).await.unwrap());
    assert_eq!(world.store.key().await.unwrap().unwrap().expose(), one.expose());
    world.edit("kit-contract-key", |spec| spec["Data"] = "c2hvcnQ=".into());
    let Err(StoreError::Corrupt(why)) = world.store.key().await else { panic!("a short key is none") };
    assert!(why.contains("kit-contract-key") && !why.contains("short"), "{why}");
}
