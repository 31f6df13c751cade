//! Looks at the cluster while somebody asks, one look at a time, as `kitc status` and `kitc events` do. All who ask share
//! the last one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use kit_model::{Level, Spec};
use kit_runtime::{EventReader, EventRecord, Operator, Report};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

/// How long between two looks, however many ask: a person sees no difference, and a cloud counts its calls.
const LOOK_AT_MOST_EVERY: Duration = Duration::from_secs(1);

/// How long who asks waits for a look that is under way: after that the last one is better than none, and says its age.
const WAIT_FOR_LOOK: Duration = Duration::from_secs(3);

/// How many events are kept for the page: the story of one bad hour. `kitc events` has all.
const MAX_EVENTS: usize = 300;

/// What was seen last.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    /// The last look that had an answer, and when it was begun.
    pub(crate) report: Option<(Instant, Arc<Report>)>,
    /// Why the last look had none, if it had none.
    pub(crate) failed: Option<String>,
    /// The newest events, the newest last.
    pub(crate) events: Arc<VecDeque<EventRecord>>,
    /// How many events there were, by level.
    pub(crate) counted: BTreeMap<&'static str, u64>,
    /// When the last look ended.
    ended: Option<Instant>,
}

/// Where to ask for the last look.
#[derive(Clone)]
pub(crate) struct Looker {
    seen: watch::Receiver<Seen>,
    wanted: Arc<Notify>,
}

impl Looker {
    /// Begins to look; `spec` says whom to ask while nothing is committed.
    pub(crate) fn begin(operator: Operator, spec: Arc<Spec>) -> Self {
        let (show, seen) = watch::channel(Seen::default());
        let wanted = Arc::new(Notify::new());
        tokio::spawn(look_on(operator, spec, show, Arc::clone(&wanted)));
        Self { seen, wanted }
    }

    /// What was seen last: a moment ago, if a look has its answer in time.
    pub(crate) async fn latest(&self) -> Seen {
        let mut seen = self.seen.clone();
        let fresh = seen.borrow_and_update().ended.is_some_and(|ended| ended.elapsed() < LOOK_AT_MOST_EVERY);
        if !fresh {
            self.wanted.notify_one();
            // Without an answer in time there is what was seen before.
            let _ = timeout(WAIT_FOR_LOOK, seen.changed()).await;
        }
        self.seen.borrow().clone()
    }
}

async fn look_on(operator: Operator, spec: Arc<Spec>, show: watch::Sender<Seen>, wanted: Arc<Notify>) {
    let mut reader = EventReader::new(&*operator.site);
    let mut seen = Seen::default();
    let mut events = VecDeque::new();
    loop {
        wanted.notified().await;
        let begun = Instant::now();
        // Once something is committed, what is committed says whom to ask.
        let committed = seen.report.as_ref().is_some_and(|(_, report)| report.revision.is_some());
        match operator.report((!committed).then_some(&*spec)).await {
            Ok(report) => {
                seen.report = Some((begun, Arc::new(report)));
                seen.failed = None;
            }
            Err(error) => seen.failed = Some(error.in_one_line()),
        }
        match reader.news() {
            Ok(news) if !news.is_empty() => {
                for event in &news {
                    *seen.counted.entry(word(event.report.level)).or_insert(0) += 1;
                }
                events.extend(news);
                events.drain(..events.len().saturating_sub(MAX_EVENTS));
                seen.events = Arc::new(events.clone());
            }
            Ok(_) => {}
            Err(error) => {
                seen.failed.get_or_insert(error.in_one_line());
            }
        }
        seen.ended = Some(Instant::now());
        if show.send(seen.clone()).is_err() {
            return;
        }
        sleep(LOOK_AT_MOST_EVERY).await;
    }
}

/// A level as it stands in an event.
pub(crate) const fn word(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}
