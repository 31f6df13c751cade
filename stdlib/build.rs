//! Parses the files of the standard library when Kit is built. A file that does not parse ends the build, with what is wrong; of
//! the others the shape of their trees goes into the binary, so that no check has to find it again.
#![allow(clippy::disallowed_methods)] // A build reads and writes files.

use std::error::Error;
use std::path::Path;

use kit_lang::{Source, SourceId};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=std");
    let target = std::env::var_os("OUT_DIR").ok_or("cargo names no directory for what is built")?;
    for entry in std::fs::read_dir("std")? {
        let path = entry?.path();
        let text = std::fs::read_to_string(&path)?;
        let parsed = kit_lang::parse(&text);
        let Some(outline) = kit_lang::outline(&parsed) else {
            let source = Source::new(SourceId(0), path.display().to_string(), text);
            for found in parsed.diagnostics(SourceId(0)) {
                let place = source.position(found.span.start);
                println!("cargo::error={}:{}:{}: {}", source.name, place.line, place.column, found.message);
            }
            return Err("the standard library has errors".into());
        };
        let name = path.with_extension("outline");
        let name = name.file_name().ok_or("a file has a name")?;
        std::fs::write(Path::new(&target).join(name), outline)?;
    }
    Ok(())
}
