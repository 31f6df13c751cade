//! The simulated cloud, its Swarm and its store keep the contract, through the file that processes share.

#[path = "../../providers/sim/tests/world/mod.rs"]
mod world;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use kit_contract::{CloudWorld, StoreWorld, SwarmWorld};
use kit_graph::{Instance, Properties, Value};
use kit_model::{Address, ClusterUid, Provider, SpecStore};
use kit_sim::{Hurt, SimClock, SimFile, SimMember, SimProvider, SimSettings};
use tempfile::TempDir;
use world::{World, member};

/// A simulated cloud in a file, whose time the test sets.
struct Simulated {
    file: SimFile,
    clock: Arc<AtomicU64>,
    provider: SimProvider,
    managers: Vec<(Address, SimMember)>,
    _directory: TempDir,
}

impl Simulated {
    /// The world as it stands, moved into a file.
    fn of(world: World) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Arc::new(AtomicU64::new(world.now));
        let settings = world.cloud.settings().clone();
        let file = SimFile::open_with(directory.path(), settings, 1, SimClock::Manual(Arc::clone(&clock)))
            .expect("a fresh file");
        file.with(|cloud| {
            *cloud = world.cloud;
        })
        .expect("written");
        let managers = (1..=3).map(|number| (member(number), file.beside(member(number)))).collect();
        Self { provider: file.provider(), file, clock, managers, _directory: directory }
    }

    /// A cloud with a network.
    fn cloud() -> Self {
        Self::of(World::new(SimSettings::default()))
    }

    /// A Swarm of one manager, without a head.
    fn store() -> Self {
        Self::of(World::begun(SimSettings::default()))
    }

    /// Three managers and a worker.
    fn swarm() -> Self {
        let mut world = World::formed(SimSettings::default(), 3);
        world.journal(&"workers.1".into(), 60);
        let request = world.worker(1, 60);
        world.call("workers.1", kit_model::Action::CreateMachine(request.into()));
        world.pass(world::MINUTE);
        Self::of(world)
    }

    fn hurt(&self, hurt: &Hurt) {
        self.file.with(|cloud| cloud.hurt(hurt, cloud.now_ms())).expect("written").expect("possible");
    }

    fn advance(&self, ms: u64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }
}

impl StoreWorld for Simulated {
    fn store(&self) -> &dyn SpecStore {
        &self.managers[0].1
    }
}

#[async_trait]
impl CloudWorld for Simulated {
    fn provider(&self) -> &dyn Provider {
        &self.provider
    }

    fn cluster(&self) -> String {
        "contract".to_owned()
    }

    fn uid(&self) -> ClusterUid {
        "uid-1".into()
    }

    fn resource(&self) -> (Address, Arc<Instance>) {
        ("other".into(), world::instance("sim.Network", &[("cidr", "10.0.0.0/16".into())]))
    }

    fn machine(&self) -> Arc<Instance> {
        world::instance("sim.Machine", &[("network", Value::Ref("net".to_owned()))])
    }

    fn volume(&self) -> Arc<Properties> {
        Arc::new([("size".to_owned(), Value::from("20GiB"))].into())
    }

    fn ip(&self, number: u8) -> IpAddr {
        world::ip(number)
    }

    async fn pass(&self, ms: u64) {
        self.advance(ms);
    }

    fn patience_ms(&self) -> u64 {
        10_000
    }
}

#[async_trait]
impl SwarmWorld for Simulated {
    type Beside = SimMember;

    fn managers(&self) -> &[(Address, SimMember)] {
        &self.managers
    }

    async fn kill(&self, manager: &Address) {
        self.hurt(&Hurt::Kill(manager.clone()));
    }

    async fn cut(&self, manager: &Address) {
        self.hurt(&Hurt::Cut(manager.clone()));
    }

    async fn mend(&self) {
        self.hurt(&Hurt::MendAll);
    }

    async fn pass(&self, ms: u64) {
        self.advance(ms);
    }

    fn patience_ms(&self) -> u64 {
        60_000
    }
}

mod store {
    kit_contract::store_promises!(super::Simulated::store());
}

mod provider {
    kit_contract::provider_promises!(super::Simulated::cloud());
}

mod swarm {
    kit_contract::swarm_promises!(super::Simulated::swarm());
}
