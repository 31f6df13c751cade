//! I14: planning changes nothing, is the same each time, and is what apply does first.

use kit_model::{Effect, Event, Now, Policy, ReplicaIdentity};
use kit_planner::{Reconciler, Specs, plan};

use crate::records::Records;

/// How a decision differs from itself on the same inputs, or from what `plan` says; nothing if it does not.
pub(super) fn differs(
    mut former: Reconciler,
    event: Event,
    decided: &Reconciler,
    effects: &[Effect],
    records: &Records,
    policy: &Policy,
    now: Now,
) -> Option<String> {
    let again = former.handle(event.clone(), now);
    if format!("{again:?}") != format!("{effects:?}") {
        return Some("the same replica, shown the same at the same time, decided otherwise".to_owned());
    }
    let Event::Observed(_, seen) = event else { return None };
    let journals = effects.iter().any(|effect| matches!(effect, Effect::CommitHead { .. }));
    let (true, Some(Ok(inventory)), Some(Ok(swarm)), Ok(Some(head)), Some(memory)) =
        (journals, &seen.inventory, &seen.swarm, &seen.head, decided.memory())
    else {
        return None;
    };
    let status = decided.status();
    let specs: Specs = records.specs.values().cloned().collect();
    // Only the member counts for a decision; a boot is no part of it.
    let me = ReplicaIdentity { member: status.member.clone(), boot_id: "".into(), uid: Some(head.value.uid.clone()) };
    let planned = plan(&specs, inventory, swarm, &head.value, memory, policy, &me, now);
    let steps: Vec<_> = planned
        .steps
        .iter()
        .map(|step| (step.address.clone(), step.action.verb().to_owned(), step.why.clone()))
        .collect();
    (steps != status.steps)
        .then(|| format!("plan says {:?}, and apply begins with {:?}", shown(&steps), shown(&status.steps)))
}

fn shown(steps: &[(kit_model::Address, String, String)]) -> Vec<String> {
    steps.iter().map(|(address, verb, _)| format!("{verb} {address}")).collect()
}
