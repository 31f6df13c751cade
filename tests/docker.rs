//! A cluster on a real Docker Engine from outside: planned, begun, looked at through its first manager, and destroyed.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use kit_graph::Graph;

const EXAMPLE: &str = include_str!("../examples/swarm-docker.kit");

/// What machines boot where nobody names another image: the lab's.
const IMAGE: &str = "kit-lab/node";

/// How long a machine may take to come to run.
const PATIENCE: Duration = Duration::from_secs(60);

/// Clusters of this process.
static CLUSTERS: AtomicUsize = AtomicUsize::new(0);

/// A cluster in an Engine, which is gone with all it had when the test is.
struct Cluster {
    host: String,
    name: String,
    directory: tempfile::TempDir,
}

fn docker(host: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new("docker").arg("-H").arg(host).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The Engine that is to be used: the one that is named, the lab's, or the system's.
fn host() -> Option<String> {
    let lab = std::env::var_os("KIT_LAB_DIR").map_or_else(|| "/var/tmp/kit-lab".into(), PathBuf::from);
    let named = std::env::var("DOCKER_HOST").ok();
    let lab = std::fs::read_to_string(lab.join("engine/host")).ok().map(|host| host.trim().to_owned());
    let system = "unix:///var/run/docker.sock".to_owned();
    let candidates = named.map_or_else(|| lab.into_iter().chain([system]).collect(), |named| vec![named]);
    candidates.into_iter().find(|host| docker(host, &["image", "inspect", IMAGE]).is_some())
}

impl Cluster {
    /// The example on an Engine of the tests; none where none answers, which is said aloud.
    fn of_example() -> Option<Self> {
        let Some(host) = host() else {
            assert!(std::env::var_os("KIT_LAB_REQUIRED").is_none(), "no Docker Engine with the image {IMAGE} answers");
            // Not by a macro: those are captured, and this must be seen.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: no Docker Engine with the image {IMAGE} answers; tests/lab/image build makes both"
            );
            return None;
        };
        let directory = tempfile::tempdir().expect("a directory");
        let mut text = EXAMPLE.to_owned();
        for (there, here) in [
            ("docker.Provider {}", format!("docker.Provider {{ host = \"{host}\" }}")),
            ("docker:27-dind", IMAGE.to_owned()),
            ("172.31.0.0/16", "10.212.0.0/16".to_owned()),
            ("172.31.16", "10.212.16".to_owned()),
        ] {
            assert!(text.contains(there), "the example has no {there}");
            text = text.replace(there, &here);
        }
        std::fs::write(directory.path().join("cluster.kit"), text).expect("written");
        Some(Self {
            host,
            name: format!("t{}-{}", std::process::id(), CLUSTERS.fetch_add(1, Ordering::SeqCst)),
            directory,
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kitc"));
        command.args(arguments).current_dir(self.directory.path()).env_remove("KIT_SIM_DIR").stdin(Stdio::null());
        command.env("KIT_PARAM_NAME", &self.name);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("kitc starts")
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "kitc {}: {said}", arguments.join(" "));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn docker(&self, arguments: &[&str]) -> Option<String> {
        docker(&self.host, arguments)
    }

    /// Begins the cluster, and is interrupted once its first machine runs.
    fn begun(&self) {
        let mut child = self.command(&["apply", "cluster.kit", "--yes"]);
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("kitc starts");
        let begun = Instant::now();
        while self.machine().is_none() {
            assert!(begun.elapsed() < PATIENCE, "no machine of it runs");
            sleep(Duration::from_millis(50));
        }
        interrupt(&child);
        let status = child.wait().expect("it ended");
        assert_eq!((status.code(), status.signal()), (Some(1), None));
    }

    fn ids(&self, list: &[&str]) -> Vec<String> {
        let mut ids = Vec::new();
        for name in ["kit.cluster", "kit.uid"] {
            let text = if name == "kit.uid" { self.uid().unwrap_or_default() } else { self.name.clone() };
            let filter = format!("label={name}={text}");
            let found = self.docker(&[list, &["--filter", &filter]].concat()).unwrap_or_default();
            ids.extend(found.split_whitespace().map(str::to_owned));
        }
        ids.sort();
        ids.dedup();
        ids
    }

    fn uid(&self) -> Option<String> {
        let anchor = format!("kit-anchor-{}", self.name);
        self.docker(&["volume", "inspect", "-f", "{{index .Labels \"kit.uid\"}}", &anchor])
    }

    /// The seed's machine, once it runs.
    fn machine(&self) -> Option<String> {
        let filter = format!("label=kit.uid={}", self.uid()?);
        let id = self.docker(&["ps", "-q", "--filter", &filter, "--filter", "label=kit.address=managers.m1"])?;
        (!id.is_empty()).then_some(id)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for (list, remove) in [
            (&["ps", "-aq"][..], &["rm", "-fv"][..]),
            (&["network", "ls", "-q"], &["network", "rm"]),
            (&["volume", "ls", "-q"], &["volume", "rm"]),
        ] {
            let ids = self.ids(list);
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            if !ids.is_empty() {
                let _ = self.docker(&[remove, &ids].concat());
            }
        }
    }
}

fn interrupt(child: &Child) {
    let process = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(process, rustix::process::Signal::INT).expect("it runs");
}

#[test]
fn a_cluster_begins_on_a_real_engine_is_seen_through_its_machine_and_ends() {
    let Some(cluster) = Cluster::of_example() else { return };
    let plan = cluster.ok(&["plan", "cluster.kit"]);
    assert!(plan.contains("not formed yet") && plan.contains("5 to create"), "{plan}");
    assert_eq!(cluster.ids(&["volume", "ls", "-q"]), [""; 0], "a plan makes nothing");

    cluster.begun();
    let (machine, uid) = (cluster.machine().expect("a machine"), cluster.uid().expect("an anchor"));
    // The same again goes on where it stopped, and makes nothing twice; the seed's own replica makes the others.
    let said = cluster.ok(&["apply", "cluster.kit", "--yes"]);
    assert_eq!(said.matches("ready, reachable").count(), 2, "{said}");
    assert!(said.contains("ready, leader") && said.contains("is as revision"), "{said}");
    assert_eq!(cluster.machine().as_deref(), Some(machine.as_str()));
    assert_eq!(cluster.ids(&["ps", "-aq"]).len(), 4);
    let graph = cluster.ok(&["compile", "cluster.kit"]);
    let graph = Graph::from_bytes(graph.as_bytes()).expect("a graph");
    let short = graph.hash.trim_start_matches("sha256:").get(..12).expect("digits").to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("an event loop");

    // What was worked out with a key here is worked out with the same one elsewhere.
    runtime.block_on(async {
        let place = |name: &str| kit_runtime::make_site(&graph, &cluster.directory.path().join(name)).expect("a place");
        assert!(place("first").swarm_key().await.expect("an answer").is_none());
        let (key, other) = (kit_runtime::new_key().expect("random"), kit_runtime::new_key().expect("random"));
        for _ in 0..2 {
            place("first").keep_swarm_key(&key).await.expect("kept");
        }
        let kept = place("second").swarm_key().await.expect("an answer");
        assert_eq!(kept.map(|kept| *kept.expose()), Some(*key.expose()));
        place("second").keep_swarm_key(&other).await.expect_err("there is one");
    });

    // From here on an operator looks and commits through the machine.
    let status = cluster.run(&["status", "cluster.kit"]);
    let said = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(said.contains("leader managers.m1") && said.contains("ready, leader"), "{said}");
    let history = cluster.ok(&["history"]);
    assert!(history.contains(&short), "{history}");
    cluster.ok(&["pause", "--reason", "a test"]);
    let plan = cluster.ok(&["plan", "cluster.kit", "--set", "size=5"]);
    assert!(plan.contains("PAUSED") && plan.contains("workers.2"), "{plan}");
    cluster.ok(&["resume"]);

    let kept = cluster.ids(&["volume", "ls", "-q"]);
    let volumes: Vec<&str> = kept.iter().map(String::as_str).filter(|name| name.ends_with("-v0")).collect();
    assert_eq!(volumes.len(), 3);
    cluster.ok(&["destroy", "cluster.kit", "--yes", &cluster.name, "--volumes", &volumes.join(",")]);
    let left = cluster.docker(&["volume", "ls", "-q", "--filter", &format!("label=kit.uid={uid}")]);
    assert_eq!(left.as_deref(), Some(""));
    let left = cluster.docker(&["ps", "-aq", "--filter", &format!("label=kit.uid={uid}")]);
    assert_eq!(left.as_deref(), Some(""));
    let left = cluster.docker(&["network", "ls", "-q", "--filter", &format!("label=kit.uid={uid}")]);
    assert_eq!(left.as_deref(), Some(""));
}

#[test]
fn an_image_that_nobody_has_is_named_before_anything_is_made() {
    let Some(cluster) = Cluster::of_example() else { return };
    let file = cluster.directory.path().join("cluster.kit");
    let text = std::fs::read_to_string(&file).expect("read");
    // A registry at which nobody listens.
    std::fs::write(&file, text.replace(IMAGE, "127.0.0.1:9/kit/none:1")).expect("written");
    let output = cluster.run(&["apply", "cluster.kit", "--yes"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("KIT8032") && said.contains("127.0.0.1:9/kit/none:1"), "{said}");
    assert!(said.contains("connection refused"), "{said}");
    assert_eq!(cluster.ids(&["volume", "ls", "-q"]), [""; 0]);
}

#[test]
fn an_engine_that_is_not_there_is_named_before_anything_is_made() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("docker.sock");
    let here = format!("docker.Provider {{ host = \"unix://{}\" }}", socket.display());
    std::fs::write(directory.path().join("cluster.kit"), EXAMPLE.replace("docker.Provider {}", &here))
        .expect("written");
    for verb in ["plan", "apply", "status"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kitc"));
        command.args([verb, "cluster.kit"]).current_dir(directory.path()).env_remove("KIT_SIM_DIR");
        let output = command.stdin(Stdio::null()).output().expect("kitc starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("KIT8004") && said.contains("no Docker Engine answers at"), "{said}");
        assert!(!directory.path().join(".kit").exists(), "{verb} leaves something behind");
    }
}
