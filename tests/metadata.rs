//! Metadata and parameters from outside: a file that asks its surroundings, values that an operator sets, answers that a
//! revision fixes, secrets that nobody sees.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};
use std::thread;

use serde_json::Value;

/// What no output may have in it.
const CANARY: &str = "canary-7f3a9c";

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().expect("a directory"))
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).expect("a file");
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.0.path().join(name), fs::Permissions::from_mode(mode)).expect("permissions");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kitc"));
        command.args(arguments).current_dir(self.0.path()).env_remove("KIT_SIM_DIR").stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("kitc starts")
    }

    fn ok(&self, arguments: &[&str]) -> String {
        said(self.run(arguments), Some(0))
    }

    fn refused(&self, arguments: &[&str]) -> String {
        said(self.run(arguments), Some(1))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_slice(&self.run(arguments).stdout).expect("JSON")
    }
}

/// All that a command said, on either output.
fn said(output: Output, code: Option<i32>) -> String {
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).expect("UTF-8");
    assert_eq!(output.status.code(), code, "{text}");
    assert!(!text.contains(CANARY), "{text}");
    text
}

/// A page on this machine's loopback; each request gets the next of `replies`, and the last one again and again.
fn page(replies: &[&str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let replies: Vec<String> = replies.iter().map(|reply| (*reply).to_owned()).collect();
    // It ends with the process.
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let mut stream = stream;
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let body = &replies[number.min(replies.len() - 1)];
            let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(&[head.as_bytes(), body.as_bytes()].concat());
        }
    });
    format!("http://{address}/size")
}

const CLUSTER: &str = r#"
use std/sim
use std/swarm

cluster { name = "asking", provider = sim.Provider { pending = 0s, shutdown = 0s }, leader = managers }
resource net = sim.Network { cidr = 10.0.0.0/16, subnet = 10.0.1.0/24 }
let node = sim.Machine { image = "debian-12", network = net }
group managers: swarm.Manager {
  machine = node
  member m1 { ip = 10.0.1.10, volume = { size = 1GiB } }
}
"#;

/// The machine of those files.
const NODE: &str = "machine = node, count";

/// The same machine, whose script is given a secret.
fn logging_in(secret: &str) -> String {
    format!("machine = node with {{ setup = sh\"\"\"login \"$LOGIN\"\"\"\" with {{ LOGIN = {secret} }} }}, count")
}

fn asking_for(declarations: &str, count: &str) -> String {
    format!("{declarations}\n{CLUSTER}\ngroup workers: swarm.Worker {{ machine = node, count = {count} }}\n")
}

#[test]
fn a_variable_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStringExt as _;
    let place = Place::new();
    place.write("demo.kit", &asking_for("param name: string = \"a\"", "name.length"));
    let value = std::ffi::OsString::from_vec(b"caf\xe9".to_vec());
    let output = place.command(&["compile", "demo.kit"]).env("KIT_PARAM_NAME", value).output().expect("kitc starts");
    let text = said(output, Some(1));
    assert!(text.contains("KIT0029") && text.contains("the variable KIT_PARAM_NAME is not UTF-8"), "{text}");
}

/// What only this machine reaches goes through no proxy, whatever the environment says of proxies.
#[test]
fn the_loopback_needs_no_proxy() {
    let place = Place::new();
    let url = page(&["2"]);
    let metadata = "metadata http { size(url: string): int }";
    place.write("demo.kit", &asking_for(metadata, &format!("meta.http.size(\"{url}?token=hunter2\")")));
    let mut command = place.command(&["explain", "workers.count", "demo.kit"]);
    // Nobody listens there.
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(name, "http://127.0.0.1:9");
    }
    let text = said(command.output().expect("kitc starts"), Some(0));
    assert!(text.contains("workers.count = 2") && text.contains(&format!("{url}?…")), "{text}");
}

#[test]
fn values_that_are_set_outlive_the_process_and_are_checked_by_the_file() {
    let place = Place::new();
    place.write(
        "c.kit",
        &asking_for(
            "metadata vars {\n  workers: int\n  db { zone: \"a\" | \"b\" }\n}\nparam zone: string = meta.vars.db.zone",
            "meta.vars.workers",
        ),
    );
    let refused = place.refused(&["compile", "c.kit"]);
    for part in [
        "nobody has set workers for the cluster asking",
        "nobody has set db.zone",
        "kitc metadata set workers=VALUE --cluster asking",
    ] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    // All that is wrong is said, and nothing is set.
    let refused = place.refused(&["metadata", "set", "workers=two", "db.zone=c", "sise=1", "-f", "c.kit"]);
    for part in [
        "the answer of this value to `vars.workers` cannot be `two`",
        "is not one of the allowed values",
        "no metadata `meta.vars.sise`",
    ] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    assert!(!place.0.path().join(".kit").exists(), "nothing was set");
    let set = place.ok(&["metadata", "set", "workers=2", "db.zone=b", "-f", "c.kit"]);
    assert!(set.contains("workers: nothing -> \"2\"") && set.contains("version 1"), "{set}");
    assert_eq!(place.ok(&["metadata", "cat", "vars.workers", "-f", "c.kit"]), "2\n");
    let explained = place.ok(&["explain", "workers.count", "c.kit"]);
    assert!(explained.contains("answered by the values set for asking (version 1) at 2"), "{explained}");
    assert_eq!(
        place.json(&["compile", "c.kit"])["lookups"],
        serde_json::json!({ "vars.db.zone": "b", "vars.workers": 2 })
    );
    // Without the file nothing is checked but the name.
    place.ok(&["metadata", "set", "workers=many", "--cluster", "asking"]);
    let refused = place.refused(&["compile", "c.kit"]);
    assert!(refused.contains("needs an int, and this is `many`") || refused.contains("cannot be `many`"), "{refused}");
    assert!(place.refused(&["metadata", "set", "no-name=1", "--cluster", "asking"]).contains("KIT8021"));
    place.ok(&["metadata", "unset", "workers", "--cluster", "asking"]);
    assert!(place.refused(&["compile", "c.kit"]).contains("nobody has set workers"));
}

#[test]
fn a_snapshot_is_whole_and_needs_nobody() {
    let place = Place::new();
    let url = page(&["3\n"]);
    place.write(
        "c.kit",
        &asking_for(
            &format!("metadata http {{ size(url: string = \"{url}\"): int }}\nmetadata env {{\n  TOKEN: secret<string>\n  EDITOR_OF_NOBODY: string?\n}}\noutput editor = meta.env.EDITOR_OF_NOBODY ?? \"none\""),
            "meta.http.size()",
        )
        .replace(NODE, &logging_in("meta.env.TOKEN")),
    );
    let mut snapshot = place.command(&["metadata", "snapshot", "c.kit", "-o", "snapshot.json"]);
    said(snapshot.env("TOKEN", CANARY).output().expect("kitc starts"), Some(0));
    let text = fs::read_to_string(place.0.path().join("snapshot.json")).expect("a snapshot");
    assert!(!text.contains(CANARY) && !text.contains("TOKEN"), "{text}");
    let written: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        (&written["version"], &written["http.size()"], &written["env.EDITOR_OF_NOBODY"]),
        (&1.into(), &3.into(), &Value::Null)
    );
    // Neither the page nor the secret is needed with it.
    let offline = place.ok(&["compile", "c.kit", "--metadata", "snapshot.json"]);
    assert!(offline.contains("\"http.size()\":3"), "{offline}");
    place.ok(&["check", "c.kit", "--metadata", "snapshot.json"]);
    let explained = place.ok(&["explain", "workers.count", "c.kit", "--metadata", "snapshot.json"]);
    assert!(explained.contains("answered by snapshot.json at 2"), "{explained}");
    // What cannot be had leaves the old file as it was.
    let failed = place.refused(&["metadata", "snapshot", "c.kit", "-o", "snapshot.json"]);
    assert!(failed.contains("the variable TOKEN is not set"), "{failed}");
    assert_eq!(fs::read_to_string(place.0.path().join("snapshot.json")).expect("a snapshot"), text);
}

#[test]
fn an_answer_of_another_type_shows_what_came_and_where_it_is_declared() {
    let place = Place::new();
    let url = page(&["<html>"]);
    place.write(
        "c.kit",
        &asking_for(&format!("metadata http {{ size(url: string = \"{url}\"): int }}"), "meta.http.size()"),
    );
    let refused = place.refused(&["compile", "c.kit"]);
    for part in ["KIT4008", "the answer of http://127.0.0.1", "`<html>`", "it is declared here as int"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
}

#[test]
fn a_revision_fixes_what_was_answered_until_it_is_refreshed() {
    let place = Place::new();
    let url = page(&["1", "2"]);
    place.write(
        "c.kit",
        &asking_for(&format!("metadata http {{ size(url: string = \"{url}\"): int }}"), "meta.http.size()"),
    );
    place.ok(&["apply", "c.kit", "--yes", "--pace", "20"]);
    // The page says 2 now, and the cluster was committed with 1.
    let plan = place.json(&["plan", "c.kit", "--format", "json"]);
    assert_eq!(plan["base"], plan["revision"], "{plan}");
    let refreshed = place.json(&["plan", "c.kit", "--refresh", "--format", "json"]);
    assert_ne!(refreshed["base"], refreshed["revision"], "{refreshed}");
    assert_eq!(refreshed["values"][0]["after"], 2, "{refreshed}");
    let committed = place.ok(&["commit", "c.kit", "--refresh", "--yes"]);
    assert!(committed.contains("committed revision"), "{committed}");
    let plan = place.json(&["plan", "c.kit", "--format", "json"]);
    assert_eq!(plan["base"], plan["revision"], "{plan}");
}

#[test]
fn parameters_come_in_every_form_and_the_nearer_one_wins() {
    let place = Place::new();
    place.write(
        "c.kit",
        &asking_for(
            "param size: int\nparam zones: list<string> = []\noutput size = size\noutput zones = zones",
            "size",
        ),
    );
    place.write("base.json", "{ \"size\": 1, \"zones\": [\"a\"] }");
    place.write("more.toml", "size = 2\n");
    place.write("most.kit", "# The largest.\nsize = 1 + 2\n");
    let size = |arguments: &[&str], variable: Option<&str>| {
        let mut command = place.command(&[&["compile", "c.kit"], arguments].concat());
        if let Some(variable) = variable {
            command.env("KIT_PARAM_SIZE", variable);
        }
        let graph: Value = serde_json::from_slice(&command.output().expect("kitc starts").stdout).expect("JSON");
        graph["outputs"]["size"].as_i64().expect("a number")
    };
    let files = ["--params", "base.json", "--params", "more.toml", "--params", "most.kit"];
    assert_eq!(size(&files[..2], None), 1);
    assert_eq!(size(&files[..4], None), 2);
    assert_eq!(size(&files, None), 3);
    assert_eq!(size(&["--params", "most.kit", "--params", "more.toml"], None), 2);
    assert_eq!(size(&files, Some("4")), 4);
    assert_eq!(size(&[&files[..], &["--set", "size=5"]].concat(), Some("4")), 5);
    assert_eq!(size(&[&files[..], &["--set", "size=5", "--set", "size=6"]].concat(), None), 6);
    // A file of parameters is laid out like any other.
    assert_eq!(place.ok(&["fmt", "--check", "most.kit"]), "");
}

#[test]
fn everything_wrong_with_parameters_is_said_at_its_place() {
    let place = Place::new();
    place.write("c.kit", &asking_for("param size: int\nparam kind: \"a\" | \"b\"\nparam name: string", "size"));
    place.write("wrong.kit", "size = \"six\"\nkind = \"c\"\n");
    place.write("wrong.toml", "sise = 4\n");
    let refused =
        place.refused(&["compile", "c.kit", "--params", "wrong.kit", "--params", "wrong.toml", "--set", "nmae=x"]);
    for part in [
        "wrong.kit:1:8",
        "wrong.kit:2:8",
        "wrong.toml:1:8",
        "--set:1:6",
        "did you mean `size`",
        "did you mean `name`",
        "`name` was not given",
    ] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
}

#[test]
fn a_secret_comes_from_a_file_a_variable_or_standard_input_and_is_never_shown() {
    let place = Place::new();
    let file = asking_for("param token: secret<string>", "1").replace(NODE, &logging_in("\"bearer ${token}\""));
    place.write("c.kit", &file);
    place.write("token", &format!("{CANARY}\n"));
    place.ok(&["compile", "c.kit", "--secret", "token=@token"]);
    let mut by_variable = place.command(&["compile", "c.kit", "--secret", "token=env:MY_TOKEN"]);
    said(by_variable.env("MY_TOKEN", CANARY).output().expect("kitc starts"), Some(0));
    let mut by_input = place.command(&["compile", "c.kit", "--secret", "token=@-"]);
    let mut child =
        by_input.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("kitc starts");
    child.stdin.take().expect("a pipe").write_all(CANARY.as_bytes()).expect("it is read");
    said(child.wait_with_output().expect("it ends"), Some(0));
    // A text in the place of a place is not repeated.
    place.refused(&["compile", "c.kit", "--secret", &format!("{CANARY}==")]);
    let refused = place.refused(&["compile", "c.kit", "--secret", &format!("token={CANARY}")]);
    assert!(refused.contains("KIT0015") && refused.contains("names no place"), "{refused}");
    place.write("large", &"x".repeat(100_000));
    assert!(place.refused(&["compile", "c.kit", "--secret", "token=@large"]).contains("more than 65536 bytes"));
    fs::write(place.0.path().join("latin"), b"caf\xe9").expect("a file");
    assert!(place.refused(&["compile", "c.kit", "--secret", "token=@latin"]).contains("not UTF-8"));
    assert!(place.refused(&["compile", "c.kit", "--secret", "token=@nowhere"]).contains("cannot be read"));
    let twice = place.refused(&["compile", "c.kit", "--secret", "token=@-", "--secret", "other=@-"]);
    assert!(twice.contains("standard input can be read once"), "{twice}");
}

#[test]
fn a_secret_stands_in_a_file_of_parameters_only_if_its_owner_alone_can_read_it() {
    let place = Place::new();
    place.write("c.kit", &asking_for("param token: secret<string>", "1"));
    place.write("p.kit", &format!("token = \"{CANARY}\"\n"));
    place.write("p.json", &format!("{{ \"token\": \"{CANARY}\" }}"));
    place.write("p.toml", &format!("token = \"{CANARY}\"\n"));
    for file in ["p.kit", "p.json", "p.toml"] {
        place.mode(file, 0o644);
        let output = place.run(&["compile", "c.kit", "--params", file]);
        assert_eq!(output.status.code(), Some(1), "{file}");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains("KIT4019"), "{text}");
        place.mode(file, 0o600);
        place.ok(&["compile", "c.kit", "--params", file]);
    }
}
