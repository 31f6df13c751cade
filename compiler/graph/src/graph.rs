//! The graph: a cluster, its resources and its groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::value::{Properties, Value};

/// The format that this version writes, and the only one it reads.
pub const FORMAT_VERSION: u32 = 1;

/// One cluster, ready to be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graph {
    /// The format: [`FORMAT_VERSION`].
    pub version: u32,
    /// `sha256:` and 64 hexadecimal digits over everything but `hash` and `provenance`:
    /// see [`Graph::content_hash`].
    pub hash: String,
    /// The cluster itself.
    pub cluster: Cluster,
    /// The declared resources, each after those that it depends on; ties by address.
    pub resources: Vec<Resource>,
    /// The groups, by name.
    pub groups: Vec<Group>,
    /// What the file gives out, by name.
    pub outputs: BTreeMap<String, Value>,
    /// The answers of lookups that this graph was compiled with, by their key
    /// (`aws.image("debian-12-amd64-*")`): fixed here, never repeated by a replica.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lookups: BTreeMap<String, Value>,
    /// Fingerprints of the secrets that stand in it, by their names: the hash of each with the key of the cluster, so
    /// that a changed secret is a changed graph. Empty where whoever compiled it knew no key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fingerprints: BTreeMap<String, String>,
    /// Where values came from, by address and field (`managers.m1.ip`; `managers.*.ip` for members that
    /// one `for` makes). Not part of the hash: moving a line changes no cluster.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub provenance: BTreeMap<String, Origin>,
}

/// What stands in the file's `cluster` block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// The cluster's name.
    pub name: String,
    /// The provider, as a type (`sim.Provider`) and its settings.
    pub provider: Instance,
    /// The group whose members lead, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<String>,
}

/// A type of the standard library with its fields filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// The type, as `module.Type`: `sim.Machine`, `swarm.Manager`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The fields. Absent optional ones are left out.
    pub properties: Properties,
}

/// A thing declared with `resource`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// The address: `net`, or `nets["a"]` for one of a map.
    pub address: String,
    /// The type, as `module.Type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The fields.
    pub properties: Properties,
    /// Addresses that must exist before this one, in order.
    pub depends_on: Vec<String>,
}

/// A group of machines with one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The group's name, which is its address.
    pub name: String,
    /// The role, as `module.Type` and the fields given in the group (`update`, `labels`, …).
    pub role: Instance,
    /// The machine that each of the group begins from.
    pub machine: Instance,
    /// Addresses of resources that must exist before the machines, in order.
    pub depends_on: Vec<String>,
    /// Who is in it.
    #[serde(flatten)]
    pub population: Population,
}

/// Who is in a group: named members, or so many alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Population {
    /// Named members in the order of the file, each with an IP and a volume for life.
    Members(Vec<Member>),
    /// So many machines without a name, state or fixed address.
    Count(u32),
}

/// A member: a logical ID that owns one private IP and one volume for life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The ID within the group.
    pub id: String,
    /// Its private IP, in canonical spelling; none for a group whose role pins none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// Its volume's fields (`{"size": "20GiB"}`); none for a group whose role keeps no state. Shared, as the
    /// members that one `for` makes mostly have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<Arc<Properties>>,
    /// Machine fields that differ from the group's, complete values, as by `with`.
    #[serde(default, skip_serializing_if = "Properties::is_empty")]
    pub machine: Properties,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The file as the user named it, or a module (`std/aws`); shared, as most values of a graph came
    /// from one file.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What decided it there.
    pub kind: OriginKind,
}

/// What decided a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OriginKind {
    /// Written there.
    Literal,
    /// Computed there from other values.
    Computed,
    /// The default of a field or parameter.
    Default,
    /// A parameter of this name, given by the operator.
    Param(String),
    /// A lookup with this key.
    Lookup(String),
}

impl Graph {
    /// The group named `name`.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// The resource at `address`.
    #[must_use]
    pub fn resource(&self, address: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.address == address)
    }
}

impl Group {
    /// The members; empty for a group with a count.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        match &self.population {
            Population::Members(members) => members,
            Population::Count(_) => &[],
        }
    }

    /// How many machines the group asks for.
    #[must_use]
    pub fn count(&self) -> usize {
        match &self.population {
            Population::Members(members) => members.len(),
            Population::Count(count) => *count as usize,
        }
    }
}
