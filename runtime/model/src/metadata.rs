//! Lookups of metadata: what a compilation asks, and who answers. A replica asks nobody.

use std::fmt;

use kit_graph::{Instance, Value};

/// A lookup, as the source that is to answer it sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataQuestion {
    /// The path after the source's name: `image` of `meta.aws.image`.
    pub path: String,
    /// The arguments by name, in the order of the declaration.
    pub arguments: Vec<(String, Value)>,
    /// The cluster's provider, if it is asked through that and is known.
    pub provider: Option<Instance>,
    /// The cluster that it is asked for, if its name is known.
    pub cluster: Option<String>,
}

/// What a source answered.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataAnswer {
    /// The value.
    pub value: MetadataValue,
    /// Who answered, in words: "the environment".
    pub by: String,
}

/// The value of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum MetadataValue {
    /// Text, which the declared type says how to read.
    Text(String),
    /// Data.
    Data(Value),
    /// There is none, and why: the same as `none`, where the declared type allows that.
    Absent(String),
}

impl MetadataAnswer {
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>, by: impl Into<String>) -> Self {
        Self { value: MetadataValue::Text(text.into()), by: by.into() }
    }

    /// Data.
    #[must_use]
    pub fn data(value: Value, by: impl Into<String>) -> Self {
        Self { value: MetadataValue::Data(value), by: by.into() }
    }

    /// Nothing is there, and why.
    #[must_use]
    pub fn absent(why: impl Into<String>) -> Self {
        Self { value: MetadataValue::Absent(why.into()), by: String::new() }
    }
}

/// Why a lookup was not answered. What was read is not repeated: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataError {
    /// The cause, in the operator's terms.
    pub why: String,
    /// What to do.
    pub help: Option<String>,
}

impl MetadataError {
    /// An error without a suggestion.
    #[must_use]
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), help: None }
    }

    /// Adds a suggestion.
    #[must_use]
    pub fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for MetadataError {}

/// Answers the lookups of a compilation (`meta.sim.region`). A lookup changes nothing. It may block: whoever asks
/// waits no longer than a lookup may take.
pub trait MetadataSource: Send + Sync {
    /// The first word of the paths that it answers (`sim`).
    fn name(&self) -> &'static str;

    /// Answers one lookup.
    ///
    /// # Errors
    /// When it could not be asked, which is something else than that there is nothing.
    fn look_up(&self, question: &MetadataQuestion) -> Result<MetadataAnswer, MetadataError>;
}
