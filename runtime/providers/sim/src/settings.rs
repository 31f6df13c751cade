//! How the simulated cloud and Swarm behave. The defaults are those of real ones, as far as they were measured;
//! a scenario or a test may change any.

use kit_graph::{Instance, parse_duration_ms};
use serde::{Deserialize, Serialize};

use crate::random::Random;

/// A time that differs from case to case, in milliseconds, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The shortest.
    pub from_ms: u64,
    /// The longest.
    pub to_ms: u64,
}

impl Span {
    /// From `from_ms` to `to_ms`.
    #[must_use]
    pub const fn new(from_ms: u64, to_ms: u64) -> Self {
        Self { from_ms, to_ms }
    }

    pub(crate) fn pick(self, random: &mut Random) -> u64 {
        self.from_ms + random.below(self.to_ms.saturating_sub(self.from_ms) + 1)
    }
}

/// A token bucket for mutating calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRate {
    /// How many calls a second, in the long run.
    pub per_second: u32,
    /// How many at once after a pause.
    pub burst: u32,
}

/// Everything that one can set. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimSettings {
    /// The region that lookups name.
    pub region: String,
    /// Its zones.
    pub zones: Vec<String>,
    /// From the request for a machine, or its start, until it runs.
    pub pending_ms: u64,
    /// From running, and from its volume being attached, until its engine and its replica are up.
    pub boot_ms: u64,
    /// From the request to stop a machine until it is stopped.
    pub stop_ms: u64,
    /// From the request to end a machine until it is gone and its address is free.
    pub shutdown_ms: u64,
    /// How long a terminated machine stays listed. EC2 shows it for about an hour.
    pub forget_ms: u64,
    /// From the request for a volume until it can be attached.
    pub volume_ms: u64,
    /// From the request to attach a volume until the machine can use it.
    pub attach_ms: u64,
    /// From the request to detach a volume until another machine may have it.
    pub detach_ms: u64,
    /// From the request for a network until machines can stand in it.
    pub resource_ms: u64,
    /// In how many of a thousand cases a volume comes free by itself when its machine has ended. In the others it
    /// stays with the dead machine until it is taken from it by force.
    pub freed_permille: u32,
    /// By how much each of these times may be longer, in percent.
    pub jitter_percent: u32,
    /// The most machines that exist at once.
    pub capacity: u32,
    /// How far a listing may lie behind what was done: a new thing may be missing, a changed one may show what it
    /// was before. At most half a minute, so that two listings a minute apart prove absence.
    pub listing_lag_ms: u64,
    /// Whether the cloud promises that listings show everything that was acknowledged before. Where it does, no
    /// fault makes them lag.
    pub strong_listings: bool,
    /// How many of a thousand listings lack some pages and say so.
    pub partial_listing_permille: u32,
    /// How many of a thousand mutating calls take effect without an answer.
    pub lost_reply_permille: u32,
    /// How many of a thousand mutating calls take effect late, and are not answered.
    pub late_call_permille: u32,
    /// How late.
    pub late_call: Span,
    /// How often the cloud may be called; no limit where none is given.
    pub call_rate: Option<CallRate>,
    /// How long an idempotency token is remembered. EC2 keeps them for at least a day.
    pub token_ms: u64,
    /// From the loss of the leader to the next one's election. Measured on Docker Engines: 10 to 20 s.
    pub election: Span,
    /// From when a majority runs again, with no leader, to an election.
    pub re_election: Span,
    /// How long a cut-off leader goes on claiming to lead. Measured: 11 to 20 s.
    pub claim: Span,
    /// How long a thawed leader, or a follower that was cut off, goes on believing what it knew.
    pub belief: Span,
    /// How long after an election a node that answers is still unknown.
    pub unknown_ms: u64,
    /// How long after an election the leader does not know yet whether another voter answers; none by default.
    pub reachability_unknown_ms: u64,
    /// How long a node must answer again before it is ready.
    pub ready_ms: u64,
    /// After how long without heartbeats a node is down.
    pub down: Span,
    /// After how long the leader calls a voter unreachable.
    pub unreachable_ms: u64,
    /// How long a changed role takes to become a changed vote.
    pub role_ms: u64,
    /// From the boot of a newcomer, and from what it waited for, to its next attempt to join.
    pub join_ms: u64,
    /// How long a ticket is good from its committed intent.
    pub ticket_ms: u64,
    /// In how many of a thousand cases a write that a cut-off leader could not commit is committed by the next.
    pub late_commit_permille: u32,
    /// Tasks on each active node.
    pub tasks_per_node: u32,
    /// How long a drained node takes until its last task has left.
    pub task_stop_ms: u64,
    /// The most entries of the ground-truth log that are kept.
    pub log_limit: usize,
    /// The most committed heads that are kept for the checker.
    pub commits_limit: usize,
}

impl Default for SimSettings {
    fn default() -> Self {
        Self {
            region: "sim-1".to_owned(),
            zones: ["sim-1a", "sim-1b", "sim-1c"].map(str::to_owned).to_vec(),
            pending_ms: 2_000,
            boot_ms: 1_000,
            stop_ms: 2_000,
            shutdown_ms: 3_000,
            forget_ms: 3_600_000,
            volume_ms: 500,
            attach_ms: 500,
            detach_ms: 500,
            resource_ms: 300,
            freed_permille: 700,
            jitter_percent: 20,
            capacity: 100_000,
            listing_lag_ms: 0,
            strong_listings: true,
            partial_listing_permille: 0,
            lost_reply_permille: 0,
            late_call_permille: 0,
            late_call: Span::new(1_000, 60_000),
            call_rate: None,
            token_ms: 86_400_000,
            election: Span::new(11_000, 20_000),
            re_election: Span::new(2_000, 5_000),
            claim: Span::new(11_000, 20_000),
            belief: Span::new(200, 1_500),
            unknown_ms: 5_000,
            reachability_unknown_ms: 0,
            ready_ms: 1_000,
            down: Span::new(15_000, 30_000),
            unreachable_ms: 5_000,
            role_ms: 3_000,
            join_ms: 500,
            ticket_ms: 900_000,
            late_commit_permille: 500,
            tasks_per_node: 2,
            task_stop_ms: 8_000,
            log_limit: 10_000,
            commits_limit: 1_000,
        }
    }
}

/// The longest lag of a listing, in milliseconds: half of the minute that lies between two listings which together
/// prove absence.
pub const MAX_LISTING_LAG_MS: u64 = 30_000;

impl SimSettings {
    /// The settings that a graph's `sim.Provider` names; what it does not name has its default.
    ///
    /// # Errors
    /// When a field has a shape that the standard library rules out; the text names it.
    pub fn from_provider(provider: &Instance) -> Result<Self, String> {
        let mut settings = Self::default();
        let fields = &provider.properties;
        let duration = |name: &str, into: &mut u64| -> Result<(), String> {
            match fields.get(name) {
                None | Some(kit_graph::Value::Null) => Ok(()),
                Some(value) => {
                    let text = value.as_str().ok_or_else(|| format!("{name} is no duration"))?;
                    *into = parse_duration_ms(text).map_err(|wrong| format!("{name}: {wrong}"))?;
                    Ok(())
                }
            }
        };
        duration("pending", &mut settings.pending_ms)?;
        duration("shutdown", &mut settings.shutdown_ms)?;
        duration("listing_lag", &mut settings.listing_lag_ms)?;
        if settings.listing_lag_ms > MAX_LISTING_LAG_MS {
            return Err(format!("listing_lag: at most {} s", MAX_LISTING_LAG_MS / 1000));
        }
        settings.strong_listings = settings.listing_lag_ms == 0;
        if let Some(region) = fields.get("region").and_then(|value| value.as_str()) {
            settings.zones = ["a", "b", "c"].map(|zone| format!("{region}{zone}")).to_vec();
            region.clone_into(&mut settings.region);
        }
        if let Some(capacity) = fields.get("capacity").and_then(|value| value.as_int()) {
            settings.capacity = u32::try_from(capacity).map_err(|_| "capacity is out of range".to_owned())?;
        }
        Ok(settings)
    }

    /// The same cloud with every time a hundredth as long, so that tests on a real clock are short.
    #[must_use]
    pub fn fast() -> Self {
        let mut settings = Self::default();
        settings.scale(1, 100);
        settings
    }

    /// Multiplies every time but those of tickets, tokens and forgetting.
    pub fn scale(&mut self, times: u64, divided_by: u64) {
        let divided_by = divided_by.max(1);
        let scaled = |ms: &mut u64| *ms = (*ms * times / divided_by).max(1);
        for ms in [
            &mut self.pending_ms,
            &mut self.boot_ms,
            &mut self.stop_ms,
            &mut self.shutdown_ms,
            &mut self.volume_ms,
            &mut self.attach_ms,
            &mut self.detach_ms,
            &mut self.resource_ms,
            &mut self.unknown_ms,
            &mut self.ready_ms,
            &mut self.unreachable_ms,
            &mut self.role_ms,
            &mut self.join_ms,
            &mut self.task_stop_ms,
        ] {
            scaled(ms);
        }
        for span in [
            &mut self.late_call,
            &mut self.election,
            &mut self.re_election,
            &mut self.claim,
            &mut self.belief,
            &mut self.down,
        ] {
            scaled(&mut span.from_ms);
            scaled(&mut span.to_ms);
        }
    }
}
