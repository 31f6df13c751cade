//! Any text and any variables: refused with a reason that shows no value, or assignments that a shell reads as what was
//! given, and behind them the text as it was.
#![no_main]

use kit_graph::{Answers, Properties, Script, SecretText, Value, shell_of, why_no_variable};
use libfuzzer_sys::fuzz_target;

/// Answers with what is asked for.
struct Echo;

impl Answers for Echo {
    fn live(&self, address: &str) -> Option<String> {
        Some(address.to_owned())
    }

    fn secret(&self, name: &str) -> Option<SecretText> {
        Some(SecretText::new(name.to_owned()))
    }
}

/// Reads `NAME='…'\n` as a shell does: quotes are quotes, between them each byte is itself, and outside of them stands
/// nothing but `\'`. The name, the value, and what follows.
fn assignment(text: &str) -> Option<(&str, String, &str)> {
    let (name, mut rest) = text.split_once('=')?;
    let mut value = String::new();
    loop {
        if let Some(quoted) = rest.strip_prefix('\'') {
            let (inner, behind) = quoted.split_once('\'')?;
            value.push_str(inner);
            rest = behind;
        } else if let Some(behind) = rest.strip_prefix("\\'") {
            value.push('\'');
            rest = behind;
        } else {
            return Some((name, value, rest.strip_prefix('\n')?));
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(input) = std::str::from_utf8(bytes) else { return };
    let mut pieces = input.split('\u{1f}');
    let text = pieces.next().unwrap_or_default().to_owned();
    let (mut variables, mut open, mut hidden) = (Properties::new(), Vec::new(), Vec::new());
    while let (Some(name), Some(value)) = (pieces.next(), pieces.next()) {
        let held = match value.len() % 4 {
            0 => Value::Secret(value.to_owned()),
            1 => Value::Ref(value.to_owned()),
            2 => Value::Concat(vec![Value::from(value), Value::Secret(value.to_owned())]),
            _ => Value::from(value),
        };
        variables.insert(name.to_owned(), held);
    }
    for (name, value) in &variables {
        match value {
            Value::Secret(text) => hidden.push((name.as_str(), text.clone())),
            Value::Concat(parts) => hidden.push((name.as_str(), parts[0].as_str().unwrap_or_default().repeat(2))),
            Value::Ref(text) | Value::String(text) => open.push((name.as_str(), text.clone())),
            _ => unreachable!("no other is made"),
        }
    }
    let all = || open.iter().chain(&hidden);
    let script = Script { text: text.clone(), variables: variables.clone() };
    let rendered = match script.render("/run/a file", &Echo) {
        Ok(rendered) => rendered,
        Err(error) => {
            let refused = shell_of(&text).is_err() || all().any(|(name, value)| why_no_variable(name).is_some() || value.contains('\0'));
            assert!(refused, "{error}");
            return;
        }
    };
    let (_, first_line) = shell_of(&text).expect("it was rendered");
    let mut rest = rendered.script.strip_prefix(&text[..first_line]).expect("the first line stays first");
    if first_line > 0 {
        rest = rest.strip_prefix('\n').expect("and is a line");
    }
    for (name, value) in &open {
        let (found, held, behind) = assignment(rest).expect("an assignment");
        assert_eq!((found, &held), (*name, value));
        rest = behind;
    }
    assert_eq!(rendered.secrets.is_some(), !hidden.is_empty());
    if let Some(secrets) = &rendered.secrets {
        rest = rest.strip_prefix(". '/run/a file' || exit 1\n").expect("the secrets are read");
        let mut file = secrets.expose();
        for (name, value) in &hidden {
            let (found, held, behind) = assignment(file).expect("an assignment");
            assert_eq!((found, &held), (*name, value));
            file = behind;
        }
        assert_eq!(file, "");
    }
    let body = &text[first_line..];
    assert_eq!(rest, if first_line > 0 { body.strip_prefix('\n').unwrap_or(body) } else { body });
    // What is written is read back.
    let value = Value::Script(Box::new(script));
    let json = serde_json::to_vec(&value).expect("a script is JSON");
    assert_eq!(serde_json::from_slice::<Value>(&json).expect("and reads back"), value);
});
