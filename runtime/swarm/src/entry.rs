//! How an engine comes into a Swarm: it begins one, or is let into one. The Swarm's tokens go from the engine that has them
//! to the one that needs one, and nowhere else.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bollard::models::{LocalNodeState, SwarmInitRequest, SwarmJoinRequest};
use kit_model::NodeId;

use crate::engine::{Engine, EngineError, LOOK_PATIENCE, words_of};

/// Where managers listen for each other.
const SWARM_PORT: u16 = 2377;

/// Where an engine listens for the Swarm: everywhere, and says one address of it.
const LISTEN: &str = "0.0.0.0:2377";

/// How long an engine may take to come in; it gives up by itself after 20 s, and goes on trying.
const ENTRY_PATIENCE: Duration = Duration::from_secs(30);

/// An engine's part in a Swarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// None.
    None,
    /// It is this node, and answers the Swarm.
    Active {
        /// Which.
        node: NodeId,
        /// The address that it goes by in the Swarm.
        ip: Option<IpAddr>,
        /// True if it is a manager that can be asked.
        is_manager: bool,
    },
    /// It is on its way, and why it is not there, as the engine says it.
    Pending(String),
    /// It has one that it cannot open.
    Locked,
}

/// A token with which an engine comes in. It is shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct EntryToken(String);

impl fmt::Debug for EntryToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EntryToken(…)")
    }
}

impl Engine {
    /// True once it answers.
    pub async fn answers(&self) -> bool {
        self.ask(LOOK_PATIENCE, async |docker| docker.ping().await).await.is_ok()
    }

    /// Its part in a Swarm.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn part(&self) -> Result<Part, EngineError> {
        let info = self.ask(LOOK_PATIENCE, async |docker| docker.info().await).await?;
        let swarm = info.swarm.unwrap_or_default();
        let said = words_of(&swarm.error.unwrap_or_default()).to_owned();
        Ok(match (swarm.local_node_state, swarm.node_id.filter(|node| !node.is_empty())) {
            (Some(LocalNodeState::ACTIVE), Some(node)) => Part::Active {
                node: NodeId::new(node),
                ip: swarm.node_addr.and_then(|text| text.parse().ok()),
                is_manager: swarm.control_available == Some(true),
            },
            (Some(LocalNodeState::LOCKED), _) => Part::Locked,
            (None | Some(LocalNodeState::INACTIVE | LocalNodeState::EMPTY), _) => Part::None,
            (Some(LocalNodeState::PENDING | LocalNodeState::ERROR | LocalNodeState::ACTIVE), _) => Part::Pending(said),
        })
    }

    /// Begins a Swarm, of which this engine is the first manager, at the address `ip`.
    ///
    /// # Errors
    /// When it does not answer, or has a part in one.
    pub async fn begin_swarm(&self, ip: IpAddr) -> Result<(), EngineError> {
        let request = SwarmInitRequest {
            listen_addr: Some(LISTEN.to_owned()),
            advertise_addr: Some(ip.to_string()),
            ..SwarmInitRequest::default()
        };
        self.ask(ENTRY_PATIENCE, async |docker| docker.init_swarm(request).await).await.map(drop)
    }

    /// The token with which a manager, or a worker, comes into the Swarm that this engine manages.
    ///
    /// # Errors
    /// When it does not answer, or does not manage one.
    pub async fn entry_token(&self, manager: bool) -> Result<EntryToken, EngineError> {
        let swarm = self.ask(LOOK_PATIENCE, async |docker| docker.inspect_swarm().await).await?;
        let tokens = swarm.join_tokens.unwrap_or_default();
        let token = if manager { tokens.manager } else { tokens.worker };
        token
            .map(EntryToken)
            .ok_or_else(|| EngineError::Silent("the engine did not say how others come into its Swarm".to_owned()))
    }

    /// Has this engine come into the Swarm of the manager at `manager`, at the address `ip`.
    ///
    /// # Errors
    /// When it does not answer, has a part in a Swarm, or is not let in.
    pub async fn enter_swarm(&self, token: EntryToken, manager: IpAddr, ip: IpAddr) -> Result<(), EngineError> {
        let request = SwarmJoinRequest {
            listen_addr: Some(LISTEN.to_owned()),
            advertise_addr: Some(ip.to_string()),
            remote_addrs: Some(vec![SocketAddr::new(manager, SWARM_PORT).to_string()]),
            join_token: Some(token.0),
            ..SwarmJoinRequest::default()
        };
        self.ask(ENTRY_PATIENCE, async |docker| docker.join_swarm(request).await).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::{MadeUp, says};

    #[tokio::test]
    async fn an_engine_says_its_part_in_a_swarm() {
        let swarm = |text: &str| says(&format!(r#"{{"Swarm":{text}}}"#));
        let made_up = MadeUp::saying(vec![
            swarm(r#"{"LocalNodeState":"inactive","NodeID":""}"#),
            swarm(r#"{"LocalNodeState":"active","NodeID":"n","NodeAddr":"10.0.0.1","ControlAvailable":true}"#),
            swarm(r#"{"LocalNodeState":"pending","NodeID":"n","Error":"rpc error: code = Unknown desc = why"}"#),
            swarm(r#"{"LocalNodeState":"locked"}"#),
        ]);
        let active = Part::Active { node: "n".into(), ip: Some([10, 0, 0, 1].into()), is_manager: true };
        for expected in [Part::None, active, Part::Pending("why".to_owned()), Part::Locked] {
            assert_eq!(made_up.engine.part().await.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn a_token_is_shown_to_nobody() {
        let made_up = MadeUp::saying(vec![says(r#"{"JoinTokens":{"Manager":"SWMTKN-m","Worker":"SWMTKN-w"}}"#)]);
        let token = made_up.engine.entry_token(true).await.unwrap();
        assert_eq!(token, EntryToken("SWMTKN-m".to_owned()));
        assert!(!format!("{token:?}").contains("SWMTKN"));
    }
}
