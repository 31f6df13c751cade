//! Carries out one call to the Swarm: a node's role, availability and labels, and taking an entry off the list.

use std::collections::HashMap;

use bollard::models::{NodeSpec, NodeSpecAvailabilityEnum, NodeSpecRoleEnum};
use bollard::query_parameters::{DeleteNodeOptions, UpdateNodeOptions};
use kit_model::{Action, Admission, Availability, Call, CallError, ErrorClass, NodeId, NodeRole, Outcome};

use crate::engine::{CALL_PATIENCE, Engine, EngineError, Refusal, words_of};

/// Sends it, once. A node is changed only by the version that the call names; what else stands in its spec stays.
pub(crate) async fn send(engine: &Engine, call: &Call, admission: Admission<'_>) -> Outcome {
    match &call.action {
        Action::SetAvailability { node, version, availability } => {
            let wanted = match availability {
                Availability::Active => NodeSpecAvailabilityEnum::ACTIVE,
                Availability::Pause => NodeSpecAvailabilityEnum::PAUSE,
                Availability::Drain => NodeSpecAvailabilityEnum::DRAIN,
            };
            change(engine, node, *version, admission, |spec| spec.availability = Some(wanted)).await
        }
        Action::SetRole { node, version, role } => {
            let wanted = match role {
                NodeRole::Manager => NodeSpecRoleEnum::MANAGER,
                NodeRole::Worker => NodeSpecRoleEnum::WORKER,
            };
            change(engine, node, *version, admission, |spec| spec.role = Some(wanted)).await
        }
        Action::SetLabels { node, version, labels } => {
            let wanted: HashMap<String, String> =
                labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            change(engine, node, *version, admission, |spec| spec.labels = Some(wanted)).await
        }
        Action::RemoveNode { node } => remove(engine, node, admission).await,
        other => refused(ErrorClass::Fatal, "Unimplemented", &format!("the Swarm knows no \"{}\"", other.verb())),
    }
}

async fn change(
    engine: &Engine,
    node: &NodeId,
    version: u64,
    admission: Admission<'_>,
    change: impl FnOnce(&mut NodeSpec),
) -> Outcome {
    let found = match engine.ask(CALL_PATIENCE, async |docker| docker.inspect_node(node.as_str()).await).await {
        Ok(found) => found,
        Err(error) if error.is_missing(node.as_str()) => return no_such_node(node),
        Err(error) => return Outcome::NotSent(format!("what node {node} is now was not told: {error}")),
    };
    let stands = found.version.and_then(|version| version.index);
    let Some(mut spec) = found.spec else {
        return Outcome::NotSent(format!("the Swarm does not say the spec of node {node}"));
    };
    // The update would be refused all the same; but what is then read as its spec is another's.
    if stands != Some(version) {
        return refused(ErrorClass::NotYet, "Unknown", "update out of sequence");
    }
    let before = spec.clone();
    change(&mut spec);
    if spec == before {
        return Outcome::Done;
    }
    let Ok(named) = i64::try_from(version) else {
        return refused(ErrorClass::NotYet, "Unknown", "update out of sequence");
    };
    if let Err(why) = admission() {
        return Outcome::NotSent(why);
    }
    let options = UpdateNodeOptions { version: named };
    let sent = engine.ask(CALL_PATIENCE, async |docker| docker.update_node(node.as_str(), spec, options).await).await;
    outcome(node, sent)
}

async fn remove(engine: &Engine, node: &NodeId, admission: Admission<'_>) -> Outcome {
    if let Err(why) = admission() {
        return Outcome::NotSent(why);
    }
    // Never by force: the Swarm itself keeps whoever answers or votes.
    let options = Some(DeleteNodeOptions { force: false });
    let sent = engine.ask(CALL_PATIENCE, async |docker| docker.delete_node(node.as_str(), options).await).await;
    match sent {
        // It is off the list, which is all that was asked for.
        Err(error) if error.is_missing(node.as_str()) => Outcome::Done,
        sent => outcome(node, sent),
    }
}

fn outcome(node: &NodeId, sent: Result<(), EngineError>) -> Outcome {
    match sent {
        Ok(()) => Outcome::Done,
        Err(error) if error.is_missing(node.as_str()) => no_such_node(node),
        Err(error) if error.is_out_of_sequence() => refused(ErrorClass::NotYet, "Unknown", "update out of sequence"),
        // Judged before it was proposed to the others. What an engine says with another status, such as that there is no
        // leader, may have come after.
        Err(EngineError::Refused(Refusal { status, message })) if (400..500).contains(&status) => {
            let class = if message.contains("last manager") { ErrorClass::Fatal } else { ErrorClass::NotYet };
            refused(class, &code_of(status, &message), words_of(&message))
        }
        Err(error) => Outcome::Unknown(error.to_string()),
    }
}

/// The Swarm's own code, which stands in the text alone.
fn code_of(status: u16, message: &str) -> String {
    let code = message.strip_prefix("rpc error: code = ").and_then(|rest| rest.split_once(" desc = "));
    code.map_or_else(|| status.to_string(), |(code, _)| code.to_owned())
}

fn no_such_node(node: &NodeId) -> Outcome {
    refused(ErrorClass::Fatal, "NotFound", &format!("the Swarm has no node {node}"))
}

fn refused(class: ErrorClass, code: &str, message: &str) -> Outcome {
    Outcome::Refused(CallError { class, code: code.to_owned(), message: message.to_owned() })
}

#[cfg(test)]
mod tests {
    use kit_model::{Authority, CallId, Epoch};

    use super::*;
    use crate::engine::tests::{MadeUp, Says, refuses, says};

    fn call(action: Action) -> Call {
        Call {
            id: CallId(1),
            address: "workers.1".into(),
            authority: Authority::Permit(Epoch(1)),
            not_after_boot_ms: u64::MAX,
            action,
        }
    }

    fn drain() -> Call {
        call(Action::SetAvailability { node: "n".into(), version: 7, availability: Availability::Drain })
    }

    fn node(version: u64) -> Says {
        says(&format!(
            r#"{{"ID":"n","Version":{{"Index":{version}}},
                 "Spec":{{"Name":"x","Labels":{{"a":"b"}},"Role":"worker","Availability":"active"}}}}"#
        ))
    }

    async fn sent(call: &Call, answers: Vec<Says>) -> (Outcome, Vec<String>) {
        let made_up = MadeUp::saying(answers);
        let outcome = send(&made_up.engine, call, &|| Ok(())).await;
        (outcome, made_up.asked())
    }

    fn class(outcome: &Outcome) -> Option<ErrorClass> {
        match outcome {
            Outcome::Refused(error) => Some(error.class),
            _ => None,
        }
    }

    #[tokio::test]
    async fn what_is_changed_leaves_the_rest_of_the_spec_as_it_was() {
        let (outcome, asked) = sent(&drain(), vec![node(7), says("")]).await;
        assert_eq!(outcome, Outcome::Done);
        let body = asked[1].split_once(' ').unwrap().1.split_once(' ').unwrap();
        assert_eq!(body.0, "/nodes/n/update?version=7");
        let spec: serde_json::Value = serde_json::from_str(body.1).unwrap();
        let expected =
            serde_json::json!({ "Name": "x", "Labels": { "a": "b" }, "Role": "worker", "Availability": "drain" });
        assert_eq!(spec, expected);
    }

    #[tokio::test]
    async fn what_is_so_already_is_not_sent_and_another_version_is_refused() {
        let active = call(Action::SetAvailability { node: "n".into(), version: 7, availability: Availability::Active });
        assert_eq!(sent(&active, vec![node(7)]).await.0, Outcome::Done);
        assert_eq!(class(&sent(&active, vec![node(8)]).await.0), Some(ErrorClass::NotYet));
    }

    #[tokio::test]
    async fn the_gate_is_asked_after_everything_else_and_before_the_call() {
        let made_up = MadeUp::saying(vec![node(7)]);
        let asked = made_up.asked.clone();
        let admission = move || {
            assert_eq!(asked.lock().unwrap().len(), 1, "the node was looked at before");
            Err("the permit has ended".to_owned())
        };
        let outcome = send(&made_up.engine, &drain(), &admission).await;
        assert_eq!(outcome, Outcome::NotSent("the permit has ended".to_owned()));
        assert_eq!(made_up.asked().len(), 1);
    }

    #[tokio::test]
    async fn only_a_refusal_that_proves_that_nothing_was_done_is_one() {
        let voter = "rpc error: code = FailedPrecondition desc = node n is a cluster manager and is a member of the raft \
                     cluster. It must be demoted to worker before removal";
        let remove = call(Action::RemoveNode { node: "n".into() });
        let (outcome, _) = sent(&remove, vec![refuses(400, voter)]).await;
        let Outcome::Refused(error) = &outcome else { panic!("{outcome:?}") };
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::NotYet, "FailedPrecondition"));
        assert!(error.message.starts_with("node n is"), "{}", error.message);
        let last = refuses(400, "rpc error: code = FailedPrecondition desc = attempting to demote the last manager");
        assert_eq!(class(&sent(&drain(), vec![node(7), last]).await.0), Some(ErrorClass::Fatal));
        let moved = refuses(500, "rpc error: code = Unknown desc = update out of sequence");
        assert_eq!(class(&sent(&drain(), vec![node(7), moved]).await.0), Some(ErrorClass::NotYet));
        for lost in [refuses(500, "context deadline exceeded"), refuses(503, "does not have a leader"), Says::HangsUp] {
            let (outcome, _) = sent(&drain(), vec![node(7), lost]).await;
            assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
        }
    }

    #[tokio::test]
    async fn an_entry_that_is_off_the_list_is_removed() {
        let remove = call(Action::RemoveNode { node: "n".into() });
        assert_eq!(sent(&remove, vec![refuses(404, "node n not found")]).await.0, Outcome::Done);
        assert!(sent(&remove, vec![says("")]).await.1[0].contains("force=false"));
        let gone = sent(&drain(), vec![refuses(404, "node n not found")]).await.0;
        assert_eq!(class(&gone), Some(ErrorClass::Fatal));
    }
}
