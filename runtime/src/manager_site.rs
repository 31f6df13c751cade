//! A cluster as one of its managers shows it: head, revisions and nodes through that manager's engine, on its own machine
//! or at the end of a way to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use kit_graph::{ClusterKey, Graph};
use kit_model::{
    Address, Anchor, BootDocument, BootFinding, BootId, Call, ClusterUid, Inventory, LeaderDetector, Leadership, Now,
    Outcome, Policy, Provider, ProviderError, RevisionId, SpecStore as _, StoreError,
};
use kit_swarm::{Engine, EngineService, ManagerEngine};

use crate::clock::{Clock as _, SystemClock};
use crate::docker::Engines;
use crate::error::OperatorError;
use crate::event_log::{EventLog, EventSink};
use crate::machine::ThisMachine;
use crate::operator::Revision;
use crate::providers::ReachedFrom;
use crate::site::Site;
use crate::state_directory::StateDirectory;
use crate::surroundings::{Host, HostState, Surroundings};
use crate::usher::Usher;
use crate::way::Way;
use crate::{codes, file_name};

/// Makes the provider of a graph, as this machine reaches it.
pub type MakeProvider<'a> = &'a (dyn Fn(&Graph, ReachedFrom) -> Result<Arc<dyn Provider>, OperatorError> + Sync);

/// A cluster through the engine of one of its managers.
pub struct ManagerSite {
    cluster: String,
    member: Address,
    provider: Arc<dyn Provider>,
    manager: Arc<ManagerEngine>,
    host: Arc<dyn Host>,
    directory: PathBuf,
    /// How the engine is reached that is not this machine's.
    way: Option<Way>,
}

/// Which engine to go through.
pub enum Through {
    /// That of this machine, behind this socket.
    Here(Engine),
    /// That of another machine, at the end of a way.
    There(Way),
}

impl ManagerSite {
    /// The cluster behind `through`, which must be a manager of the cluster `wanted` if one is named. Its files on this
    /// machine are kept in `directory`; those of another machine's cluster in one of its name below that.
    ///
    /// # Errors
    /// When the engine does not answer, is no manager of a cluster of Kit, or of another one.
    pub async fn open(
        through: Through,
        wanted: Option<&str>,
        directory: &Path,
        provider: MakeProvider<'_>,
    ) -> Result<Self, OperatorError> {
        let (engine, host, way): (Engine, Arc<dyn Host>, _) = match through {
            Through::Here(engine) => (engine, Arc::new(ThisMachine::new(crate::machine::BOOT_DOCUMENT)), None),
            Through::There(way) => (way.engine(), Arc::new(AnotherMachine), Some(way)),
        };
        let at = way.as_ref().map_or_else(|| "this machine".to_owned(), |way| way.to().to_owned());
        // Whatever says nothing names itself.
        let silent = |why: String| {
            OperatorError::new(codes::NO_MANAGER_ANSWERS, why)
                .with_help("`docker info` there must show a Swarm with a leader")
        };
        let identity = engine.identity().await.map_err(|error| silent(error.to_string()))?;
        let no_manager = |why: &str| {
            OperatorError::new(codes::NOT_A_MANAGER, format!("the engine of {at} {why}"))
                .with_help("name a manager of the cluster: --via ssh://USER@MANAGER")
        };
        if !identity.is_manager {
            return Err(no_manager("is no manager of a Swarm"));
        }
        let known = engine.clusters().await.map_err(|error| silent(error.to_string()))?;
        let uid = match identity.uid.filter(|uid| known.contains(uid)).or_else(|| only(known)) {
            Some(uid) => uid,
            None => return Err(no_manager("is a manager of a Swarm that holds no cluster of Kit")),
        };
        let unfit = |error: kit_swarm::UnfitUid| no_manager(&format!("holds a strange head: {error}"));
        let manager = ManagerEngine::new(engine, uid, EngineService::of_systemd()).map_err(unfit)?;
        let graph = committed(&manager).await.map_err(|error| silent(error.to_string()))?;
        let from = if way.is_none() { ReachedFrom::Manager } else { ReachedFrom::Operator };
        // Who has no label of a member is one all the same, and answers for all.
        let member = identity.address.unwrap_or_else(|| Address::from("this-manager"));
        let site = Self {
            provider: provider(&graph, from).unwrap_or_else(|error| Arc::new(Unreached(error))),
            directory: match &way {
                None => directory.to_owned(),
                Some(_) => directory.join(file_name::of(&graph.cluster.name)),
            },
            cluster: graph.cluster.name,
            member,
            manager: Arc::new(manager),
            host,
            way,
        };
        site.must_be(wanted)?;
        Ok(site)
    }

    /// The cluster of this machine, which `machine` says was made as one of its managers, and the graph that it goes by
    /// until the head says another. Nothing is asked of the engine but what a machine that is new does not have: the
    /// graph, where neither a cache in `directory` nor what the machine was given holds it.
    ///
    /// # Errors
    /// When the machine was made for something else, or no graph is at hand yet: then it is to be tried again.
    pub async fn of_this_machine(
        machine: &ThisMachine,
        engine: Engine,
        directory: impl Into<PathBuf>,
        provider: MakeProvider<'_>,
    ) -> Result<(Self, Graph), OperatorError> {
        let directory = directory.into();
        let made = machine.made_as()?;
        if !made.manager {
            let why = format!("this machine is {}, which is no manager: it has no replica", made.address);
            return Err(OperatorError::new(codes::NOT_A_MANAGER, why));
        }
        let unfit = |error: kit_swarm::UnfitUid| OperatorError::new(codes::NOT_A_MANAGER, error.to_string());
        let manager = ManagerEngine::new(engine, made.uid.clone(), EngineService::of_systemd()).map_err(unfit)?;
        let graph = match committed(&manager).await {
            Ok(graph) => graph,
            Err(error) => match cached(&directory, &made).await.or_else(|| machine.given_revision(&made.revision)) {
                Some(graph) => graph,
                None => return Err(OperatorError::new(codes::NO_MANAGER_ANSWERS, error.to_string())),
            },
        };
        let site = Self {
            cluster: graph.cluster.name.clone(),
            member: made.address,
            provider: provider(&graph, ReachedFrom::Manager)?,
            manager: Arc::new(manager),
            host: Arc::new(machine.clone()),
            directory,
            way: None,
        };
        Ok((site, graph))
    }

    /// Keeps the revision that `machine` was given, which the seed's replica puts into the store once its Swarm is formed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn keep_given(&self, machine: &ThisMachine) -> Result<(), OperatorError> {
        let made = machine.made_as()?;
        let Some(graph) = machine.given_revision(&made.revision).filter(|_| made.seed) else { return Ok(()) };
        let unreadable = |why: String| OperatorError::new(codes::STATE_UNREADABLE, why);
        let directory = self.member_directory(&self.member);
        let state = StateDirectory::open(&directory)
            .map_err(|error| unreadable(format!("{} cannot be made: {error}", directory.display())))?;
        let revision = RevisionId::new(graph.hash.as_str());
        let kept = state.revisions().put_revision(&revision, &graph.to_canonical_bytes()).await;
        kept.map_err(|error| unreadable(error.to_string()))
    }

    /// What lets new machines of the cluster into its Swarm while this machine leads; none where its provider has no way to them.
    ///
    /// # Errors
    /// When the provider's settings do not fit.
    pub fn usher(&self, graph: &Graph, events: Arc<dyn EventSink>) -> Result<Option<Usher>, OperatorError> {
        let Some(machines) = Engines::inside(graph)? else { return Ok(None) };
        Ok(Some(Usher {
            manager: Arc::clone(&self.manager),
            provider: Arc::clone(&self.provider),
            machines,
            policy: self.policy(),
            log: EventLog::in_directory(&self.member_directory(&self.member)),
            member: self.member.clone(),
            events,
        }))
    }

    /// Refuses to be taken for another cluster than this.
    ///
    /// # Errors
    /// When another one is wanted by name.
    pub fn must_be(&self, wanted: Option<&str>) -> Result<(), OperatorError> {
        match wanted.filter(|wanted| *wanted != self.cluster) {
            None => Ok(()),
            Some(wanted) => {
                let at = self.way.as_ref().map_or("this machine", |way| way.to());
                let why = format!("{at} is a manager of the cluster {}, not of {wanted}", self.cluster);
                Err(OperatorError::new(codes::NO_CLUSTER, why))
            }
        }
    }

    /// The member whose engine this is.
    #[must_use]
    pub fn member(&self) -> &Address {
        &self.member
    }
}

fn only(mut known: Vec<ClusterUid>) -> Option<ClusterUid> {
    known.pop().filter(|_| known.is_empty())
}

/// The graph that the replica of this machine last went by.
async fn cached(directory: &Path, made: &BootDocument) -> Option<Graph> {
    let place = directory.join("members").join(made.address.as_str());
    // Who looks makes nothing.
    let state = StateDirectory::open(Some(place).filter(|place| place.exists())?).ok()?;
    let head = state.cached_head().filter(|head| head.value.uid == made.uid)?;
    let bytes = state.revisions().revision(&head.value.revision).await.ok()?;
    Graph::from_bytes(&bytes).ok()
}

/// The graph that is to be true.
async fn committed(manager: &ManagerEngine) -> Result<Graph, StoreError> {
    let corrupt = |why: String| StoreError::Corrupt(why);
    let nothing = || StoreError::Unavailable("the Swarm holds no head of the cluster".to_owned());
    let head = manager.head().await?.ok_or_else(nothing)?;
    let bytes = manager.revision(&head.value.revision).await?;
    Graph::from_bytes(&bytes).map_err(|error| corrupt(error.to_string()))
}

#[async_trait]
impl Site for ManagerSite {
    fn cluster(&self) -> &str {
        &self.cluster
    }

    fn provider(&self) -> Arc<dyn Provider> {
        Arc::clone(&self.provider)
    }

    fn beside(&self, member: &Address) -> Surroundings {
        let (host, detector): (Arc<dyn Host>, Arc<dyn LeaderDetector>) = if *member == self.member {
            (Arc::clone(&self.host), Arc::clone(&self.manager) as _)
        } else {
            (Arc::new(Elsewhere), Arc::new(Elsewhere))
        };
        Surroundings {
            cluster: self.cluster.clone(),
            provider: Arc::clone(&self.provider),
            detector,
            swarm: Arc::clone(&self.manager) as _,
            store: Arc::clone(&self.manager) as _,
            host,
            clock: Arc::new(SystemClock),
        }
    }

    fn policy(&self) -> Policy {
        Policy::default()
    }

    fn clock_now(&self) -> Now {
        SystemClock.now()
    }

    async fn give_revision(&self, seed: &Address, _revision: &Revision) -> Result<(), OperatorError> {
        Err(OperatorError::new(
            codes::CANNOT_APPLY,
            format!("{seed} cannot be begun from a manager: the cluster {} is formed already", self.cluster),
        ))
    }

    fn directory(&self) -> &Path {
        &self.directory
    }

    fn goes_through(&self) -> Option<&Address> {
        Some(&self.member)
    }

    async fn swarm_key(&self) -> Result<Option<ClusterKey>, OperatorError> {
        self.manager.key().await.map_err(|error| OperatorError::new(codes::NO_MANAGER_ANSWERS, error.to_string()))
    }

    async fn keep_swarm_key(&self, key: &ClusterKey) -> Result<(), OperatorError> {
        match self.manager.keep_key(key).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                let why = format!("{} got its key from another process meanwhile", self.cluster);
                Err(OperatorError::new(codes::CHANGE_REFUSED, why).with_help("do the same again"))
            }
            Err(error) => Err(OperatorError::new(codes::NO_MANAGER_ANSWERS, error.to_string())),
        }
    }

    fn hosts(&self, member: &Address) -> bool {
        self.way.is_none() && *member == self.member
    }
}

/// A machine that an operator reaches by its engine alone.
struct AnotherMachine;

#[async_trait]
impl Host for AnotherMachine {
    async fn state(&self) -> HostState {
        // No replica of this process stands there, and whether its engine answers the engine says.
        HostState::Running(BootId::from("elsewhere"))
    }

    async fn boot_document(&self) -> Option<BootDocument> {
        None
    }

    async fn boot_findings(&self) -> Vec<(Address, BootFinding)> {
        Vec::new()
    }
}

/// A machine to which there is no way from here.
struct Elsewhere;

const NO_WAY_FROM_HERE: &str = "from here it is not reached: each manager speaks for itself";

#[async_trait]
impl LeaderDetector for Elsewhere {
    async fn look(&self) -> Leadership {
        Leadership::Unknown(NO_WAY_FROM_HERE.to_owned())
    }
}

#[async_trait]
impl Host for Elsewhere {
    async fn state(&self) -> HostState {
        HostState::Down(NO_WAY_FROM_HERE.to_owned())
    }

    async fn boot_document(&self) -> Option<BootDocument> {
        None
    }

    async fn boot_findings(&self) -> Vec<(Address, BootFinding)> {
        Vec::new()
    }
}

/// A provider that this machine does not reach: head and revisions can be worked with all the same.
struct Unreached(OperatorError);

impl Unreached {
    fn says(&self) -> ProviderError {
        ProviderError { code: self.0.code.to_owned(), message: self.0.message.clone() }
    }
}

#[async_trait]
impl Provider for Unreached {
    async fn anchor(&self, _cluster: &str) -> Result<Option<Anchor>, ProviderError> {
        Err(self.says())
    }

    async fn claim_anchor(&self, _cluster: &str, _uid: ClusterUid) -> Result<Anchor, ProviderError> {
        Err(self.says())
    }

    async fn release_anchor(&self, _cluster: &str, _uid: &ClusterUid) -> Result<(), ProviderError> {
        Err(self.says())
    }

    async fn list(&self, _uid: &ClusterUid, _ips: &[std::net::IpAddr]) -> Result<Inventory, ProviderError> {
        Err(self.says())
    }

    async fn send(&self, _uid: &ClusterUid, _call: &Call, _admission: kit_model::Admission<'_>) -> Outcome {
        Outcome::NotSent(self.0.message.clone())
    }

    async fn remove_resource(&self, _uid: &ClusterUid, _address: &Address) -> Result<(), ProviderError> {
        Err(self.says())
    }

    async fn remove_volume(&self, _uid: &ClusterUid, _volume: &kit_model::VolumeId) -> Result<(), ProviderError> {
        Err(self.says())
    }
}
