//! Who answers the lookups of a file.

use kit_compiler::Lookup;
use kit_graph::Value;
use kit_lang::Diagnostic;
use kit_sim::{SimCloud, SimSettings};

use crate::codes;

/// Answers a round of lookups by their keys, or says of each that has no answer why.
pub(crate) fn answer(lookups: &[Lookup]) -> Result<Vec<(String, Value)>, Vec<Diagnostic>> {
    let mut answers = Vec::with_capacity(lookups.len());
    let mut unanswered = Vec::new();
    for lookup in lookups {
        match one(lookup) {
            Ok(value) => answers.push((lookup.key.clone(), value)),
            Err(why) => unanswered.push(
                Diagnostic::error(
                    codes::NO_ANSWER,
                    lookup.span,
                    format!("nobody here answers meta.{}: {why}", lookup.key),
                )
                .with_help(format!(
                    "give the answer in a file: --metadata SNAPSHOT.json, with the key {:?}",
                    lookup.key
                )),
            ),
        }
    }
    if unanswered.is_empty() { Ok(answers) } else { Err(unanswered) }
}

fn one(lookup: &Lookup) -> Result<Value, String> {
    match lookup.path.split_once('.') {
        // What the simulated cloud says of its region and its images does not depend on what runs in it.
        Some(("sim", path)) => {
            let settings = match &lookup.provider {
                Some(provider) => SimSettings::from_provider(provider)?,
                None => SimSettings::default(),
            };
            let cloud = SimCloud::new(settings, 0);
            cloud.look_up(path, &lookup.args).ok_or_else(|| "the simulated cloud has no such thing".to_owned())
        }
        _ => Err("this kitc has no access to that provider".to_owned()),
    }
}

/// Answers a round of lookups for a rehearsal: what nobody here can ask gets a stand-in that is the same each time.
pub(crate) fn stand_in(lookups: &[Lookup]) -> Result<Vec<(String, Value)>, Vec<Diagnostic>> {
    Ok(lookups
        .iter()
        .map(|lookup| {
            let value = one(lookup).unwrap_or_else(|_| Value::String(format!("stand-in for {}", lookup.key)));
            (lookup.key.clone(), value)
        })
        .collect())
}
