//! The codes of the command line (`KIT00xx`), and all codes of Kit together for `kitc explain`.

use kit_lang::{Code, CodeInfo};

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal;)*) => {
        $(#[doc = $title] pub(crate) const $name: Code = Code($code);)*

        /// The codes of the command line, in order.
        pub(crate) const CODES: &[CodeInfo] = &[
            $(CodeInfo { code: $name, title: $title, page: include_str!(concat!("codes/", $code, ".md")) },)*
        ];
    };
}

codes! {
    NOT_FOUND = "KIT0001", "a file that is not there";
    IS_DIRECTORY = "KIT0002", "a directory in the place of a file";
    UNREADABLE = "KIT0003", "a file that cannot be read";
    NOT_WRITTEN = "KIT0004", "a file that cannot be written";
    OUTPUT_FAILED = "KIT0005", "standard output cannot be written";
    NOTHING_TO_EXPLAIN = "KIT0006", "no such code and no such address";
    NOT_LISTED = "KIT0007", "more errors than are listed";
    NO_ANSWER = "KIT0008", "a lookup that nobody here can answer";
    WRONG_CLUSTER = "KIT0009", "a file of another cluster than the one that is named";
    BAD_PARAMETERS = "KIT0010", "a TOML file of parameters that cannot be read";
    NOT_SIMULATED = "KIT0011", "a cluster that cannot be simulated";
    NO_TEST = "KIT0012", "no test to run";
    NO_METADATA = "KIT0013", "a path of metadata that does not exist";
    SECRET_NOT_SHOWN = "KIT0014", "a secret that is shown to nobody";
    SECRET_UNREADABLE = "KIT0015", "a secret that cannot be read";

    NO_FILE_TO_FIX = "KIT0020", "standard input cannot be mended in place";
    NOTHING_BESIDE = "KIT0021", "a file of tests without the file that it tests";
    NOT_A_TEST = "KIT0022", "something else than a test in a file of tests";
    TOO_MANY_FILES = "KIT0023", "a directory that cannot be looked through";
    NO_TEMPLATE = "KIT0024", "nothing that a file could begin from";
    FILE_EXISTS = "KIT0025", "a file that is there already";
    BAD_LINES = "KIT0026", "lines that a file does not have";
    NOTHING_THERE = "KIT0027", "a directory without files of Kit";
    OUTPUT_TWICE = "KIT0028", "two things for standard output";
    BAD_VARIABLE = "KIT0029", "a variable of the environment that is no text";

    SCRIPT_SYNTAX = "KIT0040", "a script that its shell cannot read";
    NO_SHELL = "KIT0041", "a script whose shell is not here";
}

/// A code with its page, from whichever crate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// The code.
    pub(crate) code: &'static str,
    /// What it is, in a few words.
    pub(crate) title: &'static str,
    /// The page, in Markdown.
    pub(crate) page: &'static str,
}

/// Every code of Kit, in order.
pub(crate) fn all() -> impl Iterator<Item = Page> {
    let language =
        [CODES, kit_import::CODES, kit_lang::CODES, kit_loader::CODES, kit_compiler::CODES].into_iter().flatten();
    let language = language.map(|info| Page { code: info.code.as_str(), title: info.title, page: info.page });
    let reasons = kit_model::REASONS.iter().map(|info| Page { code: info.code, title: info.title, page: info.page });
    let runtime = kit_runtime::CODES.iter().chain(kit_listen::CODES);
    let runtime = runtime.map(|info| Page { code: info.code, title: info.title, page: info.page });
    let mut all: Vec<Page> = language.chain(reasons).chain(runtime).collect();
    // The crates' numbers lie between each other's.
    all.sort_by_key(|info| info.code);
    all.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_sorted() {
        let codes: Vec<&str> = all().map(|info| info.code).collect();
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]), "{codes:?}");
        assert!(codes.len() > 100, "only {} codes: a table is missing", codes.len());
    }

    /// The codes that were ever given, and whether they are no longer.
    fn registered() -> Vec<(&'static str, bool)> {
        let lines = include_str!("codes/registry.txt").lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| match line.split_once(' ') {
                Some((code, word)) => {
                    assert_eq!(word, "retired", "{line}: behind a code stands that it is retired, or nothing");
                    (code, true)
                }
                None => (line, false),
            })
            .collect()
    }

    #[test]
    fn no_code_is_dropped_in_silence_or_given_again() {
        let registered = registered();
        assert!(registered.windows(2).all(|pair| pair[0].0 < pair[1].0), "the registry is not in order");
        assert!(registered.len() > 120, "only {} codes are registered", registered.len());
        for (code, retired) in registered {
            let given = all().any(|info| info.code == code);
            assert!(
                given != retired,
                "{code} is {}",
                if retired { "retired, and given again" } else { "gone: mark it as retired" }
            );
        }
    }

    #[test]
    fn each_code_is_registered() {
        let registered = registered();
        for info in all() {
            let known = registered.iter().any(|(code, _)| *code == info.code);
            assert!(known, "{} is not registered: its number could be given again", info.code);
        }
        for (code, _) in registered {
            let digits = code.strip_prefix("KIT").unwrap_or_default();
            assert!(digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()), "{code} is no code");
        }
    }

    #[test]
    fn each_page_begins_with_its_code_and_says_something() {
        for info in all() {
            let heading = info.page.lines().next().unwrap_or_default();
            assert!(heading == format!("# {}: {}", info.code, info.title), "{}: {heading}", info.code);
            assert!(info.page.len() > heading.len() + 120, "the page of {} says nothing", info.code);
            assert!(!info.title.is_empty() && !info.title.ends_with('.'), "{}: {}", info.code, info.title);
        }
    }
}
