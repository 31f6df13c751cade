//! Where the modules of a program come from.
//!
//! The compiler reads no files: it follows links between the texts in its [`Sources`](kit_compiler::Sources). This crate
//! finds the text behind each `use "…"`, through as many others as it takes, and makes these links.

mod codes;
mod disk;
mod files;
mod load;
mod location;
mod overlay;
mod shown;

pub use codes::CODES;
pub use disk::Disk;
pub use files::Files;
pub use load::{MAX_PROGRAM_BYTES, load};
pub use overlay::Overlay;
