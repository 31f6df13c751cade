//! A cluster of managers on a simulated cloud, begun as Kit begins one, for the tests.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of it")]

use std::net::IpAddr;
use std::sync::Arc;

use kit_graph::{Instance, Properties, Value};
use kit_model::{
    Action, Address, Authority, BootDocument, Call, CallError, CallId, ClusterUid, CommitResult, ContentHash, Epoch,
    Generation, Head, Inventory, MachineId, MachineRequest, MachineState, Node, NodeState, Now, Operation,
    OperationKind, Outcome, RevisionId, Token, VolumeId,
};
use kit_sim::{Hurt, Sender, SimCloud, SimSettings, Span};

pub const MINUTE: u64 = 60_000;

/// The world and its time.
pub struct World {
    pub cloud: SimCloud,
    pub now: u64,
    pub uid: ClusterUid,
    pub calls: u64,
    pub size: u8,
}

/// Settings under which nothing is left to chance.
pub fn exact() -> SimSettings {
    SimSettings {
        jitter_percent: 0,
        freed_permille: 0,
        election: Span::new(15_000, 15_000),
        claim: Span::new(18_000, 18_000),
        ..SimSettings::default()
    }
}

pub fn member(number: u8) -> Address {
    Address::new(format!("managers.m{number}"))
}

pub fn ip(number: u8) -> IpAddr {
    IpAddr::from([172, 31, 16, 100 + number])
}

pub fn instance(kind: &str, fields: &[(&str, Value)]) -> Arc<Instance> {
    let properties: Properties = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Arc::new(Instance { kind: kind.to_owned(), properties })
}

impl World {
    pub fn new(settings: SimSettings) -> Self {
        let mut world =
            Self { cloud: SimCloud::new(settings, 7), now: 1_000_000, uid: "uid-1".into(), calls: 0, size: 3 };
        let network = world.network();
        assert_eq!(world.call("net", network), Outcome::Done);
        world.pass(1_000);
        world
    }

    /// A Swarm of one manager, without a head.
    pub fn begun(settings: SimSettings) -> Self {
        let mut world = Self::new(settings);
        world.make_member(1, 0, true);
        world
    }

    /// A formed cluster of `size` managers.
    pub fn formed(settings: SimSettings, size: u8) -> Self {
        let mut world = Self::new(settings);
        world.size = size;
        world.make_member(1, 0, true);
        let first = Head::first(world.uid.clone(), "sha256:1".into());
        assert!(matches!(world.cloud.create_head(&member(1), &first, world.now), CommitResult::Committed(_)));
        let volume = world.volume(1);
        assert_eq!(world.call("managers.m1", Action::MarkFormed { volume }), Outcome::Done);
        for number in 2..=size {
            world.journal(&member(number), u64::from(number));
            world.make_member(number, u64::from(number), false);
            let volume = world.volume(number);
            assert_eq!(world.call(member(number).as_str(), Action::MarkFormed { volume }), Outcome::Done);
        }
        world.pass(MINUTE);
        assert_eq!(world.ready(), usize::from(size), "{:#?}", world.nodes());
        world
    }

    /// Its volume, its machine, attached, up.
    fn make_member(&mut self, number: u8, generation: u64, seed: bool) {
        let address = member(number);
        let create = self.volume_request(number, 0);
        assert_eq!(self.call(address.as_str(), create), Outcome::Done);
        let request = self.request(number, generation, seed);
        assert_eq!(self.call(address.as_str(), Action::CreateMachine(Arc::new(request))), Outcome::Done);
        self.pass(5_000);
        let (volume, machine) = (self.volume(number), self.machine(number));
        assert_eq!(self.call(address.as_str(), Action::AttachVolume { volume, machine }), Outcome::Done);
        self.pass(5_000);
    }

    pub fn network(&self) -> Action {
        let net = instance("sim.Network", &[("cidr", "172.31.0.0/16".into()), ("subnet", "172.31.16.0/20".into())]);
        Action::CreateResource { address: "net".into(), instance: net, content: "net".into(), token: "net".into() }
    }

    pub fn volume_request(&self, number: u8, generation: u64) -> Action {
        let address = member(number);
        Action::CreateVolume {
            token: Token::of_generation(&self.uid, &Address::new(format!("{address} volume")), Generation(generation)),
            address,
            generation: Generation(generation),
            properties: Arc::new([("size".to_owned(), Value::from("20GiB"))].into()),
        }
    }

    pub fn request(&self, number: u8, generation: u64, seed: bool) -> MachineRequest {
        self.request_of(&member(number), generation, Some(ip(number)), seed)
    }

    pub fn worker(&self, slot: u32, generation: u64) -> MachineRequest {
        self.request_of(&Address::of_slot("workers", slot), generation, None, false)
    }

    fn request_of(&self, address: &Address, generation: u64, ip: Option<IpAddr>, seed: bool) -> MachineRequest {
        let generation = Generation(generation);
        let manager = ip.is_some();
        let boot = BootDocument {
            uid: self.uid.clone(),
            address: address.clone(),
            generation,
            revision: "sha256:1".into(),
            manager,
            manager_ips: (1..=self.size).map(self::ip).collect(),
            seed,
            has_volume: manager,
            disk: None,
        };
        let content = ContentHash::from("content");
        MachineRequest {
            address: address.clone(),
            generation,
            token: Token::of_generation(&self.uid, address, generation),
            machine: instance("sim.Machine", &[("network", Value::Ref("net".to_owned()))]),
            request: MachineRequest::hash_of(address, generation, &content, ip, &boot),
            content,
            ip,
            boot,
        }
    }

    pub fn pass(&mut self, ms: u64) {
        self.now += ms;
        self.cloud.advance(self.now);
    }

    /// Sends a call as the operator.
    pub fn call(&mut self, address: &str, action: Action) -> Outcome {
        self.call_from(&Sender::Operator, address, action)
    }

    pub fn call_from(&mut self, from: &Sender, address: &str, action: Action) -> Outcome {
        self.calls += 1;
        let call = Call {
            id: CallId(self.calls),
            address: address.into(),
            authority: Authority::Permit(Epoch(1)),
            not_after_boot_ms: self.now + 10_000,
            action,
        };
        self.cloud.deliver(from, &self.uid.clone(), &call, self.now, self.now)
    }

    pub fn refused(&mut self, address: &str, action: Action) -> CallError {
        match self.call(address, action) {
            Outcome::Refused(error) => error,
            other => panic!("not refused: {other:?}"),
        }
    }

    pub fn hurt(&mut self, hurt: Hurt) {
        self.cloud.hurt(&hurt, self.now).unwrap_or_else(|error| panic!("{hurt:?}: {error}"));
    }

    /// Journals the making of `address`, as the leader does before it sends.
    pub fn journal(&mut self, address: &Address, generation: u64) {
        let via = self.cloud.leader().expect("there is a leader");
        let head = self.cloud.head(&via, self.now).expect("readable").expect("formed");
        let mut next = head.value;
        next.epoch = Epoch(next.epoch.0.max(generation));
        next.operations.insert(
            address.clone(),
            Operation {
                kind: OperationKind::Create,
                generation: Generation(generation),
                revision: RevisionId::from("sha256:1"),
                request: None,
                condemned: Default::default(),
                rebooted: false,
                availability: None,
                begun_wall_ms: self.now,
            },
        );
        let result = self.cloud.update_head(&via, head.version, &next, self.now);
        assert!(matches!(result, CommitResult::Committed(_)), "{result:?}");
    }

    pub fn list(&mut self) -> Inventory {
        let ips: Vec<IpAddr> = (1..=self.size).map(ip).collect();
        let at = Now { boot_ms: self.now, wall_ms: self.now };
        self.cloud.list(&Sender::Operator, &self.uid.clone(), &ips, at, self.now).expect("a listing")
    }

    pub fn machine(&self, number: u8) -> MachineId {
        self.cloud.machines_at(&member(number)).last().expect("a machine").id.clone()
    }

    pub fn state(&self, number: u8) -> MachineState {
        self.cloud.machines_at(&member(number)).last().expect("a machine").state
    }

    pub fn volume(&self, number: u8) -> VolumeId {
        let address = member(number);
        let found = self.cloud.volumes().find(|volume| volume.marks.address == address && !volume.retired);
        found.expect("a volume").id.clone()
    }

    /// The list of nodes through whoever truly leads.
    pub fn nodes(&mut self) -> Vec<Node> {
        let via = self.cloud.leader().expect("there is a leader");
        self.cloud.nodes(&via, self.now).expect("readable").nodes
    }

    pub fn node(&mut self, number: u8) -> Node {
        let address = member(number);
        self.nodes().into_iter().find(|node| node.address.as_ref() == Some(&address)).expect("a node")
    }

    pub fn ready(&mut self) -> usize {
        self.nodes().iter().filter(|node| node.state == NodeState::Ready).count()
    }

    pub fn leader(&self) -> u8 {
        let leader = self.cloud.leader().expect("there is a leader");
        leader.as_str().trim_start_matches("managers.m").parse().expect("a manager")
    }

    pub fn epoch_through(&mut self, number: u8) -> u64 {
        let head = self.cloud.head(&member(number), self.now).expect("readable").expect("formed");
        head.value.epoch.0
    }
}
