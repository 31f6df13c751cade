//! Any bytes as a file of parameters, in the language and as JSON: taken, or refused at a place.
#![no_main]

use kit_compiler::{Inputs, Sources, check_with, compile};
use kit_lang::decode;
use libfuzzer_sys::fuzz_target;

const FILE: &str = r#"
use std/sim
param size: int where it > 3 else "more than three"
param disk: bytes = 1GiB
param zones: list<string> = []
param rule: { port: int, from: cidr }?
param kinds: map<int | percent> = {}
param token: secret<string>
cluster { name = "demo", provider = sim.Provider {} }
output size = size
output token = "t ${token}"
"#;

fuzz_target!(|bytes: &[u8]| {
    for in_kit in [true, false] {
        let mut sources = Sources::new();
        let root = sources.add("file.kit", FILE);
        let (text, _) = decode(bytes, sources.next_id());
        let source = sources.add("parameters", text);
        let mut inputs = Inputs::new();
        let refused = match in_kit {
            true => inputs.params_in_kit(&mut sources, source, true).err().unwrap_or_default(),
            false => inputs.params_file(&sources, source, true).err().map(|one| *one).into_iter().collect(),
        };
        let mut found = refused;
        found.extend(check_with(&mut sources, root, &inputs).diagnostics);
        for one in found {
            let length = sources.get(one.span.source).map_or(0, |source| source.text.len());
            assert!(one.span.end as usize <= length && !one.message.is_empty(), "{one:?}");
        }
        let _ = compile(&mut sources, root, &inputs);
    }
});
