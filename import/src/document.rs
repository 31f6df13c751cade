//! The shapes of a groups document: a list of specifications or one alone, with the group in `Properties` once or twice, or
//! as `kind`, `metadata` and `properties`.

use kit_lang::{Diagnostic, Span};

use crate::MAX_DOCUMENT_BYTES;
use crate::codes;
use crate::flavor::{self, Flavor};
use crate::json::{Fields, Node};
use crate::machine::{self, Machine};
use crate::notes::{Outcome, Place};
use crate::reading::{Reading, Unique};

/// The groups of one document. InfraKit polls each of them, and nobody has this many.
const MAX_GROUPS: usize = 200;

/// The members of all groups together: as many machines as a cluster of Kit was measured with.
const MAX_MEMBERS: usize = 10_000;

/// The most machines that a group of Kit may count.
const MAX_SIZE: u64 = 100_000;

/// How the machines of a group are told apart.
#[derive(Debug)]
pub(crate) enum Allocation<'d> {
    Size(u64),
    Ids(Vec<(String, Node<'d>)>),
}

#[derive(Debug)]
pub(crate) struct Group<'d> {
    pub(crate) number: usize,
    pub(crate) id: String,
    pub(crate) node: Node<'d>,
    pub(crate) allocation: Allocation<'d>,
    pub(crate) machine: Machine<'d>,
    pub(crate) flavor: Flavor<'d>,
    /// Machines are ended without their tasks having moved away.
    pub(crate) without_drain: bool,
}

pub(crate) fn read<'d>(reading: &mut Reading<'d>) -> Vec<Group<'d>> {
    let Some(document) = parse(reading) else { return Vec::new() };
    let specifications = if document.is_list() {
        reading.items(&document, "a list of groups").unwrap_or_default()
    } else if document.is_object() {
        vec![document.clone()]
    } else {
        reading.unexpected(&document, "a list of groups, or one group,");
        return Vec::new();
    };
    if specifications.len() > MAX_GROUPS {
        let message = format!("the document has {} groups, more than {MAX_GROUPS}", specifications.len());
        reading.wrong(codes::TOO_LARGE, &document, message, "");
        return Vec::new();
    }
    let mut groups = Vec::new();
    for (number, node) in specifications.iter().enumerate() {
        reading.place = Place::Group(number);
        groups.extend(specification(reading, number, node));
        reading.place = Place::Cluster;
    }
    if groups.is_empty() && reading.errors.is_empty() {
        reading.wrong(codes::NOT_GROUPS, &document, "the document has no group", "");
    }
    let members = groups.iter().map(|group| match &group.allocation {
        Allocation::Ids(ids) => ids.len(),
        Allocation::Size(_) => 0,
    });
    if members.sum::<usize>() > MAX_MEMBERS {
        let message = format!("the document has more than {MAX_MEMBERS} logical IDs");
        reading.wrong(codes::TOO_LARGE, &document, message, "");
    }
    groups
}

fn parse<'d>(reading: &mut Reading<'d>) -> Option<Node<'d>> {
    let text = reading.text;
    let place = |start: usize, length: usize| {
        let offset = |at: usize| u32::try_from(at.min(text.len())).unwrap_or(u32::MAX);
        Span { source: reading.source, start: offset(start), end: offset(start + length) }
    };
    if text.len() > MAX_DOCUMENT_BYTES {
        let message = format!("the document has {} bytes, more than {MAX_DOCUMENT_BYTES}", text.len());
        reading.error(Diagnostic::error(codes::TOO_LARGE, place(0, 0), message));
        return None;
    }
    let error = match Node::document(text) {
        Ok(document) => return Some(document),
        Err(error) => error,
    };
    if let Some(start) = text.find("{{") {
        let end = text[start..].find("}}").map_or(2, |length| length + 2);
        let line_end = text[start..].find('\n').unwrap_or(text.len() - start);
        let message = "the document is a template that nobody has rendered";
        let found = Diagnostic::error(codes::NOT_RENDERED, place(start, end.min(line_end)), message);
        reading.error(found.with_help(codes::RENDER));
        return None;
    }
    let before: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    // serde counts bytes from 1, and stands behind what it read.
    let mut start = (before + error.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let length = text[start..].chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
    let why = error.to_string();
    let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(why, _)| why);
    let found = Diagnostic::error(codes::NOT_JSON, place(start, length), format!("the document is no JSON: {why}"));
    let first = text.trim_start().chars().next();
    let help = match first {
        None => "the file is empty",
        Some('\u{feff}') => "it begins with a byte order mark, which JSON has not: save the file without one",
        Some('{' | '[') => "",
        Some(_) => "if it is YAML, make JSON of it first: `yq -o json groups.yml > groups.json`",
    };
    reading.error(if help.is_empty() { found } else { found.with_help(help) });
    None
}

/// One specification: where its ID is, and what it says of the group.
fn specification<'d>(reading: &mut Reading<'d>, number: usize, node: &Node<'d>) -> Option<Group<'d>> {
    let mut fields = reading.fields(node, "a group")?;
    for name in ["Plugin", "kind"] {
        if let Some(plugin) = fields.take(name) {
            let text = reading.string(&plugin, "the name of a plugin")?;
            if !text.to_ascii_lowercase().starts_with("group") {
                reading.note(Outcome::Lost, node, format!("this is `{text}`, and only groups are imported"));
                return None;
            }
        }
    }
    let mut id = fields.take("ID");
    if let Some(metadata) = fields.take("metadata") {
        let mut metadata = reading.fields(&metadata, "an object with a name")?;
        id = metadata.take("name").or(id);
        reading.leftovers(metadata, "a group of Kit has a name and nothing beside it");
    }
    let Some(mut properties) = fields.take("Properties") else {
        let message = format!("`{}` is no group: it has no `Properties`", node.path());
        reading.wrong(codes::NOT_GROUPS, node, message, SHAPE);
        return None;
    };
    reading.leftovers(fields, "Kit has nothing like it");
    let mut body = reading.fields(&properties, "the properties of a group")?;
    if body.has("Properties") {
        id = body.take("ID").or(id);
        let inner = body.take("Properties")?;
        reading.leftovers(body, "Kit has nothing like it");
        body = reading.fields(&inner, "the properties of a group")?;
        properties = inner;
    }
    let Some(id_node) = id else {
        let message = format!("`{}` is a group without an ID", node.path());
        reading.wrong(codes::NOT_GROUPS, node, message, SHAPE);
        return None;
    };
    let id = reading.string(&id_node, "the ID of the group")?;
    reading.once(Unique::Group, &id, &id_node);
    group(reading, number, (id, id_node), &properties, body)
}

const SHAPE: &str = "a group is {\"ID\": …, \"Properties\": {\"Allocation\": …, \"Instance\": …, \"Flavor\": …}}, alone, in a list, or in the `Properties` of one with \"Plugin\": \"group\"";

fn group<'d>(
    reading: &mut Reading<'d>,
    number: usize,
    (id, node): (String, Node<'d>),
    properties: &Node<'d>,
    mut body: Fields<'d>,
) -> Option<Group<'d>> {
    let mut part = |reading: &mut Reading<'d>, name: &str| {
        let found = body.take(name);
        if found.is_none() {
            let message = format!("the group \"{id}\" has no `{name}`");
            reading.wrong(codes::NOT_GROUPS, properties, message, SHAPE);
        }
        found
    };
    let (allocation, instance, flavor) =
        (part(reading, "Allocation"), part(reading, "Instance"), part(reading, "Flavor"));
    let without_drain = body.take("Updating").is_some_and(|updating| updating_without_drain(reading, &updating));
    reading.leftovers(body, "Kit has nothing like it");
    let allocation = allocation.and_then(|node| allocated(reading, &node));
    let flavor = flavor.and_then(|node| flavor::read(reading, &node));
    let machine = instance.and_then(|node| machine::read(reading, &node));
    Some(Group { number, id, node, allocation: allocation?, machine: machine?, flavor: flavor?, without_drain })
}

fn allocated<'d>(reading: &mut Reading<'d>, node: &Node<'d>) -> Option<Allocation<'d>> {
    let mut fields = reading.fields(node, "an object with a Size or LogicalIDs")?;
    let ids = fields.take("LogicalIDs");
    let size = fields.take("Size");
    reading.leftovers(fields, "Kit counts machines or names them, and knows no other way");
    let ids = match ids {
        Some(list) => reading.items(&list, "a list of logical IDs")?,
        None => Vec::new(),
    };
    let number = match &size {
        Some(size) => reading.whole_number(size, "a number of machines")?,
        None => 0,
    };
    match size {
        Some(size) if !ids.is_empty() && number > 0 => {
            let message = format!("`{}` has both a Size and LogicalIDs", node.path());
            let error = Diagnostic::error(codes::NOT_GROUPS, size.span(reading.source), message);
            let error = error.with_label(ids[0].span(reading.source), "the logical IDs");
            reading.error(error.with_help("InfraKit takes one of the two: leave out the other"));
            None
        }
        Some(size) if number > MAX_SIZE => {
            reading.wrong(codes::TOO_LARGE, &size, format!("{number} machines are more than {MAX_SIZE}"), "");
            None
        }
        Some(_) if ids.is_empty() => Some(Allocation::Size(number)),
        None if ids.is_empty() => {
            let message = format!("`{}` has neither a Size nor LogicalIDs", node.path());
            reading.wrong(codes::NOT_GROUPS, node, message, "");
            None
        }
        _ => {
            let mut named = Vec::new();
            for id in ids {
                if let Some(text) = reading.string(&id, "a logical ID") {
                    reading.once(Unique::LogicalId, &text, &id);
                    named.push((text, id));
                }
            }
            Some(Allocation::Ids(named))
        }
    }
}

/// Whether machines are ended without a drain.
fn updating_without_drain<'d>(reading: &mut Reading<'d>, node: &Node<'d>) -> bool {
    let Some(mut fields) = reading.fields(node, "an object") else { return false };
    let skip = fields.take("SkipBeforeInstanceDestroy");
    let skip = reading.optional_string(skip, "\"drain\"").is_some_and(|text| text == "drain");
    for name in ["Duration", "Count"] {
        if let Some(value) = fields.take(name).filter(|value| !value.says_nothing()) {
            let why = "Kit goes on to the next machine when the one before has been well for 30 s";
            reading.note(Outcome::Changed, &value, why);
        }
    }
    reading.leftovers(fields, "Kit has nothing like it");
    skip
}
