//! A simulated cloud and Swarm with the rules of real ones.
//!
//! [`SimCloud`] is a pure state machine: time comes in as a value, chance from a seed, and the whole of it can be
//! written down. With the feature `file`, [`SimFile`] keeps one in a file that several processes share, and lets
//! it be seen through the traits of `kit-model`.

mod cloud;
#[cfg(feature = "file")]
mod file;
mod ground_truth;
mod metadata;
mod random;
mod records;
mod settings;
mod swarm;

pub use cloud::{Hurt, HurtError, NodeTruth, SimCloud, VoterTruth};
pub use ground_truth::{CommittedHead, Deed, DeedEffect, GroundTruth, LogEntry, Sender, Violation, VotersAtDeed};
pub use metadata::SimSource;
pub use random::Random;
pub use records::{Disk, DiskSwarm, Engine, SimMachine, SimResource, SimVolume, SimVolumeState};
pub use settings::{CallRate, MAX_LISTING_LAG_MS, SimSettings, Span};
pub use swarm::MAX_REVISION_BYTES;

#[cfg(feature = "file")]
pub use file::{SimClock, SimFile, SimFileError, SimMember, SimProvider};
