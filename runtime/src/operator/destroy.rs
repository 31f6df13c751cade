//! The end of a cluster: committed first, so that nothing heals; then machines, then resources, then the
//! anchor. Volumes only by their literal names.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kit_model::{Address, ClusterUid, Inventory, MachineId, Outcome, PermitState, Spec, VolumeId, VolumeState};
use kit_planner::Attempts;
use tokio::time::{Instant, sleep};

use super::{Operator, Progress};
use crate::codes;
use crate::error::OperatorError;

/// How long a destruction may take: machines that shut down slowly take some minutes.
const PATIENCE: Duration = Duration::from_secs(1800);

/// How long between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How many complete listings, as far apart as absence needs, show that no manager runs.
const LOOKS_FOR_NOBODY: u32 = 2;

/// What a destruction left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destroyed {
    /// How many machines were ended.
    pub machines: usize,
    /// Volumes that were removed, each named by the operator.
    pub removed: Vec<VolumeId>,
    /// Volumes that are left.
    pub kept: Vec<VolumeId>,
}

/// What a destruction would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destruction {
    /// Machines that would end: whose, and which.
    pub machines: Vec<(Address, MachineId)>,
    /// Resources that would go.
    pub resources: Vec<Address>,
    /// Volumes that would go with all they hold: whose, and which.
    pub removed: Vec<(Address, VolumeId)>,
    /// Volumes that would be kept.
    pub kept: Vec<(Address, VolumeId)>,
}

impl Operator {
    /// What [`Operator::destroy`] would do. It changes nothing.
    ///
    /// # Errors
    /// When nobody claimed the name, a volume is named that is not the cluster's, or the provider gives no answer.
    pub async fn plan_destruction(
        &self,
        spec: &Spec,
        volumes: &BTreeSet<VolumeId>,
    ) -> Result<Destruction, OperatorError> {
        let anchor = self.anchor().await?.ok_or_else(|| self.nothing_left())?;
        let inventory = self.list(&anchor.uid, Some(spec)).await?;
        are_ours(volumes, &inventory)?;
        let mut planned = Destruction::default();
        for machine in inventory.machines.iter().filter(|machine| !machine.state.is_terminal()) {
            planned.machines.push((machine.marks.address.clone(), machine.id.clone()));
        }
        planned.resources.extend(inventory.resources.iter().map(|resource| resource.address.clone()));
        for volume in &inventory.volumes {
            let side = if volumes.contains(&volume.id) { &mut planned.removed } else { &mut planned.kept };
            side.push((volume.marks.address.clone(), volume.id.clone()));
        }
        for sorted in [&mut planned.removed, &mut planned.kept] {
            sorted.sort();
        }
        planned.machines.sort();
        planned.resources.sort();
        Ok(planned)
    }

    fn nothing_left(&self) -> OperatorError {
        OperatorError::new(codes::NO_CLUSTER, format!("there is no cluster {} here any more", self.site.cluster()))
            .with_help("it was destroyed with its volumes, or never made")
    }

    /// Ends the cluster. It may be interrupted and repeated.
    ///
    /// # Errors
    /// When a volume is named that is not the cluster's, the provider refuses, or it takes too long.
    pub async fn destroy(
        &self,
        spec: &Spec,
        volumes: &BTreeSet<VolumeId>,
        progress: &dyn Progress,
    ) -> Result<Destroyed, OperatorError> {
        let anchor = self.anchor().await?.ok_or_else(|| self.nothing_left())?;
        let inventory = self.list(&anchor.uid, Some(spec)).await?;
        are_ours(volumes, &inventory)?;
        self.stop_healing(&anchor.uid, spec, progress).await?;
        let mut attempts = Attempts::default();
        // A resource that something still holds is asked for again, but not as fast as it is refused.
        let pause = Duration::from_millis(self.site.policy().backoff_ms);
        let mut asked: BTreeMap<Address, Instant> = BTreeMap::new();
        let deadline = Instant::now() + PATIENCE;
        let mut ended = BTreeSet::new();
        loop {
            let inventory = self.list(&anchor.uid, Some(spec)).await?;
            let left = kit_planner::demolish(spec, &inventory);
            for step in &left.steps {
                if self.send(&anchor.uid, step, &mut attempts, progress).await == Some(Outcome::Done) {
                    ended.insert(step.address.clone());
                }
            }
            for address in &left.resources {
                if asked.get(address).is_some_and(|at| at.elapsed() < pause) {
                    continue;
                }
                asked.insert(address.clone(), Instant::now());
                progress.step(&format!("{address}: remove"));
                if let Err(error) = self.asked(self.site.provider().remove_resource(&anchor.uid, address)).await {
                    progress.step(&format!("{address}: {error}"));
                }
            }
            if left.steps.is_empty() && left.blocked.is_empty() && left.resources.is_empty() {
                break;
            }
            let waits = match left.blocked.first() {
                Some(blocked) => blocked.reason.to_string(),
                None => "what was ended is on its way out".to_owned(),
            };
            progress.waits_for(&waits);
            if Instant::now() >= deadline {
                return Err(OperatorError::new(
                    codes::NOT_CONVERGED,
                    format!("after {} min there is still something left: {waits}", PATIENCE.as_secs() / 60),
                )
                .with_help("run the same command again: it goes on where this one stopped"));
            }
            sleep(LOOK_EVERY).await;
        }
        let (removed, kept) = self.remove_volumes(&anchor.uid, spec, volumes, progress).await?;
        if kept.is_empty() {
            // While a volume is left, its uid must stay known: the next claim would make it a stranger's.
            self.asked(self.site.provider().release_anchor(self.site.cluster(), &anchor.uid)).await?;
        }
        Ok(Destroyed { machines: ended.len(), removed, kept })
    }

    /// Commits the end and waits until the last permit is over. Where no machine of a manager runs, nobody
    /// can heal and nothing can be committed.
    async fn stop_healing(&self, uid: &ClusterUid, spec: &Spec, progress: &dyn Progress) -> Result<(), OperatorError> {
        // One listing may lack a manager whose replica would heal against the destruction.
        for look in 0..LOOKS_FOR_NOBODY {
            if look > 0 {
                progress.waits_for("no manager is listed; a second listing must confirm it");
                sleep(Duration::from_millis(self.site.policy().absence_ms)).await;
            }
            let inventory = self.list(uid, Some(spec)).await?;
            if !inventory.complete || !nobody_runs(spec, &inventory) {
                break;
            }
            if inventory.strong || look + 1 == LOOKS_FOR_NOBODY {
                return Ok(());
            }
        }
        let changed = match self.begin_destruction(Some(spec)).await {
            Ok(changed) => changed,
            Err(error) => {
                // Where nothing was ever formed there is no head to commit to, and no replica that heals.
                let inventory = self.list(uid, Some(spec)).await?;
                if inventory.complete && !kit_planner::is_formed(&inventory) {
                    progress.step("nothing was formed: nobody heals it");
                    return Ok(());
                }
                return Err(error);
            }
        };
        progress.step("the destruction is committed: nothing heals any more");
        if changed.now.value.permit == PermitState::Open {
            let policy = self.site.policy();
            progress.waits_for("the last permit runs out");
            sleep(Duration::from_millis(policy.succession_ms)).await;
        }
        Ok(())
    }

    async fn remove_volumes(
        &self,
        uid: &ClusterUid,
        spec: &Spec,
        named: &BTreeSet<VolumeId>,
        progress: &dyn Progress,
    ) -> Result<(Vec<VolumeId>, Vec<VolumeId>), OperatorError> {
        let (mut removed, mut kept) = (Vec::new(), Vec::new());
        let inventory = self.list(uid, Some(spec)).await?;
        for volume in &inventory.volumes {
            if !named.contains(&volume.id) {
                kept.push(volume.id.clone());
                continue;
            }
            progress.step(&format!("{}: remove its volume {}", volume.marks.address, volume.id));
            // A volume may still be on its way off the machine that is gone.
            let deadline = Instant::now() + self.patience();
            loop {
                match self.asked(self.site.provider().remove_volume(uid, &volume.id)).await {
                    Ok(()) => break,
                    Err(_) if matches!(volume.state, VolumeState::Held(_)) && Instant::now() < deadline => {
                        sleep(LOOK_EVERY).await;
                    }
                    Err(error) => return Err(error),
                }
            }
            removed.push(volume.id.clone());
        }
        Ok((removed, kept))
    }
}

/// Refuses volumes that are not the cluster's.
fn are_ours(volumes: &BTreeSet<VolumeId>, inventory: &Inventory) -> Result<(), OperatorError> {
    match volumes.iter().find(|id| !inventory.volumes.iter().any(|volume| volume.id == **id)) {
        None => Ok(()),
        Some(unknown) => Err(OperatorError::new(codes::NOT_NAMED, format!("the cluster has no volume {unknown}"))
            .with_help("`kitc status` shows the IDs of its volumes")),
    }
}

/// No machine of a manager is listed that is not gone for good.
fn nobody_runs(spec: &Spec, inventory: &Inventory) -> bool {
    spec.leader_group()
        .iter()
        .flat_map(|group| &group.members)
        .all(|address| inventory.machines_of(address).all(|machine| machine.state.is_terminal()))
}
