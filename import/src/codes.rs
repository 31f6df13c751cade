//! The stable codes of this crate (`KIT0030` to `KIT0039`), each with a page for `kitc explain`.

use kit_lang::{Code, CodeInfo};

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal;)*) => {
        $(#[doc = $title] pub const $name: Code = Code($code);)*

        /// The codes of imports, in order.
        pub const CODES: &[CodeInfo] = &[
            $(CodeInfo { code: $name, title: $title, page: include_str!(concat!("../codes/", $code, ".md")) },)*
        ];
    };
}

codes! {
    NOT_JSON = "KIT0030", "a document that is not JSON";
    NOT_GROUPS = "KIT0031", "a document that is not of InfraKit's groups";
    NOT_RENDERED = "KIT0032", "a template that was not rendered";
    TWICE = "KIT0033", "what must be one of a kind stands twice";
    TOO_LARGE = "KIT0034", "more than is imported";
    NO_CLUSTER = "KIT0035", "groups that make no cluster of Kit";
}

/// What to do about a template.
pub(crate) const RENDER: &str =
    "let InfraKit render it and import the result: `infrakit template --final URL > groups.json`";
