//! A way to the head: through any manager whose Swarm has a leader.

use std::sync::Arc;

use kit_model::{Address, Head, Leadership, Spec, SpecStore, StoreError, Versioned};
use tokio::time::timeout;

use super::Operator;
use crate::codes;
use crate::error::OperatorError;
use crate::surroundings::{HostState, Surroundings};

/// A manager that answered.
#[derive(Clone)]
pub struct Reached {
    /// Which.
    pub via: Address,
    /// Who leads, as it says.
    pub leader: Option<Address>,
    /// The head that it showed.
    pub head: Option<Versioned<Head>>,
    /// What stands around it.
    pub surroundings: Surroundings,
}

impl Reached {
    /// The store, through this manager.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn SpecStore> {
        &self.surroundings.store
    }
}

/// Whom to ask: the members of the group that leads, or, without a spec, every named machine that exists.
pub(crate) fn candidates(spec: Option<&Spec>, inventory: Option<&kit_model::Inventory>) -> Vec<Address> {
    let mut found: Vec<Address> =
        spec.and_then(Spec::leader_group).map(|group| group.members.clone()).unwrap_or_default();
    let machines = inventory.iter().flat_map(|inventory| &inventory.machines);
    for machine in machines {
        let address = &machine.marks.address;
        // Slots are workers: they hold no part of the store.
        if !machine.state.is_terminal() && address.slot().is_none() && !found.contains(address) {
            found.push(address.clone());
        }
    }
    found
}

impl Operator {
    /// Finds a manager through which the head can be read. The one that leads is preferred: a follower that
    /// was cut off shows an old head.
    ///
    /// # Errors
    /// When none answers; the message says what each said.
    pub async fn reach(&self, candidates: &[Address]) -> Result<Reached, OperatorError> {
        let only = self.site.goes_through().map(std::slice::from_ref);
        let candidates = only.unwrap_or(candidates);
        let mut said = Vec::new();
        let mut following = None;
        for via in candidates {
            match self.ask(via).await {
                Ok(reached) if reached.leader.as_ref() == Some(via) => return Ok(reached),
                Ok(reached) => {
                    following.get_or_insert(reached);
                }
                Err(why) => said.push(format!("{via}: {why}")),
            }
        }
        following.ok_or_else(|| {
            let message = if said.is_empty() {
                format!("the cluster {} has no manager yet", self.site.cluster())
            } else {
                format!("no manager of {} answers", self.site.cluster())
            };
            OperatorError::new(codes::NO_MANAGER_ANSWERS, message)
                .with_causes(said)
                .with_help("`kitc status` shows which machines run; after the loss of a leader try again in 20 s")
        })
    }

    async fn ask(&self, via: &Address) -> Result<Reached, String> {
        let surroundings = self.site.beside(via);
        let patience = self.patience();
        let answer = async {
            match surroundings.host.state().await {
                HostState::Running(_) => {}
                HostState::Frozen => return Err("it does not answer".to_owned()),
                HostState::Down(why) => return Err(why),
            }
            let leader = match surroundings.detector.look().await {
                Leadership::Leader => Some(via.clone()),
                Leadership::Follower(leader) => leader,
                Leadership::NoLeader(why) | Leadership::Unknown(why) => return Err(why),
            };
            let head = surroundings.store.head().await.map_err(|error| match error {
                StoreError::Unavailable(why) => why,
                other => other.to_string(),
            })?;
            Ok((leader, head))
        };
        let (leader, head) =
            timeout(patience, answer).await.map_err(|_| format!("no answer within {} s", patience.as_secs()))??;
        Ok(Reached { via: via.clone(), leader, head, surroundings })
    }
}
