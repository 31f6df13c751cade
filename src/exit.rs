//! What the process tells its parent.

use std::process::ExitCode;

/// The outcome of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// All is well.
    Fine = 0,
    /// The input or the cluster has a problem, which was reported.
    Problem = 1,
    /// The command line makes no sense.
    WrongUsage = 2,
    /// `plan --exit-code`: there is something to do.
    Changes = 3,
    /// A mistake in kitc itself (`EX_SOFTWARE` of sysexits.h).
    Bug = 70,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
