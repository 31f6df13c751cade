//! Why a command could not do its work, when that has no place in a file.

use kit_lang::Code;

use crate::codes;
use crate::exit::Exit;

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something went wrong that has a code and a page.
    Coded(CodedFailure),
    /// The diagnostics of a file stopped it; they were shown.
    Reported,
    /// The reader of our standard output has gone away.
    OutputClosed,
}

/// A failure that `kitc explain` knows.
#[derive(Debug)]
pub(crate) struct CodedFailure {
    /// The stable code.
    pub(crate) code: Code,
    /// The cause in the user's words.
    pub(crate) message: String,
    /// What that came from, one thing each.
    pub(crate) causes: Vec<String>,
    /// What to do.
    pub(crate) help: Option<String>,
    /// What the process ends with.
    pub(crate) exit: Exit,
}

impl CodedFailure {
    /// The input or the cluster has a problem.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> CodedFailure {
        CodedFailure { code, message: message.into(), causes: Vec::new(), help: None, exit: Exit::Problem }
    }

    /// Adds a suggestion.
    #[must_use]
    pub(crate) fn with_help(self, text: impl Into<String>) -> CodedFailure {
        CodedFailure { help: Some(text.into()), ..self }
    }
}

impl Failure {
    /// The input or the cluster has a problem.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Failure {
        Failure::Coded(CodedFailure::new(code, message))
    }

    /// The command line makes no sense, though its syntax is right.
    pub(crate) fn wrong_usage(code: Code, message: impl Into<String>) -> Failure {
        Failure::Coded(CodedFailure { exit: Exit::WrongUsage, ..CodedFailure::new(code, message) })
    }

    /// Adds a suggestion.
    #[must_use]
    pub(crate) fn with_help(self, text: impl Into<String>) -> Failure {
        match self {
            Failure::Coded(failure) => Failure::Coded(failure.with_help(text)),
            other => other,
        }
    }

    /// What the process ends with.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Failure::Coded(failure) => failure.exit,
            Failure::Reported => Exit::Problem,
            Failure::OutputClosed => Exit::Fine,
        }
    }
}

/// A write to standard output that failed.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Failure::OutputClosed;
        }
        Failure::new(codes::OUTPUT_FAILED, format!("standard output cannot be written: {error}"))
    }
}
