//! The disk with a machine's state, where its provider only attaches it: found by its serial, whatever the kernel calls it;
//! formatted once, while it is new and blank; mounted.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use kit_model::{BootDisk, BootDocument};
use kit_planner::{DiskName, DiskStep, FoundDisk, disk as decide};
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use crate::codes;
use crate::error::OperatorError;

/// Where the kernel lists disks.
const BLOCK: &str = "/sys/class/block";

/// How often it is looked whether the disk is there.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long making or checking a file system may take: a check of a large one reads all of what it knows of its files.
const TOOL_PATIENCE: Duration = Duration::from_secs(1800);

/// How much of a disk is read from its beginning and its end: all that any table or file system begins or ends with.
const EDGE_BYTES: u64 = 16 << 20;

/// At how many places between them it is read, and how much at each.
const SAMPLES: u64 = 256;
const SAMPLE_BYTES: u64 = 64 << 10;

/// A disk, and where its file system is to stand.
pub(super) struct Disk<'a> {
    pub(super) disk: &'a BootDisk,
    pub(super) name: DiskName,
    pub(super) place: &'a Path,
    /// Where names of disks by their IDs lie.
    pub(super) by_id: &'a Path,
    /// How long it may take to appear.
    pub(super) patience: Duration,
}

impl<'a> Disk<'a> {
    pub(super) fn of(document: &BootDocument, disk: &'a BootDisk, place: &'a Path) -> Self {
        let name = DiskName::of(&document.uid, &document.address);
        // A cloud attaches a disk after the machine runs, and may take minutes for it.
        Self { disk, name, place, by_id: Path::new("/dev/disk/by-id"), patience: Duration::from_secs(300) }
    }

    /// Has its file system stand in its place. True if it was made.
    pub(super) async fn stand(&self) -> Result<bool, OperatorError> {
        let device = self.appear().await?;
        let shown = device.display().to_string();
        let failed = |why: String| {
            OperatorError::new(codes::NO_VOLUME, format!("the disk {} ({shown}): {why}", self.disk.serial))
        };
        let found = self.look(&device).await.map_err(failed)?;
        let format = match decide(self.disk, &self.name, &found) {
            DiskStep::Format => true,
            DiskStep::Mount => false,
            DiskStep::Refuse(why) => {
                let why = format!("the disk {} ({shown}) is not to be used: {why}", self.disk.serial);
                return Err(OperatorError::new(codes::WRONG_VOLUME, why)
                    .with_help("look whose disk it is before anything is done with it: nothing of it was changed"));
            }
        };
        if format {
            let (label, uuid) = (self.name.label.as_str(), self.name.uuid.as_str());
            run("mkfs.ext4", &["-q", "-L", label, "-U", uuid, &shown]).await.map_err(failed)?;
        }
        // It mends what needs no choice, and says no where a person must choose.
        match run("e2fsck", &["-p", &shown]).await {
            Ok(_) => {}
            Err(why) => return Err(failed(format!("its file system is damaged, and stays as it is: {why}"))),
        }
        fs::create_dir_all(self.place).map_err(|error| failed(error.to_string()))?;
        let place = self.place.display().to_string();
        run("mount", &["-t", "ext4", &shown, &place]).await.map_err(failed)?;
        Ok(format)
    }

    /// The device of the disk, once it is there.
    async fn appear(&self) -> Result<PathBuf, OperatorError> {
        let begun = Instant::now();
        loop {
            if let Some(device) = self.device() {
                return Ok(device);
            }
            if begun.elapsed() >= self.patience {
                let why = format!("the disk {} is not attached after {} s", self.disk.serial, self.patience.as_secs());
                return Err(OperatorError::new(codes::NO_VOLUME, format!("{why}: Docker is not started")));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    fn device(&self) -> Option<PathBuf> {
        let wanted = self.disk.serial.as_str();
        let names = |path: &Path| {
            let entries = fs::read_dir(path).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().display().to_string()).collect::<Vec<_>>()
        };
        let of_id = names(self.by_id).into_iter().find(|name| name == wanted || name.ends_with(&format!("_{wanted}")));
        if let Some(name) = of_id {
            return fs::canonicalize(self.by_id.join(name)).ok();
        }
        names(Path::new(BLOCK)).into_iter().find_map(|name| {
            let said =
                ["serial", "device/serial"].map(|file| fs::read_to_string(Path::new(BLOCK).join(&name).join(file)));
            said.into_iter().flatten().any(|serial| serial.trim() == wanted).then(|| Path::new("/dev").join(&name))
        })
    }

    /// What the disk holds. A probe that finds nothing is not believed alone: it is read.
    async fn look(&self, device: &Path) -> Result<FoundDisk, String> {
        let shown = device.display().to_string();
        let probed = probe(&shown).await?;
        let value = |name: &str| {
            let line = probed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.unwrap_or_default().to_owned()
        };
        let kinds = [value("TYPE"), value("PTTYPE"), value("USAGE")];
        if let Some(kind) = kinds.into_iter().find(|kind| !kind.is_empty()) {
            return Ok(FoundDisk::Signed { kind, label: value("LABEL"), uuid: value("UUID") });
        }
        if !probed.trim().is_empty() {
            return Ok(FoundDisk::Written);
        }
        let blank = is_blank(device).map_err(|error| error.to_string())?;
        Ok(if blank { FoundDisk::Blank } else { FoundDisk::Written })
    }
}

/// What the probe says of a device, as lines of names and values; nothing where it finds no signature.
async fn probe(device: &str) -> Result<String, String> {
    const NOTHING_FOUND: i32 = 2;
    let mut command = Command::new("blkid");
    command.args(["-p", "-o", "export", device]).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(TOOL_PATIENCE, command.output()).await.map_err(|_| "`blkid` does not end".to_owned())?;
    let output = output.map_err(|error| format!("`blkid` cannot be run: {error}"))?;
    match output.status.code() {
        Some(0) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Some(NOTHING_FOUND) => Ok(String::new()),
        // Signatures that contradict each other: whatever it holds, it is not blank.
        _ => Ok("USAGE=signatures that contradict each other".to_owned()),
    }
}

/// Whether a device holds zeros wherever it is read: whole, where it is small.
fn is_blank(device: &Path) -> io::Result<bool> {
    let mut file = File::open(device)?;
    let length = file.seek(SeekFrom::End(0))?;
    let edge = EDGE_BYTES.min(length);
    let mut places = vec![(0, edge), (length - edge, edge)];
    places.extend((1..SAMPLES).map(|number| (length / SAMPLES * number, SAMPLE_BYTES)));
    let mut piece = vec![0; 1 << 16];
    for (from, bytes) in places {
        file.seek(SeekFrom::Start(from))?;
        let mut part = file.by_ref().take(bytes);
        loop {
            let read = part.read(&mut piece)?;
            if piece.iter().take(read).any(|byte| *byte != 0) {
                return Ok(false);
            }
            if read == 0 {
                break;
            }
        }
    }
    Ok(true)
}

async fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(TOOL_PATIENCE, command.output()).await.map_err(|_| format!("`{program}` does not end"))?;
    let output = output.map_err(|error| format!("`{program}` cannot be run: {error}"))?;
    // Of a check of a file system: it mended what it found.
    let mended = program == "e2fsck" && output.status.code() == Some(1);
    if output.status.success() || mended {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    let first = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
    Err(format!("`{program}` failed ({}): {first}", output.status))
}

#[cfg(test)]
mod tests;
