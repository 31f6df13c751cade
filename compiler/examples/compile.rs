//! `cargo run -p kit-compiler --example compile -- check|compile FILE [name=value]…`: the compiler alone,
//! without the command line around it, to look at its output and to measure it.
#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::expect_used)]

use kit_compiler::{Findings, Inputs, Sources, Step, check, compile};

fn show(sources: &Sources, findings: &Findings) {
    for diagnostic in &findings.diagnostics {
        let place = |span: kit_lang::Span| {
            sources.get(span.source).map_or(String::new(), |source| {
                let at = source.position(span.start);
                format!("{}:{}:{}", source.name, at.line, at.column)
            })
        };
        println!("{} {}: {}", place(diagnostic.span), diagnostic.code, diagnostic.message);
        for label in &diagnostic.labels {
            println!("    {} {}", place(label.span), label.message);
        }
        if let Some(help) = &diagnostic.help {
            println!("    help: {help}");
        }
    }
    if findings.omitted > 0 {
        println!("and {} more", findings.omitted);
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let (verb, path) = (args.next().expect("a verb"), args.next().expect("a file"));
    let mut sources = Sources::new();
    let text = std::fs::read_to_string(&path).expect("a readable file");
    let root = sources.add(path, text);
    let mut inputs = Inputs::new();
    if verb == "check" {
        let findings = check(&mut sources, root);
        show(&sources, &findings);
        return;
    }
    for assignment in args {
        if let Some((key, answer)) = assignment.split_once("=>") {
            inputs.answer([(key.to_owned(), kit_graph::Value::String(answer.to_owned()))]);
        } else if let Err(error) = inputs.set(&mut sources, &assignment) {
            show(&sources, &Findings { diagnostics: vec![*error], omitted: 0 });
            return;
        }
    }
    match compile(&mut sources, root, &inputs) {
        Step::Done(compiled) if verb == "bytes" => println!("{}", compiled.graph.to_canonical_bytes().len()),
        Step::Done(compiled) => println!("{}", compiled.graph.to_pretty_string()),
        Step::Need(lookups) => println!("{lookups:#?}"),
        Step::Failed(findings) => show(&sources, &findings),
    }
}
