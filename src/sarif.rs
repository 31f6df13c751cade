//! Diagnostics as SARIF 2.1.0, the log of a static analysis that code hosts and editors read.

use std::io::{self, Write};

use kit_lang::{Diagnostic, Edit, Severity, Span};
use serde_json::{Value, json};

use crate::codes;
use crate::findings::Findings;

/// Where the schema of such a log is published.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Writes the findings of all files as one run.
pub(crate) fn write(all: &[Findings], out: &mut impl Write) -> io::Result<()> {
    let mut results = Vec::new();
    for findings in all {
        results.extend(findings.diagnostics.iter().map(|found| result(findings, found)));
        if findings.omitted > 0 {
            let text = format!("and {} more that are not listed", findings.omitted);
            results.push(json!({
                "ruleId": codes::NOT_LISTED.as_str(),
                "level": "error",
                "message": { "text": text },
            }));
        }
    }
    let rules: Vec<codes::Page> =
        codes::all().filter(|info| results.iter().any(|one| one["ruleId"] == info.code)).collect();
    for result in &mut results {
        let index = rules.iter().position(|info| result["ruleId"] == info.code);
        if let (Some(index), Some(result)) = (index, result.as_object_mut()) {
            result.insert("ruleIndex".to_owned(), json!(index));
        }
    }
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "kitc",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(rule).collect::<Vec<Value>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &log)?;
    out.write_all(b"\n")
}

/// A code that was met, with its page.
fn rule(info: &codes::Page) -> Value {
    json!({
        "id": info.code,
        "shortDescription": { "text": info.title },
        "help": { "text": info.page, "markdown": info.page },
    })
}

fn result(findings: &Findings, found: &Diagnostic) -> Value {
    let mut text = found.message.clone();
    if let Some(help) = &found.help {
        text.push_str(&format!("\nhelp: {help}"));
    }
    let mut result = json!({
        "ruleId": found.code.as_str(),
        "level": match found.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "message": { "text": text },
        "locations": [{ "physicalLocation": place(findings, found.span) }],
    });
    if !found.labels.is_empty() {
        let labels = found.labels.iter().enumerate();
        result["relatedLocations"] = labels
            .map(|(id, label)| {
                json!({
                    "id": id,
                    "message": { "text": label.message },
                    "physicalLocation": place(findings, label.span),
                })
            })
            .collect();
    }
    if let Some(fix) = &found.fix {
        // It has no word for one that is not sure; each change of it is offered to a person.
        let changes: Vec<Value> = fix.edits.iter().map(|edit| change(findings, edit)).collect();
        result["fixes"] = json!([{ "description": { "text": fix.title }, "artifactChanges": changes }]);
    }
    result
}

/// A file and a region in it.
fn place(findings: &Findings, span: Span) -> Value {
    json!({ "artifactLocation": { "uri": uri(findings, span) }, "region": region(findings, span) })
}

fn region(findings: &Findings, span: Span) -> Value {
    let Some(source) = findings.sources.get(span.source) else { return json!({ "startLine": 1 }) };
    let (start, end) = (source.position(span.start), source.position(span.end.max(span.start)));
    json!({
        "startLine": start.line,
        "startColumn": start.column,
        "endLine": end.line,
        "endColumn": end.column,
    })
}

fn change(findings: &Findings, edit: &Edit) -> Value {
    json!({
        "artifactLocation": { "uri": uri(findings, edit.span) },
        "replacements": [{
            "deletedRegion": region(findings, edit.span),
            "insertedContent": { "text": edit.replacement },
        }],
    })
}

fn uri(findings: &Findings, span: Span) -> String {
    uri_of(findings.sources.get(span.source).map_or("", |source| source.name.as_str()))
}

/// The name of a source as a reference to a URI: a path stays one, and what is none there is written in hexadecimal.
fn uri_of(name: &str) -> String {
    let mut uri = String::with_capacity(name.len());
    if name.starts_with("https://") {
        return name.to_owned();
    }
    if name.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=@".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_reference_to_a_uri() {
        assert_eq!(uri_of("clusters/a b%ü:1.kit"), "clusters/a%20b%25%C3%BC%3A1.kit");
        assert_eq!(uri_of("/etc/kit/a.kit"), "file:///etc/kit/a.kit");
        assert_eq!(uri_of("https://example.com/a.kit?v=1"), "https://example.com/a.kit?v=1");
        assert_eq!(uri_of("--set"), "--set");
    }
}
