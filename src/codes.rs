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
}

/// The tables of all crates, in the order of their codes.
const TABLES: &[&[CodeInfo]] = &[CODES, kit_lang::CODES, kit_compiler::CODES];

/// Every code of Kit, in order.
pub(crate) fn all() -> impl Iterator<Item = &'static CodeInfo> {
    TABLES.iter().flat_map(|table| table.iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_sorted() {
        let codes: Vec<&str> = all().map(|info| info.code.as_str()).collect();
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]), "{codes:?}");
    }

    #[test]
    fn each_page_begins_with_its_code_and_shows_an_example() {
        for info in CODES {
            assert!(info.page.starts_with(&format!("# {}\n", info.code)), "{}", info.code);
            assert!(info.page.contains("```"), "the page of {} shows no example", info.code);
        }
    }
}
