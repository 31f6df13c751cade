//! `meta.env`: variables of the environment that kitc was started with.

use kit_model::{MetadataAnswer, MetadataError, MetadataQuestion, MetadataSource};

/// The environment of this process.
#[derive(Debug, Default, Clone, Copy)]
pub struct EnvSource;

impl MetadataSource for EnvSource {
    fn name(&self) -> &'static str {
        "env"
    }

    fn look_up(&self, question: &MetadataQuestion) -> Result<MetadataAnswer, MetadataError> {
        let name = &question.path;
        match std::env::var(name) {
            Ok(text) => Ok(MetadataAnswer::text(text, "the environment")),
            Err(std::env::VarError::NotPresent) => {
                Ok(MetadataAnswer::absent(format!("the variable {name} is not set in the environment")))
            }
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(MetadataError::new(format!("the variable {name} of the environment is not UTF-8")))
            }
        }
    }
}
