//! A store that answers with what no kitc wrote.

use kit_model::{
    Address, BootId, Effect, EffectId, Event, Leadership, Level, Now, Observation, Policy, Reason, ReplicaIdentity,
    StoreError,
};
use kit_planner::Reconciler;

fn looked(head: StoreError) -> (Level, Reason) {
    let me = ReplicaIdentity { member: Address::from("managers.m1"), boot_id: BootId::from("boot"), uid: None };
    let mut reconciler = Reconciler::new(me, Policy::default());
    let now = Now { boot_ms: 1_000_000, wall_ms: 1_000_000 };
    let begun = reconciler.handle(Event::Tick, now);
    let id: EffectId = begun
        .iter()
        .find_map(|effect| match effect {
            Effect::Observe { id, .. } => Some(*id),
            _ => None,
        })
        .expect("a replica begins with a look");
    let observation = Observation {
        begun: now,
        leadership: Leadership::Leader,
        head: Err(head),
        head_unreadable: None,
        inventory: None,
        swarm: None,
        boot_findings: Vec::new(),
        anchor: None,
    };
    let effects = reconciler.handle(Event::Observed(id, Box::new(observation)), now);
    let report = effects.into_iter().find_map(|effect| match effect {
        Effect::Report(report) => Some((report.level, report.reason?)),
        _ => None,
    });
    report.expect("a reason")
}

#[test]
fn a_damaged_head_is_no_loss_of_the_leader() {
    let (level, reason) = looked(StoreError::Corrupt("the head has 3 bytes".to_owned()));
    assert_eq!((level, reason.code()), (Level::Error, "KIT7054"));
    assert_eq!(reason.to_string(), "the head in the store is damaged: the head has 3 bytes");
    let (level, reason) = looked(StoreError::Unavailable("no leader".to_owned()));
    assert_eq!((level, reason.code()), (Level::Warn, "KIT7044"));
}
