//! The sources of metadata that one machine can ask.

mod ask;
mod docker;
mod env;
mod file;
mod http;
mod text;

pub use ask::{LOOKUP_TIME, ask};
pub use docker::DockerSource;
pub use env::EnvSource;
pub use file::FileSource;
pub use http::HttpSource;
pub use text::{MAX_ANSWER_BYTES, without_line_break};
