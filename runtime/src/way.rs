//! A way to the engine of a manager: its unix socket, carried here by the `ssh` program. The socket of an engine is never
//! opened on TCP.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{io, thread};

use kit_swarm::{DEFAULT_SOCKET, Engine};

use crate::codes;
use crate::error::OperatorError;

/// How long ssh may take until the way is open: to connect takes it 10 s at most, and a slow login some more.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long what ssh said is waited for once it has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long ssh itself tries to connect, in seconds.
const CONNECT_S: u32 = 10;

/// What the far end says once the way is open.
const OPEN: &str = "kit: open";

/// The most that is read of what ssh complains of, in bytes.
const MAX_COMPLAINT_BYTES: u64 = 4096;

/// The variable that names another program than `ssh`.
const SSH_VARIABLE: &str = "KIT_SSH";

/// Where a way leads.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Destination {
    /// What ssh is given.
    host: String,
    port: Option<u16>,
    socket: String,
}

/// An open way. It closes when this is dropped, and when this process ends, however it ends.
#[derive(Debug)]
pub struct Way {
    to: String,
    engine: Engine,
    ssh: Child,
    /// The far end stays for as long as this is open.
    _open: ChildStdin,
    _directory: Directory,
}

/// A directory that only this user can enter, and that ends with the way.
#[derive(Debug)]
struct Directory(std::path::PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed is an empty directory in the place for such.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        // It ends by itself when its input does; this is for one that hangs.
        let _ = self.ssh.kill();
        let _ = self.ssh.wait();
    }
}

impl Way {
    /// Opens the way to `to`: `ssh://USER@MANAGER`, with `:PORT` and `/PATH/OF/THE/SOCKET` where they are not the usual
    /// ones. Nobody is asked for a password.
    ///
    /// # Errors
    /// When `to` is no such address, or ssh cannot open the way in time.
    pub fn open(to: &str) -> Result<Self, OperatorError> {
        let program = std::env::var_os(SSH_VARIABLE).unwrap_or_else(|| "ssh".into());
        Self::open_by(&program, to, PATIENCE)
    }

    fn open_by(program: &OsStr, to: &str, patience: Duration) -> Result<Self, OperatorError> {
        let destination = destination(to)?;
        let failed = |why: String| {
            OperatorError::new(codes::NO_WAY, format!("there is no way to {to}: {why}"))
                .with_help(format!("`ssh {} docker info` must work without a question", destination.host))
        };
        let directory = private_directory().map_err(|error| failed(format!("no place for a socket: {error}")))?;
        let socket = directory.0.join("docker.sock");
        let mut command = Command::new(program);
        command.args(["-T", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes"]);
        command.args(["-o", &format!("ConnectTimeout={CONNECT_S}"), "-o", "ServerAliveInterval=5"]);
        command.args(["-o", "ServerAliveCountMax=3", "-o", "ControlMaster=no", "-o", "ControlPath=none"]);
        if let Some(port) = destination.port {
            command.args(["-p", &port.to_string()]);
        }
        command.arg("-L").arg(format!("{}:{}", socket.display(), destination.socket));
        command.args(["--", &destination.host, &format!("echo {OPEN:?} && exec cat")]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut ssh =
            command.spawn().map_err(|error| failed(format!("{} cannot be run: {error}", program.to_string_lossy())))?;
        let pipes = (ssh.stdin.take(), ssh.stdout.take(), ssh.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(failed("its pipes are gone".to_owned()));
        };
        let (tell, told) = mpsc::channel();
        // Both end with ssh, which ends with this way.
        let (complain, complaint) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let mut stderr = stderr;
            let _ = stderr.by_ref().take(MAX_COMPLAINT_BYTES).read_to_end(&mut bytes);
            let _ = complain.send(String::from_utf8_lossy(&bytes).into_owned());
            // The rest is let go, so that ssh is never held up by it.
            let _ = io::copy(&mut stderr, &mut io::sink());
        });
        thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines();
            // A greeting of the far end's shell may stand before it.
            let open = lines.by_ref().take(64).map_while(Result::ok).any(|line| line == OPEN);
            // Nobody listens any more where it took too long.
            let _ = tell.send(open);
        });
        let outcome = told.recv_timeout(patience);
        if outcome == Ok(true) {
            return Ok(Self {
                to: to.to_owned(),
                engine: Engine::at(socket),
                ssh,
                _open: stdin,
                _directory: directory,
            });
        }
        let _ = ssh.kill();
        let _ = ssh.wait();
        let late = outcome.is_err().then(|| format!("ssh did not open it within {} s", patience.as_secs()));
        // A program that ssh began may hold it open.
        let said = complaint.recv_timeout(LAST_WORDS).unwrap_or_default();
        let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned);
        Err(failed(late.or(last).unwrap_or_else(|| "ssh ended without a word".to_owned())))
    }

    /// Where it leads, as it was given.
    #[must_use]
    pub fn to(&self) -> &str {
        &self.to
    }

    /// The engine at its end.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine.clone()
    }
}

fn destination(to: &str) -> Result<Destination, OperatorError> {
    let wrong = |why: &str| {
        OperatorError::new(codes::NO_WAY, format!("`{to}` is no way to a manager: {why}"))
            .with_help("it is written ssh://USER@MANAGER, and with :PORT or /PATH/OF/THE/SOCKET where they are others")
    };
    let rest = to.strip_prefix("ssh://").ok_or_else(|| wrong("it does not begin with ssh://"))?;
    let (host, socket) = match rest.split_once('/') {
        Some((host, path)) if !path.is_empty() => (host, format!("/{path}")),
        Some((host, _)) => (host, DEFAULT_SOCKET.to_owned()),
        None => (rest, DEFAULT_SOCKET.to_owned()),
    };
    let colon = host.rfind(':').filter(|colon| !host[*colon..].contains(']'));
    let (host, port) = match colon {
        Some(colon) => {
            let port = host[colon + 1..].parse().map_err(|_| wrong("its port is no number from 0 to 65535"))?;
            (&host[..colon], Some(port))
        }
        None => (host, None),
    };
    let (user, name) = host.split_once('@').map_or((None, host), |(user, name)| (Some(user), name));
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let plain = |text: &str, also: &str| {
        let fits = |one: char| one.is_ascii_alphanumeric() || "-_.".contains(one) || also.contains(one);
        !text.is_empty() && !text.starts_with('-') && text.chars().all(fits)
    };
    // What could be read as an option, or by a shell, is none.
    if !plain(name, ":%") || !user.is_none_or(|user| plain(user, "")) || !plain(&socket, "/") {
        return Err(wrong("its user, host or path is empty, or holds what none of them holds"));
    }
    let host = user.map_or_else(|| name.to_owned(), |user| format!("{user}@{name}"));
    Ok(Destination { host, port, socket })
}

fn private_directory() -> io::Result<Directory> {
    use std::os::unix::fs::DirBuilderExt as _;
    let name = format!("kit-{}", std::fs::read_to_string("/proc/sys/kernel/random/uuid")?.trim());
    let path = std::env::temp_dir().join(name);
    std::fs::DirBuilder::new().mode(0o700).create(&path)?;
    Ok(Directory(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_read_as_it_is_written() {
        let is = |to: &str, host: &str, port: Option<u16>, socket: &str| {
            let expected = Destination { host: host.to_owned(), port, socket: socket.to_owned() };
            assert_eq!(destination(to).unwrap(), expected, "{to}");
        };
        is("ssh://admin@172.31.16.101", "admin@172.31.16.101", None, DEFAULT_SOCKET);
        is("ssh://m1/", "m1", None, DEFAULT_SOCKET);
        is("ssh://admin@m1.example:2222/run/d.sock", "admin@m1.example", Some(2222), "/run/d.sock");
        is("ssh://[fd00::1]:22", "fd00::1", Some(22), DEFAULT_SOCKET);
        is("ssh://a@[fd00::1]", "a@fd00::1", None, DEFAULT_SOCKET);
    }

    #[test]
    fn what_is_no_destination_is_refused_and_nothing_is_run() {
        for wrong in [
            "m1",
            "tcp://m1:2375",
            "ssh://",
            "ssh:///run/d.sock",
            "ssh://a@",
            "ssh://@m1",
            "ssh://-oProxyCommand=x",
            "ssh://a b@m1",
            "ssh://m1:99999",
            "ssh://m1/a;b",
            "ssh://m1\n",
        ] {
            let error = destination(wrong).unwrap_err();
            assert!(error.code == codes::NO_WAY && error.help.is_some(), "{wrong}: {error:?}");
        }
    }

    /// A program that stands for ssh: it does what `script` says, and knows the two ends of the way.
    fn standing_for_ssh(script: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let ends = "#!/bin/sh\nwhile [ \"$1\" != -L ]; do shift; done\nnear=${2%%:*} far=${2#*:}\nshift 3\n";
        let path = directory.path().join("ssh");
        // Written by a process of its own: what this one holds open while another test forks cannot be run.
        let mut write = Command::new("sh");
        write.args(["-c", "printf '%s' \"$1\" > \"$2\" && chmod 755 \"$2\"", "sh"]);
        assert!(write.arg(format!("{ends}{script}\n")).arg(&path).status().unwrap().success());
        directory
    }

    fn opened(script: &str, patience_ms: u64) -> Result<Way, OperatorError> {
        let directory = standing_for_ssh(script);
        let program = directory.path().join("ssh");
        Way::open_by(program.as_os_str(), "ssh://admin@m1/run/d.sock", Duration::from_millis(patience_ms))
    }

    #[test]
    fn a_way_stands_until_it_is_dropped() {
        let way = opened("[ \"$1\" = admin@m1 ] && ln -s \"$far\" \"$near\" && exec sh -c \"$2\"", 5_000).unwrap();
        assert_eq!(way.to(), "ssh://admin@m1/run/d.sock");
        let socket = way.engine().socket().to_owned();
        assert_eq!(std::fs::read_link(&socket).unwrap(), std::path::Path::new("/run/d.sock"));
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(socket.parent().unwrap()).unwrap());
        assert_eq!(mode & 0o777, 0o700, "nobody else gets in");
        drop(way);
        assert!(!socket.parent().unwrap().exists());
    }

    #[test]
    fn why_there_is_no_way_is_said_in_sshs_own_words_and_in_time() {
        let why = |script: &str| opened(script, 400).unwrap_err();
        let denied = why("echo 'Warning: added' >&2; echo 'admin@m1: Permission denied (publickey).' >&2; exit 255");
        assert!(denied.code == codes::NO_WAY && denied.message.contains("Permission denied"), "{denied:?}");
        assert!(denied.help.unwrap().contains("ssh admin@m1 docker info"));
        assert!(why("exit 1").message.contains("without a word"));
        assert!(why("exec sleep 60").message.contains("did not open it within"));
        let gone = Way::open_by(OsStr::new("/nowhere/ssh"), "ssh://m1", Duration::from_secs(1)).unwrap_err();
        assert!(gone.message.contains("/nowhere/ssh cannot be run"), "{gone:?}");
    }
}
