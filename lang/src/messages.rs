//! The words of syntax errors: the cause as the user sees it, never the grammar's rules.

mod absent;

pub(crate) use absent::{Inside, missing};

use crate::codes;
use crate::diagnostic::Code;
use crate::foreign;
use crate::syntax_error::SyntaxError;
use crate::syntax_kind::SyntaxKind;
use crate::tree_builder::Junk;

/// Characters of the user's text that a message repeats.
const MAX_QUOTED: usize = 40;

/// Every word with which a declaration begins.
const DECLARATIONS: [&str; 14] = [
    "use",
    "param",
    "let",
    "type",
    "fn",
    "cluster",
    "resource",
    "group",
    "component",
    "metadata",
    "require",
    "output",
    "test",
    "extern",
];

/// A piece of the text in backticks, cut where it is long.
fn quoted(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim_end();
    if line.chars().count() <= MAX_QUOTED {
        return format!("`{line}`");
    }
    let short: String = line.chars().take(MAX_QUOTED - 1).collect();
    format!("`{short}…`")
}

/// The word at the start of a text.
fn first_word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

pub(crate) fn too_deep(place: usize, text: &str) -> SyntaxError {
    let end = text[place..].chars().next().map_or(place, |c| place + c.len_utf8());
    SyntaxError::new(
        codes::TOO_DEEP,
        place,
        end,
        format!("this is nested too deeply: at most {} levels", crate::depth::MAX_DEPTH),
    )
    .help("close the brackets that are open, or name a part of it with `let`")
}

/// A row of operators, fields or conditions so long that the tree of it would be too high.
pub(crate) fn too_high(place: usize, text: &str) -> SyntaxError {
    let end = text[place..].chars().next().map_or(place, |c| place + c.len_utf8());
    SyntaxError::new(codes::TOO_DEEP, place, end, "this expression is too long")
        .help("name parts of it with `let`; a sum or a choice over many values is a list with a `for`")
}

pub(crate) fn bad_escape(text: &str, start: usize, end: usize) -> SyntaxError {
    SyntaxError::new(codes::BAD_ESCAPE, start, end, format!("{} is no escape", quoted(&text[start..end])))
        .help(r#"the escapes are \" \\ \n \r \t \${ and \u{…}; a backslash itself is \\"#)
}

pub(crate) fn chained_comparison(first: usize, second: usize) -> SyntaxError {
    SyntaxError::new(codes::CHAINED_COMPARISON, second, second + 1, "comparisons do not chain")
        .label(first, first + 1, "the first comparison")
        .help("write `a < b && b < c`, or `b in 1..=3`")
}

pub(crate) fn missing_then(start: usize, at: usize) -> SyntaxError {
    SyntaxError::new(codes::EXPECTED_PART, at, at, "expected `then` after the condition")
        .label(start, start + 2, "the condition begins here")
        .help("a value that depends is written `if c then a else b`")
}

pub(crate) fn missing_else(text: &str, start: usize, at: usize) -> SyntaxError {
    let what = "`else` and the other value";
    let help = foreign::instead(what, "", text[at..].trim_start_matches([' ', '\t']))
        .unwrap_or_else(|| "write `if c then a else none` where there is no other value".to_owned());
    SyntaxError::new(codes::EXPECTED_PART, at, at, format!("expected {what}"))
        .label(start, start + 2, "this `if` gives a value, so it needs both")
        .help(help)
}

pub(crate) fn missing_message(start: usize, at: usize) -> SyntaxError {
    SyntaxError::new(codes::MISSING_MESSAGE, at, at, "expected `else` and a message after the condition")
        .label(start, at, "the condition")
        .help("say what is wrong when it does not hold: `… else \"three managers and at least one worker\"`")
}

/// A word of the language as the name of something, which nothing could ever mention.
pub(crate) fn reserved_name(text: &str, start: usize, end: usize) -> SyntaxError {
    let message = format!("{} is a word of the language and names nothing", quoted(&text[start..end]));
    SyntaxError::new(codes::UNEXPECTED, start, end, message).help("give it another name")
}

/// An operator that Kit does not have.
pub(crate) fn foreign_operator(text: &str, start: usize, end: usize) -> SyntaxError {
    let operator = text[start..end].trim_end();
    let line = &text[text[..start].rfind('\n').map_or(0, |newline| newline + 1)..start];
    if operator == "=" && line.contains(" where ") {
        return SyntaxError::new(codes::FOREIGN_OPERATOR, start, end, "a default stands before `where`")
            .help("`param n: int = 1 where it > 0 else \"…\"`");
    }
    let number = line.trim_end().rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    let rest = text[end..].trim_start_matches([' ', '\t']);
    if operator == "%" && !number.is_empty() && (rest.is_empty() || rest.starts_with(['}', ',', '\n', ')', ']'])) {
        return SyntaxError::new(codes::FOREIGN_OPERATOR, start, end, "a percentage is one word")
            .help(format!("write `{number}%`"));
    }
    let help = match operator {
        "/" => "write `n.div(m)`, which rounds towards zero",
        "%" => "write `n.mod(m)`",
        "===" => "equality is `==`",
        "!==" => "write `!=`",
        "++" => "lists are joined by repetition, `[for x in a { x }, for x in b { x }]`, texts by interpolation",
        "**" => "multiply as often as it takes: `n * n`",
        "..<" => "a range includes both ends: `1..=3`",
        "and" => "write `&&`",
        "&" => "conditions are joined by `&&`, texts by interpolation: `\"${a}${b}\"`",
        "or" => "write `||`",
        "=" => "equality is `==`",
        ".." => "a range includes both ends: `1..=3`",
        _ => "the operators are + - * == != < <= > >= && || ! ?? in ..=",
    };
    let message = format!("there is no operator {}", quoted(operator));
    let message = if operator == "=" { "a single `=` does not compare".to_owned() } else { message };
    let error = SyntaxError::new(codes::FOREIGN_OPERATOR, start, end, message).help(help);
    let meant = match operator {
        "===" => "==",
        "!==" => "!=",
        "and" => "&&",
        "or" => "||",
        // Or the name before it was to be given a value.
        "=" => return SyntaxError { fix: Some((start, start + 1, "==".to_owned(), false)), ..error },
        // What else is meant takes more than an operator, or there is a doubt: `&` joins texts, or bits.
        _ => return error,
    };
    error.fix(start, start + operator.len(), meant)
}

pub(crate) fn stray_word(word: &str, start: usize) -> SyntaxError {
    let message = if word == "then" { "`then` without its `if`" } else { "`else` without its `if … then`" };
    SyntaxError::new(codes::UNEXPECTED, start, start + word.len(), message)
        .help("a value that depends is written `if c then a else b`")
}

pub(crate) fn block_of_nothing(start: usize) -> SyntaxError {
    SyntaxError::new(codes::UNEXPECTED, start, start + 1, "a block among elements belongs to a `for` or an `if`")
        .help("separate elements with commas; the name of a type before `{` begins with a capital")
}

pub(crate) fn missing_operand(text: &str, start: usize, end: usize, is_message: bool) -> SyntaxError {
    if is_message && &text[start..end] == "else" {
        return missing_after(codes::MISSING_MESSAGE, "a message", text, start, end);
    }
    missing_after(codes::EXPECTED_VALUE, "a value", text, start, end)
}

pub(crate) fn missing_after(code: Code, what: &str, text: &str, start: usize, end: usize) -> SyntaxError {
    let message = format!("expected {what} after {}", quoted(&text[start..end]));
    let error = SyntaxError::new(code, end, end, message);
    match foreign::instead(what, &text[start..end], text[end..].trim_start_matches([' ', '\t'])) {
        Some(help) => error.help(help),
        None => error,
    }
}

/// A bracket that is open; an interpolation's is `$`.
pub(crate) fn unclosed(bracket: u8, opened: usize, at: usize) -> SyntaxError {
    if bracket == b'$' {
        return SyntaxError::new(codes::UNCLOSED, at, at, "expected `}`")
            .label(opened, opened + 2, "this `${` is not closed")
            .help("text that is no expression is written \\${");
    }
    let closing = match bracket {
        b'(' => ')',
        b'[' => ']',
        _ => '}',
    };
    SyntaxError::new(codes::UNCLOSED, at, at, format!("expected `{closing}`")).label(
        opened,
        opened + 1,
        format!("this `{}` is not closed", char::from(bracket)),
    )
}

/// Of a bracket that is open at the end of another that is open too.
pub(crate) fn nor_closed(bracket: u8) -> String {
    let shown = if bracket == b'$' { "${".to_owned() } else { char::from(bracket).to_string() };
    format!("nor is this `{shown}`")
}

pub(crate) fn unterminated_string(opened: usize, end: usize) -> SyntaxError {
    SyntaxError::new(codes::UNTERMINATED_STRING, end, end, "expected `\"`: a string ends on its line")
        .label(opened, opened + 1, "the string begins here")
        .help("a newline inside a string is written \\n")
}

pub(crate) fn unterminated_script(opened: usize, end: usize) -> SyntaxError {
    SyntaxError::new(codes::UNTERMINATED_STRING, end, end, "expected `\"\"\"`: the script does not end").label(
        opened,
        opened + 5,
        "the script begins here",
    )
}

pub(crate) fn missing_comma(text: &str, end: usize, next: usize) -> SyntaxError {
    let message = format!("expected `,` before {}", quoted(piece(&text[next..])));
    let error = SyntaxError::new(codes::EXPECTED_SEPARATOR, end, end, message);
    if let Some(help) = foreign::behind("", &text[next..]) {
        return error.help(help);
    }
    error.help("inside ( ) and [ ] a new line is only space, so elements need commas").fix(end, end, ",")
}

/// The first token, roughly, of a text: what a message repeats.
fn piece(text: &str) -> &str {
    let word = first_word(text);
    if !word.is_empty() {
        return word;
    }
    let end = text.chars().next().map_or(0, char::len_utf8);
    &text[..end]
}

/// What is wrong with text that fits nowhere.
pub(crate) fn junk(junk: Junk, source: &str, start: usize, end: usize) -> SyntaxError {
    let text = source[start..end].trim_end();
    let end = start + text.len();
    let first = text.chars().next().unwrap_or(' ');
    let first_end = start + first.len_utf8();
    if junk == Junk::SurplusMark {
        let before = source[..start].trim_end();
        let line = &before[before.rfind('\n').map_or(0, |newline| newline + 1)..];
        let message = format!("no {} stands before this block", quoted(text));
        return SyntaxError::new(codes::UNEXPECTED, start, end, message)
            .help(format!("write `{} {{ … }}`", line.trim_start()));
    }
    if junk == Junk::SurplusType {
        return SyntaxError::new(codes::UNEXPECTED, start, end, "a resource has no annotation")
            .help("its type stands in its description: `resource net = aws.Network { … }`");
    }
    if let Some(error) = stray(text, start) {
        return error;
    }
    if matches!(first, ')' | ']' | '}') {
        return SyntaxError::new(codes::UNMATCHED, start, first_end, format!("nothing opened this `{first}`"));
    }
    let word = first_word(text);
    match junk {
        Junk::Declaration => not_a_declaration(text, word, start, end),
        Junk::AfterDeclaration => separator("a new line", source, text, start, end),
        Junk::AfterItem => separator("a new line or `,`", source, text, start, end),
        Junk::Item if word == "else" => no_else(start),
        Junk::Item if DECLARATIONS.contains(&word) => misplaced(start, word),
        Junk::Orphan => {
            let start = start + text.len() - text.trim_start().len();
            let first = piece(&source[start..end]);
            let message = format!("{} stands in no block", quoted(first));
            SyntaxError::new(codes::UNEXPECTED, start, start + first.len(), message)
                .help("fields stand between `{` and `}`")
        }
        Junk::LoneComma => SyntaxError::new(codes::EXPECTED_VALUE, start, end, "expected a value before `,`"),
        Junk::SurplusName => SyntaxError::new(codes::UNEXPECTED, start, end, "the cluster has no name here")
            .help("a file has one cluster; its name is a field: `cluster { name = \"demo\" … }`"),
        Junk::Item | Junk::Element | Junk::Interpolation | Junk::SurplusType | Junk::SurplusMark => SyntaxError::new(
            codes::UNEXPECTED,
            start,
            end.min(line_end(text, start)),
            format!("{} does not belong here", quoted(text)),
        ),
    }
}

/// A character that means nothing in Kit, or something of another language.
pub(crate) fn stray(text: &str, start: usize) -> Option<SyntaxError> {
    let first = text.chars().next()?;
    if let Some(error) = foreign::sign(text, first, start) {
        return Some(error);
    }
    if first.is_ascii()
        && !matches!(first, '@' | '$' | '~' | '^' | '\\' | '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}')
    {
        return None;
    }
    let shown = if first.is_control() || first.is_whitespace() {
        format!("U+{:04X}", u32::from(first))
    } else {
        first.to_string()
    };
    let message = format!("the character `{shown}` has no place here");
    let error = SyntaxError::new(codes::STRAY_CHARACTER, start, start + first.len_utf8(), message);
    Some(match first {
        _ if first.is_whitespace() => error.help("only spaces, tabs and newlines are space"),
        _ if first.is_alphanumeric() => error.help("names have the letters a to z, digits and `_`"),
        _ => error,
    })
}

/// `T??`
pub(crate) fn twice_optional(start: usize) -> SyntaxError {
    SyntaxError::new(codes::UNEXPECTED, start, start + 2, "a type is optional once: there is no `T??`")
        .help("write a single `?`")
}

fn misplaced(start: usize, word: &str) -> SyntaxError {
    SyntaxError::new(codes::MISPLACED, start, start + word.len(), format!("`{word}` cannot stand here"))
        .help("declarations stand at the top of a file or directly in a component")
}

pub(crate) fn name_case(declaration: SyntaxKind, text: &str, start: usize, end: usize) -> SyntaxError {
    let name = &text[start..end];
    let is_type = matches!(
        declaration,
        SyntaxKind::TYPE_DECL | SyntaxKind::COMPONENT | SyntaxKind::EXTERN_RESOURCE | SyntaxKind::EXTERN_ROLE
    );
    let mut right = name.to_owned();
    if let Some(first) = right.get_mut(..1) {
        if is_type { first.make_ascii_uppercase() } else { first.make_ascii_lowercase() }
    }
    let what = if is_type {
        "the name of a type begins with a capital"
    } else {
        "the name of a value begins with a small letter"
    };
    let error = SyntaxError::new(codes::NAME_CASE, start, end, format!("`{name}`: {what}"));
    if right == name { error } else { error.help(format!("write `{right}`")) }
}

pub(crate) fn then_in_block(start: usize) -> SyntaxError {
    SyntaxError::new(codes::UNEXPECTED, start, start + 4, "expected `{ … }` after the condition, not `then`")
        .help("among fields write `if c { … }`; a value that depends stands after `=`: `name = if c then a else b`")
}

fn line_end(text: &str, start: usize) -> usize {
    start + text.find('\n').unwrap_or(text.len())
}

fn no_else(start: usize) -> SyntaxError {
    SyntaxError::new(codes::UNEXPECTED, start, start + 4, "an `if` with a block has no `else`")
        .help("write a second `if` with the opposite condition, or a value: `if c then a else b`")
}

fn separator(what: &str, source: &str, text: &str, start: usize, end: usize) -> SyntaxError {
    let word = first_word(text);
    if word == "else" {
        return no_else(start);
    }
    let before = source[..start].trim_end_matches([' ', '\t']);
    let last_word = before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
    let message = format!("expected {what} before {}", quoted(piece(text)));
    let error = SyntaxError::new(codes::EXPECTED_SEPARATOR, start, (start + piece(text).len()).min(end), message);
    if text.starts_with('{') && last_word.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') {
        let mut capital = last_word.to_owned();
        if let Some(first) = capital.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        return error.help(format!("the name of a type begins with a capital: `{capital} {{ … }}`"));
    }
    if text.starts_with('=') {
        return error.help("equality is `==`");
    }
    let number = !last_word.is_empty() && last_word.bytes().all(|byte| byte.is_ascii_digit());
    let rest = text[word.len()..].trim_start();
    if number && !word.is_empty() && !rest.starts_with('=') {
        let meant = crate::literal::read(&format!("{last_word}{word}")).err().and_then(|problem| problem.help);
        let direct = || format!("a unit stands directly behind its number: `{last_word}{word}`");
        let error = error.help(meant.filter(|help| help.starts_with("write ")).unwrap_or_else(direct));
        let is_unit = word.starts_with(|first: char| first.is_ascii_alphabetic())
            && crate::literal::read(&format!("{last_word}{word}")).is_ok();
        return if is_unit { error.fix(before.len(), start, "") } else { error };
    }
    if let Some(help) = foreign::behind(last_word, text) {
        return error.help(help);
    }
    error
}

/// Whether the rest of a line is what stands behind the word that begins a declaration, and not any text.
fn goes_on_as(declaration: &str, rest: &str) -> bool {
    let rest = rest.trim_start();
    let names = rest.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    match declaration {
        "cluster" => rest.starts_with('{'),
        "test" => rest.starts_with('"'),
        "use" => names || rest.starts_with('"'),
        "require" => !rest.is_empty(),
        _ => names && rest.contains(['=', ':', '{', '(']),
    }
}

fn not_a_declaration(text: &str, word: &str, start: usize, end: usize) -> SyntaxError {
    if word.is_empty() {
        let end = end.min(line_end(text, start));
        return SyntaxError::new(
            codes::EXPECTED_DECLARATION,
            start,
            end,
            format!("expected a declaration, found {}", quoted(text)),
        );
    }
    let message = format!("expected a declaration, found `{word}`");
    let error = SyntaxError::new(codes::EXPECTED_DECLARATION, start, start + word.len(), message);
    let near = DECLARATIONS
        .iter()
        .map(|name| (strsim::damerau_levenshtein(name, word), *name))
        .filter(|(distance, name)| (1..=2).contains(distance) && *distance < name.len() - 1)
        .min();
    if let Some((distance, name)) = near {
        let error = error.help(format!("did you mean `{name}`?"));
        let is_slip = distance == 1 && goes_on_as(name, text[word.len()..].lines().next().unwrap_or_default());
        return if is_slip { error.fix(start, start + word.len(), name) } else { error };
    }
    error.help(foreign::declaration(word))
}
