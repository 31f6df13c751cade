//! The gate on a real Swarm: three replicas in processes of their own, each beside a manager, before a cloud that lets them
//! send without end. Their leader is cut off, frozen (its engine, or its replica) or killed. Needs root and the lab; see
//! `lab.rs` of kit-swarm.

mod cloud;
#[path = "../../swarm/tests/real/lab.rs"]
#[allow(dead_code, reason = "the tests of kit-swarm use the rest of it")]
mod lab;
mod replica;
mod witness;

use std::time::Duration;

use kit_contract::SwarmWorld as _;
use kit_model::Address;
use tokio::time::sleep;

use witness::{Witness, boot_ms};

/// How long until replicas that have just begun, or have lost their leader, send again: an election, the wait of a successor,
/// and as much again for a machine that has other work.
const MAX_SILENCE: Duration = Duration::from_secs(120);

/// How long a leader that was hurt is left so: longer than a permit, and than what a successor waits.
const HURT_FOR: Duration = Duration::from_secs(40);

/// Hurts whoever sends, waits until another one does, mends, and looks at everything that was sent.
async fn drill(
    what: &str,
    hurt: impl AsyncFn(&lab::Lab, &Witness, &Address),
    mend: impl AsyncFn(&lab::Lab, &Witness, &Address),
) {
    let Some(lab) = lab::swarm().await else { return };
    let witness = Witness::of(&lab).await;
    let old = witness.sender_after(0, None, MAX_SILENCE).await;
    // In the middle of its work, and not only at its beginning.
    sleep(Duration::from_secs(8)).await;
    let hurt_at = boot_ms();
    hurt(&lab, &witness, &old).await;
    let new = witness.sender_after(hurt_at, Some(&old), MAX_SILENCE).await;
    let took = boot_ms() - hurt_at;
    sleep(HURT_FOR.saturating_sub(Duration::from_millis(took))).await;
    mend(&lab, &witness, &old).await;
    sleep(Duration::from_secs(20)).await;
    lab::say(&format!("{what}: {new} sends {:.1} s after {old} was hurt", took as f64 / 1000.0));
    witness.judge(&old, hurt_at).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_whose_manager_is_cut_off_sends_nothing_beyond_its_permit() {
    let cut = async |lab: &lab::Lab, _: &Witness, old: &Address| lab.cut(old).await;
    let mend = async |lab: &lab::Lab, _: &Witness, _: &Address| lab.mend().await;
    drill("a leader cut off", cut, mend).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_whose_engine_is_frozen_sends_nothing_beyond_its_permit() {
    let freeze = async |lab: &lab::Lab, _: &Witness, old: &Address| lab.freeze(old);
    let thaw = async |lab: &lab::Lab, _: &Witness, old: &Address| lab.thaw(old);
    drill("an engine frozen", freeze, thaw).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_frozen_itself_sends_nothing_when_it_thaws() {
    // The Swarm's leader stays: so that another one may act, its engine is frozen too.
    let freeze = async |lab: &lab::Lab, witness: &Witness, old: &Address| {
        witness.signal(old, "STOP");
        lab.freeze(old);
    };
    let thaw = async |lab: &lab::Lab, witness: &Witness, old: &Address| {
        witness.signal(old, "CONT");
        lab.thaw(old);
    };
    drill("a replica frozen", freeze, thaw).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_whose_engine_is_killed_is_followed_by_another() {
    let kill = async |lab: &lab::Lab, _: &Witness, old: &Address| lab.kill(old).await;
    let nothing = async |_: &lab::Lab, _: &Witness, _: &Address| {};
    drill("an engine killed", kill, nothing).await;
}
