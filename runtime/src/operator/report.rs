//! The state of a cluster, for an operator at three in the morning: per member what there is, what Kit is
//! doing, what it waits for and why.

use std::collections::{BTreeMap, BTreeSet};

use kit_model::{
    Address, Availability, Head, MachineState, Node, NodeState, OperationKind, PermitState, Reachability, RevisionId,
    Role, Spec, VolumeState,
};
use kit_planner::ReplicaRole;
use serde::Serialize;

use super::destroyed::kept_volumes;
use super::dry_run::PlannedWait;
use super::view::ClusterView;
use super::{Lack, Operator, lacks};
use crate::error::OperatorError;
use crate::shown::{STATUS_AT_LEAST_EVERY_MS, ShownStatus, status_in};

/// The state of a cluster.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The cluster's name.
    pub cluster: String,
    /// Its random identity, once it was claimed.
    pub uid: Option<String>,
    /// True once the Swarm was formed.
    pub formed: bool,
    /// True if everything is as the committed revision asks, and nothing is under way.
    pub converged: bool,
    /// Who leads the Swarm.
    pub leader: Option<Address>,
    /// Through which manager this was seen.
    pub via: Option<Address>,
    /// Why no manager answers, if none does.
    pub unreachable: Option<String>,
    /// What each manager said to that.
    pub unreachable_causes: Vec<String>,
    /// Why nobody acts, where that is known: no replica looks, or not the one beside the leader.
    pub nobody_acts: Option<String>,
    /// True where no machine of a manager is left, so that only an operator's recovery brings them back.
    pub needs_recovery: bool,
    /// The committed revision.
    pub revision: Option<RevisionId>,
    /// The number of the last permit.
    pub epoch: Option<u64>,
    /// Who took it.
    pub holder: Option<Address>,
    /// Whether it may still be in use.
    pub permit: Option<PermitState>,
    /// Why the cluster is paused, if it is.
    pub paused: Option<String>,
    /// True while it is being destroyed.
    pub destroying: bool,
    /// True once it was destroyed and volumes were kept.
    pub destroyed: bool,
    /// The volumes that are there.
    pub volumes: Vec<String>,
    /// What the whole cluster waits for, and what is no member: a group, a resource.
    pub waits: Vec<PlannedWait>,
    /// Members and slots, group by group.
    pub members: Vec<MemberReport>,
    /// Declared resources.
    pub resources: Vec<ResourceReport>,
    /// What holds an address of this cluster without being its own.
    pub strangers: Vec<String>,
    /// The replicas that showed themselves.
    pub replicas: Vec<ReplicaReport>,
}

/// One member or slot.
#[derive(Debug, Clone, Serialize)]
pub struct MemberReport {
    /// Its address.
    pub address: Address,
    /// Its group.
    pub group: String,
    /// Its IP.
    pub ip: Option<String>,
    /// Its machines: one, if all is well.
    pub machines: Vec<MachineReport>,
    /// Its volume.
    pub volume: Option<VolumeReport>,
    /// Its nodes in the Swarm: one, if all is well.
    pub nodes: Vec<NodeReport>,
    /// True if it is what is asked for.
    pub whole: bool,
    /// True if nothing is known to be wrong, but nobody says whether its node answers: while no leader is elected.
    pub unknown: bool,
    /// What it lacks.
    pub lacks: Option<String>,
    /// What Kit is doing about it.
    pub doing: Option<OperationKind>,
    /// What that waits for.
    pub waits: Vec<PlannedWait>,
    /// How many replacements failed in a row.
    pub failures: u32,
}

/// A machine.
#[derive(Debug, Clone, Serialize)]
pub struct MachineReport {
    /// The provider's ID.
    pub id: String,
    /// Its state.
    pub state: MachineState,
}

/// A volume.
#[derive(Debug, Clone, Serialize)]
pub struct VolumeReport {
    /// The provider's ID.
    pub id: String,
    /// Who holds it: a machine's ID, or nothing.
    pub held_by: Option<String>,
    /// True once it held a formed Swarm's state.
    pub formed: bool,
}

/// A node of the Swarm.
#[derive(Debug, Clone, Serialize)]
pub struct NodeReport {
    /// The Swarm's ID.
    pub id: String,
    /// Whether it answers.
    pub state: NodeState,
    /// Whether it takes tasks.
    pub availability: Availability,
    /// Whether the leader reaches it, if it votes.
    pub reachability: Option<Reachability>,
    /// True for the leader.
    pub leader: bool,
}

/// A declared resource.
#[derive(Debug, Clone, Serialize)]
pub struct ResourceReport {
    /// Its address.
    pub address: Address,
    /// The provider's ID, if it exists.
    pub id: Option<String>,
    /// True if it can be used.
    pub ready: bool,
}

/// A replica.
#[derive(Debug, Clone, Serialize)]
pub struct ReplicaReport {
    /// The member that it runs beside.
    pub member: Address,
    /// Its process.
    pub process: u32,
    /// Whether that process still runs on this machine.
    pub runs: bool,
    /// What it is.
    pub role: ReplicaRole,
    /// When it last said so, in milliseconds since 1970.
    pub wall_ms: u64,
}

impl Operator {
    /// The state of the cluster; `spec` says whom to ask while nothing is committed.
    ///
    /// # Errors
    /// When the provider does not answer.
    pub async fn report(&self, spec: Option<&Spec>) -> Result<Report, OperatorError> {
        let view = self.view(spec).await?;
        Ok(self.report_of(&view, spec))
    }

    fn report_of(&self, view: &ClusterView, spec: Option<&Spec>) -> Report {
        let last_seen = view.cached.as_ref().map(|(head, _)| head);
        let head = view.head.as_ref().or(last_seen).map(|head| &head.value);
        let cached = view.cached.as_ref().map(|(_, spec)| &**spec);
        let spec = view.committed().map(AsRef::as_ref).or(cached).or(spec);
        let waits = waits_of(view);
        let mut lacking: BTreeMap<Address, Lack> = BTreeMap::new();
        let mut converged = false;
        if let (Some(spec), Ok(inventory), Some(head)) = (spec, &view.inventory, head) {
            let found = lacks(spec, inventory, view.swarm.as_ref().ok(), head);
            converged = found.is_empty() && view.head.is_some() && view.swarm.is_ok();
            lacking.extend(found.into_iter().filter_map(|lack| Some((lack.address.clone()?, lack))));
        }
        let sights = Sights::of(view);
        let mut members: Vec<MemberReport> = Vec::new();
        for group in spec.iter().flat_map(|spec| spec.groups.values()) {
            let slots = (1..=group.count).map(|slot| Address::of_slot(&group.name, slot));
            let addresses: Vec<Address> =
                if group.members.is_empty() { slots.collect() } else { group.members.clone() };
            members.extend(addresses.into_iter().map(|address| {
                let ip = spec.and_then(|spec| spec.members.get(&address)?.ip).map(|ip| ip.to_string());
                sights.member(address, &group.name, ip, group.role, head, &waits, &lacking)
            }));
        }
        let asked_for = |address: &Address| spec.is_some_and(|spec| spec.content_of(address).is_some());
        let surplus: Vec<Address> = sights.addresses().filter(|address| !asked_for(address)).cloned().collect();
        for address in surplus {
            let group = address.group().to_owned();
            members.push(sights.member(address, &group, None, Role::Plain, head, &waits, &lacking));
        }
        Report {
            cluster: self.site.cluster().to_owned(),
            uid: view.anchor.as_ref().map(|anchor| anchor.uid.to_string()),
            formed: view.inventory.as_ref().is_ok_and(kit_planner::is_formed),
            converged,
            leader: view.leader.clone(),
            via: view.via.clone().ok(),
            unreachable: view.via.as_ref().err().map(|error| error.message.clone()),
            unreachable_causes: view.via.as_ref().err().map(|error| error.causes.clone()).unwrap_or_default(),
            nobody_acts: nobody_acts(view),
            needs_recovery: spec.is_some_and(|spec| needs_recovery(view, spec)),
            revision: head.map(|head| head.revision.clone()),
            epoch: head.map(|head| head.epoch.0),
            holder: head.and_then(|head| head.holder.as_ref()).map(|holder| holder.member.clone()),
            permit: head.map(|head| head.permit),
            paused: head.and_then(|head| head.paused.clone()),
            destroying: head.is_some_and(|head| head.destroying),
            destroyed: view.inventory.as_ref().is_ok_and(|seen| kept_volumes(seen, spec, head).is_some()),
            volumes: view
                .inventory
                .iter()
                .flat_map(|inventory| &inventory.volumes)
                .map(|volume| volume.id.to_string())
                .collect(),
            waits: waits_of_no_member(waits, &members, converged),
            members,
            resources: resources_of(view, spec),
            strangers: view
                .inventory
                .iter()
                .flat_map(|inventory| &inventory.strangers)
                .map(|stranger| format!("{} holds {}", stranger.what, stranger.ip))
                .collect(),
            replicas: replicas_of(view),
        }
    }
}

type Waits = BTreeMap<Option<Address>, Vec<PlannedWait>>;

/// What waits, as the replica that acts says it: the leader's, or whoever showed itself last where nobody leads.
fn waits_of(view: &ClusterView) -> Waits {
    let spokesman = view
        .leader
        .as_ref()
        .and_then(|member| view.replicas.get(member))
        .or_else(|| view.replicas.values().max_by_key(|replica| replica.wall_ms));
    let mut waits = Waits::new();
    for blocked in spokesman.iter().flat_map(|replica| &replica.status.blocked) {
        waits.entry(blocked.address.clone()).or_default().push(PlannedWait::of(blocked));
    }
    waits
}

/// What waits and is no member of the report. Where all is as asked nothing does: what a replica showed of it is a look old.
fn waits_of_no_member(waits: Waits, members: &[MemberReport], converged: bool) -> Vec<PlannedWait> {
    let of_members: BTreeSet<&Address> = members.iter().map(|member| &member.address).collect();
    let shown = |address: &Option<Address>| match address {
        None => true,
        Some(address) => !converged && !of_members.contains(address),
    };
    waits.into_iter().filter(|(address, _)| shown(address)).flat_map(|(_, waits)| waits).collect()
}

fn resources_of(view: &ClusterView, spec: Option<&Spec>) -> Vec<ResourceReport> {
    let live = view.inventory.as_ref().map(|inventory| inventory.resources.as_slice()).unwrap_or_default();
    spec.iter()
        .flat_map(|spec| &spec.resources)
        .map(|resource| {
            let found = live.iter().find(|found| found.address == resource.address);
            ResourceReport {
                address: resource.address.clone(),
                id: found.map(|found| found.id.to_string()),
                ready: found.is_some_and(|found| found.ready),
            }
        })
        .collect()
}

fn replicas_of(view: &ClusterView) -> Vec<ReplicaReport> {
    view.replicas
        .values()
        .map(|shown| ReplicaReport {
            member: shown.replica.clone(),
            process: shown.process,
            runs: runs(shown),
            role: shown.status.role,
            wall_ms: shown.wall_ms,
        })
        .collect()
}

/// How old what a replica shows of itself may be: several times as old as it ever is while it runs.
const STALE_MS: u64 = 6 * STATUS_AT_LEAST_EVERY_MS;

/// Why nobody acts, as far as what replicas show on this machine says.
fn nobody_acts(view: &ClusterView) -> Option<String> {
    let now_ms = view.at.wall_ms;
    let looks = |replica: &&ShownStatus| goes_round(replica, now_ms);
    if !view.inventory.as_ref().is_ok_and(kit_planner::is_formed) {
        return None;
    }
    if view.replicas_elsewhere && view.leader.as_ref().is_none_or(|leader| !view.replicas.contains_key(leader)) {
        return None;
    }
    let Some(last) = view.replicas.values().map(|replica| replica.wall_ms).max() else {
        return Some("no replica ever looked".to_owned());
    };
    if !view.replicas.values().any(|replica| looks(&replica)) {
        let seconds = now_ms.saturating_sub(last) / 1000;
        return Some(match view.replicas.values().any(runs) {
            true => format!("no replica has looked for {seconds} s"),
            false => format!("no replica runs; the last one looked {seconds} s ago"),
        });
    }
    let leader = view.leader.as_ref()?;
    let beside = view.replicas.get(leader);
    (!beside.is_some_and(|replica| looks(&replica)))
        .then(|| format!("only the replica beside {leader}, which leads, may act, and it does not run"))
}

/// No machine of a manager is left of a cluster that was formed. A listing that is not complete shows no absence.
fn needs_recovery(view: &ClusterView, spec: &Spec) -> bool {
    let Ok(inventory) = &view.inventory else { return false };
    let Some(leaders) = spec.leader_group() else { return false };
    let mut machines = leaders.members.iter().flat_map(|address| inventory.machines_of(address));
    inventory.complete && kit_planner::is_formed(inventory) && machines.all(|machine| machine.state.is_terminal())
}

/// Whether a replica runs and has shown itself lately.
fn goes_round(shown: &ShownStatus, now_ms: u64) -> bool {
    runs(shown) && now_ms.saturating_sub(shown.wall_ms) < STALE_MS
}

/// How the loop of a replica of this process goes, by what the replica shows of itself.
#[derive(Debug, Clone, Serialize)]
pub struct Round {
    /// The member that it runs beside.
    pub member: Address,
    /// True while its loop goes round.
    pub goes_round: bool,
    /// Why not, if it does not.
    pub why_not: Option<String>,
    /// What it is, as it said last.
    pub role: Option<ReplicaRole>,
    /// True if the engine beside it leads the Swarm, as it said last.
    pub leads: bool,
    /// How long ago it said so.
    pub age_ms: Option<u64>,
}

impl Operator {
    /// How the replica of `member` goes that this process runs; none where another process runs it instead.
    #[must_use]
    pub fn round_of(&self, member: &Address) -> Option<Round> {
        let now_ms = self.site.clock_now().wall_ms;
        let nothing = |why: String| Round {
            member: member.clone(),
            goes_round: false,
            why_not: Some(why),
            role: None,
            leads: false,
            age_ms: None,
        };
        let shown = match status_in(&self.site.member_directory(member)) {
            Ok(Some(shown)) => shown,
            Ok(None) => return Some(nothing(format!("the replica of {member} has not gone round yet"))),
            Err(error) => return Some(nothing(format!("the status of the replica of {member}: {error}"))),
        };
        if shown.process != std::process::id() {
            let before = format!("the replica of {member} has not gone round yet in this process");
            return (!runs(&shown)).then(|| nothing(before));
        }
        let age_ms = now_ms.saturating_sub(shown.wall_ms);
        let goes_round = goes_round(&shown, now_ms);
        Some(Round {
            member: member.clone(),
            goes_round,
            why_not: (!goes_round).then(|| {
                let (age, limit) = (age_ms / 1000, STALE_MS / 1000);
                format!("the replica of {member} has not gone round for {age} s; {limit} s are the limit")
            }),
            role: Some(shown.status.role),
            leads: goes_round && matches!(shown.status.role, ReplicaRole::Holder | ReplicaRole::Waiting),
            age_ms: Some(age_ms),
        })
    }
}

/// Whether the process that showed this still runs on this machine.
fn runs(shown: &ShownStatus) -> bool {
    std::path::Path::new("/proc").join(shown.process.to_string()).exists()
}

/// What was seen, by address.
struct Sights<'a> {
    machines: BTreeMap<&'a Address, Vec<MachineReport>>,
    ips: BTreeMap<&'a Address, String>,
    volumes: BTreeMap<&'a Address, VolumeReport>,
    nodes: BTreeMap<&'a Address, Vec<NodeReport>>,
}

impl<'a> Sights<'a> {
    fn of(view: &'a ClusterView) -> Self {
        let mut sights =
            Self { machines: BTreeMap::new(), ips: BTreeMap::new(), volumes: BTreeMap::new(), nodes: BTreeMap::new() };
        if let Ok(inventory) = &view.inventory {
            for machine in inventory.machines.iter().filter(|machine| !machine.state.is_terminal()) {
                let report = MachineReport { id: machine.id.to_string(), state: machine.state };
                sights.machines.entry(&machine.marks.address).or_default().push(report);
                if let Some(ip) = machine.ip {
                    sights.ips.insert(&machine.marks.address, ip.to_string());
                }
            }
            for volume in &inventory.volumes {
                let held_by = match &volume.state {
                    VolumeState::Held(hold) => Some(hold.machine.to_string()),
                    VolumeState::Creating | VolumeState::Available | VolumeState::Unknown => None,
                };
                let report = VolumeReport { id: volume.id.to_string(), held_by, formed: volume.formed };
                sights.volumes.insert(&volume.marks.address, report);
            }
        }
        for node in view.swarm.iter().flat_map(|swarm| &swarm.nodes) {
            if let Some(address) = &node.address {
                sights.nodes.entry(address).or_default().push(node_report(node));
            }
        }
        sights
    }

    fn addresses(&self) -> impl Iterator<Item = &'a Address> {
        let all: BTreeSet<&'a Address> = self.machines.keys().chain(self.nodes.keys()).copied().collect();
        all.into_iter()
    }

    #[allow(clippy::too_many_arguments, reason = "each is one side of what is said of a member")]
    fn member(
        &self,
        address: Address,
        group: &str,
        ip: Option<String>,
        role: Role,
        head: Option<&Head>,
        waits: &Waits,
        lacking: &BTreeMap<Address, Lack>,
    ) -> MemberReport {
        let machines = self.machines.get(&address).cloned().unwrap_or_default();
        let nodes = self.nodes.get(&address).cloned().unwrap_or_default();
        let runs = machines.len() == 1 && machines[0].state == MachineState::Running;
        let answers = role == Role::Plain || (nodes.len() == 1 && nodes[0].state == NodeState::Ready);
        let lack = lacking.get(&address);
        let whole = runs && answers && lack.is_none_or(|lack| lack.settling);
        let unknown = lack.is_some_and(|lack| lack.unknown);
        let doing = head.and_then(|head| head.intent(&address)).map(|intent| intent.kind);
        // What is whole and not under way waits for nothing: what a replica showed of it is a look old.
        let waits = if whole && doing.is_none() { None } else { waits.get(&Some(address.clone())).cloned() };
        MemberReport {
            ip: ip.or_else(|| self.ips.get(&address).cloned()),
            volume: self.volumes.get(&address).cloned(),
            whole,
            unknown,
            lacks: lack.map(|lack| lack.why.clone()),
            doing,
            waits: waits.unwrap_or_default(),
            failures: head.and_then(|head| head.failures.get(&address)).map_or(0, |failures| failures.count),
            group: group.to_owned(),
            machines,
            nodes,
            address,
        }
    }
}

fn node_report(node: &Node) -> NodeReport {
    NodeReport {
        id: node.id.to_string(),
        state: node.state,
        availability: node.availability,
        reachability: node.manager.map(|status| status.reachability),
        leader: node.manager.is_some_and(|status| status.leader),
    }
}
