//! Components at the limits: what nests too deep or multiplies ends, with an error.

use std::fmt::Write as _;

use crate::frame::{How, framed, run};

/// A chain of components, each of which makes `width` instances of the one before it; the last is used once.
fn chain(length: usize, width: usize) -> String {
    let mut text = String::from("component C0 { output x = 1 }\n");
    for n in 1..length {
        let before = n - 1;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "component C{n} {{\n  resource inner = {{ for n in 1..={width} {{ \"k${{n}}\" = C{before} {{}} }} }}\n  output x = inner[\"k1\"].x\n}}"
        );
    }
    let _ = writeln!(text, "resource top = C{} {{}}\noutput x = top.x", length - 1);
    text
}

fn codes(text: &str) -> Vec<String> {
    let outcome = run("chain.kit", &framed(text), &How::default());
    outcome.findings.diagnostics.iter().map(|found| found.code.as_str().to_owned()).collect()
}

#[test]
fn instances_nest_sixteen_deep_and_no_deeper() {
    assert_eq!(codes(&chain(16, 1)), Vec::<String>::new());
    let deeper = codes(&chain(17, 1));
    assert!(!deeper.is_empty() && deeper.iter().all(|code| code == "KIT3017"), "{deeper:?}");
}

#[test]
fn instances_that_multiply_end() {
    let many = codes(&chain(12, 10));
    assert!(!many.is_empty() && many.iter().all(|code| code == "KIT3017"), "{many:?}");
}
