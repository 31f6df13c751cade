//! `meta.file`: files, each by its path from the directory of the file that asks.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use kit_model::{MetadataAnswer, MetadataError, MetadataQuestion, MetadataSource};

use crate::text::{MAX_ANSWER_BYTES, argument, without_line_break};

/// Files of this machine.
#[derive(Debug, Clone)]
pub struct FileSource {
    directory: PathBuf,
}

impl FileSource {
    /// Paths begin at `directory`, whatever directory kitc runs in.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }
}

impl MetadataSource for FileSource {
    fn name(&self) -> &'static str {
        "file"
    }

    fn look_up(&self, question: &MetadataQuestion) -> Result<MetadataAnswer, MetadataError> {
        let written = argument(&question.arguments)?;
        if written.is_empty() {
            return Err(MetadataError::new("the path is empty"));
        }
        if written.starts_with("~/") {
            return Err(MetadataError::new("`~` is a word of shells")
                .with_help("write the whole path, or build it from meta.env.HOME"));
        }
        let path = self.directory.join(written);
        match read(&path) {
            Ok(Some(text)) => {
                Ok(MetadataAnswer::text(without_line_break(&text), format!("the file {}", path.display())))
            }
            Ok(None) => Ok(MetadataAnswer::absent(format!("there is no file `{}`", path.display()))),
            Err(why) => Err(MetadataError::new(format!("`{}` cannot be read: {why}", path.display()))),
        }
    }
}

/// The text of a regular file; none where there is none.
fn read(path: &Path) -> Result<Option<String>, String> {
    // A pipe that nobody writes to must not hold anybody up.
    let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = match OpenOptions::new().read(true).custom_flags(nonblock).open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    if !file.metadata().map_err(|error| error.to_string())?.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let mut bytes = Vec::new();
    // One byte more than allowed shows that there are more.
    file.take(MAX_ANSWER_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() > MAX_ANSWER_BYTES {
        return Err(format!("it has more than {MAX_ANSWER_BYTES} bytes"));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) => Err(format!("it is not UTF-8, from byte {} on", error.utf8_error().valid_up_to())),
    }
}
