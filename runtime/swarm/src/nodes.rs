//! The Swarm's list of nodes, in the runtime's terms. Whatever of it is missing makes the whole unknown.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};

use bollard::models;
use bollard::models::{NodeSpecAvailabilityEnum, NodeSpecRoleEnum, TaskState};
use bollard::query_parameters::{ListNodesOptions, ListTasksOptions};
use kit_model::{
    Address, Availability, ClusterUid, Generation, ManagerStatus, Node, NodeId, NodeRole, NodeState, Reachability,
    SwarmView,
};

use crate::engine::{CALL_PATIENCE, Engine, EngineError};
use crate::names::{ADDRESS_LABEL, GENERATION_LABEL, UID_LABEL};

/// Every entry of the list, with the tasks that run on each.
pub(crate) async fn list(engine: &Engine, uid: &ClusterUid) -> Result<SwarmView, String> {
    let told = |error: EngineError| error.to_string();
    let every = None::<ListNodesOptions>;
    let listed = engine.ask(CALL_PATIENCE, async |docker| docker.list_nodes(every).await).await.map_err(told)?;
    let mut nodes = listed.into_iter().map(|node| node_of(node, uid)).collect::<Result<Vec<_>, _>>()?;
    nodes.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    let mut running = count(engine, &[("desired-state", vec!["running".to_owned()])]).await.map_err(told)?;
    let draining: Vec<String> = nodes
        .iter()
        .filter(|node| node.availability == Availability::Drain && node.state != NodeState::Down)
        .map(|node| node.id.to_string())
        .collect();
    // Tasks that are to end, and have not. Everywhere else these are the history of every service.
    if !draining.is_empty() {
        let ending = [("desired-state", vec!["shutdown".to_owned(), "remove".to_owned()]), ("node", draining)];
        for (node, tasks) in count(engine, &ending).await.map_err(told)? {
            *running.entry(node).or_default() += tasks;
        }
    }
    for node in &mut nodes {
        // What ran on a node that is down is not known to run, and does not leave it.
        if node.state != NodeState::Down {
            node.running_tasks = running.get(node.id.as_str()).copied().unwrap_or(0);
        }
    }
    Ok(SwarmView { nodes })
}

/// How many tasks of these run, by node.
async fn count(engine: &Engine, filters: &[(&str, Vec<String>)]) -> Result<BTreeMap<String, u32>, EngineError> {
    let filters: HashMap<String, Vec<String>> =
        filters.iter().map(|(name, values)| ((*name).to_owned(), values.clone())).collect();
    let options = ListTasksOptions { filters: Some(filters) };
    let tasks = engine.ask(CALL_PATIENCE, async |docker| docker.list_tasks(Some(options)).await).await?;
    let mut counted = BTreeMap::new();
    for task in tasks {
        let state = task.status.and_then(|status| status.state);
        if let (Some(node), Some(TaskState::STARTING | TaskState::RUNNING)) = (task.node_id, state) {
            *counted.entry(node).or_default() += 1;
        }
    }
    Ok(counted)
}

/// Which member or slot of the cluster `uid` the engine of a node says that it is.
pub(crate) fn address_of(node: &models::Node, uid: &ClusterUid) -> Option<Address> {
    label(node, UID_LABEL).filter(|marked| *marked == uid.as_str())?;
    label(node, ADDRESS_LABEL).map(Address::from)
}

fn label<'a>(node: &'a models::Node, name: &str) -> Option<&'a str> {
    node.description.as_ref()?.engine.as_ref()?.labels.as_ref()?.get(name).map(String::as_str)
}

fn node_of(node: models::Node, uid: &ClusterUid) -> Result<Node, String> {
    let address = address_of(&node, uid);
    let generation =
        label(&node, GENERATION_LABEL).filter(|_| address.is_some()).and_then(|text| text.parse().ok()).map(Generation);
    let ip = ip_of(&node);
    let Some(id) = node.id.filter(|id| !id.is_empty()) else {
        return Err("a node in the Swarm's list has no ID".into());
    };
    let without = |what: &str| format!("the Swarm's list does not say the {what} of node {id}");
    let spec = node.spec.ok_or_else(|| without("spec"))?;
    let role = match spec.role {
        Some(NodeSpecRoleEnum::MANAGER) => NodeRole::Manager,
        Some(NodeSpecRoleEnum::WORKER) => NodeRole::Worker,
        Some(NodeSpecRoleEnum::EMPTY) | None => return Err(without("role")),
    };
    let availability = match spec.availability {
        Some(NodeSpecAvailabilityEnum::ACTIVE) => Availability::Active,
        Some(NodeSpecAvailabilityEnum::PAUSE) => Availability::Pause,
        Some(NodeSpecAvailabilityEnum::DRAIN) => Availability::Drain,
        Some(NodeSpecAvailabilityEnum::EMPTY) | None => return Err(without("availability")),
    };
    let state = match node.status.and_then(|status| status.state) {
        Some(models::NodeState::READY) => NodeState::Ready,
        Some(models::NodeState::DOWN) => NodeState::Down,
        Some(models::NodeState::DISCONNECTED) => NodeState::Disconnected,
        Some(models::NodeState::UNKNOWN) | None => NodeState::Unknown,
    };
    let manager = node.manager_status.map(|status| ManagerStatus {
        leader: status.leader == Some(true),
        reachability: match status.reachability {
            Some(models::Reachability::REACHABLE) => Reachability::Reachable,
            Some(models::Reachability::UNREACHABLE) => Reachability::Unreachable,
            Some(models::Reachability::UNKNOWN) | None => Reachability::Unknown,
        },
    });
    let version = node.version.and_then(|version| version.index).ok_or_else(|| without("version"))?;
    let labels = spec.labels.unwrap_or_default().into_iter().collect();
    let id = NodeId::new(id);
    Ok(Node { id, address, generation, ip, role, availability, state, manager, running_tasks: 0, labels, version })
}

/// Where it was last seen. A manager's own address is what it advertises; the other one is where its connection came
/// from, and of the leader itself that is no address at all.
fn ip_of(node: &models::Node) -> Option<IpAddr> {
    let advertised = node.manager_status.as_ref().and_then(|status| status.addr.as_deref());
    let advertised = advertised.and_then(|text| text.parse::<SocketAddr>().ok()).map(|address| address.ip());
    let seen = node.status.as_ref().and_then(|status| status.addr.as_deref()).and_then(|text| text.parse().ok());
    advertised.or(seen).filter(|ip| !ip.is_unspecified() && !ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::{MadeUp, Says, refuses, says};

    const NODES: &str = r#"[
      {"ID":"b","Version":{"Index":20},"Spec":{"Role":"worker","Availability":"drain","Labels":{"disk":"ssd"}},
       "Description":{"Engine":{"Labels":{"kit.uid":"u","kit.address":"workers.1","kit.generation":"7"}}},
       "Status":{"State":"ready","Addr":"172.31.16.2"}},
      {"ID":"a","Version":{"Index":10},"Spec":{"Role":"manager","Availability":"active"},
       "Description":{"Engine":{"Labels":{"kit.uid":"u","kit.address":"managers.m1","kit.generation":"0"}}},
       "Status":{"State":"ready","Addr":"0.0.0.0"},
       "ManagerStatus":{"Leader":true,"Reachability":"reachable","Addr":"172.31.16.101:2377"}},
      {"ID":"c","Version":{"Index":30},"Spec":{"Role":"manager","Availability":"active"},
       "Description":{"Engine":{"Labels":{"kit.uid":"another","kit.address":"managers.m1"}}},
       "Status":{"State":"unknown","Addr":"172.31.16.101"},
       "ManagerStatus":{"Reachability":"unknown","Addr":"172.31.16.101:2377"}},
      {"ID":"d","Version":{"Index":40},"Spec":{"Role":"worker","Availability":"active"},"Status":{"State":"down"}}
    ]"#;

    fn tasks(of: &[(&str, &str)]) -> Says {
        let tasks: Vec<_> = of
            .iter()
            .map(|(node, state)| serde_json::json!({ "NodeID": node, "Status": { "State": state } }))
            .collect();
        says(&serde_json::Value::from(tasks).to_string())
    }

    #[tokio::test]
    async fn every_entry_is_told_with_what_it_says_of_itself() {
        let running = [("a", "running"), ("a", "starting"), ("a", "pending"), ("d", "running")];
        let made_up = MadeUp::saying(vec![
            says(NODES),
            tasks(&running),
            tasks(&[("b", "running"), ("b", "shutdown"), ("b", "failed")]),
        ]);
        let seen = list(&made_up.engine, &"u".into()).await.unwrap().nodes;
        assert_eq!(seen.iter().map(|node| node.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
        let [a, b, c, d] = seen.as_slice() else { panic!("four") };
        assert_eq!((a.address.as_ref().unwrap().as_str(), a.generation), ("managers.m1", Some(Generation(0))));
        assert_eq!((a.ip, a.running_tasks, a.version), (Some("172.31.16.101".parse().unwrap()), 2, 10));
        assert!(a.is_healthy_voter() && a.manager.unwrap().leader);
        assert_eq!((b.availability, b.running_tasks, b.manager), (Availability::Drain, 1, None));
        assert_eq!((b.labels["disk"].as_str(), b.ip), ("ssd", Some("172.31.16.2".parse().unwrap())));
        // A phantom, and a node of another cluster: entries like any other, and nobody's.
        assert_eq!((c.address.clone(), c.ip), (None, a.ip));
        assert!(c.is_unknown() && c.manager.is_some());
        assert_eq!((d.state, d.running_tasks, d.address.clone()), (NodeState::Down, 0, None));
        assert!(made_up.asked()[2].contains("node"), "{:?}", made_up.asked());
    }

    #[tokio::test]
    async fn a_list_of_which_a_part_is_missing_is_no_list() {
        let cut = |from: &str, to: &str| says(&NODES.replacen(from, to, 1));
        let none = || tasks(&[]);
        for answers in [
            vec![refuses(503, "The swarm does not have a leader")],
            vec![cut(r#""Version":{"Index":20},"#, "")],
            vec![cut(r#""Role":"worker","#, "")],
            vec![cut(r#""Availability":"drain","#, "")],
            vec![cut(r#""ID":"b","#, "")],
            vec![cut(r#""State":"ready""#, r#""State":"a new one""#)],
            vec![Says::Half],
            vec![says(NODES), refuses(500, "no tasks")],
            vec![says(NODES), none(), Says::Half],
        ] {
            list(&MadeUp::saying(answers).engine, &"u".into()).await.unwrap_err();
        }
    }
}
