//! The outage of an only manager: no replica ends the machine that it runs on, and no other manager is there to do it.

use std::collections::BTreeMap;
use std::time::Duration;

use kit_model::{Address, Approval, Head, Spec};
use kit_planner::{Attempts, Resume};
use tokio::time::{Instant, sleep};

use super::send::refused_for_good;
use super::{Operator, Progress};
use crate::codes;
use crate::error::OperatorError;

/// How long between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(1000);

impl Operator {
    /// Allows the outage of the only manager where it is due, ends exactly the machine that the journal condemns then, and
    /// makes it again as a recovery does, until the manager answers from another machine. Nothing where nobody waits for
    /// it. It may be interrupted at any moment: before the end of the machine everything still runs, and the same goes on
    /// from there; after it `recover` does the same.
    ///
    /// # Errors
    /// When the group has other managers, the provider refuses for good, or it takes longer than `patience`.
    pub async fn carry_out_outage(
        &self,
        spec: &Spec,
        patience: Duration,
        progress: &dyn Progress,
    ) -> Result<(), OperatorError> {
        let members = spec.leader_group().map(|group| group.members.as_slice()).unwrap_or_default();
        let [member] = members else {
            return Err(OperatorError::new(codes::CHANGE_REFUSED, "the group that leads has more than one manager")
                .with_help("leave out `--allow-outage`: they are made anew one after the other"));
        };
        let anchor = self.anchor().await?.ok_or_else(|| self.not_formed())?;
        let deadline = Instant::now() + patience;
        let mut attempts = Attempts::default();
        let mut first_absent: BTreeMap<Address, u64> = BTreeMap::new();
        let mut last: Option<Head> = None;
        let mut waits_for = "the manager answers".to_owned();
        loop {
            if let Ok(reached) = self.reach_for(Some(spec)).await
                && let Some(head) = reached.head
            {
                if !self.is_outage_due(spec, member, &head.value).await {
                    return Ok(());
                }
                let approval = Approval::Outage(member.clone());
                let condemned = head.value.operations.get(member).is_some_and(|it| !it.condemned.is_empty());
                if !condemned && !head.value.approvals.contains(&approval) {
                    // The address alone: neither a pause nor other failures are any business of this.
                    let what =
                        Resume { address: Some(member.clone()), outages: vec![member.clone()], ..Resume::default() };
                    self.resume(Some(spec), &what).await?;
                    progress.step(&format!("{member}: its outage is allowed"));
                }
                last = Some(head.value);
            }
            if let Some(head) = &last
                && let Ok(inventory) = self.list(&anchor.uid, Some(spec)).await
            {
                let absent = self.confirmed_absent(spec, &inventory, &mut first_absent);
                let now = self.site.clock_now();
                let plan = kit_planner::outage(spec, &anchor.uid, head, &inventory, &absent, &mut attempts, now)
                    .unwrap_or_default();
                for step in &plan.steps {
                    let outcome = self.send(&anchor.uid, step, &mut attempts, progress).await;
                    refused_for_good(step, outcome.as_ref())?;
                }
                waits_for = match plan.blocked.first() {
                    Some(blocked) => format!("{member}: {}", blocked.reason),
                    None => format!("{member} leads again"),
                };
            }
            progress.waits_for(&waits_for);
            if Instant::now() >= deadline {
                let message = format!("after {} s the only manager is not made anew: {waits_for}", patience.as_secs());
                return Err(OperatorError::new(codes::NOT_CONVERGED, message)
                    .with_help("run the same again; if no manager runs, `kitc recover` brings it back"));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Whether the member's machine is not what the revision says, or is condemned and still to end.
    async fn is_outage_due(&self, spec: &Spec, member: &Address, head: &Head) -> bool {
        let Ok(Some(anchor)) = self.anchor().await else { return true };
        let Ok(inventory) = self.list(&anchor.uid, Some(spec)).await else { return true };
        let condemned = head.operations.get(member).map(|operation| &operation.condemned);
        let mut live = inventory.machines_of(member).filter(|machine| !machine.state.is_terminal()).peekable();
        !inventory.complete
            || live.peek().is_none()
            || live.any(|machine| {
                Some(&machine.marks.content) != spec.content_of(member)
                    || condemned.is_some_and(|condemned| condemned.contains(&machine.id))
            })
    }
}
