//! The cluster under test, and the revisions of it that an operator may commit in the middle of a run.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use kit_graph::{Cluster, FORMAT_VERSION, Graph, Group, Instance, Member, Population, Properties, Resource, Value};
use kit_model::{Address, Role, Spec};

/// The most machines that a subject may have: what the planner's figures are stated for.
pub const MAX_MACHINES: usize = 10_000;

/// Up to so many machines the slots are followed in each listing as well: larger clusters are there for their
/// figures.
const MAX_WATCHED: usize = 100;

/// A cluster as its file describes it.
#[derive(Debug, Clone)]
pub struct Subject {
    graph: Arc<Graph>,
    spec: Arc<Spec>,
    /// True if the file is written for another provider and the simulated one stands in for it.
    substituted: bool,
    /// Members and slots whose presence in listings is followed.
    watched: Arc<[Address]>,
}

/// Why a graph cannot be simulated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubjectError {
    /// The runtime does not understand it.
    Spec(String),
    /// It has no group that leads, so there is nothing that could repair it.
    NoLeader,
    /// More than [`MAX_MACHINES`].
    TooLarge(usize),
}

impl fmt::Display for SubjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec(why) => write!(f, "the runtime cannot apply this cluster: {why}"),
            Self::NoLeader => {
                write!(f, "the cluster names no group that leads (`leader = managers`): nothing would repair it")
            }
            Self::TooLarge(machines) => {
                write!(f, "the cluster has {machines} machines; the simulation takes at most {MAX_MACHINES}")
            }
        }
    }
}

impl std::error::Error for SubjectError {}

/// What an operator may change in the middle of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edition {
    /// How often the machines' image was changed.
    pub(crate) image: u32,
    /// How often the number of workers was changed.
    pub(crate) scale: u32,
}

impl Edition {
    /// The file as it stands.
    pub(crate) const FIRST: Self = Self { image: 0, scale: 0 };
}

impl Subject {
    /// A subject of a compiled file.
    ///
    /// # Errors
    /// When the runtime could not apply it, or it is too large.
    pub fn new(graph: Graph) -> Result<Self, SubjectError> {
        let machines: usize = graph.groups.iter().map(Group::count).sum();
        if machines > MAX_MACHINES {
            return Err(SubjectError::TooLarge(machines));
        }
        let substituted = !graph.cluster.provider.kind.starts_with("sim.");
        let graph = if substituted { on_the_simulated_cloud(graph) } else { graph };
        let spec = Spec::from_graph(&graph).map_err(|error| SubjectError::Spec(error.to_string()))?;
        if spec.leader_group().is_none_or(|group| group.members.is_empty()) {
            return Err(SubjectError::NoLeader);
        }
        let mut subject = Self { graph: Arc::new(graph), spec: Arc::new(spec), substituted, watched: Arc::from([]) };
        let mut watched = subject.managers().to_vec();
        if machines <= MAX_WATCHED {
            watched.extend(subject.others());
            // Those too that a larger edition adds.
            let larger = subject.edition(Edition { image: 0, scale: 1 });
            let slots = larger.groups.values().filter(|group| group.members.is_empty());
            let added = slots.flat_map(|group| (1..=group.count).map(|slot| Address::of_slot(&group.name, slot)));
            let added: Vec<Address> = added.filter(|address| !watched.contains(address)).collect();
            watched.extend(added);
        }
        subject.watched = watched.into();
        Ok(subject)
    }

    /// A cluster of so many managers and workers, as the examples have them.
    ///
    /// # Errors
    /// When there are more than [`MAX_MACHINES`], or no manager.
    pub fn of_size(managers: u32, workers: u32) -> Result<Self, SubjectError> {
        let instance = |kind: &str, fields: &[(&str, Value)]| Instance {
            kind: kind.to_owned(),
            properties: fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        };
        let text = |text: &str| Value::String(text.to_owned());
        let machine = instance(
            "sim.Machine",
            &[("image", text("debian-12")), ("type", text("small")), ("network", Value::Ref("net".to_owned()))],
        );
        let members = (1..=managers)
            .map(|n| Member {
                id: format!("m{n}"),
                ip: Some(format!("10.0.16.{}", 100 + n)),
                volume: Some(Arc::new(Properties::from([("size".to_owned(), text("20GiB"))]))),
                machine: Properties::new(),
            })
            .collect();
        let group = |name: &str, role: Instance, population| Group {
            name: name.to_owned(),
            role,
            machine: machine.clone(),
            depends_on: vec!["net".to_owned()],
            population,
        };
        let mut graph = Graph {
            version: FORMAT_VERSION,
            hash: String::new(),
            cluster: Cluster {
                name: "demo".to_owned(),
                provider: instance("sim.Provider", &[("region", text("sim-1"))]),
                leader: Some("managers".to_owned()),
            },
            resources: vec![Resource {
                address: "net".to_owned(),
                kind: "sim.Network".to_owned(),
                properties: Properties::from([
                    ("cidr".to_owned(), text("10.0.0.0/16")),
                    ("subnet".to_owned(), text("10.0.16.0/20")),
                ]),
                depends_on: Vec::new(),
            }],
            groups: vec![group("managers", instance("swarm.Manager", &[]), Population::Members(members))],
            outputs: BTreeMap::new(),
            lookups: BTreeMap::new(),
            fingerprints: BTreeMap::new(),
            provenance: BTreeMap::new(),
        };
        if workers > 0 {
            graph.groups.push(group("workers", instance("swarm.Worker", &[]), Population::Count(workers)));
        }
        graph.hash = graph.content_hash();
        Self::new(graph)
    }

    /// The compiled file.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What it asks for.
    #[must_use]
    pub fn spec(&self) -> &Arc<Spec> {
        &self.spec
    }

    /// True if the file is written for another provider and the simulated one stands in for it.
    #[must_use]
    pub const fn is_substituted(&self) -> bool {
        self.substituted
    }

    /// The members of the group that leads, in the order of the file.
    pub(crate) fn managers(&self) -> &[Address] {
        self.spec.leader_group().map_or(&[], |group| &group.members)
    }

    /// Members and slots whose presence in listings is followed.
    pub(crate) fn watched(&self) -> &[Address] {
        &self.watched
    }

    /// The slots and members of all other groups, as the file has them.
    pub(crate) fn others(&self) -> Vec<Address> {
        let leader = self.spec.leader.as_deref();
        self.spec
            .groups
            .values()
            .filter(|group| Some(group.name.as_str()) != leader)
            .flat_map(|group| {
                let slots = 1..=if group.members.is_empty() { group.count } else { 0 };
                group.members.iter().cloned().chain(slots.map(|slot| Address::of_slot(&group.name, slot)))
            })
            .collect()
    }

    /// The spec with an operator's changes.
    pub(crate) fn edition(&self, edition: Edition) -> Arc<Spec> {
        if edition == Edition::FIRST {
            return Arc::clone(&self.spec);
        }
        let mut graph = Graph::clone(&self.graph);
        for group in &mut graph.groups {
            if edition.image > 0 {
                let image = format!("{}-edition-{}", image_of(&group.machine), edition.image + 1);
                group.machine.properties.insert("image".to_owned(), Value::String(image));
            }
            if let Population::Count(count) = &mut group.population {
                *count = scaled(*count, edition.scale);
            }
        }
        graph.hash = graph.content_hash();
        // What was a spec with another image and count is one with this.
        Spec::from_graph(&graph).map_or_else(|_| Arc::clone(&self.spec), Arc::new)
    }

    /// True if a change of the number of workers changes anything.
    pub(crate) fn can_scale(&self) -> bool {
        self.spec.groups.values().any(|group| group.members.is_empty() && group.role != Role::Manager)
    }
}

/// Up by two, down to one less than the file says, to none, and back.
fn scaled(count: u32, times: u32) -> u32 {
    match times % 4 {
        0 => count,
        1 => count + 2,
        2 => count.saturating_sub(1),
        _ => 0,
    }
}

fn image_of(machine: &Instance) -> &str {
    machine.properties.get("image").and_then(Value::as_str).unwrap_or("image")
}

/// The same groups, members and addresses on the simulated cloud: a rehearsal of what the reconciler does,
/// not of what EC2 or Docker do.
fn on_the_simulated_cloud(mut graph: Graph) -> Graph {
    graph.cluster.provider = Instance {
        kind: "sim.Provider".to_owned(),
        properties: Properties::from([("region".to_owned(), Value::String("sim-1".to_owned()))]),
    };
    graph.hash = graph.content_hash();
    graph
}

#[cfg(test)]
mod tests {
    use super::{Edition, Subject, SubjectError};

    #[test]
    fn editions_differ_in_what_they_say() {
        let subject = Subject::of_size(3, 2).expect("a subject");
        let first = subject.edition(Edition::FIRST);
        let rolled = subject.edition(Edition { image: 1, scale: 0 });
        let scaled = subject.edition(Edition { image: 0, scale: 1 });
        assert_ne!(first.groups["workers"].content, rolled.groups["workers"].content);
        assert_eq!(first.groups["workers"].content, scaled.groups["workers"].content);
        assert_eq!(scaled.groups["workers"].count, 4);
        assert_eq!(subject.edition(Edition { image: 0, scale: 3 }).groups["workers"].count, 0);
        assert!(first.revision != rolled.revision && first.revision != scaled.revision);
        assert_eq!(subject.managers().len(), 3);
        assert_eq!(subject.others().len(), 2);
    }

    #[test]
    fn what_cannot_be_simulated_is_refused() {
        assert_eq!(Subject::of_size(0, 3).map(|_| ()), Err(SubjectError::NoLeader));
        assert_eq!(Subject::of_size(3, 20_000).map(|_| ()), Err(SubjectError::TooLarge(20_003)));
    }
}
