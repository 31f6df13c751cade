//! Slips that can be planted, one at a time, to show that the invariants notice.
//!
//! Without the feature `planted-bugs`, [`planted`] is a constant and nothing of this remains in the binary.

#[cfg(feature = "planted-bugs")]
use std::cell::Cell;

macro_rules! bugs {
    ($($(#[$doc:meta])+ $name:ident = $text:literal breaks [$($invariant:literal),+];)+) => {
        /// A realistic slip in the planner, the reconciler or the gate.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[cfg_attr(
            not(feature = "planted-bugs"),
            allow(dead_code, unreachable_pub, reason = "names alone, without the feature")
        )]
        pub enum Bug {
            $($(#[$doc])+ $name,)+
        }

        #[cfg(feature = "planted-bugs")]
        impl Bug {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name on a command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// The invariants of which it must break at least one.
            #[must_use]
            pub const fn breaks(self) -> &'static [&'static str] {
                match self {
                    $(Self::$name => &[$($invariant),+],)+
                }
            }
        }
    };
}

bugs! {
    /// Voters are taken away without counting those that remain.
    NoQuorumCheck = "no-quorum-check" breaks ["I1", "I2"];
    /// A second entry at one address is not counted among the voters.
    PhantomsNotCounted = "phantoms-not-counted" breaks ["I1", "I2"];
    /// A voter that does not answer is counted as one that does.
    UnhealthyCountsAsHealthy = "unhealthy-counts-as-healthy" breaks ["I1", "I2"];
    /// Another manager's open operation is no reason to wait.
    TwoAtOnce = "two-at-once" breaks ["I1", "I2"];
    /// The next manager is taken as soon as the last one answers.
    NoStabilityWait = "no-stability-wait" breaks ["I2"];
    /// Each try of a creation carries another token.
    FreshTokenPerTry = "fresh-token-per-try" breaks ["I4", "I12", "I15", "I21"];
    /// All generations of one member share a token.
    TokenWithoutGeneration = "token-without-generation" breaks ["I12", "I16", "I21"];
    /// The gate admits whatever it is asked.
    GateOpen = "gate-open" breaks ["I8", "I11"];
    /// The gate admits until the very end of a permit.
    MarginIgnored = "margin-ignored" breaks ["I8"];
    /// A permit is measured from when the write was answered.
    PermitFromAnswer = "permit-from-answer" breaks ["I8"];
    /// A successor does not wait for the permit before it.
    NoSuccessionWait = "no-succession-wait" breaks ["I8"];
    /// A successor starts its wait anew at each look, and so never acts.
    SuccessionFromNow = "succession-from-now" breaks ["I21"];
    /// A listing that was begun before the head was known is acted on.
    ListingBeforeHead = "listing-before-head" breaks ["I2", "I4", "I8", "I15", "I19"];
    /// What a partial listing lacks is taken for gone.
    PartialListingAsAbsence = "partial-listing-as-absence" breaks ["I4", "I10", "I15"];
    /// A machine is made again while the former is still shutting down.
    CreateBeforeTerminated = "create-before-terminated" breaks ["I4", "I5", "I21"];
    /// A machine whose state the provider does not say is taken for dead.
    UnknownMachineAsDead = "unknown-machine-as-dead" breaks ["I4", "I22"];
    /// A node that the Swarm does not know the state of is taken for down, and not waited for.
    UnknownNodeAsDown = "unknown-node-as-down" breaks ["I1", "I2", "I22"];
    /// A stopped machine is taken for gone.
    StoppedAsGone = "stopped-as-gone" breaks ["I4", "I22", "I21"];
    /// A volume is taken from a machine that runs.
    ForceDetachFromLive = "force-detach-from-live" breaks ["I3"];
    /// A machine is terminated in the write that should first have condemned it, without condemning it.
    TerminateUncondemned = "terminate-uncondemned" breaks ["I8", "I11", "I19"];
    /// Calls are sent before the write that journals them is answered.
    SendBeforeCommit = "send-before-commit" breaks ["I8", "I11"];
    /// A write without an answer is taken for committed.
    UnknownCommitAsCommitted = "unknown-commit-as-committed" breaks ["I8", "I11"];
    /// After a stale write the same plan is sent under the newer head.
    StalePlanKept = "stale-plan-kept" breaks ["I2", "I4", "I8", "I11", "I13"];
    /// A node's entry is removed while its machine lives.
    RemoveNodeEarly = "remove-node-early" breaks ["I17", "I21"];
    /// The machine is ended before its demotion is done.
    DemotionNotAwaited = "demotion-not-awaited" breaks ["I1", "I17"];
    /// A worker is ended with its tasks.
    DrainSkipped = "drain-skipped" breaks ["I15"];
    /// Workers are rolled without counting those that are away.
    BudgetIgnored = "budget-ignored" breaks ["I15"];
    /// Failures are counted and then ignored.
    FreezeIgnored = "freeze-ignored" breaks ["I16"];
    /// Failures are not counted.
    FailuresNotCounted = "failures-not-counted" breaks ["I16"];
    /// A replica rescues as soon as it sees no leader.
    RescueWithoutEvidence = "rescue-without-evidence" breaks ["I8", "I11"];
    /// A rescuer ends machines.
    RescueTerminates = "rescue-terminates" breaks ["I1", "I8", "I11"];
    /// A stranger at one of our addresses is ended.
    StrangerTerminated = "stranger-terminated" breaks ["I5", "I9"];
    /// A paused cluster is acted on.
    PauseIgnored = "pause-ignored" breaks ["I8"];
    /// The operator goes on provisioning after the cluster is formed.
    OperatorAfterFormed = "operator-after-formed" breaks ["I8", "I11"];
    /// The leader ends the machine that it runs on.
    OwnMachineDestroyed = "own-machine-destroyed" breaks ["I20"];
    /// Machines are made from a revision that the head no longer names.
    OldRevisionUsed = "old-revision-used" breaks ["I13", "I12", "I21"];
    /// Any free volume is attached.
    OtherVolumeAttached = "other-volume-attached" breaks ["I3", "I5", "I18"];
    /// A new generation is begun while the outcome of the last is unknown.
    NewGenerationWhileUnknown = "new-generation-while-unknown" breaks ["I4", "I15"];
    /// Health is judged right after an election.
    AfterElectionIgnored = "after-election-ignored" breaks ["I22"];
    /// A call is repeated in each round until something changes.
    RepeatWithoutPause = "repeat-without-pause" breaks ["I21"];
    /// What the revision no longer names is left running.
    SurplusKept = "surplus-kept" breaks ["I15", "I21"];
    /// A great part of a group down at once is no reason to stop.
    MassFailureIgnored = "mass-failure-ignored" breaks ["I15", "I22"];
    /// The first mark is set before there is a head.
    MarkBeforeHead = "mark-before-head" breaks ["I8", "I11"];
}

#[cfg(feature = "planted-bugs")]
thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Plants a bug on this thread, or takes it out again.
#[cfg(feature = "planted-bugs")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.with(|planted| planted.set(bug));
}

#[cfg(feature = "planted-bugs")]
pub(crate) fn planted(bug: Bug) -> bool {
    PLANTED.with(Cell::get) == Some(bug)
}

#[cfg(not(feature = "planted-bugs"))]
#[inline(always)]
pub(crate) const fn planted(_: Bug) -> bool {
    false
}
