//! A way to the engine of a machine for whoever stands at the Engine that holds it: a socket of this process, behind which
//! each connection goes through the machine itself. Nothing listens on a network for it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecResults};
use futures_util::StreamExt as _;
use kit_model::{Address, MachineId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::engine::EngineError;
use crate::provider::{DockerProvider, Standing};

/// What carries one connection on the machine: it comes with Docker, and is what `docker -H ssh://…` runs too.
const CARRIER: [&str; 3] = ["docker", "system", "dial-stdio"];

/// How many connections one door carries at once: a replica makes ten calls at once, and an operator fewer.
const MAX_CONNECTIONS: usize = 16;

/// How long an answer may still come when its question has ended.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How much of a machine's complaint is read.
const MAX_WORDS_BYTES: usize = 1024;

/// How much is handed on at once.
const PIECE_BYTES: usize = 16 * 1024;

/// A socket behind which the engine of one member's machine answers, as long as this lives.
#[derive(Debug)]
pub struct Door {
    socket: PathBuf,
    listening: JoinHandle<()>,
}

impl Door {
    /// Opens the door to the machine of `member` in a directory that only its owner may enter. Which machine that is, is
    /// asked anew for each connection.
    ///
    /// # Errors
    /// When no socket can be made there.
    pub fn open(
        provider: &Arc<DockerProvider>,
        cluster: &str,
        member: &Address,
        directory: &Path,
        number: usize,
    ) -> io::Result<Self> {
        // Short, for a socket's path has 107 bytes, and a member's name may have more.
        let socket = directory.join(number.to_string());
        let listener = UnixListener::bind(&socket)?;
        let (provider, cluster, member) = (Arc::clone(provider), cluster.to_owned(), member.clone());
        let listening = tokio::spawn(async move {
            let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
                let (provider, cluster, member) = (Arc::clone(&provider), cluster.clone(), member.clone());
                tokio::spawn(async move {
                    // Whoever connected sees that it ends; how the machine is, is asked for by itself.
                    let _ = carry(&provider, &cluster, &member, stream).await;
                    drop(place);
                });
            }
        });
        Ok(Self { socket, listening })
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.listening.abort();
        // It lies in a directory that goes too.
        let _ = std::fs::remove_file(&self.socket);
    }
}

async fn carry(
    provider: &DockerProvider,
    cluster: &str,
    member: &Address,
    mut stream: UnixStream,
) -> Result<(), EngineError> {
    let Standing::Running { machine, .. } = provider.standing(cluster, member).await? else { return Ok(()) };
    let (mut output, mut input) = carrier(provider, &machine).await?;
    let (mut from_client, mut to_client) = stream.split();
    let asks = async {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match from_client.read(&mut piece).await {
                Ok(0) | Err(_) => break,
                Ok(bytes) => match piece.get(..bytes) {
                    Some(bytes) if input.write_all(bytes).await.is_ok() && input.flush().await.is_ok() => {}
                    _ => break,
                },
            }
        }
        let _ = input.shutdown().await;
    };
    let answers = async {
        let mut answered = false;
        let mut words = Vec::new();
        while let Some(Ok(piece)) = output.next().await {
            match piece {
                LogOutput::StdOut { message } => {
                    answered = true;
                    if to_client.write_all(&message).await.is_err() {
                        break;
                    }
                }
                LogOutput::StdErr { message } if words.len() < MAX_WORDS_BYTES => words.extend_from_slice(&message),
                _ => {}
            }
        }
        if !answered {
            let _ = to_client.write_all(&no_answer(&words)).await;
        }
        let _ = to_client.shutdown().await;
    };
    tokio::pin!(asks, answers);
    tokio::select! {
        () = &mut answers => {}
        () = &mut asks => {
            let _ = tokio::time::timeout(LAST_WORDS, answers).await;
        }
    }
    Ok(())
}

/// What whoever asks is told where nothing was carried: the reason, as an engine would say it.
fn no_answer(words: &[u8]) -> Vec<u8> {
    let words = String::from_utf8_lossy(words);
    let words = words.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it said nothing");
    let body = serde_json::json!({ "message": format!("the machine carries nothing to its engine: {words}") });
    let body = body.to_string();
    let length = body.len();
    format!("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .into_bytes()
}

type Carrier = (
    std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>,
    std::pin::Pin<Box<dyn tokio::io::AsyncWrite + Send>>,
);

async fn carrier(provider: &DockerProvider, machine: &MachineId) -> Result<Carrier, EngineError> {
    let engine = provider.engine();
    let options = CreateExecOptions {
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        cmd: Some(CARRIER.to_vec()),
        ..CreateExecOptions::default()
    };
    let made = engine.connect()?.create_exec(machine.as_str(), options).await.map_err(|error| engine.error(error))?;
    match engine.connect()?.start_exec(&made.id, None).await.map_err(|error| engine.error(error))? {
        StartExecResults::Attached { output, input } => Ok((output, input)),
        StartExecResults::Detached => Err(EngineError::Silent("it gave no way in".to_owned())),
    }
}
