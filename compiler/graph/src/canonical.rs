//! Canonical bytes and the content hash.

use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::GraphError;
use crate::graph::{FORMAT_VERSION, Graph};

/// The largest graph that is read, in bytes: 10,000 members with provenance take about 6 MB, and a
/// reader must not be made to fill its memory.
pub const MAX_GRAPH_BYTES: usize = 64 << 20;

/// `sha256:` and the digest of `bytes` in hexadecimal.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let mut text = String::with_capacity(7 + 64);
    text.push_str("sha256:");
    for byte in digest {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A graph without `hash` and `provenance`, and otherwise as it is written.
#[derive(Serialize)]
struct Content<'a> {
    version: u32,
    cluster: &'a crate::Cluster,
    resources: &'a [crate::Resource],
    groups: &'a [crate::Group],
    outputs: &'a std::collections::BTreeMap<String, crate::Value>,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    lookups: &'a std::collections::BTreeMap<String, crate::Value>,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    fingerprints: &'a std::collections::BTreeMap<String, String>,
}

struct HashWriter(Sha256);

impl std::io::Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    // Through a buffer, as it is written in pieces of a few bytes, each of which would look for room in the bytes.
    let mut writer = std::io::BufWriter::new(Vec::new());
    // Values hold no floats and no map with keys other than text, so this cannot fail.
    let _ = serde_json::to_writer(&mut writer, value);
    writer.into_inner().unwrap_or_default()
}

impl Graph {
    /// The hash of what this graph asks for: everything but `hash` and `provenance`.
    #[must_use]
    pub fn content_hash(&self) -> String {
        let mut writer = std::io::BufWriter::new(HashWriter(Sha256::new()));
        // Values hold no floats and no map with keys other than text, so this cannot fail.
        let _ = serde_json::to_writer(&mut writer, &self.content());
        let Ok(HashWriter(hasher)) = writer.into_inner() else { return String::new() };
        let mut text = String::from("sha256:");
        for byte in hasher.finalize() {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// Fills in [`Graph::hash`] from the content.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        self.hash = self.content_hash();
        self
    }

    /// Fills in [`Graph::hash`], and gives the canonical bytes: they are what was hashed, with the hash and the
    /// provenance put in, so that a large graph is written once.
    #[must_use]
    pub fn sealed_with_bytes(mut self) -> (Self, Vec<u8>) {
        let content = to_json(&self.content());
        self.hash = sha256_hex(&content);
        // The hash is the second field of a graph, and the provenance its last.
        let head = format!("{{\"version\":{},", self.version);
        let mut bytes = Vec::with_capacity(content.len() + 128);
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(format!("\"hash\":\"{}\",", self.hash).as_bytes());
        bytes.extend_from_slice(&content[head.len()..content.len() - 1]);
        if !self.provenance.is_empty() {
            bytes.extend_from_slice(b",\"provenance\":");
            bytes.append(&mut to_json(&self.provenance));
        }
        bytes.extend_from_slice(b"}\n");
        (self, bytes)
    }

    fn content(&self) -> Content<'_> {
        Content {
            version: self.version,
            cluster: &self.cluster,
            resources: &self.resources,
            groups: &self.groups,
            outputs: &self.outputs,
            lookups: &self.lookups,
            fingerprints: &self.fingerprints,
        }
    }

    /// The canonical bytes: JSON in a fixed order of fields, without white space, with a final newline.
    #[must_use]
    pub fn to_canonical_bytes(&self) -> Vec<u8> {
        let mut bytes = to_json(self);
        bytes.push(b'\n');
        bytes
    }

    /// The same graph, indented for a person; the same content and hash.
    #[must_use]
    pub fn to_pretty_string(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads a graph and checks its version and hash.
    ///
    /// # Errors
    /// When it is too large, not a graph, of another version, or its hash does not fit.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, GraphError> {
        #[derive(serde::Deserialize)]
        struct Version {
            version: Option<u64>,
        }
        if bytes.len() > MAX_GRAPH_BYTES {
            return Err(GraphError::TooLarge { bytes: bytes.len() });
        }
        let malformed = |error: serde_json::Error| GraphError::Malformed(error.to_string());
        // The version first: a newer format may have fields that this one does not know.
        let Version { version } = serde_json::from_slice(bytes).map_err(malformed)?;
        match version {
            Some(found) if found != u64::from(FORMAT_VERSION) => return Err(GraphError::UnknownVersion { found }),
            Some(_) => {}
            None => return Err(GraphError::Malformed("it has no version".to_owned())),
        }
        let graph: Self = serde_json::from_slice(bytes).map_err(malformed)?;
        let computed = graph.content_hash();
        if graph.hash != computed {
            return Err(GraphError::HashMismatch { written: graph.hash, computed });
        }
        Ok(graph)
    }
}
