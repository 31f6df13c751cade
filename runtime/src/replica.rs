//! One replica: it feeds the reconciler with what happens and carries out what it says, for as long as its
//! machine runs, and survives every error.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use kit_model::{
    Address, BootId, ClusterUid, CommitResult, Effect, Event, Level, Outcome, Policy, ReplicaIdentity, Report,
};
use kit_planner::Reconciler;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{sleep, timeout};

use crate::event_log::{EventLog, EventRecord, EventSink, report};
use crate::executor::Executor;
use crate::shown::{MemoryFile, StatusFile};
use crate::state_directory::StateDirectory;
use crate::surroundings::{HostState, Surroundings};

/// How often a replica with nothing to do looks whether its machine runs and its time has come: short
/// against every wait that a policy has, and cheap.
const LOOK_EVERY: Duration = Duration::from_millis(1000);

/// How long after a panic the replica begins anew, doubled with each one more up to the second.
const RESTART_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// The replica of one member.
pub struct Replica {
    /// The member that it runs beside.
    pub member: Address,
    /// What it asks and changes.
    pub surroundings: Surroundings,
    /// Where it keeps its files.
    pub state: Arc<StateDirectory>,
    /// The limits it goes by.
    pub policy: Policy,
    /// Where its events go, besides the log in its directory.
    pub events: Arc<dyn EventSink>,
}

/// How a replica ended.
#[derive(Debug)]
pub enum ReplicaEnd {
    /// It was told to stop.
    Stopped,
    /// Another process runs the member's replica on this machine.
    RunsElsewhere,
}

/// What a replica does while another process has that of its member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elsewhere {
    /// It ends.
    Ends,
    /// It waits until the other process ends: whoever waits for the cluster must not wait for nobody.
    Waits,
}

/// Why the work of one boot ended.
enum BootEnd {
    Stopped,
    MachineGone,
}

impl Replica {
    /// Runs until `stop` says so. Whatever fails, it goes on.
    ///
    /// # Errors
    /// When the lock of the replica cannot be opened.
    pub async fn run(self, elsewhere: Elsewhere, mut stop: watch::Receiver<bool>) -> io::Result<ReplicaEnd> {
        let _lock = loop {
            match self.state.lock()? {
                Some(lock) => break lock,
                None if elsewhere == Elsewhere::Ends => return Ok(ReplicaEnd::RunsElsewhere),
                None if pause(LOOK_EVERY, &mut stop).await.is_break() => return Ok(ReplicaEnd::Stopped),
                None => {}
            }
        };
        let replica = Arc::new(self);
        let log = Arc::new(EventLog::in_directory(replica.state.path()));
        let mut restart_after = RESTART_AFTER.0;
        let mut said_down = false;
        loop {
            let boot_id = match replica.machine().await {
                HostState::Running(boot_id) => boot_id,
                HostState::Frozen => {
                    if pause(LOOK_EVERY, &mut stop).await.is_break() {
                        return Ok(ReplicaEnd::Stopped);
                    }
                    continue;
                }
                HostState::Down(why) => {
                    if !said_down {
                        said_down = true;
                        replica.tell(
                            &log,
                            report(Level::Info, "machine-down", format!("its machine does not run: {why}")),
                        );
                    }
                    if pause(LOOK_EVERY, &mut stop).await.is_break() {
                        return Ok(ReplicaEnd::Stopped);
                    }
                    continue;
                }
            };
            said_down = false;
            replica.tell(&log, report(Level::Info, "started", format!("its machine runs (boot {boot_id})")));
            // In a task of its own, so that a panic ends the work of this boot and not the process.
            let work = tokio::spawn(Arc::clone(&replica).work(boot_id, Arc::clone(&log), stop.clone()));
            match work.await {
                Ok(BootEnd::Stopped) => return Ok(ReplicaEnd::Stopped),
                Ok(BootEnd::MachineGone) => restart_after = RESTART_AFTER.0,
                Err(error) => {
                    let message = format!(
                        "a bug in kitc ended the work ({}); it begins anew in {} s",
                        panic_message(error),
                        restart_after.as_secs()
                    );
                    replica.tell(&log, report(Level::Error, "restart", message));
                    if pause(restart_after, &mut stop).await.is_break() {
                        return Ok(ReplicaEnd::Stopped);
                    }
                    restart_after = (restart_after * 2).min(RESTART_AFTER.1);
                }
            }
        }
    }

    /// How the machine is. One that says nothing in time is taken for frozen: nothing is sent and nothing forgotten
    /// until it says something.
    async fn machine(&self) -> HostState {
        let patience = Duration::from_millis(self.policy.call_timeout_ms);
        timeout(patience, self.surroundings.host.state()).await.unwrap_or(HostState::Frozen)
    }

    /// The work of one boot of the machine, with a reconciler of its own.
    async fn work(self: Arc<Self>, boot_id: BootId, log: Arc<EventLog>, mut stop: watch::Receiver<bool>) -> BootEnd {
        let patience = Duration::from_millis(self.policy.call_timeout_ms);
        // Without an answer it is as with a machine of another making: the head says whose cluster this is.
        let told = timeout(patience, self.surroundings.host.boot_document()).await.unwrap_or_default();
        // A head of another cluster that once had this name and this directory is nothing to go by.
        let ours = |uid: &ClusterUid| told.as_ref().is_none_or(|told| told.uid == *uid);
        let cached = self.state.cached_head().filter(|head| ours(&head.value.uid));
        let uid = told.as_ref().map(|told| &told.uid).or(cached.as_ref().map(|head| &head.value.uid)).cloned();
        let executor = Arc::new(Executor::new(
            self.surroundings.clone(),
            Arc::clone(&self.state),
            self.policy.clone(),
            uid.clone(),
        ));
        let identity = ReplicaIdentity { member: self.member.clone(), boot_id: boot_id.clone(), uid };
        let mut reconciler = Reconciler::new(identity, self.policy.clone());
        if let Some(told) = told.filter(|told| told.seed) {
            reconciler = reconciler.made_as_seed(told.revision);
        }
        if let Some(head) = cached
            && let Ok(spec) = executor.cached_spec(&head.value.revision).await
        {
            reconciler.recall(head, spec, self.surroundings.clock.now());
        }
        let mut shown = StatusFile::new(Arc::clone(&self.state), self.member.clone(), boot_id.clone());
        let mut memory = MemoryFile::new(Arc::clone(&self.state), self.member.clone(), boot_id.clone());
        let mut under_way = UnderWay::default();
        let mut wake_ms = None;
        let mut next = Some(Event::Tick);
        loop {
            let event = match next.take() {
                Some(event) => Some(event),
                None => {
                    let now = self.surroundings.clock.now();
                    let until_wake = wake_ms.map(|due: u64| Duration::from_millis(due.saturating_sub(now.boot_ms)));
                    let nap = until_wake.map_or(LOOK_EVERY, |left| left.min(LOOK_EVERY));
                    tokio::select! {
                        biased;
                        () = stopped(&mut stop) => return BootEnd::Stopped,
                        Some(event) = under_way.next() => Some(event),
                        () = sleep(nap) => {
                            let due = wake_ms.is_some_and(|due| due <= self.surroundings.clock.now().boot_ms);
                            due.then(|| {
                                wake_ms = None;
                                Event::Tick
                            })
                        }
                    }
                }
            };
            match self.machine().await {
                HostState::Running(current) if current == boot_id => {}
                HostState::Running(_) | HostState::Down(_) => {
                    executor.publish(kit_planner::Gate::closed());
                    return BootEnd::MachineGone;
                }
                HostState::Frozen => {
                    // A frozen process neither sends nor thinks. What it was about to handle it handles later.
                    next = event;
                    if pause(LOOK_EVERY, &mut stop).await.is_break() {
                        return BootEnd::Stopped;
                    }
                    continue;
                }
            }
            let Some(event) = event else {
                // What was left out a moment ago, because little time had passed.
                shown.show(&reconciler, self.surroundings.clock.now());
                continue;
            };
            let effects = reconciler.handle(event, self.surroundings.clock.now());
            // Before any of its effects begins: a call is asked about by this gate.
            executor.publish(reconciler.gate());
            for effect in effects {
                match effect {
                    Effect::Report(report) => self.tell(&log, report),
                    Effect::WakeAt { boot_ms } => wake_ms = Some(boot_ms),
                    effect => under_way.begin(&executor, effect),
                }
            }
            let now = self.surroundings.clock.now();
            shown.show(&reconciler, now);
            memory.show(&reconciler, now);
        }
    }

    fn tell(&self, log: &EventLog, report: Report) {
        let record = EventRecord::new(self.surroundings.clock.now().wall_ms, Some(self.member.clone()), report);
        if record.report.level > Level::Debug {
            log.event(&record);
        }
        self.events.event(&record);
    }
}

/// Effects that are being carried out, each in a task.
#[derive(Default)]
struct UnderWay {
    tasks: JoinSet<Event>,
    /// What the reconciler hears if a task dies: nothing is known of what it began.
    if_it_dies: BTreeMap<String, Event>,
}

impl UnderWay {
    fn begin(&mut self, executor: &Arc<Executor>, effect: Effect) {
        let executor = Arc::clone(executor);
        let died = || "a bug in kitc ended it".to_owned();
        let (task, if_it_dies) = match effect {
            Effect::Observe { id, full } => {
                let begun = executor.now();
                (
                    self.tasks.spawn(async move { executor.observe(id, full).await }),
                    Event::Observed(id, Box::new(Executor::saw_nothing(begun, full, &died()))),
                )
            }
            Effect::LoadRevision { id, revision } => {
                let failed = Event::Revision(id, revision.clone(), Err(died()));
                (self.tasks.spawn(async move { executor.load(id, revision).await }), failed)
            }
            Effect::CreateHead { id, head, revision } => (
                self.tasks.spawn(async move { executor.create_head(id, &head, &revision).await }),
                Event::Committed(id, CommitResult::Unknown(died())),
            ),
            Effect::CommitHead { id, base, head } => (
                self.tasks.spawn(async move { executor.commit(id, base, &head).await }),
                Event::Committed(id, CommitResult::Unknown(died())),
            ),
            Effect::Mutate(call) => {
                let failed = Event::Called(call.id, Outcome::Unknown(died()));
                (self.tasks.spawn(async move { executor.send(call).await }), failed)
            }
            Effect::StopLocalEngine { id } => {
                (self.tasks.spawn(async move { executor.stop_engine(id).await }), Event::EngineStopped(id, Err(died())))
            }
            Effect::StartLocalEngine { id } => (
                self.tasks.spawn(async move { executor.start_engine(id).await }),
                Event::EngineStarted(id, Err(died())),
            ),
            // Carried out at once by the caller.
            Effect::Report(_) | Effect::WakeAt { .. } => return,
        };
        self.if_it_dies.insert(key(task.id()), if_it_dies);
    }

    /// The next answer; none if nothing is under way.
    async fn next(&mut self) -> Option<Event> {
        match self.tasks.join_next_with_id().await? {
            Ok((id, event)) => {
                self.if_it_dies.remove(&key(id));
                Some(event)
            }
            Err(error) => self.if_it_dies.remove(&key(error.id())),
        }
    }
}

fn key(id: Id) -> String {
    id.to_string()
}

fn panic_message(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(cause) => cause
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| cause.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without words".to_owned()),
        Err(error) => error.to_string(),
    }
}

/// Comes back when `stop` says so; never if nobody can say it any more.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn pause(how_long: Duration, stop: &mut watch::Receiver<bool>) -> std::ops::ControlFlow<()> {
    tokio::select! {
        biased;
        () = stopped(stop) => std::ops::ControlFlow::Break(()),
        () = sleep(how_long) => std::ops::ControlFlow::Continue(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::executor::tests::{World, surroundings};

    #[derive(Default)]
    struct Heard(Mutex<Vec<EventRecord>>);

    impl EventSink for Heard {
        fn event(&self, event: &EventRecord) {
            self.0.lock().unwrap().push(event.clone());
        }
    }

    impl Heard {
        fn kinds(&self) -> Vec<String> {
            self.0.lock().unwrap().iter().map(|event| event.report.kind.clone()).collect()
        }
    }

    /// Runs a replica in this world for so long.
    async fn run_for(world: &Arc<World>, how_long: Duration) -> Arc<Heard> {
        let directory = tempfile::tempdir().unwrap();
        let heard = Arc::new(Heard::default());
        let replica = Replica {
            member: Address::from("managers.m1"),
            surroundings: surroundings(world, directory.path()),
            state: Arc::new(StateDirectory::open(directory.path()).unwrap()),
            policy: Policy::default(),
            events: Arc::clone(&heard) as _,
        };
        let (stop, stopping) = watch::channel(false);
        let running = tokio::spawn(replica.run(Elsewhere::Ends, stopping));
        sleep(how_long).await;
        stop.send(true).unwrap();
        assert!(matches!(running.await.unwrap().unwrap(), ReplicaEnd::Stopped));
        heard
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_of_a_task_is_an_answer_that_knows_nothing() {
        let world = Arc::new(World { look_that_panics: 1, tick_ms: 500, ..World::default() });
        let heard = run_for(&world, Duration::from_secs(60)).await;
        assert!(world.looks.load(Ordering::SeqCst) > 3, "it goes on looking");
        assert!(!heard.kinds().contains(&"restart".to_owned()), "{:?}", heard.kinds());
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_of_the_work_begins_it_anew_and_says_so() {
        let world = Arc::new(World { state_that_panics: 5, tick_ms: 500, ..World::default() });
        let heard = run_for(&world, Duration::from_secs(60)).await;
        let kinds = heard.kinds();
        assert_eq!(kinds.iter().filter(|kind| *kind == "restart").count(), 1, "{kinds:?}");
        assert_eq!(kinds.iter().filter(|kind| *kind == "started").count(), 2, "{kinds:?}");
        assert!(world.states.load(Ordering::SeqCst) > 10, "it goes on");
    }

    #[tokio::test]
    async fn a_member_has_one_replica() {
        let directory = tempfile::tempdir().unwrap();
        let replica = || Replica {
            member: Address::from("managers.m1"),
            surroundings: surroundings(&Arc::new(World::default()), directory.path()),
            state: Arc::new(StateDirectory::open(directory.path()).unwrap()),
            policy: Policy::default(),
            events: Arc::new(Heard::default()),
        };
        let (stop, stopping) = watch::channel(false);
        let first = tokio::spawn(replica().run(Elsewhere::Ends, stopping.clone()));
        sleep(Duration::from_millis(50)).await;
        assert!(matches!(replica().run(Elsewhere::Ends, stopping.clone()).await.unwrap(), ReplicaEnd::RunsElsewhere));
        let waits = tokio::spawn(replica().run(Elsewhere::Waits, stopping));
        sleep(Duration::from_millis(50)).await;
        assert!(!waits.is_finished(), "it waits for the first to end");
        stop.send(true).unwrap();
        assert!(matches!(waits.await.unwrap().unwrap(), ReplicaEnd::Stopped));
        assert!(matches!(first.await.unwrap().unwrap(), ReplicaEnd::Stopped));
    }
}
