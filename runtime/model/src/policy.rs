//! The limits of the runtime, each with its reason.

/// Times and counts that the planner goes by. The defaults are production's; a scenario may shorten them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// How long a permit lasts from the start of the head write: long enough to send a batch, short enough
    /// that a successor need not wait long.
    pub permit_ms: u64,
    /// How much of a permit must remain when a call is sent: a call admitted later could leave the machine
    /// after the end.
    pub permit_margin_ms: u64,
    /// How long a successor waits from when it first saw the head that it replaces: the permit, and half as
    /// much again for clocks that run at different speeds.
    pub succession_ms: u64,
    /// How often a follower looks at the head: it must have seen a version soon after it was written.
    pub follow_every_ms: u64,
    /// How often the holder observes while it has work.
    pub observe_every_ms: u64,
    /// How often the holder observes when nothing is to be done.
    pub idle_every_ms: u64,
    /// The distance of two complete listings that together prove absence, where listings lag: a minute
    /// covers the lag that EC2 shows.
    pub absence_ms: u64,
    /// How long a call with an unknown outcome may still take effect: a signed request is refused after 5
    /// minutes.
    pub settle_ms: u64,
    /// How long a call may take before its outcome counts as unknown.
    pub call_timeout_ms: u64,
    /// No replacement for health's sake so soon after a change of leader: after an election every node is
    /// unknown for a while.
    pub after_election_ms: u64,
    /// How long a member must be whole before its operation ends and another may be disrupted.
    pub stable_ms: u64,
    /// After how long without trouble the count of failures is forgotten.
    pub forgive_ms: u64,
    /// How long a machine may be pending, and a node may take to appear, before the making has failed.
    pub join_ms: u64,
    /// How long after a reboot the node may take to come back.
    pub reboot_ms: u64,
    /// How long a ticket is good from its committed intent.
    pub ticket_ms: u64,
    /// After how many failed replacements in a row a member is frozen.
    pub max_failures: u32,
    /// More than this share of a group unhealthy at once is no failure of machines: freeze and report.
    pub mass_failure_percent: u32,
    /// How long there must have been no leader before a rescue.
    pub rescue_after_ms: u64,
    /// The distance between the rescuers' turns, by their order among the live members.
    pub rescue_stagger_ms: u64,
    /// The most single operations open at once: at 300 bytes each they fit into the head beside everything else.
    pub max_open_operations: usize,
    /// The most waves open at once: at 300 bytes each they fit into the head beside the operations.
    pub max_waves: usize,
    /// The most calls in one permit: at 100 ms a call, ten at a time, they take half of it.
    pub max_batch: usize,
    /// After a capacity error or throttling, how long before the same thing is tried again.
    pub backoff_ms: u64,
    /// The longest such pause.
    pub backoff_max_ms: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            permit_ms: 10_000,
            permit_margin_ms: 1_000,
            succession_ms: 15_000,
            follow_every_ms: 2_000,
            observe_every_ms: 2_000,
            idle_every_ms: 5_000,
            absence_ms: 60_000,
            settle_ms: 300_000,
            call_timeout_ms: 30_000,
            after_election_ms: 60_000,
            stable_ms: 30_000,
            forgive_ms: 600_000,
            join_ms: 300_000,
            reboot_ms: 180_000,
            ticket_ms: 900_000,
            max_failures: 3,
            mass_failure_percent: 40,
            rescue_after_ms: 60_000,
            rescue_stagger_ms: 60_000,
            max_open_operations: 24,
            max_waves: 12,
            max_batch: 500,
            backoff_ms: 5_000,
            backoff_max_ms: 120_000,
        }
    }
}
