//! The simulated cloud keeps the rules of a real one.

mod world;

use kit_model::{Action, ErrorClass, MachineState, Outcome, Token, VolumeState};
use kit_sim::{DeedEffect, Engine, Hurt, Sender, SimCloud, SimSettings};
use world::{MINUTE, World, exact, ip, member};

/// A lone machine, without a volume that it waits for.
fn with_machine(settings: SimSettings) -> World {
    let mut world = World::new(settings);
    let request = world.request(1, 1, false);
    assert_eq!(world.call("managers.m1", Action::CreateMachine(request.into())), Outcome::Done);
    world
}

#[test]
fn starting_and_ending_take_time_and_the_address_is_held_until_the_end() {
    let mut world = with_machine(exact());
    assert_eq!(world.state(1), MachineState::Pending);
    world.pass(2_000);
    assert_eq!(world.state(1), MachineState::Running);
    let machine = world.machine(1);
    assert_eq!(world.call("", Action::TerminateMachine { machine: machine.clone() }), Outcome::Done);
    assert_eq!(world.state(1), MachineState::ShuttingDown);
    let again = world.request(1, 2, false);
    let error = world.refused("", Action::CreateMachine(again.clone().into()));
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Conflict, "InvalidIPAddress.InUse"));
    world.pass(3_000);
    assert_eq!(world.state(1), MachineState::Terminated);
    assert_eq!(world.call("", Action::CreateMachine(again.into())), Outcome::Done);
    assert_eq!(world.list().machines.len(), 2, "the dead one is still listed");
    world.pass(61 * MINUTE);
    assert_eq!(world.list().machines.len(), 1);
    assert_eq!(world.refused("", Action::TerminateMachine { machine }).code, "InvalidInstanceID.NotFound");
}

#[test]
fn stopped_is_not_gone() {
    let mut world = with_machine(exact());
    world.pass(MINUTE);
    world.hurt(Hurt::Stop(member(1)));
    assert_eq!(world.state(1), MachineState::Stopping);
    world.pass(2_000);
    assert_eq!(world.state(1), MachineState::Stopped);
    let again = world.request(1, 2, false);
    assert_eq!(world.refused("", Action::CreateMachine(again.into())).code, "InvalidIPAddress.InUse");
    let machine = world.machine(1);
    assert_eq!(world.call("", Action::StartMachine { machine }), Outcome::Done);
    world.pass(2_000);
    assert_eq!(world.state(1), MachineState::Running);
}

#[test]
fn a_token_gives_the_same_answer_even_for_a_dead_machine_and_refuses_another_request() {
    let mut world = with_machine(exact());
    let request = world.request(1, 1, false);
    assert_eq!(world.call("", Action::CreateMachine(request.clone().into())), Outcome::Done);
    assert_eq!(world.cloud.live_machine_count(), 1);
    world.hurt(Hurt::Kill(member(1)));
    world.pass(10_000);
    assert_eq!(world.call("", Action::CreateMachine(request.clone().into())), Outcome::Done);
    assert_eq!(world.cloud.live_machine_count(), 0, "the answer is the corpse");
    let mut other = world.request(1, 2, false);
    other.token = request.token;
    assert_eq!(world.refused("", Action::CreateMachine(other.into())).code, "IdempotentParameterMismatch");
    assert_eq!(world.cloud.truth().violations()[0].invariant, "I12");
}

#[test]
fn a_volume_has_one_holder_and_changes_take_time() {
    let mut world = World::formed(exact(), 3);
    let (volume, holder, other) = (world.volume(1), world.machine(1), world.machine(2));
    let attach = Action::AttachVolume { volume: volume.clone(), machine: other.clone() };
    assert_eq!(world.refused("", attach).code, "VolumeInUse");
    let detach = Action::ForceDetach { volume: volume.clone(), machine: other };
    assert_eq!(world.refused("", detach).code, "IncorrectState");
    world.hurt(Hurt::Kill(member(1)));
    world.pass(10_000);
    assert!(world.list().volumes.iter().any(|seen| seen.id == volume && seen.holder().is_some()));
    assert_eq!(world.call("", Action::ForceDetach { volume: volume.clone(), machine: holder }), Outcome::Done);
    assert!(world.list().volumes.iter().any(|seen| seen.id == volume && seen.holder().is_some_and(|h| !h.attached)));
    world.pass(1_000);
    assert!(world.list().volumes.iter().any(|seen| seen.id == volume && seen.state == VolumeState::Available));
    assert!(world.cloud.truth().violations().is_empty());
}

#[test]
fn taking_a_volume_from_a_running_machine_breaks_it_and_is_recorded() {
    let mut world = World::formed(exact(), 3);
    let (volume, machine) = (world.volume(2), world.machine(2));
    assert_eq!(world.call("", Action::ForceDetach { volume, machine: machine.clone() }), Outcome::Done);
    assert!(world.cloud.machine(&machine).unwrap().broken.is_some());
    assert_eq!(world.cloud.truth().violations()[0].invariant, "I3");
}

#[test]
fn a_machine_is_not_made_in_a_network_that_is_not_there() {
    let mut world = World::new(exact());
    let mut request = world.request(1, 1, false);
    request.machine = world::instance("sim.Machine", &[("network", kit_graph::Value::Ref("other".to_owned()))]);
    assert_eq!(world.refused("", Action::CreateMachine(request.into())).class, ErrorClass::NotYet);
    let mut outside = world.request(1, 2, false);
    outside.ip = Some([10, 0, 0, 1].into());
    assert_eq!(world.refused("", Action::CreateMachine(outside.into())).class, ErrorClass::Fatal);
}

#[test]
fn a_machine_without_an_address_gets_a_free_one_that_nobody_pinned() {
    let mut world = World::new(exact());
    for slot in 1..=200 {
        let request = world.worker(slot, 1);
        assert_eq!(world.call("", Action::CreateMachine(request.into())), Outcome::Done);
    }
    let mut ips: Vec<_> = world.list().machines.into_iter().filter_map(|machine| machine.ip).collect();
    ips.sort();
    ips.dedup();
    assert_eq!(ips.len(), 200);
    assert!((1..=3).all(|number| !ips.contains(&ip(number))));
}

#[test]
fn capacity_and_throttling_are_refusals_of_their_own_kind() {
    let mut world = World::new(SimSettings { capacity: 1, ..exact() });
    let (one, other) = (world.request(1, 1, false), world.request(2, 1, false));
    assert_eq!(world.call("", Action::CreateMachine(one.into())), Outcome::Done);
    assert_eq!(world.refused("", Action::CreateMachine(other.clone().into())).class, ErrorClass::Capacity);
    world.hurt(Hurt::Throttle(1_000));
    assert_eq!(world.refused("", Action::CreateMachine(other.into())).class, ErrorClass::Throttled);
}

#[test]
fn calls_beyond_the_rate_are_refused_until_time_has_passed() {
    let rate = kit_sim::CallRate { per_second: 1, burst: 2 };
    let mut world = World::new(SimSettings { call_rate: Some(rate), ..exact() });
    let create = |world: &World, number| Action::CreateMachine(world.request(number, 1, false).into());
    world.pass(10_000);
    for number in 1..=2 {
        let action = create(&world, number);
        assert_eq!(world.call("", action), Outcome::Done);
    }
    let third = create(&world, 3);
    assert_eq!(world.refused("", third.clone()).class, ErrorClass::Throttled);
    world.pass(1_000);
    assert_eq!(world.call("", third), Outcome::Done);
}

#[test]
fn a_lost_reply_took_effect_and_a_late_call_takes_it_later() {
    let mut world = World::new(exact());
    world.hurt(Hurt::LoseReplies(1));
    let request = world.request(1, 1, false);
    assert!(matches!(world.call("", Action::CreateMachine(request.into())), Outcome::Unknown(_)));
    assert_eq!(world.cloud.live_machine_count(), 1);
    world.hurt(Hurt::DelayCall(20_000));
    let request = world.request(2, 1, false);
    assert!(matches!(world.call("", Action::CreateMachine(request.into())), Outcome::Unknown(_)));
    assert_eq!(world.cloud.live_machine_count(), 1);
    world.pass(20_000);
    assert_eq!(world.cloud.live_machine_count(), 2);
    let entry = world.cloud.truth().since(0).last().unwrap().clone();
    assert_eq!(entry.delivered_ms - entry.sent_ms, 20_000);
    assert!(!entry.answered && matches!(entry.effect, DeedEffect::Made(_)));
    world.hurt(Hurt::LoseCalls(1));
    let request = world.request(3, 1, false);
    assert!(matches!(world.call("", Action::CreateMachine(request.into())), Outcome::Unknown(_)));
    world.pass(10 * MINUTE);
    assert_eq!(world.cloud.live_machine_count(), 2);
}

#[test]
fn listings_lag_only_where_the_cloud_does_not_promise_otherwise() {
    let lagging = SimSettings { listing_lag_ms: 20_000, strong_listings: false, ..exact() };
    let mut world = with_machine(lagging);
    world.hurt(Hurt::Lag(MINUTE));
    assert!(world.list().machines.is_empty());
    assert!(world.list().complete && !world.list().strong);
    world.pass(20_000);
    assert_eq!(world.list().machines.len(), 1);
    let mut world = with_machine(exact());
    world.hurt(Hurt::Lag(MINUTE));
    assert_eq!(world.list().machines.len(), 1);
    assert!(world.list().strong);
}

#[test]
fn a_partial_listing_says_so() {
    let mut world = World::new(exact());
    for slot in 1..=50 {
        let request = world.worker(slot, 1);
        world.call("", Action::CreateMachine(request.into()));
    }
    world.hurt(Hurt::PartialListings(1));
    let partial = world.list();
    assert!(!partial.complete && partial.machines.len() < 50);
    assert_eq!(world.list().machines.len(), 50);
}

#[test]
fn a_stranger_at_an_address_is_shown_and_in_the_way() {
    let mut world = World::new(exact());
    world.hurt(Hurt::Stranger(ip(1)));
    assert_eq!(world.list().strangers.len(), 1);
    let request = world.request(1, 1, false);
    assert_eq!(world.refused("", Action::CreateMachine(request.into())).class, ErrorClass::Conflict);
}

#[test]
fn the_first_to_claim_an_anchor_has_it() {
    let mut cloud = SimCloud::new(exact(), 1);
    assert_eq!(cloud.claim_anchor("demo", "a".into(), 1).uid, "a".into());
    assert_eq!(cloud.claim_anchor("demo", "b".into(), 2).uid, "a".into());
    assert!(cloud.release_anchor("demo", &"b".into(), 3).is_err());
    assert!(cloud.release_anchor("demo", &"a".into(), 4).is_ok());
    assert_eq!(cloud.anchor("demo"), None);
}

#[test]
fn marks_stay_and_a_retired_volume_is_nobodys() {
    let mut world = World::formed(exact(), 1);
    let volume = world.volume(1);
    assert!(world.list().volumes[0].formed);
    assert_eq!(world.call("", Action::RetireVolume { volume: volume.clone() }), Outcome::Done);
    assert!(world.list().volumes.is_empty());
    assert!(world.cloud.volumes().any(|kept| kept.id == volume && kept.retired));
}

#[test]
fn a_volume_of_another_member_does_not_start_docker() {
    let mut world = World::formed(exact(), 3);
    let dead = world.machine(2);
    world.hurt(Hurt::Kill(member(2)));
    world.pass(10_000);
    let volume = world.volume(2);
    world.call("", Action::ForceDetach { volume: volume.clone(), machine: dead });
    world.pass(1_000);
    let mut request = world.request(4, 90, false);
    request.ip = Some(ip(40));
    world.call("", Action::CreateMachine(request.into()));
    world.pass(5_000);
    let machine = world.machine(4);
    assert_eq!(world.call("", Action::AttachVolume { volume, machine: machine.clone() }), Outcome::Done);
    world.pass(MINUTE);
    let machine = world.cloud.machine(&machine).unwrap();
    assert_eq!(machine.engine, Engine::Dead);
    assert!(matches!(machine.finding, Some(kit_model::BootFinding::Refused(_))));
}

#[test]
fn whoever_is_cut_off_from_the_cloud_changes_nothing() {
    let mut world = World::formed(exact(), 3);
    world.hurt(Hurt::Isolate(member(1)));
    let machine = world.machine(2);
    let from = Sender::Member(member(1));
    assert!(matches!(world.call_from(&from, "", Action::TerminateMachine { machine }), Outcome::Unknown(_)));
    assert_eq!(world.state(2), MachineState::Running);
    world.hurt(Hurt::Mend(member(1)));
    world.hurt(Hurt::Cut(member(1)));
    let reboot = Action::RebootMachine { machine: world.machine(2) };
    assert_eq!(world.call_from(&from, "", reboot), Outcome::Done, "a cut from the others is none from the cloud");
}

#[test]
fn the_log_names_the_voters_at_each_disruption() {
    let mut world = World::formed(exact(), 3);
    let machine = world.machine(2);
    let from = Sender::Member(member(2));
    world.call_from(&from, "managers.m2", Action::TerminateMachine { machine });
    let entry = world.cloud.truth().since(0).last().unwrap().clone();
    let voters = entry.voters.unwrap();
    assert_eq!((voters.entries, voters.healthy), (3, 3));
    assert!(voters.target_votes && voters.target_healthy && voters.target_is_sender);
}

#[test]
fn the_same_seed_and_calls_give_the_same_world_also_when_it_was_written_down() {
    let run = |write_down: bool| {
        let mut world = World::formed(SimSettings::default(), 3);
        if write_down {
            let text = serde_json::to_string(&world.cloud).unwrap();
            world.cloud = serde_json::from_str(&text).unwrap();
        }
        let leader = world.leader();
        world.hurt(Hurt::Kill(member(leader)));
        world.pass(MINUTE);
        world.hurt(Hurt::RejoinWiped(member((1..=3).find(|n| *n != leader && *n != world.leader()).unwrap())));
        world.pass(MINUTE);
        serde_json::to_string(&world.cloud).unwrap()
    };
    assert_eq!(run(false), run(false));
    assert_eq!(run(false), run(true));
}

#[test]
fn a_token_of_a_rescue_is_the_same_for_every_rescuer() {
    let mut world = World::formed(exact(), 3);
    let dead = world.machine(2);
    world.hurt(Hurt::Kill(member(2)));
    world.pass(10_000);
    let mut request = world.request(2, 2, false);
    request.token = Token::of_rescue(&world.uid, &member(2), &dead, &request.content);
    for _ in 0..2 {
        assert_eq!(world.call("", Action::CreateMachine(request.clone().into())), Outcome::Done);
    }
    assert_eq!(world.cloud.live_machines_at(&member(2)).count(), 1);
}
