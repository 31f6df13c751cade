//! The providers that clusters can be run on, and the clusters that are kept on this machine.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use kit_graph::Graph;

use crate::docker::DockerSite;
use crate::error::OperatorError;
use crate::simulated::SimulatedSite;
use crate::site::Site;
use crate::{codes, docker, file_name, simulated};

/// Refuses a provider that no cluster can be run on here.
///
/// # Errors
/// When this kitc does not serve it.
pub fn serve(provider: &str) -> Result<(), OperatorError> {
    if [simulated::PROVIDER, docker::PROVIDER].contains(&provider) {
        return Ok(());
    }
    Err(not_served(provider))
}

/// The error of a provider that this kitc knows nothing of.
pub(crate) fn not_served(provider: &str) -> OperatorError {
    OperatorError::new(
        codes::PROVIDER_NOT_SERVED,
        format!(
            "this kitc cannot run clusters on {provider}; it serves {} and {}",
            simulated::PROVIDER,
            docker::PROVIDER
        ),
    )
    .with_help("`kitc check` and `kitc compile` work for it all the same")
}

/// Whether clusters on this provider are simulated.
#[must_use]
pub fn is_simulated(provider: &str) -> bool {
    provider == simulated::PROVIDER
}

/// The place of the cluster of `graph`, as [`make_site`] gives it; none where it was never made. Nothing is made.
///
/// # Errors
/// As [`make_site`].
pub fn site_of(graph: &Graph, clusters: &Path) -> Result<Option<Arc<dyn Site>>, OperatorError> {
    match graph.cluster.provider.kind.as_str() {
        // Whether it was made its Engine knows.
        docker::PROVIDER => Ok(Some(Arc::new(DockerSite::of(graph, clusters)?))),
        simulated::PROVIDER if !kind_of(&graph.cluster.name, clusters).is_some_and(Kind::is_simulated) => Ok(None),
        _ => make_site(graph, clusters).map(Some),
    }
}

/// The place of the cluster of `graph`; `clusters` is where clusters are kept on this machine. A simulated cloud that is
/// not there yet is made.
///
/// # Errors
/// When the provider is not served by this kitc, or cannot be used.
pub fn make_site(graph: &Graph, clusters: &Path) -> Result<Arc<dyn Site>, OperatorError> {
    let provider = &graph.cluster.provider;
    serve(&provider.kind)?;
    if provider.kind == docker::PROVIDER {
        let site = DockerSite::of(graph, clusters)?;
        site.keep(provider)?;
        return Ok(Arc::new(site));
    }
    Ok(Arc::new(simulated::make(graph, clusters)?))
}

/// The place of the cluster that is named, or of the only one that is kept here.
///
/// # Errors
/// When there is none, there are several, or its place cannot be used.
pub fn find_site(cluster: Option<&str>, clusters: &Path) -> Result<Arc<dyn Site>, OperatorError> {
    let (name, kind) = named(cluster, clusters, kept_in(clusters)?)?;
    Ok(match kind {
        Kind::Simulated => Arc::new(simulated::kept(&name, clusters)?),
        Kind::Docker => Arc::new(DockerSite::kept(&name, clusters)?),
    })
}

/// The simulated cluster that is named, or the only one.
///
/// # Errors
/// As [`find_site`].
pub fn find_simulated(cluster: Option<&str>, clusters: &Path) -> Result<SimulatedSite, OperatorError> {
    let kept = kept_in(clusters)?.into_iter().filter(|(_, kind)| kind.is_simulated()).collect();
    simulated::kept(&named(cluster, clusters, kept)?.0, clusters)
}

/// What a cluster that is kept here stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Simulated,
    Docker,
}

impl Kind {
    fn is_simulated(self) -> bool {
        self == Self::Simulated
    }
}

fn kind_of(cluster: &str, clusters: &Path) -> Option<Kind> {
    kind_in(&clusters.join(file_name::of(cluster)))
}

fn kind_in(directory: &Path) -> Option<Kind> {
    match () {
        () if directory.join(simulated::KEPT).is_file() => Some(Kind::Simulated),
        () if directory.join(docker::KEPT).is_file() => Some(Kind::Docker),
        () => None,
    }
}

/// The clusters that are kept in `clusters`, by name.
fn kept_in(clusters: &Path) -> Result<Vec<(String, Kind)>, OperatorError> {
    let entries = match fs::read_dir(clusters) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(OperatorError::new(codes::STATE_UNREADABLE, format!("{}: {error}", clusters.display())));
        }
    };
    let mut kept: Vec<(String, Kind)> = entries
        .flatten()
        .filter_map(|entry| Some((file_name::text_of(entry.file_name().to_str()?)?, kind_in(&entry.path())?)))
        .collect();
    kept.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(kept)
}

/// The one that is named, or the only one.
fn named(
    cluster: Option<&str>,
    clusters: &Path,
    mut kept: Vec<(String, Kind)>,
) -> Result<(String, Kind), OperatorError> {
    let no_cluster = |message: String| OperatorError::new(codes::NO_CLUSTER, message);
    let names = |kept: &[(String, Kind)]| kept.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(cluster) = cluster {
        if let Some(at) = kept.iter().position(|(name, _)| name == cluster) {
            return Ok(kept.swap_remove(at));
        }
        let error = no_cluster(format!("no cluster named {cluster} is kept in {}", clusters.display()));
        return Err(match kept.as_slice() {
            [] => error.with_help("`kitc apply FILE` makes one; `--state-dir` names another place"),
            kept => error.with_help(format!("there are: {}", names(kept))),
        });
    }
    match kept.as_slice() {
        [_] => Ok(kept.swap_remove(0)),
        [] => Err(no_cluster(format!("no cluster is kept in {}", clusters.display()))
            .with_help("name its file; or run `kitc apply FILE` first; `--state-dir` names another place")),
        several => Err(OperatorError::new(
            codes::MANY_CLUSTERS,
            format!("several clusters are kept in {}: {}", clusters.display(), names(several)),
        )
        .with_help("say which: --cluster NAME")),
    }
}
