//! The services of this machine, through `systemctl`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::atomic_file;

const SYSTEMCTL: &str = "systemctl";

/// How long a service may take to start or stop: containers get 10 s to end, and a slow disk some more.
const PATIENCE: Duration = Duration::from_secs(90);

/// The most that a unit may take, in bytes.
const MAX_UNIT_BYTES: usize = 64 << 10;

pub(super) struct Systemctl {
    units: PathBuf,
}

impl Systemctl {
    pub(super) fn of_units(units: &Path) -> Self {
        Self { units: units.to_owned() }
    }

    /// Has the service `name` be as `unit` says, run, and start with the machine. False if it does.
    pub(super) async fn keep(&self, name: &str, unit: &str) -> Result<bool, String> {
        let path = self.units.join(format!("{name}.service"));
        let there =
            atomic_file::read_limited(&path, MAX_UNIT_BYTES).map_err(|error| format!("{}: {error}", path.display()))?;
        let same = there.as_deref() == Some(unit.as_bytes());
        if same && self.run("is-active", &[name]).await.is_ok() {
            return Ok(false);
        }
        if !same {
            fs::create_dir_all(&self.units)
                .and_then(|()| atomic_file::replace(&path, unit.as_bytes()))
                .map_err(|error| format!("{}: {error}", path.display()))?;
            self.run("daemon-reload", &[]).await?;
        }
        self.run("enable", &[name]).await?;
        self.run(if same { "start" } else { "restart" }, &[name]).await?;
        Ok(true)
    }

    pub(super) async fn run(&self, verb: &str, words: &[&str]) -> Result<(), String> {
        let shown = [&[SYSTEMCTL, verb], words].concat().join(" ");
        let mut command = Command::new(SYSTEMCTL);
        command.arg(verb).args(words).stdin(Stdio::null()).kill_on_drop(true);
        match timeout(PATIENCE, command.output()).await {
            Ok(Ok(output)) if output.status.success() => Ok(()),
            Ok(Ok(output)) => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
                Err(format!("`{shown}` failed ({}): {last}", output.status))
            }
            Ok(Err(error)) => Err(format!("`{shown}` cannot be run: {error}")),
            Err(_) => Err(format!("`{shown}` did not end within {} s", PATIENCE.as_secs())),
        }
    }
}
