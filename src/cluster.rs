//! Which cluster a command is about, and what all commands about clusters share.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use kit_graph::{ClusterKey, Graph, SecretText};
use kit_lang::Code;
pub(crate) use kit_runtime::short;
use kit_runtime::{BOOT_DOCUMENT, Operator, OperatorError, Revision, SimulatedSite};

use crate::codes;
use crate::compile::Input;
use crate::console::Console;
use crate::failure::{CodedFailure, Failure};
use crate::given::Given;
use crate::lookups::Pinned;
use crate::through_manager::{ThroughManager, aside};

/// Where clusters are kept on this machine, if nobody says otherwise.
const STATE_DIRECTORY: &str = ".kit/sim";

/// The variable of the environment that says otherwise.
const STATE_DIRECTORY_VARIABLE: &str = "KIT_SIM_DIR";

/// Where clusters are kept, for a verb that has no flag for it.
pub(crate) fn kept_by_default() -> PathBuf {
    std::env::var_os(STATE_DIRECTORY_VARIABLE).map_or_else(|| STATE_DIRECTORY.into(), PathBuf::from)
}

/// What becomes of the answers that the committed revision was made with.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Refresh {
    /// Ask all lookups anew, instead of keeping the answers of the committed revision
    #[arg(long)]
    refresh: bool,
}

impl Refresh {
    /// What becomes of them.
    pub(crate) fn pinned(self) -> Pinned {
        if self.refresh { Pinned::Refreshed } else { Pinned::Kept }
    }
}

/// Where the cluster stands.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The cluster's name, where its file is not given; not needed if there is only one
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,

    /// Where clusters are kept on this machine, each in a directory of its name
    #[arg(long, value_name = "DIR", env = STATE_DIRECTORY_VARIABLE, default_value = STATE_DIRECTORY, hide_env_values = true)]
    state_dir: PathBuf,

    /// The key of a cluster that has none yet: it is kept with the first change.
    #[arg(skip)]
    new_key: OnceCell<ClusterKey>,

    /// Reach the cluster through this manager: ssh carries the socket of its Docker Engine here
    #[arg(long, value_name = "ssh://USER@MANAGER")]
    via: Option<String>,

    /// The manager that everything goes through, once it was looked for.
    #[arg(skip)]
    manager: ThroughManager,
}

/// A cluster that is named by its file, or else by its place.
#[derive(Debug, Args)]
pub(crate) struct AnyCluster {
    /// The cluster's file; not needed if only one cluster is kept here
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    #[command(flatten)]
    given: Given,

    #[command(flatten)]
    place: Place,
}

impl Place {
    /// The operator at the cluster of `graph`, whose place is made if there is none.
    pub(crate) fn make(&self, graph: &Graph) -> Result<Operator, Failure> {
        self.same(graph)?;
        if let Some(operator) = self.through_manager(graph)? {
            self.keep_key(graph)?;
            return Ok(operator);
        }
        let operator = Operator::new(kit_runtime::make_site(graph, &self.state_dir)?);
        self.keep_key(graph)?;
        Ok(operator)
    }

    /// The graph with the fingerprints of its secrets, so that another secret is another revision.
    pub(crate) fn with_fingerprints(
        &self,
        graph: Graph,
        secrets: &BTreeMap<String, SecretText>,
    ) -> Result<Graph, Failure> {
        let names = graph.secrets();
        if names.is_empty() {
            return Ok(graph);
        }
        let cluster = &graph.cluster.name;
        let manager = self.through_manager(&graph)?;
        let kept = match &manager {
            Some(operator) => block_on(async { Ok(operator.site.swarm_key().await?) })?,
            None => self.kept_key(&graph)?,
        };
        let mut before = BTreeMap::new();
        if kept.is_some() && names.iter().any(|name| !secrets.contains_key(*name)) {
            let operator = match manager {
                Some(operator) => operator,
                None => Operator::new(kit_runtime::find_site(Some(cluster), &self.state_dir)?),
            };
            // A cluster that does not answer is heard of from the change itself.
            before = block_on(async { Ok(operator.committed_graph().await?.1.fingerprints) }).unwrap_or_default();
        }
        let key = match kept {
            Some(kept) => kept,
            None => {
                let new = kit_runtime::new_key()?;
                self.new_key.get_or_init(|| new).clone()
            }
        };
        Ok(graph.with_fingerprints(&key, secrets, &before))
    }

    /// The key of the cluster of `graph` that is kept here; or else, on real machines, in its Swarm.
    fn kept_key(&self, graph: &Graph) -> Result<Option<ClusterKey>, Failure> {
        match kit_runtime::key_of(&graph.cluster.name, &self.state_dir)? {
            Some(key) => Ok(Some(key)),
            None => match kit_runtime::site_of(graph, &self.state_dir)? {
                Some(site) => aside(|| block_on(async { Ok(site.swarm_key().await?) })),
                None => Ok(None),
            },
        }
    }

    /// Gives the key that is kept here to the cluster's Swarm, once that is formed: on its machines the same secrets have
    /// the same fingerprints.
    pub(crate) async fn share_key(&self, operator: &Operator) -> Result<(), OperatorError> {
        match kit_runtime::key_of(operator.site.cluster(), &self.state_dir)? {
            Some(key) if operator.site.goes_through().is_none() => operator.site.keep_swarm_key(&key).await,
            _ => Ok(()),
        }
    }

    /// Keeps the key that the fingerprints of `graph` were made with, before the graph is given to anybody.
    pub(crate) fn keep_key(&self, graph: &Graph) -> Result<(), Failure> {
        let Some(key) = self.new_key.get() else { return Ok(()) };
        match self.through_manager(graph)? {
            Some(operator) => aside(|| block_on(async { Ok(operator.site.keep_swarm_key(key).await?) })),
            None => Ok(kit_runtime::keep_key(&graph.cluster.name, &self.state_dir, key)?),
        }
    }

    /// The operator at the cluster of `graph`; none where the cluster has no place yet.
    pub(crate) fn of_graph(&self, graph: &Graph) -> Result<Option<Operator>, Failure> {
        self.same(graph)?;
        if let Some(operator) = self.through_manager(graph)? {
            return Ok(Some(operator));
        }
        Ok(kit_runtime::site_of(graph, &self.state_dir)?.map(Operator::new))
    }

    /// The operator at the cluster of `graph`, which must have a place.
    pub(crate) fn existing(&self, graph: &Graph) -> Result<Operator, Failure> {
        self.of_graph(graph)?.ok_or_else(|| {
            let name = &graph.cluster.name;
            Failure::new(Code(kit_runtime::codes::NO_CLUSTER), format!("the cluster {name} was never applied here"))
                .with_help("`kitc apply FILE` makes it; `--state-dir` names another place")
        })
    }

    /// The name of the cluster: the one that is named, that of the file, or of the only one that is kept here.
    pub(crate) fn name(&self, of_file: Option<String>) -> Result<String, Failure> {
        match (&self.cluster, of_file) {
            (Some(named), Some(of_file)) if *named != of_file => Err(Failure::wrong_usage(
                codes::WRONG_CLUSTER,
                format!("the file is of the cluster {of_file}, and --cluster names {named}"),
            )),
            (Some(name), _) => Ok(name.clone()),
            (None, Some(name)) => Ok(name),
            (None, None) => Ok(self.operator()?.site.cluster().to_owned()),
        }
    }

    /// Where clusters are kept.
    pub(crate) fn clusters(&self) -> &Path {
        &self.state_dir
    }

    fn same(&self, graph: &Graph) -> Result<(), Failure> {
        match self.cluster.as_ref().filter(|name| **name != graph.cluster.name) {
            None => Ok(()),
            Some(name) => Err(Failure::wrong_usage(
                codes::WRONG_CLUSTER,
                format!("the file is of the cluster {}, and --cluster names {name}", graph.cluster.name),
            )),
        }
    }

    /// The operator at the cluster that is named, or at the only one.
    pub(crate) fn operator(&self) -> Result<Operator, Failure> {
        if self.via.is_some()
            && let Some(operator) = self.manager()?
        {
            return Ok(operator);
        }
        match kit_runtime::find_site(self.cluster.as_deref(), &self.state_dir) {
            Ok(site) => Ok(Operator::new(site)),
            Err(error) if error.code == kit_runtime::codes::NO_CLUSTER => self.manager()?.ok_or_else(|| error.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Refuses a provider on which no cluster can be run from here.
    pub(crate) fn serve(&self, provider: &str) -> Result<(), Failure> {
        match kit_runtime::serve(provider) {
            Ok(()) if kit_runtime::is_simulated(provider) => self.no_way_into_a_simulation(),
            // Looked for now: what the committed revision has fixed is asked for through it.
            Ok(()) => self.manager().map(|_| ()),
            Err(_) if self.manager()?.is_some() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The operator that goes through a manager: the one that is named, or else this machine, if it is one.
    pub(crate) fn manager(&self) -> Result<Option<Operator>, Failure> {
        self.manager.look(self.via.as_deref(), self.cluster.as_deref())
    }

    /// The same, where it is named or was looked for already.
    pub(crate) fn manager_if_looked(&self) -> Result<Option<Operator>, Failure> {
        if self.via.is_some() { self.manager() } else { Ok(self.manager.known()) }
    }

    fn no_way_into_a_simulation(&self) -> Result<(), Failure> {
        self.via.as_ref().map_or(Ok(()), |via| {
            let why = format!("the file is of a simulated cluster, and {via} is a real machine");
            Err(Failure::wrong_usage(codes::WRONG_CLUSTER, why))
        })
    }

    fn through_manager(&self, graph: &Graph) -> Result<Option<Operator>, Failure> {
        let provider = &graph.cluster.provider.kind;
        if kit_runtime::is_simulated(provider) {
            return self.no_way_into_a_simulation().map(|()| None);
        }
        let Some(operator) = self.manager()? else { return Ok(None) };
        let (there, name) = (operator.site.cluster(), &graph.cluster.name);
        // What stands here may hold the machines of one cluster and be a manager of another one.
        let by_chance =
            self.via.is_none() && kit_runtime::serve(provider).is_ok() && !Path::new(BOOT_DOCUMENT).exists();
        if there != name && by_chance {
            return Ok(None);
        }
        if there != name {
            return Err(Failure::wrong_usage(
                codes::WRONG_CLUSTER,
                format!("the file is of the cluster {name}, and the manager is one of {there}"),
            ));
        }
        Ok(Some(operator))
    }

    /// The simulated cluster that is named, or the only one.
    pub(crate) fn simulated(&self) -> Result<SimulatedSite, Failure> {
        Ok(kit_runtime::find_simulated(self.cluster.as_deref(), &self.state_dir)?)
    }

    /// Refuses a pace that a simulated cloud which is there does not go at.
    pub(crate) fn check_pace(&self, graph: &Graph, pace: u32) -> Result<(), Failure> {
        Ok(kit_runtime::check_pace(graph, &self.state_dir, pace)?)
    }

    /// Sets how fast a simulated cloud goes that is not there yet.
    pub(crate) fn set_pace(&self, graph: &Graph, pace: u32) -> Result<(), Failure> {
        Ok(kit_runtime::set_pace(graph, &self.state_dir, pace)?)
    }
}

impl AnyCluster {
    /// The operator, and the revision of the file if one was given.
    pub(crate) fn open(self, console: &mut Console) -> Result<(Operator, Option<Revision>), Failure> {
        match self.file {
            Some(file) => {
                let graph = Input::new(file, self.given).served_graph(&self.place, Pinned::Kept, console)?;
                Ok((self.place.existing(&graph)?, Some(Revision::of(&graph)?)))
            }
            None => Ok((self.place.operator()?, None)),
        }
    }
}

impl From<OperatorError> for Failure {
    fn from(error: OperatorError) -> Failure {
        let mut coded = CodedFailure::new(Code(error.code), error.message);
        coded.causes = error.causes;
        let failure = Failure::Coded(coded);
        match error.help {
            Some(help) => failure.with_help(help),
            None => failure,
        }
    }
}

/// Runs to the end on this thread: a replica that idles needs no other.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Failure::new(Code(kit_runtime::codes::STATE_UNREADABLE), format!("the event loop cannot be made: {error}"))
    })?;
    let done = runtime.block_on(work);
    // A call that hangs must not keep a command that has its answer.
    runtime.shutdown_background();
    done
}
