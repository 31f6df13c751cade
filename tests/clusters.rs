//! Whole clusters from outside, on the simulated cloud at twenty times its pace: one process for each replica, as on real
//! machines, killed at any moment. Nothing is double, nothing is lost.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a cluster may take to come right: what takes minutes on a real cloud takes seconds here, and tests
/// run beside others.
const PATIENCE: Duration = Duration::from_secs(90);

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/swarm-sim.kit");

/// A cluster in a directory of its own, with the replicas that this test started.
struct Cluster {
    directory: tempfile::TempDir,
    replicas: Vec<(String, Child)>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill_replicas();
    }
}

impl Cluster {
    /// A cluster that was applied and has no replica running.
    fn applied() -> Self {
        let cluster = Self { directory: tempfile::tempdir().expect("a directory"), replicas: Vec::new() };
        cluster.ok(&["apply", FILE, "--yes", "--pace", "20"]);
        cluster
    }

    /// The same with three replicas, each in its process.
    fn watched() -> Self {
        let mut cluster = Self::applied();
        cluster.start_replicas();
        // A replica that never read the head cannot rescue anybody: each has read it before anything is hurt.
        let begun = Instant::now();
        for member in ["managers.m1", "managers.m2", "managers.m3"] {
            while !cluster.path(".kit/sim/demo/members").join(member).join("head.json").exists() {
                assert!(begun.elapsed() < PATIENCE, "the replica of {member} reads no head");
                sleep(Duration::from_millis(50));
            }
        }
        cluster
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kitc"));
        command.args(arguments).current_dir(self.directory.path()).env_remove("KIT_SIM_DIR").stdin(Stdio::null());
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

    /// The code that a command is refused with.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "kitc {}: {said}", arguments.join(" "));
        said.split(['[', ']']).nth(1).unwrap_or_default().to_owned()
    }

    fn start_replicas(&mut self) {
        for member in ["managers.m1", "managers.m2", "managers.m3"] {
            let child = self
                .command(&["apply", FILE, "--watch", "--as", member])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("kitc starts");
            self.replicas.push((member.to_owned(), child));
        }
    }

    /// Ends the processes of all replicas with SIGKILL.
    fn kill_replicas(&mut self) {
        for (_, mut child) in self.replicas.drain(..) {
            child.kill().expect("it runs until it is killed");
            child.wait().expect("it ends");
        }
    }

    fn status(&self) -> Value {
        // It ends with 1 where a person should look, which is most of the time here.
        let output = self.run(&["status", "--format", "json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    }

    fn leader(&self) -> String {
        self.until("a leader", |status| status["leader"].is_string())["leader"].as_str().expect("text").to_owned()
    }

    /// Waits until `holds`, and gives the state in which it did.
    fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let status = self.status();
            if holds(&status) {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "no {what} within {PATIENCE:?}: {status:#}");
            sleep(Duration::from_millis(200));
        }
    }

    fn converged(&self) -> Value {
        self.until("convergence", |status| status["converged"] == true)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// IP and volume of each pinned member: what it keeps for life.
fn pairing(status: &Value) -> Vec<(String, String, String)> {
    members(status, "managers")
        .map(|member| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&member["address"]), text(&member["ip"]), text(&member["volume"]["id"]))
        })
        .collect()
}

fn members<'a>(status: &'a Value, group: &'a str) -> impl Iterator<Item = &'a Value> {
    status["members"].as_array().expect("a list").iter().filter(move |member| member["group"] == group)
}

fn member<'a>(status: &'a Value, address: &str) -> &'a Value {
    let members = status["members"].as_array().expect("a list");
    members.iter().find(|member| member["address"] == address).expect("the member")
}

/// Each member has one machine, its own volume attached, and one node.
fn assert_single(status: &Value) {
    for member in status["members"].as_array().expect("a list") {
        for what in ["machines", "nodes"] {
            assert_eq!(member[what].as_array().map(Vec::len), Some(1), "{what} of {member:#}");
        }
        if member["group"] == "managers" {
            assert_eq!(member["volume"]["held_by"], member["machines"][0]["id"], "{member:#}");
        }
    }
}

fn copied_with(from: &Path, to: &Path, find: &str, replace: &str) {
    let text = std::fs::read_to_string(from).expect("the example");
    assert!(text.contains(find), "the example says {find}");
    std::fs::write(to, text.replace(find, replace)).expect("written");
}

#[test]
fn a_killed_leader_comes_back_the_same_though_the_acting_process_dies_again_and_again() {
    let mut cluster = Cluster::watched();
    let before = cluster.converged();
    let leader = cluster.leader();
    let former = member(&before, &leader)["machines"][0]["id"].clone();
    cluster.ok(&["sim", "kill", "leader"]);
    // From the moment of the kill over the election into the repair, at intervals that fit no other.
    for pause_ms in [700, 330, 210, 170, 130, 290, 90, 410, 50, 370] {
        sleep(Duration::from_millis(pause_ms));
        cluster.kill_replicas();
        cluster.start_replicas();
    }
    let after = cluster.until("convergence with another machine", |status| {
        status["converged"] == true && member(status, &leader)["machines"][0]["id"] != former
    });
    assert_eq!(pairing(&after), pairing(&before), "IP and volume are for life");
    assert_single(&after);
    // Whoever did not lead did not act: each epoch has one actor, and there were no more machines than one.
    let truth = cluster.ok(&["sim", "status", "--all"]);
    let made = truth.lines().filter(|line| line.starts_with(&leader) && line.contains(" i-")).count();
    assert_eq!(made, 3, "the dead machine, the new one and the volume's line, and no other: {truth}");
}

#[test]
fn two_of_three_are_rescued_and_three_of_three_are_recovered() {
    let cluster = Cluster::watched();
    let before = cluster.converged();
    cluster.ok(&["sim", "kill", "managers.m1", "managers.m2"]);
    let nobody = cluster.until("loss of the quorum", |status| status["unreachable"].is_string());
    assert_eq!(nobody["converged"], false);
    // In one of ten cases the cloud leaves both volumes with the dead machines. No rescue takes a volume from anybody;
    // it says so, and a person does it with the same command as after the loss of all.
    let stuck = |status: &Value| {
        let elsewhere = |member: &Value| member["waits"].to_string().contains("KIT7019");
        members(status, "managers").filter(|member| elsewhere(member)).count() == 2
    };
    let rescued = cluster.until("rescue", |status| status["converged"] == true || stuck(status));
    if stuck(&rescued) {
        cluster.ok(&["recover", FILE, "--yes"]);
    }
    let rescued = cluster.converged();
    assert_eq!(pairing(&rescued), pairing(&before));
    assert_single(&rescued);
    assert_eq!(cluster.refused(&["recover", FILE, "--yes"]), "KIT8012", "managers run");

    cluster.ok(&["sim", "kill", "managers.m1", "managers.m2", "managers.m3"]);
    cluster.until("loss of all", |status| {
        members(status, "managers").all(|member| member["machines"] == Value::from(Vec::<Value>::new()))
    });
    let lost = cluster.status();
    assert_eq!(lost["needs_recovery"], true);
    assert!(lost["unreachable_causes"].as_array().is_some_and(|causes| causes.len() == 3), "{lost:#}");
    // With a file that says something else than what was committed.
    let said = cluster.ok(&["recover", FILE, "--set", "size=6", "--yes"]);
    assert!(said.contains("which was committed last; the file says") && said.contains("is not used"), "{said}");
    let recovered = cluster.converged();
    assert_eq!(recovered["revision"], before["revision"]);
    assert_eq!(pairing(&recovered), pairing(&before));
    assert_single(&recovered);
}

#[test]
fn commits_scale_roll_pause_and_go_back_and_what_is_refused_leaves_no_trace() {
    let cluster = Cluster::watched();
    let first = cluster.converged()["revision"].clone();
    cluster.ok(&["commit", FILE, "--set", "size=6", "--yes"]);
    let grown =
        cluster.until("six machines", |status| status["converged"] == true && members(status, "workers").count() == 3);
    assert_single(&grown);

    cluster.ok(&["commit", FILE, "--set", "size=5", "--yes"]);
    cluster.until("five machines", |status| status["converged"] == true && members(status, "workers").count() == 2);
    let again = cluster.ok(&["plan", FILE, "--set", "size=6"]);
    assert!(again.contains("1 to create, 0 to repair"), "what was taken away on purpose is new: {again}");
    cluster.ok(&["commit", FILE, "--set", "size=6", "--yes"]);
    cluster
        .until("six machines again", |status| status["converged"] == true && members(status, "workers").count() == 3);

    cluster.ok(&["pause", "--reason", "moving racks"]);
    cluster.ok(&["sim", "kill", "workers.2"]);
    sleep(Duration::from_secs(2));
    let paused = cluster.status();
    assert_eq!(paused["paused"], "moving racks");
    let plan = cluster.ok(&["plan", FILE, "--set", "size=7"]);
    assert!(plan.contains("PAUSED: moving racks; what follows is done only after `kitc resume`"), "{plan}");
    assert!(plan.contains("voters: 3 of 3 answer now"), "{plan}");
    let commit = cluster.run(&["commit", FILE, "--set", "size=6", "--set", "machine_type=medium", "--yes"]);
    let warned = String::from_utf8_lossy(&commit.stderr).into_owned();
    assert!(commit.status.success() && warned.contains("nothing acts until `kitc resume`"), "{warned}");
    let apply = cluster.run(&["apply", FILE, "--set", "size=6", "--yes"]);
    let (out, said) = (String::from_utf8_lossy(&apply.stdout), String::from_utf8_lossy(&apply.stderr));
    assert_eq!(apply.status.code(), Some(1), "{said}");
    assert!(
        out.contains("managers.machine.type \"medium\" -> \"small\" (the parameter machine_type was given"),
        "{out}"
    );
    assert!(said.contains("committed revision") && said.contains("nothing acts until `kitc resume`"), "{said}");
    assert_eq!(member(&paused, "workers.2")["machines"], Value::from(Vec::<Value>::new()), "a pause heals nothing");
    cluster.ok(&["resume"]);
    assert_single(&cluster.converged());

    let history = cluster.ok(&["history"]);
    let moved = cluster.path("moved.kit");
    copied_with(Path::new(FILE), &moved, "172.31.16.103", "172.31.16.104");
    let moved = moved.to_str().expect("a path");
    assert_eq!(cluster.refused(&["commit", moved, "--set", "size=6", "--yes"]), "KIT8007", "an IP is for life");
    assert_eq!(cluster.refused(&["commit", FILE, "--base", "0000", "--yes"]), "KIT8006", "the base moved");
    assert_eq!(cluster.ok(&["history"]), history, "what was refused leaves no trace");

    cluster.ok(&["commit", FILE, "--set", "size=6", "--set", "machine_type=medium", "--yes"]);
    let rolled = cluster
        .until("a finished roll", |status| status["converged"] == true && status["revision"] != grown["revision"]);
    assert_eq!(pairing(&rolled), pairing(&grown));
    assert_ne!(member(&rolled, "managers.m1")["machines"], member(&grown, "managers.m1")["machines"]);

    let digits = first.as_str().and_then(|text| text.strip_prefix("sha256:")).expect("a hash");
    assert_eq!(cluster.refused(&["rollback", &digits[..12]]), "KIT8015", "a rollback asks");
    let plan = cluster.ok(&["rollback", &digits[..12], "--yes"]);
    assert!(plan.contains("2 to remove") && plan.contains("values that change:"), "{plan}");
    let back = cluster.until("the first revision", |status| status["converged"] == true && status["revision"] == first);
    assert_eq!(members(&back, "workers").count(), 1);
    assert_eq!(pairing(&back), pairing(&grown));
}

#[test]
fn a_plan_changes_nothing_and_a_destruction_takes_what_was_named() {
    let nothing = Cluster { directory: tempfile::tempdir().expect("a directory"), replicas: Vec::new() };
    assert_eq!(nothing.run(&["plan", FILE, "--exit-code"]).status.code(), Some(3));
    assert!(std::fs::read_dir(nothing.directory.path()).expect("readable").next().is_none(), "a plan makes nothing");
    assert_eq!(nothing.refused(&["status"]), "KIT8001");

    let mut cluster = Cluster::applied();
    assert_eq!(cluster.run(&["plan", FILE, "--exit-code"]).status.code(), Some(0), "nothing is left to do");
    let head = std::fs::read(cluster.path(".kit/sim/demo/cloud.json")).expect("the cloud");
    cluster.ok(&["plan", FILE, "--set", "size=9"]);
    let cloud = std::fs::read(cluster.path(".kit/sim/demo/cloud.json")).expect("the cloud");
    assert_eq!(head.len(), cloud.len(), "a plan changes nothing");

    cluster.start_replicas();
    let volumes = pairing(&cluster.converged());
    assert_eq!(cluster.refused(&["destroy", FILE, "--name", "other"]), "KIT8011");
    let unasked = cluster.run(&["destroy", FILE]);
    let plan = String::from_utf8_lossy(&unasked.stdout).into_owned();
    assert!(
        plan.contains("4 machines end, 1 resources go, 0 volumes go with all they hold, 3 volumes are kept"),
        "{plan}"
    );
    assert!(String::from_utf8_lossy(&unasked.stderr).contains("KIT8015"), "it asks");
    assert_eq!(cluster.status()["destroying"], false, "and does nothing before");
    assert_eq!(cluster.refused(&["destroy", FILE, "--name", "demo", "--volumes", "vol-none"]), "KIT8011");
    cluster.ok(&["destroy", FILE, "--name", "demo", "--volumes", &volumes[0].2]);
    let left = cluster.ok(&["sim", "status"]);
    assert!(!left.contains(&volumes[0].2) && left.contains(&volumes[1].2), "only the named volume goes: {left}");
    cluster.ok(&["destroy", FILE, "--name", "demo", "--volumes", &format!("{},{}", volumes[1].2, volumes[2].2)]);
    // The name is free again, and the new cluster is not mistaken for the old one.
    cluster.ok(&["apply", FILE, "--yes"]);
    let anew = cluster.converged();
    assert_single(&anew);
    assert_ne!(pairing(&anew), volumes);
}

/// Whoever waits for the cluster goes on himself where those end that acted.
#[test]
fn an_apply_goes_on_where_the_replicas_of_other_processes_end() {
    let mut cluster = Cluster::watched();
    let mut apply = cluster
        .command(&["apply", FILE, "--yes", "--set", "size=9"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("kitc starts");
    cluster.until("the change", |status| members(status, "workers").count() == 6);
    cluster.kill_replicas();
    let begun = Instant::now();
    let ended = loop {
        if let Some(ended) = apply.try_wait().expect("it can be asked") {
            break ended;
        }
        if begun.elapsed() > PATIENCE {
            apply.kill().expect("it runs");
            apply.wait().expect("it ends");
            panic!("it waits for replicas that are no more");
        }
        sleep(Duration::from_millis(100));
    };
    assert!(ended.success(), "{ended}");
    assert_single(&cluster.converged());
}

#[test]
fn a_destroyed_cluster_whose_volumes_are_kept_is_said_to_be_that_and_its_watch_ends() {
    let mut cluster = Cluster::watched();
    let volumes: Vec<String> = pairing(&cluster.converged()).into_iter().map(|(_, _, volume)| volume).collect();
    cluster.ok(&["destroy", FILE, "--yes", "demo"]);
    let status = cluster.run(&["status"]);
    let said = String::from_utf8_lossy(&status.stdout).into_owned();
    assert_eq!(status.status.code(), Some(1), "{said}");
    assert!(
        said.contains("cluster demo: destroyed; its volumes") && volumes.iter().all(|id| said.contains(id)),
        "{said}"
    );
    for command in [
        &["apply", FILE, "--yes"][..],
        &["apply", FILE, "--yes", "--watch"],
        &["recover", FILE, "--yes"],
        &["recover", FILE],
        &["commit", FILE, "--set", "size=6", "--yes"],
        &["history"],
        &["history", FILE],
        &["rollback", "--yes"],
        &["pause"],
    ] {
        assert_eq!(cluster.refused(command), "KIT8020", "{command:?}");
    }
    let begun = Instant::now();
    for (member, replica) in &mut cluster.replicas {
        while replica.try_wait().expect("known").is_none() {
            assert!(begun.elapsed() < PATIENCE, "the watch of {member} goes on");
            sleep(Duration::from_millis(100));
        }
    }
    cluster.replicas.clear();
    let all = volumes.join(",");
    let gone = cluster.ok(&["destroy", FILE, "--yes", "demo", "--volumes", &all]);
    assert!(gone.contains("3 volumes removed, 0 kept"), "{gone}");
    assert_eq!(cluster.refused(&["destroy", FILE, "--yes", "demo"]), "KIT8001", "there is nothing left");
}

#[test]
fn an_election_makes_nobody_absent_and_a_missing_replica_is_told() {
    let mut cluster = Cluster::applied();
    let alone = cluster.status();
    assert_eq!(alone["converged"], true);
    assert!(
        alone["nobody_acts"].as_str().is_some_and(|why| why.contains("no replica runs; the last one looked")),
        "{alone:#}"
    );
    assert_eq!(cluster.run(&["status"]).status.code(), Some(1), "nobody would heal it");
    cluster.ok(&["pause"]);
    let resumed = cluster.run(&["resume"]);
    assert!(resumed.status.success() && String::from_utf8_lossy(&resumed.stderr).contains("nobody acts"));
    // Nobody acts, so that what the election leaves unknown stays to be looked at.
    let leader = cluster.leader();
    cluster.ok(&["sim", "kill", "leader"]);
    let election = cluster.status();
    assert!(election["unreachable"].is_string(), "an election takes longer than a look: {election:#}");
    for member in election["members"].as_array().expect("a list") {
        let lost = member["address"] == leader.as_str();
        assert_eq!(member["unknown"], !lost, "{member:#}");
        assert!(!member["lacks"].to_string().contains("not joined"), "{member:#}");
    }
    // The new leader has not heard of the others yet.
    let elected = cluster.until("another leader", |status| status["leader"].is_string());
    for member in elected["members"].as_array().expect("a list") {
        let known = member["whole"] == true || member["unknown"] == true;
        assert!(known || member["address"] == leader.as_str(), "{member:#}");
    }
    cluster.start_replicas();
    cluster.converged();
    let watched = cluster.until("a replica that acts", |status| status["nobody_acts"].is_null());
    assert_eq!(watched["converged"], true);
    assert_eq!(cluster.run(&["status"]).status.code(), Some(0));
}

#[test]
fn what_was_mistyped_hurts_nobody_and_says_what_was_meant() {
    let cluster = Cluster::applied();
    let said = |arguments: &[&str]| {
        let output = cluster.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(said(&["sim", "kill", "manager.m1"]).contains("did you mean managers.m1?"));
    assert!(said(&["sim", "kill", "managers.m1", "leadr"]).contains("did you mean leader?"));
    let group = said(&["sim", "kill", "managers"]);
    assert!(group.contains("is a group") && group.contains("managers.m1 managers.m2 managers.m3"), "{group}");
    assert!(said(&["apply", FILE, "--pace", "5"]).contains("KIT8019"), "a pace is refused before anybody is asked");
    assert_eq!(cluster.status()["converged"], true, "nobody was hurt");
    cluster.ok(&["sim", "kill", "workers.1"]);
    let begun = Instant::now();
    // A machine takes its time to shut down.
    while !cluster.ok(&["sim", "status"]).contains("and 1 machines that are gone (--all shows them)") {
        assert!(begun.elapsed() < PATIENCE, "a machine that is gone is only counted");
        sleep(Duration::from_millis(100));
    }
    assert!(!cluster.ok(&["sim", "status", "--all"]).contains("--all"));
}
