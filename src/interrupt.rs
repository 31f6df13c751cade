//! Ctrl-C and a request to end: both are harmless at any moment.

use kit_lang::Code;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// Comes back when this process is asked to end.
pub(crate) async fn received() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        // Without a handler the signal ends the process at once, which is as harmless.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// What a command ends with that was interrupted before it had done its work.
pub(crate) fn failure() -> Failure {
    Failure::new(Code(kit_runtime::codes::NOT_CONVERGED), "interrupted; whatever was begun stands in the journal")
        .with_help("run the same command again: it goes on where this one stopped")
}
