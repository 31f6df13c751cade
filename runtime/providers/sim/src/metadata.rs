//! `meta.sim`: what the simulated cloud knows.

use kit_graph::Value;
use kit_model::{MetadataAnswer, MetadataError, MetadataQuestion, MetadataSource};

use crate::{SimCloud, SimSettings};

/// The simulated cloud as a source. Its region and its images do not depend on what runs in it.
#[derive(Debug, Clone, Copy, Default)]
pub struct SimSource;

impl MetadataSource for SimSource {
    fn name(&self) -> &'static str {
        "sim"
    }

    fn look_up(&self, question: &MetadataQuestion) -> Result<MetadataAnswer, MetadataError> {
        let settings = match &question.provider {
            Some(provider) => SimSettings::from_provider(provider).map_err(MetadataError::new)?,
            None => SimSettings::default(),
        };
        match SimCloud::new(settings, 0).look_up(&question.path, &question.arguments) {
            Some(value) => Ok(MetadataAnswer::data(value, "the simulated cloud")),
            None => Ok(MetadataAnswer::absent(match question.arguments.first() {
                Some((_, Value::String(pattern))) => format!("the simulated cloud has no image named \"{pattern}\""),
                _ => format!("the simulated cloud knows no {}", question.path),
            })),
        }
    }
}
