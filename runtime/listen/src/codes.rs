//! The codes of this crate's errors, each with its page.

use kit_runtime::ErrorPage;

/// An address that cannot be listened at.
pub(crate) const CANNOT_LISTEN: &str = "KIT8060";

/// An address that other machines reach, where nobody said that they may.
pub(crate) const OTHERS_REACH_IT: &str = "KIT8061";

/// The codes of this crate, in order.
pub const CODES: &[ErrorPage] = &[
    ErrorPage {
        code: CANNOT_LISTEN,
        title: "an address that cannot be listened at",
        page: include_str!("../codes/KIT8060.md"),
    },
    ErrorPage {
        code: OTHERS_REACH_IT,
        title: "an address that other machines reach",
        page: include_str!("../codes/KIT8061.md"),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_begins_with_its_code_and_title() {
        for info in CODES {
            let heading = format!("# {}: {}\n", info.code, info.title);
            assert!(info.page.starts_with(&heading), "the page of {} does not begin with {heading:?}", info.code);
        }
    }
}
