//! The groups together as one cluster of Kit: one provider, one network, one group of managers that leads.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use kit_lang::Diagnostic;

use crate::Options;
use crate::codes;
use crate::document::{Allocation, Group};
use crate::flavor::{EVERY, Role};
use crate::json::Node;
use crate::machine::{Machine, Provider};
use crate::names::{host_name, identifier, unique};
use crate::network::{self, Network};
use crate::notes::{Outcome, Place};
use crate::reading::Reading;

/// The most managers that are made of a mere size. Docker advises at most seven.
const MAX_COUNTED_MANAGERS: u64 = 99;

/// The names that the file has already.
const TAKEN: [&str; 12] =
    ["name", "image", "machine_type", "volume_size", "net", "node", "aws", "docker", "sim", "swarm", "plain", "std"];

#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) name: String,
    pub(crate) provider: Provider,
    pub(crate) region: Option<String>,
    pub(crate) zone: Option<String>,
    pub(crate) network: Network,
    /// The fields of the machine that all groups begin with.
    pub(crate) node: Vec<Field>,
    pub(crate) groups: Vec<Part>,
    pub(crate) scripts: Vec<Script>,
}

/// A field of a machine, with its value as Kit writes it.
pub(crate) type Field = (&'static str, String);

/// A group of the file.
#[derive(Debug)]
pub(crate) struct Part {
    /// The groups of the document that are in it.
    pub(crate) numbers: Vec<usize>,
    pub(crate) name: String,
    pub(crate) role: Role,
    /// What its machines have otherwise.
    pub(crate) machine: Vec<Field>,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) without_drain: bool,
    pub(crate) machines: Machines,
}

/// A script that the file names.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) name: String,
    pub(crate) lines: Vec<String>,
}

#[derive(Debug)]
pub(crate) enum Machines {
    Count(u64),
    Members(Vec<Member>),
}

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) ip: Option<Ipv4Addr>,
    pub(crate) volume: bool,
    pub(crate) machine: Vec<Field>,
}

const NOTHING_FITS: &str = "Kit puts all machines of a cluster into one subnet, of which its provider keeps some addresses; give these machines IPs that lie together";

/// Puts the groups together. What cannot be is an error, and what comes out then is of no use.
pub(crate) fn assemble<'d>(reading: &mut Reading<'d>, groups: Vec<Group<'d>>, options: Options<'_>) -> Cluster {
    let is_manager = |group: &&Group<'d>| group.flavor.role == Role::Manager;
    let first = groups.iter().find(is_manager).or(groups.first());
    let provider = first.map_or(Provider::Sim, |group| group.machine.provider);
    let first_plugin = first.and_then(|group| group.machine.plugin.string()).unwrap_or_default();
    let (groups, foreign): (Vec<_>, Vec<_>) = groups.into_iter().partition(|group| group.machine.provider == provider);
    for group in foreign {
        // Of what is not in the file at all, one word is enough.
        reading.notes.retain(|note| note.place != Place::Group(group.number));
        let why = format!(
            "a cluster of Kit has one provider, and this one has `{first_plugin}`: write a file of its own for this group"
        );
        at(reading, Place::Group(group.number), Outcome::Lost, &group.node, why);
    }
    managers_are_odd(reading, &groups);
    let network = network_of(reading, &groups, provider);
    let (region, zone) = zone(reading, &groups);
    let tagged = groups.iter().find_map(|group| group.machine.cluster.as_deref());
    // What a person asked for stands as it is; if it cannot be a name, the check of the file says so.
    let name = options.name.map_or_else(|| host_name(tagged.unwrap_or("imported"), "cluster"), str::to_owned);
    let mut cluster =
        Cluster { name, provider, region, zone, network, node: Vec::new(), groups: Vec::new(), scripts: Vec::new() };
    // Where something is wrong already, nothing is made of it.
    if reading.errors.is_empty() {
        parts(reading, &mut cluster, &groups);
    }
    cluster
}

fn at<'d>(reading: &mut Reading<'d>, place: Place, outcome: Outcome, node: &Node<'d>, why: impl Into<String>) {
    let before = std::mem::replace(&mut reading.place, place);
    reading.note(outcome, node, why);
    reading.place = before;
}

fn managers_are_odd<'d>(reading: &mut Reading<'d>, groups: &[Group<'d>]) {
    let managers: Vec<&Group<'d>> = groups.iter().filter(|group| group.flavor.role == Role::Manager).collect();
    let Some((first, others)) = managers.split_first() else { return };
    let size = |group: &Group<'d>| match &group.allocation {
        Allocation::Size(size) => *size,
        Allocation::Ids(ids) => ids.len() as u64,
    };
    let all: u64 = managers.iter().map(|group| size(group)).sum();
    if all % 2 == 1 && all <= MAX_COUNTED_MANAGERS {
        return;
    }
    let (message, help) = match all {
        0 => ("no manager is left to lead the cluster".to_owned(), "give the managers logical IDs"),
        all if all % 2 == 0 => (
            format!("{all} managers survive no more losses than {} would", all - 1),
            "InfraKit refuses an even number too: add a logical ID, or take one away",
        ),
        all => (format!("{all} managers are more than {MAX_COUNTED_MANAGERS}"), "a Swarm has at most seven of use"),
    };
    let mut error = Diagnostic::error(codes::NO_CLUSTER, first.node.span(reading.source), message).with_help(help);
    for group in others {
        error = error.with_label(group.node.span(reading.source), "these are managers of the same Swarm");
    }
    reading.error(error);
}

fn ip_of(id: &str) -> Option<Ipv4Addr> {
    id.parse().ok()
}

fn network_of<'d>(reading: &mut Reading<'d>, groups: &[Group<'d>], provider: Provider) -> Network {
    let mut ips = Vec::new();
    let mut machines = 0;
    for group in groups {
        match &group.allocation {
            Allocation::Size(size) => machines += size,
            Allocation::Ids(ids) => {
                machines += ids.len() as u64;
                ips.extend(ids.iter().filter_map(|(id, node)| Some((ip_of(id)?, node))));
            }
        }
    }
    let addresses: Vec<Ipv4Addr> = ips.iter().map(|(ip, _)| *ip).collect();
    let Some(network) = network::around(&addresses, machines, provider) else {
        let Some((lowest, highest)) = ips.iter().min_by_key(|(ip, _)| *ip).zip(ips.iter().max_by_key(|(ip, _)| *ip))
        else {
            if let Some(group) = groups.first() {
                let message = format!("no network of the provider has room for {machines} machines");
                reading.wrong(codes::NO_CLUSTER, &group.node, message, "");
            }
            return network::around(&[], 0, Provider::Sim).unwrap_or_else(|| unreachable!("an empty network has room"));
        };
        let message = format!("no subnet that Kit makes holds {} to {}", lowest.0, highest.0);
        let error = Diagnostic::error(codes::NO_CLUSTER, lowest.1.span(reading.source), message);
        let error = error.with_label(highest.1.span(reading.source), "the highest IP").with_help(NOTHING_FITS);
        reading.error(error);
        return network::around(&[], 0, Provider::Sim).unwrap_or_else(|| unreachable!("an empty network has room"));
    };
    network
}

/// The region and the zone of EC2 that the machines stand in.
fn zone<'d>(reading: &mut Reading<'d>, groups: &[Group<'d>]) -> (Option<String>, Option<String>) {
    let leading = groups.iter().filter(|group| group.flavor.role == Role::Manager);
    let zones: Vec<_> = leading.chain(groups.iter()).filter_map(|group| group.machine.zone.clone()).collect();
    let Some((zone, _)) = zones.first().cloned() else { return (None, None) };
    let mut said = BTreeSet::new();
    for (other, node) in &zones {
        if *other != zone && said.insert(node.start()) {
            let why = format!(
                "Kit's network stands in one zone, {zone}: a zone more is a component with a network of its own"
            );
            at(reading, Place::Network, Outcome::Changed, node, why);
        }
    }
    let region = zone.strip_suffix(|c: char| c.is_ascii_lowercase());
    let region = region.filter(|region| region.ends_with(|c: char| c.is_ascii_digit()) && region.contains('-'));
    (region.map(str::to_owned), Some(zone))
}

fn parts<'d>(reading: &mut Reading<'d>, cluster: &mut Cluster, groups: &[Group<'d>]) {
    let Some(first) = groups.first() else { return };
    let leader = groups.iter().find(|group| group.flavor.role == Role::Manager);
    let labels_of = |group: &Group<'d>| {
        // The same name twice: what InfraKit set last.
        let pairs = group.machine.labels.iter().chain(&group.flavor.tags).cloned();
        pairs.collect::<BTreeMap<String, String>>()
    };
    let shared = labels_of(leader.unwrap_or(first));
    let same_labels = groups.iter().all(|group| labels_of(group) == shared);
    let mut taken: BTreeSet<String> = TAKEN.iter().map(|name| (*name).to_owned()).collect();
    let names: Vec<String> = groups.iter().map(|group| unique(&mut taken, identifier(&group.id), '_')).collect();
    let scripts: Vec<Option<String>> = groups.iter().map(|group| script(cluster, group, &mut taken)).collect();
    let fields_of = |index: usize| fields(&groups[index].machine, labels_of(&groups[index]), scripts[index].as_deref());
    let leading = groups.iter().position(|group| group.flavor.role == Role::Manager);
    cluster.node = fields_of(leading.unwrap_or(0));
    if !same_labels {
        cluster.node.retain(|(name, _)| *name != "labels");
    }
    let mut ips = free_ips(cluster.network, groups);
    let mut at_leader: Option<usize> = None;
    for (index, group) in groups.iter().enumerate() {
        reading.place = Place::Group(group.number);
        let manages = group.flavor.role == Role::Manager;
        let joined = at_leader.filter(|_| manages);
        let base = joined
            .map_or_else(|| cluster.node.clone(), |index| overridden(&cluster.node, &cluster.groups[index].machine));
        let difference = difference(&base, &fields_of(index));
        let machines = machines(reading, group, &mut ips);
        match (joined, machines) {
            (Some(at), Machines::Members(members)) => {
                let part = &mut cluster.groups[at];
                part.numbers.push(group.number);
                if group.flavor.labels != part.labels {
                    let why = format!(
                        "a group of Kit has one set of node labels: these managers have those of {}",
                        part.name
                    );
                    reading.note(Outcome::Lost, &group.node, why);
                }
                let why = format!("Kit repairs managers from one group: these are members of {}", part.name);
                reading.note(Outcome::Changed, &group.node, why);
                let Machines::Members(all) = &mut part.machines else { continue };
                let mut ids: BTreeSet<String> = all.iter().map(|member| member.id.clone()).collect();
                for member in members {
                    let id = match member.ip {
                        Some(_) => format!("m{}", all.len() + 1),
                        None => member.id,
                    };
                    all.push(Member { id: unique(&mut ids, id, '-'), machine: difference.clone(), ..member });
                }
            }
            (_, machines) => {
                let name = names[index].clone();
                if name != group.id {
                    reading.note(Outcome::Changed, &group.node, format!("its name in Kit is {name}"));
                }
                if manages {
                    at_leader = Some(cluster.groups.len());
                }
                cluster.groups.push(Part {
                    numbers: vec![group.number],
                    name,
                    role: group.flavor.role,
                    machine: difference,
                    labels: group.flavor.labels.clone(),
                    without_drain: group.without_drain,
                    machines,
                });
            }
        }
    }
    reading.place = Place::Cluster;
    if leader.is_none() {
        let why = "no group of the document has managers: nothing repairs the cluster until a group of swarm.Manager leads it";
        reading.note(Outcome::Changed, &first.node, why);
    }
}

/// Keeps the script of a group, and says what it is called. The same script has one name.
fn script(cluster: &mut Cluster, group: &Group<'_>, taken: &mut BTreeSet<String>) -> Option<String> {
    let lines = &group.flavor.script;
    if lines.is_empty() {
        return None;
    }
    if let Some(same) = cluster.scripts.iter().find(|script| script.lines == *lines) {
        return Some(same.name.clone());
    }
    let name = unique(taken, format!("setup_{}", identifier(&group.id)), '_');
    cluster.scripts.push(Script { name: name.clone(), lines: lines.clone() });
    Some(name)
}

/// IPs of the subnet that nobody has.
fn free_ips<'d>(network: Network, groups: &[Group<'d>]) -> impl Iterator<Item = Ipv4Addr> + use<'d> {
    let mut used = BTreeSet::new();
    for group in groups {
        if let Allocation::Ids(ids) = &group.allocation {
            used.extend(ids.iter().filter_map(|(id, _)| ip_of(id)));
        }
    }
    network.subnet.hosts().filter(move |ip| !used.contains(ip))
}

fn machines<'d>(reading: &mut Reading<'d>, group: &Group<'d>, ips: &mut impl Iterator<Item = Ipv4Addr>) -> Machines {
    let manages = group.flavor.role == Role::Manager;
    let mut attached: BTreeMap<&str, u32> = BTreeMap::new();
    let ids_of_group: BTreeSet<&str> = match &group.allocation {
        Allocation::Ids(ids) => ids.iter().map(|(id, _)| id.as_str()).collect(),
        Allocation::Size(_) => BTreeSet::new(),
    };
    for attachment in &group.flavor.attachments {
        let known = match &group.allocation {
            Allocation::Size(_) => manages && attachment.member == EVERY,
            Allocation::Ids(_) => attachment.member == EVERY || ids_of_group.contains(attachment.member.as_str()),
        };
        let times = attached.entry(&attachment.member).or_default();
        *times += 1;
        let (outcome, why) = match (known, *times) {
            (true, 1) => (
                Outcome::Changed,
                "Kit makes a volume of its own for each member, empty at first, of `volume_size`: copy what is on this one",
            ),
            (true, _) => (Outcome::Lost, "a member of Kit has one volume"),
            (false, _) => (Outcome::Lost, "only a machine with a logical ID owns a volume"),
        };
        reading.note(outcome, &attachment.node, why);
    }
    let has_volume = |id: &str| attached.contains_key(EVERY) || attached.contains_key(id);
    match &group.allocation {
        Allocation::Size(size) if !manages => Machines::Count(*size),
        Allocation::Size(size) => {
            let why = "managers of Kit keep a name, an IP and a volume for life: these were given some";
            reading.note(Outcome::Changed, &group.node, why);
            let members = (1..=*size).zip(ips);
            Machines::Members(
                members
                    .map(|(number, ip)| Member {
                        id: format!("m{number}"),
                        ip: Some(ip),
                        volume: true,
                        machine: Vec::new(),
                    })
                    .collect(),
            )
        }
        Allocation::Ids(ids) => {
            if manages && !ids.iter().all(|(id, _)| has_volume(id)) {
                let why = "InfraKit attached nothing to some managers: with a volume each, what the Swarm knows outlives its machines";
                reading.note(Outcome::Changed, &group.node, why);
            }
            Machines::Members(named(reading, ids, group.flavor.role, has_volume, ips))
        }
    }
}

fn named<'d>(
    reading: &mut Reading<'d>,
    ids: &[(String, Node<'d>)],
    role: Role,
    has_volume: impl Fn(&str) -> bool,
    ips: &mut impl Iterator<Item = Ipv4Addr>,
) -> Vec<Member> {
    let letter = match role {
        Role::Manager => 'm',
        Role::Worker => 'w',
        Role::Plain => 'n',
    };
    let mut taken = BTreeSet::new();
    let mut members = Vec::new();
    for (number, (id, node)) in ids.iter().enumerate() {
        let volume = role == Role::Manager || has_volume(id);
        let (name, ip) = match ip_of(id) {
            Some(ip) => (format!("{letter}{}", number + 1), Some(ip)),
            None => {
                let ip = if role == Role::Manager { ips.next() } else { None };
                let by = if ip.is_some() { "Kit gave it one" } else { "the provider gives it one" };
                let why = format!("what is no IPv4 address is only a name in Kit; the IP is new: {by}");
                reading.note(Outcome::Changed, node, why);
                (host_name(id, "member"), ip)
            }
        };
        members.push(Member { id: unique(&mut taken, name, '-'), ip, volume, machine: Vec::new() });
    }
    members
}

/// The fields of a machine as Kit writes them.
fn fields(machine: &Machine<'_>, labels: BTreeMap<String, String>, script: Option<&str>) -> Vec<Field> {
    let mut fields = Vec::new();
    fields.push((
        "image",
        match (&machine.image, machine.provider) {
            (Some(image), _) => quoted(image),
            (None, Provider::Sim) => quoted("debian-12"),
            (None, _) => "image".to_owned(),
        },
    ));
    if machine.provider == Provider::Aws {
        fields.push(("type", machine.kind.as_deref().map_or("machine_type".to_owned(), quoted)));
        if let Some(key) = &machine.key {
            fields.push(("key", quoted(key)));
        }
    }
    if let Some(memory) = machine.memory {
        fields.push(("memory", bytes(memory)));
    }
    if let Some(script) = script {
        fields.push(("setup", script.to_owned()));
    }
    if !labels.is_empty() {
        fields.push(("labels", map(&labels.into_iter().collect::<Vec<_>>())));
    }
    fields
}

fn bytes(amount: u64) -> String {
    let units = [("TiB", 1u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20)];
    let whole = units.iter().find(|(_, unit)| amount.is_multiple_of(*unit));
    // Up to the next whole KiB: less than was asked for would be worse.
    whole.map_or_else(|| format!("{}KiB", amount.div_ceil(1 << 10)), |(name, unit)| format!("{}{name}", amount / unit))
}

pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", kit_lang::string_escape::escape(text))
}

pub(crate) fn map(pairs: &[(String, String)]) -> String {
    let is_word = |key: &str| {
        key.starts_with(|c: char| c.is_ascii_lowercase())
            && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let entry = |(key, value): &(String, String)| {
        let key = if is_word(key) { key.clone() } else { quoted(key) };
        format!("{key} = {}", quoted(value))
    };
    format!("{{ {} }}", pairs.iter().map(entry).collect::<Vec<_>>().join(", "))
}

/// What must be written beside `base` to have `wanted`.
fn difference(base: &[Field], wanted: &[Field]) -> Vec<Field> {
    let mut found: Vec<Field> = wanted.iter().filter(|field| !base.contains(field)).cloned().collect();
    for (name, _) in base {
        if !wanted.iter().any(|(other, _)| other == name) {
            found.push((*name, if *name == "labels" { "{}" } else { "none" }.to_owned()));
        }
    }
    found
}

fn overridden(base: &[Field], with: &[Field]) -> Vec<Field> {
    let kept = base.iter().filter(|(name, _)| !with.iter().any(|(other, _)| other == name));
    kept.chain(with).cloned().collect()
}
