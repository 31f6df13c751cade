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
    /// The shape of its tree, for `kit_lang::parse_by_outline`.
    pub outline: &'static [u8],
}

macro_rules! modules {
    ($($name:literal,)*) => {
        /// All modules, by path.
        pub const MODULES: &[Module] = &[
            $(Module {
                path: concat!("std/", $name),
                name: $name,
                text: include_str!(concat!("../std/", $name, ".kit")),
                outline: include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".outline")),
            },)*
        ];
    };
}

modules! {
    "aws",
    "docker",
    "plain",
    "sim",
    "swarm",
}

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
