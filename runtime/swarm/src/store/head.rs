//! The one head: a config of one byte with the head in a label. It is never deleted.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::ConfigSpec;
use kit_model::{CommitResult, Head, HeadError, HeadVersion, StoreError, Versioned};

use super::{Kept, Written, inspect_within, relabel};
use crate::engine::{CALL_PATIENCE, Engine, LOOK_PATIENCE};
use crate::names::Names;

/// The label that holds the head.
const HEAD_LABEL: &str = "kit.head";

/// The one byte, in base 64: a config without data is refused.
const ONE_BYTE: &str = "AA==";

/// The head. It is read at each look, and not waited for longer than the rest of one: a manager that begins to lead must
/// not still be waiting for the leader before it.
pub(crate) async fn read(engine: &Engine, names: &Names) -> Result<Option<Versioned<Head>>, StoreError> {
    read_within(LOOK_PATIENCE, engine, names).await
}

async fn read_within(
    patience: Duration,
    engine: &Engine,
    names: &Names,
) -> Result<Option<Versioned<Head>>, StoreError> {
    let kept = inspect_within(patience, engine, &names.head()).await?;
    kept.map(|kept| head_in(&kept, names)).transpose()
}

fn head_in(kept: &Kept, names: &Names) -> Result<Versioned<Head>, StoreError> {
    let name = names.head();
    let corrupt = |why: String| StoreError::Corrupt(format!("the config {name}: {why}"));
    if kept.name != name {
        return Err(corrupt(format!("the engine gave {} for it", kept.name)));
    }
    let text = kept.labels.get(HEAD_LABEL).ok_or_else(|| corrupt(format!("it has no label {HEAD_LABEL}")))?;
    let value = Head::from_bytes(text.as_bytes()).map_err(|error| match error {
        HeadError::TooNew { format } => StoreError::TooNew { format },
        other @ (HeadError::Malformed(_) | HeadError::TooLarge { .. }) => corrupt(other.to_string()),
    })?;
    Ok(Versioned { version: HeadVersion(kept.version), value })
}

pub(crate) async fn create(engine: &Engine, names: &Names, head: &Head) -> CommitResult {
    let labels = match labels_of(head) {
        Ok(labels) => labels,
        Err(result) => return result,
    };
    let spec = ConfigSpec {
        name: Some(names.head()),
        labels: Some(labels),
        data: Some(ONE_BYTE.to_owned()),
        templating: None,
    };
    match super::create(engine, spec).await {
        Ok(_) => confirmed(engine, names, head).await,
        Err(error) if error.is_conflict() => CommitResult::Stale,
        Err(error) => CommitResult::Unknown(error.to_string()),
    }
}

pub(crate) async fn update(engine: &Engine, names: &Names, base: HeadVersion, head: &Head) -> CommitResult {
    let labels = match labels_of(head) {
        Ok(labels) => labels,
        Err(result) => return result,
    };
    // The config's own name and byte, which an update must repeat. Its name is its ID for good: none has it after it.
    let kept = Kept {
        id: names.head(),
        version: base.0,
        name: names.head(),
        labels: HashMap::new(),
        data: ONE_BYTE.to_owned(),
    };
    match relabel(engine, &kept, labels).await {
        Written::Done => confirmed(engine, names, head).await,
        Written::Stale => CommitResult::Stale,
        Written::Unknown(why) => CommitResult::Unknown(why),
    }
}

fn labels_of(head: &Head) -> Result<HashMap<String, String>, CommitResult> {
    // Never sent, so never committed; the contract has no third answer, and this opens nothing.
    let bytes = head.to_bytes().map_err(|error| CommitResult::Unknown(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| CommitResult::Unknown(error.to_string()))?;
    Ok(HashMap::from([(HEAD_LABEL.to_owned(), text)]))
}

/// The version of what was committed, which the engine's answer does not say. Where the head that stands is another one by
/// now, whoever wrote this one holds nothing any more.
async fn confirmed(engine: &Engine, names: &Names, head: &Head) -> CommitResult {
    match read_within(CALL_PATIENCE, engine, names).await {
        Ok(Some(stands)) if stands.value == *head => CommitResult::Committed(stands.version),
        Ok(_) => CommitResult::Unknown("it was committed, and another head took its place at once".to_owned()),
        Err(error) => CommitResult::Unknown(format!("it was committed, and could not be read back: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use kit_model::{MAX_HEAD_BYTES, RevisionId};

    use super::*;
    use crate::engine::tests::{MadeUp, Says, refuses, says};

    fn names() -> Names {
        Names::of(&"u".into()).unwrap()
    }

    fn head(revision: &str) -> Head {
        Head::first("u".into(), RevisionId::new(revision))
    }

    fn kept(version: u64, label: &str) -> Says {
        let labels = serde_json::json!({ HEAD_LABEL: label });
        let spec = serde_json::json!({ "Name": "kit-u-head", "Labels": labels, "Data": ONE_BYTE });
        says(&serde_json::json!({ "ID": "id", "Version": { "Index": version }, "Spec": spec }).to_string())
    }

    fn kept_head(version: u64, head: &Head) -> Says {
        kept(version, &String::from_utf8(head.to_bytes().unwrap()).unwrap())
    }

    async fn updated(answers: Vec<Says>) -> CommitResult {
        update(&MadeUp::saying(answers).engine, &names(), HeadVersion(7), &head("b")).await
    }

    #[tokio::test]
    async fn an_update_names_the_version_and_repeats_name_and_byte() {
        let made_up = MadeUp::saying(vec![says(""), kept_head(9, &head("b"))]);
        let result = update(&made_up.engine, &names(), HeadVersion(7), &head("b")).await;
        assert_eq!(result, CommitResult::Committed(HeadVersion(9)));
        let asked = made_up.asked();
        assert!(asked[0].starts_with("POST /configs/kit-u-head/update?version=7 "), "{}", asked[0]);
        assert!(asked[0].contains(r#""Name":"kit-u-head""#) && asked[0].contains(r#""Data":"AA==""#), "{}", asked[0]);
    }

    #[tokio::test]
    async fn only_an_answer_in_hand_is_taken_for_one() {
        let stale = "rpc error: code = Unknown desc = update out of sequence";
        assert_eq!(updated(vec![refuses(500, stale)]).await, CommitResult::Stale);
        assert_eq!(updated(vec![refuses(404, "config kit-u-head not found")]).await, CommitResult::Stale);
        for answers in [
            vec![refuses(500, "rpc error: code = DeadlineExceeded desc = context deadline exceeded")],
            vec![refuses(503, "The swarm does not have a leader")],
            vec![refuses(404, "page not found")],
            vec![Says::HangsUp],
            // Committed, but not what stands now, or not to be read back.
            vec![says(""), kept_head(9, &head("c"))],
            vec![says(""), refuses(404, "config kit-u-head not found")],
            vec![says(""), Says::Half],
        ] {
            let result = updated(answers).await;
            assert!(matches!(result, CommitResult::Unknown(_)), "{result:?}");
        }
    }

    #[tokio::test]
    async fn the_second_to_create_is_stale_and_what_is_too_large_is_never_sent() {
        let second = refuses(409, "rpc error: code = AlreadyExists desc = config kit-u-head already exists");
        let created = create(&MadeUp::saying(vec![second]).engine, &names(), &head("a")).await;
        assert_eq!(created, CommitResult::Stale);
        let mut large = head("a");
        large.paused = Some("x".repeat(MAX_HEAD_BYTES));
        let made_up = MadeUp::saying(Vec::new());
        assert!(matches!(create(&made_up.engine, &names(), &large).await, CommitResult::Unknown(_)));
        assert!(made_up.asked().is_empty());
    }

    #[tokio::test]
    async fn a_missing_head_is_told_from_a_store_that_does_not_answer_and_from_a_damaged_one() {
        let read = async |answer: Says| read(&MadeUp::saying(vec![answer]).engine, &names()).await;
        assert_eq!(read(refuses(404, "config kit-u-head not found")).await, Ok(None));
        for silent in [
            refuses(404, "page not found"),
            refuses(503, "This node is not a swarm manager."),
            refuses(500, "rpc error: code = Unknown desc = The swarm does not have a leader."),
            Says::Half,
        ] {
            let result = read(silent).await;
            assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
        }
        assert_eq!(read(kept(3, r#"{"format":99,"new":true}"#)).await, Err(StoreError::TooNew { format: 99 }));
        for damaged in [
            kept(3, "{"),
            kept(3, &" ".repeat(MAX_HEAD_BYTES + 1)),
            says(r#"{"ID":"id","Version":{"Index":3},"Spec":{"Name":"kit-u-head"}}"#),
            says(r#"{"ID":"id","Version":{"Index":3},"Spec":{"Name":"kit-u-head-2","Labels":{"kit.head":"{}"}}}"#),
        ] {
            let result = read(damaged).await;
            assert!(matches!(&result, Err(StoreError::Corrupt(why)) if why.contains("kit-u-head")), "{result:?}");
        }
    }
}
