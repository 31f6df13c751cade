//! Performs what the planner decides: the driver, the executor, stores and what an operator sees.

mod atomic_file;
mod file_lock;
mod file_store;

pub use file_lock::FileLock;
pub use file_store::{FileStore, KEPT_REVISIONS, MAX_REVISION_BYTES};
