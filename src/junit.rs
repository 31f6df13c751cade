//! Outcomes of tests as JUnit XML, which CI systems read. Written by hand: it is four elements, all of whose texts are escaped.

use std::fmt::Write as _;

/// The tests of a file.
#[derive(Debug)]
pub(crate) struct Suite {
    /// The file.
    pub(crate) file: String,
    /// What is wrong with the file, so that its tests were not run.
    pub(crate) error: Option<String>,
    /// Its tests in their order.
    pub(crate) cases: Vec<Case>,
}

/// A test that was run.
#[derive(Debug)]
pub(crate) struct Case {
    /// Its name.
    pub(crate) name: String,
    /// Why it failed; none if it passed.
    pub(crate) failure: Option<String>,
}

/// The document. It tells no times, so that the same tests give the same bytes.
pub(crate) fn document(suites: &[Suite]) -> String {
    let tests: usize = suites.iter().map(Suite::tests).sum();
    let failures: usize = suites.iter().map(Suite::failures).sum();
    let errors = suites.iter().filter(|suite| suite.error.is_some()).count();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(xml, r#"<testsuites tests="{tests}" failures="{failures}" errors="{errors}">"#);
    for suite in suites {
        suite.write(&mut xml);
    }
    xml.push_str("</testsuites>\n");
    xml
}

impl Suite {
    /// A file that is wrong counts as one test, which could not be run.
    fn tests(&self) -> usize {
        self.cases.len() + usize::from(self.error.is_some())
    }

    fn failures(&self) -> usize {
        self.cases.iter().filter(|case| case.failure.is_some()).count()
    }

    fn write(&self, xml: &mut String) {
        let file = escaped(&self.file);
        let (tests, failures, errors) = (self.tests(), self.failures(), usize::from(self.error.is_some()));
        let _ = writeln!(xml, r#"  <testsuite name="{file}" tests="{tests}" failures="{failures}" errors="{errors}">"#);
        if let Some(error) = &self.error {
            let _ = writeln!(
                xml,
                "    <testcase classname=\"{file}\" name=\"the file\"><error message=\"the file has errors\">{}</error></testcase>",
                escaped(error)
            );
        }
        for case in &self.cases {
            let name = escaped(&case.name);
            let _ = match &case.failure {
                None => writeln!(xml, r#"    <testcase classname="{file}" name="{name}"/>"#),
                Some(failure) => writeln!(
                    xml,
                    "    <testcase classname=\"{file}\" name=\"{name}\"><failure message=\"{}\">{}</failure></testcase>",
                    escaped(message_of(failure)),
                    escaped(failure)
                ),
            };
        }
        xml.push_str("  </testsuite>\n");
    }
}

/// The line of a drawing that says what is wrong.
fn message_of(drawing: &str) -> &str {
    let lines = drawing.lines().map(str::trim);
    let mut messages = lines.filter_map(|line| line.strip_prefix('×').or_else(|| line.strip_prefix('x')));
    messages.next().map_or("it failed", str::trim)
}

/// A text as it may stand in XML 1.0, in an attribute too; what no XML may hold is replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(character),
            '\u{FFFE}' | '\u{FFFF}' => out.push('\u{FFFD}'),
            _ if character.is_control() => out.push('\u{FFFD}'),
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_strangers_stay_texts() {
        let failure = Some("KIT5004\n\n  × \"a\" & <b> ]]>\u{1}\n".to_owned());
        let cases =
            vec![Case { name: "a <b> & \"c\"".to_owned(), failure }, Case { name: "d".to_owned(), failure: None }];
        let suites = [
            Suite { file: "a.kit".to_owned(), error: None, cases },
            Suite { file: "b.kit".to_owned(), error: Some("KIT3001".to_owned()), cases: Vec::new() },
        ];
        let xml = document(&suites);
        assert!(xml.contains(r#"<testsuites tests="3" failures="1" errors="1">"#), "{xml}");
        assert!(
            xml.contains(
                r#"name="a &lt;b&gt; &amp; &quot;c&quot;"><failure message="&quot;a&quot; &amp; &lt;b&gt; ]]&gt;"#
            ),
            "{xml}"
        );
        assert!(xml.contains(r#"<testcase classname="a.kit" name="d"/>"#), "{xml}");
        assert!(!xml.contains('\u{1}') && !xml.contains("<b>"), "{xml}");
    }
}
