//! Modules that are used by their address.

use kit_lang::Code;
use url::Url;

/// Who has the modules of other hosts.
pub trait Remotes {
    /// The bytes of the module at an address. It is asked for each address once in a program.
    ///
    /// # Errors
    /// When it cannot be had, or is not what it was.
    fn get(&mut self, url: &Url) -> Result<Vec<u8>, Refusal>;
}

/// Why a module cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// The cause, in the user's words.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Refusal {
        Refusal { code, message: message.into(), help: None }
    }

    pub(crate) fn with_help(self, help: impl Into<String>) -> Refusal {
        Refusal { help: Some(help.into()), ..self }
    }
}

#[cfg(feature = "fetch")]
impl From<kit_fetch::FetchError> for Refusal {
    fn from(error: kit_fetch::FetchError) -> Refusal {
        Refusal { code: crate::codes::NOT_FETCHED, message: error.message, help: error.help }
    }
}
