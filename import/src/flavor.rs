//! Flavors: what a machine is for. The one of a Swarm becomes a role; what others did by scripts is said to a person.

use crate::json::{Fields, Node};
use crate::machine::tags;
use crate::notes::Outcome;
use crate::reading::{Reading, Unique};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Manager,
    Worker,
    Plain,
}

/// Something that InfraKit attaches: to one logical ID, or to `*`.
#[derive(Debug)]
pub(crate) struct Attachment<'d> {
    pub(crate) member: String,
    pub(crate) node: Node<'d>,
}

#[derive(Debug)]
pub(crate) struct Flavor<'d> {
    pub(crate) role: Role,
    /// Tags of the machines.
    pub(crate) tags: Vec<(String, String)>,
    /// Labels of the node in the Swarm.
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) attachments: Vec<Attachment<'d>>,
    /// What the machines carry out when they boot, line by line.
    pub(crate) script: Vec<String>,
}

/// The attachment of every machine of a group.
pub(crate) const EVERY: &str = "*";

const TEMPLATE: &str = "Kit boots a node and lets it join the Swarm by itself; what else this template did, write as the `setup` of the machine";

/// The largest script that a file of Kit may have.
const MAX_SCRIPT_BYTES: usize = 64 << 10;

pub(crate) fn read<'d>(reading: &mut Reading<'d>, node: &Node<'d>) -> Option<Flavor<'d>> {
    let mut flavor =
        Flavor { role: Role::Plain, tags: Vec::new(), labels: Vec::new(), attachments: Vec::new(), script: Vec::new() };
    one(reading, node, &mut flavor)?;
    Some(flavor)
}

/// A flavor, or one of those in a combination.
fn one<'d>(reading: &mut Reading<'d>, node: &Node<'d>, flavor: &mut Flavor<'d>) -> Option<()> {
    let mut fields = reading.fields(node, "a flavor with its plugin")?;
    let Some(plugin) = fields.take("Plugin") else {
        reading.unexpected(node, "a flavor with its `Plugin`");
        return None;
    };
    let name = reading.string(&plugin, "the name of a plugin")?;
    let properties = fields.take("Properties");
    reading.leftovers(fields, "Kit has nothing like it");
    let name = name.to_ascii_lowercase();
    let name = name.trim_start_matches("flavor-");
    if name == "combo" || name.starts_with("combo/") {
        return combination(reading, properties?, flavor);
    }
    let mut fields = match &properties {
        Some(properties) => reading.fields(properties, "the properties of a flavor")?,
        None => Fields::new(Vec::new()),
    };
    let kind = name.split_once('/').map(|(_, kind)| kind.to_owned());
    match name.split(['/', '-']).next().unwrap_or_default() {
        "swarm" => {
            // The oldest shape has the kind among the properties.
            let kind = kind.or_else(|| fields.take("Type").and_then(|node| reading.string(&node, "manager or worker")));
            match kind.as_deref() {
                Some("manager") => flavor.role = Role::Manager,
                Some("worker") => flavor.role = Role::Worker,
                _ => reading.unexpected(&plugin, "swarm/manager or swarm/worker"),
            }
            swarm(reading, &mut fields, flavor);
        }
        "vanilla" => {}
        other => {
            let why = format!(
                "Kit installs no {other}: its machines are kept with their names, IPs and volumes, and the image must bring {other}"
            );
            reading.note(Outcome::Lost, &plugin, why);
            for name in ["Type", "UseDocker"] {
                fields.take(name);
            }
        }
    }
    common(reading, &mut fields, flavor);
    reading.leftovers(fields, "Kit has nothing like it");
    Some(())
}

fn combination<'d>(reading: &mut Reading<'d>, properties: Node<'d>, flavor: &mut Flavor<'d>) -> Option<()> {
    let list = if properties.is_object() {
        let mut fields = reading.fields(&properties, "flavors")?;
        let list = fields.take("Flavors");
        reading.leftovers(fields, "Kit has nothing like it");
        list?
    } else {
        properties
    };
    for part in reading.items(&list, "a list of flavors")? {
        one(reading, &part, flavor)?;
    }
    Some(())
}

fn swarm<'d>(reading: &mut Reading<'d>, fields: &mut Fields<'d>, flavor: &mut Flavor<'d>) {
    for (name, why) in [
        ("SwarmJoinIP", "a newcomer knows the IPs of all managers"),
        ("Docker", "each manager asks its own Docker Engine, by its socket"),
        ("DockerRestartCommand", "Kit starts Docker when volume and node belong together"),
    ] {
        if let Some(node) = fields.take(name).filter(|node| !node.says_nothing()) {
            reading.note(Outcome::Needless, &node, why);
        }
    }
    if let Some(node) = fields.take("EngineLabels").filter(|node| !node.says_nothing()) {
        flavor.labels.extend(reading.map_of_strings(&node));
        let why = "these are labels of the node now: a placement says `node.labels.…`, not `engine.labels.…`";
        reading.note(Outcome::Changed, &node, why);
    }
}

/// What several flavors have.
fn common<'d>(reading: &mut Reading<'d>, fields: &mut Fields<'d>, flavor: &mut Flavor<'d>) {
    if let Some(node) = fields.take("InitScriptTemplateURL").filter(|node| !node.says_nothing()) {
        reading.note(Outcome::Lost, &node, TEMPLATE);
    }
    if let Some(node) = fields.take("Init").filter(|node| !node.says_nothing()) {
        init(reading, &node, flavor);
    }
    if let Some(node) = fields.take("Tags").filter(|node| !node.says_nothing()) {
        flavor.tags.extend(tags(reading, &node));
    }
    let Some(node) = fields.take("Attachments").filter(|node| !node.says_nothing()) else { return };
    if node.is_list() {
        attached(reading, EVERY, &node, flavor);
        return;
    }
    if let Some(members) = reading.fields(&node, "attachments") {
        for (member, list) in members.into_rest() {
            attached(reading, &member, &list, flavor);
        }
    }
}

/// The lines of a script. One that could not stand in the file as it is stays out of it.
fn init<'d>(reading: &mut Reading<'d>, node: &Node<'d>, flavor: &mut Flavor<'d>) {
    let parts = if node.is_list() { reading.items(node, "lines").unwrap_or_default() } else { vec![node.clone()] };
    let mut lines = Vec::new();
    for part in parts {
        let Some(text) = part.string() else {
            reading.unexpected(&part, "a line of a script");
            return;
        };
        lines.extend(text.split('\n').map(str::to_owned));
    }
    let unfit = |line: &String| line.contains("\"\"\"") || line.contains(|c: char| c.is_control() && c != '\t');
    let other = lines.first().is_some_and(|line| {
        line.starts_with("#!") && !["#!/bin/sh", "#!/bin/dash", "#!/bin/bash"].contains(&line.trim_end())
    });
    // The indentation that all lines share would be lost, and so would what the lines of another flavor are for.
    let mut said = lines.iter().filter(|line| !line.trim().is_empty()).peekable();
    let indented = said.peek().is_none() || said.all(|line| line.starts_with([' ', '\t']));
    let size: usize = lines.iter().chain(&flavor.script).map(|line| line.len() + 1).sum();
    if lines.iter().any(unfit) || other || indented || size > MAX_SCRIPT_BYTES {
        let why = "a script of Kit is one of sh or bash, without three quotes in a row, and at most 64 KiB: do this in the image";
        reading.note(Outcome::Lost, node, why);
        return;
    }
    let why =
        "this is the machine's `setup`: root carries it out once, at the first boot, before the node joins anything";
    reading.note(Outcome::Changed, node, why);
    flavor.script.extend(lines);
}

fn attached<'d>(reading: &mut Reading<'d>, member: &str, list: &Node<'d>, flavor: &mut Flavor<'d>) {
    for node in reading.items(list, "a list of attachments").unwrap_or_default() {
        let Some(mut fields) = reading.fields(&node, "an attachment with its ID") else { continue };
        let Some(id) = fields.take("ID") else {
            reading.unexpected(&node, "an attachment with its `ID`");
            continue;
        };
        if let Some(text) = reading.string(&id, "the ID of what is attached") {
            reading.once(Unique::Attachment, &text, &id);
            flavor.attachments.push(Attachment { member: member.to_owned(), node: id });
        }
        let kind = fields.take("Type");
        if reading.optional_string(kind.clone(), "a type").is_some_and(|kind| kind != "ebs")
            && let Some(kind) = kind
        {
            reading.note(Outcome::Changed, &kind, "whatever is attached is a volume in Kit");
        }
        reading.leftovers(fields, "Kit has nothing like it");
    }
}
