//! One Docker engine behind its unix socket: each call is made once and ends in time.

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, Docker};
use tokio::time::timeout;

/// Where an engine listens if nobody says otherwise.
pub const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// How long a look may take. A healthy engine answers in some 20 ms; one whose leader is gone would go on waiting for 20 s,
/// and says only when it is asked anew that it leads itself by now.
pub(crate) const LOOK_PATIENCE: Duration = Duration::from_secs(3);

/// How long any other call may take: as long as a permit lasts, for what is answered later opens nothing.
pub(crate) const CALL_PATIENCE: Duration = Duration::from_secs(10);

/// The client's own limit, beyond both: it is not what ends a call.
const CLIENT_TIMEOUT_S: u64 = 60;

/// A Docker engine.
#[derive(Debug, Clone)]
pub struct Engine {
    socket: PathBuf,
    /// What it is called where it says nothing.
    shown: String,
}

/// An answer that says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status of HTTP.
    pub status: u16,
    /// The engine's own words.
    pub message: String,
}

/// Why a question has no answer that helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineError {
    /// It answered, and said no.
    Refused(Refusal),
    /// No answer is in hand, and why: what was asked may have been done, or may yet be.
    Silent(String),
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => f.write_str(words_of(&refusal.message)),
            Self::Silent(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for EngineError {}

impl EngineError {
    /// True if the engine answered that the Swarm has no leader. It says so with several statuses.
    #[must_use]
    pub fn has_no_leader(&self) -> bool {
        matches!(self, Self::Refused(refusal) if says_no_leader(&refusal.message))
    }

    pub(crate) fn is_out_of_sequence(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.message.contains("update out of sequence"))
    }

    /// True if the engine answered that there is no `name`, and not only that it found no page.
    pub(crate) fn is_missing(&self, name: &str) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == 404 && refusal.message.contains(name))
    }

    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == 409)
    }
}

/// Whether an engine's words say that the Swarm has no leader.
pub(crate) fn says_no_leader(message: &str) -> bool {
    message.contains("does not have a leader")
}

/// An engine's words without the shell of the protocol that they came in.
pub(crate) fn words_of(message: &str) -> &str {
    let message = message.trim();
    match message.strip_prefix("rpc error: code = ").and_then(|rest| rest.split_once(" desc = ")) {
        Some((_, words)) => words_of(words),
        None => message,
    }
}

/// An address of an engine that Kit does not use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketError {
    /// The address.
    pub address: String,
}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DOCKER_HOST is {}, and Kit speaks to an engine only through its unix socket", self.address)
    }
}

impl std::error::Error for SocketError {}

/// The socket that `DOCKER_HOST` names, if it is set, or else the usual one.
///
/// # Errors
/// When it names something else than a unix socket.
pub fn socket_in(docker_host: Option<&str>) -> Result<PathBuf, SocketError> {
    match docker_host.filter(|address| !address.is_empty()) {
        None => Ok(DEFAULT_SOCKET.into()),
        Some(address) => match address.strip_prefix("unix://") {
            Some(path) if path.starts_with('/') => Ok(path.into()),
            _ => Err(SocketError { address: address.to_owned() }),
        },
    }
}

impl Engine {
    /// The engine behind this socket. Nothing is asked of it yet.
    #[must_use]
    pub fn at(socket: impl Into<PathBuf>) -> Self {
        let socket = socket.into();
        Self { shown: socket.display().to_string(), socket }
    }

    /// The same, called `name` where it says nothing: for a socket that only leads to it.
    #[must_use]
    pub fn shown_as(self, name: impl Into<String>) -> Self {
        Self { shown: name.into(), ..self }
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Asks once. The client is made for each call: it holds no connection, and a socket that appears later is found.
    pub(crate) async fn ask<T, Answer>(
        &self,
        patience: Duration,
        question: impl FnOnce(Docker) -> Answer,
    ) -> Result<T, EngineError>
    where
        Answer: Future<Output = Result<T, Error>>,
    {
        let path = self.socket.to_string_lossy();
        let docker = Docker::connect_with_unix(&path, CLIENT_TIMEOUT_S, API_DEFAULT_VERSION)
            .map_err(|error| self.no_answer(error))?;
        match timeout(patience, question(docker)).await {
            Ok(answer) => answer.map_err(|error| self.no_answer(error)),
            Err(_) => Err(EngineError::Silent(format!(
                "the engine behind {} gave no answer within {} s",
                self.shown,
                patience.as_secs()
            ))),
        }
    }

    fn no_answer(&self, error: Error) -> EngineError {
        match error {
            Error::DockerResponseServerError { status_code, message } => {
                EngineError::Refused(Refusal { status: status_code, message })
            }
            other => {
                // The layers of the protocol say that there was an error; the innermost one says which.
                let mut cause: &dyn std::error::Error = &other;
                while let Some(next) = cause.source() {
                    cause = next;
                }
                EngineError::Silent(format!("the engine behind {} does not answer: {cause}", self.shown))
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixListener;

    use super::*;

    /// What a made-up engine does with the next request.
    pub(crate) enum Says {
        /// Answers so.
        This(u16, String),
        /// Hangs up in the middle of its answer.
        Half,
        /// Hangs up without an answer.
        HangsUp,
        /// Says nothing, for good.
        Nothing,
    }

    /// An engine that answers as it is told, in turn, and remembers what it was asked.
    pub(crate) struct MadeUp {
        pub(crate) engine: Engine,
        pub(crate) asked: Arc<Mutex<Vec<String>>>,
        _directory: tempfile::TempDir,
    }

    impl MadeUp {
        pub(crate) fn saying(answers: Vec<Says>) -> Self {
            let mut answers = VecDeque::from(answers);
            Self::answering(move |_| answers.pop_front().expect("no more was to be asked"))
        }

        /// An engine that answers each request by `answer`, which gets its first line and its body.
        pub(crate) fn answering(mut answer: impl FnMut(&str) -> Says + Send + 'static) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let socket = directory.path().join("docker.sock");
            let listener = UnixListener::bind(&socket).unwrap();
            let asked = Arc::new(Mutex::new(Vec::new()));
            let heard = Arc::clone(&asked);
            tokio::spawn(async move {
                let mut kept = Vec::new();
                while let Ok((mut stream, _)) = listener.accept().await {
                    let request = read_request(&mut stream).await;
                    let answer = answer(&request);
                    heard.lock().unwrap().push(request);
                    match answer {
                        Says::This(status, body) => {
                            let head = format!("HTTP/1.1 {status} x\r\nContent-Type: application/json\r\n");
                            let head = format!("{head}Connection: close\r\nContent-Length: {}\r\n\r\n", body.len());
                            stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await.unwrap();
                        }
                        Says::Half => stream.write_all(b"HTTP/1.1 200 x\r\nContent-Length: 99\r\n\r\n{").await.unwrap(),
                        Says::HangsUp => drop(stream),
                        Says::Nothing => kept.push(stream),
                    }
                }
            });
            Self { engine: Engine::at(socket), asked, _directory: directory }
        }

        pub(crate) fn asked(&self) -> Vec<String> {
            self.asked.lock().unwrap().clone()
        }
    }

    pub(crate) fn says(body: &str) -> Says {
        Says::This(200, body.to_owned())
    }

    pub(crate) fn refuses(status: u16, message: &str) -> Says {
        Says::This(status, serde_json::json!({ "message": message }).to_string())
    }

    /// The first line of a request and its body.
    async fn read_request(stream: &mut tokio::net::UnixStream) -> String {
        let mut bytes = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head
                    .lines()
                    .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok())
                    .unwrap_or(0);
                if body.len() >= length {
                    let first = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1");
                    return format!("{first} {body}").trim_end().to_owned();
                }
            }
            let mut part = [0; 4096];
            let read = stream.read(&mut part).await.unwrap();
            assert_ne!(read, 0, "the request is whole");
            bytes.extend_from_slice(&part[..read]);
        }
    }

    #[test]
    fn only_unix_sockets_are_spoken_to() {
        assert_eq!(socket_in(None).unwrap(), PathBuf::from(DEFAULT_SOCKET));
        assert_eq!(socket_in(Some("")).unwrap(), PathBuf::from(DEFAULT_SOCKET));
        assert_eq!(socket_in(Some("unix:///run/d.sock")).unwrap(), PathBuf::from("/run/d.sock"));
        for other in ["tcp://10.0.0.1:2375", "ssh://root@host", "unix://relative", "/run/d.sock"] {
            let error = socket_in(Some(other)).unwrap_err().to_string();
            assert!(error.contains(other) && error.contains("unix socket"), "{error}");
        }
    }

    #[test]
    fn an_engines_words_are_shown_without_the_protocol_that_they_came_in() {
        let said = "rpc error: code = Unknown desc = rpc error: code = DeadlineExceeded desc = context canceled";
        assert_eq!(words_of(said), "context canceled");
        assert_eq!(words_of(" plain words\n"), "plain words");
    }

    #[tokio::test]
    async fn what_cannot_be_reached_or_hangs_up_is_silent() {
        let gone = Engine::at("/nowhere/docker.sock");
        let error = gone.ask(LOOK_PATIENCE, async |docker| docker.version().await).await.unwrap_err();
        assert!(matches!(&error, EngineError::Silent(why) if why.contains("/nowhere/docker.sock")), "{error:?}");
        for answer in [Says::Half, Says::HangsUp] {
            let made_up = MadeUp::saying(vec![answer]);
            let error = made_up.engine.ask(LOOK_PATIENCE, async |docker| docker.version().await).await.unwrap_err();
            assert!(matches!(error, EngineError::Silent(_)), "{error:?}");
        }
    }

    #[tokio::test]
    async fn what_says_nothing_is_not_waited_for_longer_than_it_may_take() {
        let made_up = MadeUp::saying(vec![Says::Nothing]);
        let patience = Duration::from_millis(50);
        let error = made_up.engine.ask(patience, async |docker| docker.version().await).await.unwrap_err();
        assert!(matches!(&error, EngineError::Silent(why) if why.contains("no answer within")), "{error:?}");
    }
}
