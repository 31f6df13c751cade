//! Any bytes: a tree whose text is the input, errors with places inside it, no panic.
#![no_main]

use kit_lang::{MAX_DIAGNOSTICS, SourceId, decode, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (text, _) = decode(bytes, SourceId(0));
    let parsed = parse(&text);
    assert_eq!(parsed.syntax().text(), text.as_str());
    let diagnostics = parsed.diagnostics(SourceId(0));
    assert_eq!(diagnostics.is_empty(), !parsed.has_errors());
    assert!(diagnostics.len() <= MAX_DIAGNOSTICS);
    for found in diagnostics {
        assert!(!found.message.is_empty() && found.code.info().is_some());
        let places = [(found.span.start, found.span.end)].into_iter().chain(found.labels.iter().map(|label| (label.span.start, label.span.end)));
        for (start, end) in places {
            assert!(text.get(start as usize..end as usize).is_some());
        }
    }
});
