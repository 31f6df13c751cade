//! Fingerprints of secrets: a changed secret changes the graph, and nobody learns from it what the secret is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::graph::Graph;
use crate::secret::SecretText;
use crate::value::{Properties, Value};

/// Bytes of a key: as many as the digest has, beyond which a longer one is no stronger.
pub const KEY_BYTES: usize = 32;

/// Bytes of a fingerprint. Whoever has the graph has no key, so 128 bits are far beyond a chance meeting.
const FINGERPRINT_BYTES: usize = 16;

/// The key of one cluster, which its operators and replicas have, and no graph. Without it a fingerprint could be
/// made of each word of a dictionary.
#[derive(Clone)]
pub struct ClusterKey(Zeroizing<[u8; KEY_BYTES]>);

impl ClusterKey {
    /// The key of these bytes, which chance has made.
    #[must_use]
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its bytes, for the one who keeps it.
    #[must_use]
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// What is known of the secret with this name: the same for the same text, and another for each name.
    fn fingerprint(&self, name: &str, secret: &SecretText) -> String {
        // A key of any length is taken.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&*self.0) else { return String::new() };
        // The length first, so that a name and a text never run together to those of another secret.
        mac.update(&(name.len() as u64).to_be_bytes());
        mac.update(name.as_bytes());
        mac.update(secret.expose().as_bytes());
        let digest = mac.finalize().into_bytes();
        digest.iter().take(FINGERPRINT_BYTES).fold(String::with_capacity(2 * FINGERPRINT_BYTES), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

impl fmt::Debug for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterKey(…)")
    }
}

impl Graph {
    /// The names of the secrets that stand in it.
    #[must_use]
    pub fn secrets(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        let groups = self.groups.iter().flat_map(|group| {
            let members = group
                .members()
                .iter()
                .flat_map(|member| member.volume.as_deref().into_iter().chain(std::iter::once(&member.machine)));
            [&group.role.properties, &group.machine.properties].into_iter().chain(members)
        });
        let resources = self.resources.iter().map(|resource| &resource.properties);
        for properties in std::iter::once(&self.cluster.provider.properties).chain(resources).chain(groups) {
            secrets_in(properties, &mut names);
        }
        for value in self.outputs.values() {
            value.secrets(&mut names);
        }
        names
    }

    /// The graph with the fingerprints of its secrets. A secret that is not known now stays what it was in the graph
    /// before, as whoever does not give it changes nothing.
    #[must_use]
    pub fn with_fingerprints(
        mut self,
        key: &ClusterKey,
        known: &BTreeMap<String, SecretText>,
        before: &BTreeMap<String, String>,
    ) -> Self {
        let of = |name: &str| match known.get(name) {
            Some(secret) => Some((name.to_owned(), key.fingerprint(name, secret))),
            None => Some((name.to_owned(), before.get(name)?.clone())),
        };
        let fingerprints = self.secrets().into_iter().filter_map(of).collect();
        self.fingerprints = fingerprints;
        self.sealed()
    }
}

/// The names of the secrets in some fields.
pub fn secrets_in<'g>(properties: &'g Properties, names: &mut BTreeSet<&'g str>) {
    for value in properties.values() {
        value.secrets(names);
    }
}

impl Value {
    fn secrets<'g>(&'g self, names: &mut BTreeSet<&'g str>) {
        match self {
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::String(_) | Self::Ref(_) => {}
            Self::Secret(name) => {
                names.insert(name);
            }
            Self::List(items) | Self::Concat(items) => items.iter().for_each(|item| item.secrets(names)),
            Self::Map(entries) => secrets_in(entries, names),
            Self::Script(script) => script.variables.values().for_each(|value| value.secrets(names)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> ClusterKey {
        ClusterKey::new([byte; KEY_BYTES])
    }

    fn text(text: &str) -> SecretText {
        SecretText::new(text.to_owned())
    }

    #[test]
    fn a_fingerprint_differs_by_key_by_name_and_by_text() {
        let one = key(1).fingerprint("token", &text("hunter2"));
        assert_eq!(one.len(), 2 * FINGERPRINT_BYTES);
        assert_eq!(one, key(1).fingerprint("token", &text("hunter2")));
        for other in [
            key(2).fingerprint("token", &text("hunter2")),
            key(1).fingerprint("tokenh", &text("unter2")),
            key(1).fingerprint("token", &text("hunter3")),
        ] {
            assert_ne!(one, other);
        }
    }

    /// Known from `printf '\0\0\0\0\0\0\0\5tokenhunter2' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0101…`.
    #[test]
    fn a_fingerprint_is_what_others_work_out_too() {
        assert_eq!(key(1).fingerprint("token", &text("hunter2")), "986f49dc60257a338f4e3ca5b7db58a1");
    }

    #[test]
    fn a_key_does_not_show_itself() {
        assert_eq!(format!("{:?}", key(7)), "ClusterKey(…)");
    }
}
