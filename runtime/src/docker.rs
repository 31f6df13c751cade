//! Clusters on a Docker Engine, as an operator at that Engine sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kit_docker::{DockerProvider, Door, Standing};
use kit_graph::{ClusterKey, Graph, Instance, Value};
use kit_model::{
    Address, Admission, BootDocument, BootFinding, BootId, Call, CommitResult, Head, HeadVersion, LeaderDetector,
    Leadership, MachineState, Now, Outcome, Policy, Provider, ProviderError, RevisionId, Spec, SpecStore, StoreError,
    SwarmControl, SwarmView, Versioned,
};
use kit_swarm::{Engine, EngineService, ManagerEngine};
use tempfile::TempDir;

use crate::clock::{Clock as _, SystemClock};
use crate::error::OperatorError;
use crate::operator::{Progress, Revision};
use crate::providers::OWN_PROGRAM;
use crate::site::Site;
use crate::surroundings::{Host, HostState, Surroundings};
use crate::{atomic_file, codes, file_name};

/// The provider type that is served here.
pub(crate) const PROVIDER: &str = kit_docker::PROVIDER;

/// The file of a cluster's directory that says where its Engine is. It is no truth: it only saves naming the cluster's
/// file each time.
pub(crate) const KEPT: &str = "docker.json";

/// The longest such file: a provider has a handful of fields.
const MAX_KEPT_BYTES: usize = 64 * 1024;

/// A cluster on a Docker Engine.
pub(crate) struct DockerSite {
    cluster: String,
    directory: PathBuf,
    provider: Arc<DockerProvider>,
    doors: Mutex<Doors>,
}

/// Ways to the engines of machines, each opened once.
#[derive(Default)]
struct Doors {
    directory: Option<TempDir>,
    open: BTreeMap<Address, Door>,
}

impl DockerSite {
    /// The place of the cluster of `graph`. Nothing is made and nobody is asked.
    pub(crate) fn of(graph: &Graph, clusters: &Path) -> Result<Self, OperatorError> {
        Self::at(&graph.cluster.name, &graph.cluster.provider, clusters)
    }

    /// The place of a cluster that was kept.
    pub(crate) fn kept(cluster: &str, clusters: &Path) -> Result<Self, OperatorError> {
        let path = clusters.join(file_name::of(cluster)).join(KEPT);
        let unreadable =
            |why: String| OperatorError::new(codes::STATE_UNREADABLE, format!("{}: {why}", path.display()));
        let bytes = atomic_file::read_limited(&path, MAX_KEPT_BYTES).map_err(|error| unreadable(error.to_string()))?;
        let bytes = bytes.ok_or_else(|| unreadable("it is gone".to_owned()))?;
        let provider: Instance = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        Self::at(cluster, &provider, clusters)
    }

    fn at(cluster: &str, provider: &Instance, clusters: &Path) -> Result<Self, OperatorError> {
        let provider = DockerProvider::on_host(provider)
            .map_err(|why| OperatorError::new(codes::CANNOT_APPLY, format!("{PROVIDER}: {why}")))?;
        Ok(Self {
            cluster: cluster.to_owned(),
            directory: clusters.join(file_name::of(cluster)),
            provider: Arc::new(provider.with_kitc(OWN_PROGRAM)),
            doors: Mutex::default(),
        })
    }

    /// Keeps where the cluster's Engine is, so that the cluster is found by its name.
    pub(crate) fn keep(&self, provider: &Instance) -> Result<(), OperatorError> {
        let path = self.directory.join(KEPT);
        let bytes = serde_json::to_vec_pretty(provider).map_err(std::io::Error::from);
        bytes
            .and_then(|bytes| fs::create_dir_all(&self.directory).and_then(|()| atomic_file::replace(&path, &bytes)))
            .map_err(|error| OperatorError::new(codes::STATE_UNREADABLE, format!("{}: {error}", path.display())))
    }

    /// The member's machine, and the way to its engine.
    fn machine_of(&self, member: &Address) -> MachineOfMember {
        MachineOfMember {
            cluster: self.cluster.clone(),
            member: member.clone(),
            provider: Arc::clone(&self.provider),
            socket: self.door(member).map_err(|error| format!("there is no way to its engine: {error}")),
        }
    }

    /// Asks one manager after the other until one answers; none where nothing is formed yet.
    async fn of_a_manager<T, Answer>(&self, ask: impl Fn(ManagerEngine) -> Answer) -> Result<Option<T>, OperatorError>
    where
        Answer: Future<Output = Result<T, StoreError>>,
    {
        let silent = |error: ProviderError| OperatorError::new(codes::PROVIDER_SILENT, error.to_string());
        let Some(anchor) = self.provider.anchor(&self.cluster).await.map_err(silent)? else { return Ok(None) };
        let inventory = self.provider.list(&anchor.uid, &[]).await.map_err(silent)?;
        if !kit_planner::is_formed(&inventory) {
            return Ok(None);
        }
        let mut said = Vec::new();
        // Slots are workers: they hold no part of the store.
        let running = inventory.machines.iter().filter(|machine| machine.state == MachineState::Running);
        for member in running.map(|machine| &machine.marks.address).filter(|address| address.slot().is_none()) {
            let asked = match self.machine_of(member).manager().await {
                Ok(manager) => ask(manager).await.map_err(|error| error.to_string()),
                Err(why) => Err(why),
            };
            match asked {
                Ok(answer) => return Ok(Some(answer)),
                Err(why) => said.push(format!("{member}: {why}")),
            }
        }
        let message = format!("no manager of {} answers", self.cluster);
        Err(OperatorError::new(codes::NO_MANAGER_ANSWERS, message).with_causes(said))
    }

    /// The socket behind which the engine of `member`'s machine answers.
    fn door(&self, member: &Address) -> std::io::Result<PathBuf> {
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(door) = doors.open.get(member) {
            return Ok(door.socket().to_owned());
        }
        let directory = match &doors.directory {
            Some(directory) => directory.path().to_owned(),
            None => doors.directory.insert(tempfile::Builder::new().prefix("kit-").tempdir()?).path().to_owned(),
        };
        let door = Door::open(&self.provider, &self.cluster, member, &directory, doors.open.len())?;
        let socket = door.socket().to_owned();
        doors.open.insert(member.clone(), door);
        Ok(socket)
    }
}

/// The engines of a cluster's machines, as one of its managers reaches them.
pub(crate) struct Engines {
    cluster: String,
    provider: Arc<DockerProvider>,
    directory: TempDir,
    opened: AtomicUsize,
}

/// The engine of one machine, as long as this lives.
pub(crate) struct OpenEngine {
    pub(crate) engine: Engine,
    _door: Door,
}

impl Engines {
    /// Those of the cluster of `graph`, from the machine of one of its managers; none where its provider is another.
    ///
    /// # Errors
    /// When the provider's settings do not fit, or no directory can be made.
    pub(crate) fn inside(graph: &Graph) -> Result<Option<Self>, OperatorError> {
        let provider = &graph.cluster.provider;
        if provider.kind != PROVIDER {
            return Ok(None);
        }
        let made = DockerProvider::inside_machine(provider)
            .map_err(|why| OperatorError::new(codes::CANNOT_APPLY, format!("{PROVIDER}: {why}")))?;
        let directory = tempfile::Builder::new().prefix("kit-").tempdir().map_err(|error| {
            OperatorError::new(codes::STATE_UNREADABLE, format!("no directory for ways to machines: {error}"))
        })?;
        let cluster = graph.cluster.name.clone();
        Ok(Some(Self { cluster, provider: Arc::new(made), directory, opened: AtomicUsize::new(0) }))
    }

    /// That of the machine of `address`.
    pub(crate) fn of(&self, address: &Address) -> std::io::Result<OpenEngine> {
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let door = Door::open(&self.provider, &self.cluster, address, self.directory.path(), number)?;
        let engine = Engine::at(door.socket()).shown_as(format!("the machine of {address}"));
        Ok(OpenEngine { engine, _door: door })
    }
}

#[async_trait]
impl Site for DockerSite {
    fn cluster(&self) -> &str {
        &self.cluster
    }

    fn provider(&self) -> Arc<dyn Provider> {
        Arc::clone(&self.provider) as _
    }

    fn beside(&self, member: &Address) -> Surroundings {
        let machine = Arc::new(self.machine_of(member));
        Surroundings {
            cluster: self.cluster.clone(),
            provider: self.provider(),
            detector: Arc::clone(&machine) as _,
            swarm: Arc::clone(&machine) as _,
            store: Arc::clone(&machine) as _,
            host: machine,
            clock: Arc::new(SystemClock),
        }
    }

    fn policy(&self) -> Policy {
        Policy::default()
    }

    fn clock_now(&self) -> Now {
        SystemClock.now()
    }

    async fn give_revision(&self, _seed: &Address, revision: &Revision) -> Result<(), OperatorError> {
        self.provider.give_revision(revision.spec.revision.clone(), Arc::clone(&revision.bytes));
        Ok(())
    }

    async fn fetch_images(&self, spec: &Spec, progress: &dyn Progress) -> Result<(), OperatorError> {
        let machines = spec.groups.values().map(|group| &group.machine);
        let machines = machines.chain(spec.members.values().map(|member| &member.machine));
        let images: BTreeSet<&str> =
            machines.filter_map(|machine| machine.properties.get("image").and_then(Value::as_str)).collect();
        for image in images {
            let silent = |why: String| OperatorError::new(codes::PROVIDER_SILENT, why);
            if self.provider.has_image(image).await.map_err(silent)? {
                continue;
            }
            progress.step(&format!("{image}: the Docker Engine fetches it"));
            self.provider.fetch_image(image).await.map_err(|why| {
                let message = format!("the Docker Engine has no image {image}, and cannot fetch it");
                OperatorError::new(codes::NO_IMAGE, message)
                    .with_causes(vec![why])
                    .with_help(format!("`docker pull {image}` where it takes an account; or build it under this name"))
            })?;
        }
        Ok(())
    }

    fn directory(&self) -> &Path {
        &self.directory
    }

    async fn swarm_key(&self) -> Result<Option<ClusterKey>, OperatorError> {
        let key = self.of_a_manager(|manager| async move { manager.key().await }).await?;
        Ok(key.flatten())
    }

    async fn keep_swarm_key(&self, key: &ClusterKey) -> Result<(), OperatorError> {
        match self.of_a_manager(|manager| async move { manager.keep_key(key).await }).await? {
            Some(false) => {
                let why = format!("the Swarm of {} keeps another key for its secrets than this machine", self.cluster);
                Err(OperatorError::new(codes::CHANGE_REFUSED, why).with_help("do the same again"))
            }
            // Where nothing is formed there is nobody yet to keep it.
            Some(true) | None => Ok(()),
        }
    }

    fn hosts(&self, _member: &Address) -> bool {
        // Each runs on its own machine.
        false
    }

    fn has_replicas_elsewhere(&self) -> bool {
        true
    }
}

/// A member's machine, and its engine through it.
struct MachineOfMember {
    cluster: String,
    member: Address,
    provider: Arc<DockerProvider>,
    socket: Result<PathBuf, String>,
}

impl MachineOfMember {
    /// Its engine as a manager's. Whose it is, is asked each time: a name may have been given up and claimed again.
    async fn manager(&self) -> Result<ManagerEngine, String> {
        let socket = self.socket.clone()?;
        let anchor = self.provider.anchor(&self.cluster).await.map_err(|error| error.to_string())?;
        let anchor = anchor.ok_or_else(|| format!("nobody claimed the name {}", self.cluster))?;
        // An operator looks and commits; the engine is stopped and started on its own machine alone.
        let service = EngineService::of_commands(Vec::new(), Vec::new());
        ManagerEngine::new(Engine::at(socket), anchor.uid, service).map_err(|unfit| unfit.to_string())
    }
}

#[async_trait]
impl Host for MachineOfMember {
    async fn state(&self) -> HostState {
        match self.provider.machine_of(&self.cluster, &self.member).await {
            Ok(Standing::Running { machine, since, .. }) => {
                HostState::Running(BootId::new(format!("{machine} since {since}")))
            }
            Ok(Standing::Frozen) => HostState::Frozen,
            Ok(Standing::Down(why)) | Err(why) => HostState::Down(why),
        }
    }

    async fn boot_document(&self) -> Option<BootDocument> {
        match self.provider.machine_of(&self.cluster, &self.member).await {
            Ok(Standing::Running { boot, .. }) => boot,
            _ => None,
        }
    }

    async fn boot_findings(&self) -> Vec<(Address, BootFinding)> {
        // They are told to the replicas.
        Vec::new()
    }
}

#[async_trait]
impl LeaderDetector for MachineOfMember {
    async fn look(&self) -> Leadership {
        match self.manager().await {
            Ok(manager) => manager.look().await,
            Err(why) => Leadership::Unknown(why),
        }
    }
}

#[async_trait]
impl SwarmControl for MachineOfMember {
    async fn nodes(&self) -> Result<SwarmView, String> {
        self.manager().await?.nodes().await
    }

    async fn send(&self, call: &Call, admission: Admission<'_>) -> Outcome {
        match self.manager().await {
            Ok(manager) => SwarmControl::send(&manager, call, admission).await,
            Err(why) => Outcome::NotSent(why),
        }
    }

    async fn stop_local_engine(&self) -> Result<(), String> {
        self.manager().await?.stop_local_engine().await
    }

    async fn start_local_engine(&self) -> Result<(), String> {
        self.manager().await?.start_local_engine().await
    }
}

#[async_trait]
impl SpecStore for MachineOfMember {
    async fn head(&self) -> Result<Option<Versioned<Head>>, StoreError> {
        match self.manager().await {
            Ok(manager) => manager.head().await,
            Err(why) => Err(StoreError::Unavailable(why)),
        }
    }

    async fn create_head(&self, head: &Head) -> CommitResult {
        match self.manager().await {
            Ok(manager) => manager.create_head(head).await,
            // Nothing was sent, and the same again is right.
            Err(why) => CommitResult::Unknown(why),
        }
    }

    async fn update_head(&self, base: HeadVersion, head: &Head) -> CommitResult {
        match self.manager().await {
            Ok(manager) => manager.update_head(base, head).await,
            Err(why) => CommitResult::Unknown(why),
        }
    }

    async fn revision(&self, revision: &RevisionId) -> Result<Arc<[u8]>, StoreError> {
        match self.manager().await {
            Ok(manager) => manager.revision(revision).await,
            Err(why) => Err(StoreError::Unavailable(why)),
        }
    }

    async fn put_revision(&self, revision: &RevisionId, bytes: &[u8]) -> Result<(), StoreError> {
        match self.manager().await {
            Ok(manager) => manager.put_revision(revision, bytes).await,
            Err(why) => Err(StoreError::Unavailable(why)),
        }
    }

    async fn revisions(&self) -> Result<Vec<RevisionId>, StoreError> {
        match self.manager().await {
            Ok(manager) => manager.revisions().await,
            Err(why) => Err(StoreError::Unavailable(why)),
        }
    }
}
