//! Any bytes: what parses is formatted to a fixed point, and only space and commas change.
#![no_main]

use kit_lang::{NodeOrToken, SourceId, SyntaxKind, decode, format, parse};
use libfuzzer_sys::fuzz_target;

/// The tokens which are neither space nor a comma, comments without the space at their end.
fn kept(text: &str) -> Vec<(SyntaxKind, String)> {
    parse(text)
        .syntax()
        .descendants_with_tokens()
        .filter_map(NodeOrToken::into_token)
        .filter(|token| token.kind().is_comment() || !token.kind().is_trivia() && token.kind() != SyntaxKind::COMMA)
        .map(|token| (token.kind(), token.text().trim_end().to_owned()))
        .collect()
}

fuzz_target!(|bytes: &[u8]| {
    let (text, _) = decode(bytes, SourceId(0));
    if let Ok(once) = format(&text) {
        match format(&once) {
            Ok(twice) => assert_eq!(once, twice, "not a fixed point"),
            Err(errors) => panic!("formatting made errors: {once:?} {errors:?}"),
        }
        assert_eq!(kept(&text), kept(&once));
    }
});
