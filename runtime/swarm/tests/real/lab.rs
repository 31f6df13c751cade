//! A real Swarm for a test: three managers and a worker, each a machine of the lab with a Docker Engine of its own.
//!
//! It needs root and a Docker Engine, and is made only where `KIT_LAB_REQUIRED=1` says that the lab is there; elsewhere the
//! test says that it was skipped. One test has it at a time. What holds the machines ends with this process, however it
//! ends, and takes all of them away.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use kit_contract::{StoreWorld, SwarmWorld};
use kit_model::{Address, ClusterUid, CommitResult, Head, LeaderDetector as _, Leadership, SpecStore};
use kit_swarm::{Engine, EngineService, ManagerEngine};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Says that the lab is there, and that no test may be skipped.
const REQUIRED: &str = "KIT_LAB_REQUIRED";

/// The uid that the machines' engines carry.
pub(crate) const UID: &str = "contract";

/// How long an election and the judgement of nodes after it may take: 10 to 20 s, then some 20 s more, and as much again
/// for a machine that has other work.
const PATIENCE: Duration = Duration::from_secs(90);

/// The machines of the last test, which the next one may have if they are whole.
static MACHINES: LazyLock<Arc<Mutex<Option<Machines>>>> = LazyLock::new(Arc::default);

/// Machines in a Swarm, until this is dropped.
struct Machines {
    holder: Child,
    /// While it is open the machines stay.
    open: Option<ChildStdin>,
    engine: String,
    managers: Vec<(Address, ManagerEngine)>,
    containers: Vec<(Address, String)>,
}

/// A Swarm, for one test at a time.
pub(crate) struct Lab {
    machines: OwnedMutexGuard<Option<Machines>>,
    hurt: AtomicBool,
}

/// Where the repository is: tests of several of its parts use this file.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().find(|above| above.join("tests/lab/swarm").is_file()).expect("the lab is there").to_owned()
}

/// Writes past the test's captured output: who skips or measures says so.
pub(crate) fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

/// A Swarm that no test has hurt; none where there is no lab.
pub(crate) async fn swarm() -> Option<Lab> {
    if std::env::var(REQUIRED).as_deref() != Ok("1") {
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        say(&format!("SKIPPED {test}: it needs root and a Docker Engine for the lab; {REQUIRED}=1 runs it"));
        return None;
    }
    let mut machines = Arc::clone(&*MACHINES).lock_owned().await;
    if machines.is_none() {
        *machines = Some(Machines::make().await);
    }
    Some(Lab { machines, hurt: AtomicBool::new(false) })
}

/// The number of the manager that leads.
pub(crate) async fn leader(lab: &Lab) -> usize {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        for (index, (_, beside)) in lab.managers().iter().enumerate() {
            if beside.look().await == Leadership::Leader {
                return index;
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("there is no leader")
}

impl Machines {
    async fn make() -> Self {
        let mut holder = Command::new(root().join("tests/lab/swarm"))
            .args(["3", "1", UID])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/lab/swarm can be run");
        let open = holder.stdin.take();
        let mut lines = BufReader::new(holder.stdout.take().expect("its output")).lines();
        let (mut engine, mut managers, mut containers) = (String::new(), Vec::new(), Vec::new());
        loop {
            let line = lines.next().expect("the Swarm comes up").expect("text");
            match line.split(' ').collect::<Vec<_>>().as_slice() {
                ["engine", host] => engine = (*host).to_owned(),
                ["machine", member, container, socket, _ip] => {
                    let address = Address::from(*member);
                    if member.starts_with("managers.") {
                        managers.push((address.clone(), beside(&engine, container, socket, &UID.into())));
                    }
                    containers.push((address, (*container).to_owned()));
                }
                ["ready"] => break,
                _ => {}
            }
        }
        let first = Head::first(UID.into(), "sha256:0".into());
        let created = managers[0].1.create_head(&first).await;
        assert!(matches!(created, CommitResult::Committed(_)), "{created:?}");
        Self { holder, open, engine, managers, containers }
    }
}

fn beside(engine: &str, container: &str, socket: &str, uid: &ClusterUid) -> ManagerEngine {
    let command = |verb: &str| {
        let line = ["docker", "-H", engine, "exec", container, "systemctl", verb, "docker.socket", "docker.service"];
        // The shim of the lab knows no unit of a socket, and has none to start.
        let line = line.iter().filter(|word| verb == "stop" || **word != "docker.socket");
        line.map(|word| (*word).to_owned()).collect::<Vec<_>>()
    };
    let service = EngineService::of_commands(command("stop"), command("start"));
    ManagerEngine::new(Engine::at(socket), uid.clone(), service).expect("a uid that fits")
}

impl Drop for Machines {
    fn drop(&mut self) {
        self.open = None;
        let _ = self.holder.wait();
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.hurt.load(Ordering::SeqCst) || std::thread::panicking() {
            *self.machines = None;
        }
    }
}

impl Lab {
    fn machines(&self) -> &Machines {
        self.machines.as_ref().expect("they were made")
    }

    fn docker(&self, arguments: &[&str]) -> String {
        self.hurt.store(true, Ordering::SeqCst);
        let output =
            Command::new("docker").args(["-H", &self.machines().engine]).args(arguments).output().expect("docker runs");
        assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn container(&self, member: &Address) -> &str {
        &self.machines().containers.iter().find(|(address, _)| address == member).expect("a machine").1
    }

    fn on(&self, member: &Address, script: &str) -> String {
        self.docker(&["exec", self.container(member), "sh", "-c", script])
    }

    /// A person wipes a manager's state of the Swarm and lets it join by hand, at the address that it had.
    pub(crate) fn rejoin_wiped(&self, manager: &Address, through: &Address) {
        let token = self.on(through, "docker swarm join-token -q manager");
        let at = self.on(through, "docker info -f '{{.Swarm.NodeAddr}}'");
        self.on(manager, "systemctl stop docker && rm -rf /var/lib/docker/swarm && systemctl start docker");
        let own = self.on(manager, "hostname -i");
        self.on(manager, &format!("docker swarm join --token {token} --advertise-addr {own} {at}:2377"));
    }

    /// Stops the manager's dockerd in the middle of whatever it does.
    pub(crate) fn freeze(&self, manager: &Address) {
        self.on(manager, "kill -STOP $(cat /run/units/docker.pid)");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self, manager: &Address) {
        self.on(manager, "kill -CONT $(cat /run/units/docker.pid)");
    }

    /// A store in this Swarm that nobody has used.
    pub(crate) fn fresh_store(&self) -> Store<'_> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let uid = ClusterUid::new(format!("store-{}", NEXT.fetch_add(1, Ordering::SeqCst)));
        let via = NEXT.load(Ordering::SeqCst) as usize % self.managers().len();
        let engine = self.managers()[via].1.engine().clone();
        let store = ManagerEngine::new(engine, uid, EngineService::of_systemd()).expect("a uid that fits");
        Store { store, _lab: self }
    }
}

/// A store in a Swarm, through one of its managers.
pub(crate) struct Store<'a> {
    store: ManagerEngine,
    _lab: &'a Lab,
}

impl StoreWorld for Store<'_> {
    fn store(&self) -> &dyn SpecStore {
        &self.store
    }
}

#[async_trait]
impl SwarmWorld for Lab {
    type Beside = ManagerEngine;

    fn managers(&self) -> &[(Address, ManagerEngine)] {
        &self.machines().managers
    }

    async fn kill(&self, manager: &Address) {
        self.docker(&["kill", self.container(manager)]);
    }

    async fn cut(&self, manager: &Address) {
        self.on(manager, "ip link set eth0 down");
    }

    async fn mend(&self) {
        for (manager, _) in self.managers() {
            self.on(manager, "ip link set eth0 up");
        }
    }

    async fn pass(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    fn patience_ms(&self) -> u64 {
        PATIENCE.as_millis() as u64
    }
}
