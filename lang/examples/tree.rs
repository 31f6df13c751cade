//! Prints the tree of a file and what is wrong with it: `cargo run -p kit-lang --example tree FILE`.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

use kit_lang::{LineIndex, SourceId, parse};

fn main() -> std::io::Result<()> {
    let Some(path) = std::env::args().nth(1) else {
        println!("usage: tree FILE");
        return Ok(());
    };
    let text = std::fs::read_to_string(path)?;
    let parsed = parse(&text);
    assert_eq!(parsed.syntax().text(), text.as_str());
    print!("{:#?}", parsed.syntax());
    let lines = LineIndex::new(&text);
    for found in parsed.diagnostics(SourceId(0)) {
        let place = lines.position(&text, found.span.start);
        println!("{}:{} {} {}", place.line, place.column, found.code, found.message);
        for label in found.labels {
            let place = lines.position(&text, label.span.start);
            println!("  {}:{} {}", place.line, place.column, label.message);
        }
        if let Some(help) = found.help {
            println!("  help: {help}");
        }
    }
    println!("{} errors", parsed.error_count());
    Ok(())
}
