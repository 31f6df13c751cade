//! The language from outside: prose with examples, a page for each code, goldens, and input of any kind.
#![allow(missing_docs, unreachable_pub, clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)]

mod any_input;
mod codes;
mod components;
mod examples;
mod frame;
mod prose;
mod scripts;
mod secrets;
