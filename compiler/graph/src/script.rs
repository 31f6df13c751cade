//! Scripts: a constant text that a shell carries out, and values that enter it as variables of that shell.
//!
//! A value never becomes a part of the text. It stands in an assignment that is quoted here, so that whatever it is, it
//! arrives as the same bytes; what no shell can hold is refused.

use std::fmt;

use crate::secret::SecretText;
use crate::value::{Properties, Value};

/// A script and its variables.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Script {
    /// The text, which no value has entered.
    pub text: String,
    /// The variables by name: single values, `$ref`, `$concat` and `$secret`.
    pub variables: Properties,
}

/// What carries a script out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    /// `sh`, whichever shell that is there.
    Sh,
    /// `dash`.
    Dash,
    /// `bash`.
    Bash,
}

impl Shell {
    /// Its name as a program.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Sh => "sh",
            Self::Dash => "dash",
            Self::Bash => "bash",
        }
    }
}

/// What only run time knows.
pub trait Answers {
    /// The live field at an address: `net.id`.
    fn live(&self, address: &str) -> Option<String>;
    /// The secret of a name.
    fn secret(&self, name: &str) -> Option<SecretText>;
}

/// A script ready to be run: what everyone may read, and apart from it what only root may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The script with its assignments. Where there are secrets it reads them from their file, and ends at once if that
    /// file cannot be read.
    pub script: String,
    /// What stands in the file of the secrets, if there are any. It has to belong to root with mode 0600, in a directory
    /// that nobody else can write to, before the script begins; it may go once the script has ended.
    pub secrets: Option<SecretText>,
}

/// Why a script cannot be run. It names variables, never values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptError {
    /// The text is none of a shell.
    Text(String),
    /// A variable cannot have this name.
    Name {
        /// The name.
        name: String,
        /// Why not.
        why: String,
    },
    /// A variable's value holds a NUL, which no shell can hold.
    Nul {
        /// The variable.
        name: String,
    },
    /// A variable is no single value.
    NotSingle {
        /// The variable.
        name: String,
    },
    /// A variable's value is not known yet.
    NotKnown {
        /// The variable.
        name: String,
        /// What it waits for: an address or the name of a secret.
        what: String,
    },
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(why) => f.write_str(why),
            Self::Name { name, why } => write!(f, "the variable {name}: {why}"),
            Self::Nul { name } => write!(f, "the variable {name} holds a NUL, which no shell can hold"),
            Self::NotSingle { name } => write!(f, "the variable {name} is no single value"),
            Self::NotKnown { name, what } => write!(f, "the variable {name} waits for {what}, which is not known"),
        }
    }
}

impl std::error::Error for ScriptError {}

/// The most bytes of a script's text: four times what a cloud takes as user data, so that it is never this limit that
/// is met first where a script reaches its machine by another way.
pub const MAX_SCRIPT_BYTES: usize = 64 << 10;

/// Names that no variable may have, as they tell the shell or the loader of programs what to do; with why.
const MEANINGFUL: [(&str, &[&str]); 5] = [
    ("it decides which programs run", &["PATH", "CDPATH", "EXECIGNORE", "GLOBIGNORE", "SHELL"]),
    ("it decides how the shell takes words apart", &["IFS"]),
    ("the shell carries it out", &["ENV", "BASH", "PS0", "PS1", "PS2", "PS3", "PS4", "PROMPT_COMMAND", "FCEDIT"]),
    (
        "it decides how the shell or the loader of programs behaves",
        &["SHELLOPTS", "BASHOPTS", "POSIXLY_CORRECT", "TMOUT", "FUNCNEST", "LANG", "LANGUAGE", "GLIBC_TUNABLES"],
    ),
    (
        "the shell gives it a value itself",
        &[
            "_",
            "UID",
            "EUID",
            "GROUPS",
            "PPID",
            "BASHPID",
            "LINENO",
            "OPTIND",
            "OPTARG",
            "OPTERR",
            "RANDOM",
            "SRANDOM",
            "SECONDS",
            "EPOCHSECONDS",
            "EPOCHREALTIME",
            "FUNCNAME",
            "DIRSTACK",
            "PIPESTATUS",
            "REPLY",
            "PWD",
            "OLDPWD",
            "SHLVL",
            "HISTCMD",
        ],
    ),
];

/// Beginnings that no variable's name may have; with why.
const MEANINGFUL_BEGINNINGS: [(&str, &[&str]); 3] = [
    ("the loader of programs obeys it", &["LD_", "DYLD_"]),
    ("it tells the shell what to do", &["BASH_", "LC_"]),
    ("names that begin so are Kit's own", &["KIT_"]),
];

/// The most bytes of a variable's name: nobody reads a longer one.
const MAX_NAME_BYTES: usize = 200;

/// Why a variable of a script cannot have this name; none if it can.
#[must_use]
pub fn why_no_variable(name: &str) -> Option<String> {
    let mut bytes = name.bytes();
    let begins = bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_');
    if !begins || !bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Some("a shell's names are letters, digits and underscores, and begin with no digit".to_owned());
    }
    if name.len() > MAX_NAME_BYTES {
        return Some(format!("it is longer than {MAX_NAME_BYTES} bytes"));
    }
    let whole = MEANINGFUL.iter().find(|(_, names)| names.contains(&name));
    let begins = MEANINGFUL_BEGINNINGS.iter().find(|(_, all)| all.iter().any(|beginning| name.starts_with(beginning)));
    whole.or(begins).map(|(why, _)| format!("{why}, so no value is given by it"))
}

/// The shell that a script's text asks for in its first line (`#!/bin/bash -eu`), `sh` if it does not ask; and how many
/// bytes that line has.
///
/// # Errors
/// When it asks for another program than sh, dash and bash, or for options other than `-e` and `-u`; when the text holds
/// a NUL or is too long. The error says so in words.
pub fn shell_of(text: &str) -> Result<(Shell, usize), String> {
    if text.len() > MAX_SCRIPT_BYTES {
        return Err(format!("this script has {} bytes, more than {MAX_SCRIPT_BYTES}", text.len()));
    }
    if text.contains('\0') {
        return Err("this script holds a NUL, which no shell reads".to_owned());
    }
    let Some(rest) = text.strip_prefix("#!") else { return Ok((Shell::Sh, 0)) };
    let line = rest.split('\n').next().unwrap_or_default();
    let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
    let mut program = words.next().unwrap_or_default();
    if program.ends_with("/env") {
        program = words.next().unwrap_or_default();
    }
    let shell = match program.rsplit('/').next().unwrap_or_default() {
        "sh" => Shell::Sh,
        "dash" => Shell::Dash,
        "bash" => Shell::Bash,
        other => return Err(format!("this script asks for `{other}`, and a script is one of sh, dash or bash")),
    };
    for option in words {
        // With -x and -v a shell shows what it reads, secrets too.
        let allowed =
            option.strip_prefix('-').is_some_and(|letters| letters.bytes().all(|one| matches!(one, b'e' | b'u')));
        if !allowed {
            return Err(format!("this script asks for `{option}`: its first line may have the options -e and -u"));
        }
    }
    Ok((shell, 2 + line.len()))
}

impl Script {
    /// The script as a shell runs it: its first line if that names the shell, an assignment for each variable by name,
    /// the reading of `secrets_file` if a variable is secret, and the text. The variables are not exported: what the
    /// script runs sees them where it is given them.
    ///
    /// # Errors
    /// When the text is none of a shell, a name or a value cannot be a variable's, or one is not known.
    pub fn render(&self, secrets_file: &str, answers: &dyn Answers) -> Result<Rendered, ScriptError> {
        let (_, first_line) = shell_of(&self.text).map_err(ScriptError::Text)?;
        let (head, body) = self.text.split_at(first_line);
        let body = if head.is_empty() { body } else { body.strip_prefix('\n').unwrap_or(body) };
        let mut open = String::new();
        let mut hidden: Vec<(&str, SecretText)> = Vec::new();
        if !head.is_empty() {
            open.push_str(head);
            open.push('\n');
        }
        for (name, value) in &self.variables {
            if let Some(why) = why_no_variable(name) {
                return Err(ScriptError::Name { name: name.clone(), why });
            }
            let text = filled(name, value, answers)?;
            if text.as_str().contains('\0') {
                return Err(ScriptError::Nul { name: name.clone() });
            }
            match text {
                Filled::Open(text) => assign(name, &text, &mut open),
                Filled::Hidden(text) => hidden.push((name, text)),
            }
        }
        let secrets = (!hidden.is_empty()).then(|| {
            // All of it at once: a text that grows leaves copies of itself behind.
            let room = hidden.iter().map(|(name, text)| name.len() + 4 + quoted_length(text.expose())).sum();
            let mut file = String::with_capacity(room);
            hidden.iter().for_each(|(name, text)| assign(name, text.expose(), &mut file));
            SecretText::new(file)
        });
        if secrets.is_some() {
            open.push_str(". ");
            quote(secrets_file, &mut open);
            // Not every shell ends by itself where the file is not there.
            open.push_str(" || exit 1\n");
        }
        open.push_str(body);
        Ok(Rendered { script: open, secrets })
    }
}

/// A value as text.
enum Filled {
    Open(String),
    Hidden(SecretText),
}

impl Filled {
    fn as_str(&self) -> &str {
        match self {
            Self::Open(text) => text,
            Self::Hidden(text) => text.expose(),
        }
    }
}

fn filled(name: &str, value: &Value, answers: &dyn Answers) -> Result<Filled, ScriptError> {
    let not_known = |what: &str| ScriptError::NotKnown { name: name.to_owned(), what: what.to_owned() };
    Ok(match value {
        Value::Bool(truth) => Filled::Open(truth.to_string()),
        Value::Int(number) => Filled::Open(number.to_string()),
        Value::String(text) => Filled::Open(text.clone()),
        Value::Ref(address) => Filled::Open(answers.live(address).ok_or_else(|| not_known(address))?),
        Value::Secret(secret) => Filled::Hidden(answers.secret(secret).ok_or_else(|| not_known(secret))?),
        Value::Concat(parts) => {
            let parts = parts.iter().map(|part| filled(name, part, answers)).collect::<Result<Vec<_>, _>>()?;
            let is_hidden = parts.iter().any(|part| matches!(part, Filled::Hidden(_)));
            let mut whole = String::with_capacity(parts.iter().map(|part| part.as_str().len()).sum());
            parts.iter().for_each(|part| whole.push_str(part.as_str()));
            if is_hidden { Filled::Hidden(SecretText::new(whole)) } else { Filled::Open(whole) }
        }
        Value::Null | Value::List(_) | Value::Map(_) | Value::Script(_) => {
            return Err(ScriptError::NotSingle { name: name.to_owned() });
        }
    })
}

/// `NAME='value'` and the end of the line.
fn assign(name: &str, text: &str, out: &mut String) {
    out.push_str(name);
    out.push('=');
    quote(text, out);
    out.push('\n');
}

/// Between single quotes a shell takes every byte as it is, but for the quote itself.
fn quote(text: &str, out: &mut String) {
    out.push('\'');
    for (index, piece) in text.split('\'').enumerate() {
        if index > 0 {
            out.push_str("'\\''");
        }
        out.push_str(piece);
    }
    out.push('\'');
}

fn quoted_length(text: &str) -> usize {
    2 + text.len() + 3 * text.bytes().filter(|byte| *byte == b'\'').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Known;

    impl Answers for Known {
        fn live(&self, address: &str) -> Option<String> {
            (address == "net.id").then(|| "net-7".to_owned())
        }

        fn secret(&self, name: &str) -> Option<SecretText> {
            (name == "token").then(|| SecretText::new("hunt'er".to_owned()))
        }
    }

    fn script(text: &str, variables: &[(&str, Value)]) -> Script {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Script { text: text.to_owned(), variables }
    }

    fn rendered(text: &str, variables: &[(&str, Value)]) -> Result<Rendered, ScriptError> {
        script(text, variables).render("/run/kit/it's", &Known)
    }

    #[test]
    fn values_are_assigned_by_name_and_quoted() {
        let done =
            rendered("echo\n", &[("B", "it's".into()), ("A", Value::Int(-3)), ("C", Value::Bool(true))]).unwrap();
        assert_eq!(done, Rendered { script: "A='-3'\nB='it'\\''s'\nC='true'\necho\n".to_owned(), secrets: None });
        let live = Value::Concat(vec!["on ".into(), Value::Ref("net.id".to_owned())]);
        assert_eq!(rendered("echo", &[("A", live)]).unwrap().script, "A='on net-7'\necho");
        assert_eq!(rendered("echo", &[]).unwrap().script, "echo");
    }

    #[test]
    fn the_first_line_stays_first() {
        let done = rendered("#!/bin/bash -eu\necho\n", &[("A", "1".into())]).unwrap();
        assert_eq!(done.script, "#!/bin/bash -eu\nA='1'\necho\n");
        assert_eq!(rendered("#!/bin/sh", &[("A", "1".into())]).unwrap().script, "#!/bin/sh\nA='1'\n");
    }

    #[test]
    fn secrets_stand_apart() {
        let bearer = Value::Concat(vec!["Bearer ".into(), Value::Secret("token".to_owned())]);
        let done = rendered("echo", &[("A", "1".into()), ("T", bearer)]).unwrap();
        assert_eq!(done.script, "A='1'\n. '/run/kit/it'\\''s' || exit 1\necho");
        assert_eq!(done.secrets.unwrap().expose(), "T='Bearer hunt'\\''er'\n");
    }

    #[test]
    fn what_no_shell_holds_is_refused_and_not_shown() {
        let nul = rendered("echo", &[("A", "x\0y".into())]).unwrap_err();
        assert_eq!(nul, ScriptError::Nul { name: "A".to_owned() });
        for value in [Value::Null, Value::List(vec![]), Value::Map(Properties::new())] {
            assert!(matches!(rendered("echo", &[("A", value)]), Err(ScriptError::NotSingle { .. })));
        }
        let unknown = rendered("echo", &[("A", Value::Secret("other".to_owned()))]).unwrap_err();
        assert_eq!(unknown.to_string(), "the variable A waits for other, which is not known");
        assert!(matches!(rendered("echo", &[("PATH", "x".into())]), Err(ScriptError::Name { .. })));
        assert!(matches!(rendered("a\0b", &[]), Err(ScriptError::Text(_))));
    }

    #[test]
    fn names_that_mean_something_are_refused() {
        for name in
            ["PATH", "IFS", "LD_PRELOAD", "BASH_ENV", "ENV", "SHELLOPTS", "PS4", "BASHOPTS", "_", "UID", "KIT_X"]
        {
            assert!(why_no_variable(name).is_some(), "{name}");
        }
        for name in ["", "1A", "a-b", "A B", "A=B", "ä", "A\n"] {
            assert!(why_no_variable(name).is_some_and(|why| why.starts_with("a shell's names")), "{name:?}");
        }
        for name in ["A", "a_1", "NAME", "Path", "path", "_a", "PATHS", "TOKEN"] {
            assert_eq!(why_no_variable(name), None, "{name}");
        }
        assert!(why_no_variable(&"A".repeat(201)).is_some());
    }

    #[test]
    fn the_first_line_names_a_shell_or_nothing() {
        let shell = |text: &str| shell_of(text).map(|(shell, _)| shell);
        assert_eq!(shell("echo"), Ok(Shell::Sh));
        assert_eq!(shell("#!/bin/sh\n"), Ok(Shell::Sh));
        assert_eq!(shell("#! /usr/bin/env bash\n"), Ok(Shell::Bash));
        assert_eq!(shell("#!/usr/bin/dash -e -u"), Ok(Shell::Dash));
        for wrong in
            ["#!/usr/bin/python3\n", "#!\n", "#!/bin/sh -x\n", "#!/bin/bash -c ls\n", "#!/usr/bin/env -S bash\n"]
        {
            assert!(shell(wrong).is_err(), "{wrong}");
        }
        assert!(shell(&"#".repeat(MAX_SCRIPT_BYTES + 1)).is_err());
    }
}
