//! Secret parameters: from files, variables and standard input, never from the text of a flag.

use std::io::Read as _;
use std::path::Path;

use kit_compiler::{Inputs, Sources};
use kit_lang::{Diagnostic, Span};
use kit_metadata::without_line_break;

use crate::codes;
use crate::files;

/// The most bytes of a secret: a certificate with its chain and its key takes a tenth of it, and the store of a Swarm
/// takes no more than half a million for one.
const MAX_SECRET_BYTES: usize = 64 << 10;

/// Where a secret is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secret<'t> {
    File(&'t Path),
    Variable(&'t str),
    StandardInput,
}

impl<'t> Secret<'t> {
    /// `@FILE`, `env:VARIABLE` or `@-`.
    fn read(text: &'t str) -> Option<Self> {
        match (text.strip_prefix('@'), text.strip_prefix("env:")) {
            (Some("-"), _) => Some(Self::StandardInput),
            (Some(path), _) if !path.is_empty() => Some(Self::File(Path::new(path))),
            (_, Some(name)) if !name.is_empty() => Some(Self::Variable(name)),
            _ => None,
        }
    }
}

/// Takes the secrets of all flags; what cannot be read is told all at once.
pub(super) fn read(flags: &[String], inputs: &mut Inputs, sources: &mut Sources) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut input_taken_by: Option<&str> = None;
    let mut refuse = |sources: &mut Sources, shown: &str, why: String| {
        let source = sources.add("--secret", shown);
        let end = u32::try_from(shown.len()).unwrap_or(u32::MAX);
        found.push(Diagnostic::error(codes::SECRET_UNREADABLE, Span { source, start: 0, end }, why));
    };
    for flag in flags {
        let (name, from) = flag.split_once('=').unwrap_or_default();
        let Some(secret) = Secret::read(from).filter(|_| !name.is_empty()) else {
            // What was written may be the secret itself; in base64 it ends with `=` and only looks like a name.
            let shown = if from.bytes().all(|one| one == b'=') { "…".to_owned() } else { format!("{name}=…") };
            let why =
                "this names no place of a secret: write NAME=@FILE, NAME=env:VARIABLE, or NAME=@- for standard input";
            refuse(sources, &shown, why.to_owned());
            continue;
        };
        let text = match (secret, input_taken_by) {
            (Secret::StandardInput, Some(other)) => {
                Err(format!("standard input can be read once, and `{other}` has it already"))
            }
            (secret, _) => text_of(secret),
        };
        if secret == Secret::StandardInput {
            input_taken_by = input_taken_by.or(Some(name));
        }
        match text {
            Ok(text) => inputs.secret(sources, flag, name, text),
            Err(why) => refuse(sources, flag, why),
        }
    }
    found
}

/// The text of a secret, without the one line break at its end.
fn text_of(secret: Secret<'_>) -> Result<String, String> {
    let bytes = match secret {
        Secret::Variable(name) => {
            let Some(value) = std::env::var_os(name) else {
                return Err(format!("the variable {name} is not set in the environment"));
            };
            std::os::unix::ffi::OsStringExt::into_vec(value)
        }
        Secret::StandardInput => {
            let mut bytes = Vec::new();
            let limited = std::io::stdin().lock().take(MAX_SECRET_BYTES as u64 + 3).read_to_end(&mut bytes);
            limited.map_err(|error| format!("standard input cannot be read: {error}"))?;
            bytes
        }
        Secret::File(path) => {
            let unreadable = |error: &std::io::Error| format!("`{}` cannot be read: {error}", files::shown(path));
            let file = std::fs::File::open(path).map_err(|error| unreadable(&error))?;
            if file.metadata().map_err(|error| unreadable(&error))?.is_dir() {
                return Err(format!("`{}` is a directory", files::shown(path)));
            }
            let mut bytes = Vec::new();
            file.take(MAX_SECRET_BYTES as u64 + 3).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
            bytes
        }
    };
    let Ok(text) = String::from_utf8(bytes) else { return Err("this secret is not UTF-8".to_owned()) };
    let text = without_line_break(&text);
    if text.len() > MAX_SECRET_BYTES {
        return Err(format!("this secret has more than {MAX_SECRET_BYTES} bytes"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_names_a_place_and_no_text() {
        assert_eq!(Secret::read("@-"), Some(Secret::StandardInput));
        assert_eq!(Secret::read("@a b"), Some(Secret::File(Path::new("a b"))));
        assert_eq!(Secret::read("env:TOKEN"), Some(Secret::Variable("TOKEN")));
        for text in ["hunter2", "", "@", "env:", "-", "file:x"] {
            assert_eq!(Secret::read(text), None, "{text:?}");
        }
    }
}
