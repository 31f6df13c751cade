//! One replica in a process of its own: this test program again, with one test that does not end.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use async_trait::async_trait;
use kit_graph::Graph;
use kit_model::{Address, BootDocument, BootFinding, BootId, ClusterUid, Policy, Spec};
use kit_runtime::{
    Elsewhere, EventRecord, EventSink, Host, HostState, Replica, StateDirectory, Surroundings, SystemClock,
};
use kit_swarm::{Engine, EngineService, ManagerEngine};
use tokio::sync::watch;

use crate::cloud::Cloud;

/// The variable that holds what a child is to be: member, uid, socket and directory.
const CHILD: &str = "KIT_GATE_REPLICA";

/// The graph, in a child's directory.
const GRAPH: &str = "graph.json";

/// Starts the replica of `member`.
pub(crate) fn start(member: &Address, uid: &ClusterUid, socket: &Path, directory: &Path, graph: &Graph) -> Child {
    std::fs::create_dir_all(directory).expect("a directory");
    std::fs::write(directory.join(GRAPH), graph.to_canonical_bytes()).expect("written");
    let what = format!("{member}\n{uid}\n{}\n{}", socket.display(), directory.display());
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "replica::a_child_is_a_replica", "--nocapture", "--test-threads", "1"])
        .env(CHILD, what)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs")
}

struct Quiet;

impl EventSink for Quiet {
    fn event(&self, _: &EventRecord) {}
}

/// The machine of the manager, which outlives every drill in the same boot.
struct Machine(BootId);

#[async_trait]
impl Host for Machine {
    async fn state(&self) -> HostState {
        HostState::Running(self.0.clone())
    }

    async fn boot_document(&self) -> Option<BootDocument> {
        None
    }

    async fn boot_findings(&self) -> Vec<(Address, BootFinding)> {
        Vec::new()
    }
}

#[tokio::test]
async fn a_child_is_a_replica() {
    let Ok(what) = std::env::var(CHILD) else { return };
    let [member, uid, socket, directory] = what.lines().collect::<Vec<_>>()[..] else { panic!("{what}") };
    let (member, uid, directory) = (Address::from(member), ClusterUid::from(uid), PathBuf::from(directory));
    let graph = std::fs::read(directory.join(GRAPH)).expect("a graph");
    let graph = Graph::from_bytes(&graph).expect("a graph");
    let spec = Spec::from_graph(&graph).expect("a spec");
    let beside = ManagerEngine::new(Engine::at(socket), uid.clone(), EngineService::of_systemd()).expect("it fits");
    let beside = Arc::new(beside);
    let replica = Replica {
        surroundings: Surroundings {
            cluster: spec.cluster.clone(),
            provider: Arc::new(Cloud { uid, spec }),
            detector: Arc::clone(&beside) as _,
            swarm: Arc::clone(&beside) as _,
            store: beside,
            host: Arc::new(Machine(BootId::new(format!("boot of {member}")))),
            clock: Arc::new(SystemClock),
        },
        state: Arc::new(StateDirectory::open(directory.join("state")).expect("a directory")),
        policy: Policy::default(),
        events: Arc::new(Quiet),
        member,
    };
    let (_stop, stopping) = watch::channel(false);
    replica.run(Elsewhere::Ends, stopping).await.expect("it runs");
}
