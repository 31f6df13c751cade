//! The engine of this machine as a service of it: stopped by the leader in its own turn of a roll, and started again.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// How long the engine may take to stop or start: containers get 10 s to end, and a slow disk some more.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the engine beside a replica is stopped and started: a program and its arguments each.
#[derive(Debug, Clone)]
pub struct EngineService {
    stop: Vec<String>,
    start: Vec<String>,
}

impl EngineService {
    /// The units of systemd. The socket's unit goes down too: the next question would start the engine again.
    #[must_use]
    pub fn of_systemd() -> Self {
        let line = |verb: &str, units: &[&str]| {
            ["systemctl", verb].iter().chain(units).map(|word| (*word).to_owned()).collect::<Vec<_>>()
        };
        Self { stop: line("stop", &["docker.socket", "docker.service"]), start: line("start", &["docker.service"]) }
    }

    /// Other commands than systemd's: for a machine that is reached in another way.
    #[must_use]
    pub fn of_commands(stop: Vec<String>, start: Vec<String>) -> Self {
        Self { stop, start }
    }

    /// Stops it.
    ///
    /// # Errors
    /// When the command cannot be run, fails, or does not end.
    pub async fn stop(&self) -> Result<(), String> {
        run(&self.stop).await
    }

    /// Starts it.
    ///
    /// # Errors
    /// When the command cannot be run, fails, or does not end.
    pub async fn start(&self) -> Result<(), String> {
        run(&self.start).await
    }
}

async fn run(command: &[String]) -> Result<(), String> {
    let shown = command.join(" ");
    let Some((program, arguments)) = command.split_first() else { return Err("there is no command for it".to_owned()) };
    let mut child = Command::new(program);
    child.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    match timeout(PATIENCE, child.output()).await {
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
            Err(format!("`{shown}` failed ({}): {last}", output.status))
        }
        Ok(Err(error)) => Err(format!("`{shown}` cannot be run: {error}")),
        Err(_) => Err(format!("`{shown}` did not end within {} s", PATIENCE.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_fails_is_told_with_the_commands_last_words() {
        let line = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let service = EngineService::of_commands(
            line(&["sh", "-c", "echo one >&2; echo 'no such unit' >&2; exit 5"]),
            line(&["/nowhere/systemctl", "start"]),
        );
        let why = service.stop().await.unwrap_err();
        assert!(why.contains("no such unit") && why.contains('5'), "{why}");
        assert!(service.start().await.unwrap_err().contains("cannot be run"));
        let fine = EngineService::of_commands(line(&["true"]), line(&["true"]));
        assert_eq!((fine.stop().await, fine.start().await), (Ok(()), Ok(())));
    }
}
