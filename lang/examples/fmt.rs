//! Prints a file in the one layout: `cargo run -p kit-lang --example fmt FILE`.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

fn main() -> std::io::Result<()> {
    let path = std::env::args().nth(1).unwrap_or_default();
    match kit_lang::format(&std::fs::read_to_string(path)?) {
        Ok(text) => print!("{text}"),
        Err(errors) => println!("{errors:#?}"),
    }
    Ok(())
}
