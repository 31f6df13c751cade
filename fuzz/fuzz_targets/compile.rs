//! Any bytes: they are checked and compiled to an end, each finding has a place, and a graph has the schema's form.
#![no_main]

use kit_compiler::{Findings, Inputs, Sources, Step, check, compile};
use kit_lang::{SourceId, decode};
use libfuzzer_sys::fuzz_target;

fn places_exist(sources: &Sources, findings: &Findings) {
    for diagnostic in &findings.diagnostics {
        for span in std::iter::once(diagnostic.span).chain(diagnostic.labels.iter().map(|label| label.span)) {
            let source = sources.get(span.source).expect("a place in a known text");
            assert!(span.start <= span.end && span.end as usize <= source.text.len(), "{diagnostic:?}");
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let (text, _) = decode(bytes, SourceId(0));
    let mut sources = Sources::new();
    let root = sources.add("fuzz.kit", text);
    let checked = check(&mut sources, root);
    places_exist(&sources, &checked);
    // With the defaults alone, which the check went by: other parameters may well make a wrong file right.
    let mut inputs = Inputs::new();
    // One round more than the compiler allows.
    for round in 0..=kit_compiler::MAX_LOOKUP_ROUNDS {
        match compile(&mut sources, root, &inputs) {
            Step::Done(compiled) => {
                assert!(!checked.has_errors(), "what does not check compiles");
                let bytes = compiled.graph.to_canonical_bytes();
                assert_eq!(kit_graph::Graph::from_bytes(&bytes).as_ref(), Ok(&compiled.graph));
                return;
            }
            Step::Failed(findings) => {
                assert!(findings.has_errors());
                places_exist(&sources, &findings);
                return;
            }
            Step::Need(lookups) => {
                assert!(!lookups.is_empty());
                inputs.answer(lookups.into_iter().map(|lookup| (lookup.key, kit_graph::Value::String(format!("r{round}")))));
            }
        }
    }
    panic!("the compiler asks without end");
});
