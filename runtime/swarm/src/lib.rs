//! The Docker Swarm through the engine beside a replica: who leads, which nodes there are, and the one head with its
//! revisions in the Swarm's own Raft store.
//!
//! Everything goes through one unix socket, each call with a time limit and without a second try. Nothing is decided
//! here: what the engine said, or that it said nothing, is handed on.

mod control;
mod engine;
mod entry;
mod identity;
mod leadership;
mod local_engine;
mod manager;
mod names;
mod nodes;
mod on_disk;
mod store;

pub use engine::{DEFAULT_SOCKET, Engine, EngineError, Refusal, SocketError, socket_in};
pub use entry::{EntryToken, Part};
pub use identity::Identity;
pub use local_engine::EngineService;
pub use manager::ManagerEngine;
pub use names::{ADDRESS_LABEL, GENERATION_LABEL, UID_LABEL, UnfitUid};
pub use on_disk::{NodeOnDisk, node_on_disk};
pub use store::{KEPT_REVISIONS, MAX_REVISION_BYTES};
