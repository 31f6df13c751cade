//! What is given beside a file: parameters and answers of metadata.

mod secrets;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::Args;
use kit_compiler::{GivenBy, Inputs, ParamInput, ParamValue, Parts, Sources};
use kit_lang::{Diagnostic, SourceId, Span};

use crate::codes;
use crate::files;

/// A variable of the environment whose name begins so gives a parameter.
const VARIABLE_PREFIX: &str = "KIT_PARAM_";

const HEADING: &str = "What the file is given";

/// The flags that give them.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Given {
    /// Give a parameter; may be repeated. Lists, maps and records are JSON: 'zones=["a", "b"]'
    #[arg(long, help_heading = HEADING, value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<String>,

    /// Give parameters in a file, by its name .kit (a line `size = 6` each), .toml or .json; may be repeated
    ///
    /// A flag beats a variable KIT_PARAM_NAME of the environment, a variable beats a file, and a later file an earlier one.
    /// A secret may stand in such a file only if its owner alone can read it. A variable that the file has no parameter for
    /// is meant for another file and gives nothing.
    #[arg(long, help_heading = HEADING, value_name = "FILE")]
    params: Vec<PathBuf>,

    /// Give a secret parameter: NAME=@FILE, NAME=env:VARIABLE, or NAME=@- for standard input; may be repeated
    ///
    /// One line break at the end of the text is not part of the secret. It beats all other ways.
    #[arg(long, help_heading = HEADING, value_name = "NAME=FROM")]
    secret: Vec<String>,

    /// Answer all lookups from a snapshot, and ask nobody
    #[arg(long, help_heading = HEADING, value_name = "SNAPSHOT.json")]
    metadata: Option<PathBuf>,
}

/// Refuses what is no assignment, as wrong usage; what it assigns is for the compiler to judge.
pub(crate) fn assignment(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((name, _)) if !name.is_empty() => Ok(text.to_owned()),
        _ => Err("it is written NAME=VALUE, such as size=4".to_owned()),
    }
}

impl Given {
    /// Nothing was given, by flag or by variable.
    pub(crate) fn is_empty(&self) -> bool {
        self.set.is_empty()
            && self.secret.is_empty()
            && self.params.is_empty()
            && self.metadata.is_none()
            && variables().next().is_none()
    }

    /// The file that answers all lookups, if one was given.
    pub(crate) fn snapshot(&self) -> Option<&Path> {
        self.metadata.as_deref()
    }

    /// Reads all of it; each source of mistakes adds its own. A flag beats a variable, which beats a file.
    pub(crate) fn read(&self, sources: &mut Sources) -> (Inputs, Vec<Diagnostic>) {
        let mut inputs = Inputs::new();
        let mut found = Vec::new();
        for path in &self.params {
            let (source, unreadable) = files::load(path, sources);
            match unreadable {
                Some(unreadable) => found.push(unreadable),
                None => {
                    let wrong = parameters(&mut inputs, sources, path, source);
                    if !wrong.is_empty() {
                        // What cannot be read may hold secrets, so none of it is drawn.
                        sources.hide_all(source);
                        found.extend(wrong);
                    }
                }
            }
        }
        for (variable, value) in variables() {
            match value.into_string() {
                Ok(value) => inputs.variable(sources, &variable, &parameter_of(&variable), &value),
                Err(_) => {
                    let source = sources.add(variable.as_str(), "");
                    let message = format!("the variable {variable} is not UTF-8, as a parameter has to be");
                    found.push(Diagnostic::error(codes::BAD_VARIABLE, Span { source, start: 0, end: 0 }, message));
                }
            }
        }
        for assignment in &self.set {
            found.extend(inputs.set(sources, assignment).err().map(|wrong| *wrong));
        }
        found.extend(secrets::read(&self.secret, &mut inputs, sources));
        if let Some(path) = &self.metadata {
            let (source, unreadable) = files::load(path, sources);
            match unreadable {
                Some(unreadable) => found.push(unreadable),
                None => found.extend(inputs.snapshot(sources, source).err().map(|wrong| *wrong)),
            }
        }
        (inputs, found)
    }
}

/// The variables that give parameters, in the order of their names, so that runs are alike.
fn variables() -> impl Iterator<Item = (String, OsString)> {
    let ours = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let mut all: Vec<(String, OsString)> =
        ours.filter(|(name, _)| name.len() > VARIABLE_PREFIX.len() && name.starts_with(VARIABLE_PREFIX)).collect();
    all.sort();
    all.into_iter()
}

/// `KIT_PARAM_SSH_KEY` gives `ssh_key`; a name that is not all capitals is taken as it is.
fn parameter_of(variable: &str) -> String {
    let name = variable.strip_prefix(VARIABLE_PREFIX).unwrap_or(variable);
    if name.contains(|letter: char| letter.is_lowercase()) { name.to_owned() } else { name.to_lowercase() }
}

/// Takes the parameters of a file, in the form that its name says.
fn parameters(inputs: &mut Inputs, sources: &mut Sources, path: &Path, source: SourceId) -> Vec<Diagnostic> {
    let private = files::is_private(path);
    let is = |wanted: &str| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(wanted));
    if is("kit") {
        inputs.params_in_kit(sources, source, private).err().unwrap_or_default()
    } else if is("toml") {
        toml_parameters(inputs, sources, source, private).err().into_iter().collect()
    } else {
        inputs.params_file(sources, source, private).err().map(|wrong| *wrong).into_iter().collect()
    }
}

/// Takes the parameters of a TOML file, each with its place.
fn toml_parameters(inputs: &mut Inputs, sources: &Sources, source: SourceId, private: bool) -> Result<(), Diagnostic> {
    let text = sources.get(source).map_or("", |source| source.text.as_str());
    let place = |range: std::ops::Range<usize>| {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span { source, start: offset(range.start), end: offset(range.end) }
    };
    let table = toml::de::DeTable::parse(text).map_err(|error| {
        let message = format!("this is no TOML: {}", error.message().lines().next().unwrap_or_default());
        Diagnostic::error(codes::BAD_PARAMETERS, place(error.span().unwrap_or(0..0)), message)
            .with_help("a parameter is written `name = value`")
    })?;
    for (name, value) in table.get_ref() {
        let (span, parts) = (place(value.span()), toml_parts(value, &place));
        let value = toml_value(value.get_ref()).map_err(|what| {
            Diagnostic::error(codes::BAD_PARAMETERS, span, format!("{what} is no value of Kit"))
                .with_help("give it as a text, as it would stand in the file")
        })?;
        let input =
            ParamInput { value: ParamValue::Data(value), span, by: GivenBy::File { private }, parts: Some(parts) };
        inputs.param(name.get_ref().to_string(), input);
    }
    Ok(())
}

/// Where the values within a value of TOML stand.
fn toml_parts(
    value: &toml::Spanned<toml::de::DeValue<'_>>,
    place: &impl Fn(std::ops::Range<usize>) -> Span,
) -> Rc<Parts> {
    use toml::de::DeValue;
    let inside = match value.get_ref() {
        DeValue::Array(items) => {
            let named = |(index, item)| (format!("[{index}]"), toml_parts(item, place));
            items.iter().enumerate().map(named).collect()
        }
        DeValue::Table(entries) => {
            entries.iter().map(|(name, value)| (name.get_ref().to_string(), toml_parts(value, place))).collect()
        }
        _ => Vec::new(),
    };
    Rc::new(Parts { span: place(value.span()), inside })
}

/// A value of TOML in the form of the graph, or what it is that has none.
fn toml_value(value: &toml::de::DeValue<'_>) -> Result<kit_graph::Value, &'static str> {
    use kit_graph::Value;
    use toml::de::DeValue;
    Ok(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            Value::Int(parsed.map_err(|_| "a number of more than 64 bits")?)
        }
        DeValue::Array(items) => {
            Value::List(items.iter().map(|item| toml_value(item.get_ref())).collect::<Result<_, _>>()?)
        }
        DeValue::Table(entries) => {
            let mut map = kit_graph::Properties::new();
            for (name, value) in entries {
                map.insert(name.get_ref().to_string(), toml_value(value.get_ref())?);
            }
            Value::Map(map)
        }
        DeValue::Float(_) => return Err("a fraction"),
        DeValue::Datetime(_) => return Err("a date"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_name_parameters() {
        assert_eq!(parameter_of("KIT_PARAM_SSH_KEY"), "ssh_key");
        assert_eq!(parameter_of("KIT_PARAM_sshKey"), "sshKey");
    }
}
