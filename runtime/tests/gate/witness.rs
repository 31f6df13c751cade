//! Sees what every replica sends and what every manager shows of the head, and judges the two.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kit_contract::SwarmWorld as _;
use kit_graph::{Cluster, Graph, Group, Instance, Member, Population, Properties, Value};
use kit_model::{
    Address, ClusterUid, CommitResult, Head, Policy, RevisionId, SpecStore as _, StoreError, SwarmControl as _,
};
use kit_runtime::{Clock as _, SystemClock};
use kit_swarm::ManagerEngine;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::lab::{Lab, UID, say};
use crate::replica;

/// How many workers there are to be made: several batches of calls at once.
const MISSING: u32 = 30;

/// Now, on the clock that permits are measured on: the same for all processes of one kernel.
pub(crate) fn boot_ms() -> u64 {
    SystemClock.now().boot_ms
}

/// A call that a replica sent, or held back because the gate said so.
#[derive(Debug, Clone)]
struct Sent {
    by: Address,
    epoch: u64,
    at_ms: u64,
    admitted: bool,
}

/// Who holds an epoch, and when its head was first seen.
#[derive(Debug, Clone)]
struct Held {
    by: Address,
    first_seen_ms: u64,
}

/// The replicas of one drill.
pub(crate) struct Witness {
    children: Vec<(Address, Child)>,
    sent: Arc<Mutex<Vec<Sent>>>,
    epochs: Arc<Mutex<BTreeMap<u64, Held>>>,
    _watchers: JoinSet<()>,
    _directory: tempfile::TempDir,
}

impl Drop for Witness {
    fn drop(&mut self) {
        for (_, child) in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Witness {
    /// Three replicas at a cluster that has a head and lacks workers.
    pub(crate) async fn of(lab: &Lab) -> Self {
        let graph = graph(lab).await;
        // The head of another test may be there: this one has a cluster of its own, on the same nodes.
        let uid = ClusterUid::from(UID);
        let revision = RevisionId::new(graph.hash.as_str());
        let store = &lab.managers()[0].1;
        store.put_revision(&revision, &graph.to_canonical_bytes()).await.expect("kept");
        let stands = store.head().await.expect("readable").expect("there is a head");
        let mut first = Head::first(uid.clone(), revision.clone());
        first.last_good = ["managers", "workers"].map(|group| (group.to_owned(), revision.clone())).into();
        let written = store.update_head(stands.version, &first).await;
        assert!(matches!(written, CommitResult::Committed(_)), "{written:?}");

        let directory = tempfile::tempdir().expect("a directory");
        let (sent, epochs) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(BTreeMap::new())));
        let (mut children, mut watchers) = (Vec::new(), JoinSet::new());
        for (member, beside) in lab.managers() {
            let place = directory.path().join(member.as_str());
            let mut child = replica::start(member, &uid, beside.engine().socket(), &place, &graph);
            let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
            let (by, told) = (member.clone(), Arc::clone(&sent));
            // It ends with the child.
            std::thread::spawn(move || {
                for line in lines.map_while(Result::ok) {
                    let words: Vec<&str> = line.split(' ').collect();
                    if let [said @ ("SENT" | "HELD"), epoch, at, ..] = words.as_slice() {
                        let (epoch, at_ms) = (epoch.parse().expect("an epoch"), at.parse().expect("a time"));
                        told.lock().unwrap().push(Sent { by: by.clone(), epoch, at_ms, admitted: *said == "SENT" });
                    }
                }
            });
            let (beside, seen) = (beside.clone(), Arc::clone(&epochs));
            watchers.spawn(watch_head(beside, seen));
            children.push((member.clone(), child));
        }
        Self { children, sent, epochs, _watchers: watchers, _directory: directory }
    }

    /// Sends a signal to the replica of a member.
    pub(crate) fn signal(&self, member: &Address, signal: &str) {
        let child = &self.children.iter().find(|(address, _)| address == member).expect("a replica").1;
        let sent = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits until a replica, but for `not`, has sent something since `since_ms`.
    pub(crate) async fn sender_after(&self, since_ms: u64, not: Option<&Address>, patience: Duration) -> Address {
        let until = boot_ms() + u64::try_from(patience.as_millis()).expect("a short time");
        while boot_ms() < until {
            let found = self
                .sent
                .lock()
                .unwrap()
                .iter()
                .rev()
                .find(|sent| sent.admitted && sent.at_ms > since_ms && not.is_none_or(|not| *not != sent.by))
                .map(|sent| sent.by.clone());
            if let Some(by) = found {
                return by;
            }
            sleep(Duration::from_millis(200)).await;
        }
        panic!("nobody sent anything for {patience:?}: {:?}", self.sent.lock().unwrap());
    }

    /// No call was admitted outside of a permit of its own epoch, and none of an earlier epoch after one of a later.
    pub(crate) async fn judge(&self, old: &Address, hurt_at: u64) {
        let policy = Policy::default();
        let mut sent: Vec<Sent> = self.sent.lock().unwrap().clone();
        sent.sort_by_key(|sent| sent.at_ms);
        let epochs = self.epochs.lock().unwrap().clone();
        let admitted: Vec<&Sent> = sent.iter().filter(|sent| sent.admitted).collect();
        assert!(admitted.len() >= 20, "too little was sent to say anything: {sent:?}");
        let mut checked = 0;
        for call in &admitted {
            // A head that was replaced before anybody looked at it is known by the next alone.
            let Some(held) = epochs.get(&call.epoch) else { continue };
            checked += 1;
            assert_eq!(held.by, call.by, "epoch {} is held by another: {call:?}", call.epoch);
            // It was written before it was first seen, and the permit runs from the start of the write.
            let end_ms = held.first_seen_ms + policy.permit_ms - policy.permit_margin_ms;
            assert!(call.at_ms <= end_ms, "{call:?} came {} ms after its permit", call.at_ms - end_ms);
        }
        assert!(checked * 2 > admitted.len(), "only {checked} of {} epochs were seen", admitted.len());
        for pair in admitted.windows(2) {
            assert!(pair[0].epoch <= pair[1].epoch, "{:?} came before {:?}", pair[0], pair[1]);
        }
        assert!(admitted.len() < sent.len(), "no call came too late: the gate was asked for nothing");
        let last = admitted.iter().rfind(|call| call.by == *old && call.at_ms < hurt_at + 10_000);
        let next = admitted.iter().find(|call| call.by != *old && call.at_ms > hurt_at);
        if let (Some(last), Some(next)) = (last, next) {
            let apart = next.at_ms.saturating_sub(last.at_ms);
            say(&format!(
                "  {} calls, {} held back; {:.1} s between the two senders",
                admitted.len(),
                sent.len() - admitted.len(),
                apart as f64 / 1000.0
            ));
        }
    }
}

/// Notes each epoch that a manager shows, when it is first seen.
async fn watch_head(beside: ManagerEngine, seen: Arc<Mutex<BTreeMap<u64, Held>>>) {
    loop {
        match beside.head().await {
            Ok(Some(head)) => {
                if let Some(holder) = head.value.holder {
                    let held = Held { by: holder.member, first_seen_ms: boot_ms() };
                    seen.lock().unwrap().entry(head.value.epoch.0).or_insert(held);
                }
            }
            Ok(None) => panic!("the head is gone"),
            Err(StoreError::Unavailable(_)) => {}
            Err(error) => panic!("{error}"),
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// A cluster on the lab's machines, with more workers than there are.
async fn graph(lab: &Lab) -> Graph {
    let nodes = lab.managers()[0].1.nodes().await.expect("listed").nodes;
    let ip = |address: &Address| {
        let node = nodes.iter().find(|node| node.address.as_ref() == Some(address)).expect("a node");
        Some(node.ip.expect("an IP").to_string())
    };
    let instance = |kind: &str| Instance { kind: kind.to_owned(), properties: Properties::new() };
    let size = Properties::from([("size".to_owned(), Value::Int(20 << 30))]);
    let members = lab.managers().iter().map(|(address, _)| Member {
        id: address.within_group().expect("a member").to_owned(),
        ip: ip(address),
        volume: Some(Arc::new(size.clone())),
        machine: Properties::new(),
    });
    let group = |name: &str, role: &str, population: Population| Group {
        name: name.to_owned(),
        role: instance(role),
        machine: instance("sim.Machine"),
        depends_on: Vec::new(),
        population,
    };
    let graph = Graph {
        version: kit_graph::FORMAT_VERSION,
        hash: String::new(),
        cluster: Cluster {
            name: "drill".to_owned(),
            provider: instance("sim.Provider"),
            leader: Some("managers".to_owned()),
        },
        resources: Vec::new(),
        groups: vec![
            group("managers", "swarm.Manager", Population::Members(members.collect())),
            group("workers", "swarm.Worker", Population::Count(1 + MISSING)),
        ],
        outputs: BTreeMap::new(),
        lookups: BTreeMap::new(),
        fingerprints: BTreeMap::new(),
        provenance: BTreeMap::new(),
    };
    graph.sealed()
}
