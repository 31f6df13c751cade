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
    pub via: Result<Address, OperatorError>,
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
    /// True where a replica may run that does not show itself here.
    pub replicas_elsewhere: bool,
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
            let nobody = OperatorError::new(crate::codes::NOT_FORMED, why.clone());
            return Ok(ClusterView {
                at,
                anchor,
                inventory: Ok(Inventory { complete: true, at, ..Inventory::default() }),
                via: Err(nobody),
                leader: None,
                head: None,
                swarm: Err(why),
                specs: Specs::new(),
                cached: None,
                replicas: BTreeMap::new(),
                replicas_elsewhere: false,
                memory: None,
            });
        };
        // The head before the machines, as in a replica's look.
        let first = match spec {
            Some(_) => None,
            None => self.list(&claimed.uid, None).await.ok(),
        };
        let asked = self.candidates(&claimed.uid, spec, first.as_ref()).await;
        let reached = self.reach(&asked).await;
        let mut specs = Specs::new();
        let mut swarm = Err(reached.as_ref().err().map(|error| error.in_one_line()).unwrap_or_default());
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
        // Of all that ever showed themselves here: a replica goes on looking when its machine is gone.
        for directory in self.member_directories() {
            if let Ok(Some(shown)) = status_in(&directory) {
                replicas.insert(shown.replica.clone(), shown);
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
            via: reached.map(|reached| reached.via),
            leader,
            head,
            swarm,
            specs,
            cached,
            replicas,
            replicas_elsewhere: self.site.has_replicas_elsewhere(),
            memory,
        })
    }

    /// Whom to ask. Where nothing is named and no machine of a member is listed any more, those that were committed last:
    /// their replicas still show themselves.
    pub(super) async fn candidates(
        &self,
        uid: &ClusterUid,
        spec: Option<&Spec>,
        inventory: Option<&Inventory>,
    ) -> Vec<Address> {
        let listed = candidates(spec, inventory);
        if !listed.is_empty() || spec.is_some() {
            return listed;
        }
        let cached = self.cached(uid).await;
        candidates(cached.as_ref().map(|(_, spec)| &**spec), None)
    }

    /// The latest head in the caches on this machine: of replicas, and of the operators that changed it.
    pub(super) async fn cached(&self, uid: &ClusterUid) -> Option<(Versioned<Head>, Arc<Spec>)> {
        let members = self.member_directories().into_iter();
        // Only what is there: who looks makes nothing.
        let places = members.chain([self.own_cache()]).filter(|path| path.join("head.json").exists());
        let states: Vec<StateDirectory> = places.filter_map(|path| StateDirectory::open(path).ok()).collect();
        let head = states
            .iter()
            .filter_map(StateDirectory::cached_head)
            // The name may have been another cluster's before.
            .filter(|head| head.value.uid == *uid)
            .max_by_key(|head| head.version)?;
        for state in &states {
            if let Ok(bytes) = state.revisions().revision(&head.value.revision).await
                && let Ok(spec) = spec_of(&bytes, &head.value.revision)
            {
                return Some((head, Arc::new(spec)));
            }
        }
        None
    }

    /// Where replicas keep their files on this machine, as far as they ever ran here.
    fn member_directories(&self) -> Vec<std::path::PathBuf> {
        let members = std::fs::read_dir(self.site.directory().join("members"));
        members.into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    }

    /// Where operators on this machine keep what they committed last.
    fn own_cache(&self) -> std::path::PathBuf {
        self.site.directory().join("operator")
    }

    /// Keeps a head, and its revision if it is at hand, for when no manager answers any more. It is no truth: where it
    /// cannot be kept, nothing is lost but words.
    pub async fn remember(&self, head: &Versioned<Head>, revision: Option<&[u8]>) {
        let Ok(state) = StateDirectory::open(self.own_cache()) else { return };
        let _ = state.cache_head(head);
        if let Some(bytes) = revision {
            let _ = state.revisions().put_revision(&head.value.revision, bytes).await;
        }
        let named: Vec<_> = head.value.revisions().cloned().collect();
        let _ = state.revisions().prune_unnamed(&named);
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
