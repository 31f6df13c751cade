//! Each source against what it asks in truth: this process's environment, files, servers on loopback, a socket.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use kit_fetch::Limits;
use kit_graph::{Instance, Value};
use kit_metadata::{DockerSource, EnvSource, FileSource, HttpSource, MAX_ANSWER_BYTES, ask};
use kit_model::{MetadataAnswer, MetadataError, MetadataQuestion, MetadataSource, MetadataValue};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

fn question(path: &str, argument: Option<&str>) -> MetadataQuestion {
    MetadataQuestion {
        path: path.to_owned(),
        arguments: argument.iter().map(|text| ("path".to_owned(), Value::String((*text).to_owned()))).collect(),
        provider: None,
        cluster: None,
    }
}

fn text(answer: Result<MetadataAnswer, MetadataError>) -> String {
    match answer.expect("an answer").value {
        MetadataValue::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

fn absent(answer: Result<MetadataAnswer, MetadataError>) -> String {
    match answer.expect("an answer").value {
        MetadataValue::Absent(why) => why,
        other => panic!("{other:?}"),
    }
}

fn why(answer: Result<MetadataAnswer, MetadataError>) -> String {
    answer.expect_err("no answer").why
}

#[test]
fn the_environment_has_what_this_process_was_started_with() {
    // cargo sets it.
    let name = "CARGO_MANIFEST_DIR";
    assert_eq!(text(EnvSource.look_up(&question(name, None))), env!("CARGO_MANIFEST_DIR"));
    assert!(
        absent(EnvSource.look_up(&question("KIT_NOBODY_SETS_THIS", None))).contains("KIT_NOBODY_SETS_THIS is not set")
    );
}

#[test]
fn files_are_read_from_the_directory_of_the_file_that_asks() {
    let directory = tempfile::tempdir().expect("a directory");
    let source = FileSource::new(directory.path().join("clusters"));
    let ask = |path: &str| source.look_up(&question("text", Some(path)));
    fs::create_dir(directory.path().join("clusters")).expect("a directory");
    fs::write(directory.path().join("clusters/motd"), "hello\n").expect("a file");
    fs::write(directory.path().join("beside"), "two\n\n").expect("a file");
    assert_eq!(text(ask("motd")), "hello");
    assert_eq!(text(ask("../beside")), "two\n");
    assert_eq!(text(ask(directory.path().join("beside").to_str().expect("UTF-8"))), "two\n");
    assert!(absent(ask("mtod")).contains("there is no file"));
    assert!(absent(ask("motd/inner")).contains("there is no file"));
    assert!(why(ask("~/motd")).contains("a word of shells"));
    assert!(why(ask("")).contains("empty"));
    assert!(why(ask("..")).contains("no regular file"));
    fs::write(directory.path().join("clusters/latin"), b"caf\xe9").expect("a file");
    assert!(why(ask("latin")).contains("not UTF-8, from byte 3"));
    fs::write(directory.path().join("clusters/large"), vec![b'x'; MAX_ANSWER_BYTES + 1]).expect("a file");
    assert!(why(ask("large")).contains("more than"));
    fs::write(directory.path().join("clusters/large"), vec![b'x'; MAX_ANSWER_BYTES]).expect("a file");
    assert_eq!(text(ask("large")).len(), MAX_ANSWER_BYTES);
}

#[test]
fn a_pipe_that_nobody_writes_to_holds_nobody_up() {
    let directory = tempfile::tempdir().expect("a directory");
    let pipe = directory.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let began = Instant::now();
    assert!(
        why(FileSource::new(directory.path()).look_up(&question("text", Some("pipe")))).contains("no regular file")
    );
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[derive(Clone)]
enum Reply {
    Body(Vec<u8>),
    Status(&'static str),
    Redirect(String),
    /// A body without an end.
    Endless,
    /// Nothing at all.
    Hang,
    /// A byte of the body now and then.
    Trickle,
}

type Replies = Arc<Mutex<BTreeMap<String, Reply>>>;

/// Answers one request; that a client goes away is what many of these tests are about.
fn serve(mut stream: impl Read + Write, replies: &Replies) -> Option<()> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        request.push(byte[0]);
    }
    let path = String::from_utf8(request).ok()?.split(' ').nth(1)?.to_owned();
    let reply = replies.lock().expect("no panic").get(&path).cloned().unwrap_or(Reply::Status("404 Not Found"));
    let mut whole = |status: &str, more: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n{more}content-length: {}\r\n\r\n", body.len());
        stream.write_all(&[head.as_bytes(), body].concat()).ok()?;
        stream.flush().ok()
    };
    match reply {
        Reply::Body(body) => whole("200 OK", "", &body),
        Reply::Status(status) => whole(status, "", b"nothing"),
        Reply::Redirect(to) => whole("302 Found", &format!("location: {to}\r\n"), b""),
        Reply::Hang => {
            thread::sleep(Duration::from_secs(60));
            None
        }
        Reply::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").ok()?;
            loop {
                stream.write_all(&[b'#'; 65_536]).ok()?;
            }
        }
        Reply::Trickle => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").ok()?;
            loop {
                stream.write_all(b"#").and_then(|()| stream.flush()).ok()?;
                thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

/// A server on loopback, of HTTPS or of plain HTTP.
struct Server {
    base: String,
    replies: Replies,
}

impl Server {
    fn plain() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let replies = Replies::default();
        let shared = Arc::clone(&replies);
        // It ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let replies = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &replies));
            }
        });
        Server { base, replies }
    }

    fn tls(issuer: &Issuer<'static, KeyPair>) -> Server {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, issuer).expect("a certificate");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config =
            ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key);
        let config = Arc::new(config.expect("a configuration"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("https://localhost:{}", listener.local_addr().expect("an address").port());
        let replies = Replies::default();
        let shared = Arc::clone(&replies);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, replies) = (Arc::clone(&config), Arc::clone(&shared));
                thread::spawn(move || {
                    let connection = ServerConnection::new(config).ok()?;
                    let mut stream = StreamOwned::new(connection, stream);
                    serve(&mut stream, &replies)?;
                    stream.conn.send_close_notify();
                    stream.flush().ok()
                });
            }
        });
        Server { base, replies }
    }

    fn set(&self, path: &str, reply: Reply) -> String {
        self.replies.lock().expect("no panic").insert(path.to_owned(), reply);
        format!("{}{path}", self.base)
    }
}

fn authority() -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let pem = params.self_signed(&key).expect("a certificate").pem();
    (pem, Issuer::new(params, key))
}

fn pages(pem: &str) -> HttpSource {
    let limits = Limits { time: Duration::from_secs(1), bytes: 100_000 };
    HttpSource::with_authorities(pem.as_bytes(), limits).expect("a source")
}

#[test]
fn pages_come_over_https_or_from_the_loopback() {
    let (pem, issuer) = authority();
    let (safe, plain) = (Server::tls(&issuer), Server::plain());
    let source = pages(&pem);
    let ask = |url: &str| source.look_up(&question("page", Some(url)));
    assert_eq!(text(ask(&safe.set("/size", Reply::Body(b"3\n".to_vec())))), "3");
    assert_eq!(text(ask(&plain.set("/size", Reply::Body(b"4\n".to_vec())))), "4");
    assert_eq!(text(ask(&safe.set("/moved", Reply::Redirect("/size".to_owned())))), "3");
    assert_eq!(text(ask(&plain.set("/up", Reply::Redirect(format!("{}/size", safe.base))))), "3");
    assert!(absent(ask(&format!("{}/nothing", safe.base))).contains("404 Not Found"));
}

#[test]
fn bad_pages_are_no_answers() {
    let (pem, issuer) = authority();
    let (safe, plain) = (Server::tls(&issuer), Server::plain());
    let source = pages(&pem);
    let refused = |url: &str| why(source.look_up(&question("page", Some(url))));
    plain.set("/inner", Reply::Body(b"inner".to_vec()));
    // Who is sent here from elsewhere does not get at what only this machine can reach.
    let down = refused(&safe.set("/down", Reply::Redirect(format!("{}/inner", plain.base))));
    assert!(down.contains("which is not HTTPS"), "{down}");
    assert!(refused("http://example.invalid/size").contains("it is not HTTPS"));
    assert!(refused("ftp://localhost/size").contains("it is not HTTPS"));
    assert!(refused("size.json").contains("is no address"));
    assert!(refused("https://user:word@localhost/size").contains("a user or a password"));
    assert!(refused(&safe.set("/broken", Reply::Status("500 Internal Server Error"))).contains("500"));
    assert!(refused(&safe.set("/endless", Reply::Endless)).contains("more than 100000 bytes"));
    assert!(refused(&safe.set("/latin", Reply::Body(b"caf\xe9".to_vec()))).contains("not UTF-8"));
    assert!(refused(&safe.set("/circle", Reply::Redirect("/circle".to_owned()))).contains("redirects more than"));
    let stranger = pages(&authority().0);
    let wrong = why(stranger.look_up(&question("page", Some(&format!("{}/latin", safe.base)))));
    assert!(wrong.contains("certificate") || wrong.contains("nknown"), "{wrong}");
    for slow in [Reply::Hang, Reply::Trickle] {
        let began = Instant::now();
        let wrong = refused(&safe.set("/slow", slow));
        assert!(wrong.contains("takes"), "{wrong}");
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    assert!(refused(&format!("http://{closed}/")).contains("refused"));
}

/// A Docker Engine's socket with these answers.
fn engine(socket: &Path, answers: &[(&str, Reply)]) -> Instance {
    let listener = UnixListener::bind(socket).expect("a socket");
    let replies: Replies =
        Arc::new(Mutex::new(answers.iter().map(|(path, reply)| ((*path).to_owned(), reply.clone())).collect()));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let replies = Arc::clone(&replies);
            thread::spawn(move || serve(stream, &replies));
        }
    });
    provider(&format!("unix://{}", socket.display()))
}

fn provider(host: &str) -> Instance {
    let mut properties = kit_graph::Properties::new();
    properties.insert("host".to_owned(), Value::String(host.to_owned()));
    Instance { kind: "docker.Provider".to_owned(), properties }
}

fn json(body: &str) -> Reply {
    Reply::Body(body.as_bytes().to_vec())
}

#[test]
fn an_engine_says_its_version_and_the_digests_of_images() {
    let directory = tempfile::tempdir().expect("a directory");
    let provider = engine(
        &directory.path().join("docker.sock"),
        &[
            ("/version", json(r#"{"Version": "29.1.0", "ApiVersion": "1.52"}"#)),
            ("/distribution/debian:12/json", json(r#"{"Descriptor": {"digest": "sha256:00ff"}}"#)),
            ("/distribution/own:1/json", Reply::Status("403 Forbidden")),
            ("/images/own:1/json", json(r#"{"RepoDigests": ["registry.example/own@sha256:0a0a"]}"#)),
            ("/images/built:1/json", json(r#"{"RepoDigests": []}"#)),
            ("/images/odd:1/json", json(r#"{"Repo"#)),
        ],
    );
    let ask = |path: &str, image: Option<&str>| {
        DockerSource.look_up(&MetadataQuestion { provider: Some(provider.clone()), ..question(path, image) })
    };
    let data = |answer: Result<MetadataAnswer, MetadataError>| match answer.expect("an answer").value {
        MetadataValue::Data(Value::String(text)) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(data(ask("version", None)), "29.1.0");
    assert_eq!(data(ask("image", Some("debian:12"))), "debian:12@sha256:00ff");
    // A registry that does not let us in says nothing of an image that is here.
    assert_eq!(data(ask("image", Some("own:1"))), "own:1@sha256:0a0a");
    assert!(why(ask("image", Some("built:1"))).contains("never pushed"));
    assert!(absent(ask("image", Some("nowhere:1"))).contains("does not hold nowhere:1"));
    assert!(why(ask("image", Some("odd:1"))).contains("no JSON"), "{:?}", ask("image", Some("odd:1")));
    for bad in ["", "a b", "../containers", "a?b", "a\r\nb"] {
        assert!(why(ask("image", Some(bad))).contains("no name of an image"), "{bad:?}");
    }
}

#[test]
fn where_no_engine_is_that_is_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let ask = |host: &str| {
        why(DockerSource.look_up(&MetadataQuestion { provider: Some(provider(host)), ..question("version", None) }))
    };
    let nobody = ask(&format!("unix://{}", directory.path().join("docker.sock").display()));
    assert!(nobody.starts_with("no Docker Engine answers at") && nobody.contains("No such file"), "{nobody}");
    assert!(ask("ssh://host").contains("only over a socket of this machine"));
    let other = engine(&directory.path().join("other.sock"), &[("/version", json("[]"))]);
    let answer = DockerSource.look_up(&MetadataQuestion { provider: Some(other), ..question("version", None) });
    assert!(why(answer).contains("does not answer to /version as a Docker Engine does"));
}

#[test]
fn a_source_that_panics_keeps_nobody_waiting() {
    let began = Instant::now();
    let answers =
        ask(vec![(Arc::new(Slow) as Arc<dyn MetadataSource>, question("panics", None))], Duration::from_secs(30));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(answers.into_iter().all(|answer| why(answer).contains("broke down")));
}

/// A source that takes its time.
struct Slow;

impl MetadataSource for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn look_up(&self, question: &MetadataQuestion) -> Result<MetadataAnswer, MetadataError> {
        match question.path.as_str() {
            "hangs" => thread::sleep(Duration::from_secs(60)),
            "panics" => panic!("a bug in a source"),
            _ => thread::sleep(Duration::from_millis(100)),
        }
        Ok(MetadataAnswer::text(question.path.clone(), "slow"))
    }
}

#[test]
fn a_round_is_asked_at_once_and_what_hangs_is_left_behind() {
    let source: Arc<dyn MetadataSource> = Arc::new(Slow);
    let mut names: Vec<String> = (0..40).map(|number| format!("n{number}")).collect();
    names[3] = "hangs".to_owned();
    names[20] = "panics".to_owned();
    names.extend(["hangs".to_owned(), "last".to_owned()]);
    let questions = names.iter().map(|name| (Arc::clone(&source), question(name, None))).collect();
    let began = Instant::now();
    let answers = ask(questions, Duration::from_secs(1));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    for (name, answer) in names.iter().zip(answers) {
        match name.as_str() {
            "hangs" => assert!(why(answer).contains("no answer came within 1 s")),
            "panics" => assert!(why(answer).contains("its source slow broke down")),
            name => assert_eq!(text(answer), name),
        }
    }
}
