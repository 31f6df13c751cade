//! The simulated Swarm keeps the rules that were measured on real ones.

mod world;

use kit_model::{
    Action, Address, Availability, BootFinding, CommitResult, Leadership, NewcomerReason, NodeRole, NodeState, Outcome,
    Reachability, StoreError,
};
use kit_sim::{Hurt, Sender};
use world::{MINUTE, World, exact, member};

#[test]
fn three_managers_form_and_one_leads() {
    let mut world = World::formed(exact(), 3);
    assert_eq!(world.cloud.voters().len(), 3);
    assert_eq!(world.cloud.majority(), 2);
    assert_eq!(world.nodes().iter().filter(|node| node.manager.is_some_and(|status| status.leader)).count(), 1);
    assert!(world.cloud.truth().violations().is_empty());
}

#[test]
fn a_killed_leader_is_followed_by_another_after_a_delay() {
    let mut world = World::formed(exact(), 3);
    let first = world.leader();
    world.hurt(Hurt::Kill(member(first)));
    world.pass(14_000);
    assert_eq!(world.cloud.leader(), None);
    let other = member(if first == 1 { 2 } else { 1 });
    assert!(matches!(world.cloud.leadership(&other, world.now), Leadership::NoLeader(_)));
    assert!(matches!(world.cloud.head(&other, world.now), Err(StoreError::Unavailable(_))));
    world.pass(2_000);
    assert_ne!(world.leader(), first);
    let unknown = world.nodes().iter().filter(|node| node.state == NodeState::Unknown).count();
    assert!(unknown >= 2, "after an election nodes are unknown");
    world.pass(10_000);
    assert_eq!(world.ready(), 2);
    world.pass(MINUTE);
    assert_eq!(world.node(first).state, NodeState::Down);
}

#[test]
fn a_cut_off_leader_claims_on_reads_what_is_old_and_commits_nothing() {
    let mut world = World::formed(exact(), 3);
    let old = world.leader();
    let head = world.cloud.head(&member(old), world.now).unwrap().unwrap();
    world.hurt(Hurt::Cut(member(old)));
    world.pass(1_000);
    assert_eq!(world.cloud.leadership(&member(old), world.now), Leadership::Leader);
    world.pass(15_000);
    // Another leads, and for a while both say so.
    let new = world.leader();
    assert_ne!(new, old);
    assert_eq!(world.cloud.leadership(&member(old), world.now), Leadership::Leader);
    assert_eq!(world.cloud.leadership(&member(new), world.now), Leadership::Leader);
    world.journal(&member(9), 77);
    assert_ne!(world.epoch_through(new), world.epoch_through(old));
    assert!(matches!(
        world.cloud.update_head(&member(old), head.version, &head.value, world.now),
        CommitResult::Unknown(_)
    ));
    assert_eq!(world.epoch_through(new), 77);
    world.pass(3_000);
    assert!(matches!(world.cloud.leadership(&member(old), world.now), Leadership::NoLeader(_)));
    world.hurt(Hurt::MendAll);
    world.pass(5_000);
    assert_eq!(world.cloud.leadership(&member(old), world.now), Leadership::Follower(Some(member(new))));
    assert_eq!(world.epoch_through(old), 77);
}

#[test]
fn a_write_that_timed_out_may_be_committed_by_the_next_leader() {
    let mut settings = exact();
    settings.late_commit_permille = 1000;
    let mut world = World::formed(settings, 3);
    let old = world.leader();
    world.hurt(Hurt::Cut(member(old)));
    let mut head = world.cloud.head(&member(old), world.now).unwrap().unwrap();
    head.value.epoch.0 = 500;
    assert!(matches!(
        world.cloud.update_head(&member(old), head.version, &head.value, world.now),
        CommitResult::Unknown(_)
    ));
    world.pass(16_000);
    let new = world.leader();
    assert_eq!(world.epoch_through(new), 500);
    let commit = world.cloud.truth().commits().next_back().unwrap().clone();
    assert_eq!((commit.by, commit.answered), (member(old), false));
}

#[test]
fn a_write_that_timed_out_may_be_committed_through_a_leader_that_was_there_already() {
    for (late_permille, wait_ms, committed) in [(1000, 5_000, true), (1000, 25_000, false), (0, 5_000, false)] {
        let mut settings = exact();
        settings.late_commit_permille = late_permille;
        let mut world = World::formed(settings, 3);
        let old = world.leader();
        world.hurt(Hurt::Cut(member(old)));
        let mut head = world.cloud.head(&member(old), world.now).unwrap().unwrap();
        head.value.epoch.0 = 500;
        while world.cloud.leader().is_none_or(|leader| leader == member(old)) {
            world.pass(500);
        }
        let result = world.cloud.update_head(&member(old), head.version, &head.value, world.now);
        assert!(matches!(result, CommitResult::Unknown(_)), "it still claims to lead: {result:?}");
        world.pass(wait_ms);
        let new = world.leader();
        assert_ne!(world.epoch_through(new), 500);
        world.hurt(Hurt::MendAll);
        world.pass(5_000);
        let seen = world.epoch_through(world.leader());
        assert_eq!(seen == 500, committed, "after {wait_ms} ms with {late_permille}: {seen}");
    }
}

#[test]
fn a_stale_version_is_refused_and_versions_grow() {
    let mut world = World::formed(exact(), 3);
    let via = member(world.leader());
    let head = world.cloud.head(&via, world.now).unwrap().unwrap();
    let CommitResult::Committed(next) = world.cloud.update_head(&via, head.version, &head.value, world.now) else {
        panic!("refused")
    };
    assert!(next > head.version);
    assert_eq!(world.cloud.update_head(&via, head.version, &head.value, world.now), CommitResult::Stale);
    assert_eq!(world.cloud.create_head(&via, &head.value, world.now), CommitResult::Stale);
}

#[test]
fn without_a_majority_nobody_leads_until_one_comes_back() {
    let mut world = World::formed(exact(), 3);
    let last = world.leader();
    for number in (1..=3).filter(|number| *number != last) {
        world.hurt(Hurt::Stop(member(number)));
    }
    assert_eq!(world.cloud.leadership(&member(last), world.now), Leadership::Leader, "it does not know yet");
    world.pass(5 * MINUTE);
    assert!(!world.cloud.has_quorum());
    assert!(matches!(world.cloud.leadership(&member(last), world.now), Leadership::NoLeader(_)));
    let other = (1..=3).find(|number| *number != last).unwrap();
    world.hurt(Hurt::Start(member(other)));
    world.pass(MINUTE);
    assert!(world.cloud.leader().is_some());
    assert_eq!(world.ready(), 2);
}

#[test]
fn a_machine_made_again_with_its_volume_goes_on_as_the_same_node() {
    let mut world = World::formed(exact(), 3);
    let number = if world.leader() == 2 { 3 } else { 2 };
    let (node, volume) = (world.node(number), world.volume(number));
    let dead = world.machine(number);
    world.hurt(Hurt::Kill(member(number)));
    world.pass(10_000);
    world.journal(&member(number), 50);
    let request = world.request(number, 50, false);
    assert_eq!(world.call(member(number).as_str(), Action::CreateMachine(request.into())), Outcome::Done);
    world.pass(5_000);
    let attach = Action::AttachVolume { volume: volume.clone(), machine: world.machine(number) };
    assert_eq!(world.refused("", attach.clone()).code, "VolumeInUse");
    assert_eq!(world.call("", Action::ForceDetach { volume, machine: dead }), Outcome::Done);
    world.pass(2_000);
    assert_eq!(world.call("", attach), Outcome::Done);
    world.pass(10_000);
    let again = world.node(number);
    assert_eq!((again.id, again.state), (node.id, NodeState::Ready));
    assert_eq!(again.generation.unwrap().0, 50);
    assert_eq!(world.cloud.voters().len(), 3);
    assert!(world.cloud.truth().violations().is_empty());
}

#[test]
fn a_wiped_disk_on_a_formed_volume_is_not_formatted_and_does_not_join() {
    let mut world = World::formed(exact(), 3);
    let number = if world.leader() == 2 { 3 } else { 2 };
    world.hurt(Hurt::WipeDisk(member(number)));
    world.journal(&member(number), u64::from(number));
    world.hurt(Hurt::Reboot(member(number)));
    world.pass(MINUTE);
    assert_eq!(world.node(number).state, NodeState::Down);
    let leader = member(world.leader());
    let findings = world.cloud.boot_findings(&leader, world.now);
    assert!(findings.contains(&(member(number), BootFinding::Newcomer(NewcomerReason::NoState))), "{findings:?}");
    assert!(world.cloud.volumes().all(|volume| volume.disk.formatted != (volume.marks.address == member(number))));
}

#[test]
fn a_newcomer_without_a_ticket_waits_and_joins_once_its_intent_is_committed() {
    let mut world = World::formed(exact(), 3);
    let request = world.worker(1, 60);
    assert_eq!(world.call("workers.1", Action::CreateMachine(request.into())), Outcome::Done);
    world.pass(MINUTE);
    assert_eq!(world.nodes().len(), 3);
    world.journal(&"workers.1".into(), 61);
    world.pass(10_000);
    assert_eq!(world.nodes().len(), 3, "the ticket of another generation");
    world.journal(&"workers.1".into(), 60);
    world.pass(10_000);
    assert_eq!(world.ready(), 4);
    let worker = world.nodes().into_iter().find(|node| node.role == NodeRole::Worker).unwrap();
    assert_eq!((worker.address, worker.manager), (Some(Address::from("workers.1")), None));
}

#[test]
fn a_ticket_ends_after_a_quarter_of_an_hour() {
    let mut world = World::formed(exact(), 3);
    world.journal(&"workers.1".into(), 60);
    world.pass(15 * MINUTE + 1);
    let request = world.worker(1, 60);
    assert_eq!(world.call("workers.1", Action::CreateMachine(request.into())), Outcome::Done);
    world.pass(MINUTE);
    assert_eq!(world.nodes().len(), 3);
}

#[test]
fn a_phantom_votes_looks_reachable_and_raises_the_majority() {
    let mut world = World::formed(exact(), 3);
    let number = if world.leader() == 2 { 3 } else { 2 };
    world.hurt(Hurt::RejoinWiped(member(number)));
    world.pass(MINUTE);
    let entries: Vec<_> =
        world.nodes().into_iter().filter(|node| node.address.as_ref() == Some(&member(number))).collect();
    assert_eq!(entries.len(), 2);
    assert!(entries.iter().all(|node| node.manager.unwrap().reachability == Reachability::Reachable));
    assert_eq!(entries.iter().filter(|node| node.state == NodeState::Ready).count(), 1);
    assert_eq!((world.cloud.voters().len(), world.cloud.majority()), (4, 3));
    // One more loss, of three that run, and nobody can lead.
    let other = (1..=3).find(|other| *other != number && *other != world.leader()).unwrap();
    world.hurt(Hurt::Kill(member(other)));
    world.pass(MINUTE);
    assert!(!world.cloud.has_quorum());
}

#[test]
fn a_demotion_takes_a_moment_and_only_then_a_dead_node_can_be_removed() {
    let mut world = World::formed(exact(), 3);
    let number = if world.leader() == 2 { 3 } else { 2 };
    world.hurt(Hurt::Kill(member(number)));
    world.pass(MINUTE);
    let dead = world.node(number);
    let from = Sender::Member(member(world.leader()));
    let remove = Action::RemoveNode { node: dead.id.clone() };
    assert!(matches!(world.call_from(&from, "", remove.clone()), Outcome::Refused(_)), "it still votes");
    let demote = |version| Action::SetRole { node: dead.id.clone(), version, role: NodeRole::Worker };
    assert!(matches!(world.call_from(&from, "", demote(dead.version + 1)), Outcome::Refused(_)), "out of sequence");
    assert_eq!(world.call_from(&from, "", demote(dead.version)), Outcome::Done);
    assert!(world.node(number).manager.is_some());
    world.pass(5_000);
    assert!(world.node(number).manager.is_none());
    assert_eq!(world.call_from(&from, "", remove), Outcome::Done);
    assert_eq!(world.nodes().len(), 2);
}

#[test]
fn a_node_that_answers_is_not_removed() {
    let mut world = World::formed(exact(), 3);
    world.journal(&"workers.1".into(), 60);
    let request = world.worker(1, 60);
    world.call("workers.1", Action::CreateMachine(request.into()));
    world.pass(MINUTE);
    let worker = world.nodes().into_iter().find(|node| node.manager.is_none()).unwrap();
    let from = Sender::Member(member(world.leader()));
    assert!(matches!(world.call_from(&from, "", Action::RemoveNode { node: worker.id }), Outcome::Refused(_)));
}

#[test]
fn draining_takes_time() {
    let mut world = World::formed(exact(), 3);
    let node = world.node(2);
    let from = Sender::Member(member(world.leader()));
    let drain = Action::SetAvailability { node: node.id, version: node.version, availability: Availability::Drain };
    assert_eq!(world.call_from(&from, "", drain), Outcome::Done);
    assert!(world.node(2).running_tasks > 0);
    world.pass(8_000);
    assert_eq!(world.node(2).running_tasks, 0);
}

#[test]
fn a_frozen_leader_that_thaws_believes_for_a_moment() {
    let mut world = World::formed(exact(), 3);
    let old = world.leader();
    world.hurt(Hurt::Freeze(member(old)));
    assert!(!world.cloud.machine_runs(&member(old)));
    world.pass(MINUTE);
    assert_ne!(world.leader(), old);
    world.hurt(Hurt::Thaw(member(old)));
    assert_eq!(world.cloud.leadership(&member(old), world.now), Leadership::Leader);
    world.pass(2_000);
    assert!(matches!(world.cloud.leadership(&member(old), world.now), Leadership::Follower(Some(_))));
}

#[test]
fn an_expired_certificate_makes_a_newcomer() {
    let mut world = World::formed(exact(), 3);
    let number = if world.leader() == 2 { 3 } else { 2 };
    world.hurt(Hurt::ExpireCertificate(member(number)));
    world.pass(MINUTE);
    assert_eq!(world.node(number).state, NodeState::Down);
    world.hurt(Hurt::Reboot(member(number)));
    world.pass(MINUTE);
    let leader = member(world.leader());
    let findings = world.cloud.boot_findings(&leader, world.now);
    assert!(findings.contains(&(member(number), BootFinding::Newcomer(NewcomerReason::CertificateExpired))));
}

#[test]
fn a_stopped_engine_leaves_the_machine_running() {
    let mut world = World::formed(exact(), 3);
    let leader = world.leader();
    world.cloud.stop_engine(&member(leader), world.now).unwrap();
    assert!(world.cloud.machine_runs(&member(leader)));
    assert!(matches!(world.cloud.leadership(&member(leader), world.now), Leadership::Unknown(_)));
    world.pass(MINUTE);
    assert_ne!(world.leader(), leader);
}

#[test]
fn all_that_stop_come_back_as_the_same_swarm() {
    let mut world = World::formed(exact(), 3);
    let before: Vec<_> = world.nodes().into_iter().map(|node| node.id).collect();
    let epoch = {
        let leader = world.leader();
        world.epoch_through(leader)
    };
    for number in 1..=3 {
        world.hurt(Hurt::Stop(member(number)));
    }
    world.pass(MINUTE);
    for number in 1..=3 {
        world.hurt(Hurt::Start(member(number)));
    }
    world.pass(MINUTE);
    let after: Vec<_> = world.nodes().into_iter().map(|node| node.id).collect();
    assert_eq!(before, after);
    let leader = world.leader();
    assert_eq!(world.epoch_through(leader), epoch);
}

#[test]
fn old_revisions_are_taken_away_unless_the_head_names_them() {
    let mut world = World::formed(exact(), 1);
    let put = |world: &mut World, name: &str| {
        let now = world.now;
        world.cloud.put_revision(&member(1), &name.into(), name.as_bytes(), now).expect("kept");
    };
    put(&mut world, "sha256:1");
    for number in 10..30 {
        put(&mut world, &format!("sha256:{number}"));
        world.pass(10 * MINUTE);
    }
    let kept = world.cloud.revisions(&member(1), world.now).unwrap();
    assert!(kept.contains(&"sha256:1".into()), "the head names it");
    assert!(kept.contains(&"sha256:29".into()));
    assert_eq!(kept.len(), 10);
}

#[test]
fn a_newcomer_whose_engine_failed_joins_once_it_runs_again() {
    let mut world = World::formed(exact(), 3);
    let request = world.worker(1, 60);
    world.call("workers.1", Action::CreateMachine(request.into()));
    world.pass(10_000);
    world.hurt(Hurt::FailDocker("workers.1".into()));
    world.journal(&"workers.1".into(), 60);
    world.pass(MINUTE);
    assert_eq!(world.nodes().len(), 3);
    world.hurt(Hurt::StartDocker("workers.1".into()));
    world.pass(10_000);
    assert_eq!(world.ready(), 4);
}

#[test]
fn an_engine_that_refused_a_disk_is_not_started_by_hand() {
    let mut world = World::formed(exact(), 3);
    let number = if world.leader() == 2 { 3 } else { 2 };
    world.hurt(Hurt::LoseVolume(member(number)));
    world.hurt(Hurt::StartDocker(member(number)));
    assert!(world.cloud.start_engine(&member(number), world.now).is_ok());
    assert!(matches!(world.cloud.leadership(&member(number), world.now), Leadership::Unknown(_)));
}
