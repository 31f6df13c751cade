//! Why a graph was refused.

use std::fmt;

/// Why bytes are not a graph that this version of Kit accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GraphError {
    /// Longer than [`crate::MAX_GRAPH_BYTES`].
    TooLarge {
        /// Length found, in bytes.
        bytes: usize,
    },
    /// Not JSON of a graph's shape; the text says where and what.
    Malformed(String),
    /// Written by a format that this version does not know.
    UnknownVersion {
        /// The version found.
        found: u64,
    },
    /// The content does not give the hash that it claims.
    HashMismatch {
        /// The hash written in the graph.
        written: String,
        /// The hash of what it contains.
        computed: String,
    },
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes } => {
                write!(f, "the graph has {bytes} bytes, more than the {} that are read", crate::MAX_GRAPH_BYTES)
            }
            Self::Malformed(why) => write!(f, "this is not a graph: {why}"),
            Self::UnknownVersion { found } => {
                write!(f, "the graph has format version {found}; this kitc knows version {}", crate::FORMAT_VERSION)
            }
            Self::HashMismatch { written, computed } => {
                write!(f, "the graph says its hash is {written}, but its content gives {computed}")
            }
        }
    }
}

impl std::error::Error for GraphError {}
