//! The page: one file of HTML, with its own style and search, and nothing from elsewhere.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::reference::{Entry, Field, KINDS, Module};
use crate::codes;

/// Writes the page. Writing to a String cannot fail, here and below.
pub(super) fn html(title: &str, modules: &[Module], codes: &[codes::Page]) -> String {
    let ids = ids(modules);
    let mut out = String::new();
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <style>\n{}</style>\n</head>\n<body>\n",
        escaped(title),
        include_str!("page.css")
    );
    out.push_str(
        "<nav aria-label=\"Contents\">\n<input type=\"search\" placeholder=\"Search\" aria-label=\"Search\" hidden>\n",
    );
    for module in modules {
        let _ = writeln!(
            out,
            "<h2><a href=\"#{0}\">{1}</a></h2>\n<ul>",
            escaped(&id(&module.path, "")),
            escaped(&module.path)
        );
        for entry in &module.entries {
            let _ = writeln!(out, "<li><a href=\"#{}\">{}</a></li>", id_of(module, entry), escaped(&entry.name));
        }
        out.push_str("</ul>\n");
    }
    if !codes.is_empty() {
        out.push_str("<h2><a href=\"#codes\">Codes</a></h2>\n<ul>\n");
        for code in codes {
            let _ = writeln!(out, "<li><a href=\"#{0}\">{0}</a></li>", code.code);
        }
        out.push_str("</ul>\n");
    }
    let _ = writeln!(out, "</nav>\n<main>\n<h1>{}</h1>", escaped(title));
    for module in modules {
        section(&mut out, module, modules.len() > 1, &ids);
    }
    if !codes.is_empty() {
        out.push_str("<section id=\"codes\">\n");
        if !modules.is_empty() {
            out.push_str("<h2>Codes</h2>\n");
        }
        for code in codes {
            let body = code.page.split_once('\n').map_or("", |(_, body)| body);
            let _ = writeln!(
                out,
                "<article id=\"{0}\">\n<h4><a href=\"#{0}\">{0}</a>: {1}</h4>\n{2}</article>",
                code.code,
                inline(code.title),
                prose(body)
            );
        }
        out.push_str("</section>\n");
    }
    let _ = write!(out, "</main>\n<script>\n{}</script>\n</body>\n</html>\n", include_str!("page.js"));
    out
}

/// Where each declaration stands on the page.
fn ids(modules: &[Module]) -> BTreeSet<String> {
    modules.iter().flat_map(|module| module.entries.iter().map(|entry| id_of(module, entry))).collect()
}

fn id_of(module: &Module, entry: &Entry) -> String {
    // An output and a parameter may have one name.
    let kind = if matches!(entry.kind, "output" | "metadata") { format!("{}-", entry.kind) } else { String::new() };
    id(&module.path, &format!("{kind}{}", entry.name))
}

fn id(path: &str, name: &str) -> String {
    let path: String =
        path.chars().map(|one| if one.is_ascii_alphanumeric() || "/_.-".contains(one) { one } else { '-' }).collect();
    if name.is_empty() { path } else { format!("{path}:{name}") }
}

fn section(out: &mut String, module: &Module, many: bool, ids: &BTreeSet<String>) {
    let _ = writeln!(out, "<section id=\"{}\">", escaped(&id(&module.path, "")));
    if many {
        let _ = writeln!(out, "<h2>{}</h2>", escaped(&module.path));
    }
    out.push_str(&prose(&module.doc));
    if module.path.starts_with("std/") {
        let _ = writeln!(out, "<pre><code>use {}</code></pre>", escaped(&module.path));
    }
    for (kind, heading) in KINDS {
        let mut entries = module.entries.iter().filter(|entry| entry.kind == kind).peekable();
        if entries.peek().is_none() {
            continue;
        }
        let _ = writeln!(out, "<h3>{heading}</h3>");
        for entry in entries {
            article(out, module, entry, ids);
        }
    }
    out.push_str("</section>\n");
}

fn article(out: &mut String, module: &Module, entry: &Entry, ids: &BTreeSet<String>) {
    let id = escaped(&id_of(module, entry));
    let names: Vec<&str> = entry.fields.iter().map(|field| field.name.as_str()).collect();
    let _ = writeln!(out, "<article id=\"{id}\" data-names=\"{}\">", escaped(&names.join(" ")));
    let _ = writeln!(out, "<h4><a href=\"#{id}\">{}</a></h4>", escaped(&entry.name));
    let _ = writeln!(out, "<pre><code>{}</code></pre>", linked(&entry.signature, module, Some(&entry.name), ids));
    out.push_str(&prose(&entry.doc));
    if !entry.fields.is_empty() {
        out.push_str("<table>\n<tr><th>Name</th><th>Type</th><th>Default</th><th></th></tr>\n");
        for field in &entry.fields {
            row(out, module, field, ids);
        }
        out.push_str("</table>\n");
    }
    if !entry.requires.is_empty() {
        out.push_str("<ul class=\"requires\">\n");
        for require in &entry.requires {
            let (condition, message) = (escaped(&require.condition), escaped(&require.message));
            let _ = writeln!(out, "<li><code>{condition}</code>: {message}</li>");
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</article>\n");
}

fn row(out: &mut String, module: &Module, field: &Field, ids: &BTreeSet<String>) {
    let mark = field.mark.map(|mark| format!("<span class=\"mark\">{mark}</span>")).unwrap_or_default();
    let default = match &field.default {
        Some(value) => format!("<code>{}</code>", escaped(value)),
        None => String::new(),
    };
    let ty = match field.ty.as_str() {
        "" => String::new(),
        ty => format!("<code>{}</code>", linked(ty, module, None, ids)),
    };
    let _ = writeln!(
        out,
        "<tr><td><code>{}</code>{mark}</td><td>{ty}</td><td>{default}</td><td>{}</td></tr>",
        escaped(&field.name),
        prose(&field.doc)
    );
}

/// A text of Kit in which each name of a type that is on the page leads there.
fn linked(text: &str, module: &Module, own: Option<&str>, ids: &BTreeSet<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length =
            rest.find(|one: char| !one.is_ascii_alphanumeric() && one != '_' && one != '.').unwrap_or(rest.len());
        if length == 0 {
            out.push_str(&escaped(&rest[..first.len_utf8()]));
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (word, after) = rest.split_at(length);
        let target = match word.split_once('.') {
            Some((other, name)) => id(&format!("std/{other}"), name),
            None => id(&module.path, word),
        };
        let is_type =
            word.rsplit('.').next().is_some_and(|name| name.starts_with(|one: char| one.is_ascii_uppercase()));
        if is_type && own != Some(word) && ids.contains(&target) {
            let _ = write!(out, "<a href=\"#{}\">{}</a>", escaped(&target), escaped(word));
        } else {
            out.push_str(&escaped(word));
        }
        rest = after;
    }
    out
}

/// Comments and pages: paragraphs, lists, code. Whatever else Markdown has stays as it is written.
fn prose(text: &str) -> String {
    let mut out = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        if line.starts_with("```") {
            out.push_str("<pre><code>");
            for line in lines.by_ref().take_while(|line| !line.starts_with("```")) {
                out.push_str(&escaped(line));
                out.push('\n');
            }
            out.push_str("</code></pre>\n");
            continue;
        }
        let is_item = line.starts_with("- ");
        let mut paragraph = line.strip_prefix("- ").unwrap_or(line).to_owned();
        while let Some(next) =
            lines.next_if(|next| !next.trim().is_empty() && !next.starts_with("```") && !next.starts_with("- "))
        {
            paragraph.push(' ');
            paragraph.push_str(next.trim());
        }
        let _ = if is_item {
            writeln!(out, "<ul><li>{}</li></ul>", inline(&paragraph))
        } else {
            writeln!(out, "<p>{}</p>", inline(&paragraph))
        };
    }
    out
}

/// A line in which what stands between backticks is code.
fn inline(text: &str) -> String {
    let mut out = String::new();
    for (index, piece) in text.split('`').enumerate() {
        let piece = escaped(piece);
        let _ = if index % 2 == 1 { write!(out, "<code>{piece}</code>") } else { write!(out, "{piece}") };
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> String {
        let file =
            "## A <b> & \"c\".\n\n## Text `a<b`.\nparam size: int = 4 where it > 3 else \"<i>\"\noutput size_of = 1\n";
        let mut modules = vec![Module::of("a <b>.kit", &kit_lang::parse(file).file())];
        modules.extend(kit_stdlib::MODULES.iter().map(|one| Module::of(one.path, &kit_lang::parse(one.text).file())));
        html("a <b>", &modules, &codes::all().collect::<Vec<_>>())
    }

    fn values<'p>(page: &'p str, attribute: &str) -> Vec<&'p str> {
        page.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap_or_default()).collect()
    }

    #[test]
    fn each_link_leads_to_one_place_of_the_page() {
        let page = page();
        let ids = values(&page, " id=\"");
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(unique.len(), ids.len(), "an id stands twice");
        let links = values(&page, "href=\"");
        assert!(links.len() > 200, "{}", links.len());
        for link in links {
            let target = link.strip_prefix('#').unwrap_or_else(|| panic!("{link} leads away"));
            assert!(unique.contains(target), "nothing is at {link}");
        }
        assert!(page.contains("<a href=\"#std/aws:Rule\">Rule</a>"), "types lead to each other");
    }

    #[test]
    fn it_needs_nothing_beside_it_and_nothing_in_a_file_is_taken_for_html() {
        let page = page();
        for sign in ["src=", "<link", "@import", "url("] {
            assert!(!page.contains(sign), "{sign}");
        }
        assert!(page.contains("Text <code>a&lt;b</code>.") && !page.contains("<b>") && !page.contains("<i>"));
    }

    #[test]
    fn all_of_the_standard_library_is_described() {
        for module in kit_stdlib::MODULES {
            let described = Module::of(module.path, &kit_lang::parse(module.text).file());
            assert!(!described.doc.is_empty(), "{} says nothing of itself", module.path);
            for entry in &described.entries {
                assert!(
                    !entry.doc.is_empty() || entry.kind == "metadata",
                    "{} {} has no ## comment",
                    module.path,
                    entry.name
                );
                let silent = entry.fields.iter().find(|field| field.doc.is_empty() && entry.kind == "resource type");
                assert!(silent.is_none(), "{} {}: {silent:?}", module.path, entry.name);
            }
        }
    }
}
