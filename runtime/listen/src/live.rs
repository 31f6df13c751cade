//! What the page shows: the report of `kitc status` in its own words, and the newest events.

use std::sync::Arc;
use std::time::Duration;

use kit_runtime::{EventRecord, MemberWords, Report, Round, short};
use serde::Serialize;
use tokio::time::Instant;

use crate::looker::Seen;

/// The most members that stand on the page one by one: more than a person reads, and little enough to send every two
/// seconds. Those that are not whole come first where there are more; `/status.json` has all.
const MAX_MEMBERS: usize = 400;

/// How old what is shown may be before it is said: several looks, and longer than a slow one.
const OLD_AFTER: Duration = Duration::from_secs(10);

/// The state of the page.
#[derive(Serialize)]
pub(crate) struct Live<'a> {
    /// The cluster's name.
    cluster: &'a str,
    /// How the replicas of this process go.
    replicas: &'a [Round],
    /// Why this replica cannot be relied on, if it cannot.
    ill: Option<String>,
    /// Why the last look had no answer.
    failed: Option<&'a str>,
    /// How old an answer is told as old.
    old_after_ms: u64,
    /// What was seen.
    seen: Option<Sight<'a>>,
    /// The newest events, the newest last.
    events: Vec<&'a EventRecord>,
}

#[derive(Serialize)]
struct Sight<'a> {
    /// How long ago the look began.
    age_ms: u64,
    /// Through which manager.
    via: Option<&'a str>,
    problem: bool,
    converged: bool,
    state: String,
    alarms: Vec<String>,
    leadership: String,
    causes: &'a [String],
    waits: Vec<String>,
    strangers: &'a [String],
    resources: Vec<String>,
    leader: Option<&'a str>,
    holder: Option<&'a str>,
    epoch: Option<u64>,
    revision: Option<&'a str>,
    whole: usize,
    of: usize,
    members: Vec<Row>,
    /// How many that are whole are not among them.
    left_out: usize,
}

#[derive(Serialize)]
struct Row {
    group: String,
    whole: bool,
    unknown: bool,
    #[serde(flatten)]
    words: MemberWords,
}

impl<'a> Live<'a> {
    pub(crate) fn of(cluster: &'a str, seen: &'a Seen, replicas: &'a [Round], ill: Option<String>) -> Self {
        Self {
            cluster,
            replicas,
            ill,
            failed: seen.failed.as_deref(),
            old_after_ms: millis(OLD_AFTER),
            seen: seen.report.as_ref().map(|(begun, report)| Sight::of(*begun, report)),
            events: seen.events.iter().collect(),
        }
    }
}

impl<'a> Sight<'a> {
    fn of(begun: Instant, report: &'a Arc<Report>) -> Self {
        let (mut shown, mut left_out) = report.members_shown();
        if shown.len() > MAX_MEMBERS {
            // A stable order: what is not whole, and then the rest as it stands in the report.
            shown.sort_by_key(|member| member.whole);
            left_out += shown.len() - MAX_MEMBERS;
            shown.truncate(MAX_MEMBERS);
        }
        let row = |member: &kit_runtime::MemberReport| Row {
            group: member.group.clone(),
            whole: member.whole,
            unknown: member.unknown,
            words: member.in_words(),
        };
        Self {
            age_ms: millis(begun.elapsed()),
            via: report.via.as_ref().map(kit_model::Address::as_str),
            problem: report.has_problem(),
            converged: report.converged,
            state: report.state_in_words(),
            alarms: report.alarms(),
            leadership: report.leadership_in_words(),
            causes: &report.unreachable_causes,
            waits: report.waits_in_words(),
            strangers: &report.strangers,
            resources: report.resources_in_words(),
            leader: report.leader.as_ref().map(kit_model::Address::as_str),
            holder: report.holder.as_ref().map(kit_model::Address::as_str),
            epoch: report.epoch,
            revision: report.revision.as_ref().map(short),
            whole: report.members.iter().filter(|member| member.whole).count(),
            of: report.members.len(),
            members: shown.into_iter().map(row).collect(),
            left_out,
        }
    }
}

/// A time that no clock here ever makes too large for 64 bits.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
