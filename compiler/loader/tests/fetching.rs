//! Locking, against a real HTTPS server on loopback: the good cases, and what a bad server can do.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use kit_compiler::{Findings, Sources, check};
use kit_loader::{Change, Disk, Fetcher, Limits, Locked, Locking, load};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

#[derive(Clone)]
enum Reply {
    Text(String),
    Bytes(Vec<u8>),
    Missing,
    Redirect(String),
    /// A body without an end.
    Endless,
    /// A byte of the body now and then.
    Trickle,
    /// A byte of the head now and then.
    TrickledHead,
}

/// An authority of our own.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Authority { pem, issuer: Issuer::new(params, key) }
    }
}

struct Server {
    port: u16,
    replies: Arc<Mutex<BTreeMap<String, Reply>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(authority: &Authority, name: &str) -> Server {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, &authority.issuer).expect("a certificate");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a configuration");
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let replies = Arc::new(Mutex::new(BTreeMap::new()));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (for_replies, for_asked) = (Arc::clone(&replies), Arc::clone(&asked));
        // It ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, replies, asked) = (Arc::clone(&config), Arc::clone(&for_replies), Arc::clone(&for_asked));
                thread::spawn(move || serve(stream, config, &replies, &asked));
            }
        });
        Server { port, replies, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    fn set(&self, path: &str, reply: Reply) {
        self.replies.lock().expect("no panic").insert(path.to_owned(), reply);
    }

    fn text(&self, path: &str, text: &str) {
        self.set(path, Reply::Text(text.to_owned()));
    }

    fn asked(&self) -> usize {
        self.asked.lock().expect("no panic").len()
    }
}

/// Answers one request; that a client goes away is what many of these tests are about.
fn serve(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    replies: &Mutex<BTreeMap<String, Reply>>,
    asked: &Mutex<Vec<String>>,
) -> Option<()> {
    let connection = ServerConnection::new(config).ok()?;
    let mut stream = StreamOwned::new(connection, stream);
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        request.push(byte[0]);
    }
    let path = String::from_utf8(request).ok()?.split(' ').nth(1)?.to_owned();
    asked.lock().expect("no panic").push(path.clone());
    let reply = replies.lock().expect("no panic").get(&path).cloned().unwrap_or(Reply::Missing);
    let mut whole = |status: &str, more: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n{more}content-length: {}\r\n\r\n", body.len());
        stream.write_all(&[head.as_bytes(), body].concat()).ok()?;
        stream.conn.send_close_notify();
        stream.flush().ok()
    };
    match reply {
        Reply::Text(text) => whole("200 OK", "", text.as_bytes()),
        Reply::Bytes(bytes) => whole("200 OK", "", &bytes),
        Reply::Missing => whole("404 Not Found", "", b"nothing"),
        Reply::Redirect(to) => whole("302 Found", &format!("location: {to}\r\n"), b""),
        Reply::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").ok()?;
            loop {
                stream.write_all(&[b'#'; 65_536]).ok()?;
            }
        }
        Reply::Trickle | Reply::TrickledHead => {
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n";
            let end = if matches!(reply, Reply::Trickle) { "\r\n" } else { "x: " };
            stream.write_all(format!("{head}{end}").as_bytes()).ok()?;
            loop {
                stream.write_all(b"#").and_then(|()| stream.flush()).ok()?;
                thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

/// A directory with one file that uses these addresses.
struct Directory(tempfile::TempDir);

impl Directory {
    fn using(addresses: &[&str]) -> Directory {
        let directory = Directory(tempfile::tempdir().expect("a directory"));
        directory.uses(addresses);
        directory
    }

    fn uses(&self, addresses: &[&str]) {
        let uses: String = addresses.iter().enumerate().map(|(at, url)| format!("use \"{url}\" as m{at}\n")).collect();
        let frame = "use std/sim\ncluster { name = \"demo\", provider = sim.Provider {} }\n";
        fs::write(self.root(), format!("{uses}{frame}let x: int = m0.x\n")).expect("a file");
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("demo.kit")
    }

    fn lock_text(&self) -> Option<String> {
        fs::read_to_string(self.0.path().join("kit.lock")).ok()
    }

    fn load(&self, remotes: &mut dyn kit_loader::Remotes) -> (Sources, Vec<String>) {
        let mut sources = Sources::new();
        let root = sources.add("demo.kit", fs::read_to_string(self.root()).expect("the file"));
        let Findings { diagnostics, .. } = load(&mut sources, root, Some(&self.root()), &Disk, remotes);
        let mut all = diagnostics;
        all.extend(check(&mut sources, root).diagnostics);
        // What stands there for nothing but to be loaded is unused.
        all.retain(|one| one.severity == kit_lang::Severity::Error);
        let shown = all.iter().map(|one| format!("{}: {}", one.code, one.message)).collect();
        (sources, shown)
    }

    /// Locks and writes, or says what is wrong.
    fn lock(&self, locking: Locking) -> Result<Vec<Change>, Vec<String>> {
        let mut locking = locking;
        let (_, wrong) = self.load(&mut locking);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        for write in locking.writes() {
            fs::create_dir_all(write.path.parent().expect("a directory")).expect("a directory");
            fs::write(write.path, write.bytes).expect("a file");
        }
        Ok(locking.changes().values().cloned().collect())
    }

    fn locking(&self, authority: &Authority) -> Locking {
        Locking::beside(&self.root(), Some(fetcher(authority))).expect("a lock file or none")
    }

    /// What is wrong without a network.
    fn offline(&self) -> Vec<String> {
        self.load(&mut Locked::beside(Some(&self.root()))).1
    }
}

fn fetcher(authority: &Authority) -> Fetcher {
    let limits = Limits { time: Duration::from_secs(1), bytes: 100_000 };
    Fetcher::new(Some(authority.pem.as_bytes()), limits).expect("a fetcher")
}

fn world() -> (Authority, Server) {
    let authority = Authority::new();
    let server = Server::new(&authority, "localhost");
    (authority, server)
}

/// The one thing that is wrong with a server's reply.
fn refused(reply: Reply) -> String {
    let (authority, server) = world();
    server.set("/a.kit", reply);
    let directory = Directory::using(&[&server.url("/a.kit")]);
    let mut wrong = directory.lock(directory.locking(&authority)).expect_err("it is refused");
    assert_eq!((wrong.len(), directory.lock_text()), (1, None), "{wrong:?}");
    assert!(!directory.0.path().join("kit.modules").exists());
    wrong.remove(0)
}

#[test]
fn what_is_locked_needs_no_network() {
    let (authority, server) = world();
    server.text("/kit/a.kit", "use \"./b.kit\"\nlet x = b.y + 1\n");
    server.text("/kit/b.kit", "let y = 1\n");
    let directory = Directory::using(&[&server.url("/kit/a.kit")]);
    let wrong = directory.offline();
    assert!(
        wrong.len() == 1 && wrong[0].starts_with("KIT1106: kit.lock says nothing of https://localhost"),
        "{wrong:?}"
    );
    assert_eq!(server.asked(), 0);
    let changes = directory.lock(directory.locking(&authority)).expect("it is locked");
    assert!(changes.len() == 2 && changes.iter().all(|change| matches!(change, Change::Added(_))), "{changes:?}");
    assert_eq!(server.asked(), 2);
    assert_eq!(directory.offline(), [""; 0]);
    // Again: the same bytes, and nobody is asked.
    let before = directory.lock_text();
    let changes = directory.lock(directory.locking(&authority)).expect("it is locked");
    assert!(changes.iter().all(|change| matches!(change, Change::Same(_))), "{changes:?}");
    assert_eq!((server.asked(), directory.lock_text()), (2, before));
    assert!(directory.lock(Locking::beside(&directory.root(), None).expect("a lock file")).is_ok());
}

#[test]
fn what_changed_is_refused_with_both_hashes_until_it_is_taken() {
    let (authority, server) = world();
    server.text("/a.kit", "let x = 1\n");
    let url = server.url("/a.kit");
    let directory = Directory::using(&[&url]);
    directory.lock(directory.locking(&authority)).expect("it is locked");
    server.text("/a.kit", "let x = 2\n");
    // A lock that has it asks nobody; a verification does.
    assert!(directory.lock(directory.locking(&authority)).is_ok());
    let wrong = directory.lock(directory.locking(&authority).verifying()).expect_err("it has changed");
    let hashes = |text: &str| text.matches("sha256:").count();
    assert!(wrong.len() == 1 && wrong[0].starts_with("KIT1107") && hashes(&wrong[0]) == 2, "{wrong:?}");
    // Where the copy is gone, what comes has to be what was locked.
    fs::remove_dir_all(directory.0.path().join("kit.modules")).expect("the copies");
    assert!(directory.offline()[0].starts_with("KIT1106"), "{:?}", directory.offline());
    let wrong = directory.lock(directory.locking(&authority)).expect_err("it has changed");
    assert!(wrong[0].starts_with("KIT1107"), "{wrong:?}");
    let changes = directory.lock(directory.locking(&authority).updating([url])).expect("it is taken");
    assert!(matches!(changes.as_slice(), [Change::Updated { .. }]), "{changes:?}");
    assert_eq!(directory.offline(), [""; 0]);
    assert!(directory.lock(directory.locking(&authority).verifying()).is_ok());
    let mut locking = directory.locking(&authority).updating(["https://example.com/other.kit".to_owned()]);
    assert_eq!(directory.load(&mut locking).1, [""; 0]);
    assert!(locking.all_used().is_err_and(|refused| refused.message.contains("other.kit")));
    // A copy that somebody edits is refused.
    let copies = fs::read_dir(directory.0.path().join("kit.modules")).expect("the copies");
    for copy in copies.flatten() {
        fs::write(copy.path(), "let x = 3\n").expect("a file");
    }
    let wrong = directory.offline();
    assert!(wrong.len() == 1 && wrong[0].starts_with("KIT1107") && hashes(&wrong[0]) == 2, "{wrong:?}");
    assert!(directory.lock(directory.locking(&authority).verifying()).is_err());
}

#[test]
fn a_circle_over_two_hosts_is_refused() {
    let authority = Authority::new();
    let (one, other) = (Server::new(&authority, "localhost"), Server::new(&authority, "localhost"));
    one.text("/a.kit", &format!("use \"{}\"\nlet x = 1\n", other.url("/b.kit")));
    other.text("/b.kit", &format!("use \"{}\"\nlet y = 1\n", one.url("/a.kit")));
    let directory = Directory::using(&[&one.url("/a.kit")]);
    let wrong = directory.lock(directory.locking(&authority)).expect_err("a circle");
    assert!(wrong.len() == 1 && wrong[0].starts_with("KIT2012") && wrong[0].contains("/b.kit -> https"), "{wrong:?}");
    assert_eq!((one.asked(), other.asked()), (1, 1));
}

#[test]
fn bad_replies_are_refused_and_nothing_is_written() {
    let (_, elsewhere) = world();
    let plain = refused(Reply::Redirect(format!("http://localhost:{}/a.kit", elsewhere.port)));
    assert!(plain.starts_with("KIT1109") && plain.contains("which is not HTTPS"), "{plain}");
    assert_eq!(elsewhere.asked(), 0);
    let missing = refused(Reply::Missing);
    assert!(missing.contains("404 Not Found"), "{missing}");
    let endless = refused(Reply::Endless);
    assert!(endless.contains("more than 100000 bytes"), "{endless}");
    let not_utf8 = refused(Reply::Bytes(b"let x = \"caf\xe9\"".to_vec()));
    assert!(not_utf8.contains("not UTF-8, from byte 12"), "{not_utf8}");
    let around = refused(Reply::Redirect("/a.kit".to_owned()));
    assert!(around.contains("redirects more than 5 times"), "{around}");
}

#[test]
fn slow_servers_are_given_up() {
    for reply in [Reply::Trickle, Reply::TrickledHead] {
        let began = Instant::now();
        let slow = refused(reply);
        assert!(slow.starts_with("KIT1109") && slow.contains("takes"), "{slow}");
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
}

#[test]
fn redirects_over_https_are_followed_and_the_address_stays() {
    let (authority, server) = world();
    server.set("/a.kit", Reply::Redirect("/store/1234".to_owned()));
    server.text("/store/1234", "use \"./b.kit\"\nlet x = b.y\n");
    server.text("/b.kit", "let y = 1\n");
    let directory = Directory::using(&[&server.url("/a.kit")]);
    assert!(directory.lock(directory.locking(&authority)).is_ok());
    assert!(directory.lock_text().is_some_and(|text| !text.contains("store")));
}

#[test]
fn wrong_certificates_are_refused() {
    let (authority, server) = world();
    server.text("/a.kit", "let x = 1\n");
    let directory = Directory::using(&[&server.url("/a.kit")]);
    let stranger = Authority::new();
    let wrong = directory.lock(directory.locking(&stranger)).expect_err("nobody vouches for it");
    assert!(wrong.len() == 1 && wrong[0].starts_with("KIT1109"), "{wrong:?}");
    let other = Server::new(&authority, "other.example");
    directory.uses(&[&other.url("/a.kit")]);
    let wrong = directory.lock(directory.locking(&authority)).expect_err("it is of another name");
    assert!(wrong.len() == 1 && wrong[0].starts_with("KIT1109"), "{wrong:?}");
    assert_eq!((server.asked(), other.asked()), (0, 0));
}

#[test]
fn a_lock_file_that_is_none_stops_everything() {
    let (authority, server) = world();
    server.text("/a.kit", "let x = 1\n");
    let directory = Directory::using(&[&server.url("/a.kit")]);
    directory.lock(directory.locking(&authority)).expect("it is locked");
    let good = directory.lock_text().expect("a lock file");
    for bad in [&good[..good.len() / 2], "garbage", "", &good.replace("\"version\": 1", "\"version\": 2")] {
        fs::write(directory.0.path().join("kit.lock"), bad).expect("a file");
        let wrong = directory.offline();
        assert!(wrong.len() == 1 && wrong[0].starts_with("KIT1108"), "{bad:?}: {wrong:?}");
        assert!(Locking::beside(&directory.root(), None).is_err(), "{bad:?}");
        assert_eq!(directory.lock_text().as_deref(), Some(bad));
    }
}
