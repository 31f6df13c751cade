//! Carries out one effect and brings back its answer.
//!
//! Nothing is decided here. Each call is sent once; what took too long has an unknown outcome.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kit_graph::Graph;
use kit_model::{
    Anchor, Call, ClusterUid, CommitResult, EffectId, Event, Head, HeadError, HeadVersion, Inventory, Leadership, Now,
    Observation, Outcome, Policy, RevisionId, Spec, SpecStore, StoreError, SwarmView, Versioned,
};
use kit_planner::Gate;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::state_directory::StateDirectory;
use crate::surroundings::Surroundings;

/// How many calls are under way at once: as many as a provider's request limits bear, and enough that a
/// full batch fits into one permit.
const MAX_CALLS: usize = 10;

/// Carries out effects for one replica.
pub(crate) struct Executor {
    surroundings: Surroundings,
    state: Arc<StateDirectory>,
    policy: Policy,
    gate: Mutex<Gate>,
    calls: Semaphore,
    /// Addresses that the cluster's members own, from every revision read: who holds them is asked for.
    ips: Mutex<BTreeSet<IpAddr>>,
    /// The head that lies in the cache.
    cached: Mutex<Option<HeadVersion>>,
    /// Whose calls these are, once the head or the anchor said it.
    uid: Mutex<Option<ClusterUid>>,
}

impl Executor {
    pub(crate) fn new(
        surroundings: Surroundings,
        state: Arc<StateDirectory>,
        policy: Policy,
        uid: Option<ClusterUid>,
    ) -> Self {
        Self {
            surroundings,
            state,
            policy,
            gate: Mutex::new(Gate::closed()),
            calls: Semaphore::new(MAX_CALLS),
            ips: Mutex::new(BTreeSet::new()),
            cached: Mutex::new(None),
            uid: Mutex::new(uid),
        }
    }

    /// From now on calls are admitted by `gate`.
    pub(crate) fn publish(&self, gate: Gate) {
        *self.gate.lock().unwrap_or_else(PoisonError::into_inner) = gate;
    }

    pub(crate) fn now(&self) -> Now {
        self.surroundings.clock.now()
    }

    /// The look that saw nothing: what a look comes to that died.
    pub(crate) fn saw_nothing(begun: Now, full: bool, why: &str) -> Observation {
        Observation {
            begun,
            leadership: Leadership::Unknown(why.to_owned()),
            head: Err(StoreError::Unavailable(why.to_owned())),
            head_unreadable: None,
            inventory: full.then(|| Err(why.to_owned())),
            swarm: full.then(|| Err(why.to_owned())),
            boot_findings: Vec::new(),
            anchor: None,
        }
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(self.policy.call_timeout_ms)
    }

    /// Looks around. The head is read before the machines are listed: what a later head journals would
    /// otherwise be missed in an earlier listing.
    pub(crate) async fn observe(&self, id: EffectId, full: bool) -> Event {
        let begun = self.surroundings.clock.now();
        let patience = self.patience();
        let leadership = timeout(patience, self.surroundings.detector.look())
            .await
            .unwrap_or_else(|_| Leadership::Unknown(too_long("the engine", patience)));
        let read = timeout(patience, self.surroundings.store.head())
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable(too_long("the store", patience))));
        let head_unreadable = match &read {
            Err(StoreError::TooNew { format }) => Some(HeadError::TooNew { format: *format }),
            _ => None,
        };
        if let Ok(Some(head)) = &read {
            self.remember(head);
        }
        let boot_findings = timeout(patience, self.surroundings.host.boot_findings()).await.unwrap_or_default();
        let mut observation = Observation {
            begun,
            leadership,
            head: read,
            head_unreadable,
            inventory: None,
            swarm: None,
            boot_findings,
            anchor: None,
        };
        if full {
            observation.anchor = self.anchor().await;
            let uid = match &observation.head {
                Ok(Some(head)) => Some(head.value.uid.clone()),
                _ => observation.anchor.as_ref().map(|anchor| anchor.uid.clone()),
            };
            if uid.is_some() {
                uid.clone_into(&mut self.uid.lock().unwrap_or_else(PoisonError::into_inner));
            }
            let (inventory, swarm) = tokio::join!(
                async {
                    match &uid {
                        Some(uid) => self.list(uid).await,
                        None => Err(format!("no cluster named {} has been claimed", self.surroundings.cluster)),
                    }
                },
                self.nodes(),
            );
            observation.inventory = Some(inventory);
            observation.swarm = Some(swarm);
        }
        Event::Observed(id, Box::new(observation))
    }

    async fn anchor(&self) -> Option<Anchor> {
        timeout(self.patience(), self.surroundings.provider.anchor(&self.surroundings.cluster)).await.ok()?.ok()?
    }

    async fn list(&self, uid: &ClusterUid) -> Result<Arc<Inventory>, String> {
        let ips: Vec<IpAddr> = self.ips.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        let patience = self.patience();
        match timeout(patience, self.surroundings.provider.list(uid, &ips)).await {
            Ok(Ok(inventory)) => Ok(Arc::new(inventory)),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(too_long("the provider", patience)),
        }
    }

    async fn nodes(&self) -> Result<Arc<SwarmView>, String> {
        let patience = self.patience();
        timeout(patience, self.surroundings.swarm.nodes())
            .await
            .unwrap_or_else(|_| Err(too_long("the Swarm", patience)))
            .map(Arc::new)
    }

    /// Keeps the head for a rescue, once for each version.
    fn remember(&self, head: &Versioned<Head>) {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        // A cache that cannot be written costs a rescue, not the cluster: the next look tries again.
        if *cached != Some(head.version) && self.state.cache_head(head).is_ok() {
            *cached = Some(head.version);
        }
    }

    /// Reads a revision, from the cache or the store.
    pub(crate) async fn load(&self, id: EffectId, revision: RevisionId) -> Event {
        let loaded = self.spec(&revision).await;
        Event::Revision(id, revision, loaded)
    }

    async fn spec(&self, revision: &RevisionId) -> Result<Arc<Spec>, String> {
        if let Ok(spec) = self.cached_spec(revision).await {
            return Ok(spec);
        }
        let patience = self.patience();
        let bytes = timeout(patience, self.surroundings.store.revision(revision))
            .await
            .map_err(|_| too_long("the store", patience))?
            .map_err(|error| error.to_string())?;
        let spec = spec_of(&bytes, revision)?;
        // Without the cache it is read again after a restart.
        let _ = self.state.revisions().put_revision(revision, &bytes).await;
        if let Some(head) = self.state.cached_head() {
            let named: Vec<RevisionId> = head.value.revisions().cloned().collect();
            // What is too much in a cache costs space, and the next revision tries again.
            let _ = self.state.revisions().prune_unnamed(&named);
        }
        Ok(self.known(spec))
    }

    /// The spec of a revision in the cache.
    pub(crate) async fn cached_spec(&self, revision: &RevisionId) -> Result<Arc<Spec>, String> {
        let bytes = self.state.revisions().revision(revision).await.map_err(|error| error.to_string())?;
        Ok(self.known(spec_of(&bytes, revision)?))
    }

    fn known(&self, spec: Spec) -> Arc<Spec> {
        let ips = spec.members.values().filter_map(|member| member.ip);
        self.ips.lock().unwrap_or_else(PoisonError::into_inner).extend(ips);
        Arc::new(spec)
    }

    /// Writes the first head, after its revision, which the machine was given when it was made.
    pub(crate) async fn create_head(&self, id: EffectId, head: &Head, revision: &RevisionId) -> Event {
        let write = async {
            match self.state.revisions().revision(revision).await {
                Ok(bytes) => match self.surroundings.store.put_revision(revision, &bytes).await {
                    Ok(()) => self.surroundings.store.create_head(head).await,
                    Err(error) => CommitResult::Unknown(format!("the revision was not kept: {error}")),
                },
                Err(error) => CommitResult::Unknown(format!("the seed was not given its revision: {error}")),
            }
        };
        Event::Committed(id, self.committed(write).await)
    }

    /// Replaces the head.
    pub(crate) async fn commit(&self, id: EffectId, base: HeadVersion, head: &Head) -> Event {
        Event::Committed(id, self.committed(self.surroundings.store.update_head(base, head)).await)
    }

    async fn committed(&self, write: impl Future<Output = CommitResult>) -> CommitResult {
        let patience = self.patience();
        timeout(patience, write).await.unwrap_or_else(|_| CommitResult::Unknown(too_long("the store", patience)))
    }

    /// Sends a call, once. The gate is asked by the provider last of all, as it stands at that moment.
    pub(crate) async fn send(&self, call: Call) -> Event {
        let uid = self.uid.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(uid) = uid else {
            return Event::Called(call.id, Outcome::NotSent("the cluster's identity is not known".to_owned()));
        };
        let Ok(_turn) = self.calls.acquire().await else {
            return Event::Called(call.id, Outcome::NotSent("the replica ends".to_owned()));
        };
        let admission = || {
            let gate = *self.gate.lock().unwrap_or_else(PoisonError::into_inner);
            gate.admit(&call, &self.policy, self.surroundings.clock.now()).map_err(|refusal| refusal.to_string())
        };
        let patience = self.patience();
        let send = async {
            if call.action.is_for_swarm() {
                self.surroundings.swarm.send(&call, &admission).await
            } else {
                self.surroundings.provider.send(&uid, &call, &admission).await
            }
        };
        let outcome =
            timeout(patience, send).await.unwrap_or_else(|_| Outcome::Unknown(too_long("the provider", patience)));
        Event::Called(call.id, outcome)
    }

    /// Stops the engine of this machine.
    pub(crate) async fn stop_engine(&self, id: EffectId) -> Event {
        let patience = self.patience();
        let stopped = timeout(patience, self.surroundings.swarm.stop_local_engine())
            .await
            .unwrap_or_else(|_| Err(too_long("the engine", patience)));
        Event::EngineStopped(id, stopped)
    }

    /// Starts the engine of this machine, if it does not run.
    pub(crate) async fn start_engine(&self, id: EffectId) -> Event {
        let patience = self.patience();
        let started = timeout(patience, self.surroundings.swarm.start_local_engine())
            .await
            .unwrap_or_else(|_| Err(too_long("the engine", patience)));
        Event::EngineStarted(id, started)
    }
}

/// What `bytes` ask for, if they are the graph named `revision`.
pub(crate) fn spec_of(bytes: &[u8], revision: &RevisionId) -> Result<Spec, String> {
    let graph = Graph::from_bytes(bytes).map_err(|error| error.to_string())?;
    if graph.hash != revision.as_str() {
        return Err(format!("the store gave the graph {} for it", graph.hash));
    }
    Spec::from_graph(&graph).map_err(|error| error.to_string())
}

fn too_long(who: &str, patience: Duration) -> String {
    format!("{who} gave no answer within {} s", patience.as_secs())
}

#[cfg(test)]
pub(crate) mod tests;
