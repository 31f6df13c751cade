//! The Engine through the traits of `kit-model`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum};
use kit_graph::{Instance, Value};
use kit_model::{
    Action, Address, Admission, Anchor, BootDocument, Call, ClusterUid, ErrorClass, Inventory, MachineId, Now, Outcome,
    Provider, ProviderError, RevisionId, VolumeId,
};
use rustix::time::{ClockId, clock_gettime};

use crate::addresses::Chosen;
use crate::admitted::Admitted;
use crate::engine::{Engine, EngineError, machine_id, refused};
use crate::machines::{Making, labels_of};
use crate::records::{FORMED, RETIRED};
use crate::seed::Given;
use crate::{labels, names};

/// The provider type that is served here.
pub const PROVIDER: &str = "docker.Provider";

/// Where a manager's machine finds the socket of the Engine that holds it.
pub const MACHINE_SOCKET: &str = "/run/kit-engine.sock";

/// Where an Engine listens if nobody says otherwise.
const SOCKET: &str = "/var/run/docker.sock";

/// A Docker Engine as a cloud.
#[derive(Debug)]
pub struct DockerProvider {
    engine: Engine,
    /// The socket as a path on the Engine's host: managers get it from there.
    host_socket: PathBuf,
    chosen: Chosen,
    /// The revision that the machine which begins the Swarm is given.
    revision: Mutex<Option<(RevisionId, Arc<[u8]>)>>,
    /// The program that machines are given whose image has none.
    kitc: Option<PathBuf>,
}

/// How a member's machine stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It runs.
    Running {
        /// The container.
        machine: MachineId,
        /// When it was started, as the Engine writes it: another one after each boot.
        since: String,
        /// What it was told when it was made.
        boot: Option<BootDocument>,
    },
    /// Nothing on it goes on.
    Frozen,
    /// It does not run, and why.
    Down(String),
}

impl DockerProvider {
    /// The Engine that `provider` names, as a process on its host reaches it. Nothing is asked yet.
    ///
    /// # Errors
    /// When it is not at a socket of this machine.
    pub fn on_host(provider: &Instance) -> Result<Self, String> {
        let socket = socket_of(provider)?;
        Ok(Self::at(socket.clone(), socket))
    }

    /// The same Engine, as a machine of a manager reaches it that stands in it.
    ///
    /// # Errors
    /// When it is not at a socket of its host.
    pub fn inside_machine(provider: &Instance) -> Result<Self, String> {
        Ok(Self::at(MACHINE_SOCKET.into(), socket_of(provider)?))
    }

    fn at(socket: PathBuf, host_socket: PathBuf) -> Self {
        Self {
            engine: Engine::at(socket),
            host_socket,
            chosen: Chosen::default(),
            revision: Mutex::new(None),
            kitc: None,
        }
    }

    /// Gives the `kitc` at this path to machines whose image has none.
    #[must_use]
    pub fn with_kitc(mut self, path: impl Into<PathBuf>) -> Self {
        self.kitc = Some(path.into());
        self
    }

    /// The Engine's socket, as this process reaches it.
    #[must_use]
    pub fn socket(&self) -> &Path {
        self.engine.socket()
    }

    /// Gives the machine that begins the Swarm the revision that it puts into the store.
    pub fn give_revision(&self, revision: RevisionId, bytes: Arc<[u8]>) {
        *self.revision.lock().unwrap_or_else(PoisonError::into_inner) = Some((revision, bytes));
    }

    /// How the machine of `member` stands, whatever the cluster of that name holds of it.
    ///
    /// # Errors
    /// When the Engine does not say.
    pub(crate) async fn standing(&self, cluster: &str, member: &Address) -> Result<Standing, EngineError> {
        let anchor = self.engine.anchor(cluster).await;
        let anchor = anchor.map_err(|error| EngineError::Silent(error.to_string()))?;
        let Some(Anchor { uid }) = anchor else {
            return Ok(Standing::Down(format!("nobody claimed the name {cluster}")));
        };
        let name = names::machine(&uid, member);
        let there = self.engine.container(&name).await?;
        let ours = |there: &ContainerInspectResponse| labels::marks(&labels_of(there), &uid).is_some();
        let Some(there) = there.filter(ours) else {
            return Ok(Standing::Down("it has no machine".to_owned()));
        };
        let machine = machine_id(there.id.as_deref());
        let state = there.state.as_ref();
        Ok(match state.and_then(|state| state.status) {
            Some(ContainerStateStatusEnum::RUNNING) => {
                let since = state.and_then(|state| state.started_at.clone()).unwrap_or_default();
                let boot = labels_of(&there).get(labels::BOOT).and_then(|text| serde_json::from_str(text).ok());
                Standing::Running { machine, since, boot }
            }
            Some(ContainerStateStatusEnum::PAUSED) => Standing::Frozen,
            Some(other) => Standing::Down(format!("its machine {machine} is {other}")),
            None => Standing::Down(format!("nobody says how its machine {machine} is")),
        })
    }

    /// How the machine of `member` is, and what it was told when it was made.
    ///
    /// # Errors
    /// When the Engine does not say, and why.
    pub async fn machine_of(&self, cluster: &str, member: &Address) -> Result<Standing, String> {
        self.standing(cluster, member).await.map_err(|error| error.into_provider().message)
    }

    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }

    fn revision_for(&self, boot: &BootDocument) -> Option<Arc<[u8]>> {
        let given = self.revision.lock().unwrap_or_else(PoisonError::into_inner);
        given.as_ref().filter(|(revision, _)| *revision == boot.revision).map(|(_, bytes)| Arc::clone(bytes))
    }

    async fn carry_out(&self, uid: &ClusterUid, action: &Action, call: &mut Admitted<'_>) -> Result<(), Outcome> {
        let engine = &self.engine;
        match action {
            Action::CreateResource { address, instance, content, token } => {
                engine.create_network(uid, address, instance, content, token, call).await
            }
            Action::CreateVolume { address, generation, properties, token } => {
                engine.create_volume(uid, address, *generation, properties, token, call).await
            }
            Action::CreateMachine(request) => {
                let revision = self.revision_for(&request.boot);
                let making = Making {
                    uid,
                    request,
                    given: Given { revision: revision.as_deref(), kitc: self.kitc.as_deref() },
                    host_socket: &self.host_socket,
                    chosen: &self.chosen,
                };
                engine.create_machine(&making, call).await
            }
            Action::StartMachine { machine } => {
                engine.start_machine(uid, machine, |boot| self.revision_for(boot), self.kitc.as_deref(), call).await
            }
            Action::RebootMachine { machine } => engine.reboot_machine(uid, machine, call).await,
            Action::TerminateMachine { machine } => engine.terminate_machine(uid, machine, call).await,
            Action::AttachVolume { volume, machine } => engine.attach(uid, volume, machine).await,
            Action::ForceDetach { volume, machine } => engine.force_detach(uid, volume, machine).await,
            Action::MarkFormed { volume } => engine.note(uid, volume, FORMED, call).await,
            Action::RetireVolume { volume } => engine.note(uid, volume, RETIRED, call).await,
            Action::SetAvailability { .. }
            | Action::SetRole { .. }
            | Action::SetLabels { .. }
            | Action::RemoveNode { .. } => {
                let why = format!("to {} is the Swarm's, and not the provider's", action.verb());
                Err(refused(ErrorClass::Fatal, "NotTheProviders", why))
            }
        }
    }
}

#[async_trait]
impl Provider for DockerProvider {
    async fn anchor(&self, cluster: &str) -> Result<Option<Anchor>, ProviderError> {
        self.engine.anchor(cluster).await
    }

    async fn claim_anchor(&self, cluster: &str, uid: ClusterUid) -> Result<Anchor, ProviderError> {
        self.engine.claim_anchor(cluster, &uid).await
    }

    async fn release_anchor(&self, cluster: &str, uid: &ClusterUid) -> Result<(), ProviderError> {
        self.engine.release_anchor(cluster, uid).await
    }

    async fn list(&self, uid: &ClusterUid, ips: &[IpAddr]) -> Result<Inventory, ProviderError> {
        let at = now();
        self.engine.list(uid, ips, at).await
    }

    async fn send(&self, uid: &ClusterUid, call: &Call, admission: Admission<'_>) -> Outcome {
        let mut admitted = Admitted::by(admission);
        match self.carry_out(uid, &call.action, &mut admitted).await {
            Ok(()) => Outcome::Done,
            Err(outcome) => outcome,
        }
    }

    async fn remove_resource(&self, uid: &ClusterUid, address: &Address) -> Result<(), ProviderError> {
        self.engine.remove_network(uid, address).await
    }

    async fn remove_volume(&self, uid: &ClusterUid, volume: &VolumeId) -> Result<(), ProviderError> {
        self.engine.remove_volume(uid, volume).await
    }
}

fn socket_of(provider: &Instance) -> Result<PathBuf, String> {
    if provider.kind != PROVIDER {
        return Err(format!("{} is no Docker Engine", provider.kind));
    }
    let host = provider.properties.get("host").and_then(Value::as_str);
    let Some(host) = host else { return Ok(SOCKET.into()) };
    match host.strip_prefix("unix://") {
        Some(path) if path.starts_with('/') => Ok(path.into()),
        Some(path) => {
            Err(format!("the socket of the Docker Engine is named by its whole path, and \"{path}\" is none"))
        }
        None => Err(format!(
            "this kitc reaches a Docker Engine only over a socket of its machine, and this one is at {host}"
        )),
    }
}

fn now() -> Now {
    let boot = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(boot.tv_sec).unwrap_or(0);
    let milliseconds = u64::try_from(boot.tv_nsec).unwrap_or(0) / 1_000_000;
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    Now {
        boot_ms: seconds.saturating_mul(1000).saturating_add(milliseconds),
        wall_ms: u64::try_from(wall).unwrap_or(u64::MAX),
    }
}
