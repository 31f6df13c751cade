//! Each code has a page whose wrong example gives that code, and whose right example gives nothing.

use kit_compiler::CODES;

use crate::frame::{How, framed, run, show};

/// The example under a heading line that begins with `word`, and how it is run.
fn example<'p>(page: &'p str, word: &str) -> (How, &'p str) {
    let start = page.find(&format!("\n{word}")).unwrap_or_else(|| panic!("no example {word:?} in {page}")) + 1;
    let rest = &page[start..];
    let line = rest.lines().next().unwrap_or_default();
    let body = rest.split_once("```kit\n").expect("an example").1;
    // A page of a warning speaks of warnings.
    let warnings = page.starts_with("# KIT6");
    (How { warnings, ..How::read(line) }, body.split_once("```").expect("an end").0)
}

#[test]
fn each_page_shows_what_its_code_means() {
    let mut wrong = String::new();
    for info in CODES {
        assert!(
            info.page.starts_with(&format!("# {}: {}\n", info.code, info.title)),
            "{} has another heading",
            info.code
        );
        let (how, text) = example(info.page, "Wrong");
        let outcome = run("wrong.kit", &framed(text), &how);
        // A mistake may be two at once (a volume declared apart and paired twice); this one is among them.
        if !outcome.findings.diagnostics.iter().any(|found| found.code == info.code) {
            wrong.push_str(&format!(
                "{}: the wrong example gives\n{}\n",
                info.code,
                show(&outcome.sources, &outcome.findings)
            ));
        }
        let (how, text) = example(info.page, "Right");
        let outcome = run("right.kit", &framed(text), &how);
        if !outcome.findings.diagnostics.is_empty() {
            wrong.push_str(&format!(
                "{}: the right example gives\n{}\n",
                info.code,
                show(&outcome.sources, &outcome.findings)
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn codes_are_in_order_and_each_stands_once() {
    assert!(CODES.windows(2).all(|pair| pair[0].code.as_str() < pair[1].code.as_str()));
}
