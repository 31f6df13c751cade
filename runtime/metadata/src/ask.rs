//! Asks all lookups of a round, each within its time.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use kit_model::{MetadataAnswer, MetadataError, MetadataQuestion, MetadataSource};

/// How long one lookup may take. A page or an Engine that is up answers within a second, a registry behind it within
/// five; a person waits no longer than this before they look for the fault themselves.
pub const LOOKUP_TIME: Duration = Duration::from_secs(15);

/// Lookups under way at once: as many as one server takes from one client without calling it an attack.
const AT_ONCE: usize = 8;

/// What a question came to.
type Asked = Result<MetadataAnswer, MetadataError>;

/// Asks `source` each of its questions, and gives what they came to in their order. What has no answer within `time`
/// has none; whoever still waits for it then is left behind.
#[must_use]
pub fn ask(
    questions: Vec<(Arc<dyn MetadataSource>, MetadataQuestion)>,
    time: Duration,
) -> Vec<Result<MetadataAnswer, MetadataError>> {
    let count = questions.len();
    let late = || MetadataError::new(format!("no answer came within {} s", time.as_secs_f32()));
    let queue = Arc::new(Mutex::new(questions.into_iter().enumerate().collect::<std::collections::VecDeque<_>>()));
    let (begun_sender, begun) = mpsc::channel::<usize>();
    let (sender, answers) = mpsc::channel::<(usize, Asked)>();
    for _ in 0..count.min(AT_ONCE) {
        worker(&queue, &begun_sender, &sender);
    }
    let mut done: Vec<Option<Asked>> = (0..count).map(|_| None).collect();
    let mut under_way: BTreeMap<usize, Instant> = BTreeMap::new();
    let mut open = count;
    while open > 0 {
        under_way.extend(begun.try_iter().map(|index| (index, Instant::now() + time)));
        let now = Instant::now();
        let wait = under_way.values().min().map_or(POLL, |first| first.saturating_duration_since(now)).min(POLL);
        match answers.recv_timeout(wait) {
            Ok((index, answer)) => {
                under_way.remove(&index);
                if done[index].is_none() {
                    done[index] = Some(answer);
                    open -= 1;
                }
            }
            // Nobody is gone: this side holds a sender too.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        let now = Instant::now();
        let over: Vec<usize> = under_way.iter().filter(|(_, until)| **until <= now).map(|(index, _)| *index).collect();
        for index in over {
            under_way.remove(&index);
            if done[index].is_none() {
                done[index] = Some(Err(late()));
                open -= 1;
                // Its worker hangs: another goes on with the rest.
                worker(&queue, &begun_sender, &sender);
            }
        }
    }
    done.into_iter().map(|one| one.unwrap_or_else(|| Err(late()))).collect()
}

/// How long is waited before what was begun is looked at again.
const POLL: Duration = Duration::from_millis(50);

type Queue = Arc<Mutex<std::collections::VecDeque<(usize, (Arc<dyn MetadataSource>, MetadataQuestion))>>>;

fn worker(queue: &Queue, begun: &mpsc::Sender<usize>, sender: &mpsc::Sender<(usize, Asked)>) {
    let (queue, begun, sender) = (Arc::clone(queue), begun.clone(), sender.clone());
    // It ends with the questions, or with the process if its question is never answered.
    thread::spawn(move || {
        loop {
            let next = match queue.lock() {
                Ok(mut queue) => queue.pop_front(),
                Err(_) => None,
            };
            let Some((index, (source, question))) = next else { return };
            if begun.send(index).is_err() {
                return;
            }
            // A source that panics is a bug, which its hook tells; whoever asked need not wait for it.
            let asked = catch_unwind(AssertUnwindSafe(|| source.look_up(&question)));
            let broken =
                |_| Err(MetadataError::new(format!("its source {} broke down, which is a bug", source.name())));
            let sent = sender.send((index, asked.unwrap_or_else(broken))).is_ok();
            if !sent {
                return;
            }
        }
    });
}
