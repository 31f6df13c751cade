//! What a machine does when it boots: it knows its volume and whose it is, then starts its engine, comes into the Swarm, and
//! starts its replica. What is as it should be is left as it is.

mod disk;
mod engine_config;
mod ground;
mod own_address;
mod steps;
mod systemctl;

use std::path::PathBuf;
use std::time::Duration;

use kit_model::{BootDocument, BootFinding, NodeId};
use kit_planner::{BootRefusal, BootStep, Entry, VolumeRecord, boot};
use kit_swarm::{Engine, EngineError, Part};
use tokio::time::{Instant, sleep};

use crate::codes;
use crate::error::OperatorError;
use crate::event_log::EventSink;
use crate::machine::boot_document_at;
use disk::Disk;
use engine_config::EngineConfig;
use ground::Ground;
use steps::Steps;
use systemctl::Systemctl;

/// How often what has no event of its own is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long an engine may take until it answers: one with thousands of containers reads them all first.
const ENGINE_PATIENCE: Duration = Duration::from_secs(180);

/// How long a node that was in the Swarm may take to be in it again before the boot ends without it. Where no manager leads
/// it may take hours, and nobody need wait: the engine goes on trying.
const RETURN_PATIENCE: Duration = Duration::from_secs(120);

/// How long a new machine waits to be let in: as long as a new machine may be let in at all.
const ENTRY_PATIENCE: Duration = Duration::from_secs(900);

/// The service of the machine's engine, with the one that would start it again when it is asked something.
const ENGINE_UNITS: [&str; 2] = ["docker.socket", "docker"];

/// The service of the machine's replica.
const REPLICA_UNIT: &str = "kit";

/// Where things lie on the machine.
#[derive(Debug, Clone)]
pub struct BootPlaces {
    /// The boot document.
    pub document: PathBuf,
    /// Where the engine keeps its state, and where the volume stands.
    pub state: PathBuf,
    /// What the engine reads when it starts.
    pub engine_config: PathBuf,
    /// Where units lie.
    pub units: PathBuf,
    /// The engine's socket.
    pub socket: PathBuf,
    /// This program, as a unit names it.
    pub program: PathBuf,
}

/// How a boot went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booted {
    /// How many steps changed something.
    pub changed: usize,
    /// Which node the machine is, if it came into the Swarm.
    pub node: Option<NodeId>,
}

/// Carries out the boot document of this machine, and tells each step to `events`.
///
/// # Errors
/// When a step cannot be done. Whatever came before it stands, and the same again goes on from there.
pub async fn boot_machine(places: &BootPlaces, events: &dyn EventSink) -> Result<Booted, OperatorError> {
    let document = document_of(places)?;
    let mut machine = Machine {
        engine: Engine::at(&places.socket),
        ground: Ground::at(&places.state),
        systemctl: Systemctl::of_units(&places.units),
        steps: Steps::new(&document.address, events),
        document,
        places,
    };
    let booted = machine.boot().await;
    match &booted {
        Ok(booted) => machine.steps.end(booted.changed),
        Err(error) => machine.steps.failed(error),
    }
    booted
}

fn document_of(places: &BootPlaces) -> Result<BootDocument, OperatorError> {
    let path = places.document.display();
    let bad = |why: String| OperatorError::new(codes::BAD_BOOT_DOCUMENT, why);
    let document = boot_document_at(&places.document).map_err(|error| bad(format!("{path}: {error}")))?;
    document.ok_or_else(|| bad(format!("there is no {path}: this machine was not made by Kit")))
}

struct Machine<'a> {
    document: BootDocument,
    places: &'a BootPlaces,
    engine: Engine,
    ground: Ground,
    systemctl: Systemctl,
    steps: Steps<'a>,
}

impl Machine<'_> {
    async fn boot(&mut self) -> Result<Booted, OperatorError> {
        let document = &self.document;
        let role = if document.manager { "a manager" } else { "no manager" };
        self.steps.is(
            "boot-document",
            format!(
                "{}, {role} of the cluster {}, generation {}",
                document.address, document.uid, document.generation.0
            ),
        );
        let runs = self.engine_is_ours().await?;
        let (finding, record, entry) = self.judge(runs).await?;
        if let Some(record) = record {
            self.ground.write(&record)?;
            self.steps.did("boot-identity", format!("the volume was empty: it is {}'s from now on", record.address));
        } else {
            let what = match &finding {
                BootFinding::Newcomer(reason) => format!("the volume is its own: {reason}"),
                _ => "the volume is its own, with the state of its own node".to_owned(),
            };
            self.steps.is("boot-identity", what);
        }
        if runs {
            self.steps.is("boot-engine", "the engine runs, and says whose machine this is".to_owned());
        } else {
            self.start_engine().await?;
        }
        if entry == Entry::Begin {
            self.begin_swarm().await?;
        }
        if self.document.manager {
            self.start_replica().await?;
        }
        let node = self.come_in(entry).await?;
        Ok(Booted { changed: self.steps.changed(), node })
    }

    /// Whether the engine runs on the machine's volume and says that this is the machine it is. Any other that runs is stopped:
    /// it may have begun on a disk that is not its volume.
    async fn engine_is_ours(&mut self) -> Result<bool, OperatorError> {
        let Ok(identity) = self.engine.identity().await else { return Ok(false) };
        let document = &self.document;
        let ours = identity.uid.as_ref() == Some(&document.uid)
            && identity.address.as_ref() == Some(&document.address)
            && identity.generation == Some(document.generation)
            && (!document.has_volume || self.ground.look()?.mounted);
        if !ours {
            self.stop_engine().await?;
            self.steps.did(
                "boot-engine",
                "an engine ran that does not say whose machine this is, or not on its volume: stopped".to_owned(),
            );
        }
        Ok(ours)
    }

    /// What is to be done here. Where nothing good would come of a running engine, it is off when this comes back.
    async fn judge(&mut self, runs: bool) -> Result<(BootFinding, Option<VolumeRecord>, Entry), OperatorError> {
        let mut found = self.ground.look()?;
        if let Some(disk) = self.document.disk.as_ref().filter(|_| !found.mounted) {
            let formatted = Disk::of(&self.document, disk, &self.places.state).stand().await?;
            let how = if formatted { "was new and blank: formatted, and mounted" } else { "is mounted" };
            self.steps.did("boot-disk", format!("the disk {} {how}", disk.serial));
            found = self.ground.look()?;
        }
        let why = match boot(&self.document, &found) {
            BootStep::Start { finding, record, entry } => {
                self.steps.is("boot-volume", self.ground.shown(&self.document));
                return Ok((finding, record, entry));
            }
            BootStep::StayOff(reason) => {
                OperatorError::new(codes::ENGINE_STAYS_OFF, format!("the engine stays off: {reason}")).with_help(
                    format!(
                        "`kitc status` on another manager says what would be lost; `kitc resume {}` allows it",
                        self.document.address
                    ),
                )
            }
            BootStep::Refuse(refusal) => self.refused(&refusal),
        };
        if runs {
            self.stop_engine().await?;
        }
        Err(why)
    }

    fn refused(&self, refusal: &BootRefusal) -> OperatorError {
        let state = self.places.state.display();
        let wrong = |why: String| {
            OperatorError::new(codes::WRONG_VOLUME, why)
                .with_help("look whose volume it is before anything is done with it: nothing of it was changed")
        };
        match refusal {
            BootRefusal::NoVolume => {
                OperatorError::new(codes::NO_VOLUME, format!("no volume stands at {state}: Docker is not started"))
            }
            BootRefusal::Another(record) => wrong(format!(
                "the volume at {state} is that of {} of the cluster {}; this machine is {} of the cluster {}",
                record.address, record.uid, self.document.address, self.document.uid
            )),
            BootRefusal::Unclaimed(what) => {
                wrong(format!("the volume at {state} does not say whose it is, and is not empty: it holds {what}"))
            }
            BootRefusal::Unreadable(why) => wrong(format!("whose volume stands at {state} cannot be told: {why}")),
            BootRefusal::AnotherNode { record, found } => wrong(format!(
                "the volume at {state} holds the state of the node {found}, and says that it is the node {record}"
            )),
        }
    }

    async fn stop_engine(&self) -> Result<(), OperatorError> {
        self.systemctl.run("stop", &ENGINE_UNITS).await.map_err(|why| {
            OperatorError::new(codes::ENGINE_NOT_STARTED, format!("the engine cannot be stopped: {why}"))
        })
    }

    async fn start_engine(&mut self) -> Result<(), OperatorError> {
        let config = EngineConfig::at(&self.places.engine_config);
        if config.say(&self.document)? {
            self.steps.did("boot-labels", "the engine is to say whose machine this is".to_owned());
        } else {
            self.steps.is("boot-labels", "the engine is to say whose machine this is".to_owned());
        }
        let failed = |why: String| {
            OperatorError::new(codes::ENGINE_NOT_STARTED, format!("the engine does not start: {why}"))
                .with_help("what it said last stands in its log: `journalctl -u docker`")
        };
        self.systemctl.run("start", &["docker"]).await.map_err(failed)?;
        let begun = Instant::now();
        while !self.engine.answers().await {
            if begun.elapsed() > ENGINE_PATIENCE {
                return Err(failed(format!("it does not answer within {} s", ENGINE_PATIENCE.as_secs())));
            }
            sleep(LOOK_EVERY).await;
        }
        self.steps.did("boot-engine", "the engine runs".to_owned());
        Ok(())
    }

    async fn begin_swarm(&mut self) -> Result<(), OperatorError> {
        if self.part().await? != Part::None {
            return Ok(());
        }
        let ip = own_address::of_manager(&self.document)?;
        self.engine.begin_swarm(ip).await.map_err(|error| {
            OperatorError::new(codes::NOT_IN_SWARM, format!("the engine does not begin a Swarm: {error}"))
        })?;
        self.steps.did("boot-swarm", format!("began the Swarm, at {ip}"));
        Ok(())
    }

    async fn start_replica(&mut self) -> Result<(), OperatorError> {
        let failed = |why: String| {
            OperatorError::new(codes::REPLICA_NOT_STARTED, format!("the replica of this machine does not start: {why}"))
        };
        let started = self.systemctl.keep(REPLICA_UNIT, &replica_unit(&self.places.program)).await.map_err(failed)?;
        let what = "its replica runs, and starts with the machine".to_owned();
        if started {
            self.steps.did("boot-replica", what)
        } else {
            self.steps.is("boot-replica", what)
        }
        Ok(())
    }

    /// Waits until the machine's node is in the Swarm, and writes down which it is.
    async fn come_in(&mut self, entry: Entry) -> Result<Option<NodeId>, OperatorError> {
        let (expected, patience) = match entry {
            Entry::As(node) => (Some(node), RETURN_PATIENCE),
            Entry::Begin => (None, RETURN_PATIENCE),
            Entry::LetIn => (None, ENTRY_PATIENCE),
            Entry::Apart => return Ok(None),
        };
        let begun = Instant::now();
        let mut told = false;
        let node = loop {
            let said = match self.part().await? {
                Part::Active { node, .. } => break node,
                Part::None if expected.is_some() => {
                    return Err(OperatorError::new(
                        codes::NOT_IN_SWARM,
                        "the engine has forgotten the Swarm that it was in",
                    ));
                }
                Part::None => "no manager let it in yet".to_owned(),
                Part::Locked => {
                    return Err(OperatorError::new(
                        codes::NOT_IN_SWARM,
                        "the Swarm is locked, and this machine has no key",
                    ));
                }
                Part::Pending(why) if why.is_empty() => "the engine is on its way into the Swarm".to_owned(),
                Part::Pending(why) => format!("the engine is on its way into the Swarm: {why}"),
            };
            if begun.elapsed() > patience {
                return Err(OperatorError::new(
                    codes::NOT_IN_SWARM,
                    format!("this machine is not in the Swarm after {} s: {said}", patience.as_secs()),
                )
                .with_help("`kitc status` on a manager says what it waits for"));
            }
            if !told && expected.is_none() {
                self.steps.is("boot-swarm", "waits for a manager to let it in".to_owned());
                told = true;
            }
            sleep(LOOK_EVERY).await;
        };
        if let Some(expected) = expected.filter(|expected| *expected != node) {
            self.stop_engine().await?;
            return Err(self.refused(&BootRefusal::AnotherNode { record: expected, found: node }));
        }
        let (uid, address) = (self.document.uid.clone(), self.document.address.clone());
        let changed = self.ground.write(&VolumeRecord { uid, address, node: Some(node.clone()) })?;
        let what = format!("it is the node {node} of the Swarm");
        if changed {
            self.steps.did("boot-node", what)
        } else {
            self.steps.is("boot-node", what)
        }
        Ok(Some(node))
    }

    /// Its part in a Swarm; an engine that says nothing for a moment is asked again.
    async fn part(&self) -> Result<Part, OperatorError> {
        let begun = Instant::now();
        loop {
            match self.engine.part().await {
                Ok(part) => return Ok(part),
                Err(error @ EngineError::Refused(_)) => return Err(silent(&error)),
                Err(error) if begun.elapsed() > ENGINE_PATIENCE => return Err(silent(&error)),
                Err(_) => sleep(LOOK_EVERY).await,
            }
        }
    }
}

fn silent(error: &EngineError) -> OperatorError {
    OperatorError::new(codes::ENGINE_NOT_STARTED, format!("the engine does not say its part in a Swarm: {error}"))
}

/// The unit of a replica.
fn replica_unit(program: &std::path::Path) -> String {
    format!(
        "[Unit]\nDescription=Kit keeps this cluster as its file says\nAfter=network-online.target docker.service\n\
         Wants=network-online.target\n\n[Service]\nExecStart={} apply --watch\nRestart=always\nRestartSec=2\n\n\
         [Install]\nWantedBy=multi-user.target\n",
        program.display()
    )
}
