//! Disks that are loop devices: each ends as it should, and no foreign byte is changed.

use std::io::Write as _;
use std::os::unix::fs::symlink;

use kit_graph::sha256_hex;

use super::*;

const MIB: u64 = 1 << 20;

/// A loop device over a file, under the ID `disk`, and a place for its file system; all gone when it is dropped.
struct Loop {
    directory: tempfile::TempDir,
    device: String,
}

fn shell(program: &str, arguments: &[&str]) -> Option<String> {
    let output = std::process::Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

impl Loop {
    /// None where this machine makes none, which is said aloud.
    fn new() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let image = directory.path().join("image");
        File::create(&image).unwrap().set_len(24 * MIB).unwrap();
        let Some(device) = shell("losetup", &["-f", "--show", &image.display().to_string()]) else {
            let why = "no loop device can be made here";
            assert!(std::env::var_os("KIT_LAB_REQUIRED").is_none(), "{why}");
            // Not by a macro: those are captured, and this must be seen.
            let _ = writeln!(std::io::stderr(), "SKIPPED: {why}: it needs root and losetup");
            return None;
        };
        fs::create_dir(directory.path().join("by-id")).unwrap();
        let made = Self { directory, device };
        made.attach();
        Some(made)
    }

    fn attach(&self) {
        symlink(&self.device, self.path("by-id/scsi-0_disk")).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn hash(&self) -> String {
        sha256_hex(&fs::read(self.path("image")).unwrap())
    }

    async fn stand(&self, member: &str, is_new: bool, patience: Duration) -> Result<bool, OperatorError> {
        let disk = BootDisk { serial: "disk".to_owned(), is_new };
        let (by_id, place) = (self.path("by-id"), self.path("place"));
        let name = DiskName::of(&"u".into(), &member.into());
        Disk { disk: &disk, name, place: &place, by_id: &by_id, patience }.stand().await
    }

    fn unmount(&self) {
        shell("umount", &[&self.path("place").display().to_string()]).unwrap();
    }

    /// It is refused, in these words, and not a byte of it is another one.
    async fn refused(&self, member: &str, is_new: bool, words: &str) {
        let before = self.hash();
        let error = self.stand(member, is_new, Duration::ZERO).await.unwrap_err();
        assert!(error.message.contains(words), "{words}: {error}");
        assert_eq!(self.hash(), before, "{words}");
        assert!(!self.path("place/kit").exists());
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = shell("umount", &["-q", &self.path("place").display().to_string()]);
        let _ = shell("losetup", &["-d", &self.device]);
    }
}

#[tokio::test]
async fn a_disk_is_formatted_once_and_only_for_its_member() {
    let Some(disk) = Loop::new() else { return };
    disk.refused("managers.m1", false, "it is blank, and once held").await;
    assert!(disk.stand("managers.m1", true, Duration::ZERO).await.unwrap());
    fs::write(disk.path("place/kit"), "kept").unwrap();
    disk.unmount();
    // What it holds is kept, whatever the document says of it.
    assert!(!disk.stand("managers.m1", true, Duration::ZERO).await.unwrap());
    assert_eq!(fs::read_to_string(disk.path("place/kit")).unwrap(), "kept");
    disk.unmount();
    disk.refused("managers.m2", true, "another member or cluster").await;
}

#[tokio::test]
async fn what_another_put_on_a_disk_stays() {
    let Some(disk) = Loop::new() else { return };
    shell("mkfs.ext4", &["-q", "-L", "photos", &disk.device]).unwrap();
    disk.refused("managers.m1", true, "ext4 named photos").await;
    // No probe knows what this is.
    File::create(disk.path("image")).unwrap().set_len(24 * MIB).unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(&disk.device).unwrap();
    file.seek(SeekFrom::Start(9 * MIB)).unwrap();
    file.write_all(b"the only copy").unwrap();
    file.sync_all().unwrap();
    disk.refused("managers.m1", true, "bears no name").await;
}

#[tokio::test]
async fn a_damaged_disk_is_mended_where_that_needs_no_choice_and_else_left() {
    let Some(disk) = Loop::new() else { return };
    assert!(disk.stand("managers.m1", true, Duration::ZERO).await.unwrap());
    disk.unmount();
    // The table of its groups is gone; its superblock still says whose it is.
    let mut file = fs::OpenOptions::new().write(true).open(&disk.device).unwrap();
    file.seek(SeekFrom::Start(2048)).unwrap();
    file.write_all(&[0xff; 8192]).unwrap();
    file.sync_all().unwrap();
    let error = disk.stand("managers.m1", false, Duration::ZERO).await.unwrap_err();
    assert!(error.message.contains("damaged"), "{error}");
}

#[tokio::test]
async fn a_disk_that_is_slow_to_appear_is_waited_for_and_one_that_is_not_there_is_named() {
    let Some(disk) = Loop::new() else { return };
    fs::remove_file(disk.path("by-id/scsi-0_disk")).unwrap();
    let error = disk.stand("managers.m1", true, Duration::ZERO).await.unwrap_err();
    assert!(error.code == codes::NO_VOLUME && error.message.contains("not attached"), "{error}");
    let late = async {
        sleep(LOOK_EVERY * 2).await;
        disk.attach();
    };
    let (stands, ()) = tokio::join!(disk.stand("managers.m1", true, Duration::from_secs(30)), late);
    assert!(stands.unwrap());
}
