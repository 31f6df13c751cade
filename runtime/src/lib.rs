//! Performs what the planner decides: the driver, the executor, stores and what an operator sees.

mod atomic_file;
mod clock;
mod codes;
mod error;
mod event_log;
mod file_lock;
mod file_store;
mod state_directory;
mod surroundings;

pub use clock::{Clock, SystemClock, boot_id};
pub use codes::{CODES, ErrorPage};
pub use error::OperatorError;
pub use event_log::{EventLog, EventRecord, EventSink};
pub use file_lock::FileLock;
pub use file_store::{FileStore, KEPT_REVISIONS, MAX_REVISION_BYTES};
pub use state_directory::StateDirectory;
pub use surroundings::{Host, HostState, Surroundings};
