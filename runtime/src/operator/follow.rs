//! Watches a cluster until it is what its spec asks for.

use std::time::Duration;

use kit_model::{Address, Head, Spec, Versioned};
use tokio::time::{Instant, sleep};

use super::converged::{Lack, lacks};
use super::view::ClusterView;
use super::{Operator, Progress};
use crate::codes;
use crate::error::OperatorError;

/// How long between two looks of an onlooker: a person sees no difference, and the cloud is not asked often.
const LOOK_EVERY: Duration = Duration::from_millis(1000);

impl Operator {
    /// Waits for a manager that shows the head: after the forming, and over an election.
    ///
    /// # Errors
    /// When none does within `patience`.
    pub async fn head(
        &self,
        spec: &Spec,
        patience: Duration,
        progress: &dyn Progress,
    ) -> Result<Versioned<Head>, OperatorError> {
        let deadline = Instant::now() + patience;
        loop {
            let error = match self.reach_for(Some(spec)).await {
                Ok(reached) => match reached.head {
                    Some(head) => return Ok(head),
                    None => self.not_formed(),
                },
                Err(error) => error,
            };
            progress.waits_for(&error.in_one_line());
            if Instant::now() >= deadline {
                return Err(error);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Watches until nothing lacks any more. The onlooker does nothing: the replicas do, with or without it.
    ///
    /// # Errors
    /// When it takes longer than `patience`, or another revision is committed meanwhile.
    pub async fn follow(
        &self,
        spec: &Spec,
        patience: Duration,
        progress: &dyn Progress,
    ) -> Result<ClusterView, OperatorError> {
        let deadline = Instant::now() + patience;
        let total = things_of(spec);
        loop {
            let look = self.view(Some(spec)).await;
            let waits = match look {
                Ok(view) => match seen(spec, &view) {
                    Ok(lacks) if lacks.is_empty() => {
                        progress.waiting(total, total, "done");
                        return Ok(view);
                    }
                    Ok(lacks) => {
                        if let Some(why) = view.head.as_ref().and_then(|head| self.needs_a_person(&head.value)) {
                            return Err(why);
                        }
                        let text = in_words(&lacks);
                        progress.waiting(total.saturating_sub(missing(spec, &lacks)), total, &text);
                        if let Some(head) = view.head.filter(|head| head.value.revision != spec.revision) {
                            return Err(OperatorError::new(
                                codes::BASE_MOVED,
                                format!("meanwhile the revision {} was committed", head.value.revision),
                            ));
                        }
                        text
                    }
                    Err(why) => {
                        if let Some(over) = self.if_destroyed(Some(spec)).await {
                            return Err(over);
                        }
                        progress.waits_for(&why);
                        why
                    }
                },
                Err(error) => {
                    progress.waits_for(&error.in_one_line());
                    error.in_one_line()
                }
            };
            if Instant::now() >= deadline {
                return Err(OperatorError::new(
                    codes::NOT_CONVERGED,
                    format!("after {} s it is still not as asked: {waits}", patience.as_secs()),
                )
                .with_help("`kitc status` says what waits and why; the replicas go on"));
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

impl Operator {
    /// Why waiting would not help, if it would not.
    fn needs_a_person(&self, head: &Head) -> Option<OperatorError> {
        let error = |message: String| OperatorError::new(codes::NOT_CONVERGED, message);
        if head.destroying {
            return Some(error("the cluster is being destroyed".to_owned()));
        }
        if let Some(why) = &head.paused {
            return Some(
                error(format!("the cluster is paused: {why}"))
                    .with_help("nothing acts until `kitc resume`; what is committed is done then"),
            );
        }
        if let Some((address, failures)) =
            head.failures.iter().find(|(_, failures)| failures.count >= self.site.policy().max_failures)
        {
            let message = format!(
                "{address} is frozen after {} failed replacements; the last: {}",
                failures.count, failures.last
            );
            return Some(error(message).with_help(format!("`kitc resume {address}` tries again")));
        }
        let (group, stopped) = head.stopped_rolls.iter().find(|(_, stopped)| stopped.revision == head.revision)?;
        Some(
            error(format!("the roll of {group} stopped: {} failed", stopped.because))
                .with_help("`kitc rollback` goes back; `kitc resume` tries again"),
        )
    }
}

fn seen(spec: &Spec, view: &ClusterView) -> Result<Vec<Lack>, String> {
    let inventory = view.inventory.as_ref().map_err(Clone::clone)?;
    let head = view.head.as_ref().ok_or_else(|| {
        view.via.as_ref().err().map_or("the cluster is not formed yet".to_owned(), OperatorError::in_one_line)
    })?;
    let swarm = view.swarm.as_ref().map_err(Clone::clone)?;
    Ok(lacks(spec, inventory, Some(swarm), &head.value))
}

/// How much there is to be, counted alike from the first resource to the last slot: resources, members and slots.
pub(super) fn things_of(spec: &Spec) -> usize {
    spec.resources.len() + spec.groups.values().map(|group| group.count as usize).sum::<usize>()
}

/// How much of it is not there yet: what the whole cluster lacks, what is too many and what only settles is none of it.
fn missing(spec: &Spec, lacks: &[Lack]) -> usize {
    let asked_for = |address: &Address| {
        spec.content_of(address).is_some() || spec.resources.iter().any(|resource| resource.address == *address)
    };
    lacks.iter().filter(|lack| !lack.settling && lack.address.as_ref().is_some_and(asked_for)).count()
}

/// The first few lacks, and how many more there are.
fn in_words(lacks: &[Lack]) -> String {
    const SHOWN: usize = 3;
    let mut text: Vec<String> = lacks
        .iter()
        .take(SHOWN)
        .map(|lack| match &lack.address {
            Some(address) => format!("{address}: {}", lack.why),
            None => lack.why.clone(),
        })
        .collect();
    if lacks.len() > SHOWN {
        text.push(format!("and {} more", lacks.len() - SHOWN));
    }
    text.join("; ")
}
