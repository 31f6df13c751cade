//! Runs the production reconciler in virtual time against the simulated cloud, with faults, and checks the invariants.
