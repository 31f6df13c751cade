//! What a graph asks for, in the runtime's terms.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use kit_graph::{Graph, Instance, Population, Properties, Value, parse_duration_ms, parse_percent};

use crate::identity::{Address, ContentHash, RevisionId};

/// Fingerprints of secrets, by their names.
type Fingerprints = BTreeMap<String, String>;

/// What is to be true, made once from each revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The cluster's name.
    pub cluster: String,
    /// The revision that this is.
    pub revision: RevisionId,
    /// The provider's settings.
    pub provider: Instance,
    /// The group whose members lead.
    pub leader: Option<String>,
    /// Declared resources, each after those that it depends on.
    pub resources: Vec<ResourceSpec>,
    /// Groups by name.
    pub groups: BTreeMap<String, GroupSpec>,
    /// Pinned members by address.
    pub members: BTreeMap<Address, MemberSpec>,
}

/// A declared resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceSpec {
    /// Its address.
    pub address: Address,
    /// Its type and fields.
    pub instance: Arc<Instance>,
    /// The hash of both.
    pub content: ContentHash,
    /// What must exist before it.
    pub depends_on: Vec<Address>,
}

/// What a group's machines are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Voters of the Swarm.
    Manager,
    /// Workers of the Swarm.
    Worker,
    /// Machines that Kit keeps and that join nothing.
    Plain,
}

/// So many, or such a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// So many.
    Count(u32),
    /// A share of the group, in percent, rounded down but never to less than one.
    Percent(u32),
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSpec {
    /// Its name.
    pub name: String,
    /// What its machines are for.
    pub role: Role,
    /// The machine that each begins from.
    pub machine: Arc<Instance>,
    /// The hash of what reaches a machine without a name.
    pub content: ContentHash,
    /// How many machines it has.
    pub count: u32,
    /// Its pinned members in the order of the file; empty for a group with a count.
    pub members: Vec<Address>,
    /// How many may be missing at once in an update.
    pub max_unavailable: Amount,
    /// How long a drained node may take to give its tasks away.
    pub drain_ms: u64,
    /// How long a node may be down before it is repaired.
    pub grace_ms: u64,
    /// Labels of its nodes in the Swarm.
    pub labels: BTreeMap<String, String>,
}

/// A pinned member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberSpec {
    /// Its address.
    pub address: Address,
    /// Its group.
    pub group: String,
    /// Its private address, for life.
    pub ip: Option<IpAddr>,
    /// Its volume's fields, for life; none where the role keeps no state.
    pub volume: Option<Arc<Properties>>,
    /// Its machine: the group's, with its own fields over it.
    pub machine: Arc<Instance>,
    /// The hash of what reaches its machine.
    pub content: ContentHash,
}

/// Why a graph cannot be applied by this runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecError {
    /// The group or member it is about.
    pub address: String,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.why)
    }
}

impl std::error::Error for SpecError {}

/// How long a drained node may take to give its tasks away, where the group does not say: longer than the
/// usual stop grace of services, short enough that a roll goes on.
const DRAIN_MS: u64 = 300_000;
/// How long a manager may be down before it is repaired: each minute is a minute with one voter less.
const MANAGER_GRACE_MS: u64 = 60_000;
/// How long a worker may be down before it is repaired: its tasks run elsewhere meanwhile.
const WORKER_GRACE_MS: u64 = 300_000;

impl Amount {
    /// How many of `total` that is.
    #[must_use]
    pub fn of(self, total: u32) -> u32 {
        match self {
            Self::Count(count) => count.min(total),
            Self::Percent(percent) => {
                let share = u64::from(total) * u64::from(percent) / 100;
                u32::try_from(share).unwrap_or(u32::MAX).max(u32::from(percent > 0))
            }
        }
    }
}

impl Spec {
    /// Reads a graph.
    ///
    /// # Errors
    /// When a role is unknown to this runtime or a value has a shape that the standard library rules out.
    pub fn from_graph(graph: &Graph) -> Result<Self, SpecError> {
        let resources = graph
            .resources
            .iter()
            .map(|resource| {
                let instance = Instance { kind: resource.kind.clone(), properties: resource.properties.clone() };
                Ok(ResourceSpec {
                    address: Address::from(resource.address.as_str()),
                    content: content_of(&instance, &graph.fingerprints, &resource.address)?,
                    instance: Arc::new(instance),
                    depends_on: resource.depends_on.iter().map(|address| Address::from(address.as_str())).collect(),
                })
            })
            .collect::<Result<_, SpecError>>()?;
        let mut groups = BTreeMap::new();
        let mut members = BTreeMap::new();
        for group in &graph.groups {
            let spec = group_of(group, &graph.fingerprints, &mut members)?;
            if spec.role == Role::Manager && graph.cluster.leader.as_deref() != Some(group.name.as_str()) {
                // A voter without a replica beside it may be elected, and then nobody acts any more.
                let why = "its members vote in the Swarm, so it must be the group that leads: there is one".to_owned();
                return Err(SpecError { address: group.name.clone(), why });
            }
            groups.insert(group.name.clone(), spec);
        }
        Ok(Self {
            cluster: graph.cluster.name.clone(),
            revision: RevisionId::new(graph.hash.as_str()),
            provider: graph.cluster.provider.clone(),
            leader: graph.cluster.leader.clone(),
            resources,
            groups,
            members,
        })
    }

    /// The group that leads.
    #[must_use]
    pub fn leader_group(&self) -> Option<&GroupSpec> {
        self.leader.as_ref().and_then(|name| self.groups.get(name))
    }

    /// The private addresses of the group that leads, in the order of the file.
    #[must_use]
    pub fn manager_ips(&self) -> Vec<IpAddr> {
        self.leader_group()
            .map(|group| group.members.iter().filter_map(|address| self.members.get(address)?.ip).collect())
            .unwrap_or_default()
    }

    /// The member that begins the Swarm: the first of the group that leads.
    #[must_use]
    pub fn seed(&self) -> Option<&MemberSpec> {
        self.leader_group().and_then(|group| group.members.first()).and_then(|address| self.members.get(address))
    }

    /// The group that `address` belongs to, as a member or a slot.
    #[must_use]
    pub fn group_of(&self, address: &Address) -> Option<&GroupSpec> {
        self.groups.get(address.group())
    }

    /// The content that the machine of `address` should have been made from; none if the spec has no such
    /// member or slot.
    #[must_use]
    pub fn content_of(&self, address: &Address) -> Option<&ContentHash> {
        if let Some(member) = self.members.get(address) {
            return Some(&member.content);
        }
        let group = self.group_of(address)?;
        let slot = address.slot()?;
        (group.members.is_empty() && slot >= 1 && slot <= group.count).then_some(&group.content)
    }
}

/// The hash of what reaches a machine. IP and volume are not in it: they are the member's for life, and a
/// change of them is refused, not rolled.
///
/// Fields that cannot be written would make all such machines alike: that is an error.
fn content_of(instance: &Instance, fingerprints: &Fingerprints, address: &str) -> Result<ContentHash, SpecError> {
    let fields = serde_json::to_vec(&instance.properties).map_err(|wrong| SpecError {
        address: address.to_owned(),
        why: format!("its fields cannot be hashed: {wrong}"),
    })?;
    // Machines bear this hash: without secrets it is what it was before there were fingerprints.
    let secrets = secrets_of(&instance.properties, fingerprints);
    Ok(ContentHash::of(&[instance.kind.as_bytes(), &fields, secrets.as_bytes()]))
}

/// What is known of the secrets that stand in some fields; nothing where there are none.
fn secrets_of(properties: &Properties, fingerprints: &Fingerprints) -> String {
    // Most graphs have none, and a group may have thousands of members.
    if fingerprints.is_empty() {
        return String::new();
    }
    let mut names = BTreeSet::new();
    kit_graph::secrets_in(properties, &mut names);
    let known = names.into_iter().filter_map(|name| fingerprints.get(name));
    known.fold(String::new(), |all, one| all + one + "\n")
}

fn group_of(
    group: &kit_graph::Group,
    fingerprints: &Fingerprints,
    members: &mut BTreeMap<Address, MemberSpec>,
) -> Result<GroupSpec, SpecError> {
    let error = |why: String| SpecError { address: group.name.clone(), why };
    let role = match group.role.kind.as_str() {
        "swarm.Manager" => Role::Manager,
        "swarm.Worker" => Role::Worker,
        "plain.Node" => Role::Plain,
        other => return Err(error(format!("this kitc knows no role \"{other}\""))),
    };
    let fields = &group.role.properties;
    let update = fields.get("update");
    let max_unavailable = match update.and_then(|update| update.get("max_unavailable")) {
        None => Amount::Percent(25),
        Some(Value::Int(count)) => {
            Amount::Count(u32::try_from(*count).map_err(|_| error("max_unavailable is out of range".to_owned()))?)
        }
        Some(Value::String(text)) => {
            Amount::Percent(parse_percent(text).map_err(|wrong| error(format!("max_unavailable: {wrong}")))?)
        }
        Some(_) => return Err(error("max_unavailable is neither a number nor a percentage".to_owned())),
    };
    let duration = |value: Option<&Value>, name: &str, default: u64| match value {
        None | Some(Value::Null) => Ok(default),
        Some(value) => value
            .as_str()
            .ok_or_else(|| error(format!("{name} is no duration")))
            .and_then(|text| parse_duration_ms(text).map_err(|wrong| error(format!("{name}: {wrong}")))),
    };
    let default_grace = if role == Role::Manager { MANAGER_GRACE_MS } else { WORKER_GRACE_MS };
    let mut addresses = Vec::with_capacity(group.members().len());
    // Members whose machines are the group's own share it: most of 10,000 do.
    let shared = Arc::new(group.machine.clone());
    let shared_content = content_of(&shared, fingerprints, &group.name)?;
    for member in group.members() {
        let address = Address::new(format!("{}.{}", group.name, member.id));
        let ip = member
            .ip
            .as_ref()
            .map(|text| {
                text.parse().map_err(|_| SpecError {
                    address: address.to_string(),
                    why: format!("\"{text}\" is no IP address"),
                })
            })
            .transpose()?;
        let (machine, content) = if member.machine.is_empty() {
            (Arc::clone(&shared), shared_content.clone())
        } else {
            let mut machine = group.machine.clone();
            machine.properties.extend(member.machine.iter().map(|(name, value)| (name.clone(), value.clone())));
            let content = content_of(&machine, fingerprints, address.as_str())?;
            (Arc::new(machine), content)
        };
        addresses.push(address.clone());
        members.insert(
            address.clone(),
            MemberSpec { address, group: group.name.clone(), ip, volume: member.volume.clone(), machine, content },
        );
    }
    let labels = match fields.get("labels") {
        None | Some(Value::Null) => BTreeMap::new(),
        Some(Value::Map(labels)) => labels
            .iter()
            .map(|(name, value)| match value {
                Value::String(text) => Ok((name.clone(), text.clone())),
                _ => Err(error(format!("the label \"{name}\" is no text"))),
            })
            .collect::<Result<_, SpecError>>()?,
        Some(_) => return Err(error("labels are no map".to_owned())),
    };
    let count = match &group.population {
        Population::Members(members) => u32::try_from(members.len()).unwrap_or(u32::MAX),
        Population::Count(count) => *count,
    };
    Ok(GroupSpec {
        name: group.name.clone(),
        role,
        content: shared_content,
        machine: shared,
        count,
        members: addresses,
        max_unavailable,
        drain_ms: duration(update.and_then(|update| update.get("drain")), "drain", DRAIN_MS)?,
        grace_ms: duration(fields.get("grace"), "grace", default_grace)?,
        labels,
    })
}

#[cfg(test)]
mod tests {
    use kit_graph::{Group, Properties};

    use super::*;

    fn workers(labels: Value) -> Result<GroupSpec, SpecError> {
        let mut properties = Properties::new();
        properties.insert("labels".to_owned(), labels);
        let group = Group {
            name: "workers".to_owned(),
            role: Instance { kind: "swarm.Worker".to_owned(), properties },
            machine: Instance { kind: "sim.Machine".to_owned(), properties: Properties::new() },
            population: Population::Count(1),
            depends_on: Vec::new(),
        };
        group_of(&group, &Fingerprints::new(), &mut BTreeMap::new())
    }

    #[test]
    fn a_label_that_is_no_text_is_refused_and_not_dropped() {
        let with = |value: Value| Value::Map([("rack".to_owned(), value)].into_iter().collect());
        let good = workers(with(Value::String("a".to_owned()))).map(|group| group.labels);
        assert_eq!(good, Ok([("rack".to_owned(), "a".to_owned())].into_iter().collect()));
        let number = workers(with(Value::Int(3))).map_err(|error| error.to_string());
        assert!(number.as_ref().is_err_and(|why| why.contains("\"rack\" is no text")), "{number:?}");
        assert!(workers(Value::Int(3)).is_err());
    }

    #[test]
    fn the_content_of_a_machine_is_what_it_always_was() {
        let machine = Instance { kind: "sim.Machine".to_owned(), properties: Properties::new() };
        let content = |fingerprints: &Fingerprints| content_of(&machine, fingerprints, "workers");
        let before = Ok(ContentHash::of(&[b"sim.Machine", b"{}", b""]));
        assert_eq!(content(&Fingerprints::new()), before);
        // A secret that does not reach it changes nothing.
        assert_eq!(content(&Fingerprints::from([("token".to_owned(), "01".to_owned())])), before);
    }

    #[test]
    fn a_changed_secret_changes_what_reaches_a_machine() {
        let secret = Value::Concat(vec!["Bearer ".into(), Value::Secret("token".to_owned())]);
        let properties = Properties::from([("labels".to_owned(), secret)]);
        let machine = Instance { kind: "sim.Machine".to_owned(), properties };
        let content = |name: &str, fingerprint: &str| {
            content_of(&machine, &Fingerprints::from([(name.to_owned(), fingerprint.to_owned())]), "workers")
        };
        assert_eq!(content("token", "01"), content("token", "01"));
        assert_ne!(content("token", "01"), content("token", "02"));
        assert_eq!(content("other", "01"), content("other", "02"));
    }
}
