//! `kit.lock`: which bytes each module of another host has to have.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::location::{Base, Location, locate};

/// The name of the lock file, beside the file that is checked or applied.
pub const LOCK_NAME: &str = "kit.lock";

/// The most bytes of a lock file: some thousand of the longest lines. A larger one is no lock file.
pub const MAX_LOCK_BYTES: usize = 16 * 1024 * 1024;

/// The form that this version writes and reads.
const VERSION: u64 = 1;

/// The SHA-256 of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pin([u8; 32]);

impl Pin {
    /// The pin of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Pin {
        Pin(Sha256::digest(bytes).into())
    }

    /// The 64 digits.
    #[must_use]
    pub fn digits(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn read(text: &str) -> Option<Pin> {
        let digits = text.strip_prefix("sha256:")?.as_bytes();
        let digit = |at: &u8| match at {
            b'0'..=b'9' => Some(at - b'0'),
            b'a'..=b'f' => Some(at - b'a' + 10),
            _ => None,
        };
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(&pair[0])? << 4 | digit(&pair[1])?;
        }
        Some(Pin(bytes))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.digits())
    }
}

impl Serialize for Pin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The pins of modules, by their addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lock {
    version: Version,
    /// What each address has to give.
    pub modules: BTreeMap<String, Pin>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Version;

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(VERSION)
    }
}

/// What is read before anything else: a later form may have other fields.
#[derive(Deserialize)]
struct OfAnyVersion {
    version: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfThisVersion {
    #[serde(rename = "version")]
    _version: u64,
    #[serde(deserialize_with = "pins")]
    modules: BTreeMap<String, Pin>,
}

impl Lock {
    /// Reads a lock file.
    ///
    /// # Errors
    /// Why this is none, in words that follow its name and "is".
    pub fn parse(bytes: &[u8]) -> Result<Lock, String> {
        if bytes.len() > MAX_LOCK_BYTES {
            return Err(format!("larger than {MAX_LOCK_BYTES} bytes"));
        }
        if bytes.windows(8).any(|window| window == b"<<<<<<< ") {
            return Err("the half of a merge: both sides of a conflict stand in it".to_owned());
        }
        let of_any: OfAnyVersion = serde_json::from_slice(bytes).map_err(|error| format!("no lock file: {error}"))?;
        if of_any.version != VERSION {
            return Err(format!("of version {}, and this kitc reads version {VERSION}", of_any.version));
        }
        let read: OfThisVersion = serde_json::from_slice(bytes).map_err(|error| format!("no lock file: {error}"))?;
        Ok(Lock { version: Version, modules: read.modules })
    }

    /// The one way to write it: sorted, a line for each module, so that two branches that add modules merge.
    #[must_use]
    pub fn to_text(&self) -> String {
        // Neither numbers nor texts can fail to be written.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

fn pins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Pin>, D::Error> {
    deserializer.deserialize_map(Pins)
}

struct Pins;

impl<'de> Visitor<'de> for Pins {
    type Value = BTreeMap<String, Pin>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("addresses with their hashes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pins = BTreeMap::new();
        while let Some((address, pin)) = map.next_entry::<String, String>()? {
            if !is_address(&address) {
                return Err(de::Error::custom(format!("{address:?} is no address of a module")));
            }
            let pin = Pin::read(&pin).ok_or_else(|| de::Error::custom(format!("{pin:?} is no SHA-256")))?;
            if pins.insert(address.clone(), pin).is_some() {
                return Err(de::Error::custom(format!("{address:?} stands twice")));
            }
        }
        Ok(pins)
    }
}

/// Whether a text is the address of a module as `use` reads it, written in the one way.
fn is_address(text: &str) -> bool {
    let nowhere = Base::Directory(std::path::PathBuf::new());
    let same = |url: &Url| url.as_str() == text;
    matches!(locate(text, &nowhere), Ok(Location::Remote(url)) if same(&url))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn what_is_written_is_read() {
        let mut lock = Lock::default();
        for name in ["b", "a", "c"] {
            lock.modules.insert(format!("https://example.com/{name}.kit"), Pin::of(b""));
        }
        let text = lock.to_text();
        assert_eq!(Lock::parse(text.as_bytes()), Ok(lock));
        let expected =
            format!("{{\n  \"version\": 1,\n  \"modules\": {{\n    \"https://example.com/a.kit\": \"{EMPTY}\",\n");
        assert!(text.starts_with(&expected), "{text}");
    }

    proptest::proptest! {
        /// A file that something cut, spliced or wrote over: no panic, and what is still read is written in the one way.
        #[test]
        fn a_damaged_file_is_read_or_refused(cut in 0usize..400, at in 0usize..400, junk in proptest::collection::vec(0u8.., 0..8)) {
            let mut lock = Lock::default();
            for name in ["a", "b"] {
                lock.modules.insert(format!("https://example.com/{name}.kit"), Pin::of(name.as_bytes()));
            }
            let mut bytes = lock.to_text().into_bytes();
            let at = at.min(bytes.len());
            bytes.splice(at..(at + junk.len()).min(bytes.len()), junk);
            bytes.truncate(cut.max(at));
            match Lock::parse(&bytes) {
                Ok(read) => proptest::prop_assert_eq!(Lock::parse(read.to_text().as_bytes()), Ok(read)),
                Err(reason) => proptest::prop_assert!(!reason.is_empty()),
            }
        }
    }

    #[test]
    fn what_is_no_lock_file_is_refused_with_the_reason() {
        let with = |modules: &str| format!("{{\"version\": 1, \"modules\": {{{modules}}}}}");
        let address = "\"https://example.com/a.kit\"";
        let refused = |text: &str, reason: &str| {
            let error = Lock::parse(text.as_bytes()).expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        };
        refused("", "no lock file");
        refused("garbage", "no lock file");
        refused("{\"version\": 1, \"modules\": {\"https://exa", "no lock file");
        refused("{\"version\": 2, \"others\": []}", "of version 2");
        refused("{\"version\": 1}", "missing field");
        refused("{\"version\": 1, \"modules\": {}, \"more\": 1}", "unknown field");
        refused("<<<<<<< ours\n", "a conflict");
        refused(&with(&format!("{address}: \"{EMPTY}\", {address}: \"{EMPTY}\"")), "stands twice");
        refused(&with(&format!("{address}: \"sha256:00\"")), "is no SHA-256");
        refused(&with(&format!("{address}: \"{}\"", EMPTY.to_uppercase())), "is no SHA-256");
        refused(&with(&format!("\"http://example.com/a.kit\": \"{EMPTY}\"")), "no address of a module");
        refused(&with(&format!("\"https://EXAMPLE.com/a.kit\": \"{EMPTY}\"")), "no address of a module");
        let not_utf8 = b"{\"version\": 1, \"modules\": {\"\xff\": 1}}";
        assert!(Lock::parse(not_utf8).is_err());
    }
}
