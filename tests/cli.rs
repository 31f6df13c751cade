//! The command line as its users see it: transcripts in tests/cli, each of them readable by itself.
//!
//! `TRYCMD=overwrite cargo test --test cli` writes what kitc says now into them; read the difference before you commit it.

#[test]
fn transcripts_hold() {
    trycmd::TestCases::new().case("tests/cli/*.md");
}
