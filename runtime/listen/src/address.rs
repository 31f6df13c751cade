//! The address that is listened at: taken before anything else is done, and the loopback unless it is said otherwise.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};

use crate::codes;

/// Why nobody can listen there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenError {
    /// The stable code.
    pub code: &'static str,
    /// The cause.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ListenError {}

/// An address that is taken. Who comes there waits until it serves.
#[derive(Debug)]
pub struct Listener {
    pub(crate) socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Takes `wanted`; port 0 is any that is free. `allow_remote` says that other machines may reach it.
    ///
    /// # Errors
    /// When other machines would reach it and may not, or it cannot be had.
    pub fn bind(wanted: SocketAddr, allow_remote: bool) -> Result<Self, ListenError> {
        if !is_loopback(wanted) && !allow_remote {
            return Err(ListenError {
                code: codes::OTHERS_REACH_IT,
                message: format!("other machines reach {wanted}"),
                help: format!(
                    "listen at 127.0.0.1:{} and come to it by ssh -L; or say that others may read it: --allow-remote",
                    wanted.port()
                ),
            });
        }
        let bound = TcpListener::bind(wanted).and_then(|socket| {
            socket.set_nonblocking(true)?;
            Ok(Self { address: socket.local_addr()?, socket })
        });
        bound.map_err(|error| cannot(wanted, &error))
    }

    /// The address, with the port that it has.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// True if other machines reach it.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        !is_loopback(self.address)
    }
}

pub(crate) fn cannot(wanted: SocketAddr, error: &io::Error) -> ListenError {
    let (why, help) = match error.kind() {
        io::ErrorKind::AddrInUse => {
            ("another process does".to_owned(), "`ss -tlnp` shows which; port 0 takes one that is free")
        }
        io::ErrorKind::AddrNotAvailable => {
            ("this machine does not have that IP".to_owned(), "`ip address` shows those it has")
        }
        io::ErrorKind::PermissionDenied => {
            ("only root may take that port".to_owned(), "take one from 1024 on, such as 24864")
        }
        _ => (error.to_string(), "name another address, such as 127.0.0.1:24864"),
    };
    ListenError {
        code: codes::CANNOT_LISTEN,
        message: format!("nothing can listen at {wanted}: {why}"),
        help: help.to_owned(),
    }
}

fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(text: &str, allow_remote: bool) -> Result<Listener, ListenError> {
        Listener::bind(text.parse().unwrap(), allow_remote)
    }

    #[test]
    fn it_is_the_loopback_unless_others_are_let_in_by_name() {
        for ours in ["127.0.0.1:0", "127.3.2.1:0", "[::ffff:127.0.0.1]:0"] {
            let listener = bind(ours, false).unwrap();
            assert!(!listener.is_remote() && listener.address().port() != 0, "{ours}");
        }
        for theirs in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80", "[::ffff:0.0.0.0]:0"] {
            let error = bind(theirs, false).unwrap_err();
            assert_eq!(error.code, codes::OTHERS_REACH_IT, "{theirs}");
            assert!(error.help.contains("--allow-remote"), "{}", error.help);
        }
        assert!(bind("0.0.0.0:0", true).unwrap().is_remote());
    }

    #[test]
    fn what_cannot_be_had_says_why() {
        let first = bind("127.0.0.1:0", false).unwrap();
        let again = Listener::bind(first.address(), false).unwrap_err();
        assert_eq!(again.code, codes::CANNOT_LISTEN);
        assert!(again.message.ends_with("another process does"), "{again}");
        let foreign = bind("192.0.2.1:24864", true).unwrap_err();
        assert_eq!(foreign.message, "nothing can listen at 192.0.2.1:24864: this machine does not have that IP");
    }
}
