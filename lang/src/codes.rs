//! The codes of this crate: `KIT10xx`, what is wrong with the text alone. A code never changes its meaning.

use crate::diagnostic::{Code, CodeInfo};

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal;)*) => {
        $(#[doc = $title] pub const $name: Code = Code($code);)*

        /// Every code of this crate, in order.
        pub const CODES: &[CodeInfo] = &[
            $(CodeInfo { code: $name, title: $title, page: include_str!(concat!("../codes/", $code, ".md")) },)*
        ];
    };
}

codes! {
    NOT_UTF8 = "KIT1001", "the file is not UTF-8";
    STRAY_CHARACTER = "KIT1002", "a character that has no place in the language";
    UNTERMINATED_STRING = "KIT1003", "a string or a script that does not end";
    BAD_ESCAPE = "KIT1004", "a backslash that begins no escape";
    BAD_NUMBER = "KIT1005", "a number or a unit that does not exist";
    BAD_ADDRESS = "KIT1006", "not an address or a network";
    HOST_BITS = "KIT1007", "a network with host bits set";
    NUMBER_RANGE = "KIT1008", "a number that is too large";
    TOO_DEEP = "KIT1009", "nested too deeply";
    UNCLOSED = "KIT1010", "a bracket that is not closed";
    UNMATCHED = "KIT1011", "a closing bracket that nothing opened";
    EXPECTED_DECLARATION = "KIT1012", "not a declaration";
    EXPECTED_VALUE = "KIT1013", "a value is missing";
    EXPECTED_PART = "KIT1014", "a part of a declaration is missing";
    EXPECTED_SEPARATOR = "KIT1015", "a comma or a new line is missing";
    UNEXPECTED = "KIT1016", "text that does not belong here";
    NAME_CASE = "KIT1017", "a name with the wrong first letter";
    CHAINED_COMPARISON = "KIT1018", "comparisons do not chain";
    MISSING_MESSAGE = "KIT1019", "a condition without a message";
    MISPLACED = "KIT1020", "a declaration in the wrong place";
    FOREIGN_OPERATOR = "KIT1021", "an operator of another language";
    TOO_LARGE = "KIT1022", "the file is too large";
}
