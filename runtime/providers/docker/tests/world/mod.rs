//! A real Docker Engine for the tests, with a cluster of each test's own in it, which is gone afterwards.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of it")]

use std::io::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use kit_docker::DockerProvider;
use kit_graph::{Instance, Properties, Value};
use kit_model::{
    Action, Address, Authority, BootDocument, Call, CallId, ClusterUid, ContentHash, Generation, Inventory,
    MachineRequest, Outcome, Provider as _, Token,
};

/// What machines boot where nobody names another image: the lab's.
const IMAGE: &str = "kit-lab/node";

/// The variable that says that a test without an Engine has failed.
const REQUIRED: &str = "KIT_LAB_REQUIRED";

/// Networks of the tests: no two at once have the same.
static NETWORKS: AtomicU8 = AtomicU8::new(0);

pub struct World {
    pub provider: DockerProvider,
    pub uid: ClusterUid,
    pub cluster: String,
    pub host: String,
    network: u8,
}

/// The Engine that is to be used: the one that is named, the lab's, or the system's.
fn host() -> Option<String> {
    let lab = std::env::var_os("KIT_LAB_DIR").map_or_else(|| "/var/tmp/kit-lab".into(), PathBuf::from);
    let named = std::env::var("DOCKER_HOST").ok();
    let lab = std::fs::read_to_string(lab.join("engine/host")).ok().map(|host| host.trim().to_owned());
    let system = "unix:///var/run/docker.sock".to_owned();
    let candidates = named.map_or_else(|| lab.into_iter().chain([system]).collect(), |named| vec![named]);
    candidates.into_iter().find(|host| docker(host, &["image", "inspect", &image()]).is_some())
}

pub fn image() -> String {
    std::env::var("KIT_LAB_IMAGE").unwrap_or_else(|_| IMAGE.to_owned())
}

/// What the command line of Docker says; none where it fails.
pub fn docker(host: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new("docker").arg("-H").arg(host).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

pub fn instance(kind: &str, fields: &[(&str, Value)]) -> Arc<Instance> {
    let properties: Properties = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Arc::new(Instance { kind: kind.to_owned(), properties })
}

pub fn provider_at(host: &str) -> DockerProvider {
    DockerProvider::on_host(&instance("docker.Provider", &[("host", host.into())])).expect("a socket")
}

/// A cluster with a network; none where no Engine answers that has the image, which is said aloud.
pub async fn engine() -> Option<World> {
    let Some(host) = host() else {
        assert!(std::env::var_os(REQUIRED).is_none(), "no Docker Engine with the image {} answers", image());
        // Not by a macro: those are captured, and this must be seen.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: no Docker Engine with the image {} answers; tests/lab/image build makes both",
            image()
        );
        return None;
    };
    let number = NETWORKS.fetch_add(1, Ordering::SeqCst);
    let name = format!("{}{number:03}", std::process::id());
    let world = World {
        provider: provider_at(&host),
        uid: ClusterUid::new(format!("t{name}")),
        cluster: format!("t{name}"),
        host,
        network: number,
    };
    let (address, network) = world.declared("net", 0);
    assert_eq!(world.call(create_network(&world.uid, &address, network)).await, Outcome::Done);
    Some(world)
}

pub fn create_network(uid: &ClusterUid, address: &Address, instance: Arc<Instance>) -> Action {
    let token = Token::of_generation(uid, address, Generation(0));
    Action::CreateResource { address: address.clone(), instance, content: "content".into(), token }
}

impl World {
    /// A network of this world; no other test has its addresses.
    pub fn declared(&self, address: &str, part: u8) -> (Address, Arc<Instance>) {
        let cidr = format!("10.{}.{}.0/24", 213 + part, self.network);
        let subnet = format!("10.{}.{}.0/25", 213 + part, self.network);
        let fields = [("cidr", cidr.as_str().into()), ("subnet", subnet.as_str().into())];
        (address.into(), instance("docker.Network", &fields))
    }

    pub fn ip(&self, number: u8) -> IpAddr {
        IpAddr::from([10, 213, self.network, 100 + number])
    }

    pub fn machine(&self) -> Arc<Instance> {
        let network = Value::Ref("net".to_owned());
        instance("docker.Machine", &[("image", image().as_str().into()), ("network", network)])
    }

    pub async fn call(&self, action: Action) -> Outcome {
        let call = Call {
            id: CallId(1),
            address: "a".into(),
            authority: Authority::Operator,
            not_after_boot_ms: u64::MAX,
            action,
        };
        self.provider.send(&self.uid, &call, &|| Ok(())).await
    }

    pub async fn list(&self) -> Inventory {
        let ips: Vec<IpAddr> = (1..=9).map(|number| self.ip(number)).collect();
        self.provider.list(&self.uid, &ips).await.expect("a listing")
    }

    pub fn request(&self, address: &str, generation: u64, machine: Arc<Instance>) -> MachineRequest {
        let address = Address::from(address);
        let generation = Generation(generation);
        let boot = BootDocument {
            uid: self.uid.clone(),
            address: address.clone(),
            generation,
            revision: "sha256:1".into(),
            manager: false,
            manager_ips: Vec::new(),
            seed: false,
            has_volume: false,
            disk: None,
        };
        let content = ContentHash::from("content");
        MachineRequest {
            token: Token::of_generation(&self.uid, &address, generation),
            request: MachineRequest::hash_of(&address, generation, &content, None, &boot),
            address,
            generation,
            machine,
            content,
            ip: None,
            boot,
        }
    }

    /// The request with its hash, after a change of it.
    pub fn sealed(&self, mut request: MachineRequest) -> MachineRequest {
        let MachineRequest { address, generation, content, ip, boot, .. } = &request;
        request.request = MachineRequest::hash_of(address, *generation, content, *ip, boot);
        request
    }

    /// What the command line of Docker says of this Engine.
    pub fn docker(&self, arguments: &[&str]) -> Option<String> {
        docker(&self.host, arguments)
    }

    fn remove_all(&self, list: &[&str], remove: &[&str], label: &str) {
        let filter = format!("label={label}");
        let ids = self.docker(&[list, &["--filter", &filter]].concat()).unwrap_or_default();
        let ids: Vec<&str> = ids.split_whitespace().collect();
        if !ids.is_empty() {
            let _ = self.docker(&[remove, &ids].concat());
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let mine = format!("kit.uid={}", self.uid);
        self.remove_all(&["ps", "-aq"], &["rm", "-fv"], &mine);
        self.remove_all(&["ps", "-aq"], &["rm", "-fv"], &format!("kit.test={}", self.uid));
        self.remove_all(&["network", "ls", "-q"], &["network", "rm"], &mine);
        self.remove_all(&["volume", "ls", "-q"], &["volume", "rm"], &mine);
        // A test that fails half-way leaves its anchor.
        self.remove_all(&["volume", "ls", "-q"], &["volume", "rm"], &format!("kit.cluster={}", self.cluster));
    }
}
