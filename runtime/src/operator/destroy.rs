//! The end of a cluster: committed first, so that nothing heals; then machines, then resources, then the
//! anchor. Volumes only by their literal names.

use std::collections::BTreeSet;
use std::time::Duration;

use kit_model::{ClusterUid, Inventory, PermitState, Spec, VolumeId, VolumeState};
use tokio::time::{Instant, sleep};

use super::send::trouble;
use super::{Operator, Progress};
use crate::codes;
use crate::error::OperatorError;

/// How long a destruction may take: machines that shut down slowly take some minutes.
const PATIENCE: Duration = Duration::from_secs(1800);

/// How long between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

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

impl Operator {
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
        let anchor = self.anchor().await?.ok_or_else(|| self.not_formed())?;
        let inventory = self.list(&anchor.uid, Some(spec)).await?;
        if let Some(unknown) = volumes.iter().find(|id| !inventory.volumes.iter().any(|volume| volume.id == **id)) {
            return Err(OperatorError::new(codes::NOT_NAMED, format!("the cluster has no volume {unknown}"))
                .with_help("`kitc status` shows the IDs of its volumes"));
        }
        self.stop_healing(spec, &inventory, progress).await?;
        let deadline = Instant::now() + PATIENCE;
        let mut ended = BTreeSet::new();
        loop {
            let inventory = self.list(&anchor.uid, Some(spec)).await?;
            let left = kit_planner::demolish(spec, &inventory);
            for step in &left.steps {
                progress.step(&format!("{}: {}", step.address, step.action.verb()));
                match trouble(&self.send(&anchor.uid, step).await) {
                    Some(trouble) => progress.step(&format!("{}: {} was {trouble}", step.address, step.action.verb())),
                    None => {
                        ended.insert(step.address.clone());
                    }
                }
            }
            for address in &left.resources {
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
            progress.waiting(ended.len() - left.blocked.len().min(ended.len()), ended.len(), &waits);
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
    async fn stop_healing(
        &self,
        spec: &Spec,
        inventory: &Inventory,
        progress: &dyn Progress,
    ) -> Result<(), OperatorError> {
        let nobody = spec
            .leader_group()
            .iter()
            .flat_map(|group| &group.members)
            .all(|address| inventory.machines_of(address).all(|machine| machine.state.is_terminal()));
        if nobody && inventory.complete {
            return Ok(());
        }
        let changed = self.begin_destruction(Some(spec)).await?;
        progress.step("the destruction is committed: nothing heals any more");
        if changed.now.value.permit == PermitState::Open {
            let policy = self.site.policy();
            progress.waiting(0, 1, "the last permit runs out");
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
