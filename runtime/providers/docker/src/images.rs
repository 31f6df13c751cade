//! Images: what is not there is fetched by an operator, for that takes minutes, and never by a call of a replica.

use std::time::Duration;

use bollard::errors::Error;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt as _;
use tokio::time::timeout;

use crate::engine::{Engine, EngineError};
use crate::provider::DockerProvider;

/// How long an Engine may say nothing while it fetches: it tells of each part as it comes.
const SILENCE: Duration = Duration::from_secs(120);

/// How long all of it may take: a large image over a slow line.
const PATIENCE: Duration = Duration::from_secs(3600);

impl DockerProvider {
    /// Whether the Engine has this image.
    ///
    /// # Errors
    /// When it does not say, and why.
    pub async fn has_image(&self, image: &str) -> Result<bool, String> {
        self.engine().has_image(image).await.map_err(|error| error.into_provider().message)
    }

    /// Has the Engine fetch this image, as anybody may who has no account.
    ///
    /// # Errors
    /// When it cannot, and why.
    pub async fn fetch_image(&self, image: &str) -> Result<(), String> {
        match timeout(PATIENCE, self.engine().fetch_image(image)).await {
            Ok(done) => done,
            Err(_) => Err(format!("it was not fetched within {} min", PATIENCE.as_secs() / 60)),
        }
    }
}

impl Engine {
    async fn has_image(&self, image: &str) -> Result<bool, EngineError> {
        match self.connect()?.inspect_image(image).await.map_err(|error| self.error(error)) {
            Ok(_) => Ok(true),
            Err(EngineError::Answered(404, _)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn fetch_image(&self, image: &str) -> Result<(), String> {
        let words = |error: EngineError| error.into_provider().message;
        let (name, tag) = parts_of(image);
        let options = CreateImageOptionsBuilder::new().from_image(name).tag(tag).build();
        let connection = self.connect().map_err(words)?.with_timeout(SILENCE);
        let mut parts = connection.create_image(Some(options), None, None);
        loop {
            match timeout(SILENCE, parts.next()).await {
                Ok(None) => return Ok(()),
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(Error::DockerStreamError { error }))) => return Err(error),
                Ok(Some(Err(error))) => return Err(words(self.error(error))),
                Err(_) => return Err(format!("the Docker Engine said nothing for {} s", SILENCE.as_secs())),
            }
        }
    }
}

/// The name of an image and its tag. Where none is given the Engine would fetch every tag there is.
fn parts_of(image: &str) -> (&str, &str) {
    let after_host = image.rfind('/').map_or(0, |slash| slash + 1);
    let last = image.get(after_host..).unwrap_or_default();
    if last.contains('@') {
        return (image, "");
    }
    match last.rfind(':') {
        Some(colon) => {
            let (name, tag) = image.split_at(after_host + colon);
            (name, tag.trim_start_matches(':'))
        }
        None => (image, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_without_a_tag_is_the_latest_and_a_port_is_no_tag() {
        for (image, parts) in [
            ("docker:27-dind", ("docker", "27-dind")),
            ("docker", ("docker", "latest")),
            ("host:5000/kit/node", ("host:5000/kit/node", "latest")),
            ("host:5000/kit/node:1", ("host:5000/kit/node", "1")),
            ("kit/node@sha256:00", ("kit/node@sha256:00", "")),
        ] {
            assert_eq!(parts_of(image), parts);
        }
    }
}
