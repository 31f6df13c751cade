//! Where the modules of a program come from.
//!
//! The compiler reads no files: it follows links between the texts in its [`Sources`](kit_compiler::Sources). This crate
//! finds the text behind each `use "…"`, through as many others as it takes, and makes these links.

mod codes;
mod disk;
mod files;
mod load;
mod location;
mod lock;
mod locked;
#[cfg(feature = "fetch")]
mod locking;
mod overlay;
mod remotes;
mod shown;

pub use codes::CODES;
pub use disk::Disk;
pub use files::Files;
#[cfg(feature = "fetch")]
pub use kit_fetch::{Fetcher, Limits, MAX_REDIRECTS};
pub use load::{MAX_PROGRAM_BYTES, load};
pub use lock::{LOCK_NAME, Lock, MAX_LOCK_BYTES, Pin};
pub use locked::{COPIES_NAME, Locked};
#[cfg(feature = "fetch")]
pub use locking::{Change, Locking, Write};
pub use overlay::Overlay;
pub use remotes::{Refusal, Remotes};
