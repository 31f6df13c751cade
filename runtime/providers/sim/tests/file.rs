//! Several processes share a simulated cloud in a file, and whoever dies leaves it whole.
#![cfg(feature = "file")]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kit_sim::{Hurt, SimFile, SimFileError, SimSettings};

/// Set in the processes that the test starts: they write until they are killed.
const WRITER: &str = "KIT_SIM_TEST_WRITER";

fn open(directory: &Path) -> SimFile {
    SimFile::open(directory, SimSettings::fast(), 1).expect("a simulated cloud")
}

/// Not a test of its own: what `killed_writers_leave_the_file_whole` runs in other processes.
#[test]
fn writer_process() {
    let Ok(directory) = std::env::var(WRITER) else { return };
    let file = open(Path::new(&directory));
    // Ends by itself if nobody kills it.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        file.with(|cloud| cloud.hurt(&Hurt::PublishImage("written".to_owned()), cloud.now_ms()))
            .expect("writable")
            .expect("possible");
    }
}

fn start_writer(directory: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "writer_process", "--nocapture"])
        .env(WRITER, directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process")
}

#[test]
fn killed_writers_leave_the_file_whole() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = open(directory.path());
    let before = file.with(|cloud| cloud.changes()).expect("readable");
    for round in 0..8_u64 {
        let mut writers = [start_writer(directory.path()), start_writer(directory.path())];
        std::thread::sleep(Duration::from_millis(60 + round * 7));
        for writer in &mut writers {
            writer.kill().expect("killed");
            writer.wait().expect("ended");
        }
        let fresh = SimFile::open_existing(directory.path()).expect("whole");
        assert_eq!(
            fresh.with(|cloud| cloud.changes()).expect("readable"),
            file.with(|c| c.changes()).expect("readable")
        );
    }
    assert!(file.with(|cloud| cloud.changes()).expect("readable") > before, "nobody wrote");
}

#[test]
fn what_one_writes_the_other_sees() {
    let directory = tempfile::tempdir().expect("a directory");
    let (one, other) = (open(directory.path()), open(directory.path()));
    for number in 0..20 {
        let cluster = format!("c{number}");
        let claimed = one.with(|cloud| cloud.claim_anchor(&cluster, "a".into(), cloud.now_ms())).expect("written");
        assert_eq!(other.with(|cloud| cloud.anchor(&cluster)).expect("readable"), Some(claimed));
    }
}

#[test]
fn threads_do_not_lose_each_others_changes() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = open(directory.path());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let file = if thread % 2 == 0 { file.clone() } else { open(directory.path()) };
            scope.spawn(move || {
                for number in 0..25 {
                    let cluster = format!("c{thread}.{number}");
                    file.with(|cloud| cloud.claim_anchor(&cluster, "a".into(), cloud.now_ms())).expect("written");
                }
            });
        }
    });
    let kept = file
        .with(|cloud| {
            let all = (0..4).flat_map(|thread| (0..25).map(move |number| format!("c{thread}.{number}")));
            all.filter(|cluster| cloud.anchor(cluster).is_some()).count()
        })
        .expect("readable");
    assert_eq!(kept, 100);
}

#[test]
fn a_look_that_changes_nothing_writes_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = open(directory.path());
    let before = fs::metadata(file.path()).expect("there").modified().expect("known");
    for _ in 0..50 {
        file.with(|cloud| cloud.leadership(&"managers.m1".into(), cloud.now_ms())).expect("readable");
    }
    open(directory.path());
    assert_eq!(fs::metadata(file.path()).expect("there").modified().expect("known"), before);
}

#[test]
fn what_is_not_ours_or_damaged_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = open(directory.path()).path().to_owned();
    let whole = fs::read(&path).expect("readable");
    let cut = &whole[..whole.len() / 2];
    let newer =
        String::from_utf8(whole.clone()).expect("text").replacen("\"format\":1", "\"format\":2", 1).into_bytes();
    for content in [&b""[..], b"notes", b"{}", b"[1, 2]", cut, &newer] {
        fs::write(&path, content).expect("written");
        let error = SimFile::open(directory.path(), SimSettings::fast(), 1).expect_err("not ours");
        let fits = match &error {
            SimFileError::Damaged(..) => content == cut,
            SimFileError::Newer(_, format) => content == newer && *format == 2,
            SimFileError::Foreign(_) => content != cut && content != newer,
            _ => false,
        };
        assert!(fits, "{error}");
        assert!(error.to_string().contains("cloud.json"), "{error}");
        assert_eq!(fs::read(&path).expect("readable"), content);
    }
    fs::write(&path, whole).expect("written");
    SimFile::open_existing(directory.path()).expect("whole again");
}

#[test]
fn a_cloud_that_is_not_there_is_missing_and_not_made() {
    let directory = tempfile::tempdir().expect("a directory");
    assert!(matches!(SimFile::open_existing(directory.path()), Err(SimFileError::Missing(_))));
    assert_eq!(fs::read_dir(directory.path()).expect("readable").count(), 0);
}
