//! Clusters on the simulated cloud: each in a directory of its own, which the processes of one machine share.

use std::fs;
use std::io::Read as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use kit_graph::Graph;
use kit_model::{Address, BootDocument, BootFinding, MachineState, Now, Policy, Provider, SpecStore as _};
use kit_sim::{Engine, Hurt, SimCloud, SimFile, SimFileError, SimMember, SimSettings};

use crate::clock::Clock;
use crate::error::OperatorError;
use crate::operator::Revision;
use crate::site::Site;
use crate::state_directory::StateDirectory;
use crate::surroundings::{Host, HostState, Surroundings};
use crate::{atomic_file, codes, file_name};

/// How many times as fast as real ones a simulated cloud and its replicas may go: a permit must still be long
/// against the writing of a file.
pub const MAX_PACE: u32 = 20;

/// The provider type that is served here.
pub(crate) const PROVIDER: &str = "sim.Provider";

/// The file of a cluster's directory in which its simulated cloud is.
pub(crate) const KEPT: &str = "cloud.json";

/// A cluster on the simulated cloud.
#[derive(Clone)]
pub struct SimulatedSite {
    cluster: String,
    directory: PathBuf,
    file: SimFile,
    policy: Policy,
}

/// The place of the cluster of `graph`; `clouds` is where simulated clouds are kept. A simulated cloud that is
/// not there yet is made.
///
/// # Errors
/// When the simulated cloud cannot be used.
pub(crate) fn make(graph: &Graph, clouds: &Path) -> Result<SimulatedSite, OperatorError> {
    let directory = clouds.join(file_name::of(&graph.cluster.name));
    let mut settings = SimSettings::from_provider(&graph.cluster.provider)
        .map_err(|why| OperatorError::new(codes::CANNOT_APPLY, format!("{PROVIDER}: {why}")))?;
    let pace = pace_in(&directory)?;
    settings.scale(1, u64::from(pace));
    let seed = random_seed().map_err(|error| {
        OperatorError::new(codes::STATE_UNREADABLE, format!("the kernel gave no random number: {error}"))
    })?;
    let file = SimFile::open(&directory, settings, seed).map_err(|error| unusable(&error))?;
    Ok(SimulatedSite { cluster: graph.cluster.name.clone(), directory, file, policy: policy_at(pace) })
}

/// The simulated cluster of this name, whose cloud was made.
///
/// # Errors
/// When the simulated cloud cannot be used.
pub(crate) fn kept(name: &str, clouds: &Path) -> Result<SimulatedSite, OperatorError> {
    let directory = clouds.join(file_name::of(name));
    let pace = pace_in(&directory)?;
    let file = SimFile::open_existing(&directory).map_err(|error| unusable(&error))?;
    Ok(SimulatedSite { cluster: name.to_owned(), directory, file, policy: policy_at(pace) })
}

/// Refuses a pace that the simulated cloud of `graph` cannot take any more. It changes nothing.
///
/// # Errors
/// When the cloud is there already and goes at another pace.
pub fn check_pace(graph: &Graph, clouds: &Path, pace: u32) -> Result<(), OperatorError> {
    let directory = clouds.join(file_name::of(&graph.cluster.name));
    if !directory.join(KEPT).exists() {
        return Ok(());
    }
    let known = pace_in(&directory)?;
    if known == pace {
        return Ok(());
    }
    Err(OperatorError::new(
        codes::SIM_REFUSED,
        format!("the simulated cloud of {} goes {known} times as fast as a real one already", graph.cluster.name),
    )
    .with_help("its pace is set when it is made; leave --pace away"))
}

/// Sets how many times as fast as a real one the simulated cloud of `graph` goes, and its replicas with it.
/// Only before it is made: replicas that go by different times would not be safe from each other.
///
/// # Errors
/// When the cloud is there already and goes at another pace, or the directory cannot be written.
pub fn set_pace(graph: &Graph, clouds: &Path, pace: u32) -> Result<(), OperatorError> {
    let directory = clouds.join(file_name::of(&graph.cluster.name));
    check_pace(graph, clouds, pace)?;
    if directory.join(KEPT).exists() {
        return Ok(());
    }
    let path = directory.join("pace");
    fs::create_dir_all(&directory)
        .and_then(|()| atomic_file::replace(&path, pace.clamp(1, MAX_PACE).to_string().as_bytes()))
        .map_err(|error| OperatorError::new(codes::STATE_UNREADABLE, format!("{}: {error}", path.display())))
}

fn pace_in(directory: &Path) -> Result<u32, OperatorError> {
    let path = directory.join("pace");
    let unreadable = |why: String| OperatorError::new(codes::STATE_UNREADABLE, format!("{}: {why}", path.display()));
    match atomic_file::read_limited(&path, 16).map_err(|error| unreadable(error.to_string()))? {
        None => Ok(1),
        Some(bytes) => std::str::from_utf8(&bytes)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .filter(|pace| (1..=MAX_PACE).contains(pace))
            .ok_or_else(|| unreadable(format!("it holds no number from 1 to {MAX_PACE}"))),
    }
}

/// The times of production, divided.
fn policy_at(pace: u32) -> Policy {
    let mut policy = Policy::default();
    let pace = u64::from(pace.max(1));
    for ms in [
        &mut policy.permit_ms,
        &mut policy.permit_margin_ms,
        &mut policy.succession_ms,
        &mut policy.follow_every_ms,
        &mut policy.observe_every_ms,
        &mut policy.idle_every_ms,
        &mut policy.absence_ms,
        &mut policy.settle_ms,
        &mut policy.after_election_ms,
        &mut policy.stable_ms,
        &mut policy.forgive_ms,
        &mut policy.join_ms,
        &mut policy.reboot_ms,
        &mut policy.rescue_after_ms,
        &mut policy.rescue_stagger_ms,
        &mut policy.backoff_ms,
        &mut policy.backoff_max_ms,
    ] {
        *ms = (*ms / pace).max(1);
    }
    policy
}

fn unusable(error: &SimFileError) -> OperatorError {
    let code = if matches!(error, SimFileError::Missing(_)) { codes::NO_CLUSTER } else { codes::STATE_UNREADABLE };
    OperatorError::new(code, error.to_string())
}

fn random_seed() -> std::io::Result<u64> {
    let mut bytes = [0; 8];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

impl SimulatedSite {
    /// The simulated cloud.
    #[must_use]
    pub const fn cloud(&self) -> &SimFile {
        &self.file
    }
}

#[async_trait]
impl Site for SimulatedSite {
    fn cluster(&self) -> &str {
        &self.cluster
    }

    fn provider(&self) -> Arc<dyn Provider> {
        Arc::new(self.file.provider())
    }

    fn beside(&self, member: &Address) -> Surroundings {
        let beside = Arc::new(self.file.beside(member.clone()));
        Surroundings {
            cluster: self.cluster.clone(),
            provider: Arc::clone(&beside) as _,
            detector: Arc::clone(&beside) as _,
            swarm: Arc::clone(&beside) as _,
            store: Arc::clone(&beside) as _,
            host: Arc::new(SimulatedHost { beside }),
            clock: Arc::new(SimulatedClock { file: self.file.clone() }),
        }
    }

    fn policy(&self) -> Policy {
        self.policy.clone()
    }

    fn clock_now(&self) -> Now {
        self.file.now()
    }

    async fn give_revision(&self, seed: &Address, revision: &Revision) -> Result<(), OperatorError> {
        let unreadable = |why: String| OperatorError::new(codes::STATE_UNREADABLE, why);
        let directory = self.member_directory(seed);
        let state = StateDirectory::open(&directory)
            .map_err(|error| unreadable(format!("{} cannot be made: {error}", directory.display())))?;
        state
            .revisions()
            .put_revision(&revision.spec.revision, &revision.bytes)
            .await
            .map_err(|error| unreadable(error.to_string()))
    }

    fn directory(&self) -> &Path {
        &self.directory
    }
}

/// The simulated machine that a replica stands beside.
struct SimulatedHost {
    beside: Arc<SimMember>,
}

#[async_trait]
impl Host for SimulatedHost {
    async fn state(&self) -> HostState {
        match self.beside.boot_id() {
            Ok(Some(boot_id)) => HostState::Running(boot_id),
            Ok(None) => match self.beside.is_frozen() {
                Ok(true) => HostState::Frozen,
                Ok(false) => HostState::Down("the simulated cloud runs no machine of it".to_owned()),
                Err(error) => HostState::Down(error.to_string()),
            },
            Err(error) => HostState::Down(error.to_string()),
        }
    }

    async fn boot_document(&self) -> Option<BootDocument> {
        self.beside.boot_document().ok()?
    }

    async fn boot_findings(&self) -> Vec<(Address, BootFinding)> {
        self.beside.boot_findings().unwrap_or_default()
    }
}

/// The time as the simulated cloud has it.
struct SimulatedClock {
    file: SimFile,
}

impl Clock for SimulatedClock {
    fn now(&self) -> Now {
        self.file.now()
    }
}

impl SimulatedSite {
    /// The address that a person means: a member, a slot, or `leader`, the member that truly leads now.
    fn meant(&self, text: &str) -> Result<Address, OperatorError> {
        if text != "leader" {
            return Ok(Address::from(text));
        }
        self.file
            .with(|cloud| cloud.leader())
            .map_err(|error| unusable(&error))?
            .ok_or_else(|| OperatorError::new(codes::SIM_REFUSED, "the simulated Swarm has no leader now"))
    }

    fn inflict(&self, hurt: &Hurt) -> Result<(), OperatorError> {
        let done = self.file.with(|cloud| {
            let now_ms = cloud.now_ms();
            cloud.hurt(hurt, now_ms)
        });
        done.map_err(|error| unusable(&error))?.map_err(|error| {
            OperatorError::new(codes::SIM_REFUSED, error.to_string()).with_help("`kitc sim status` shows what there is")
        })
    }

    /// Does `hurt` to whom `text` means, and says who that is.
    ///
    /// # Errors
    /// When there is no such machine, or it is not in a state in which this can happen to it.
    pub fn hurt(&self, text: &str, hurt: impl FnOnce(Address) -> Hurt) -> Result<Address, OperatorError> {
        let address = self.meant(text)?;
        self.inflict(&hurt(address.clone()))?;
        Ok(address)
    }

    /// Does `hurt` to the IP of whom `text` means, or to the IP that it is.
    ///
    /// # Errors
    /// When it has no IP, or the IP is not in a state in which this can happen to it.
    pub fn hurt_ip(&self, text: &str, hurt: impl FnOnce(IpAddr) -> Hurt) -> Result<IpAddr, OperatorError> {
        let ip = match text.parse() {
            Ok(ip) => ip,
            Err(_) => {
                let address = self.meant(text)?;
                let ip = self
                    .file
                    .with(|cloud| cloud.machines_at(&address).last().and_then(|machine| machine.ip))
                    .map_err(|error| unusable(&error))?;
                ip.ok_or_else(|| {
                    OperatorError::new(
                        codes::SIM_REFUSED,
                        format!("the simulated cloud had no machine {address} with an IP"),
                    )
                })?
            }
        };
        self.inflict(&hurt(ip))?;
        Ok(ip)
    }

    /// What is true in the simulated cloud, for a person; machines that are gone only with `all`.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn truth(&self, all: bool) -> Result<Vec<String>, OperatorError> {
        self.file.with(|cloud| truth_of(cloud, all)).map_err(|error| unusable(&error))
    }

    /// Every address that a machine or a volume in the simulated cloud ever had.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn addresses(&self) -> Result<std::collections::BTreeSet<Address>, OperatorError> {
        self.file
            .with(|cloud| {
                let machines = cloud.machines().map(|machine| machine.marks.address.clone());
                let volumes = cloud.volumes().map(|volume| volume.marks.address.clone());
                machines.chain(volumes).collect()
            })
            .map_err(|error| unusable(&error))
    }
}

fn truth_of(cloud: &SimCloud, all: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let leader = cloud.leader().map_or_else(|| "nobody leads".to_owned(), |leader| format!("{leader} leads"));
    let voters = cloud.voters();
    let healthy = voters.iter().filter(|voter| voter.healthy).count();
    lines.push(format!("{leader}; {healthy} of {} voters answer, {} are needed", voters.len(), cloud.majority()));
    let mut gone = 0;
    for machine in cloud.machines() {
        if machine.state.is_terminal() && !all {
            gone += 1;
            continue;
        }
        let state = crate::operator::state_in_words(machine.state);
        let ip = machine.ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string());
        let mut line = format!("{:<14} {:<16} {} {state}", machine.marks.address.as_str(), ip, machine.id);
        if machine.frozen {
            line.push_str(", frozen");
        }
        if machine.island != 0 {
            line.push_str(", cut off");
        }
        if machine.state == MachineState::Running {
            line.push_str(match machine.engine {
                Engine::Up => ", engine up",
                Engine::Off => ", engine not up yet",
                Engine::Dead => ", engine dead",
            });
        }
        lines.push(line);
    }
    if gone > 0 {
        lines.push(format!("and {gone} machines that are gone (--all shows them)"));
    }
    for volume in cloud.volumes() {
        let holder = cloud.holder_of(volume).map_or_else(|| "free".to_owned(), |holder| format!("at {holder}"));
        lines.push(format!("{:<14} {} {holder}", volume.marks.address.as_str(), volume.id));
    }
    lines
}
