//! `kitc check --shell`: real shells read the scripts of a file, and what they say stands at its line in that file.
#![allow(clippy::expect_used)]

use std::path::Path;
use std::process::{Command, Output};

/// A file with this expression as a script, in lines 1 to its last.
fn file(script: &str) -> String {
    format!(
        "let setup = {script}\n\nuse std/sim\nuse std/plain\ncluster {{ name = \"demo\", provider = sim.Provider {{}} }}\nresource net = sim.Network {{ cidr = 10.0.0.0/16, subnet = 10.0.1.0/24 }}\ngroup all: plain.Node {{ machine = sim.Machine {{ image = \"debian-12\", network = net, setup = setup }}, count = 1 }}\n"
    )
}

fn check(text: &str, path: Option<&Path>) -> Output {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("a.kit"), text).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_kitc"));
    command.args(["check", "--shell", "--format", "json", "a.kit"]).current_dir(directory.path());
    if let Some(path) = path {
        command.env("PATH", path);
    }
    command.output().expect("kitc runs")
}

/// Code, severity, line, column, end column and message of each finding.
fn found(output: &Output) -> Vec<(String, String, u64, u64, u64, String)> {
    let all: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("an array");
    let text = |one: &serde_json::Value, key: &str| one[key].as_str().expect("text").to_owned();
    let number = |one: &serde_json::Value, key: &str| one[key].as_u64().expect("a number");
    all.iter()
        .map(|one| {
            let place = (number(one, "line"), number(one, "column"), number(one, "end_column"));
            (text(one, "code"), text(one, "severity"), place.0, place.1, place.2, text(one, "message"))
        })
        .collect()
}

#[test]
fn what_shells_can_read_is_said_to_be_fine() {
    for script in [
        "sh\"\"\"echo \"$NAME\"\"\"\" with { NAME = \"x\" }",
        "sh\"\"\"\n  #!/bin/bash -eu\n  declare -a all=(a b)\n  [[ \"${all[0]}\" == a* ]]\n\"\"\"",
        "sh\"\"\"\n  cat <<END\n  it's fine\n  END\n\"\"\"",
        "sh\"\"\"\"\"\"",
    ] {
        let output = check(&file(script), None);
        assert!(output.status.success() && found(&output).is_empty(), "{script}: {output:?}");
    }
}

#[test]
fn what_they_cannot_read_has_its_line_in_the_file() {
    let cases = [
        // The shell, its script, and where in the file it is wrong.
        ("sh", "sh\"\"\"\n  echo a\n    fi\n  echo b\n\"\"\"", (3, 5, 7)),
        ("sh", "sh\"\"\"echo a; fi\"\"\"", (1, 18, 28)),
        ("sh", "sh\"\"\"echo a\n   fi\"\"\" with { A = 1 }", (2, 4, 6)),
        ("dash", "sh\"\"\"\n  #!/bin/dash\n  a=(1 2)\n\"\"\"", (3, 3, 10)),
        ("bash", "sh\"\"\"\r\n  #!/bin/bash\r\n  echo é; done\r\n\"\"\"", (3, 3, 15)),
        ("bash", "sh\"\"\"\n  #!/bin/bash\n  for x in a; do\n    echo\n\"\"\"", (4, 5, 9)),
    ];
    for (shell, script, place) in cases {
        let output = check(&file(script), None);
        let found = found(&output);
        assert_eq!((output.status.code(), found.len()), (Some(1), 1), "{script}: {output:?}");
        let (code, severity, line, column, end, message) = &found[0];
        assert_eq!(
            (code.as_str(), severity.as_str(), (*line, *column, *end)),
            ("KIT0040", "error", place),
            "{message}"
        );
        assert!(message.starts_with(&format!("{shell} cannot read this script: ")), "{message}");
    }
}

#[test]
fn what_a_shell_reads_with_doubts_is_a_warning() {
    let output = check(&file("sh\"\"\"\n  #!/bin/bash\n  cat <<END\n  x\n\"\"\""), None);
    let found = found(&output);
    assert!(output.status.success() && found.len() == 1, "{output:?}");
    assert_eq!((found[0].0.as_str(), found[0].1.as_str()), ("KIT0040", "warning"));
    assert!(found[0].5.contains("here-document"), "{}", found[0].5);
}

/// Each script of a file, beside what else is wrong with it.
#[test]
fn all_of_it_is_said_in_one_run() {
    let text = file("sh\"\"\"fi\"\"\"").replace("count = 1", "count = \"1\"") + "let other = sh\"\"\"done\"\"\"\n";
    let codes: Vec<String> = found(&check(&text, None)).into_iter().map(|one| one.0).collect();
    assert_eq!(codes, ["KIT3001", "KIT0040", "KIT0040"]);
    // A script without an end would be the rest of its file.
    let codes: Vec<String> = found(&check("let a = sh\"\"\"fi\n", None)).into_iter().map(|one| one.0).collect();
    assert!(!codes.contains(&"KIT0040".to_owned()), "{codes:?}");
}

#[test]
fn a_shell_that_is_not_here_or_hangs_is_no_good_news() {
    let directory = tempfile::tempdir().expect("a directory");
    let output = check(&file("sh\"\"\"true\"\"\""), Some(directory.path()));
    assert_eq!((output.status.code(), found(&output)[0].0.as_str()), (Some(1), "KIT0041"));
    let sh = directory.path().join("sh");
    std::fs::write(&sh, "#!/bin/sh\nexec /bin/sleep 60\n").expect("a file");
    std::fs::set_permissions(&sh, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a mode");
    let output = check(&file("sh\"\"\"true\"\"\""), Some(directory.path()));
    assert_eq!((output.status.code(), found(&output)[0].0.as_str()), (Some(1), "KIT0041"));
}

/// Nothing of a script is carried out, whatever it says.
#[test]
fn nothing_is_carried_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let mark = directory.path().join("mark");
    for shell in ["sh", "bash"] {
        let touch = format!("touch {0}; $(touch {0}); `touch {0}`; set +n; touch {0}", mark.display());
        check(&file(&format!("sh\"\"\"\n#!/bin/{shell}\n{touch}\ntrap '{touch}' EXIT\n\"\"\"")), None);
        assert!(!mark.exists(), "{shell} carries out what it reads");
    }
}
