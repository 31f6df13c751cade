//! The simulated cloud: its state, its clock and what happens in it by itself.

mod boot;
mod deliver;
mod exploring;
mod hurt;
mod listing;
mod machines;
mod truth;
mod volumes;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use kit_model::{Address, Anchor, Call, ClusterUid, Token};
use serde::{Deserialize, Serialize};

pub use exploring::NodeTruth;
pub use hurt::{Hurt, HurtError};
pub use truth::VoterTruth;

use crate::ground_truth::{GroundTruth, Sender};
use crate::random::Random;
use crate::records::{IpHolder, Key, SimMachine, SimResource, SimVolume, TokenEnd, TokenUse, key};
use crate::settings::SimSettings;
use crate::swarm::Swarm;

/// A simulated cloud with a Swarm on its machines: a state machine without a clock of its own. Time comes in as
/// `now_ms`, chance from the seed; the same calls at the same times give the same world. It holds one cluster at
/// a time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimCloud {
    pub(crate) settings: SimSettings,
    pub(crate) random: Random,
    seed: u64,
    made: u64,
    now_ms: u64,
    changes: u64,
    timers: BTreeSet<(u64, Timer)>,
    anchors: BTreeMap<String, Anchor>,
    pub(crate) machines: BTreeMap<Key, SimMachine>,
    /// Machines that are still listed, by address, the newest last.
    by_address: BTreeMap<Address, Vec<Key>>,
    live_machines: u32,
    pub(crate) volumes: BTreeMap<Key, SimVolume>,
    pub(crate) volumes_of: BTreeMap<Address, Vec<Key>>,
    /// Volumes that a machine holds or held.
    held_by: BTreeMap<Key, Vec<Key>>,
    resources: BTreeMap<Address, SimResource>,
    ips: BTreeMap<IpAddr, IpHolder>,
    /// Addresses that were asked for by name: no machine without a name gets one of them.
    pinned_ips: BTreeSet<IpAddr>,
    /// Where the search for a free address goes on, by network.
    ip_cursor: BTreeMap<Address, u64>,
    tokens: BTreeMap<Token, TokenUse>,
    token_ends: VecDeque<TokenEnd>,
    late_calls: BTreeMap<u64, LateCall>,
    call_allowance: CallAllowance,
    images: Vec<String>,
    wounds: Wounds,
    pub(crate) swarm: Option<Swarm>,
    pub(crate) truth: GroundTruth,
}

/// What happens by itself at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Timer {
    MachineRuns(Key),
    MachineBooted(Key, u32),
    MachineStopped(Key),
    MachineTerminated(Key),
    MachineForgotten(Key),
    VolumeSettles(Key, u32),
    Election(u64),
    RoleSettles(Key),
    Join(Key),
    LateCall(u64),
    /// Nothing but a reason to look again.
    Wake,
}

/// A call that is still on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct LateCall {
    from: Sender,
    uid: ClusterUid,
    call: Call,
    sent_ms: u64,
}

/// The token bucket of calls, in thousandths of a call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct CallAllowance {
    thousandths: u64,
    at_ms: u64,
}

/// What ails the cloud as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Wounds {
    pub(crate) no_capacity: bool,
    pub(crate) throttled_until_ms: u64,
    pub(crate) lag_until_ms: u64,
    pub(crate) lose_replies: u32,
    pub(crate) lose_calls: u32,
    pub(crate) delay_calls: Vec<u64>,
    pub(crate) lose_commits: Vec<bool>,
    pub(crate) partial_listings: u32,
    pub(crate) failed_listings: u32,
}

/// The images of a new cloud, the oldest first; `Hurt::PublishImage` adds newer ones.
const FIRST_IMAGES: &[&str] =
    &["debian-12-amd64-20260105", "debian-12-amd64-20260302", "debian-13-amd64-20260302", "debian-12"];

/// The most steps of one `advance`: far more than any cluster's, so that a mistake ends instead of hanging.
const MAX_STEPS_PER_ADVANCE: u32 = 10_000_000;

impl SimCloud {
    /// An empty cloud.
    #[must_use]
    pub fn new(settings: SimSettings, seed: u64) -> Self {
        Self {
            settings,
            random: Random::new(seed),
            seed,
            made: 0,
            now_ms: 0,
            changes: 0,
            timers: BTreeSet::new(),
            anchors: BTreeMap::new(),
            machines: BTreeMap::new(),
            by_address: BTreeMap::new(),
            live_machines: 0,
            volumes: BTreeMap::new(),
            volumes_of: BTreeMap::new(),
            held_by: BTreeMap::new(),
            resources: BTreeMap::new(),
            ips: BTreeMap::new(),
            pinned_ips: BTreeSet::new(),
            ip_cursor: BTreeMap::new(),
            tokens: BTreeMap::new(),
            token_ends: VecDeque::new(),
            late_calls: BTreeMap::new(),
            call_allowance: CallAllowance::default(),
            images: FIRST_IMAGES.iter().map(|&name| name.to_owned()).collect(),
            wounds: Wounds::default(),
            swarm: None,
            truth: GroundTruth::default(),
        }
    }

    /// How it behaves.
    #[must_use]
    pub const fn settings(&self) -> &SimSettings {
        &self.settings
    }

    /// Makes it behave otherwise from now on: what is under way keeps its times.
    pub fn set_settings(&mut self, settings: SimSettings) {
        if settings != self.settings {
            self.settings = settings;
            self.touch();
        }
    }

    /// The latest time that it was told.
    #[must_use]
    pub const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// A number that grows whenever anything in it changes: as long as it stays, there is nothing to write down.
    #[must_use]
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    pub(crate) const fn touch(&mut self) {
        self.changes += 1;
    }

    /// When something happens by itself next. What only looks otherwise with time, as a node that misses its
    /// heartbeats, needs no event.
    #[must_use]
    pub fn next_event_ms(&self) -> Option<u64> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Lets happen what is due by `now_ms`. Time never goes back.
    pub fn advance(&mut self, now_ms: u64) {
        let mut steps = 0;
        while let Some(&(at, timer)) = self.timers.first() {
            if at > now_ms || steps >= MAX_STEPS_PER_ADVANCE {
                break;
            }
            steps += 1;
            self.timers.pop_first();
            self.now_ms = self.now_ms.max(at);
            self.touch();
            self.fire(timer);
        }
        self.now_ms = self.now_ms.max(now_ms);
    }

    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::MachineRuns(machine) => self.machine_runs_now(machine),
            Timer::MachineBooted(machine, boots) => self.machine_booted(machine, boots),
            Timer::MachineStopped(machine) => self.machine_stopped(machine),
            Timer::MachineTerminated(machine) => self.machine_terminated(machine),
            Timer::MachineForgotten(machine) => self.machine_forgotten(machine),
            Timer::VolumeSettles(volume, turn) => self.volume_settles(volume, turn),
            Timer::Election(due_ms) => self.election(due_ms),
            Timer::RoleSettles(node) => self.role_settles(node),
            Timer::Join(machine) => self.try_join(machine),
            Timer::LateCall(number) => self.late_call_arrives(number),
            Timer::Wake => {}
        }
    }

    pub(crate) fn at(&mut self, in_ms: u64, timer: Timer) {
        self.timers.insert((self.now_ms.saturating_add(in_ms), timer));
        self.touch();
    }

    /// `base_ms` with the jitter of the settings.
    pub(crate) fn takes(&mut self, base_ms: u64) -> u64 {
        let most = base_ms * u64::from(self.settings.jitter_percent) / 100;
        base_ms + if most == 0 { 0 } else { self.random.below(most + 1) }
    }

    pub(crate) fn next_key(&mut self) -> Key {
        self.made += 1;
        key(self.seed, self.made)
    }
}
