//! `meta.docker`: what a Docker Engine knows, asked over its socket.

use std::path::{Path, PathBuf};

use kit_fetch::{FetchError, Fetcher, Limits};
use kit_graph::{Instance, Value};
use kit_model::{MetadataAnswer, MetadataError, MetadataQuestion, MetadataSource};
use url::Url;

use crate::LOOKUP_TIME;
use crate::text::{MAX_ANSWER_BYTES, argument};

/// Where an Engine listens if nobody says otherwise.
const SOCKET: &str = "unix:///var/run/docker.sock";

/// The longest name of an image: registries refuse longer ones.
const MAX_NAME_BYTES: usize = 512;

/// The Engine that the cluster's provider names.
#[derive(Debug, Clone, Copy, Default)]
pub struct DockerSource;

impl MetadataSource for DockerSource {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn look_up(&self, question: &MetadataQuestion) -> Result<MetadataAnswer, MetadataError> {
        let engine = Engine::of(question.provider.as_ref())?;
        let value = match question.path.as_str() {
            "version" => engine.version()?,
            "image" => engine.image(argument(&question.arguments)?)?,
            other => return Err(MetadataError::new(format!("a Docker Engine knows nothing of `{other}`"))),
        };
        Ok(match value {
            Ok(text) => {
                MetadataAnswer::data(Value::String(text), format!("the Docker Engine at {}", engine.socket.display()))
            }
            Err(absent) => MetadataAnswer::absent(absent),
        })
    }
}

struct Engine {
    socket: PathBuf,
    fetcher: Fetcher,
}

impl Engine {
    fn of(provider: Option<&Instance>) -> Result<Self, MetadataError> {
        let host =
            provider.and_then(|provider| provider.properties.get("host")).and_then(Value::as_str).unwrap_or(SOCKET);
        let Some(socket) = host.strip_prefix("unix://") else {
            return Err(MetadataError::new(format!(
                "this kitc asks a Docker Engine only over a socket of this machine, and this one is at {host}"
            ))
            .with_help("give the answer in a snapshot: --metadata SNAPSHOT.json"));
        };
        let limits = Limits { time: LOOKUP_TIME, bytes: MAX_ANSWER_BYTES };
        let fetcher =
            Fetcher::over_socket(Path::new(socket), limits).map_err(|error| MetadataError::new(error.message))?;
        Ok(Self { socket: socket.into(), fetcher })
    }

    /// One answer of the Engine's API, which is JSON.
    fn get(&self, path: &str) -> Result<serde_json::Value, FetchError> {
        let url = Url::parse(&format!("http://docker{path}"));
        let failed = |message: String| FetchError { message, help: None, status: None };
        let text = self.fetcher.get(&url.map_err(|error| failed(error.to_string()))?)?;
        serde_json::from_str(&text).map_err(|error| failed(format!("its answer to {path} is no JSON: {error}")))
    }

    fn failed(&self, error: &FetchError) -> MetadataError {
        let socket = self.socket.display();
        match error.status {
            Some(status) => {
                MetadataError::new(format!("the Docker Engine at {socket} answers with the status {status}"))
            }
            None => MetadataError::new(format!("no Docker Engine answers at {socket}: {}", last_words(&error.message)))
                .with_help("start it, or name another in the provider: docker.Provider { host = \"unix:///…\" }"),
        }
    }

    fn version(&self) -> Result<Result<String, String>, MetadataError> {
        let answer = self.get("/version").map_err(|error| self.failed(&error))?;
        text_at(&answer, "/Version").map(Ok).ok_or_else(|| self.nonsense("/version"))
    }

    /// The digest of an image as its registry has it, or else of the one that the Engine holds.
    fn image(&self, name: &str) -> Result<Result<String, String>, MetadataError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._/:@-".contains(&byte);
        if name.is_empty()
            || name.len() > MAX_NAME_BYTES
            || !name.bytes().all(allowed)
            || name.split('/').any(|part| part.starts_with('.'))
        {
            return Err(MetadataError::new(format!("{name:?} is no name of an image")));
        }
        let pinned = |digest: &str| format!("{}@{digest}", name.split('@').next().unwrap_or(name));
        let remote = match self.get(&format!("/distribution/{name}/json")) {
            Ok(answer) => match text_at(&answer, "/Descriptor/digest") {
                Some(digest) => return Ok(Ok(pinned(&digest))),
                None => return Err(self.nonsense("/distribution")),
            },
            // No Engine, or one that hangs, does not answer a second question either.
            Err(error) if error.status.is_none() => return Err(self.failed(&error)),
            Err(error) => error,
        };
        match self.get(&format!("/images/{name}/json")) {
            Ok(answer) => match text_at(&answer, "/RepoDigests/0").as_deref().and_then(|digest| digest.split_once('@'))
            {
                Some((_, digest)) => Ok(Ok(pinned(digest))),
                None => Err(MetadataError::new(format!(
                    "the Engine holds {name}, which was never pushed to a registry and has no digest there"
                ))),
            },
            Err(error) if error.is_absent() => {
                let status = remote.status.unwrap_or_default();
                Ok(Err(format!("the Engine does not hold {name}, and its registry answers with the status {status}")))
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn nonsense(&self, path: &str) -> MetadataError {
        MetadataError::new(format!(
            "what listens at {} does not answer to {path} as a Docker Engine does",
            self.socket.display()
        ))
    }
}

fn text_at(answer: &serde_json::Value, pointer: &str) -> Option<String> {
    answer.pointer(pointer)?.as_str().map(str::to_owned)
}

/// The cause without the address that it was met at, which nobody wrote.
fn last_words(message: &str) -> &str {
    message.split_once("cannot be fetched: ").map_or(message, |(_, why)| why)
}
