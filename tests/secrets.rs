//! Canaries: secrets that are given in each way, and searched for in everything that Kit prints or writes.
#![allow(clippy::expect_used)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What each secret holds, and nothing else does. Parts of it are no secret of their own.
const CANARY: &str = "c4n4ry";

const FILE: &str = r#"use std/sim
use std/swarm

param size: int = 1
param token: secret<string>
param login: { user: string, password: secret<string> } = { user = "ada", password = meta.env.SECRET_OF_ENV }
param port: secret<int>?
param keys: list<secret<string>> = []

metadata env { SECRET_OF_ENV: secret<string> }

cluster {
  name     = "demo"
  provider = sim.Provider {}
  leader   = managers
}

resource net = sim.Network { cidr = 172.31.0.0/16, subnet = 172.31.16.0/20 }

let node = sim.Machine {
  image   = "debian-12"
  network = net
  setup   = sh"""
    login "$USER_NAME" "$PASSWORD" "$HEADER" "$KEYS"
  """ with {
    USER_NAME = login.user
    PASSWORD  = login.password
    HEADER    = "Bearer ${token}"
    FROM_ENV  = meta.env.SECRET_OF_ENV
    if port != none { PORT = port }
    KEYS      = keys.count
  }
}

group managers: swarm.Manager {
  machine = node
  member m1 { ip = 172.31.16.101, volume = { size = 20GiB } }
}

group workers: swarm.Worker {
  machine = node
  count   = size
}

output user = login.user

test "with two" with { size = 2 } {
  require workers.count == 2 else "it has two"
}
"#;

/// A directory for what Kit writes, and one for what it is given, which is not searched.
struct Place {
    work: tempfile::TempDir,
    given: tempfile::TempDir,
    said: Vec<(String, Vec<u8>)>,
    replica: Option<Child>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.end_replica();
    }
}

impl Place {
    fn new() -> Self {
        let directory = || tempfile::tempdir().expect("a directory");
        let place = Self { work: directory(), given: directory(), said: Vec::new(), replica: None };
        place.write("demo.kit", FILE);
        place
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.work.path().join(name), text).expect("a file");
    }

    /// A file that is given and holds secrets.
    fn give(&self, name: &str, text: &str) -> String {
        let path = self.given.path().join(name);
        std::fs::write(&path, text).expect("a file");
        // Kit takes no secret from a file that others can read.
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a mode");
        path.to_str().expect("a path").to_owned()
    }

    fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kitc"));
        command.args(arguments).current_dir(self.work.path()).env_remove("KIT_SIM_DIR").stdin(Stdio::null());
        command
            .env("SECRET_OF_ENV", format!("{CANARY}-env"))
            .env("RUST_BACKTRACE", "full")
            .env("TOKEN_1", format!("{CANARY}-1"))
            .env("TOKEN_2", format!("{CANARY}-2"))
            .envs(variables.iter().copied());
        command
    }

    /// Runs kitc, and keeps what it said.
    fn run_with(&mut self, arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
        let output = self.command(arguments, variables).output().expect("kitc starts");
        let what = arguments.join(" ");
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        self.said.push((format!("standard output of {what}"), output.stdout));
        self.said.push((format!("standard error of {what}"), output.stderr));
        let code = output.status.code().unwrap_or_else(|| panic!("{what} ended by a signal"));
        assert_ne!(code, 70, "{what} is a bug:\n{said}");
        (code, said)
    }

    fn run(&mut self, arguments: &[&str]) -> (i32, String) {
        self.run_with(arguments, &[])
    }

    #[track_caller]
    fn ok(&mut self, arguments: &[&str]) -> String {
        let (code, said) = self.run(arguments);
        assert_eq!(code, 0, "{}:\n{said}", arguments.join(" "));
        said
    }

    #[track_caller]
    fn wrong(&mut self, arguments: &[&str]) {
        let (code, said) = self.run(arguments);
        assert_eq!(code, 1, "{}:\n{said}", arguments.join(" "));
    }

    /// Keeps what the replica answers to whoever comes where it listens.
    fn ask_what_it_shows(&mut self) {
        let said = std::fs::read_to_string(self.work.path().join("watch.err")).expect("what it said");
        let address = said.lines().find_map(|line| line.strip_prefix("listens at http://")).expect("where it listens");
        for path in ["/", "/live.json", "/status.json", "/metrics", "/healthz", "/nothing"] {
            let mut stream = TcpStream::connect(address.trim_end_matches('/')).expect("it listens");
            stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).expect("it reads");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).expect("an answer");
            assert!(answer.starts_with(b"HTTP/1.1 ") && answer.len() > 200, "{}", String::from_utf8_lossy(&answer));
            self.said.push((format!("what stands at {path}"), answer));
        }
    }

    fn end_replica(&mut self) {
        if let Some(mut replica) = self.replica.take() {
            replica.kill().expect("it runs until it is killed");
            replica.wait().expect("it ends");
        }
    }

    /// Where a canary is found: in what was said, or in a file.
    fn found(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (what, bytes) in &self.said {
            if holds_canary(bytes) {
                found.push(format!("{what}:\n{}", String::from_utf8_lossy(bytes)));
            }
        }
        let mut files = Vec::new();
        files_below(self.work.path(), &mut files);
        assert!(!files.is_empty());
        found.extend(
            files
                .into_iter()
                .filter(|file| holds_canary(&std::fs::read(file).unwrap_or_default()))
                .map(|file| file.display().to_string()),
        );
        found
    }
}

fn holds_canary(bytes: &[u8]) -> bool {
    // A number has no letters: the canary of the port is one that nothing else is.
    [CANARY, "48613"].iter().any(|canary| bytes.windows(canary.len()).any(|part| part == canary.as_bytes()))
}

fn files_below(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() { files_below(&path, found) } else { found.push(path) }
    }
}

/// A way in which parameters are given: arguments, and variables of the environment.
type Way = (Vec<String>, Vec<(&'static str, String)>);

/// Each of them.
fn ways(place: &Place) -> Vec<Way> {
    let login = format!("{{\"user\": \"ada\", \"password\": \"{CANARY}-login\"}}");
    let keys = format!("[\"{CANARY}-a\", \"{CANARY}-b\"]");
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let json = place.give(
        "given.json",
        &format!(
            "{{\n  \"token\": \"{CANARY}-json\",\n  \"login\": {login},\n  \"port\": 48613, \"keys\": {keys}\n}}\n"
        ),
    );
    let toml = place.give(
        "given.toml",
        &format!("token = \"{CANARY}-toml\"\nport = 48613\nkeys = {keys}\n[login]\nuser = \"ada\"\npassword = \"{CANARY}-login\"\n"),
    );
    let kit = place.give(
        "given.kit",
        &format!("token = \"{CANARY}-kit\"\nport = 48613\nkeys = {keys}\nlogin = {{ user = \"ada\", password = \"{CANARY}-login\" }}\n"),
    );
    let file = place.give("token", &format!("{CANARY}-file\n"));
    vec![
        (words(&["--params", &kit]), Vec::new()),
        (
            words(&["--secret", &format!("token=@{file}"), "--secret", "port=env:PORT_OF_ENV"]),
            vec![("PORT_OF_ENV", "48613".to_owned())],
        ),
        (
            words(&[
                "--set",
                &format!("token={CANARY}-set"),
                "--set",
                &format!("login={login}"),
                "--set",
                "port=48613",
                "--set",
                &format!("keys={keys}"),
            ]),
            Vec::new(),
        ),
        (
            Vec::new(),
            vec![
                ("KIT_PARAM_TOKEN", format!("{CANARY}-variable")),
                ("KIT_PARAM_LOGIN", login.clone()),
                ("KIT_PARAM_PORT", "48613".to_owned()),
                ("KIT_PARAM_KEYS", keys.clone()),
            ],
        ),
        (words(&["--params", &json]), Vec::new()),
        (words(&["--params", &toml]), Vec::new()),
    ]
}

#[test]
fn no_verb_that_reads_a_file_shows_a_secret() {
    let mut place = Place::new();
    for (arguments, variables) in ways(&place) {
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let verbs: [&[&str]; 12] = [
            &["check", "demo.kit"],
            &["check", "--shell", "--format", "json", "demo.kit"],
            &["compile", "demo.kit"],
            &["compile", "demo.kit", "--pretty", "-o", "graph.json"],
            &["graph", "demo.kit"],
            &["graph", "demo.kit", "--format", "mermaid"],
            &["explain", "managers.m1", "demo.kit"],
            &["explain", "token", "demo.kit"],
            &["explain", "login", "demo.kit"],
            &["plan", "demo.kit"],
            &["plan", "demo.kit", "--format", "json"],
            &["simulate", "demo.kit", "--kill", "leader@60s"],
        ];
        for verb in verbs {
            let all: Vec<&str> = verb.iter().copied().chain(arguments.iter().map(String::as_str)).collect();
            let (code, said) = place.run_with(&all, &variables);
            assert_eq!(code, 0, "{all:?}:\n{said}");
        }
        place.ok(&["test", "demo.kit", "--junit", "junit.xml"]);
    }
    let graph = std::fs::read_to_string(place.work.path().join("graph.json")).expect("a graph");
    for name in ["token", "login.password", "meta.env.SECRET_OF_ENV", "port"] {
        assert!(
            graph.contains(&format!("{{\n              \"$secret\": \"{name}\""))
                || graph.contains(&format!("\"$secret\": \"{name}\"")),
            "{name} is not in\n{graph}"
        );
    }
    assert_eq!(place.found(), [] as [String; 0]);
}

/// Whatever is wrong with what is given, none of it is repeated.
#[test]
fn no_error_shows_a_secret() {
    let mut place = Place::new();
    let types = [
        "secret<int>",
        "secret<ip>",
        "secret<\"a\" | \"b\">",
        "secret<Long>",
        "list<secret<string>>",
        "{ a: string, token: secret<int> }",
        "{ a: string }",
    ];
    for (number, ty) in types.iter().enumerate() {
        let name = format!("wrong-{number}.kit");
        let declared =
            format!("param token: {ty}\ntype Long = string where it.length > 90 else \"${{it}} is short\"\n");
        place.write(
            &name,
            &FILE
                .replace("param token: secret<string>\n", &declared)
                .replace("    HEADER    = \"Bearer ${token}\"\n", ""),
        );
        // What is no secret at all may be shown; it is given none.
        let given = if ty.contains("secret") { format!("{CANARY}-1") } else { "none".to_owned() };
        let json = place.give("wrong.json", &format!("{{\"size\": \"x\", \"token\": \"{given}\"}}"));
        let toml = place.give("wrong.toml", &format!("size = \"x\"\ntoken = \"{given}\"\n"));
        for verb in
            [&["check"] as &[&str], &["check", "--format", "json"], &["compile"], &["plan"], &["apply", "--yes"]]
        {
            let verb: Vec<&str> = verb.iter().copied().chain([name.as_str()]).collect();
            place.wrong(&[&verb[..], &["--set", &format!("token={given}")]].concat());
            place.wrong(&[&verb[..], &["--params", &json]].concat());
            place.wrong(&[&verb[..], &["--params", &toml]].concat());
        }
    }
    // As secrets, and in a file that others can read.
    place.wrong(&["compile", "wrong-0.kit", "--secret", "token=env:SECRET_OF_ENV"]);
    place.wrong(&["compile", "demo.kit", "--secret", &format!("token={CANARY}-1")]);
    let open = place.give("open.json", &format!("{{\"token\": \"{CANARY}-1\"}}"));
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("a mode");
    place.wrong(&["compile", "demo.kit", "--params", &open]);
    // Misspelt, and files that cannot be read.
    place.wrong(&["check", "demo.kit", "--set", &format!("tokne={CANARY}-1")]);
    for (name, text) in [
        ("broken.json", format!("{{\"token\": \"{CANARY}-1\", \"size\": }}")),
        ("text.json", format!("\"{CANARY}-1\"")),
        ("twice.json", format!("{{\"token\": \"{CANARY}-1\", \"token\": \"{CANARY}-2\"}}")),
        ("fraction.json", format!("{{\"login\": {{\"user\": 1.5, \"password\": \"{CANARY}-1\"}}}}")),
        ("inner.json", format!("{{\"login\": {{\"user\": \"a\", \"password\": {CANARY}}}}}")),
        ("broken.toml", format!("token = \"{CANARY}-1\nsize = \n")),
        ("date.toml", format!("token = \"{CANARY}-1\"\nsize = 1979-05-27\n")),
        ("word.kit", format!("token = {CANARY}\n")),
        ("type.kit", format!("token = {{ a = \"{CANARY}-1\" }}\n")),
        ("broken.kit", format!("token = \"{CANARY}-1\nsize = [\n")),
        ("more.kit", format!("token = \"{CANARY}-1\" {CANARY}\n")),
        ("twice.kit", format!("token = \"{CANARY}-1\"\ntoken = \"{CANARY}-2\"\n")),
        ("tokne.kit", format!("tokne = \"{CANARY}-1\"\n")),
        ("line.toml", format!("token = {{ a = \"{CANARY}-1\", b = 1.5 }}\n")),
    ] {
        let path = place.give(name, &text);
        place.wrong(&["check", "demo.kit", "--params", &path]);
        place.wrong(&["compile", "demo.kit", "--params", &path]);
    }
    // A secret that a snapshot should not hold.
    let snapshot = place.give("snapshot.json", &format!("{{\"env.SECRET_OF_ENV\": \"{CANARY}-1\", \"env.OTHER\": 3}}"));
    place.wrong(&["compile", "demo.kit", "--set", "token=x", "--metadata", &snapshot]);
    // One that the environment answers as something else.
    place.write(
        "number.kit",
        &FILE
            .replace("SECRET_OF_ENV: secret<string>", "SECRET_OF_ENV: secret<int>")
            .replace(", password = meta.env.SECRET_OF_ENV }", ", password = token }"),
    );
    place.wrong(&["compile", "number.kit", "--set", "token=x"]);
    assert_eq!(place.found(), [] as [String; 0]);
}

/// A cluster that is made, watched, changed and ended with secrets: its directory, its events, its plans.
#[test]
fn no_cluster_keeps_a_secret() {
    let mut place = Place::new();
    let token = |number: u32| format!("token={CANARY}-{number}");
    place.ok(&["apply", "demo.kit", "--yes", "--pace", "20", "--set", &token(1)]);
    let watching = place
        .command(
            &["apply", "demo.kit", "--watch", "--as", "managers.m1", "--set", &token(1), "--listen", "127.0.0.1:0"],
            &[],
        )
        .stdout(std::fs::File::create(place.work.path().join("watch.out")).expect("a file"))
        .stderr(std::fs::File::create(place.work.path().join("watch.err")).expect("a file"))
        .spawn()
        .expect("kitc starts");
    place.replica = Some(watching);
    let begun = Instant::now();
    while !place.work.path().join(".kit/sim/demo/members/managers.m1/head.json").exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the replica reads no head");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(place.ok(&["plan", "demo.kit", "--set", &token(1)]).contains("nothing to do"));
    place.ok(&["plan", "demo.kit", "--set", &token(1), "--set", "size=2"]);
    place.ok(&["plan", "demo.kit", "--set", &token(2), "--set", "port=48613", "--format", "json"]);
    // Another secret is another revision, and other machines.
    let planned = place.ok(&["plan", "demo.kit", "--set", &token(2)]);
    assert!(planned.contains("values that change:\n  token            another secret\n"), "{planned}");
    assert!(planned.contains("workers.1        what its machine is made from differs"), "{planned}");
    // Who has only a snapshot knows no secret, and changes none.
    let snapshot = place.give("snapshot.json", "{}");
    let planned = place.ok(&["plan", "demo.kit", "--set", &token(1), "--metadata", &snapshot]);
    assert!(planned.contains("nothing to do"), "{planned}");
    place.ok(&["commit", "demo.kit", "--set", &token(2), "--set", "size=2", "--yes"]);
    let planned = place.ok(&["plan", "demo.kit", "--set", &token(2), "--set", "size=2"]);
    assert!(!planned.contains("values that change"), "{planned}");
    // Without the key of the cluster there is no trace of a secret.
    let compiled = |place: &mut Place, number: u32| {
        place.ok(&["compile", "demo.kit", "--secret", &format!("token=env:TOKEN_{number}")])
    };
    let one = compiled(&mut place, 1);
    assert!(one == compiled(&mut place, 2) && !one.contains("fingerprint"), "{one}");
    std::thread::sleep(Duration::from_millis(500));
    for verb in [&["status"] as &[&str], &["status", "--format", "json"], &["events"], &["history"]] {
        place.run(verb);
    }
    place.ask_what_it_shows();
    place.ok(&["pause"]);
    place.ok(&["resume"]);
    place.ok(&["rollback", "--yes"]);
    place.end_replica();
    place.run(&["events"]);
    assert_eq!(place.found(), [] as [String; 0]);
    let mut files = Vec::new();
    files_below(&place.work.path().join(".kit"), &mut files);
    assert!(files.len() > 5, "a cluster leaves files: {files:?}");
}

/// The search finds what is there: the same file, with a parameter that is no secret.
#[test]
fn the_search_finds_a_canary() {
    let mut place = Place::new();
    place.write("demo.kit", &FILE.replace("param token: secret<string>", "param token: string"));
    place.ok(&["compile", "demo.kit", "--set", &format!("token={CANARY}-1"), "-o", "graph.json"]);
    place.ok(&["explain", "managers.m1", "demo.kit", "--set", &format!("token={CANARY}-1")]);
    let found = place.found();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("standard output of explain") && found[1].ends_with("graph.json"), "{found:?}");
}
