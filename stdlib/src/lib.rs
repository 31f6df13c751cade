//! The standard library: `.kit` files, embedded in the binary.
//!
//! Each provider's and role's facts stand in these files and nowhere else; the compiler reads them as
//! it reads any other file, and only those that a file uses.

/// A module of the standard library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Module {
    /// The name as it stands after `use`: `std/aws`.
    pub path: &'static str,
    /// The name that its definitions are reached by: `aws`.
    pub name: &'static str,
    /// The text of the file.
    pub text: &'static str,
}

/// All modules, by path.
pub const MODULES: &[Module] = &[
    Module { path: "std/aws", name: "aws", text: include_str!("../std/aws.kit") },
    Module { path: "std/docker", name: "docker", text: include_str!("../std/docker.kit") },
    Module { path: "std/plain", name: "plain", text: include_str!("../std/plain.kit") },
    Module { path: "std/sim", name: "sim", text: include_str!("../std/sim.kit") },
    Module { path: "std/swarm", name: "swarm", text: include_str!("../std/swarm.kit") },
];

/// The module that `use` names with `path`.
#[must_use]
pub fn module(path: &str) -> Option<&'static Module> {
    MODULES.iter().find(|module| module.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_sorted_and_fit_their_names() {
        assert!(MODULES.windows(2).all(|pair| pair[0].path < pair[1].path));
        for module in MODULES {
            assert_eq!(module.path.strip_prefix("std/"), Some(module.name));
            assert_eq!(super::module(module.path), Some(module));
        }
        assert_eq!(module("std/azure"), None);
    }
}
