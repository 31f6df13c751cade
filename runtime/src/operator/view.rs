//! Everything that an operator's process can see of a cluster in one look.

use std::collections::BTreeMap;
use std::sync::Arc;

use kit_model::{
    Address, Anchor, ClusterUid, Head, Inventory, Leadership, Now, Spec, SpecStore as _, SwarmView, Versioned,
};
use kit_planner::Specs;
use tokio::time::timeout;

use super::Operator;
use super::reach::candidates;
use crate::error::OperatorError;
use crate::executor::spec_of;
use crate::shown::{ShownMemory, ShownStatus, memory_in, status_in};
use crate::state_directory::StateDirectory;
use crate::surroundings::HostState;

/// One look at a cluster. What gave no answer says why and is never taken for absent.
#[derive(Debug, Clone)]
pub struct ClusterView {
    /// When it was begun.
    pub at: Now,
    /// Who claimed the cluster's name.
    pub anchor: Option<Anchor>,
    /// What the provider lists.
    pub inventory: Result<Inventory, String>,
    /// The manager that was asked; none if no manager answers, and why.
    pub via: Result<Address, String>,
    /// Who leads the Swarm.
    pub leader: Option<Address>,
    /// The head; none if no manager answers, or there is none yet.
    pub head: Option<Versioned<Head>>,
    /// The Swarm's nodes.
    pub swarm: Result<SwarmView, String>,
    /// The revisions that the head names, as far as they could be read.
    pub specs: Specs,
    /// The latest head that a replica on this machine cached, and its spec: what was last seen while no manager
    /// answers. Nothing is decided by it.
    pub cached: Option<(Versioned<Head>, Arc<Spec>)>,
    /// What the replicas show of themselves.
    pub replicas: BTreeMap<Address, ShownStatus>,
    /// What the holder of the head remembers.
    pub memory: Option<ShownMemory>,
}

impl ClusterView {
    /// The spec of the committed revision.
    #[must_use]
    pub fn committed(&self) -> Option<&Arc<Spec>> {
        self.specs.get(&self.head.as_ref()?.value.revision)
    }
}

impl Operator {
    /// Looks at the cluster. `spec` says whom to ask while nothing is committed.
    ///
    /// # Errors
    /// When the provider does not even say whether the cluster was claimed.
    pub async fn view(&self, spec: Option<&Spec>) -> Result<ClusterView, OperatorError> {
        let at = self.site.clock_now();
        let anchor = self.anchor().await?;
        let Some(claimed) = &anchor else {
            let why = format!("the cluster {} has not been claimed", self.site.cluster());
            return Ok(ClusterView {
                at,
                anchor,
                inventory: Ok(Inventory { complete: true, at, ..Inventory::default() }),
                via: Err(why.clone()),
                leader: None,
                head: None,
                swarm: Err(why),
                specs: Specs::new(),
                cached: None,
                replicas: BTreeMap::new(),
                memory: None,
            });
        };
        // The head before the machines, as in a replica's look.
        let first = match spec {
            Some(_) => None,
            None => self.list(&claimed.uid, None).await.ok(),
        };
        let asked = candidates(spec, first.as_ref());
        let reached = self.reach(&asked).await;
        let mut specs = Specs::new();
        let mut swarm = Err(reached.as_ref().err().map(|error| error.message.clone()).unwrap_or_default());
        let (mut head, mut leader) = (None, None);
        if let Ok(reached) = &reached {
            head.clone_from(&reached.head);
            leader.clone_from(&reached.leader);
            if let Some(head) = &head {
                for revision in head.value.revisions() {
                    if specs.get(revision).is_none()
                        && let Ok(Ok(bytes)) = timeout(self.patience(), reached.store().revision(revision)).await
                        && let Ok(spec) = spec_of(&bytes, revision)
                    {
                        specs.insert(Arc::new(spec));
                    }
                }
            }
            swarm = timeout(self.patience(), reached.surroundings.swarm.nodes())
                .await
                .unwrap_or_else(|_| Err("the Swarm gave no answer in time".to_owned()));
        }
        let committed = head.as_ref().and_then(|head| specs.get(&head.value.revision)).map(Arc::as_ref);
        let inventory = self.list(&claimed.uid, committed.or(spec)).await.map_err(|error| error.message);
        let mut replicas = BTreeMap::new();
        for member in &asked {
            if let Ok(Some(shown)) = status_in(&self.site.member_directory(member)) {
                replicas.insert(member.clone(), shown);
            }
        }
        let cached = if head.is_none() { self.cached(&claimed.uid).await } else { None };
        let holder = head.as_ref().and_then(|head| head.value.holder.as_ref());
        let memory = holder
            .and_then(|holder| memory_in(&self.site.member_directory(&holder.member)).ok().flatten())
            .filter(|memory| Some(&memory.boot_id) == holder.map(|holder| &holder.boot_id));
        Ok(ClusterView {
            at,
            anchor,
            inventory,
            via: reached.map(|reached| reached.via).map_err(|error| error.message),
            leader,
            head,
            swarm,
            specs,
            cached,
            replicas,
            memory,
        })
    }

    /// The latest head in the caches of the replicas on this machine.
    async fn cached(&self, uid: &ClusterUid) -> Option<(Versioned<Head>, Arc<Spec>)> {
        let entries = std::fs::read_dir(self.site.directory().join("members")).ok()?;
        let states = entries.flatten().filter_map(|entry| StateDirectory::open(entry.path()).ok());
        let (head, state) = states
            .filter_map(|state| Some((state.cached_head()?, state)))
            // The name may have been another cluster's before.
            .filter(|(head, _)| head.value.uid == *uid)
            .max_by_key(|(head, _)| (head.value.epoch, head.version))?;
        let bytes = state.revisions().revision(&head.value.revision).await.ok()?;
        let spec = spec_of(&bytes, &head.value.revision).ok()?;
        Some((head, Arc::new(spec)))
    }

    /// Whether the machine of `member` runs, and since which boot.
    pub async fn machine_of(&self, member: &Address) -> HostState {
        let surroundings = self.site.beside(member);
        timeout(self.patience(), surroundings.host.state())
            .await
            .unwrap_or_else(|_| HostState::Down("it gave no answer in time".to_owned()))
    }

    /// What the engine beside `member` says of leadership.
    pub async fn leadership_at(&self, member: &Address) -> Leadership {
        let surroundings = self.site.beside(member);
        timeout(self.patience(), surroundings.detector.look())
            .await
            .unwrap_or_else(|_| Leadership::Unknown("it gave no answer in time".to_owned()))
    }
}
