//! A cluster of which no manager runs: the only time after the beginning that the operator makes machines.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kit_model::{Address, ErrorClass, Inventory, MachineState, Outcome, Spec};
use tokio::time::{Instant, sleep};

use super::send::trouble;
use super::{Operator, Progress};
use crate::codes;
use crate::error::OperatorError;

/// How long a recovery may take: machines that boot slowly, and an election.
const PATIENCE: Duration = Duration::from_secs(900);

/// How long between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(1000);

impl Operator {
    /// Starts what is stopped and makes what is gone, at its own IP with its own volume, until a manager
    /// answers: the same nodes, the same Swarm.
    ///
    /// # Errors
    /// When managers run, the cluster was never formed, or none comes back in time.
    pub async fn recover(&self, spec: &Spec, progress: &dyn Progress) -> Result<(), OperatorError> {
        let anchor = self.anchor().await?.ok_or_else(|| self.not_formed())?;
        let inventory = self.list(&anchor.uid, Some(spec)).await?;
        if !kit_planner::is_formed(&inventory) {
            return Err(self.not_formed());
        }
        let running = running_managers(spec, &inventory);
        if !running.is_empty() {
            return Err(OperatorError::new(
                codes::MANAGERS_RUN,
                format!("the machine of {} runs: a recovery is only for when none does", running.join(", ")),
            )
            .with_help("its replica heals or rescues the others; `kitc status` shows what it waits for"));
        }
        let deadline = Instant::now() + PATIENCE;
        let mut first_absent: BTreeMap<Address, u64> = BTreeMap::new();
        let mut waits_for;
        loop {
            if self.reach_for(Some(spec)).await.is_ok() {
                return Ok(());
            }
            match self.list(&anchor.uid, Some(spec)).await {
                Ok(inventory) => {
                    let absent = self.confirmed_absent(spec, &inventory, &mut first_absent);
                    let plan = kit_planner::recover(spec, &anchor.uid, &inventory, &absent);
                    for step in &plan.steps {
                        progress.step(&format!("{}: {} ({})", step.address, step.action.verb(), step.why));
                        let outcome = self.send(&anchor.uid, step).await;
                        if let Outcome::Refused(error) = &outcome
                            && error.class == ErrorClass::Fatal
                        {
                            return Err(OperatorError::new(
                                codes::PROVIDER_SILENT,
                                format!("{}: {} was refused: {error}", step.address, step.action.verb()),
                            ));
                        }
                        if let Some(trouble) = trouble(&outcome) {
                            progress.step(&format!("{}: {} was {trouble}", step.address, step.action.verb()));
                        }
                    }
                    waits_for = match plan.blocked.first() {
                        Some(blocked) => match &blocked.address {
                            Some(address) => format!("{address}: {}", blocked.reason),
                            None => blocked.reason.to_string(),
                        },
                        None => "the managers elect a leader".to_owned(),
                    };
                }
                Err(error) => waits_for = error.message,
            }
            let total = spec.leader_group().map_or(0, |group| group.members.len());
            progress.waiting(0, total, &waits_for);
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
    fn confirmed_absent(
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

fn running_managers(spec: &Spec, inventory: &Inventory) -> Vec<String> {
    spec.leader_group()
        .iter()
        .flat_map(|group| &group.members)
        .filter(|address| {
            inventory
                .machines_of(address)
                .any(|machine| matches!(machine.state, MachineState::Running | MachineState::Unknown))
        })
        .map(ToString::to_string)
        .collect()
}
