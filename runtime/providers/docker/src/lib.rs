//! Machines that are containers of a Docker Engine, volumes and networks that are the Engine's own: the `docker` provider.
//!
//! Everything is found again from labels. Names are the locks: each thing has one that is made from what it is for, and
//! the Engine gives a name to one thing.

mod addresses;
mod admitted;
mod door;
mod engine;
mod images;
mod labels;
mod listing;
mod machines;
mod names;
mod networks;
mod privileges;
mod provider;
mod records;
mod seed;
mod volumes;

pub use door::Door;
pub use provider::{DockerProvider, MACHINE_SOCKET, PROVIDER, Standing};
pub use seed::{BOOT_DOCUMENT, KITC, REVISION, USER_DATA};
