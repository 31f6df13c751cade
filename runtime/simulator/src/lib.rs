//! Runs the production reconciler in virtual time against the simulated cloud, with faults, and checks the invariants.

mod fault;
mod invariants;
mod random;
mod records;
mod run;
mod schedule;
mod shrink;
mod subject;
mod timeline;
mod truth;
mod world;

pub use fault::{FAULTS, Fault, FaultError, FaultInfo, FaultKind, MAX_FAULT_MS, Origin, Shape, Target, parse_time};
pub use invariants::{Breach, INVARIANTS, Invariant};
pub use run::{CONVERGENCE_BOUND_MS, Census, Recovery, Rehearsal, Run};
pub use shrink::shrink;
pub use subject::{MAX_MACHINES, Subject, SubjectError};
pub use timeline::{Line, Who};
