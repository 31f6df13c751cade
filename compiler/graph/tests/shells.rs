//! Scripts as real shells read them: each value arrives as the same bytes, and a secret only by the file that root reads.
//!
//! A shell that this machine lacks is named in the output and left out; a machine that checks changes has both.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use kit_graph::{Answers, Rendered, Script, ScriptError, SecretText, Value};

/// Values for each shell, half of them put together from what shells are known to trip over.
const VALUES: usize = 120_000;

/// Values that one run of a shell reads.
const BATCH: usize = 400;

struct Nothing;

impl Answers for Nothing {
    fn live(&self, _: &str) -> Option<String> {
        None
    }

    fn secret(&self, name: &str) -> Option<SecretText> {
        (name == "token").then(|| SecretText::new(CANARY.to_owned()))
    }
}

const CANARY: &str = "c4n4ry'\"$(id)`\\\n<<END \u{e9}";

fn shells() -> Vec<&'static str> {
    let found: Vec<&str> = ["dash", "bash"]
        .into_iter()
        .filter(|shell| {
            let there = Command::new(shell).args(["-c", ":"]).status().is_ok_and(|status| status.success());
            if !there {
                eprintln!("NOT TESTED: {shell} is not on this machine");
            }
            there
        })
        .collect();
    assert!(!found.is_empty(), "no shell is on this machine: nothing would be tested");
    found
}

/// A generator with a fixed seed (xorshift): the same values in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }
}

/// What shells read as something else than itself.
const HOSTILE: &[&str] = &[
    "'",
    "\"",
    "\\",
    "\n",
    "\r",
    "\t",
    " ",
    "$",
    "`",
    "$(",
    ")",
    "${",
    "}",
    "$((",
    "))",
    ";",
    "&",
    "|",
    "<",
    ">",
    "<<",
    "<<-",
    "<<<",
    "#",
    "!",
    "!!",
    "*",
    "?",
    "[",
    "]",
    "~",
    "=",
    "%",
    "^",
    "(",
    "{",
    ",",
    ":",
    "/",
    "-",
    "--",
    "-n",
    "-e",
    "EOF",
    "END",
    "\nEOF\n",
    "\n'\n",
    "'\\''",
    "''",
    "'\"'\"'",
    "\\'",
    "\\\\",
    "\\n",
    "\\0",
    "\\x00",
    "\\c",
    "%s",
    "%n",
    "$'",
    "$'\\''",
    "$\"",
    "$HOME",
    "${IFS}",
    "$@",
    "$0",
    "$$",
    "$?",
    "$(id)",
    "`id`",
    "$(exit 9)",
    "; exit 9",
    "\nexit 9\n",
    "&& exit 9",
    "| exit 9",
    "\n. /dev/null\n",
    "fi",
    "done",
    "esac",
    "then",
    "\\\n",
    "\u{1}",
    "\u{2}",
    "\u{4}",
    "\u{7}",
    "\u{8}",
    "\u{b}",
    "\u{c}",
    "\u{1a}",
    "\u{1b}",
    "\u{1b}[2J",
    "\u{7f}",
    "\u{80}",
    "\u{81}",
    "\u{82}",
    "\u{83}",
    "\u{84}",
    "\u{85}",
    "\u{88}",
    "\u{9f}",
    "\u{a0}",
    "\u{ad}",
    "\u{e9}",
    "\u{e9}'",
    "\u{2028}",
    "\u{202e}",
    "\u{feff}",
    "\u{fffd}",
    "\u{1f600}",
    "\u{10ffff}",
    "e\u{301}",
    "a",
    "Z",
    "0",
    "",
];

/// A value without a NUL.
fn value(random: &mut Random, number: usize) -> String {
    let mut text = String::new();
    if number.is_multiple_of(2) {
        for _ in 0..=random.below(8) {
            text.push_str(HOSTILE[random.below(HOSTILE.len())]);
        }
        return text;
    }
    for _ in 0..random.below(24) {
        // One of four anywhere in Unicode, the others where quotes and control characters are.
        let point = if random.below(4) == 0 { random.below(0x11_0000) } else { 1 + random.below(0xff) };
        text.extend(char::from_u32(u32::try_from(point).unwrap()).filter(|one| *one != '\0'));
    }
    text
}

/// Runs a script, which it finds as a file; its answer has to end within a minute.
fn run(shell: &str, directory: &Path, script: &str) -> Output {
    run_in("C.UTF-8", shell, directory, script)
}

/// The same where characters are what a locale says.
fn run_in(locale: &str, shell: &str, directory: &Path, script: &str) -> Output {
    let path = directory.join("script");
    std::fs::write(&path, script).unwrap();
    let mut command = Command::new("timeout");
    command.arg("60").arg(shell).arg(&path).current_dir(directory);
    // No shell obeys what this test was started with.
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", locale).stdin(Stdio::null()).output().unwrap()
}

fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// What a script prints that shows each of its variables, with a NUL behind each.
fn printed(values: &[String]) -> Vec<u8> {
    values.iter().flat_map(|value| value.bytes().chain([0])).collect()
}

/// A script with these values as variables, and a text that prints them.
fn script_of(values: &[String]) -> Script {
    let mut text = String::new();
    let mut variables = kit_graph::Properties::new();
    for (number, value) in values.iter().enumerate() {
        writeln!(text, "printf '%s\\000' \"$V{number}\"").unwrap();
        variables.insert(format!("V{number}"), Value::String(value.clone()));
    }
    Script { text, variables }
}

#[test]
fn each_value_arrives_as_the_same_bytes() {
    let shells = shells();
    let directory = directory("values");
    let mut random = Random(0x4b69_7421);
    let mut values: Vec<String> = HOSTILE.iter().map(|one| (*one).to_owned()).collect();
    values.extend(HOSTILE.iter().flat_map(|a| HOSTILE.iter().map(move |b| format!("{a}{b}"))));
    // Each character alone but the NUL, up to where Unicode has no more control characters.
    values.extend((1..0x300).filter_map(char::from_u32).map(String::from));
    values.extend([1, 4_095, 4_096, 4_097, 65_535, 70_000, 200_000].map(|length| "'\u{e9}\\".repeat(length / 4)));
    while values.len() < VALUES {
        values.push(value(&mut random, values.len()));
    }
    // A machine that boots may have no locale yet, and then its characters are bytes.
    for (batch, locale) in values.chunks(BATCH).zip(["C.UTF-8", "C"].into_iter().cycle()) {
        let script = script_of(batch);
        // The graph that holds it reads back as it was.
        let json = serde_json::to_vec(&Value::Script(Box::new(script.clone()))).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&json).unwrap(), Value::Script(Box::new(script.clone())));
        let rendered = script.render("/nowhere", &Nothing).unwrap();
        assert_eq!(rendered.secrets, None);
        for shell in &shells {
            let output = run_in(locale, shell, &directory, &rendered.script);
            if !output.status.success() || output.stdout != printed(batch) || !output.stderr.is_empty() {
                let found = output.stdout.split(|byte| *byte == 0);
                let differs = batch.iter().zip(found).find(|(value, found)| value.as_bytes() != *found);
                panic!("{shell} {}: {:?}\n{differs:?}", output.status, String::from_utf8_lossy(&output.stderr));
            }
        }
    }
    println!("{} values in {shells:?}", values.len());
}

#[test]
fn a_nul_is_refused_wherever_it_stands() {
    for value in ["\0", "a\0", "\0a", "a\0b", "'\0'"] {
        let refused = script_of(&[value.to_owned()]).render("/nowhere", &Nothing);
        assert_eq!(refused, Err(ScriptError::Nul { name: "V0".to_owned() }));
        let within = Value::Concat(vec!["x".into(), value.into()]);
        let variables = [("A".to_owned(), within)].into();
        let refused = Script { text: String::new(), variables }.render("/nowhere", &Nothing);
        assert_eq!(refused, Err(ScriptError::Nul { name: "A".to_owned() }));
    }
}

/// Every name that is allowed holds what it is given, in each shell, to the end of the script.
#[test]
fn allowed_names_hold_their_values() {
    let directory = directory("names");
    let listed = Command::new("bash").args(["-c", "compgen -v; compgen -A variable"]).output();
    let mut names: Vec<String> =
        ["HOME", "HOSTNAME", "USER", "TERM", "MAIL", "TZ", "COLUMNS", "Path", "a", "_a", "EOF"]
            .map(str::to_owned)
            .to_vec();
    names.extend(
        listed
            .iter()
            .flat_map(|found| String::from_utf8_lossy(&found.stdout).lines().map(str::to_owned).collect::<Vec<_>>()),
    );
    names.retain(|name| kit_graph::why_no_variable(name).is_none());
    names.sort();
    names.dedup();
    let variables = names.iter().map(|name| (name.clone(), Value::String(format!("it's {name}")))).collect();
    let mut text = "(exit 3); /bin/true; f() { :; }; f\n".to_owned();
    names.iter().for_each(|name| writeln!(text, "printf '%s\\000' \"${name}\"").unwrap());
    let rendered = Script { text, variables }.render("/nowhere", &Nothing).unwrap();
    let wanted = printed(&names.iter().map(|name| format!("it's {name}")).collect::<Vec<_>>());
    for shell in shells() {
        let output = run(shell, &directory, &rendered.script);
        assert_eq!(String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&wanted), "{shell}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{shell}");
    }
}

fn with_a_secret(text: &str, file: &Path) -> Rendered {
    let bearer = Value::Concat(vec!["Bearer ".into(), Value::Secret("token".to_owned())]);
    let variables = [("TOKEN".to_owned(), bearer), ("NAME".to_owned(), Value::from("x"))];
    Script { text: text.to_owned(), variables: variables.into() }.render(file.to_str().unwrap(), &Nothing).unwrap()
}

/// Writes the secrets as whoever carries a script out has to.
fn put_away(secrets: &SecretText, file: &Path) {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).unwrap();
    file.write_all(secrets.expose().as_bytes()).unwrap();
}

/// The script itself, its arguments, its environment and that of what it runs show no secret; the variable does.
#[test]
fn a_secret_is_in_its_file_and_nowhere_else() {
    let text = r#"printf '%s\000%s\000' "$NAME" "$TOKEN"
tr '\000' '\n' < /proc/$$/environ >&2
tr '\000' '\n' < /proc/$$/cmdline >&2
env >&2
/bin/sh -c 'printf "%s" "in a child: $TOKEN" >&2'
cat "$0" >&2
"#;
    for shell in shells() {
        let directory = directory(&format!("secrets-{shell}"));
        let file = directory.join("it's a secret");
        let rendered = with_a_secret(text, &file);
        put_away(rendered.secrets.as_ref().unwrap(), &file);
        let status = std::fs::metadata(&file).unwrap();
        assert_eq!(status.mode() & 0o777, 0o600);
        let output = run(shell, &directory, &rendered.script);
        assert_eq!(output.stdout, printed(&["x".to_owned(), format!("Bearer {CANARY}")]), "{shell}");
        let shown = String::from_utf8_lossy(&output.stderr);
        assert!(shown.contains("in a child: ") && shown.contains("printf '%s"), "{shell}: {shown}");
        assert!(!shown.contains("c4n4ry"), "{shell} shows the secret:\n{shown}");
        if status.uid() == 0 {
            // Another user cannot read it.
            std::fs::set_permissions(&directory, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
            let as_other = |words: &[&str]| {
                let mut command = Command::new("setpriv");
                command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).args(words);
                command.arg(&file).output().unwrap()
            };
            // It can be another user at all, and gets as far as the file.
            assert!(as_other(&["true"]).status.success(), "setpriv does not work here");
            let known = as_other(&["stat", "--format=%s"]);
            assert!(known.status.success(), "another user does not get to the file: {known:?}");
            let other = as_other(&["cat"]);
            assert!(!other.status.success() && other.stdout.is_empty(), "another user reads the secrets");
        } else {
            eprintln!("NOT TESTED: that another user cannot read the secrets, as this one is not root");
        }
    }
}

/// Without its secrets a script does nothing at all.
#[test]
fn a_script_without_its_secrets_ends_before_it_begins() {
    for shell in shells() {
        let directory = directory(&format!("missing-{shell}"));
        let rendered = with_a_secret("touch begun\n", &directory.join("not there"));
        let output = run(shell, &directory, &rendered.script);
        assert!(!output.status.success(), "{shell} goes on");
        assert!(!directory.join("begun").exists(), "{shell} goes on");
    }
}
