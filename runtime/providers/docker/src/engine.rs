//! The Engine at the other end of a socket: each question and each call with a time limit, each error in words.

use std::path::{Path, PathBuf};

use bollard::errors::Error;
use bollard::models::{ContainerInspectResponse, ContainerSummary, Network, Volume};
use bollard::query_parameters::{
    InspectContainerOptions, ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use kit_model::{CallError, ClusterUid, ErrorClass, MachineId, Outcome, ProviderError};

use crate::labels;

/// How long the Engine may take for one request: to end a machine it waits ten seconds for its processes.
const REQUEST_SECONDS: u64 = 25;

/// How much of an ID stands for a container: as much as `docker ps` shows.
const ID_CHARACTERS: usize = 12;

/// A way to an Engine.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    socket: PathBuf,
}

/// Why the Engine did not do what it was asked.
#[derive(Debug)]
pub(crate) enum EngineError {
    /// Nobody listens at the socket: nothing was sent.
    Unreachable(String),
    /// The Engine said no, with this status.
    Answered(u16, String),
    /// No answer, or none that can be read: what was asked may have been done.
    Silent(String),
}

impl Engine {
    pub(crate) const fn at(socket: PathBuf) -> Self {
        Self { socket }
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// A connection for one request; it is made when that is sent.
    pub(crate) fn connect(&self) -> Result<Docker, EngineError> {
        let path = self.socket.to_string_lossy();
        Docker::connect_with_unix(&path, REQUEST_SECONDS, API_DEFAULT_VERSION).map_err(|error| self.error(error))
    }

    /// What became of a request, in our terms.
    pub(crate) fn error(&self, error: Error) -> EngineError {
        let nobody = |why: &str| {
            EngineError::Unreachable(format!("no Docker Engine answers at {}: {why}", self.socket.display()))
        };
        match error {
            Error::DockerResponseServerError { status_code, message } => EngineError::Answered(status_code, message),
            Error::SocketNotFoundError(_) => nobody("there is no such socket"),
            Error::HyperLegacyError { err } if err.is_connect() => nobody(&root_of(&err)),
            Error::RequestTimeoutError => EngineError::Silent(format!(
                "the Docker Engine at {} gave no answer within {REQUEST_SECONDS} s",
                self.socket.display()
            )),
            other => EngineError::Silent(format!(
                "the Docker Engine at {} gave no answer: {}",
                self.socket.display(),
                root_of(&other)
            )),
        }
    }

    /// All containers, whosever they are: strangers at our addresses are among them.
    pub(crate) async fn containers(&self) -> Result<Vec<ContainerSummary>, EngineError> {
        let options = ListContainersOptionsBuilder::new().all(true).build();
        self.connect()?.list_containers(Some(options)).await.map_err(|error| self.error(error))
    }

    /// The volumes that bear the cluster's label, records among them.
    pub(crate) async fn volumes(&self, uid: &ClusterUid) -> Result<Vec<Volume>, EngineError> {
        let filters = labels::filter(labels::UID, uid.as_str());
        let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
        let answer = self.connect()?.list_volumes(Some(options)).await.map_err(|error| self.error(error))?;
        Ok(answer.volumes.unwrap_or_default())
    }

    /// The networks that bear the cluster's label.
    pub(crate) async fn networks(&self, uid: &ClusterUid) -> Result<Vec<Network>, EngineError> {
        let filters = labels::filter(labels::UID, uid.as_str());
        let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
        self.connect()?.list_networks(Some(options)).await.map_err(|error| self.error(error))
    }

    /// The volume of this name.
    pub(crate) async fn volume(&self, name: &str) -> Result<Option<Volume>, EngineError> {
        found(self.connect()?.inspect_volume(name).await.map_err(|error| self.error(error)))
    }

    /// The container of this name or ID.
    pub(crate) async fn container(&self, name: &str) -> Result<Option<ContainerInspectResponse>, EngineError> {
        let asked = self.connect()?.inspect_container(name, None::<InspectContainerOptions>).await;
        found(asked.map_err(|error| self.error(error)))
    }
}

/// What is not there is an answer.
fn found<T>(answer: Result<T, EngineError>) -> Result<Option<T>, EngineError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(EngineError::Answered(404, _)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The first cause: what stands above it says that a request failed.
fn root_of(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// The ID of a container as we name it.
pub(crate) fn machine_id(id: Option<&str>) -> MachineId {
    let id = id.unwrap_or_default();
    MachineId::from(id.get(..ID_CHARACTERS).unwrap_or(id))
}

impl EngineError {
    /// True where the Engine says that an address is taken; only its words tell.
    pub(crate) fn is_address_in_use(&self) -> bool {
        matches!(self, Self::Answered(_, message) if message.to_ascii_lowercase().contains("address already in use"))
    }

    /// As the answer to a question.
    pub(crate) fn into_provider(self) -> ProviderError {
        match self {
            Self::Unreachable(message) => failed("EngineUnreachable", message),
            Self::Answered(status, message) => {
                failed("EngineRefused", format!("the Docker Engine says ({status}): {message}"))
            }
            Self::Silent(message) => failed("EngineSilent", message),
        }
    }

    /// As the end of a call that changes something, or of a question before it.
    pub(crate) fn into_outcome(self) -> Outcome {
        match self {
            Self::Unreachable(message) => Outcome::Refused(refusal(ErrorClass::NotYet, "EngineUnreachable", message)),
            Self::Answered(429 | 503, message) => {
                Outcome::Refused(refusal(ErrorClass::Throttled, "EngineBusy", message))
            }
            Self::Answered(409, message) => Outcome::Refused(refusal(ErrorClass::Conflict, "Conflict", message)),
            Self::Answered(status @ 400..=499, message) => Outcome::Refused(refusal(
                ErrorClass::Fatal,
                "EngineRefused",
                format!("the Docker Engine says ({status}): {message}"),
            )),
            // It failed on the way: how far it came nobody says.
            Self::Answered(status, message) => {
                Outcome::Unknown(format!("the Docker Engine failed ({status}): {message}"))
            }
            Self::Silent(message) => Outcome::Unknown(message),
        }
    }
}

pub(crate) fn failed(code: &str, message: impl Into<String>) -> ProviderError {
    ProviderError { code: code.to_owned(), message: message.into() }
}

pub(crate) fn refusal(class: ErrorClass, code: &str, message: impl Into<String>) -> CallError {
    CallError { class, code: code.to_owned(), message: message.into() }
}

pub(crate) fn refused(class: ErrorClass, code: &str, message: impl Into<String>) -> Outcome {
    Outcome::Refused(refusal(class, code, message))
}
