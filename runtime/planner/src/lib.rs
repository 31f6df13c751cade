//! Pure decisions: plan(), the quorum rules, the gate and the reconciler's state machine.

mod change;

pub use change::{
    ChangeRefused, MAX_HISTORY, MAX_PAUSE_REASON_CHARS, Resume, commit_revision, destroy, pause, resume, rollback_target,
};
