//! Which provider a graph names, and how it is reached from here.

use std::sync::Arc;

use kit_docker::{DockerProvider, PROVIDER};
use kit_graph::Graph;
use kit_model::Provider;

use crate::codes;
use crate::error::OperatorError;

/// This program, also where its file was replaced meanwhile.
pub(crate) const OWN_PROGRAM: &str = "/proc/self/exe";

/// Where a provider is reached from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReachedFrom {
    /// A manager's machine.
    Manager,
    /// The operator's machine.
    Operator,
}

/// The provider of `graph`.
///
/// # Errors
/// When this kitc does not serve it, or its settings do not fit.
pub fn provider_of(graph: &Graph, from: ReachedFrom) -> Result<Arc<dyn Provider>, OperatorError> {
    let provider = &graph.cluster.provider;
    if provider.kind != PROVIDER {
        return Err(crate::sites::not_served(&provider.kind));
    }
    let made = match from {
        ReachedFrom::Manager => DockerProvider::inside_machine(provider),
        ReachedFrom::Operator => DockerProvider::on_host(provider),
    };
    let made = made.map_err(|why| OperatorError::new(codes::CANNOT_APPLY, format!("{PROVIDER}: {why}")))?;
    Ok(Arc::new(made.with_kitc(OWN_PROGRAM)))
}
