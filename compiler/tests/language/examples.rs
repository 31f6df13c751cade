//! The examples that users copy, and the standard library, are right.

use std::path::Path;

use crate::frame::{How, run, show};

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name)).unwrap()
}

#[test]
fn the_examples_check_clean() {
    for name in ["swarm-sim.kit", "swarm-docker.kit", "swarm-generated.kit", "swarm-aws.kit"] {
        let outcome = run(name, &read(name), &How::default());
        assert!(outcome.findings.diagnostics.is_empty(), "{}", show(&outcome.sources, &outcome.findings));
    }
}
