//! A small world to plan against, told in lines of text.
#![allow(unreachable_pub, dead_code, reason = "shared by tests of which each uses a part")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use kit_graph::{Instance, Properties, Value};
use kit_model::{
    Action, Address, Amount, Approval, Attachment, Availability, BootFinding, BootId, ClusterUid, ContentHash, Epoch,
    Failures, Generation, GroupSpec, Head, Holder, Inventory, Machine, MachineId, MachineState, ManagerStatus, Marks,
    MemberSpec, NewcomerReason, Node, NodeId, NodeRole, NodeState, Now, Operation, OperationKind, PermitState, Plan,
    Policy, Reachability, ReplicaIdentity, RevisionId, Role, Spec, StoppedRoll, Stranger, SwarmView, Token, Volume,
    VolumeId, VolumeState, Wave,
};
use kit_planner::{Memory, Specs, machine_request, plan};

pub const UID: &str = "uid";

/// How often a world is looked at between the times that are told, in seconds: as an idle replica does, or rarer.
const LOOK_EVERY_S: usize = 10;

pub struct World {
    pub specs: BTreeMap<String, Arc<Spec>>,
    pub inventory: Inventory,
    pub swarm: SwarmView,
    pub head: Head,
    pub me: ReplicaIdentity,
    pub policy: Policy,
    pub findings: Vec<(Address, BootFinding)>,
    /// When the looks before the decision are taken, in seconds; the last one is the decision's.
    pub looks: Vec<u64>,
}

pub fn spec(revision: &str, managers: u32, workers: u32, image: &str) -> Spec {
    let machine = |role: &str| {
        let mut properties = Properties::new();
        properties.insert("image".to_owned(), Value::String(format!("{role}-{image}")));
        Arc::new(Instance { kind: "sim.Machine".to_owned(), properties })
    };
    let content = |role: &str| ContentHash::new(format!("{role}-{image}"));
    let addresses: Vec<Address> = (1..=managers).map(|n| Address::new(format!("managers.m{n}"))).collect();
    let members = (1u8..)
        .zip(&addresses)
        .map(|(n, address)| {
            let member = MemberSpec {
                address: address.clone(),
                group: "managers".to_owned(),
                ip: Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, n))),
                volume: Some(Arc::new(Properties::new())),
                machine: machine("manager"),
                content: content("manager"),
            };
            (address.clone(), member)
        })
        .collect();
    let group = |name: &str, role: Role, count: u32, members: Vec<Address>| GroupSpec {
        name: name.to_owned(),
        role,
        machine: machine(if role == Role::Manager { "manager" } else { "worker" }),
        content: content(if role == Role::Manager { "manager" } else { "worker" }),
        count,
        members,
        max_unavailable: Amount::Percent(25),
        drain_ms: 300_000,
        grace_ms: if role == Role::Manager { 60_000 } else { 300_000 },
        labels: BTreeMap::new(),
    };
    Spec {
        cluster: "demo".to_owned(),
        revision: RevisionId::from(revision),
        provider: Instance { kind: "sim.Provider".to_owned(), properties: Properties::new() },
        leader: Some("managers".to_owned()),
        resources: Vec::new(),
        groups: BTreeMap::from([
            ("managers".to_owned(), group("managers", Role::Manager, managers, addresses)),
            ("workers".to_owned(), group("workers", Role::Worker, workers, Vec::new())),
        ]),
        members,
    }
}

pub fn marks(address: &Address, generation: u64, image: &str) -> Marks {
    let role = if address.group() == "managers" { "manager" } else { "worker" };
    let uid = ClusterUid::from(UID);
    Marks {
        uid: uid.clone(),
        address: address.clone(),
        generation: Generation(generation),
        content: ContentHash::new(format!("{role}-{image}")),
        token: Token::of_generation(&uid, address, Generation(generation)),
    }
}

fn short(address: &Address) -> String {
    let id = address.within_group().unwrap_or_default();
    if address.group() == "managers" { id.to_owned() } else { format!("w{id}") }
}

fn ip_of(address: &Address) -> Option<IpAddr> {
    let n = address.within_group()?.strip_prefix('m')?.parse().ok()?;
    Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, n)))
}

impl World {
    pub fn new() -> Self {
        let first = Arc::new(spec("A", 3, 0, "old"));
        let mut head = Head::first(ClusterUid::from(UID), RevisionId::from("A"));
        head.epoch = Epoch(4);
        head.last_good = BTreeMap::from([
            ("managers".to_owned(), RevisionId::from("A")),
            ("workers".to_owned(), RevisionId::from("A")),
        ]);
        Self {
            specs: BTreeMap::from([("A".to_owned(), first)]),
            inventory: Inventory { complete: true, strong: true, ..Inventory::default() },
            swarm: SwarmView::default(),
            head,
            me: ReplicaIdentity {
                member: Address::from("managers.m1"),
                boot_id: BootId::from("boot"),
                uid: Some(ClusterUid::from(UID)),
            },
            policy: Policy::default(),
            findings: Vec::new(),
            looks: vec![0, 900],
        }
    }

    pub fn add_whole(&mut self, address: &Address, image: &str) {
        let id = short(address);
        let manager = address.group() == "managers";
        self.inventory.machines.push(Machine {
            id: MachineId::new(format!("i-{id}")),
            marks: marks(address, 0, image),
            state: MachineState::Running,
            ip: ip_of(address),
        });
        if manager {
            self.inventory.volumes.push(Volume {
                id: VolumeId::new(format!("v-{id}")),
                marks: marks(address, 0, "volume"),
                state: VolumeState::Held(Attachment { machine: MachineId::new(format!("i-{id}")), attached: true }),
                formed: true,
            });
        }
        self.swarm.nodes.push(node(&format!("n-{id}"), address, 0, manager));
    }

    fn machine(&mut self, address: &Address) -> &mut Machine {
        let found = self.inventory.machines.iter_mut().find(|machine| machine.marks.address == *address);
        found.unwrap_or_else(|| panic!("no machine of {address}"))
    }

    fn volume(&mut self, address: &Address) -> &mut Volume {
        let found = self.inventory.volumes.iter_mut().find(|volume| volume.marks.address == *address);
        found.unwrap_or_else(|| panic!("no volume of {address}"))
    }

    fn node(&mut self, address: &Address) -> &mut Node {
        let found = self.swarm.nodes.iter_mut().find(|node| node.address.as_ref() == Some(address));
        found.unwrap_or_else(|| panic!("no node of {address}"))
    }

    /// The hash that a wave's first request has where it is begun.
    fn wave_request(&self, words: &[&str]) -> ContentHash {
        let after = |name: &str| words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1)).copied();
        let generation = Generation(after("gen").and_then(|text| text.parse().ok()).unwrap_or(4));
        let spec = &self.specs[after("revision").unwrap_or("A")];
        let address = Address::of_slot(words[1], 1);
        let token = Token::of_generation(&self.head.uid, &address, generation);
        machine_request(&self.head.uid, spec, &address, generation, token).expect("a slot of the group").request
    }

    /// Takes in one line.
    pub fn tell(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let after = |name: &str| words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1)).copied();
        let has = |name: &str| words.contains(&name);
        let address = |at: usize| Address::from(*words.get(at).unwrap_or_else(|| panic!("no address: {line}")));
        match words.first().copied().unwrap_or_default() {
            "revision" => {
                let number = |name: &str| after(name).map_or(0, |text| text.parse().unwrap_or(0));
                let image = after("image").unwrap_or("old");
                let made = spec(words[1], number("managers"), number("workers"), image);
                self.specs.insert(words[1].to_owned(), Arc::new(made));
            }
            "whole" => {
                let image = after("image").unwrap_or("old").to_owned();
                for address in words[1..].iter().take_while(|word| **word != "image") {
                    self.add_whole(&Address::from(*address), &image);
                }
            }
            "machine" => {
                let at = address(1);
                let machine = self.machine(&at);
                machine.state = machine_state(words[2]);
                if machine.state == MachineState::Terminated {
                    machine.ip = None;
                }
            }
            "volume" => {
                let at = address(1);
                match words[2] {
                    "gone" => self.inventory.volumes.retain(|volume| volume.marks.address != at),
                    "free" => self.volume(&at).state = VolumeState::Available,
                    "unformed" => self.volume(&at).formed = false,
                    "held" => {
                        let machine = MachineId::from(words[3]);
                        self.volume(&at).state = VolumeState::Held(Attachment { machine, attached: true });
                    }
                    other => panic!("a volume is not {other}"),
                }
            }
            "node" => {
                let at = address(1);
                if words[2] == "gone" {
                    self.swarm.nodes.retain(|node| node.address.as_ref() != Some(&at));
                    return;
                }
                let node = self.node(&at);
                for word in &words[2..] {
                    change_node(node, word);
                }
            }
            "no" => {
                let at = address(2);
                self.inventory.machines.retain(|machine| machine.marks.address != at);
            }
            "also" if words[1] == "machine" => {
                let at = address(3);
                let generation = after("gen").and_then(|text| text.parse().ok()).unwrap_or(0);
                self.inventory.machines.push(Machine {
                    id: MachineId::from(words[2]),
                    marks: marks(&at, generation, after("image").unwrap_or("old")),
                    state: machine_state(after("state").unwrap_or("running")),
                    ip: ip_of(&at),
                });
            }
            "also" if words[1] == "volume" => {
                let at = address(3);
                let generation = after("gen").and_then(|text| text.parse().ok()).unwrap_or(0);
                self.inventory.volumes.push(Volume {
                    id: VolumeId::from(words[2]),
                    marks: marks(&at, generation, "volume"),
                    state: VolumeState::Available,
                    formed: has("formed"),
                });
            }
            "also" if words[1] == "node" => {
                let at = address(3);
                let generation = after("gen").and_then(|text| text.parse().ok()).unwrap_or(0);
                let mut added = node(words[2], &at, generation, has("voter"));
                for word in &words[4..] {
                    change_node(&mut added, word);
                }
                self.swarm.nodes.push(added);
            }
            "stranger" => self.inventory.strangers.push(Stranger {
                ip: words[1].parse().unwrap_or_else(|_| panic!("no address: {line}")),
                what: words[2..].join(" "),
            }),
            "listing" => match words[1] {
                "weak" => self.inventory.strong = false,
                "partial" => self.inventory.complete = false,
                other => panic!("a listing is not {other}"),
            },
            "me" => self.me.member = address(1),
            "leader" => {
                let at = address(1);
                for node in &mut self.swarm.nodes {
                    let leads = node.address.as_ref() == Some(&at);
                    if let Some(status) = &mut node.manager {
                        status.leader = leads;
                    }
                }
            }
            "head" => {
                if let Some(revision) = after("revision") {
                    self.head.revision = RevisionId::from(revision);
                }
                if let Some(epoch) = after("epoch") {
                    self.head.epoch = Epoch(epoch.parse().unwrap_or(0));
                }
            }
            "good" => {
                self.head.last_good.insert(words[1].to_owned(), RevisionId::from(words[2]));
            }
            "operation" => {
                let at = address(1);
                let operation = Operation {
                    kind: kind(words[2]),
                    generation: Generation(after("gen").and_then(|text| text.parse().ok()).unwrap_or(4)),
                    revision: RevisionId::from(after("revision").unwrap_or("A")),
                    request: after("request").map(ContentHash::from),
                    condemned: after("condemned").map(MachineId::from).into_iter().collect(),
                    rebooted: has("rebooted"),
                    availability: after("availability").map(|_| Availability::Active),
                    begun_wall_ms: 0,
                };
                self.head.operations.insert(at, operation);
            }
            "wave" => {
                let (first, last) = words[2].split_once('-').unwrap_or((words[2], words[2]));
                self.head.waves.push(Wave {
                    kind: OperationKind::Create,
                    group: words[1].to_owned(),
                    slots: vec![(first.parse().unwrap_or(1), last.parse().unwrap_or(1))],
                    generation: Generation(after("gen").and_then(|text| text.parse().ok()).unwrap_or(4)),
                    revision: RevisionId::from(after("revision").unwrap_or("A")),
                    request: if has("hashed") { self.wave_request(&words) } else { ContentHash::from("wave") },
                    request_slot: 1,
                    begun_wall_ms: 0,
                });
            }
            "failures" => {
                let count = words[2].parse().unwrap_or(1);
                self.head.failures.insert(address(1), Failures { count, last: "it did not come".to_owned() });
            }
            "stopped" => {
                let stopped = StoppedRoll { revision: self.head.revision.clone(), because: address(2) };
                self.head.stopped_rolls.insert(words[1].to_owned(), stopped);
            }
            "approve" => {
                let at = address(2);
                self.head.approvals.insert(match words[1] {
                    "replace-volume" => Approval::ReplaceVolume(at),
                    _ => Approval::Outage(at),
                });
            }
            "paused" => self.head.paused = Some(words[1..].join(" ")),
            "destroying" => self.head.destroying = true,
            "newcomer" => self.findings.push((address(1), BootFinding::Newcomer(NewcomerReason::NoState))),
            "looks" => self.looks = words[1..].iter().map(|word| word.parse().unwrap_or(0)).collect(),
            other => panic!("nobody understands \"{other}\" in: {line}"),
        }
    }

    /// The memory after all looks, and the time of the last one.
    pub fn remember(&self) -> (Memory, Inventory, Now) {
        let mut memory = Memory::new(at(self.looks.first().copied().unwrap_or(0)));
        let mut inventory = self.inventory.clone();
        inventory.machines.sort_by(|one, other| one.id.cmp(&other.id));
        let spec = &self.specs[self.head.revision.as_str()];
        let mut now = Now::default();
        let mut next = self.looks.first().copied().unwrap_or(0);
        for look in &self.looks {
            // A replica looks again and again between the times that are told: one that does not has stood still.
            for seconds in (next..*look).step_by(LOOK_EVERY_S).chain([*look]) {
                now = at(seconds);
                inventory.at = now;
                memory.hear_boots(&self.findings);
                memory.observe(spec, &inventory, &self.swarm, &self.head, now, &self.policy);
            }
            next = *look;
        }
        (memory, inventory, now)
    }

    pub fn plan(&self) -> Plan {
        let (memory, inventory, now) = self.remember();
        let specs: Specs = self.specs.values().cloned().collect();
        plan(&specs, &inventory, &self.swarm, &self.head, &memory, &self.policy, &self.me, now)
    }
}

fn at(seconds: u64) -> Now {
    // Boots are never at zero, so that a time which was never set shows.
    Now { boot_ms: 1_000_000 + seconds * 1000, wall_ms: 1_700_000_000_000 + seconds * 1000 }
}

fn kind(word: &str) -> OperationKind {
    match word {
        "create" => OperationKind::Create,
        "repair" => OperationKind::Repair,
        "roll" => OperationKind::Roll,
        "retire" => OperationKind::Retire,
        other => panic!("no operation is called {other}"),
    }
}

fn machine_state(word: &str) -> MachineState {
    match word {
        "pending" => MachineState::Pending,
        "running" => MachineState::Running,
        "stopping" => MachineState::Stopping,
        "stopped" => MachineState::Stopped,
        "shutting-down" => MachineState::ShuttingDown,
        "terminated" => MachineState::Terminated,
        "unknown" => MachineState::Unknown,
        other => panic!("a machine is not {other}"),
    }
}

fn node(id: &str, address: &Address, generation: u64, voter: bool) -> Node {
    let leads = address.as_str() == "managers.m1" && voter;
    Node {
        id: NodeId::from(id),
        address: Some(address.clone()),
        generation: Some(Generation(generation)),
        ip: ip_of(address),
        role: if voter { NodeRole::Manager } else { NodeRole::Worker },
        availability: Availability::Active,
        state: NodeState::Ready,
        manager: voter.then_some(ManagerStatus { leader: leads, reachability: Reachability::Reachable }),
        running_tasks: 0,
        labels: BTreeMap::new(),
        version: 7,
    }
}

fn change_node(node: &mut Node, word: &str) {
    match word {
        "ready" => node.state = NodeState::Ready,
        "down" => {
            node.state = NodeState::Down;
            if let Some(status) = &mut node.manager {
                status.reachability = Reachability::Unreachable;
            }
        }
        "lying" => node.state = NodeState::Down,
        "unknown" => node.state = NodeState::Unknown,
        "demoted" => {
            node.role = NodeRole::Worker;
            node.manager = None;
        }
        "demoting" => node.role = NodeRole::Worker,
        "drained" => node.availability = Availability::Drain,
        "busy" => node.running_tasks = 3,
        _ => {}
    }
}

/// A plan as text.
pub fn render(world: &World, plan: &Plan) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "journal:");
    match &plan.head {
        None => {
            let _ = writeln!(text, "  as it is");
        }
        Some(head) => journal(&mut text, &world.head, head),
    }
    let _ = writeln!(text, "steps:");
    for step in &plan.steps {
        let _ = writeln!(text, "  {}: {} ({})", step.address, action(&step.action), step.why);
    }
    let _ = writeln!(text, "waits:");
    for blocked in &plan.blocked {
        let who = blocked.address.as_ref().map_or("all", Address::as_str);
        let _ = writeln!(text, "  {who}: {} {}", blocked.reason.code(), blocked.reason);
    }
    if let Some(address) = &plan.hand_over {
        let _ = writeln!(text, "hand over: {address}");
    }
    let risk = plan.risk;
    let _ = writeln!(
        text,
        "voters: {} entries, majority {}, healthy {} before, {} during, {} after",
        risk.voters, risk.majority, risk.healthy_before, risk.healthy_during, risk.healthy_after
    );
    text
}

fn journal(text: &mut String, before: &Head, after: &Head) {
    for (address, operation) in &after.operations {
        if before.operations.get(address) == Some(operation) {
            continue;
        }
        let _ = write!(text, "  {address}: {:?} generation {}", operation.kind, operation.generation);
        let _ = write!(text, " of {}", operation.revision);
        if operation.request.is_some() {
            let _ = write!(text, ", request hashed");
        }
        for machine in &operation.condemned {
            let _ = write!(text, ", condemns {machine}");
        }
        if operation.rebooted {
            let _ = write!(text, ", rebooted");
        }
        if let Some(availability) = operation.availability {
            let _ = write!(text, ", was {availability:?}");
        }
        let _ = writeln!(text);
    }
    for address in before.operations.keys().filter(|address| !after.operations.contains_key(*address)) {
        let _ = writeln!(text, "  {address}: ended");
    }
    for wave in after.waves.iter().filter(|wave| !before.waves.contains(wave)) {
        let slots = &wave.slots;
        let _ = writeln!(text, "  {} {slots:?}: wave {:?} generation {}", wave.group, wave.kind, wave.generation);
    }
    for wave in before.waves.iter().filter(|wave| !after.waves.contains(wave)) {
        let _ = writeln!(text, "  {} {:?}: wave left or ended", wave.group, wave.slots);
    }
    for (address, failures) in &after.failures {
        if before.failures.get(address) != Some(failures) {
            let _ = writeln!(text, "  {address}: {} failures, the last: {}", failures.count, failures.last);
        }
    }
    for address in before.failures.keys().filter(|address| !after.failures.contains_key(*address)) {
        let _ = writeln!(text, "  {address}: failures forgotten");
    }
    for (group, stopped) in &after.stopped_rolls {
        if before.stopped_rolls.get(group) != Some(stopped) {
            let _ = writeln!(text, "  {group}: roll to {} stopped by {}", stopped.revision, stopped.because);
        }
    }
    for (group, revision) in &after.last_good {
        if before.last_good.get(group) != Some(revision) {
            let _ = writeln!(text, "  {group}: {revision} is good");
        }
    }
    if before.approvals != after.approvals {
        let _ = writeln!(text, "  approvals: {}", after.approvals.len());
    }
}

fn action(action: &Action) -> String {
    let verb = action.verb();
    match action {
        Action::CreateMachine(request) => {
            let ip = request.ip.map_or_else(String::new, |ip| format!(" at {ip}"));
            format!("{verb} generation {} of {}{ip}", request.generation, request.boot.revision)
        }
        Action::CreateVolume { generation, .. } => format!("{verb} generation {generation}"),
        Action::CreateResource { .. } => verb.to_owned(),
        Action::StartMachine { machine } | Action::RebootMachine { machine } | Action::TerminateMachine { machine } => {
            format!("{verb} {machine}")
        }
        Action::AttachVolume { volume, machine } => format!("{verb} {volume} to {machine}"),
        Action::ForceDetach { volume, machine } => format!("{verb} {volume} from {machine}"),
        Action::MarkFormed { volume } | Action::RetireVolume { volume } => format!("{verb} {volume}"),
        Action::SetAvailability { node, availability, .. } => format!("{verb} {node} to {availability:?}"),
        Action::SetRole { node, role, .. } => format!("{verb} {node} to {role:?}"),
        Action::SetLabels { node, .. } | Action::RemoveNode { node } => format!("{verb} {node}"),
    }
}

/// The head as another holder's, with its permit open.
pub fn held_by(head: &mut Head, member: &str) {
    head.holder = Some(Holder { member: Address::from(member), boot_id: BootId::from("other") });
    head.permit = PermitState::Open;
}
