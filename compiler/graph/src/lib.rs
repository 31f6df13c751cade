//! The contract between the two halves of Kit: what the compiler makes and the runtime eats.
//!
//! A [`Graph`] is data and nothing else: literals, references to live fields, concatenations,
//! names of secrets and scripts, so that the runtime needs no evaluator. Its bytes are canonical: the same
//! input gives the same bytes on each machine, with no clock, no randomness and no hash order.

mod canonical;
pub mod draw;
mod error;
mod explain;
mod fingerprint;
mod graph;
mod quantity;
mod script;
mod secret;
mod value;

/// The JSON Schema of a graph.
pub const SCHEMA: &str = include_str!("../graph.schema.json");

pub use canonical::{MAX_GRAPH_BYTES, sha256_hex};
pub use error::GraphError;
pub use explain::Explained;
pub use fingerprint::{ClusterKey, KEY_BYTES, secrets_in};
pub use graph::{Cluster, FORMAT_VERSION, Graph, Group, Instance, Member, Origin, OriginKind, Population, Resource};
pub use quantity::{
    QuantityError, format_bytes, format_duration, format_percent, parse_bytes, parse_duration_ms, parse_percent,
};
pub use script::{Answers, MAX_SCRIPT_BYTES, Rendered, Script, ScriptError, Shell, shell_of, why_no_variable};
pub use secret::SecretText;
pub use value::{Properties, Value};
