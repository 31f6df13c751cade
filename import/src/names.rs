//! Names of InfraKit as names of Kit.

use std::collections::BTreeSet;

/// The longest name of a cluster or ID of a member: it becomes a host name.
const MAX_HOST_NAME: usize = 40;

/// Words that no declaration can be called.
const RESERVED: [&str; 15] = [
    "if", "then", "else", "in", "with", "where", "match", "for", "true", "false", "none", "it", "meta", "members",
    "count",
];

/// What may be the name of a cluster or the ID of a member: lower-case letters, digits and hyphens, a letter first.
pub(crate) fn host_name(text: &str, fallback: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mapped: String = lower.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let mapped = mapped.trim_matches('-');
    let begins = mapped.starts_with(|c: char| c.is_ascii_lowercase());
    let whole = match (mapped.is_empty(), begins) {
        (true, _) => fallback.to_owned(),
        (false, true) => mapped.to_owned(),
        (false, false) => format!("{fallback}-{mapped}"),
    };
    let cut: String = whole.chars().take(MAX_HOST_NAME).collect();
    cut.trim_end_matches('-').to_owned()
}

/// What may be the name of a group: lower-case letters, digits and underscores, a letter first.
pub(crate) fn identifier(text: &str) -> String {
    let name = host_name(text, "group").replace('-', "_");
    if RESERVED.contains(&name.as_str()) { format!("{name}_group") } else { name }
}

/// The name, or the first with a number behind it that nothing has.
pub(crate) fn unique(taken: &mut BTreeSet<String>, name: String, separator: char) -> String {
    let mut number = 1;
    let mut candidate = name.clone();
    while !taken.insert(candidate.clone()) {
        number += 1;
        let suffix = format!("{separator}{number}");
        let kept: String = name.chars().take(MAX_HOST_NAME - suffix.len()).collect();
        candidate = format!("{kept}{suffix}");
    }
    candidate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_becomes_a_name() {
        assert_eq!(host_name("Swarm Managers!", "x"), "swarm-managers");
        assert_eq!(host_name("172.31.16.101", "member"), "member-172-31-16-101");
        assert_eq!(host_name("…", "cluster"), "cluster");
        assert_eq!(host_name(&"a".repeat(99), "x").len(), MAX_HOST_NAME);
        assert_eq!(identifier("swarm-managers"), "swarm_managers");
        assert_eq!(identifier("for"), "for_group");
        let mut taken = BTreeSet::new();
        assert_eq!(unique(&mut taken, "a".into(), '_'), "a");
        assert_eq!(unique(&mut taken, "a".into(), '_'), "a_2");
        assert_eq!(unique(&mut taken, "b".repeat(40), '-'), "b".repeat(40));
        assert_eq!(unique(&mut taken, "b".repeat(40), '-'), format!("{}-2", "b".repeat(38)));
    }
}
