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
    let braced = text[start..].strip_prefix("\\u{").and_then(|rest| rest.split_once('}')).map(|(digits, _)| digits);
    if let Some(digits) =
        braced.filter(|digits| (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit()))
    {
        let end = start + "\\u{}".len() + digits.len();
        return SyntaxError::new(
            codes::BAD_ESCAPE,
            start,
            end,
            format!("there is no character {}", digits.to_ascii_uppercase()),
        )
        .help("characters are 0 to D7FF and E000 to 10FFFF");
    }
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

/// The run of letters, digits, `-`, `_` and `.` in which a place lies: a text that has no quotes.
fn run(text: &str, at: usize) -> (usize, usize) {
    let other = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.');
    let start =
        text[..at].rfind(other).map_or(0, |before| before + text[before..].chars().next().map_or(1, char::len_utf8));
    let end = text[at..].find(other).map_or(text.len(), |length| at + length);
    (start, end)
}

/// Whether what a place lies in begins like a name, as `eu` in `eu-west-1a`.
pub(crate) fn begins_as_name(text: &str, at: usize) -> bool {
    text[run(text, at).0..].starts_with(|c: char| c.is_ascii_alphabetic())
}

/// `eu-west-1a`, `m5.2xlarge`
pub(crate) fn unquoted(code: Code, text: &str, at: usize) -> SyntaxError {
    let (start, end) = run(text, at);
    let whole = &text[start..end];
    SyntaxError::new(code, start, end, format!("{} is no value: a text stands in quotes", quoted(whole)))
        .help(format!("write \"{whole}\""))
}

/// `my-name`
pub(crate) fn dashed_name(declaration: SyntaxKind, name: &str, start: usize) -> SyntaxError {
    let message = format!("{} is no name: it has a `-`", quoted(name));
    let error = SyntaxError::new(codes::UNEXPECTED, start, start + name.len(), message);
    match declaration {
        SyntaxKind::MEMBER => error.help(format!("write it in quotes: `\"{name}\"`")),
        _ => error.help(format!("write `{}`", name.replace('-', "_"))),
    }
}

/// A text that is begun by three quotes.
pub(crate) fn text_block(start: usize) -> SyntaxError {
    SyntaxError::new(codes::UNTERMINATED_STRING, start, start + 3, "a text stands on one line, between single `\"`")
        .help("a newline inside a text is written \\n; a script is sh\"\"\"…\"\"\"")
}

/// `return x` in the body of a function.
pub(crate) fn no_return(start: usize) -> SyntaxError {
    SyntaxError::new(codes::UNEXPECTED, start, start + "return".len(), "there is no `return`").help(ONE_EXPRESSION)
}

const ONE_EXPRESSION: &str = "the result of a function is one expression: `fn double(n: int): int = n * 2`";

/// `not x`
pub(crate) fn foreign_prefix(start: usize) -> SyntaxError {
    SyntaxError::new(codes::FOREIGN_OPERATOR, start, start + "not".len(), "there is no operator `not`")
        .help("negation is `!`")
}

/// An operator that Kit does not have; in the brackets of a call, where they open.
pub(crate) fn foreign_operator(text: &str, start: usize, end: usize, call: Option<usize>) -> SyntaxError {
    let operator = text[start..end].trim_end();
    let callee =
        call.map(|opened| text[..opened].rsplit(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.')));
    let callee = callee.and_then(|mut words| words.next()).unwrap_or_default();
    if operator == "=" && !callee.is_empty() {
        let error =
            SyntaxError::new(codes::FOREIGN_OPERATOR, start, end, "an argument has no name where a function is called");
        return match callee.strip_suffix(".with") {
            Some(base) => error.help(format!("what changes stands in braces: `{base} with {{ … = … }}`")),
            None => error.help(format!("arguments stand in the order of the parameters: `{callee}(1, 2)`")),
        };
    }
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
        ">==" => "write `>=`",
        "<>" => "write `!=`",
        "=~" => "a text is asked with `starts_with`, `ends_with` or `contains`",
        "<=>" => "compare with `<` and with `==`",
        "+=" | "-=" | "*=" => "no value changes: name the new one with `let`",
        "not in" => "write `!(a in b)`",
        "is not" => "write `!=`",
        "is" => "equality is `==`",
        "div" => "write `n.div(m)`, which rounds towards zero",
        "mod" => "write `n.mod(m)`",
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

/// Where the token begins that ends at a place; a string is one.
fn whole_start(text: &str, start: usize, end: usize) -> usize {
    if &text[start..end] != "\"" {
        return start;
    }
    let line = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    text[line..start].rfind('"').map_or(start, |quote| line + quote)
}

pub(crate) fn missing_after(code: Code, what: &str, text: &str, start: usize, end: usize) -> SyntaxError {
    let message = format!("expected {what} after {}", quoted(&text[whole_start(text, start, end)..end]));
    let rest = text[end..].trim_start_matches([' ', '\t']);
    let at = text.len() - rest.len();
    match foreign::instead(what, &text[start..end], rest) {
        // Something stands in its place, and that is what is wrong.
        Some(help) => SyntaxError::new(code, at, at + piece(rest).len(), message).help(help),
        None if (what == "a name" || what.starts_with("the test's name"))
            && piece(rest) != "in"
            && rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '"') =>
        {
            SyntaxError::new(code, at, at + piece(rest).len(), message)
        }
        None => SyntaxError::new(code, end, end, message),
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

/// What is wrong with text that fits nowhere; `around` is what decides what to write instead.
pub(crate) fn junk(junk: Junk, around: Option<SyntaxKind>, source: &str, start: usize, end: usize) -> SyntaxError {
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
    match junk {
        Junk::Misplaced => return misplaced(start, first_word(text), around),
        Junk::Doubled => {
            let inner = text.trim_start_matches('{').trim_end_matches('}').trim();
            return SyntaxError::new(codes::UNEXPECTED, start, end, "braces stand once around an expression in a text")
                .help(format!("write `${{{inner}}}`"));
        }
        Junk::InnerWhere => {
            return SyntaxError::new(
                codes::UNEXPECTED,
                start,
                start + "where".len(),
                "no condition stands within `<…>`",
            )
            .help("give the type a name, and use it here: `type Large = int where it > 3 else \"…\"`, `list<Large>`");
        }
        Junk::SurplusHead => return surplus_head(text, start, end),
        Junk::SurplusOpen | Junk::SurplusClose => {
            return SyntaxError::new(codes::UNEXPECTED, start, end, "the variables of a `for` stand without brackets")
                .help("write `for key, value in …`");
        }
        Junk::SurplusNames => {
            return SyntaxError::new(codes::UNEXPECTED, start, end, "a `for` has one variable, or two")
                .help("write `for x in …`, or `for key, value in …`");
        }
        _ => {}
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
        Junk::AfterDeclaration => separator("a new line", around, source, text, start, end),
        Junk::AfterItem => separator("a new line or `,`", around, source, text, start, end),
        Junk::Item if word == "else" && around == Some(SyntaxKind::MATCH_ARMS) => {
            SyntaxError::new(codes::UNEXPECTED, start, start + word.len(), "`else` is no pattern")
                .help("what is left is `_`, as in `_ => …`")
        }
        Junk::Item if word == "else" => no_else(start),
        Junk::Item if DECLARATIONS.contains(&word) => misplaced(start, word, around),
        Junk::Item if text.starts_with("...") => {
            SyntaxError::new(codes::UNEXPECTED, start, start + 3, "nothing is spread with `...`")
                .help("a changed copy is written `node with { type = \"large\" }`")
        }
        Junk::Orphan => {
            let start = start + text.len() - text.trim_start().len();
            let first = piece(&source[start..end]);
            let message = format!("{} stands in no block", quoted(first));
            SyntaxError::new(codes::UNEXPECTED, start, start + first.len(), message)
                .help("fields stand between `{` and `}`")
        }
        Junk::LoneComma => SyntaxError::new(codes::EXPECTED_VALUE, start, start + 1, "nothing stands before this `,`")
            .help("remove it"),
        Junk::SurplusName => SyntaxError::new(codes::UNEXPECTED, start, end, "the cluster has no name here")
            .help("a file has one cluster; its name is a field: `cluster { name = \"demo\" … }`"),
        _ => SyntaxError::new(
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
    let name = first_word(text.trim_start_matches(['$', '{', ' ']));
    Some(match first {
        '$' if name.starts_with(|c: char| c.is_ascii_uppercase()) => error.help(format!(
            "what the environment holds is declared and read as metadata: `metadata env {{ {name}: string }}`, `meta.env.{name}`"
        )),
        '$' if !name.is_empty() => error.help(format!("outside a text a value is read by its name alone: `{name}`")),
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

fn misplaced(start: usize, word: &str, around: Option<SyntaxKind>) -> SyntaxError {
    let help = match (around, word) {
        (Some(SyntaxKind::FN), _) => ONE_EXPRESSION,
        (Some(SyntaxKind::FOR), "resource") => {
            "repeat in its value: `resource nets = { for x in xs { \"${x}\" = … } }`"
        }
        (Some(SyntaxKind::IF), "resource") => {
            "the condition stands in its value: `resource nets = { if c { main = … } }`"
        }
        (Some(SyntaxKind::FOR | SyntaxKind::IF), "group") => {
            "let a component hold the group, and repeat that: `resource pools = { for x in xs { \"${x}\" = Pool { … } } }`"
        }
        (Some(SyntaxKind::TEST), "param") => {
            "a parameter is given before the braces: `test \"…\" with { size = 3 } { … }`"
        }
        (Some(SyntaxKind::TEST), "output") => "what must hold is said with `require … else \"…\"`",
        _ => "declarations stand at the top of a file or directly in a component",
    };
    SyntaxError::new(codes::MISPLACED, start, start + word.len(), format!("`{word}` cannot stand here")).help(help)
}

/// A type before the name of a resource, or the name in quotes.
fn surplus_head(text: &str, start: usize, end: usize) -> SyntaxError {
    let error =
        SyntaxError::new(codes::EXPECTED_PART, start, end, "a resource has a name and `=` before its description");
    let words: Vec<&str> = text.split_whitespace().map(|word| word.trim_matches('"')).collect();
    match words.as_slice() {
        [name] => error.help(format!("the name stands without quotes: `resource {} = …`", name.replace('-', "_"))),
        [ty, name] if !text.starts_with('"') => error.help(format!("write `resource {name} = {ty} {{ … }}`")),
        [_, name] => error.help(format!("write `resource {} = sim.Network {{ … }}`", name.replace('-', "_"))),
        _ => error,
    }
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
    let what = if declaration == SyntaxKind::USE {
        "the name of a module begins with a small letter"
    } else if is_type {
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

fn separator(
    what: &str,
    around: Option<SyntaxKind>,
    source: &str,
    text: &str,
    start: usize,
    end: usize,
) -> SyntaxError {
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
    if text.starts_with('=') && around == Some(SyntaxKind::METADATA) {
        return error
            .help("what is looked up has no default: make its type optional, `A: int?`, and read `meta.env.A ?? 3`");
    }
    if text.starts_with('=') {
        return error.help("equality is `==`");
    }
    if DECLARATIONS.contains(&word) {
        return error.help("each declaration begins on a line of its own");
    }
    let number = !last_word.is_empty() && last_word.bytes().all(|byte| byte.is_ascii_digit());
    let rest = text[word.len()..].trim_start();
    if number && word.starts_with(|c: char| c.is_ascii_alphabetic()) && !rest.starts_with('=') {
        let together = format!("{last_word}{word}");
        match crate::literal::read(&together) {
            Ok(_) => {
                let error = error.help(format!("a unit stands directly behind its number: `{together}`"));
                return error.fix(before.len(), start, "");
            }
            Err(problem) => {
                if let Some(help) = problem.help.filter(|help| help.starts_with("write ")) {
                    return error.help(help);
                }
            }
        }
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
