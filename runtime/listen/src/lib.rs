//! What a replica shows over HTTP on its own machine: whether it goes round, metrics, and one page for a person. It only
//! reads, on a thread of its own, and nothing that a client does reaches the replica.

mod address;
mod answers;
mod codes;
mod guard;
mod live;
mod looker;
mod metrics;
mod page;
mod server;

pub use address::{ListenError, Listener};
pub use codes::CODES;
pub use server::{Serving, Shown};
