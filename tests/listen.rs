//! What a replica shows over HTTP: health, metrics and the page, from outside, on the simulated cloud; the page in a real
//! browser where there is one.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/swarm-sim.kit");

/// How long anything may take: tests run beside others, and a browser starts slowly.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many times as fast as a real one a cluster goes whose healing is looked at: slow enough to be seen while it lasts.
const PACE: &str = "4";

/// Set where there must be a browser, so that its tests may not be left out.
const BROWSER_REQUIRED: &str = "KIT_BROWSER_REQUIRED";

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "no {what} within {PATIENCE:?}");
        sleep(Duration::from_millis(200));
    }
}

/// Ends a process that the test started, however the test ends.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Cluster {
    directory: tempfile::TempDir,
}

/// A process that watches the cluster and listens.
struct Watch {
    process: Started,
    address: SocketAddr,
}

impl Cluster {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory") }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kitc"));
        command.args(arguments).current_dir(self.directory.path()).env_remove("KIT_SIM_DIR").stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("kitc starts")
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "kitc {}: {said}", arguments.join(" "));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn status(&self) -> Value {
        serde_json::from_slice(&self.run(&["status", "--format", "json"]).stdout).expect("JSON")
    }

    fn watch(&self, more: &[&str]) -> Watch {
        let arguments = [&["apply", FILE, "--watch", "--listen", "127.0.0.1:0"], more].concat();
        let mut child =
            self.command(&arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("kitc starts");
        let mut said = BufReader::new(child.stderr.take().expect("its standard error"));
        let process = Started(child);
        let address = loop {
            let mut line = String::new();
            assert!(said.read_line(&mut line).expect("UTF-8") > 0, "it ended without listening");
            if let Some(rest) = line.strip_prefix("listens at http://") {
                break rest.trim_end_matches(['/', '\n']).parse().expect("an address");
            }
        };
        // Whoever stops reading would stop it.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Watch { process, address }
    }
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

impl Watch {
    /// What comes back on these bytes; none if nothing does.
    fn raw(&self, request: &str) -> std::io::Result<Answer> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        // Who is refused early hears it before it has sent all.
        let _ = stream.write_all(request.as_bytes());
        let mut bytes = Vec::new();
        if let Err(error) = stream.read_to_end(&mut bytes)
            && bytes.is_empty()
        {
            return Err(error);
        }
        let text = String::from_utf8(bytes).expect("UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default();
        Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
    }

    fn get(&self, path: &str) -> Answer {
        self.raw(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address)).expect("an answer")
    }

    fn live(&self) -> Value {
        self.get("/live.json").json()
    }

    /// The state in which all is as asked, and each replica has gone round.
    fn converged(&self) -> Value {
        let whole = |live: &Value| live["seen"]["converged"] == true && live["ill"].is_null();
        until("convergence", || Some(self.live()).filter(whole))
    }
}

/// The same report, but for what differs from look to look.
fn timeless(mut report: Value) -> Value {
    for replica in report["replicas"].as_array_mut().expect("a list") {
        replica["wall_ms"] = Value::Null;
    }
    report
}

#[test]
fn a_replica_shows_what_status_and_events_say_and_tells_a_killed_leader() {
    let cluster = Cluster::new();
    let watch = cluster.watch(&["--yes", "--pace", PACE]);
    // What waits and is no member is told too: the group of workers, until the managers are there.
    until("a group that waits", || {
        let waits = watch.live()["seen"]["waits"].to_string();
        (waits.contains("workers: ") && waits.contains("KIT7046")).then_some(())
    });
    watch.converged();

    // Between two looks the cluster may move; when it stands still both say the same.
    until("the same report", || {
        let shown = watch.get("/status.json");
        (shown.status == 200 && timeless(shown.json()) == timeless(cluster.status())).then_some(())
    });
    let live = watch.live();
    let events = cluster.ok(&["events", "--format", "json"]);
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let shown = live["events"].as_array().expect("a list");
    assert!(shown.len() > 10, "{shown:?}");
    for event in shown {
        assert!(events.contains(event), "`kitc events` does not know {event}");
    }
    let printed = cluster.ok(&["status"]);
    for member in live["seen"]["members"].as_array().expect("a list") {
        let cells =
            ["member", "ip", "machine", "volume", "node", "health"].map(|name| member[name].as_str().expect(name));
        let line = printed.lines().find(|line| line.starts_with(cells[0])).expect("the member");
        assert!(cells.iter().all(|cell| line.contains(cell)), "{line}: {member}");
    }
    assert!(printed.starts_with(&format!("cluster demo: {}\n", live["seen"]["state"].as_str().expect("text"))));

    let health = watch.get("/healthz");
    assert_eq!(health.status, 200, "{}", health.body);
    let health = health.json();
    assert!(health["ok"] == true && health["leads"] == true && health["why"].is_null(), "{health}");
    assert_eq!(health["replicas"].as_array().map(Vec::len), Some(3), "{health}");

    let before = metrics(&watch);
    assert_eq!(value(&before, "kit_cluster_converged", &[]), Some(1.0));
    assert_eq!(value(&before, "kit_members", &[("group", "managers"), ("health", "whole")]), Some(3.0));

    let leader = live["seen"]["leader"].as_str().expect("a leader").to_owned();
    cluster.ok(&["sim", "kill", "leader"]);
    let hurt = until("a hurt cluster", || Some(watch.live()).filter(|live| live["seen"]["problem"] == true));
    assert_eq!(hurt["seen"]["converged"], false);
    let troubled = until("the dead member and what is done about it", || {
        let live = watch.live();
        let members = live["seen"]["members"].as_array().expect("a list");
        let dead = members.iter().find(|member| member["member"] == leader.as_str() && member["whole"] == false)?;
        (dead["doing"].is_string() || dead["waits"] != Value::Array(Vec::new())).then(|| dead.clone())
    });
    assert_ne!(troubled["health"], "whole");
    let healed = watch.converged();
    assert_ne!(healed["seen"]["leader"], leader.as_str(), "another one leads");
    let told = healed["events"].as_array().expect("a list");
    let step = format!("{leader}: create machine");
    assert!(
        told.iter().any(|event| event["kind"] == "took-over")
            && told.iter().any(|event| event["address"] == leader.as_str()
                && event["message"].as_str().is_some_and(|text| text.starts_with("create machine"))),
        "no event of {step}"
    );
    let after = metrics(&watch);
    assert!(value(&after, "kit_cluster_epoch", &[]) > value(&before, "kit_cluster_epoch", &[]));
    let warned = |scrape: &[prometheus_parse::Sample]| value(scrape, "kit_events_total", &[("level", "info")]);
    assert!(warned(&after) > warned(&before), "a counter goes up");
}

/// The metrics, as a scraper reads them, and by the rules of the format that its reader forgives.
fn metrics(watch: &Watch) -> Vec<prometheus_parse::Sample> {
    let answer = watch.get("/metrics");
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = answer.body;
    assert!(text.ends_with('\n'));
    let scrape =
        prometheus_parse::Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).expect("the text format");
    let lines = text.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(scrape.samples.len(), lines, "each line is a sample:\n{text}");
    let mut series = BTreeSet::new();
    for sample in &scrape.samples {
        let name = &sample.metric;
        assert!(name.starts_with("kit_"), "{name}");
        assert!(scrape.docs.get(name).is_some_and(|help| help.len() > 10), "{name} has no HELP");
        assert_eq!(text.matches(&format!("# TYPE {name} ")).count(), 1, "{name} has one TYPE");
        let counts = matches!(sample.value, prometheus_parse::Value::Counter(_));
        assert_eq!(counts, name.ends_with("_total"), "{name}: counters, and they alone, end in _total");
        assert!(!matches!(sample.value, prometheus_parse::Value::Untyped(_)), "{name} has no type");
        let units = ["_ms", "_millis", "_minutes", "_kb", "_mb", "_count", "_sum", "_bucket"];
        assert!(!units.iter().any(|unit| name.ends_with(unit)), "{name} has another unit than Prometheus wants");
        assert!(!name.contains("_seconds") || name.ends_with("_seconds"), "{name}: the unit is last");
        let mut labels: Vec<String> = sample.labels.iter().map(|(label, text)| format!("{label}={text}")).collect();
        labels.sort();
        assert!(series.insert(format!("{name} {labels:?}")), "{name} {labels:?} stands twice");
    }
    assert!((15..60).contains(&scrape.samples.len()), "few series, and all of them:\n{text}");
    promtool(&text);
    scrape.samples
}

/// What Prometheus's own linter says, where it is there.
fn promtool(text: &str) {
    let started =
        Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = started else { return };
    child.stdin.take().expect("its input").write_all(text.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn value(scrape: &[prometheus_parse::Sample], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let sample = scrape.iter().find(|sample| {
        sample.metric == name && labels.iter().all(|(label, text)| sample.labels.get(label) == Some(text))
    })?;
    match sample.value {
        prometheus_parse::Value::Counter(value) | prometheus_parse::Value::Gauge(value) => Some(value),
        _ => None,
    }
}

#[test]
fn strangers_are_refused_and_nobody_holds_up_the_replica() {
    let cluster = Cluster::new();
    let watch = cluster.watch(&["--yes", "--pace", "20"]);
    watch.converged();
    for path in ["/", "/live.json", "/status.json", "/metrics", "/healthz", "/nothing"] {
        let answer = watch.get(path);
        assert_eq!(answer.status, if path == "/nothing" { 404 } else { 200 }, "{path}");
        assert!(!answer.head.to_lowercase().contains("access-control"), "{}", answer.head);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        let named = |host: &str| watch.raw(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).expect("an answer");
        assert_eq!(named("localhost:8080").status, answer.status, "the near end of ssh is fine");
        for host in ["evil.example", "127.0.0.1.evil.example", "10.0.0.1"] {
            let refused = named(host);
            assert_eq!(refused.status, 421, "{host} at {path}");
            assert!(!refused.body.contains("demo"), "{}", refused.body);
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
            let refused = watch.raw(&request).expect("an answer");
            assert_eq!(refused.status, 405, "{method} {path}");
            assert_eq!(refused.header("allow"), Some("GET, HEAD"));
        }
        let head = watch.raw(&format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).expect("an answer");
        assert_eq!((head.status, head.body.as_str()), (answer.status, ""), "HEAD {path}");
    }
    assert!(watch.raw("GET / HTTP/1.1\r\n\r\n").expect("an answer").status >= 400, "without a host");
    let long = "x".repeat(64 * 1024);
    for request in [
        format!("GET / HTTP/1.1\r\nHost: localhost\r\nCookie: {long}\r\n\r\n"),
        format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X-A: b\r\n".repeat(200)),
    ] {
        // It may hang up before all is sent; it does not answer.
        assert!(watch.raw(&request).map_or(true, |answer| (400..=431).contains(&answer.status)));
    }

    // More than may come at once, and each begins a request and never ends it.
    let idle: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(watch.address).expect("the kernel takes it");
            stream.write_all(b"GET / HTTP/1.1\r\nHost: loc").expect("it is sent");
            stream
        })
        .collect();
    let leader = cluster.status()["leader"].as_str().expect("a leader").to_owned();
    cluster.ok(&["sim", "kill", "leader"]);
    until("healing while clients hang", || {
        let status = cluster.status();
        (status["converged"] == true && status["leader"] != leader.as_str()).then_some(())
    });
    until("an answer: who is slow is sent away", || (watch.get("/healthz").status == 200).then_some(()));
    drop(idle);
}

#[test]
fn an_address_that_cannot_be_had_is_said_before_anything_is_applied() {
    let cluster = Cluster::new();
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = other.local_addr().expect("its address").to_string();
    for (address, code) in
        [(taken.as_str(), "KIT8060"), ("192.0.2.1:24864", "KIT8061"), ("0.0.0.0:0", "KIT8061"), ("[::]:0", "KIT8061")]
    {
        let output = cluster.run(&["apply", FILE, "--yes", "--watch", "--listen", address]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with(&format!("error[{code}]: ")) && said.contains(address), "{said}");
        assert!(output.stdout.is_empty(), "nothing is planned");
    }
    let foreign = cluster.run(&["apply", FILE, "--yes", "--watch", "--listen", "192.0.2.1:24864", "--allow-remote"]);
    assert!(String::from_utf8_lossy(&foreign.stderr).starts_with("error[KIT8060]: "), "{foreign:?}");
    let left = std::fs::read_dir(cluster.directory.path()).expect("readable").count();
    assert_eq!(left, 0, "nothing was applied");
}

#[test]
fn a_replica_that_stands_still_is_ill_and_says_why() {
    let cluster = Cluster::new();
    cluster.ok(&["apply", FILE, "--yes", "--pace", "20"]);
    let watch = cluster.watch(&["--as", "managers.m1"]);
    let well = until("a round", || Some(watch.get("/healthz")).filter(|health| health.status == 200)).json();
    assert_eq!(well["replicas"][0]["member"], "managers.m1", "{well}");
    assert_eq!(well["leads"], well["replicas"][0]["leads"], "{well}");
    cluster.ok(&["sim", "freeze", "managers.m1"]);
    let ill = until("a loop that stands still", || Some(watch.get("/healthz")).filter(|health| health.status == 503));
    let why = ill.json()["why"].as_str().expect("a reason").to_owned();
    assert!(
        why.starts_with("the replica of managers.m1 has not gone round for ") && why.ends_with("30 s are the limit")
    );
    assert_eq!(ill.json()["leads"], false);
    assert_eq!(value(&metrics(&watch), "kit_replica_goes_round", &[("member", "managers.m1")]), Some(0.0));
    assert_eq!(watch.live()["ill"], why.as_str(), "the page says it too");
    cluster.ok(&["sim", "thaw", "managers.m1"]);
    until("another round", || (watch.get("/healthz").status == 200).then_some(()));
}

fn chromium() -> Option<&'static str> {
    let known = ["chromium", "chromium-browser", "google-chrome"];
    let found = known.into_iter().find(|name| {
        let asked = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    });
    if found.is_none() {
        let why = format!("SKIPPED: no Chromium is here to look at the page; {BROWSER_REQUIRED}=1 makes that an error");
        assert!(std::env::var_os(BROWSER_REQUIRED).is_none(), "{why}");
        // Past what a test that passes may say.
        let _ = writeln!(std::io::stderr().lock(), "{why}");
    }
    found
}

/// A browser without a window, with files of its own.
fn browser(name: &str, profile: &tempfile::TempDir, more: &[&str]) -> Command {
    let mut command = Command::new(name);
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(more)
        .stdin(Stdio::null());
    command
}

#[test]
fn the_page_tells_a_browser_what_happens_and_when_it_hears_nothing_more() {
    let Some(name) = chromium() else { return };
    let cluster = Cluster::new();
    let watch = cluster.watch(&["--yes", "--pace", PACE]);
    watch.converged();
    let page = format!("http://{}/", watch.address);

    // What stands on it.
    let profile = tempfile::tempdir().expect("a directory");
    let more = ["--enable-logging=stderr", "--virtual-time-budget=5000", "--dump-dom", &page];
    let output = browser(name, &profile, &more).output().expect("a browser");
    let (dom, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let console: Vec<&str> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert_eq!(console, [] as [&str; 0], "the policy refuses nothing and the script fails nowhere");
    assert!(dom.contains("<title>✓ demo: as asked</title>"), "{dom}");
    let status = cluster.status();
    for member in status["members"].as_array().expect("a list") {
        for cell in [&member["address"], &member["ip"], &member["machines"][0]["id"], &member["nodes"][0]["state"]] {
            let cell = cell.as_str().expect("text");
            assert!(dom.contains(cell), "{cell} is not on the page:\n{dom}");
        }
        assert!(member["volume"].is_null() || dom.contains(member["volume"]["id"].as_str().expect("text")), "{member}");
    }
    for word in ["leader managers.", "acted last (epoch ", "took-over", "create machine", "Nothing can be changed here"]
    {
        assert!(dom.contains(word), "{word} is not on the page:\n{dom}");
    }

    // What becomes of it while it is open. The browser's own list of pages has the title, which says the state.
    let profile = tempfile::tempdir().expect("a directory");
    let open = browser(name, &profile, &["--remote-debugging-port=0", &page])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a browser");
    let _open = Started(open);
    let port = until("a browser that can be asked", || {
        let text = std::fs::read_to_string(profile.path().join("DevToolsActivePort")).ok()?;
        text.lines().next()?.parse::<u16>().ok()
    });
    let title = |what: &str, holds: &dyn Fn(&str) -> bool| {
        until(what, || {
            let list = asked(port, "/json/list")?;
            let pages: Value = serde_json::from_str(&list).ok()?;
            let page = pages.as_array()?.iter().find(|one| one["url"] == page.as_str())?;
            page["title"].as_str().filter(|title| holds(title)).map(str::to_owned)
        })
    };
    title("a page that is well", &|title| title == "✓ demo: as asked");
    cluster.ok(&["sim", "kill", "leader"]);
    title("a page that is not", &|title| title.starts_with("✕ demo: "));
    title("a page that is well again", &|title| title == "✓ demo: as asked");
    drop(watch.process);
    title("a page that hears nothing more", &|title| title == "? demo: connection lost");
}

/// What the browser's own server says.
fn asked(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes()).ok()?;
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(rest) = line.strip_prefix("content-length:") {
            length = rest.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}
