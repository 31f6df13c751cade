//! Machines: containers. One name for each member is the lock: two containers never bear it, alive or dead. An address is
//! the Engine's to give, when a container starts.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, ContainerStateStatusEnum as State, EndpointIpamConfig,
    EndpointSettings, HostConfig, Mount, MountType, NetworkingConfig,
};
use bollard::query_parameters::{
    ContainerArchiveInfoOptionsBuilder, CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder,
    RestartContainerOptionsBuilder, StartContainerOptions, UploadToContainerOptionsBuilder,
};
use futures_util::TryStreamExt as _;
use kit_graph::{Value, parse_bytes};
use kit_model::{
    BootDocument, CallError, ClusterUid, ErrorClass, Inventory, MachineId, MachineRequest, Marks, Outcome, VolumeState,
};

use crate::addresses::{Choice, Chosen};
use crate::admitted::Admitted;
use crate::engine::{Engine, EngineError, machine_id, refusal, refused};
use crate::labels::{self, Labels};
use crate::networks::{Place, place_of};
use crate::provider::MACHINE_SOCKET;
use crate::seed::Given;
use crate::{listing, names, privileges, records, seed};

/// The one kind of machine.
const MACHINE: &str = "docker.Machine";

/// Where a member's volume stands in its machine: where Docker keeps what it knows, the Swarm's state among it.
const STATE: &str = "/var/lib/docker";

/// How long a machine's processes may take to end before it boots again.
const REBOOT_GRACE_S: i32 = 5;

/// How many addresses are tried for a machine that asks for none, where others take them at the same moment.
const MAX_CHOICES: usize = 8;

/// What a machine is made for and of, beside its request.
pub(crate) struct Making<'a> {
    pub(crate) uid: &'a ClusterUid,
    pub(crate) request: &'a MachineRequest,
    pub(crate) given: Given<'a>,
    /// The Engine's socket, as a path on its host.
    pub(crate) host_socket: &'a Path,
    pub(crate) chosen: &'a Chosen,
}

/// What of a `docker.Machine` the Engine is told.
struct Fields<'a> {
    image: &'a str,
    network: &'a str,
    memory: Option<i64>,
    labels: Labels,
}

/// Where a container was found to stand before it is started.
enum Start {
    Done,
    AddressInUse,
}

impl Engine {
    pub(crate) async fn create_machine(&self, making: &Making<'_>, call: &mut Admitted<'_>) -> Result<(), Outcome> {
        let Making { uid, request, .. } = making;
        let fields = fields_of(request).map_err(Outcome::Refused)?;
        for _ in 0..MAX_CHOICES {
            let containers = self.containers().await.map_err(EngineError::into_outcome)?;
            let made = containers.iter().find(|container| {
                container
                    .labels
                    .as_ref()
                    .is_some_and(|labels| labels::marks(labels, uid).is_some_and(|marks| marks.token == request.token))
            });
            if let Some(made) = made {
                let labels = made.labels.clone().unwrap_or_default();
                same_request(&labels, request)?;
                let id = machine_id(made.id.as_deref());
                return self.finish(&id, making, call).await;
            }
            if self.is_ended(uid, request).await? {
                // The answer that the first call got, whatever became of the machine since.
                return Ok(());
            }
            let network = self.network_of(uid, fields.network).await?;
            let volume = if request.boot.has_volume { Some(self.volume_for(uid, request).await?) } else { None };
            let (ip, choice) = match request.ip {
                Some(ip) => {
                    may_hold(ip, &network, &containers, making)?;
                    (ip, None)
                }
                None => {
                    let choice = free_ip(making, &network, &containers)?;
                    (choice.ip, Some(choice))
                }
            };
            match self.make_at(making, &fields, &network, volume.as_deref(), ip, call).await? {
                Start::Done => return Ok(()),
                Start::AddressInUse if choice.is_some() => {}
                Start::AddressInUse => return Err(self.address_in_use(uid, ip).await),
            }
        }
        let why = format!("others took each address of the subnet of {} that was chosen", fields.network);
        Err(refused(ErrorClass::NotYet, "AddressInUse", why))
    }

    /// Makes the container and starts it. One that could not start for its address never ran, and is taken back.
    async fn make_at(
        &self,
        making: &Making<'_>,
        fields: &Fields<'_>,
        network: &Place,
        volume: Option<&str>,
        ip: IpAddr,
        call: &mut Admitted<'_>,
    ) -> Result<Start, Outcome> {
        let Making { uid, request, .. } = making;
        let name = names::machine(uid, &request.address);
        let mut body = body(making, fields, network, volume, ip);
        let made = loop {
            let options = CreateContainerOptionsBuilder::new().name(&name).build();
            let connection = self.connect().map_err(EngineError::into_outcome)?;
            call.ask()?;
            let made = connection.create_container(Some(options), body.clone()).await;
            let made = made.map_err(|error| self.error(error));
            // Each time it asks for less, so it ends.
            let asks_for_less = match (&made, &mut body.host_config) {
                (Err(EngineError::Answered(400, message)), Some(host)) => privileges::take_back_unknown(host, message),
                _ => false,
            };
            if !asks_for_less {
                break made;
            }
        };
        let id = match made {
            Ok(made) => machine_id(Some(&made.id)),
            Err(EngineError::Answered(409, _)) => return self.name_in_use(&name, making, call).await,
            Err(EngineError::Answered(404, _)) => {
                let image = fields.image;
                let why = format!("the Docker Engine has no image {image}: `docker pull {image}`, or build it");
                return Err(refused(ErrorClass::Fatal, "NoSuchImage", why));
            }
            Err(error) => return Err(error.into_outcome()),
        };
        if self.is_ended(uid, request).await? {
            // It was made, ran and was ended while this call was on its way.
            call.ask()?;
            self.take_back(&id).await.map_err(EngineError::into_outcome)?;
            return Ok(Start::Done);
        }
        match self.start(&id, &request.boot, making.given, call).await {
            Ok(Start::AddressInUse) => {
                call.ask()?;
                let taken_back = self.take_back(&id).await.map_err(EngineError::into_outcome)?;
                // Somebody else may have started it a moment later, when the address had come free.
                Ok(if taken_back { Start::AddressInUse } else { Start::Done })
            }
            Ok(Start::Done) => Ok(Start::Done),
            Err(Outcome::Refused(error)) => {
                // It never ran: nothing is lost with it, and its name is free for the next try.
                call.ask()?;
                let taken_back = self.take_back(&id).await.map_err(EngineError::into_outcome)?;
                if taken_back { Err(Outcome::Refused(error)) } else { Ok(Start::Done) }
            }
            Err(other) => Err(other),
        }
    }

    /// Somebody was faster with the member's name.
    async fn name_in_use(&self, name: &str, making: &Making<'_>, call: &mut Admitted<'_>) -> Result<Start, Outcome> {
        let Some(there) = self.container(name).await.map_err(EngineError::into_outcome)? else {
            return Err(refused(
                ErrorClass::NotYet,
                "NameInUse",
                format!("the name {name} is just being taken or given up"),
            ));
        };
        let labels = labels_of(&there);
        match labels::marks(&labels, making.uid) {
            Some(marks) if marks.token == making.request.token => {
                same_request(&labels, making.request)?;
                let id = machine_id(there.id.as_deref());
                self.finish(&id, making, call).await.map(|()| Start::Done)
            }
            Some(marks) => Err(refused(
                ErrorClass::Conflict,
                "MachineExists",
                format!("{} is the machine of {} already", machine_id(there.id.as_deref()), marks.address),
            )),
            None => Err(refused(
                ErrorClass::Conflict,
                "NameInUse",
                format!("there is a container {name} that Kit did not make: it is left alone"),
            )),
        }
    }

    /// Starts what was made under the same token by a call that did not come so far.
    async fn finish(&self, id: &MachineId, making: &Making<'_>, call: &mut Admitted<'_>) -> Result<(), Outcome> {
        let Some(there) = self.container(id.as_str()).await.map_err(EngineError::into_outcome)? else { return Ok(()) };
        if status(&there) != Some(State::CREATED) {
            return Ok(());
        }
        match self.start(id, &making.request.boot, making.given, call).await? {
            Start::Done => Ok(()),
            Start::AddressInUse => Err(self.address_of_in_use(&there, making.uid).await),
        }
    }

    /// Gives a container what it finds when it boots, and starts it.
    async fn start(
        &self,
        id: &MachineId,
        boot: &BootDocument,
        given: Given<'_>,
        call: &mut Admitted<'_>,
    ) -> Result<Start, Outcome> {
        let mut given = Given { revision: given.revision.filter(|_| boot.seed), ..given };
        if given.kitc.is_some() && self.has_file(id, seed::KITC).await.map_err(EngineError::into_outcome)? {
            given.kitc = None;
        }
        let archive = seed::archive(boot, given).await.map_err(|error| {
            refused(ErrorClass::Fatal, "BootDocument", format!("what it boots with cannot be read: {error}"))
        })?;
        let options = UploadToContainerOptionsBuilder::new().path("/").build();
        let connection = self.connect().map_err(EngineError::into_outcome)?;
        call.ask()?;
        let body = bollard::body_try_stream(archive.map_ok(Into::into));
        let sent = connection.upload_to_container(id.as_str(), Some(options), body).await;
        sent.map_err(|error| vanished_or(self.error(error), id))?;
        self.run(id, call).await
    }

    /// Whether a container has a file, running or not.
    async fn has_file(&self, id: &MachineId, path: &str) -> Result<bool, EngineError> {
        let options = ContainerArchiveInfoOptionsBuilder::new().path(path).build();
        let asked = self.connect()?.get_container_archive_info(id.as_str(), Some(options)).await;
        match asked.map_err(|error| self.error(error)) {
            Ok(_) => Ok(true),
            Err(EngineError::Answered(404, _)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn run(&self, id: &MachineId, call: &mut Admitted<'_>) -> Result<Start, Outcome> {
        let connection = self.connect().map_err(EngineError::into_outcome)?;
        call.ask()?;
        let started = connection.start_container(id.as_str(), None::<StartContainerOptions>).await;
        match started.map_err(|error| self.error(error)) {
            Ok(()) | Err(EngineError::Answered(304, _)) => Ok(Start::Done),
            Err(error) if error.is_address_in_use() => Ok(Start::AddressInUse),
            Err(EngineError::Answered(500, message)) => {
                // An Engine answers so where a container cannot start, and says why: it does not run then.
                let why = format!("the Docker Engine cannot start it: {message}");
                Err(refused(ErrorClass::Fatal, "CannotStart", why))
            }
            Err(error) => Err(vanished_or(error, id)),
        }
    }

    pub(crate) async fn start_machine(
        &self,
        uid: &ClusterUid,
        machine: &MachineId,
        revision: impl Fn(&BootDocument) -> Option<std::sync::Arc<[u8]>>,
        kitc: Option<&Path>,
        call: &mut Admitted<'_>,
    ) -> Result<(), Outcome> {
        let there = self.machine(uid, machine).await?;
        let started = match status(&there) {
            Some(State::RUNNING | State::RESTARTING | State::PAUSED) => return Ok(()),
            Some(State::EXITED) => self.run(machine, call).await?,
            Some(State::CREATED) => {
                let labels = labels_of(&there);
                let boot = labels.get(labels::BOOT).and_then(|text| serde_json::from_str::<BootDocument>(text).ok());
                let Some(boot) = boot else {
                    let why = format!("{machine} bears no boot document that can be read");
                    return Err(refused(ErrorClass::Fatal, "BootDocument", why));
                };
                let revision = revision(&boot);
                self.start(machine, &boot, Given { revision: revision.as_deref(), kitc }, call).await?
            }
            other => return Err(wrong_state(machine, other)),
        };
        match started {
            Start::Done => Ok(()),
            Start::AddressInUse => Err(self.address_of_in_use(&there, uid).await),
        }
    }

    pub(crate) async fn reboot_machine(
        &self,
        uid: &ClusterUid,
        machine: &MachineId,
        call: &mut Admitted<'_>,
    ) -> Result<(), Outcome> {
        let there = self.machine(uid, machine).await?;
        match status(&there) {
            Some(State::RUNNING | State::PAUSED) => {}
            other => return Err(wrong_state(machine, other)),
        }
        let options = RestartContainerOptionsBuilder::new().t(REBOOT_GRACE_S).build();
        let connection = self.connect().map_err(EngineError::into_outcome)?;
        call.ask()?;
        let done = connection.restart_container(machine.as_str(), Some(options)).await;
        match done.map_err(|error| self.error(error)) {
            Ok(()) => Ok(()),
            Err(error) if error.is_address_in_use() => Err(self.address_of_in_use(&there, uid).await),
            Err(error) => Err(error.into_outcome()),
        }
    }

    pub(crate) async fn terminate_machine(
        &self,
        uid: &ClusterUid,
        machine: &MachineId,
        call: &mut Admitted<'_>,
    ) -> Result<(), Outcome> {
        let Some(there) = self.container(machine.as_str()).await.map_err(EngineError::into_outcome)? else {
            return Ok(());
        };
        let labels = labels_of(&there);
        let marks = ours(&there, &labels, uid, machine)?;
        call.ask()?;
        self.note_ended(machine, &marks, &labels).await.map_err(EngineError::into_outcome)?;
        call.ask()?;
        self.remove_container(machine, true).await.map_err(EngineError::into_outcome)?;
        self.forget_ended(uid, call).await;
        Ok(())
    }

    /// Removes a container that was made and never ran. False where it has run: it is kept then.
    async fn take_back(&self, id: &MachineId) -> Result<bool, EngineError> {
        match self.container(id.as_str()).await? {
            Some(there) if status(&there) == Some(State::CREATED) => match self.remove_container(id, false).await {
                // An Engine does not remove what runs where it is not told to.
                Err(EngineError::Answered(409, _)) => Ok(false),
                done => done.map(|()| true),
            },
            Some(_) => Ok(false),
            None => Ok(true),
        }
    }

    /// Removes a container, with the volumes that have no name; one that runs only with `force`.
    async fn remove_container(&self, id: &MachineId, force: bool) -> Result<(), EngineError> {
        let options = RemoveContainerOptionsBuilder::new().force(force).v(true).build();
        match self.connect()?.remove_container(id.as_str(), Some(options)).await.map_err(|error| self.error(error)) {
            Err(EngineError::Answered(404, _)) => Ok(()),
            // Somebody else's removal of the same is under way.
            Err(EngineError::Answered(409, message)) if message.contains("already in progress") => Ok(()),
            done => done,
        }
    }

    /// The container of this ID, which must be a machine of the cluster.
    async fn machine(&self, uid: &ClusterUid, machine: &MachineId) -> Result<ContainerInspectResponse, Outcome> {
        let there = self.container(machine.as_str()).await.map_err(EngineError::into_outcome)?;
        let there = there.ok_or_else(|| no_such(machine))?;
        ours(&there, &labels_of(&there), uid, machine)?;
        Ok(there)
    }

    /// Whether what the request's token made has ended.
    async fn is_ended(&self, uid: &ClusterUid, request: &MachineRequest) -> Result<bool, Outcome> {
        let volumes = self.volumes(uid).await.map_err(EngineError::into_outcome)?;
        let ended = records::ended(&volumes, uid).find(|ended| ended.marks.token == request.token);
        match ended {
            None => Ok(false),
            Some(ended) if ended.request == request.request.as_str() => Ok(true),
            Some(ended) => Err(token_reused(&ended.machine)),
        }
    }

    async fn network_of(&self, uid: &ClusterUid, address: &str) -> Result<Place, Outcome> {
        let networks = self.networks(uid).await.map_err(EngineError::into_outcome)?;
        let at = |network: &&bollard::models::Network| {
            network.labels.as_ref().and_then(|labels| labels.get(labels::ADDRESS)).is_some_and(|made| made == address)
        };
        let there = networks.iter().find(at);
        let there =
            there.ok_or_else(|| refused(ErrorClass::NotYet, "NoSuchNetwork", format!("there is no {address} yet")))?;
        place_of(there).ok_or_else(|| {
            refused(ErrorClass::Fatal, "InvalidNetwork", format!("the network {address} has no addresses of IPv4"))
        })
    }

    /// The volume that the machine of the request is made with.
    async fn volume_for(&self, uid: &ClusterUid, request: &MachineRequest) -> Result<String, Outcome> {
        let address = &request.address;
        let inventory: Inventory = self
            .list(uid, &[], kit_model::Now::default())
            .await
            .map_err(|error| refused(ErrorClass::NotYet, "EngineUnreachable", error.to_string()))?;
        let volume = inventory.volume_of(address);
        let volume = volume.ok_or_else(|| {
            refused(ErrorClass::NotYet, "NoSuchVolume", format!("the volume of {address} does not exist yet"))
        })?;
        match &volume.state {
            VolumeState::Held(holder) => Err(refused(
                ErrorClass::Conflict,
                "VolumeInUse",
                format!("{} is held by the container {}", volume.id, holder.machine),
            )),
            _ => Ok(volume.id.to_string()),
        }
    }

    async fn address_of_in_use(&self, container: &ContainerInspectResponse, uid: &ClusterUid) -> Outcome {
        match labels_of(container).get(labels::IP).and_then(|ip| ip.parse().ok()) {
            Some(ip) => self.address_in_use(uid, ip).await,
            None => refused(ErrorClass::Conflict, "AddressInUse", "its address is in use".to_owned()),
        }
    }

    async fn address_in_use(&self, uid: &ClusterUid, ip: IpAddr) -> Outcome {
        let containers = self.containers().await.unwrap_or_default();
        let who = match listing::stranger(&containers, uid, ip) {
            Some(stranger) => stranger.what,
            None => containers
                .iter()
                .find(|container| listing::held_ips(container).any(|held| held == ip))
                .map_or_else(|| "something that the Docker Engine does not name".to_owned(), listing::what_of_ours),
        };
        refused(ErrorClass::Conflict, "AddressInUse", format!("{ip} is held by {who}: it is left alone"))
    }
}

fn body(
    making: &Making<'_>,
    fields: &Fields<'_>,
    network: &Place,
    volume: Option<&str>,
    ip: IpAddr,
) -> ContainerCreateBody {
    let request = making.request;
    let marks = Marks {
        uid: making.uid.clone(),
        address: request.address.clone(),
        generation: request.generation,
        content: request.content.clone(),
        token: request.token.clone(),
    };
    let mut labels = fields.labels.clone();
    labels.extend(labels::of_marks(&marks, &request.request));
    labels.insert(labels::IP.to_owned(), ip.to_string());
    labels.insert(labels::BOOT.to_owned(), serde_json::to_string(&request.boot).unwrap_or_default());
    let mount = |typ, source: String, target: &str| Mount {
        typ: Some(typ),
        source: Some(source),
        target: Some(target.to_owned()),
        ..Mount::default()
    };
    let mut mounts = Vec::new();
    mounts.extend(volume.map(|volume| mount(MountType::VOLUME, volume.to_owned(), STATE)));
    if request.boot.manager {
        // Managers make machines; workers have no way to the Engine that holds them.
        mounts.push(mount(MountType::BIND, making.host_socket.display().to_string(), MACHINE_SOCKET));
    }
    let mut host = HostConfig {
        mounts: Some(mounts),
        memory: fields.memory,
        network_mode: Some(network.name.clone()),
        ..HostConfig::default()
    };
    privileges::give(&mut host);
    let endpoint = EndpointSettings {
        ipam_config: Some(EndpointIpamConfig { ipv4_address: Some(ip.to_string()), ..EndpointIpamConfig::default() }),
        ..EndpointSettings::default()
    };
    ContainerCreateBody {
        image: Some(fields.image.to_owned()),
        hostname: Some(names::host(&request.address)),
        labels: Some(labels),
        host_config: Some(host),
        networking_config: Some(NetworkingConfig { endpoints_config: Some([(network.name.clone(), endpoint)].into()) }),
        ..ContainerCreateBody::default()
    }
}

fn fields_of(request: &MachineRequest) -> Result<Fields<'_>, CallError> {
    let wrong = |why: String| refusal(ErrorClass::Fatal, "InvalidMachine", why);
    let machine = &request.machine;
    if machine.kind != MACHINE {
        return Err(wrong(format!("{} is a {}, which is no machine of Docker", request.address, machine.kind)));
    }
    let field = |name: &str| machine.properties.get(name).filter(|value| **value != Value::Null);
    let image = field("image").and_then(Value::as_str).ok_or_else(|| wrong("it has no image".to_owned()))?;
    let network = match field("network") {
        Some(Value::Ref(address)) => address.as_str(),
        _ => return Err(wrong("its network is no reference to a network".to_owned())),
    };
    let memory = match field("memory") {
        None => None,
        Some(value) => {
            let bytes =
                value.as_str().and_then(|text| parse_bytes(text).ok()).and_then(|bytes| i64::try_from(bytes).ok());
            Some(bytes.ok_or_else(|| wrong("its memory is no size".to_owned()))?)
        }
    };
    if field("setup").is_some() {
        return Err(wrong("it has a setup script, which this kitc does not carry out on Docker".to_owned()));
    }
    let mut labels = Labels::new();
    for (name, value) in field("labels").and_then(Value::as_map).into_iter().flatten() {
        let text = value.as_str().ok_or_else(|| wrong(format!("the label \"{name}\" is no text")))?;
        if name.starts_with(labels::PREFIX) {
            return Err(wrong(format!("the label \"{name}\": what begins with \"{}\" is Kit's own", labels::PREFIX)));
        }
        labels.insert(name.clone(), text.to_owned());
    }
    Ok(Fields { image, network, memory, labels })
}

/// Refuses an address that cannot be the machine's.
fn may_hold(
    ip: IpAddr,
    network: &Place,
    containers: &[bollard::models::ContainerSummary],
    making: &Making<'_>,
) -> Result<(), Outcome> {
    if !matches!(ip, IpAddr::V4(ip) if network.subnet.contains(&ip)) {
        let why = format!("{ip} lies outside the subnet {}", network.subnet);
        return Err(refused(ErrorClass::Fatal, "InvalidAddress", why));
    }
    if let Some(stranger) = listing::stranger(containers, making.uid, ip) {
        let why = format!("{ip} is held by {}: it is left alone", stranger.what);
        return Err(refused(ErrorClass::Conflict, "AddressInUse", why));
    }
    // One of ours that is stopped asks for its address again when it starts.
    let other = containers.iter().find(|container| {
        let labels = container.labels.as_ref();
        let marks = labels.and_then(|labels| labels::marks(labels, making.uid));
        marks.is_some_and(|marks| marks.address != making.request.address)
            && labels.and_then(|labels| labels.get(labels::IP)).is_some_and(|held| *held == ip.to_string())
    });
    match other {
        None => Ok(()),
        Some(other) => {
            let why = format!("{ip} is held by {}", listing::what_of_ours(other));
            Err(refused(ErrorClass::Conflict, "AddressInUse", why))
        }
    }
}

fn free_ip<'a>(
    making: &Making<'a>,
    network: &Place,
    containers: &[bollard::models::ContainerSummary],
) -> Result<Choice<'a>, Outcome> {
    let mut taken: BTreeSet<IpAddr> = listing::known_ips(containers).collect();
    taken.extend(making.request.boot.manager_ips.iter().copied());
    making.chosen.choose(network.subnet, &taken).ok_or_else(|| {
        let why = format!("the subnet {} has no free address", network.subnet);
        refused(ErrorClass::Capacity, "NoFreeAddress", why)
    })
}

fn same_request(labels: &Labels, request: &MachineRequest) -> Result<(), Outcome> {
    match labels.get(labels::REQUEST) {
        Some(made) if made == request.request.as_str() => Ok(()),
        _ => Err(token_reused(&MachineId::from(request.address.as_str()))),
    }
}

fn token_reused(made: &MachineId) -> Outcome {
    refused(ErrorClass::Fatal, "TokenReused", format!("the token made {made} from another request"))
}

/// The marks of a container that must be the machine of this ID: a name may look like one.
fn ours(
    there: &ContainerInspectResponse,
    labels: &Labels,
    uid: &ClusterUid,
    machine: &MachineId,
) -> Result<Marks, Outcome> {
    labels::marks(labels, uid).filter(|_| machine_id(there.id.as_deref()) == *machine).ok_or_else(|| no_such(machine))
}

fn no_such(machine: &MachineId) -> Outcome {
    refused(ErrorClass::Fatal, "NoSuchMachine", format!("there is no machine {machine} of this cluster"))
}

/// What is missing now was there a moment ago: another call took it back, or its network went.
fn vanished_or(error: EngineError, machine: &MachineId) -> Outcome {
    match error {
        EngineError::Answered(404, message) => {
            refused(ErrorClass::NotYet, "Vanished", format!("{machine} cannot be started now: {message}"))
        }
        error => error.into_outcome(),
    }
}

fn wrong_state(machine: &MachineId, state: Option<State>) -> Outcome {
    let state = state.map_or_else(|| "in an unknown state".to_owned(), |state| state.to_string());
    refused(ErrorClass::NotYet, "MachineState", format!("{machine} is {state}"))
}

pub(crate) fn labels_of(there: &ContainerInspectResponse) -> Labels {
    there.config.as_ref().and_then(|config| config.labels.clone()).unwrap_or_default()
}

fn status(there: &ContainerInspectResponse) -> Option<State> {
    there.state.as_ref()?.status
}
