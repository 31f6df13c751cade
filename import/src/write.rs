//! A cluster as the text of a file of Kit, with what is not in it as comments.

use crate::cluster::{Cluster, Machines, Part, map, quoted};
use crate::flavor::Role;
use crate::machine::Provider;
use crate::notes::{Note, Outcome, Place, by_reason};

/// How much each volume holds where nothing says it.
const VOLUME_SIZE: &str = "20GiB";

pub(crate) fn file(cluster: &Cluster, notes: &[Note], document: &str) -> String {
    let mut text = String::new();
    let mut line = |written: &str| {
        text.push_str(written);
        text.push('\n');
    };
    line(&format!("## Imported from the InfraKit groups in {}.", one_line(document)));
    line("");
    let provider = match cluster.provider {
        Provider::Aws => "aws",
        Provider::Docker => "docker",
        Provider::Sim => "sim",
    };
    let has = |role: Role| cluster.groups.iter().any(|group| group.role == role);
    let mut modules = vec![provider];
    modules.extend(has(Role::Plain).then_some("plain"));
    modules.extend((has(Role::Manager) || has(Role::Worker)).then_some("swarm"));
    modules.sort_unstable();
    for module in modules {
        line(&format!("use std/{module}"));
    }
    line("");
    line("## Name and tag of everything this cluster owns.");
    line(&format!("param name: string = {}", quoted(&cluster.name)));
    for (param, what, default) in [
        ("image", "The image that the machines boot; the document does not say it.", None),
        ("machine_type", "The type of the machines; the document does not say it.", None),
        ("volume_size", "How much each volume holds; the document does not say it.", Some(VOLUME_SIZE)),
    ] {
        if uses(cluster, param) {
            let (kind, default) =
                default.map_or(("string", String::new()), |default| ("bytes", format!(" = {default}")));
            line(&format!("\n## {what}\nparam {param}: {kind}{default}"));
        }
    }
    line("");
    let about = |place: &dyn Fn(&Place) -> bool| comments(notes, place);
    line(&about(&|place| *place == Place::Cluster || orphan(cluster, place)));
    line("cluster {\n  name = name");
    let region = match (cluster.provider, &cluster.region) {
        (Provider::Aws, Some(region)) => format!("region = {}", quoted(region)),
        (Provider::Aws, None) => "region = meta.aws.region".to_owned(),
        _ => String::new(),
    };
    line(&format!("  provider = {provider}.Provider {{ {region} }}"));
    if let Some(leader) = cluster.groups.iter().find(|group| group.role == Role::Manager) {
        line(&format!("  leader = {}", leader.name));
    }
    line("}\n");
    line(&about(&|place| *place == Place::Network));
    line(&format!("resource net = {provider}.Network {{"));
    line(&format!("  cidr = {}\n  subnet = {}", cluster.network.cidr, cluster.network.subnet));
    if let (Provider::Aws, Some(zone)) = (cluster.provider, &cluster.zone) {
        line(&format!("  zone = {}", quoted(zone)));
    }
    line("}\n");
    for script in &cluster.scripts {
        line(&format!("let {} = sh\"\"\"", script.name));
        for row in &script.lines {
            line(&if row.is_empty() { String::new() } else { format!("  {row}") });
        }
        line("\"\"\"\n");
    }
    line(&format!("let node = {provider}.Machine {{"));
    for (name, value) in &cluster.node {
        line(&format!("  {name} = {value}"));
    }
    line("  network = net\n}");
    for part in &cluster.groups {
        line("");
        line(&about(&|place| matches!(place, Place::Group(number) if part.numbers.contains(number))));
        group(&mut line, part);
    }
    let leader = cluster.groups.iter().find(|group| group.role == Role::Manager);
    if let Some(leader) = leader
        && let Machines::Members(members) = &leader.machines
        && let Some(first) = members.first()
    {
        let member = match first.id.contains('-') {
            true => format!("members[{}]", quoted(&first.id)),
            false => first.id.clone(),
        };
        line(&format!("\noutput entry = {}.{member}.ip", leader.name));
    }
    // What is written here has no errors of syntax; if it had, it would be shown as it is and be refused by the check.
    kit_lang::format(&text).unwrap_or(text)
}

fn uses(cluster: &Cluster, param: &str) -> bool {
    let member_fields = cluster.groups.iter().filter_map(|group| match &group.machines {
        Machines::Members(members) => Some(members),
        Machines::Count(_) => None,
    });
    let members = || member_fields.clone().flatten();
    if param == "volume_size" {
        return members().any(|member| member.volume);
    }
    let fields = cluster.node.iter().chain(cluster.groups.iter().flat_map(|group| &group.machine));
    fields.chain(members().flat_map(|member| &member.machine)).any(|(_, value)| value == param)
}

/// A group of the document that is in no group of the file.
fn orphan(cluster: &Cluster, place: &Place) -> bool {
    matches!(place, Place::Group(number) if !cluster.groups.iter().any(|group| group.numbers.contains(number)))
}

fn group(line: &mut impl FnMut(&str), part: &Part) {
    let role = match part.role {
        Role::Manager => "swarm.Manager",
        Role::Worker => "swarm.Worker",
        Role::Plain => "plain.Node",
    };
    line(&format!("group {}: {role} {{", part.name));
    let different: Vec<String> = part.machine.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    match different.is_empty() {
        true => line("  machine = node"),
        false => line(&format!("  machine = node with {{ {} }}", different.join(", "))),
    }
    if let Machines::Count(count) = &part.machines {
        line(&format!("  count = {count}"));
    }
    if !part.labels.is_empty() {
        line(&format!("  labels = {}", map(&part.labels)));
    }
    if part.role == Role::Worker {
        // As InfraKit did it.
        let drain = if part.without_drain { ", drain = 0s" } else { "" };
        line(&format!("  update = {{ max_unavailable = 1{drain} }}"));
    }
    if let Machines::Members(members) = &part.machines {
        line("");
        for member in members {
            let mut fields = Vec::new();
            fields.extend(member.ip.map(|ip| format!("ip = {ip}")));
            fields.extend(member.volume.then(|| "volume = { size = volume_size }".to_owned()));
            fields.extend(member.machine.iter().map(|(name, value)| format!("{name} = {value}")));
            let id = if member.id.contains('-') { quoted(&member.id) } else { member.id.clone() };
            line(&format!("  member {id} {{ {} }}", fields.join(", ")));
        }
    }
    line("}");
}

/// What belongs to a place and a person should look at, as comments.
fn comments(notes: &[Note], place: &dyn Fn(&Place) -> bool) -> String {
    let mut text = String::new();
    for (outcome, title) in
        [(Outcome::Lost, "Not carried over from InfraKit:"), (Outcome::Changed, "Otherwise than in InfraKit:")]
    {
        let mut reasons =
            by_reason(notes.iter().filter(|note| note.outcome == outcome && place(&note.place))).peekable();
        if reasons.peek().is_some() {
            text.push_str(&format!("# {title}\n"));
        }
        for (why, all) in reasons {
            for note in all {
                text.push_str(&format!("#   line {}: {}\n", note.line, one_line(&note.path)));
            }
            text.push_str(&format!("#     {}\n", one_line(why)));
        }
    }
    text.trim_end().to_owned()
}

/// Text of a document in a comment: it must not end the comment, nor command a terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
