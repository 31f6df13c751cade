//! Texts as sources answer them.

use kit_model::MetadataError;

/// The most bytes of one answer. A graph keeps its answers and goes to every manager; a page of a thousand machines' facts
/// is a tenth of it.
pub const MAX_ANSWER_BYTES: usize = 1 << 20;

/// A text without the one line break at its end, which editors and `echo` put there and nobody means.
#[must_use]
pub fn without_line_break(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// The argument of a lookup that is asked by one text.
pub(crate) fn argument(arguments: &[(String, kit_graph::Value)]) -> Result<&str, MetadataError> {
    match arguments {
        [(_, kit_graph::Value::String(text))] => Ok(text),
        _ => Err(MetadataError::new("it is asked by one text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_break_goes_and_no_more() {
        for (text, expected) in
            [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a"), ("", ""), ("\n", ""), ("a \n", "a ")]
        {
            assert_eq!(without_line_break(text), expected, "{text:?}");
        }
    }
}
