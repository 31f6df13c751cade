//! The command line of Kit.
fn main() {}
