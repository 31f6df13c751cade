//! `kitc` on a manager of a real Swarm, and through one from elsewhere. Needs root and the lab: `KIT_LAB_REQUIRED=1` says
//! that it is there.
#![allow(clippy::expect_used)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::Arc;

use kit_graph::{Graph, Properties, Value};
use kit_model::{Action, Authority, BootDocument, Call, CallId, Generation, Outcome, Provider, RevisionId, Token};
use kit_runtime::ReachedFrom;

const UID: &str = "6d1d6d0e-2f2b-4f0e-9f5b-1f0a4a6c9b11";

/// The one manager of a Swarm, until this is dropped.
struct Manager {
    holder: Child,
    open: Option<ChildStdin>,
    outer: String,
    container: String,
    socket: String,
    directory: tempfile::TempDir,
}

impl Drop for Manager {
    fn drop(&mut self) {
        let ours = self.docker(&["volume", "ls", "-q", "--filter", &format!("label=kit.uid={UID}")]);
        for volume in String::from_utf8_lossy(&ours.stdout).lines() {
            let _ = self.docker(&["volume", "rm", "-f", volume]);
        }
        self.open = None;
        let _ = self.holder.wait();
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn manager() -> Option<Manager> {
    if std::env::var("KIT_LAB_REQUIRED").as_deref() != Ok("1") {
        let why = "SKIPPED: it needs root and a Docker Engine for the lab; KIT_LAB_REQUIRED=1 runs it";
        let _ = writeln!(std::io::stderr(), "{why}");
        return None;
    }
    let mut holder = Command::new(root().join("tests/lab/swarm"))
        .args(["1", "0", UID])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tests/lab/swarm can be run");
    let open = holder.stdin.take();
    let (mut outer, mut machine) = (String::new(), Vec::new());
    for line in BufReader::new(holder.stdout.take().expect("its output")).lines() {
        let line = line.expect("text");
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["engine", host] => outer = (*host).to_owned(),
            ["machine", words @ ..] => machine = words.iter().map(|word| (*word).to_owned()).collect(),
            ["ready"] => break,
            _ => {}
        }
    }
    assert_eq!(machine.len(), 4, "the Swarm came up");
    let directory = tempfile::tempdir().expect("a directory");
    let (container, socket) = (machine[1].clone(), machine[2].clone());
    Some(Manager { holder, open, outer, container, socket, directory })
}

impl Manager {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
    }

    /// What stands for ssh: it lays the way to the socket on this machine.
    fn ssh(&self) -> PathBuf {
        self.write(
            "ssh",
            "#!/bin/sh\nwhile [ \"$1\" != -L ]; do shift; done\nln -s \"${2#*:}\" \"${2%%:*}\"\nexec sh -c \"$5\"\n",
        );
        let path = self.path("ssh");
        assert!(Command::new("chmod").arg("755").arg(&path).status().expect("chmod runs").success());
        path
    }

    fn kitc(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kitc"));
        command.args(arguments).current_dir(self.directory.path()).env("KIT_SSH", self.path("ssh"));
        command.env_remove("DOCKER_HOST").stdin(Stdio::null());
        command.output().expect("kitc runs")
    }

    /// Through the manager; what it printed.
    fn via(&self, arguments: &[&str]) -> String {
        let way = format!("ssh://admin@m1{}", self.socket);
        let output = self.kitc(&[arguments, &["--via", &way]].concat());
        text_of(arguments, &output)
    }

    fn docker(&self, arguments: &[&str]) -> Output {
        Command::new("docker").args(["-H", &self.outer]).args(arguments).output().expect("docker runs")
    }

    fn on_it(&self, arguments: &[&str]) -> String {
        text_of(arguments, &self.docker(&[&["exec", &self.container], arguments].concat()))
    }

    fn put(&self, file: &Path, place: &str) {
        let to = format!("{}:{place}", self.container);
        text_of(&["cp"], &self.docker(&["cp", &file.display().to_string(), &to]));
    }

    /// Runs the machine's replica until it has told of `enough`, and then until `looked` has looked at it.
    fn replica_until(&self, what: &str, enough: impl Fn(&[String]) -> bool, looked: impl FnOnce()) {
        let mut replica = Command::new("docker")
            .args(["-H", &self.outer, "exec", &self.container, "timeout", "-s", "KILL", "60"])
            .args(["kitc", "apply", "--watch", "--format", "json", "--listen", "127.0.0.1:24864"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("docker runs");
        let mut told = Vec::new();
        for line in BufReader::new(replica.stdout.take().expect("its output")).lines().map_while(Result::ok) {
            let event: serde_json::Value = serde_json::from_str(&line).expect("an event");
            told.push(event["kind"].as_str().unwrap_or_default().to_owned());
            if enough(&told) {
                break;
            }
        }
        assert!(enough(&told), "it never {what}: {told:?}");
        looked();
        self.on_it(&["sh", "-c", "kill -KILL $(pidof kitc)"]);
        let _ = replica.wait();
    }

    /// What the machine's replica answers over HTTP, once it says `wanted`.
    fn shown(&self, path: &str, wanted: &str) -> String {
        let ask = format!(
            "exec 3<>/dev/tcp/127.0.0.1/24864 && printf 'GET {path} HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && cat <&3"
        );
        let mut said = String::new();
        for _ in 0..50 {
            said = self.on_it(&["bash", "-c", &ask]);
            if said.contains(wanted) {
                return said;
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        panic!("{path} never says {wanted}: {said}");
    }

    /// Everything that the Swarm keeps, with the version of each.
    fn configs(&self) -> String {
        let names = self.on_it(&["docker", "config", "ls", "-q"]);
        let mut all = vec!["docker", "config", "inspect", "--format", "{{.Spec.Name}} {{.Version.Index}}"];
        all.extend(names.lines());
        self.on_it(&all)
    }
}

fn text_of(arguments: &[&str], output: &Output) -> String {
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The file, the graph that it makes, and the cluster as an operator begins it: claimed, with the seed's volume, and the seed
/// itself, which finds the revision for the store beside what it was told. Its replica forms the cluster.
async fn form(manager: &Manager) -> Graph {
    let file = std::fs::read_to_string(root().join("examples/swarm-docker.kit")).expect("the example");
    let here = format!("docker.Provider {{ host = \"{}\" }}", manager.outer);
    manager.write("cluster.kit", &file.replace("docker.Provider {}", &here));
    let name = format!("name={}", manager.container);
    let compiled = manager.kitc(&["compile", "cluster.kit", "--set", &name, "-o", "revision.json"]);
    assert!(compiled.status.success(), "{compiled:?}");
    let bytes = std::fs::read(manager.path("revision.json")).expect("a graph");
    let graph = Graph::from_bytes(&bytes).expect("a graph");
    let provider = kit_runtime::provider_of(&graph, ReachedFrom::Operator).expect("served");
    provider.claim_anchor(&graph.cluster.name, UID.into()).await.expect("claimed");
    let size = Properties::from([("size".to_owned(), Value::Int(20 << 30))]);
    let token = Token::of_volume(&UID.into(), &"managers.m1".into(), Generation(0));
    let address = "managers.m1".into();
    let volume = Action::CreateVolume { address, generation: Generation(0), properties: Arc::new(size), token };
    sent(&*provider, volume).await;

    let made = BootDocument {
        uid: UID.into(),
        address: "managers.m1".into(),
        generation: Generation(0),
        revision: RevisionId::new(graph.hash.as_str()),
        manager: true,
        manager_ips: Vec::new(),
        seed: true,
        has_volume: true,
        disk: None,
    };
    manager.write("boot.json", &serde_json::to_string(&made).expect("JSON"));
    manager.put(Path::new(env!("CARGO_BIN_EXE_kitc")), "/usr/local/bin/kitc");
    manager.on_it(&["mkdir", "-p", "/var/lib/kit"]);
    for name in ["boot.json", "revision.json"] {
        manager.put(&manager.path(name), &format!("/var/lib/kit/{name}"));
    }
    // It ends as soon as the head is there, before it makes what this cluster does not have.
    manager.replica_until("formed the head", |events| events.iter().any(|kind| kind == "took-over"), || ());
    let listed = provider.list(&UID.into(), &[]).await.expect("listed");
    sent(&*provider, Action::MarkFormed { volume: listed.volumes[0].id.clone() }).await;
    graph
}

async fn sent(provider: &dyn Provider, action: Action) {
    let (id, address) = (CallId(1), "managers.m1".into());
    let call = Call { id, address, authority: Authority::Operator, not_after_boot_ms: u64::MAX, action };
    assert_eq!(provider.send(&UID.into(), &call, &|| Ok(())).await, Outcome::Done);
}

#[tokio::test]
async fn a_cluster_is_worked_with_on_a_manager_and_through_one() {
    let Some(manager) = manager() else { return };
    manager.ssh();
    let graph = form(&manager).await;
    let name = graph.cluster.name.clone();
    let first = graph.hash["sha256:".len()..][..12].to_owned();
    let set = format!("name={name}");
    let given = ["cluster.kit", "--set", &set];

    assert_eq!(manager.via(&["history"]), format!("* {first}  managers 3, workers 1\n"));
    assert!(manager.via(&["pause", "--reason", "a drill"]).contains("paused"));
    let status = manager.via(&["history", "--format", "json"]);
    assert!(status.contains(&graph.hash), "{status}");
    assert!(manager.via(&["pause", "--reason", "a drill"]).contains("already"));
    assert!(manager.via(&["resume"]).contains("resumed"));

    let committed = manager.via(&[&["commit"], &given[..], &["--set", "size=5", "--yes"]].concat());
    assert!(committed.contains("committed revision") && committed.contains(&first), "{committed}");
    let history = manager.via(&["history"]);
    assert_eq!(history.lines().count(), 2, "{history}");
    assert!(history.starts_with("* ") && history.contains("workers 2") && history.contains(&first), "{history}");
    assert!(manager.via(&["rollback", "--yes"]).contains(&first));
    assert!(manager.via(&["history"]).starts_with(&format!("* {first}")));

    // What was refused leaves no trace.
    let before = manager.configs();
    let way = format!("ssh://admin@m1{}", manager.socket);
    let moved = manager.kitc(&[
        "commit",
        "cluster.kit",
        "--set",
        &set,
        "--set",
        "size=6",
        "--base",
        "00",
        "--yes",
        "--via",
        &way,
    ]);
    assert!(refused(&moved).contains("KIT8006"), "{moved:?}");
    let other = manager.kitc(&["history", "--cluster", "another", "--via", &way]);
    assert!(refused(&other).contains("KIT8001") && refused(&other).contains(&name), "{other:?}");
    let outer = format!("ssh://admin@host{}", manager.outer.trim_start_matches("unix://"));
    let no_manager = manager.kitc(&["history", "--via", &outer]);
    assert!(refused(&no_manager).contains("KIT8031"), "{no_manager:?}");
    let events = manager.kitc(&["events", "--via", &way]);
    assert!(refused(&events).contains("KIT8030"), "{events:?}");
    assert_eq!(manager.configs(), before);

    on_the_machine_itself(&manager, &first);
}

/// The same on the manager's own machine, without a way and without a file, and its replica.
fn on_the_machine_itself(manager: &Manager, first: &str) {
    assert!(manager.on_it(&["kitc", "history"]).starts_with(&format!("* {first}")));
    assert!(manager.on_it(&["kitc", "resume"]).contains("nothing to resume"));
    // Its replica is to look and not to make the machines that this cluster does not have.
    assert!(manager.on_it(&["kitc", "pause"]).contains("paused"));
    let looked = || {
        let health = manager.shown("/healthz", "\"leads\": true");
        assert!(
            health.starts_with("HTTP/1.1 200 OK\r\n") && health.contains("\"member\": \"managers.m1\""),
            "{health}"
        );
        let live = manager.shown("/live.json", "\"leader\": \"managers.m1\"");
        assert!(
            live.contains("[KIT7001]") && live.contains("172.31.16.102") && live.contains("\"kind\": \"leads\""),
            "{live}"
        );
        assert!(manager.shown("/metrics", "kit_cluster_paused 1").contains("kit_look_failed 0\n"));
    };
    manager.replica_until("leads", |events| events.iter().any(|kind| kind == "leads"), looked);
    let shown = manager.on_it(&["kitc", "events"]);
    assert!(shown.contains("managers.m1") && shown.contains("leads"), "{shown}");

    // Without its engine it still knows whose machine it is and what was done; head and revisions nobody shows. Nothing of
    // the cluster was made but a volume, and where no manager answers either, that is what is left of a destroyed one.
    manager.on_it(&["systemctl", "stop", "docker"]);
    assert_eq!(manager.on_it(&["kitc", "events"]), shown);
    let silent = manager.docker(&["exec", &manager.container, "kitc", "history"]);
    assert!(refused(&silent).contains("KIT8020"), "{silent:?}");
}
