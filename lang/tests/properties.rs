//! What holds of any text: the tree is the text, nothing panics, the formatter changes space alone.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use kit_lang::{NodeOrToken, SourceId, SyntaxKind, decode, format, outline, parse, parse_by_outline};
use proptest::prelude::*;

/// Pieces of which a text that nearly is Kit is made.
const PIECES: &[&str] = &[
    "use ",
    "param ",
    "let ",
    "type ",
    "fn ",
    "cluster ",
    "resource ",
    "group ",
    "component ",
    "metadata ",
    "require ",
    "output ",
    "test ",
    "extern resource ",
    "extern role ",
    "member ",
    "for ",
    "in ",
    "if ",
    "then ",
    "else ",
    "where ",
    "with ",
    "match ",
    "live ",
    "ambient ",
    "true",
    "false",
    "none",
    "x",
    "y",
    "it",
    "Foo",
    "aws.Machine",
    "list<",
    ">",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "=",
    "==",
    "=>",
    ":",
    ",",
    ".",
    "..=",
    "?",
    "??",
    "|",
    "||",
    "&&",
    "!",
    "!=",
    "+",
    "-",
    "*",
    "<",
    "<=",
    "\"",
    "${",
    "\\",
    "sh\"\"\"",
    "\"\"\"",
    "1",
    "20GiB",
    "10GB",
    "10.0.0.0/16",
    "fd00::1",
    "25%",
    "\n",
    "\n",
    "\n",
    " ",
    " ",
    "  ",
    "\r\n",
    "\t",
    "# c\n",
    "## d\n",
    "@",
    "é",
    ";",
    "//",
    "'",
    "a = 1\n",
    "x = { y = 1 }",
];

/// Texts that are Kit, so that cuts and mixtures of them nearly are.
const FILES: &[&str] = &[
    include_str!("../../examples/swarm-aws.kit"),
    include_str!("../../stdlib/std/swarm.kit"),
    include_str!("syntax.kit"),
];

fn nearly_kit() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..60).prop_map(|pieces| pieces.concat())
}

fn damaged_kit() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(PIECES);
    (prop::sample::select(FILES), any::<prop::sample::Index>(), 0usize..12, piece).prop_map(|(file, at, cut, piece)| {
        let places: Vec<usize> = file.char_indices().map(|(place, _)| place).collect();
        let from = at.index(places.len());
        let to = (from + cut).min(places.len() - 1);
        format!("{}{piece}{}", &file[..places[from]], &file[places[to]..])
    })
}

/// The tokens that mean something. Commas may come and go with line breaks.
fn meaning(text: &str) -> Vec<(SyntaxKind, String)> {
    tokens(text, |kind| !kind.is_trivia() && kind != SyntaxKind::COMMA)
}

fn comments(text: &str) -> Vec<(SyntaxKind, String)> {
    tokens(text, SyntaxKind::is_comment).into_iter().map(|(kind, text)| (kind, text.trim_end().to_owned())).collect()
}

fn tokens(text: &str, wanted: impl Fn(SyntaxKind) -> bool) -> Vec<(SyntaxKind, String)> {
    parse(text)
        .syntax()
        .descendants_with_tokens()
        .filter_map(NodeOrToken::into_token)
        .filter(|token| wanted(token.kind()))
        .map(|token| (token.kind(), token.text().to_owned()))
        .collect()
}

#[track_caller]
fn holds(text: &str) {
    let parsed = parse(text);
    assert_eq!(parsed.syntax().text(), text);
    for found in parsed.diagnostics(SourceId(0)) {
        assert!(found.span.start <= found.span.end && found.span.end as usize <= text.len(), "{found:?} in {text:?}");
        for place in [found.span.start, found.span.end] {
            assert!(text.is_char_boundary(place as usize), "{found:?} in {text:?}");
        }
    }
    match outline(&parsed) {
        None => assert!(parsed.has_errors()),
        Some(outline) => {
            let again =
                parse_by_outline(text, &outline).unwrap_or_else(|| panic!("no tree by the outline of {text:?}"));
            assert_eq!(format!("{:#?}", again.syntax()), format!("{:#?}", parsed.syntax()));
            assert!(parse_by_outline(&format!("{text} "), &outline).is_none(), "of another text than {text:?}");
        }
    }
    match format(text) {
        Err(errors) => assert!(parsed.has_errors() && !errors.is_empty()),
        Ok(once) => {
            assert!(!parsed.has_errors());
            let twice = format(&once).unwrap_or_else(|errors| panic!("{text:?} became {once:?}: {errors:?}"));
            assert_eq!(once, twice, "not a fixed point, of {text:?}");
            assert_eq!(meaning(text), meaning(&once), "of {text:?}");
            assert_eq!(comments(text), comments(&once), "of {text:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        holds(&decode(&bytes, SourceId(0)).0);
    }

    /// An outline of who knows what gives no tree, or one of the whole text.
    #[test]
    fn any_outline(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[a-z é]{0,8}") {
        if let Some(tree) = parse_by_outline(&text, &bytes) {
            assert_eq!(tree.syntax().text(), text.as_str());
        }
    }

    #[test]
    fn any_text(text in "\\PC*") {
        holds(&text);
    }

    #[test]
    fn pieces(text in nearly_kit()) {
        holds(&text);
    }

    #[test]
    fn damaged_files(text in damaged_kit()) {
        holds(&text);
    }
}

#[test]
fn cuts_of_a_file() {
    for file in FILES {
        // Every 13th place: beside no multiple of the width of a level, so that all kinds of tokens are cut.
        for (at, _) in file.char_indices().step_by(13) {
            let parsed = parse(&file[..at]);
            assert_eq!(parsed.syntax().text().len(), rowan_size(at));
        }
    }
}

fn rowan_size(at: usize) -> kit_lang::TextSize {
    kit_lang::TextSize::try_from(at).unwrap()
}

#[test]
fn the_whole_syntax_is_a_fixed_point() {
    for file in FILES {
        assert_eq!(format(file).as_deref(), Ok(*file));
        holds(file);
    }
}

/// Between any two tokens a comment and a line break, and an empty line, either are an error or stay through a layout.
#[test]
fn what_is_between_any_tokens_is_kept() {
    let mut kept = 0;
    // A declaration at a time, as each place is a text of its own.
    for part in FILES.iter().flat_map(|file| file.split("\n\n")).filter(|part| format(part).is_ok()) {
        let tokens = parse(part).syntax().descendants_with_tokens().filter_map(NodeOrToken::into_token);
        // Every third is of each kind often enough.
        for at in tokens.map(|token| usize::from(token.text_range().end())).step_by(3) {
            for between in [" # so\n", "\n# so\n", " # so\n\n"] {
                let text = format!("{}{between}{}", &part[..at], &part[at..]);
                if format(&text).is_ok() {
                    kept += 1;
                    holds(&text);
                }
            }
        }
    }
    assert!(kept > 500, "only {kept} were right");
}
