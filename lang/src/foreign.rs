//! Words and signs of other languages, and what Kit writes instead.

use crate::codes;
use crate::syntax_error::SyntaxError;

/// What stems from another language, and what Kit writes instead.
pub(crate) fn sign(text: &str, first: char, start: usize) -> Option<SyntaxError> {
    let found = |length: usize, message: &str, help: &str| {
        Some(SyntaxError::new(codes::FOREIGN_OPERATOR, start, start + length, message).help(help))
    };
    if text.starts_with("//") || text.starts_with("/*") {
        return found(2, "comments begin with `#`", "write `# …`, on each line");
    }
    if text.starts_with("?.") {
        return found(2, "there is no `?.`", "ask first: `if x != none then x.field else …`");
    }
    if text.starts_with("<<") {
        return found(
            2,
            "there are no here-documents",
            "a text stands on one line, with \\n in it; a script is sh\"\"\"…\"\"\"",
        );
    }
    match first {
        ';' => {
            let ends_line = text[1..].trim_start_matches([' ', '\t', '\r']);
            let ends_line = ends_line.is_empty() || ends_line.starts_with(['\n', '#']);
            let error = found(1, "there is no `;`", "a new line or `,` ends a field");
            error.map(|error| if ends_line { error.fix(start, start + 1, "") } else { error })
        }
        '\'' => {
            let error = found(1, "strings stand in double quotes", "write `\"…\"`");
            error.map(|error| match in_single_quotes(text) {
                Some(inner) => error.fix(start, start + inner.len() + 2, format!("\"{inner}\"")),
                None => error,
            })
        }
        '`' => found(1, "strings stand in double quotes", "write `\"…\"`"),
        '“' | '”' | '„' | '«' | '»' | '‘' | '’' => found(
            first.len_utf8(),
            &format!("`{first}` is no quote of a program"),
            "write `\"…\"` with straight quotes",
        ),
        '?' => found(1, "there is no `? :`", "write `if c then a else b`"),
        '%' | '/' => found(1, &format!("there is no `{first}`"), "write `n.div(m)` and `n.mod(m)`"),
        _ => None,
    }
}

/// What to write for a word with which a declaration begins elsewhere.
pub(crate) fn declaration(word: &str) -> &'static str {
    match word {
        "extern" => "after `extern` stands `resource` or `role`",
        "variable" | "var" | "const" | "input" | "parameter" | "val" => {
            "a value given from outside is a `param`, a value named inside is a `let`"
        }
        "import" | "include" | "module" | "from" => "a module is used with `use`",
        "def" | "func" | "function" => "a function is declared with `fn`",
        "locals" | "local" => "a value is named with `let name = …`",
        "member" => "a member stands in a group",
        "enum" | "struct" | "record" | "class" | "schema" | "interface" => {
            "a type is declared with `type`: `type Kind = \"small\" | \"large\"`, `type Rule = { port: int }`"
        }
        "assert" | "check" | "validation" => "a condition is written `require … else \"what is wrong\"`",
        "provider" | "terraform" => {
            "the provider is a field of the cluster: `cluster { provider = aws.Provider { … } }`"
        }
        "data" => "what is looked up is read from `meta`, such as meta.aws.region",
        "services" | "service" | "nodes" | "node" | "instance" | "server" | "machines" => {
            "machines are declared by a `group`: `group managers: swarm.Manager { machine = …, member m1 { … } }`"
        }
        _ => {
            "a declaration begins with use, param, let, type, fn, cluster, resource, group, component, metadata, require, output or test"
        }
    }
}

/// What to write where a word stands before something that does not belong there.
pub(crate) fn behind(word: &str, rest: &str) -> Option<&'static str> {
    Some(match word {
        "not" => "negation is `!`",
        "switch" | "case" | "when" => "a choice over values is `match x { \"a\" => 1, _ => 2 }`",
        "sh" if rest.starts_with('"') => "a script stands between three quotes: sh\"\"\"…\"\"\"",
        "f" | "r" | "b" if rest.starts_with('"') => "each string may hold `${…}`; nothing stands before its quote",
        _ if rest.starts_with("=>") => "there are no functions as values: repeat with `[for x in xs { … }]`",
        _ if rest.starts_with("for ") => "a repetition begins with its `for`: `[for x in xs { x * 2 }]`",
        _ if rest.starts_with('!') => "there is no `!` behind a value: say what stands for `none`, with `x ?? …`",
        _ => return None,
    })
}

/// What to write where something else is missing, by what stands in its place.
pub(crate) fn instead(missing: &str, before: &str, rest: &str) -> Option<String> {
    let word = rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    Some(match missing {
        "`>`" if rest.starts_with(',') && before == "string" => "a map has texts as keys: write `map<int>`".to_owned(),
        "`:` and a type" if rest.starts_with("->") => {
            "a result has its type behind `:`, as in `fn f(n: int): int = …`".to_owned()
        }
        "a type" if rest.starts_with('=') => {
            "a value is bound with `=`, as in `let n = 1`; a type stands before it: `let n: int = 1`".to_owned()
        }
        "a type" if rest.starts_with('[') => "a list of texts has the type `list<string>`".to_owned(),
        "`(` and the parameters" if rest.starts_with('<') => {
            "a function is written for the types it takes: there is no `<T>`".to_owned()
        }
        "`=`" if rest.starts_with("[]") => format!("a list of them has the type `list<{before}>`"),
        "`=`" if matches!(before, "list" | "map") && rest.starts_with(['[', '(']) => {
            format!("what it holds stands in `<…>`: `{before}<string>`")
        }
        "`=`" if before == "mut" => "no value changes, so nothing is said of it: `let name = …`".to_owned(),
        "`else` and the other value" if matches!(word, "elif" | "elsif" | "elseif") => {
            format!("write `else if` for `{word}`")
        }
        "`{ … }`" if before == "with" => "what changes stands in braces: `node with { type = \"large\" }`".to_owned(),
        "`{ … }`" if rest.starts_with(':') => "what is repeated stands in braces: `[for x in xs { x }]`".to_owned(),
        _ => return None,
    })
}

/// What stands in single quotes on one line, if it means the same in double ones.
fn in_single_quotes(text: &str) -> Option<&str> {
    let line = text.lines().next()?;
    let (inner, _) = line.strip_prefix('\'')?.split_once('\'')?;
    // `'''` begins a text of several lines elsewhere.
    (!inner.is_empty() && !inner.contains(['"', '\\', '$'])).then_some(inner)
}
