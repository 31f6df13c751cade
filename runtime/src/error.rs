//! Why an operator's command could not be carried out.

use std::fmt;

/// An error with a stable code (`kitc explain KIT8001`), the cause in the operator's terms, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorError {
    /// The stable code.
    pub code: &'static str,
    /// The cause.
    pub message: String,
    /// What that came from, one thing each: what every manager said.
    pub causes: Vec<String>,
    /// What to do.
    pub help: Option<String>,
}

impl OperatorError {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), causes: Vec::new(), help: None }
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn with_causes(mut self, causes: Vec<String>) -> Self {
        self.causes = causes;
        self
    }

    /// The cause with what it came from, where there is one line for it.
    #[must_use]
    pub fn in_one_line(&self) -> String {
        if self.causes.is_empty() {
            return self.message.clone();
        }
        format!("{} ({})", self.message, self.causes.join("; "))
    }
}

impl fmt::Display for OperatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)
    }
}

impl std::error::Error for OperatorError {}
