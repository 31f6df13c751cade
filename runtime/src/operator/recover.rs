//! A cluster of which too few managers run to commit anything: the only time after the beginning that an operator
//! makes machines. With none running nobody else can; with one running its replica rescues the others by itself, but
//! takes no volume from a dead machine that the provider did not free.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kit_model::{Address, Inventory, MachineState, Plan, Spec, Volume};
use kit_planner::Attempts;
use tokio::time::{Instant, sleep};

use super::reach::candidates;
use super::send::refused_for_good;
use super::{Operator, Progress};
use crate::codes;
use crate::error::OperatorError;

/// How long a recovery may take: machines that boot slowly, and an election.
const PATIENCE: Duration = Duration::from_secs(900);

/// How long between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(1000);

/// From what a recovery makes machines.
#[derive(Debug, Clone)]
pub enum RecoveredFrom {
    /// The revision that was committed last, as a cache on this machine has it.
    Committed(Arc<Spec>),
    /// The file: nothing here knows what was committed last.
    File(Arc<Spec>),
}

impl RecoveredFrom {
    /// What is asked for.
    #[must_use]
    pub const fn spec(&self) -> &Arc<Spec> {
        match self {
            Self::Committed(spec) | Self::File(spec) => spec,
        }
    }
}

impl Operator {
    /// From what a recovery would make machines: the revision that was committed last where it can be read, or else `file`.
    ///
    /// # Errors
    /// When the provider gives no answer, or the cluster was destroyed.
    pub async fn recovery_from(&self, file: &Arc<Spec>) -> Result<RecoveredFrom, OperatorError> {
        if let Some(destroyed) = self.if_destroyed(Some(file)).await {
            return Err(destroyed);
        }
        let Some(anchor) = self.anchor().await? else { return Ok(RecoveredFrom::File(Arc::clone(file))) };
        Ok(match self.cached(&anchor.uid).await {
            Some((_, spec)) => RecoveredFrom::Committed(spec),
            None => RecoveredFrom::File(Arc::clone(file)),
        })
    }

    /// Starts what is stopped and makes what is gone, at its own IP with its own volume, until a manager
    /// answers: the same nodes, the same Swarm.
    ///
    /// # Errors
    /// When a manager answers or enough run to elect one, the cluster was never formed, or none comes back in time.
    pub async fn recover(&self, spec: &Spec, progress: &dyn Progress) -> Result<(), OperatorError> {
        let anchor = self.anchor().await?.ok_or_else(|| self.not_formed())?;
        let inventory = self.list(&anchor.uid, Some(spec)).await?;
        // What a partial listing lacks is unknown; the loop looks until one is whole.
        if inventory.complete && !kit_planner::is_formed(&inventory) {
            return Err(self.not_formed());
        }
        if let Some(destroyed) = self.if_destroyed(Some(spec)).await {
            return Err(destroyed);
        }
        if let Ok(reached) = self.reach_for(Some(spec)).await {
            let message = format!("{} answers: a recovery is only for when no manager can", reached.via);
            return Err(OperatorError::new(codes::MANAGERS_RUN, message)
                .with_help("the leader's replica heals the others; `kitc status` shows what it waits for"));
        }
        if let Some(enough) = enough_run(spec, &inventory) {
            return Err(OperatorError::new(codes::MANAGERS_RUN, enough)
                .with_help("after the loss of a leader try again in 20 s; `kitc status` shows what they wait for"));
        }
        let mut attempts = Attempts::default();
        let deadline = Instant::now() + PATIENCE;
        let mut first_absent: BTreeMap<Address, u64> = BTreeMap::new();
        let mut waits_for;
        loop {
            if self.reach(&candidates(Some(spec), None)).await.is_ok() {
                return Ok(());
            }
            match self.list(&anchor.uid, Some(spec)).await {
                Ok(inventory) => {
                    let absent = self.confirmed_absent(spec, &inventory, &mut first_absent);
                    // Asked anew of each listing: once enough run, they elect a leader and its replica heals the rest.
                    let plan = match enough_run(spec, &inventory) {
                        Some(_) => Plan::default(),
                        None => {
                            let now = self.site.clock_now();
                            kit_planner::recover(spec, &anchor.uid, &inventory, &absent, &mut attempts, now)
                        }
                    };
                    for step in &plan.steps {
                        let outcome = self.send(&anchor.uid, step, &mut attempts, progress).await;
                        refused_for_good(step, outcome.as_ref())?;
                    }
                    waits_for = match plan.blocked.first() {
                        Some(blocked) => match &blocked.address {
                            Some(address) => format!("{address}: {}", blocked.reason),
                            None => blocked.reason.to_string(),
                        },
                        None => "the managers elect a leader".to_owned(),
                    };
                }
                Err(error) => waits_for = error.in_one_line(),
            }
            progress.waits_for(&waits_for);
            if Instant::now() >= deadline {
                return Err(OperatorError::new(
                    codes::NOT_CONVERGED,
                    format!("no manager answers after {} min; it waits: {waits_for}", PATIENCE.as_secs() / 60),
                ));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Members whose machines are missing from this listing and from one long enough before.
    pub(super) fn confirmed_absent(
        &self,
        spec: &Spec,
        inventory: &Inventory,
        first_absent: &mut BTreeMap<Address, u64>,
    ) -> BTreeSet<Address> {
        // A listing that is not complete shows the absence of nothing, and confirms none.
        if !inventory.complete {
            return BTreeSet::new();
        }
        let members: BTreeSet<&Address> = spec.leader_group().iter().flat_map(|group| &group.members).collect();
        let absent: BTreeSet<Address> = members
            .into_iter()
            .filter(|address| inventory.machines_of(address).all(|machine| machine.state.is_terminal()))
            .cloned()
            .collect();
        first_absent.retain(|address, _| absent.contains(address));
        let now = self.site.clock_now();
        let distance = if inventory.strong { 0 } else { self.site.policy().absence_ms };
        absent
            .into_iter()
            .filter(|address| now.since(*first_absent.entry(address.clone()).or_insert(now.boot_ms)) >= distance)
            .collect()
    }
}

/// Why a recovery is not called for: enough machines run to elect a leader.
fn enough_run(spec: &Spec, inventory: &Inventory) -> Option<String> {
    let whole = whole_managers(spec, inventory);
    let voters = spec.leader_group().map_or(0, |group| group.count);
    (whole.len() >= kit_planner::majority(voters) as usize).then(|| {
        format!("the machines of {} run with their volumes, which are enough to elect a leader", whole.join(", "))
    })
}

/// Managers whose machine runs with its own volume, or may: what is unknown is not gone.
fn whole_managers(spec: &Spec, inventory: &Inventory) -> Vec<String> {
    spec.leader_group()
        .iter()
        .flat_map(|group| &group.members)
        .filter(|address| {
            let holder = inventory.volume_of(address).and_then(Volume::holder).map(|holder| &holder.machine);
            inventory.machines_of(address).any(|machine| {
                machine.state == MachineState::Unknown
                    || machine.state == MachineState::Running && holder.is_some_and(|holder| *holder == machine.id)
            })
        })
        .map(ToString::to_string)
        .collect()
}
