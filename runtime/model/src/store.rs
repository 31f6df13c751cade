//! The contract of the one head, as answers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The version of a head. Opaque but for equality: a store gives it, an update must name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HeadVersion(pub u64);

impl fmt::Display for HeadVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What became of a head write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommitResult {
    /// Committed, with this version now.
    Committed(HeadVersion),
    /// Refused: the version named is no longer the head's.
    Stale,
    /// No answer in hand. It may be committed now, later or never: it opens nothing.
    Unknown(String),
}

/// Why a store gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreError {
    /// The Swarm has no leader, or the store does not answer: try again.
    Unavailable(String),
    /// What the store holds cannot be read; the text says what and where.
    Corrupt(String),
    /// Too large to be kept.
    TooLarge {
        /// What it takes, in bytes.
        bytes: usize,
        /// What may be kept, in bytes.
        limit: usize,
    },
    /// No such revision.
    NoRevision(String),
    /// The head was written by a newer kitc: this one stands down.
    TooNew {
        /// The format found.
        format: u64,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(why) => write!(f, "the store does not answer: {why}"),
            Self::Corrupt(why) => write!(f, "what the store holds cannot be read: {why}"),
            Self::TooLarge { bytes, limit } => {
                write!(f, "{bytes} bytes are more than the {limit} that the store keeps")
            }
            Self::NoRevision(revision) => write!(f, "the store has no revision {revision}"),
            Self::TooNew { format } => {
                write!(f, "the head has format {format}, newer than this kitc knows: upgrade kitc on this machine")
            }
        }
    }
}

impl std::error::Error for StoreError {}
