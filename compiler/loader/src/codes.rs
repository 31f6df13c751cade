//! The stable codes of this crate (`KIT11xx`), each with a page for `kitc explain`.

use kit_lang::{Code, CodeInfo};

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal;)*) => {
        // A code stays in the registry whether or not what it speaks of is built.
        $(#[doc = $title] #[cfg_attr(not(feature = "fetch"), allow(dead_code))] pub(crate) const $name: Code = Code($code);)*

        /// The codes of the loader, in order.
        pub const CODES: &[CodeInfo] = &[
            $(CodeInfo { code: Code($code), title: $title, page: include_str!(concat!("../codes/", $code, ".md")) },)*
        ];
    };
}

codes! {
    BAD_LOCATION = "KIT1101", "a path that leads to no module";
    NO_MODULE = "KIT1102", "a module that is not there";
    NO_FILE = "KIT1103", "a module that is no file";
    UNREADABLE = "KIT1104", "a module that cannot be read";
    TOO_MANY = "KIT1105", "more modules than a program may have";
    NOT_LOCKED = "KIT1106", "a module on the web that is not locked";
    CHANGED = "KIT1107", "a module that is not what was locked";
    BAD_LOCK = "KIT1108", "a lock file that cannot be read";
    NOT_FETCHED = "KIT1109", "a module that cannot be fetched";
}
