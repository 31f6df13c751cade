//! What things of a cluster are called in its Swarm. Docker takes at most 64 characters for the name of a config.

use std::fmt;

use kit_graph::sha256_hex;
use kit_model::{ClusterUid, RevisionId};

/// The engine label that says whose machine an engine runs on.
pub const UID_LABEL: &str = "kit.uid";

/// The engine label that says which member or slot that machine is.
pub const ADDRESS_LABEL: &str = "kit.address";

/// The engine label that says which making of it.
pub const GENERATION_LABEL: &str = "kit.generation";

/// The longest uid that leaves room for the rest of a name; a uid of ours is a UUID, which has just as many.
pub(crate) const MAX_UID_CHARS: usize = 36;

/// How much of a revision's hash stands in a name: 64 bits. The whole stands in a label.
const HASH_DIGITS: usize = 16;

/// A uid of which no name can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfitUid(pub(crate) String);

impl fmt::Display for UnfitUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\"{}\" cannot be the uid of a cluster on a Swarm: at most {MAX_UID_CHARS} letters, digits and hyphens",
            self.0
        )
    }
}

impl std::error::Error for UnfitUid {}

/// The names of one cluster's configs.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// What all of them begin with.
    prefix: String,
}

impl Names {
    pub(crate) fn of(uid: &ClusterUid) -> Result<Self, UnfitUid> {
        let text = uid.as_str();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if text.is_empty() || text.len() > MAX_UID_CHARS || !text.bytes().all(fits) {
            return Err(UnfitUid(text.to_owned()));
        }
        Ok(Self { prefix: format!("kit-{text}-") })
    }

    pub(crate) fn head(&self) -> String {
        format!("{}head", self.prefix)
    }

    pub(crate) fn key(&self) -> String {
        format!("{}key", self.prefix)
    }

    /// What the names of all revisions and their parts begin with.
    pub(crate) fn revisions(&self) -> String {
        format!("{}r-", self.prefix)
    }

    pub(crate) fn revision(&self, revision: &RevisionId) -> String {
        let digits = hash_digits(revision.as_str());
        // An ID of another kind has a name all the same.
        let other = || hash_digits(&sha256_hex(revision.as_str().as_bytes())).unwrap_or_default().to_owned();
        format!("{}{}", self.revisions(), digits.map_or_else(other, str::to_owned))
    }

    /// A name for one more part of a revision, which nobody else picks.
    pub(crate) fn part(&self, revision: &RevisionId, random: u64) -> String {
        format!("{}-{:04x}", self.revision(revision), random & 0xffff)
    }
}

/// The cluster whose head has this name, if a head has.
pub(crate) fn uid_of_head(name: &str) -> Option<ClusterUid> {
    let uid = ClusterUid::from(name.strip_prefix("kit-")?.strip_suffix("-head")?);
    Names::of(&uid).is_ok().then_some(uid)
}

fn hash_digits(id: &str) -> Option<&str> {
    let digits = id.strip_prefix("sha256:")?.get(..HASH_DIGITS)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_fits_into_a_config() {
        let names = Names::of(&"0b5e6a52-7a2e-4a9c-9d36-3f0f2a8f1c77".into()).unwrap();
        let revision = RevisionId::new(sha256_hex(b"x"));
        assert_eq!(names.head(), "kit-0b5e6a52-7a2e-4a9c-9d36-3f0f2a8f1c77-head");
        assert_eq!(
            names.revision(&revision),
            format!("kit-0b5e6a52-7a2e-4a9c-9d36-3f0f2a8f1c77-r-{}", &sha256_hex(b"x")[7..23])
        );
        assert_eq!(names.part(&revision, u64::MAX).len(), 64);
        assert!(names.revision(&"sha256:0".into()).starts_with(&names.revisions()));
    }

    #[test]
    fn a_uid_of_which_no_name_can_be_made_is_refused() {
        for unfit in ["", "a b", "a/b", "a_b", &"x".repeat(37)] {
            assert!(Names::of(&unfit.into()).is_err(), "{unfit}");
        }
    }
}
