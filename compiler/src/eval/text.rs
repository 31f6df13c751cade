//! Values as text: in interpolations and in messages.

use std::fmt::Write as _;
use std::net::IpAddr;

use crate::hir::Program;
use crate::value::{Data, Opaque, Value};

/// A single value as it stands in a text; none for what has no text.
pub(crate) fn write_scalar(data: &Data, out: &mut String) -> bool {
    // Writing to a String cannot fail.
    match data {
        Data::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Data::Int(number) => {
            let _ = write!(out, "{number}");
        }
        Data::Str(text) => out.push_str(text),
        Data::Ip(ip) => write_ip(*ip, out),
        Data::Cidr(cidr) => {
            let _ = write!(out, "{cidr}");
        }
        Data::Bytes(bytes) => out.push_str(&signed(*bytes, kit_graph::format_bytes)),
        Data::Duration(duration_ms) => out.push_str(&signed(*duration_ms, kit_graph::format_duration)),
        Data::Percent(percent) => {
            let _ = write!(out, "{percent}%");
        }
        _ => return false,
    }
    true
}

/// An address in its usual form. The IP of each member is written, and `Display` pads and measures what needs neither.
pub(crate) fn write_ip(ip: IpAddr, out: &mut String) {
    match ip {
        IpAddr::V4(ip) => {
            for (at, octet) in ip.octets().into_iter().enumerate() {
                if at > 0 {
                    out.push('.');
                }
                for (unit, at_least) in [(100, 100), (10, 10), (1, 0)] {
                    if octet >= at_least {
                        out.push(char::from(b'0' + octet / unit % 10));
                    }
                }
            }
        }
        // Writing to a String cannot fail.
        IpAddr::V6(ip) => {
            let _ = write!(out, "{ip}");
        }
    }
}

/// A quantity that subtraction may have made negative.
fn signed(amount: i64, format: fn(u64) -> String) -> String {
    let text = format(amount.unsigned_abs());
    if amount < 0 { format!("-{text}") } else { text }
}

/// A value in a message.
pub(crate) fn show_value(program: &Program, value: &Value) -> String {
    let mut text = String::new();
    show(program, &value.data, &mut text, 0);
    text
}

/// Values inside values that a message shows.
const MAX_SHOWN_DEPTH: u32 = 2;

/// Elements of a list that a message shows.
const MAX_SHOWN_ELEMENTS: usize = 4;

/// Bytes of a text that a message shows.
const MAX_SHOWN_TEXT: usize = 60;

fn show(program: &Program, data: &Data, out: &mut String, depth: u32) {
    match data {
        Data::Str(text) => {
            out.push('"');
            let end = text.char_indices().map(|(at, _)| at).find(|at| *at >= MAX_SHOWN_TEXT).unwrap_or(text.len());
            out.push_str(&text[..end]);
            out.push_str(if end < text.len() { "…\"" } else { "\"" });
        }
        Data::None => out.push_str("none"),
        Data::Error | Data::Missing | Data::Awaited(_) => out.push('?'),
        Data::Range(first, last) => {
            let _ = write!(out, "{first}..={last}");
        }
        Data::Opaque(opaque) => match &**opaque {
            Opaque::Live(address) => out.push_str(address),
            Opaque::Concat(_) => out.push_str("a text known at run time"),
            Opaque::Secret(name) => {
                let _ = write!(out, "the secret `{name}`");
            }
        },
        Data::Script(_) => out.push_str("sh\"\"\"…\"\"\""),
        Data::Thing(thing) => out.push_str(&program.path_of(thing.def)),
        Data::Description(description) => {
            let _ = write!(out, "{} {{ … }}", program.path_of(description.def));
        }
        Data::List(_) | Data::Map(_) | Data::Record(_) if depth >= MAX_SHOWN_DEPTH => out.push('…'),
        Data::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate().take(MAX_SHOWN_ELEMENTS) {
                if index > 0 {
                    out.push_str(", ");
                }
                show(program, &item.data, out, depth + 1);
            }
            out.push_str(if items.len() > MAX_SHOWN_ELEMENTS { ", …]" } else { "]" });
        }
        Data::Map(entries) => {
            out.push_str("{ ");
            for (index, (key, value)) in entries.iter().enumerate().take(MAX_SHOWN_ELEMENTS) {
                let _ = write!(out, "{}\"{key}\" = ", if index > 0 { ", " } else { "" });
                show(program, &value.data, out, depth + 1);
            }
            out.push_str(" }");
        }
        Data::Record(fields) => {
            out.push_str("{ ");
            for (index, (name, value)) in fields.iter().enumerate().take(MAX_SHOWN_ELEMENTS) {
                let _ = write!(out, "{}{} = ", if index > 0 { ", " } else { "" }, program.names.text(*name));
                show(program, &value.data, out, depth + 1);
            }
            out.push_str(" }");
        }
        scalar => {
            write_scalar(scalar, out);
        }
    }
}
