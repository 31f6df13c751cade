//! Any bytes as a snapshot: it reads back as it is written, or is refused at a place in it; a file of many lookups ends with it.
#![no_main]

use kit_compiler::{Inputs, Snapshot, Sources, Step, check_with, compile};
use kit_lang::decode;
use libfuzzer_sys::fuzz_target;

const FILE: &str = r#"
use std/sim
type Port = int where it in 1..=65535 else "a port"
metadata env { A: int, B: string?, C: list<string>, D: { a: int, b: "x" | "y" }, E: secret<string>, F: bytes, G: ip, H: int | percent }
metadata vars { port: Port, sub { net: cidr, wait: duration, map: map<bool> } }
metadata file { text(path: string): string }
cluster { name = "demo", provider = sim.Provider {} }
output a = meta.env.A + 1
output b = meta.env.B ?? "none"
output c = meta.env.C
output d = meta.env.D
output e = meta.env.E
output f = [meta.env.F, meta.env.F]
output g = meta.env.G
output h = meta.env.H
output i = meta.vars.port
output j = meta.vars.sub
output k = meta.file.text(meta.file.text("a"))
output l = meta.sim.image(meta.sim.region)
"#;

fuzz_target!(|bytes: &[u8]| {
    let mut sources = Sources::new();
    let root = sources.add("file.kit", FILE.replace("output j = meta.vars.sub\n", "output j = meta.vars.sub.net\noutput m = meta.vars.sub.wait\noutput n = meta.vars.sub.map\n"));
    let (text, _) = decode(bytes, sources.next_id());
    let source = sources.add("snapshot.json", text);
    let mut inputs = Inputs::new();
    let length = |sources: &Sources, source| sources.get(source).map_or(0, |source| source.text.len());
    if let Err(refused) = inputs.snapshot(&sources, source) {
        assert!(refused.span.source == source && refused.span.end as usize <= length(&sources, source));
        return;
    }
    for found in check_with(&mut sources, root, &inputs).diagnostics {
        assert!(found.span.end as usize <= length(&sources, found.span.source), "{found:?}");
    }
    match compile(&mut sources, root, &inputs) {
        Step::Need(asked) => panic!("nothing is asked of anybody: {asked:?}"),
        Step::Failed(found) => assert!(found.has_errors()),
        Step::Done(compiled) => {
            // What was used of it is written, read back, and gives the same graph.
            let snapshot = Snapshot { asked_at: None, answers: compiled.graph.lookups.clone() };
            let source = sources.add("again.json", snapshot.to_text());
            let mut again = Inputs::new();
            again.snapshot(&sources, source).expect("what is written is read");
            let Step::Done(other) = compile(&mut sources, root, &again) else { panic!("it compiles again") };
            assert_eq!(other.graph.hash, compiled.graph.hash);
        }
    }
});
