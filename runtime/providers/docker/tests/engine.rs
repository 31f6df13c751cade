//! What a real Docker Engine does with what Kit asks of it, beyond the contract of every provider.

mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kit_docker::{BOOT_DOCUMENT, Door, KITC, MACHINE_SOCKET, REVISION, USER_DATA};
use kit_graph::Value;
use kit_model::{
    Action, Authority, BootDocument, Call, CallId, ErrorClass, Generation, MachineId, MachineRequest, MachineState,
    Outcome, Provider as _, Token, VolumeId, VolumeState,
};
use world::{World, create_network, engine, image, instance, provider_at};

fn create(request: MachineRequest) -> Action {
    Action::CreateMachine(Arc::new(request))
}

fn create_volume(world: &World, address: &str, generation: u64) -> Action {
    let generation = Generation(generation);
    Action::CreateVolume {
        address: address.into(),
        generation,
        properties: Arc::new([("size".to_owned(), "1GiB".into())].into()),
        token: Token::of_volume(&world.uid, &address.into(), generation),
    }
}

fn refused(outcome: Outcome) -> (ErrorClass, String, String) {
    match outcome {
        Outcome::Refused(error) => (error.class, error.code, error.message),
        other => panic!("it was not refused: {other:?}"),
    }
}

/// A manager's request, at its address.
fn manager(world: &World, address: &str, generation: u64, ip: u8) -> MachineRequest {
    let mut request = world.request(address, generation, world.machine());
    request.ip = Some(world.ip(ip));
    request.boot.manager = true;
    request.boot.manager_ips = vec![world.ip(ip)];
    request.boot.seed = generation == 0;
    world.sealed(request)
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_named() {
    let directory = std::env::temp_dir();
    let provider = provider_at(&format!("unix://{}/kit-no-engine.sock", directory.display()));
    let error = provider.anchor("demo").await.expect_err("nobody listens");
    assert_eq!(error.code, "EngineUnreachable");
    assert!(error.message.contains("kit-no-engine.sock: there is no such socket"), "{}", error.message);
    let action = Action::StartMachine { machine: "0123456789ab".into() };
    let call = Call {
        id: CallId(1),
        address: "a".into(),
        authority: Authority::Operator,
        not_after_boot_ms: u64::MAX,
        action,
    };
    let outcome = provider.send(&"u".into(), &call, &|| Ok(())).await;
    // Nothing was sent, so nothing is unknown.
    assert_eq!(refused(outcome).0, ErrorClass::NotYet);
}

#[tokio::test]
async fn a_machine_is_given_what_it_boots_with() {
    let Some(world) = engine().await else { return };
    let request = manager(&world, "managers.m1", 0, 1);
    let directory = tempfile::tempdir().expect("a directory");
    let kitc = directory.path().join("kitc");
    std::fs::write(&kitc, "#!/bin/sh\necho \"kitc $*\" > /var/lib/kit/ran\n").expect("written");
    let given = provider_at(&world.host).with_kitc(&kitc);
    given.give_revision("sha256:1".into(), b"the graph".as_slice().into());
    let call = Call {
        id: CallId(1),
        address: "managers.m1".into(),
        authority: Authority::Operator,
        not_after_boot_ms: u64::MAX,
        action: create(request.clone()),
    };
    assert_eq!(given.send(&world.uid, &call, &|| Ok(())).await, Outcome::Done);
    let machine = world.list().await.machines.remove(0);
    let id = machine.id.as_str();
    let on = |command: &[&str]| world.docker(&[&["exec", id], command].concat());
    let document = on(&["cat", BOOT_DOCUMENT]).expect("a boot document");
    assert_eq!(serde_json::from_str::<BootDocument>(&document).expect("JSON"), request.boot);
    assert_eq!(on(&["cat", REVISION]).as_deref(), Some("the graph"));
    assert_eq!(on(&["stat", "-c", "%a %U", USER_DATA, REVISION]).as_deref(), Some("700 root\n600 root"));
    assert_eq!(on(&["hostname"]).as_deref(), Some("managers-m1"));
    // A manager has a way to the Engine, and nothing that the host lacks is asked for.
    assert!(on(&["test", "-S", MACHINE_SOCKET]).is_some());
    let listed =
        on(&["docker", "-H", &format!("unix://{MACHINE_SOCKET}"), "ps", "-q", "--filter", &format!("id={id}")]);
    assert_eq!(listed.as_deref(), Some(id));
    assert!(on(&["mount", "-t", "tmpfs", "none", "/mnt"]).is_some(), "a machine may mount");
    // The machine runs the user-data itself.
    let mut log = String::new();
    for _ in 0..50 {
        log = on(&["cat", "/var/log/cloud-init-output.log"]).unwrap_or_default();
        if log.contains("user-data ended") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(log.contains("user-data begins"), "{log}");
    let ran = format!("kitc boot {BOOT_DOCUMENT}");
    assert_eq!(on(&["cat", "/var/lib/kit/ran"]).as_deref(), Some(ran.as_str()), "{log}");
    assert_eq!(on(&["stat", "-c", "%a %U", KITC]).as_deref(), Some("755 root"));
}

#[tokio::test]
async fn a_worker_gets_an_address_that_nobody_else_has_and_no_way_to_the_engine() {
    let Some(world) = engine().await else { return };
    let workers = (1..=3).map(|slot| {
        let mut request = world.request(&format!("workers.{slot}"), 1, world.machine());
        // The addresses of managers that are not there: the last two of the subnet.
        request.boot.manager_ips = vec![world.ip(26), world.ip(25)];
        world.call(create(world.sealed(request)))
    });
    let mut workers: Vec<_> = workers.collect();
    let (third, second, first) = (workers.pop(), workers.pop(), workers.pop());
    let (Some(first), Some(second), Some(third)) = (first, second, third) else { unreachable!("three were made") };
    let made = tokio::join!(first, second, third);
    assert_eq!(made, (Outcome::Done, Outcome::Done, Outcome::Done));
    let machines = world.list().await.machines;
    let mut ips: Vec<_> = machines.iter().filter_map(|machine| machine.ip).collect();
    ips.sort_unstable();
    assert_eq!(ips, [world.ip(22), world.ip(23), world.ip(24)]);
    for machine in &machines {
        let socket = world.docker(&["exec", machine.id.as_str(), "test", "-e", MACHINE_SOCKET]);
        assert_eq!((machine.state, socket), (MachineState::Running, None));
    }
}

#[tokio::test]
async fn an_image_that_is_not_there_is_named_and_nothing_is_left() {
    let Some(world) = engine().await else { return };
    let image = "kit-lab/there-is-none:1";
    let machine = instance("docker.Machine", &[("image", image.into()), ("network", Value::Ref("net".to_owned()))]);
    let (class, code, message) = refused(world.call(create(world.request("plain.1", 1, machine))).await);
    assert_eq!((class, code.as_str()), (ErrorClass::Fatal, "NoSuchImage"));
    assert!(message.contains(image) && message.contains("docker pull"), "{message}");
    assert!(world.list().await.machines.is_empty());
}

#[tokio::test]
async fn a_strangers_container_at_our_address_is_named_and_left_alone() {
    let Some(world) = engine().await else { return };
    let network = world.list().await.resources.remove(0).id;
    let (name, label) = (format!("kit-test-{}", world.uid), format!("kit.test={}", world.uid));
    let ip = world.ip(1).to_string();
    let stranger = ["run", "-d", "--name", &name, "--label", &label, "--network", network.as_str(), "--ip", &ip];
    world.docker(&[&stranger[..], &["--entrypoint", "sleep", &image(), "600"]].concat()).expect("a stranger");
    let seen = world.list().await.strangers;
    assert_eq!(
        seen.iter().map(|one| (one.ip, one.what.as_str())).collect::<Vec<_>>(),
        [(world.ip(1), format!("the container {name}").as_str())]
    );
    let (class, _, message) = refused(world.call(create(manager(&world, "managers.m1", 1, 1))).await);
    assert_eq!(class, ErrorClass::Conflict);
    assert!(message.contains(&ip) && message.contains(&name), "{message}");
    assert!(world.list().await.machines.is_empty());
    assert_eq!(world.docker(&["inspect", "-f", "{{.State.Running}}", &name]).as_deref(), Some("true"));
    // A name like one of ours is no mark, and what bears it is no machine of ours.
    let id = world.docker(&["inspect", "-f", "{{.Id}}", &name]).expect("its ID");
    let action = Action::TerminateMachine { machine: id.get(..12).expect("an ID").into() };
    assert_eq!(refused(world.call(action).await).1, "NoSuchMachine");
    assert_eq!(world.docker(&["inspect", "-f", "{{.State.Running}}", &name]).as_deref(), Some("true"));
}

#[tokio::test]
async fn networks_that_overlap_are_refused_by_name() {
    let Some(world) = engine().await else { return };
    let (_, same) = world.declared("net", 0);
    let (class, code, message) = refused(world.call(create_network(&world.uid, &"second".into(), same)).await);
    assert_eq!((class, code.as_str()), (ErrorClass::Conflict, "AddressesInUse"));
    assert!(message.contains("docker network ls"), "{message}");
}

#[tokio::test]
async fn of_many_makings_at_once_one_machine_comes() {
    let Some(world) = engine().await else { return };
    let (first, rival) = (manager(&world, "managers.m1", 1, 1), manager(&world, "managers.m1", 2, 1));
    let (a, b, c) = tokio::join!(
        world.call(create(first.clone())),
        world.call(create(first.clone())),
        world.call(create(rival.clone()))
    );
    let machines = world.list().await.machines;
    assert_eq!(machines.len(), 1, "{machines:#?}");
    assert_eq!(machines[0].state, MachineState::Running);
    // One that comes while a name is being taken is refused and may come again; a rival that lost never gets it.
    let won = machines[0].marks.token == first.token;
    for (outcome, is_first) in [(a, true), (b, true), (c, false)] {
        match outcome {
            Outcome::Done => assert_eq!(is_first, won),
            Outcome::Refused(error) => {
                assert!(matches!(error.class, ErrorClass::Conflict | ErrorClass::NotYet), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
    let (winner, loser) = if won { (first, rival) } else { (rival, first) };
    assert_eq!(world.call(create(winner)).await, Outcome::Done);
    assert_eq!(refused(world.call(create(loser)).await).0, ErrorClass::Conflict);
    assert_eq!(world.list().await.machines.len(), 1);
}

#[tokio::test]
async fn a_making_that_was_cut_short_is_finished_by_the_next() {
    let Some(world) = engine().await else { return };
    for (member, number) in [("managers.m1", 1), ("managers.m2", 2)] {
        let request = manager(&world, member, 1, number);
        let call = Call {
            id: CallId(1),
            address: member.into(),
            authority: Authority::Operator,
            not_after_boot_ms: u64::MAX,
            action: create(request.clone()),
        };
        // The permit ends once the container is made.
        let asked = AtomicU32::new(0);
        let gate = || if asked.fetch_add(1, Ordering::SeqCst) == 0 { Ok(()) } else { Err("it is over".to_owned()) };
        let outcome = world.provider.send(&world.uid, &call, &gate).await;
        assert!(matches!(&outcome, Outcome::Unknown(why) if why.contains("it is over")), "{outcome:?}");
        let made = world.list().await.machines.into_iter().find(|made| made.marks.address == request.address);
        let made = made.expect("a container");
        assert_eq!(made.state, MachineState::Stopped);
        let next = match number {
            1 => create(request),
            _ => Action::StartMachine { machine: made.id.clone() },
        };
        assert_eq!(world.call(next).await, Outcome::Done);
        let running = world.list().await.machines.into_iter().find(|machine| machine.id == made.id);
        assert_eq!(running.map(|machine| machine.state), Some(MachineState::Running));
        assert!(world.docker(&["exec", made.id.as_str(), "test", "-s", BOOT_DOCUMENT]).is_some());
    }
}

/// Freezes a machine: while processes are born in it, as they are when it boots, the kernel may refuse.
async fn freeze(world: &World, id: &MachineId) {
    for _ in 0..20 {
        if world.docker(&["pause", id.as_str()]).is_some() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("{id} cannot be frozen");
}

#[tokio::test]
async fn a_killed_machine_is_stopped_and_starts_again_with_what_it_had() {
    let Some(world) = engine().await else { return };
    assert_eq!(world.call(create_volume(&world, "managers.m1", 0)).await, Outcome::Done);
    let mut request = manager(&world, "managers.m1", 1, 1);
    request.boot.has_volume = true;
    assert_eq!(world.call(create(world.sealed(request))).await, Outcome::Done);
    let before = world.list().await;
    let id = before.machines[0].id.clone();
    assert!(matches!(&before.volumes[0].state, VolumeState::Held(held) if held.attached && held.machine == id));
    world.docker(&["exec", id.as_str(), "sh", "-c", "echo kept > /var/lib/docker/mark"]).expect("written");
    world.docker(&["kill", id.as_str()]).expect("killed");
    let killed = world.list().await;
    assert_eq!(killed.machines[0].state, MachineState::Stopped);
    assert!(killed.volumes[0].holder().is_some(), "a stopped machine holds its volume");
    assert_eq!(world.call(Action::StartMachine { machine: id.clone() }).await, Outcome::Done);
    assert_eq!(world.call(Action::RebootMachine { machine: id.clone() }).await, Outcome::Done);
    // A frozen machine is there, and a reboot frees it.
    freeze(&world, &id).await;
    assert_eq!(world.list().await.machines[0].state, MachineState::Running);
    assert_eq!(world.call(Action::RebootMachine { machine: id.clone() }).await, Outcome::Done);
    assert_eq!(world.docker(&["exec", id.as_str(), "cat", "/var/lib/docker/mark"]).as_deref(), Some("kept"));
    freeze(&world, &id).await;
    assert_eq!(world.call(Action::TerminateMachine { machine: id.clone() }).await, Outcome::Done);
    let ended = world.list().await;
    assert_eq!(ended.machines[0].state, MachineState::Terminated);
    assert_eq!(ended.volumes[0].state, VolumeState::Available);
}

#[tokio::test]
async fn a_volume_that_another_container_uses_is_not_used_by_two() {
    let Some(world) = engine().await else { return };
    assert_eq!(world.call(create_volume(&world, "managers.m1", 0)).await, Outcome::Done);
    let volume = world.list().await.volumes.remove(0).id;
    let label = format!("kit.test={}", world.uid);
    let mount = format!("{volume}:/backup");
    let backup = ["run", "-d", "--label", &label, "-v", &mount, "--network", "none", "--entrypoint", "sleep"];
    let backup = world.docker(&[&backup[..], &[&image(), "600"]].concat()).expect("a container");
    let mut request = manager(&world, "managers.m1", 1, 1);
    request.boot.has_volume = true;
    let request = world.sealed(request);
    let (class, code, _) = refused(world.call(create(request.clone())).await);
    assert_eq!((class, code.as_str()), (ErrorClass::Conflict, "VolumeInUse"));
    world.docker(&["kill", &backup]).expect("killed");
    assert_eq!(world.call(create(request)).await, Outcome::Done);
}

#[tokio::test]
async fn a_lost_volume_is_not_made_again_under_its_name() {
    let Some(world) = engine().await else { return };
    assert_eq!(world.call(create_volume(&world, "managers.m1", 0)).await, Outcome::Done);
    let volume = world.list().await.volumes.remove(0).id;
    assert_eq!(world.call(Action::MarkFormed { volume: volume.clone() }).await, Outcome::Done);
    world.docker(&["volume", "rm", volume.as_str()]).expect("removed by a person");
    assert!(world.list().await.volumes.is_empty());
    let (class, code, _) = refused(world.call(create_volume(&world, "managers.m1", 0)).await);
    assert_eq!((class, code.as_str()), (ErrorClass::Fatal, "StateLost"));
    // The next making is another one.
    assert_eq!(world.call(create_volume(&world, "managers.m1", 7)).await, Outcome::Done);
    let made = world.list().await.volumes.remove(0);
    assert_eq!((made.marks.generation, made.formed), (Generation(7), false));
}

#[tokio::test]
async fn what_a_person_removes_leaves_nothing_behind() {
    let Some(world) = engine().await else { return };
    world.provider.claim_anchor(&world.cluster, world.uid.clone()).await.expect("an anchor");
    assert_eq!(world.call(create_volume(&world, "managers.m1", 0)).await, Outcome::Done);
    let volume = world.list().await.volumes.remove(0).id;
    assert_eq!(world.call(Action::MarkFormed { volume: volume.clone() }).await, Outcome::Done);
    assert_eq!(world.call(create(manager(&world, "managers.m1", 1, 1))).await, Outcome::Done);
    let machine = world.list().await.machines.remove(0).id;
    let error = world.provider.remove_resource(&world.uid, &"net".into()).await.expect_err("a machine stands in it");
    assert_eq!(error.code, "InUse");
    assert_eq!(world.call(Action::TerminateMachine { machine }).await, Outcome::Done);
    world.provider.remove_resource(&world.uid, &"net".into()).await.expect("removed");
    world.provider.remove_resource(&world.uid, &"net".into()).await.expect("no error where it is gone");
    let error = world.provider.remove_volume(&"other".into(), &volume).await.expect_err("another's");
    assert_eq!(error.code, "NoSuchVolume");
    world.provider.remove_volume(&world.uid, &volume).await.expect("removed");
    let error = world.provider.remove_volume(&world.uid, &VolumeId::from("kit-none")).await.expect_err("none");
    assert_eq!(error.code, "NoSuchVolume");
    world.provider.release_anchor(&world.cluster, &world.uid).await.expect("given up");
    let mine = format!("label=kit.uid={}", world.uid);
    for kind in [["volume", "ls"], ["network", "ls"], ["container", "ls"]] {
        let left = world.docker(&[&kind[..], &["-q", "--filter", &mine]].concat());
        assert_eq!(left.as_deref(), Some(""), "{kind:?}");
    }
}

#[tokio::test]
async fn a_machine_has_its_memory_and_labels_and_no_label_of_ours() {
    let Some(world) = engine().await else { return };
    let with = |labels: Value| {
        let network = Value::Ref("net".to_owned());
        let fields = [("image", image().as_str().into()), ("network", network), ("memory", "64MiB".into())];
        let mut fields = fields.to_vec();
        fields.push(("labels", labels));
        instance("docker.Machine", &fields)
    };
    let labels = |name: &str| Value::Map([(name.to_owned(), Value::from("a"))].into_iter().collect());
    assert_eq!(world.call(create(world.request("plain.1", 1, with(labels("rack"))))).await, Outcome::Done);
    let id = world.list().await.machines.remove(0).id;
    let told = world.docker(&["inspect", "-f", "{{.HostConfig.Memory}} {{.Config.Labels.rack}}", id.as_str()]);
    assert_eq!(told.as_deref(), Some("67108864 a"));
    let (class, _, message) = refused(world.call(create(world.request("plain.2", 1, with(labels("kit.uid"))))).await);
    assert_eq!(class, ErrorClass::Fatal);
    assert!(message.contains("kit.uid"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engine_of_a_machine_is_reached_through_the_machine() {
    let Some(world) = engine().await else { return };
    world.provider.claim_anchor(&world.cluster, world.uid.clone()).await.expect("an anchor");
    let directory = tempfile::tempdir().expect("a directory");
    let provider = Arc::new(provider_at(&world.host));
    let door =
        Door::open(&provider, &world.cluster, &"managers.m1".into(), directory.path(), 1).expect("a socket of our own");
    let through = format!("unix://{}", door.socket().display());
    assert_eq!(world::docker(&through, &["version"]), None, "there is no machine yet");
    assert_eq!(world.call(create_volume(&world, "managers.m1", 0)).await, Outcome::Done);
    let mut request = manager(&world, "managers.m1", 1, 1);
    request.boot.has_volume = true;
    assert_eq!(world.call(create(world.sealed(request))).await, Outcome::Done);
    let id = world.list().await.machines.remove(0).id;
    // Whoever asks an engine that does not run is told so.
    let said = std::process::Command::new("docker").args(["-H", &through, "version"]).output().expect("docker runs");
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("the machine carries nothing to its engine"), "{said}");
    world.docker(&["exec", id.as_str(), "systemctl", "start", "docker"]).expect("the machine's engine");
    let name = world::docker(&through, &["info", "-f", "{{.Name}}"]);
    assert_eq!(name.as_deref(), Some("managers-m1"));
    // An answer larger than any piece comes whole, and many at once do not mix.
    let asked: Vec<_> = (0..8)
        .map(|_| {
            let through = through.clone();
            tokio::task::spawn_blocking(move || world::docker(&through, &["info", "-f", "{{json .}}"]))
        })
        .collect();
    for answer in asked {
        let answer = answer.await.expect("it ran").expect("an answer");
        assert!(answer.starts_with('{') && answer.ends_with('}'), "{answer}");
    }
    drop(door);
    assert_eq!(world::docker(&through, &["version"]), None, "the door is closed");
}
