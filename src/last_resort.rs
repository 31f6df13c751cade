//! The last line of defence: a bug in kitc ends in a message and a code of its own, never in a trace.

use std::io::Write as _;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;

use crate::exit::Exit;

/// Where and why the panic happened, as its hook saw it.
static CAUSE: Mutex<Option<String>> = Mutex::new(None);

/// Runs `work`; a panic becomes a message on standard error and [`Exit::Bug`].
pub(crate) fn guard(work: impl FnOnce() -> Exit) -> Exit {
    panic::set_hook(Box::new(|info| {
        if let Ok(mut cause) = CAUSE.lock() {
            // The first one is the cause; others happened while it was cleaned up.
            cause.get_or_insert_with(|| info.to_string());
        }
    }));
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let cause = CAUSE.lock().ok().and_then(|mut cause| cause.take()).unwrap_or_default();
        let version = env!("CARGO_PKG_VERSION");
        let message = format!(
            "error: this is a bug in kitc {version}, not in your file: {cause}\n  \
             help: please report it, with the command and the file that show it\n"
        );
        // Nobody is left to tell if standard error fails too.
        let _ = std::io::stderr().write_all(message.as_bytes());
        Exit::Bug
    })
}
