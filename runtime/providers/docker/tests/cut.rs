//! Calls that are cut off at any moment, as by a process that is killed: the same again finishes them, and never are there
//! two machines of one member. The Engine's own log of events is what is believed.

mod world;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use kit_model::{Action, Address, Generation, MachineState, Outcome, Token};
use tokio::time::timeout;
use world::{World, engine};

/// How many times it is cut, each time a little later: a making takes some 700 ms.
const CUTS: u64 = 14;

/// How much later each time.
const LATER_MS: u64 = 57;

/// How often the same is sent again before something is wrong.
const TRIES: u32 = 20;

/// Sends a call, and lets go of it after so long.
async fn cut(world: &World, action: Action, after_ms: u64) {
    let _ = timeout(Duration::from_millis(after_ms), world.call(action)).await;
}

/// Sends the same until the Engine has done it.
async fn finished(world: &World, action: Action) {
    for _ in 0..TRIES {
        match world.call(action.clone()).await {
            Outcome::Done => return,
            // What was cut off may still be under way in the Engine.
            Outcome::Refused(error) => assert_ne!(error.class, kit_model::ErrorClass::Fatal, "{error}"),
            other => panic!("{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("it was never done: {:#?}", world.list().await);
}

/// Waits until no machine is left: an Engine says that a removal is under way before the machine has stopped.
async fn gone(world: &World) {
    for _ in 0..TRIES {
        let machines = world.list().await.machines;
        if machines.iter().all(|machine| machine.state.is_terminal()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("it never ended: {:#?}", world.list().await);
}

#[tokio::test]
async fn a_call_that_is_cut_off_is_finished_by_the_same_again() {
    let Some(world) = engine().await else { return };
    let address = Address::from("managers.m1");
    let create_volume = Action::CreateVolume {
        address: address.clone(),
        generation: Generation(0),
        properties: Arc::new([("size".to_owned(), "1GiB".into())].into()),
        token: Token::of_volume(&world.uid, &address, Generation(0)),
    };
    for after_ms in [0, 5, 20] {
        cut(&world, create_volume.clone(), after_ms).await;
    }
    finished(&world, create_volume).await;
    let events = Events::of(&world);
    for number in 1..=CUTS {
        let mut request = world.request("managers.m1", number, world.machine());
        request.ip = Some(world.ip(1));
        request.boot.has_volume = true;
        let create = Action::CreateMachine(Arc::new(world.sealed(request)));
        cut(&world, create.clone(), number * LATER_MS).await;
        finished(&world, create.clone()).await;
        let live: Vec<_> =
            world.list().await.machines.into_iter().filter(|machine| !machine.state.is_terminal()).collect();
        assert_eq!(live.len(), 1, "{live:#?}");
        assert_eq!((live[0].state, live[0].marks.generation), (MachineState::Running, Generation(number)));
        let terminate = Action::TerminateMachine { machine: live[0].id.clone() };
        cut(&world, terminate.clone(), number * LATER_MS / 2).await;
        finished(&world, terminate).await;
        gone(&world).await;
        // What arrives late makes nothing again.
        assert_eq!(world.call(create).await, Outcome::Done);
        gone(&world).await;
    }
    never_two_at_once(&events.log());
}

/// The Engine's events of a cluster's containers, as they come: what it keeps of them is only the last few.
struct Events {
    child: Child,
    file: File,
}

impl Events {
    fn of(world: &World) -> Self {
        let file = tempfile::tempfile().expect("a file");
        let label = format!("label=kit.uid={}", world.uid);
        let child = Command::new("docker")
            .args(["-H", &world.host, "events", "--since", "1s", "--filter", "type=container", "--filter", &label])
            .args(["--format", "{{.Action}} {{.ID}}"])
            .stdout(file.try_clone().expect("the file again"))
            .spawn()
            .expect("docker runs");
        Self { child, file }
    }

    fn log(mut self) -> String {
        self.end();
        self.file.rewind().expect("a file");
        let mut log = String::new();
        self.file.read_to_string(&mut log).expect("text");
        log
    }

    fn end(&mut self) {
        // It may have ended by itself, with its Engine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A test that fails ends its child too, which holds the runner's output open otherwise.
impl Drop for Events {
    fn drop(&mut self) {
        self.end();
    }
}

/// No two containers of the member ran at once.
fn never_two_at_once(log: &str) {
    let mut running = BTreeSet::new();
    let mut started = 0;
    for line in log.lines() {
        match line.split_once(' ') {
            Some(("start", id)) => {
                started += 1;
                running.insert(id);
                assert_eq!(running.len(), 1, "two at once:\n{log}");
            }
            Some(("die", id)) => {
                running.remove(id);
            }
            _ => {}
        }
    }
    assert!(started >= CUTS, "only {started} machines ever ran:\n{log}");
}
