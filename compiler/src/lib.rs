//! The compiler: from the text of a `.kit` file to a graph.
//!
//! It is pure: it reads texts that it is given, asks for lookups instead of making them, and says what
//! is wrong as diagnostics. [`check`] needs no parameters and no lookups; [`compile`] needs all of them.

mod check;
mod codes;
mod compile;
mod eval;
mod expand;
mod hir;
mod inputs;
mod lower;
mod metadata;
mod modules;
mod names;
mod outside;
mod params_files;
mod parts;
mod report;
mod resolve;
mod schema;
mod snapshot;
mod sources;
mod tests_of_clusters;
mod types;
mod value;
mod warnings;

pub use codes::CODES;
pub use compile::{Compiled, Findings, Lookup, Step, check, check_with, compile, describe};
pub use inputs::{Answer, GivenBy, Inputs, MAX_LOOKUP_ROUNDS, ParamInput, ParamValue};
pub use metadata::{Evaluation, MetadataKind, MetadataNode, MetadataParam, evaluate, metadata};
pub use modules::MAX_MODULES;
pub use parts::Parts;
pub use schema::parameter_schema;
pub use snapshot::Snapshot;
pub use sources::Sources;
pub use tests_of_clusters::{TestOutcome, TestRun, run_tests};
