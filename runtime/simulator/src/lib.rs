//! Runs the production reconciler in virtual time against the simulated cloud, with faults, and checks the invariants.

mod fault;
mod random;
mod schedule;
mod shrink;
mod subject;

pub use fault::{FAULTS, Fault, FaultError, FaultInfo, FaultKind, MAX_FAULT_MS, Shape, Target, parse_time};
pub use shrink::shrink;
pub use subject::{MAX_MACHINES, Subject, SubjectError};
