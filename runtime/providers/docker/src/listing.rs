//! What the Engine holds, as an inventory. The Engine shows whatever it acknowledged before, so a listing is strong.

use std::net::IpAddr;

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum as State, Network, Volume as EngineVolume};
use kit_model::{
    Attachment, ClusterUid, Inventory, LiveResource, Machine, MachineState, Now, ProviderError, ResourceId, Stranger,
    Volume, VolumeId, VolumeState,
};

use crate::engine::{Engine, EngineError, machine_id};
use crate::labels;
use crate::records::{self, FORMED, RETIRED};
use crate::volumes::holder;

impl Engine {
    pub(crate) async fn list(&self, uid: &ClusterUid, ips: &[IpAddr], at: Now) -> Result<Inventory, ProviderError> {
        // Containers first: one that is ended meanwhile is shown as it was, and never neither alive nor dead.
        let containers = self.containers().await.map_err(EngineError::into_provider)?;
        let volumes = self.volumes(uid).await.map_err(EngineError::into_provider)?;
        let networks = self.networks(uid).await.map_err(EngineError::into_provider)?;
        Ok(inventory(uid, ips, at, &containers, &volumes, &networks))
    }
}

fn inventory(
    uid: &ClusterUid,
    ips: &[IpAddr],
    at: Now,
    containers: &[ContainerSummary],
    volumes: &[EngineVolume],
    networks: &[Network],
) -> Inventory {
    let mut machines: Vec<Machine> = containers.iter().filter_map(|container| machine(container, uid)).collect();
    for ended in records::ended(volumes, uid) {
        // Noted first and removed then: as long as it is there, what it is counts.
        if !machines.iter().any(|machine| machine.id == ended.machine) {
            let state = MachineState::Terminated;
            machines.push(Machine { id: ended.machine, marks: ended.marks, state, ip: ended.ip });
        }
    }
    machines.sort_by(|a, b| a.id.cmp(&b.id));
    let mut kept: Vec<Volume> = volumes
        .iter()
        .filter(|volume| records::kind(volume).is_none() && !records::says(volumes, RETIRED, &volume.name))
        .filter_map(|volume| {
            let state = match holder(containers, uid, &volume.name) {
                Some(machine) => VolumeState::Held(Attachment { machine, attached: true }),
                None => VolumeState::Available,
            };
            Some(Volume {
                id: VolumeId::from(volume.name.as_str()),
                marks: labels::marks(&volume.labels, uid)?,
                state,
                formed: records::says(volumes, FORMED, &volume.name),
            })
        })
        .collect();
    kept.sort_by(|a, b| a.id.cmp(&b.id));
    let mut resources: Vec<LiveResource> = networks
        .iter()
        .filter_map(|network| {
            let marks = labels::marks(network.labels.as_ref()?, uid)?;
            let id = ResourceId::from(network.name.as_deref()?);
            Some(LiveResource { id, address: marks.address, content: marks.content, ready: true })
        })
        .collect();
    resources.sort_by(|a, b| a.address.cmp(&b.address));
    let strangers = ips.iter().filter_map(|ip| stranger(containers, uid, *ip)).collect();
    Inventory { machines, volumes: kept, resources, strangers, complete: true, strong: true, at }
}

/// A container as a machine; none where it is not the cluster's.
fn machine(container: &ContainerSummary, uid: &ClusterUid) -> Option<Machine> {
    let marks = labels::marks(container.labels.as_ref()?, uid)?;
    let state = match container.state {
        // It stands still, and is there all the same.
        Some(State::RUNNING | State::PAUSED) => MachineState::Running,
        Some(State::RESTARTING) => MachineState::Pending,
        // One that was made and never started was left by whoever made it: starting it finishes that.
        Some(State::CREATED | State::EXITED) => MachineState::Stopped,
        Some(State::REMOVING) => MachineState::ShuttingDown,
        // Its removal failed half-way: it never runs again and holds no address.
        Some(State::DEAD) => MachineState::Terminated,
        _ => MachineState::Unknown,
    };
    Some(Machine { id: machine_id(container.id.as_deref()), marks, state, ip: asked_ip(container) })
}

/// The address that a machine of ours was made with.
fn asked_ip(container: &ContainerSummary) -> Option<IpAddr> {
    container.labels.as_ref()?.get(labels::IP)?.parse().ok()
}

/// The addresses that a container holds now, in whatever network: those of one Engine never overlap.
pub(crate) fn held_ips(container: &ContainerSummary) -> impl Iterator<Item = IpAddr> + '_ {
    let networks = container.network_settings.iter().filter_map(|settings| settings.networks.as_ref());
    let endpoints = networks.flat_map(|networks| networks.values());
    endpoints.filter_map(|endpoint| endpoint.ip_address.as_ref()?.parse().ok())
}

/// Every address that is held, or that a machine of ours will ask for when it starts again.
pub(crate) fn known_ips(containers: &[ContainerSummary]) -> impl Iterator<Item = IpAddr> + '_ {
    containers.iter().flat_map(|container| held_ips(container).chain(asked_ip(container)))
}

/// Who holds `ip` and is not the cluster's.
pub(crate) fn stranger(containers: &[ContainerSummary], uid: &ClusterUid, ip: IpAddr) -> Option<Stranger> {
    let foreign = |container: &&ContainerSummary| {
        container.labels.as_ref().is_none_or(|labels| labels::marks(labels, uid).is_none())
    };
    let holder = containers.iter().filter(foreign).find(|container| held_ips(container).any(|held| held == ip))?;
    Some(Stranger { ip, what: what(holder) })
}

/// What a container is, for a person.
pub(crate) fn what(container: &ContainerSummary) -> String {
    let name = container.names.iter().flatten().next().map(|name| name.trim_start_matches('/'));
    let name = name.unwrap_or_else(|| container.id.as_deref().unwrap_or_default());
    match container.labels.as_ref().and_then(|labels| labels.get(labels::UID)) {
        Some(_) => format!("the container {name} of another cluster"),
        None => format!("the container {name}"),
    }
}

/// What a machine of ours is, for a person.
pub(crate) fn what_of_ours(container: &ContainerSummary) -> String {
    let id = machine_id(container.id.as_deref());
    match container.labels.as_ref().and_then(|labels| labels.get(labels::ADDRESS)) {
        Some(address) => format!("{id}, the machine of {address}"),
        None => what(container),
    }
}
