//! Who leads, as the engine beside the replica says it.

use std::collections::HashMap;

use bollard::models::{LocalNodeState, Node, SwarmInfo};
use bollard::query_parameters::ListNodesOptions;
use kit_model::{ClusterUid, Leadership};

use crate::engine::{Engine, EngineError, LOOK_PATIENCE, says_no_leader, words_of};
use crate::nodes::address_of;

/// One look. The engine's summary names its own node and hides a Swarm without a leader in a field of an answer that is
/// otherwise fine; who leads stands in the list of the managers.
pub(crate) async fn look(engine: &Engine, uid: &ClusterUid) -> Leadership {
    let swarm = match engine.ask(LOOK_PATIENCE, async |docker| docker.info().await).await {
        Ok(info) => info.swarm.unwrap_or_default(),
        Err(error) => return unanswered(error),
    };
    let own = match own_node(swarm) {
        Ok(own) => own,
        Err(leadership) => return leadership,
    };
    let managers = ListNodesOptions { filters: Some(HashMap::from([("role".to_owned(), vec!["manager".to_owned()])])) };
    match engine.ask(LOOK_PATIENCE, async |docker| docker.list_nodes(Some(managers)).await).await {
        Ok(nodes) => among(&own, &nodes, uid),
        Err(error) => unanswered(error),
    }
}

fn unanswered(error: EngineError) -> Leadership {
    if error.has_no_leader() { Leadership::NoLeader(error.to_string()) } else { Leadership::Unknown(error.to_string()) }
}

/// The ID of the engine's own node, if it is a manager of a Swarm that has a leader.
fn own_node(swarm: SwarmInfo) -> Result<String, Leadership> {
    let said = swarm.error.unwrap_or_default();
    if says_no_leader(&said) {
        return Err(Leadership::NoLeader(words_of(&said).to_owned()));
    }
    let no_manager = || Err(Leadership::Unknown("the engine is no manager of a Swarm".to_owned()));
    match swarm.local_node_state.unwrap_or(LocalNodeState::EMPTY) {
        _ if !said.is_empty() => Err(Leadership::Unknown(words_of(&said).to_owned())),
        LocalNodeState::ACTIVE if swarm.control_available == Some(true) => {
            swarm.node_id.filter(|id| !id.is_empty()).map_or_else(no_manager, Ok)
        }
        LocalNodeState::ACTIVE | LocalNodeState::EMPTY => no_manager(),
        state @ (LocalNodeState::INACTIVE
        | LocalNodeState::PENDING
        | LocalNodeState::ERROR
        | LocalNodeState::LOCKED) => {
            Err(Leadership::Unknown(format!("the engine is no manager of a Swarm: its part in one is {state}")))
        }
    }
}

fn among(own: &str, managers: &[Node], uid: &ClusterUid) -> Leadership {
    let leads = |node: &&Node| node.manager_status.as_ref().is_some_and(|status| status.leader == Some(true));
    let is_own = |node: &Node| node.id.as_deref() == Some(own);
    if !managers.iter().any(is_own) {
        return Leadership::Unknown(format!("the Swarm does not list this engine's node {own} among its managers"));
    }
    match managers.iter().find(leads) {
        Some(leader) if is_own(leader) => Leadership::Leader,
        Some(leader) => Leadership::Follower(address_of(leader, uid)),
        None => Leadership::NoLeader("no manager in the Swarm's list leads".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::{MadeUp, Says, refuses, says};

    const NO_LEADER: &str = "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too \
                             few managers are online.";

    fn info(swarm: &str) -> Says {
        says(&format!(r#"{{"Swarm":{swarm}}}"#))
    }

    fn manager() -> Says {
        info(r#"{"NodeID":"one","LocalNodeState":"active","ControlAvailable":true,"Error":""}"#)
    }

    fn managers(leader: &str) -> Says {
        let node = |id: &str, member: &str| {
            format!(
                r#"{{"ID":"{id}","Description":{{"Engine":{{"Labels":{{"kit.uid":"u","kit.address":"{member}"}}}}}},
                    "ManagerStatus":{{"Leader":{},"Reachability":"reachable"}}}}"#,
                id == leader
            )
        };
        says(&format!("[{},{}]", node("one", "managers.m1"), node("two", "managers.m2")))
    }

    async fn looked(answers: Vec<Says>) -> Leadership {
        look(&MadeUp::saying(answers).engine, &"u".into()).await
    }

    #[tokio::test]
    async fn the_engine_whose_own_node_leads_says_so_and_others_name_the_leader() {
        assert_eq!(looked(vec![manager(), managers("one")]).await, Leadership::Leader);
        assert_eq!(looked(vec![manager(), managers("two")]).await, Leadership::Follower(Some("managers.m2".into())));
    }

    #[tokio::test]
    async fn a_swarm_without_a_leader_is_told_from_an_engine_that_does_not_answer() {
        let hidden =
            format!(r#"{{"NodeID":"one","LocalNodeState":"active","ControlAvailable":true,"Error":"{NO_LEADER}"}}"#);
        for answers in [
            vec![info(&hidden)],
            vec![refuses(503, NO_LEADER)],
            vec![manager(), refuses(500, NO_LEADER)],
            vec![manager(), refuses(503, NO_LEADER)],
            vec![manager(), managers("nobody")],
        ] {
            let seen = looked(answers).await;
            assert!(matches!(&seen, Leadership::NoLeader(why) if !why.contains("rpc")), "{seen:?}");
        }
    }

    #[tokio::test]
    async fn whoever_is_no_manager_or_does_not_say_is_unknown() {
        for answers in [
            vec![info(r#"{"LocalNodeState":"inactive","ControlAvailable":false}"#)],
            vec![info(r#"{"NodeID":"one","LocalNodeState":"active","ControlAvailable":false}"#)],
            vec![info(r#"{"NodeID":"one","LocalNodeState":"locked","ControlAvailable":false,"Error":"locked"}"#)],
            vec![info("{}")],
            vec![says("{}")],
            vec![says("no JSON")],
            vec![Says::Half],
            vec![manager(), Says::Half],
            vec![manager(), refuses(500, "rpc error: code = DeadlineExceeded desc = context deadline exceeded")],
            vec![manager(), says("[]")],
        ] {
            let seen = looked(answers).await;
            assert!(matches!(seen, Leadership::Unknown(_)), "{seen:?}");
        }
    }
}
