//! Where the values at an address came from.

use crate::graph::{Graph, Origin, Population};
use crate::script::Script;
use crate::value::{Properties, Value};

/// A value at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The full address: `managers.m1.ip`.
    pub address: String,
    /// The value.
    pub value: Value,
    /// Where it came from; none for a value that the graph gives no place for.
    pub origin: Option<Origin>,
}

impl Graph {
    /// The values at `address` and below it, in the order of their addresses, each with where it came
    /// from. `managers.members["m1"]` is `managers.m1`. Empty if nothing is there.
    #[must_use]
    pub fn explain(&self, address: &str) -> Vec<Explained> {
        let address = self.canonical_address(address);
        let mut found = Vec::new();
        let mut add = |at: String, value: Value| {
            let below = at.strip_prefix(&address).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
            if below {
                let origin = self.origin_of(&at).cloned();
                found.push(Explained { address: at, value, origin });
            }
        };
        add("cluster.name".to_owned(), Value::String(self.cluster.name.clone()));
        each(&self.cluster.provider.properties, "cluster.provider", &mut add);
        for resource in &self.resources {
            each(&resource.properties, &resource.address, &mut add);
        }
        for group in &self.groups {
            each(&group.role.properties, &group.name, &mut add);
            each(&group.machine.properties, &format!("{}.machine", group.name), &mut add);
            match &group.population {
                Population::Count(count) => add(format!("{}.count", group.name), Value::Int(i64::from(*count))),
                Population::Members(members) => {
                    for member in members {
                        let at = format!("{}.{}", group.name, member.id);
                        if let Some(ip) = &member.ip {
                            add(format!("{at}.ip"), Value::String(ip.clone()));
                        }
                        if let Some(volume) = &member.volume {
                            each(volume, &format!("{at}.volume"), &mut add);
                        }
                        let machine = format!("{at}.machine");
                        each(&member.machine, &machine, &mut add);
                    }
                }
            }
        }
        each(&self.outputs, "outputs", &mut add);
        found.sort_by(|a, b| a.address.cmp(&b.address));
        found
    }

    /// The origin of a value, or of the whole that it is a part of.
    fn origin_of(&self, address: &str) -> Option<&Origin> {
        let mut at = address;
        // Each round takes a part away.
        loop {
            if let Some(origin) = self.provenance.get(at) {
                return Some(origin);
            }
            // What is the same for each member of a group is written once.
            // The name of a group that stands in a component has dots of its own.
            let group = self.groups.iter().find_map(|group| Some((&group.name, below(at, &group.name)?)));
            if let Some((group, member)) = group
                && let Some((_, rest)) = member.split_once('.')
                && let Some(origin) = self.provenance.get(&format!("{group}.*.{rest}"))
            {
                return Some(origin);
            }
            at = &at[..at.rfind('.')?];
        }
    }

    /// `managers.members["m1"].ip` as `managers.m1.ip`.
    fn canonical_address(&self, address: &str) -> String {
        let Some((group, rest)) = address.split_once(".members[\"") else { return address.to_owned() };
        let Some((id, rest)) = rest.split_once("\"]") else { return address.to_owned() };
        format!("{group}.{id}{rest}")
    }
}

/// What stands behind `address.` in an address below it.
fn below<'a>(at: &'a str, address: &str) -> Option<&'a str> {
    at.strip_prefix(address)?.strip_prefix('.')
}

/// The leaves of properties, each under its address.
fn each(properties: &Properties, at: &str, add: &mut impl FnMut(String, Value)) {
    for (name, value) in properties {
        let at = format!("{at}.{name}");
        match value {
            Value::Map(fields) if !fields.is_empty() => each(fields, &at, add),
            // The text and each variable came from places of their own.
            Value::Script(script) if !script.variables.is_empty() => {
                let text = Script { text: script.text.clone(), variables: Properties::new() };
                add(at.clone(), Value::Script(Box::new(text)));
                each(&script.variables, &at, add);
            }
            _ => add(at, value.clone()),
        }
    }
}
