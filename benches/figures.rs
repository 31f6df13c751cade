//! The figures that Kit promises, measured in one run: `cargo bench --bench figures`.
//!
//! Each is the median of several runs of the real `kitc`, in a release build. CPU time and memory come from the
//! operating system: a helper process (this same binary) runs the one command and reports what its children used. The run ends with 1 if a
//! figure is over its limit.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its table")]

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

mod inputs;
mod straight_line;

/// What one run used.
#[derive(Clone, Copy, Debug)]
struct Used {
    wall: Duration,
    cpu: Duration,
    bytes: u64,
    /// What it printed, as a number: the same input must give the same bytes.
    printed: u64,
}

/// A figure, and what it may be at most.
struct Figure {
    name: &'static str,
    program: String,
    arguments: Vec<String>,
    runs: usize,
    limits: Limits,
}

/// What is promised; what is not promised is shown all the same.
#[derive(Default)]
struct Limits {
    wall: Option<Duration>,
    cpu: Option<Duration>,
    mebibytes: Option<u64>,
}

const fn ms(count: u64) -> Option<Duration> {
    Some(Duration::from_millis(count))
}

/// An example of kit-planner.
const PLANNER: &str = "ten_thousand";
/// The first word of a call to ourselves as a helper that runs a command.
const HELPER: &str = "--measure";
/// The first word of a call to ourselves that does nothing: what any process costs.
const NOTHING: &str = "--nothing";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some(NOTHING) => ExitCode::SUCCESS,
        Some(HELPER) => helper(arguments),
        // cargo passes `--bench`; a word after it chooses figures by name.
        _ => measure_all(arguments.find(|word| !word.starts_with('-')).unwrap_or_default()),
    }
}

/// Runs a command and prints the nanoseconds and bytes that it used.
fn helper(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let Some(program) = arguments.next() else { return ExitCode::FAILURE };
    let began = Instant::now();
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let wall = began.elapsed();
    let Ok(output) = output else { return ExitCode::FAILURE };
    let mut printed = DefaultHasher::new();
    output.stdout.hash(&mut printed);
    let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else { return ExitCode::FAILURE };
    let cpu = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    // Linux counts in KiB.
    println!("{} {} {} {}", wall.as_nanos(), cpu, usage.max_rss() * 1024, printed.finish());
    if output.status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_once(program: &str, arguments: &[String]) -> Result<Used, String> {
    let ourselves = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(ourselves)
        .args([HELPER, program])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .map_err(|error| error.to_string())?;
    let report = String::from_utf8_lossy(&output.stdout);
    let mut numbers = report.split_whitespace().map(str::parse::<u64>);
    match (output.status.success(), numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
        (true, Some(Ok(wall)), Some(Ok(cpu)), Some(Ok(bytes)), Some(Ok(printed))) => {
            Ok(Used { wall: Duration::from_nanos(wall), cpu: Duration::from_micros(cpu), bytes, printed })
        }
        _ => Err(format!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr))),
    }
}

/// The median of each, by itself, after one run that only fills the caches.
fn median(program: &str, arguments: &[String], runs: usize) -> Result<Used, String> {
    let first = run_once(program, arguments)?;
    let used = (0..runs).map(|_| run_once(program, arguments)).collect::<Result<Vec<Used>, String>>()?;
    if used.iter().any(|one| one.printed != first.printed) {
        return Err("the same input gave other bytes".to_owned());
    }
    let middle = |mut all: Vec<u64>| {
        all.sort_unstable();
        all[all.len() / 2]
    };
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    Ok(Used {
        wall: Duration::from_nanos(middle(used.iter().map(|one| nanos(one.wall)).collect())),
        cpu: Duration::from_nanos(middle(used.iter().map(|one| nanos(one.cpu)).collect())),
        bytes: middle(used.iter().map(|one| one.bytes).collect()),
        printed: first.printed,
    })
}

/// The program that plans for machines that exist, built like this one; the operator's `plan` needs a cluster for that.
fn planner() -> Result<String, String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let built = Command::new(cargo)
        .args(["build", "--release", "--quiet", "-p", "kit-planner", "--example", PLANNER])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .map_err(|error| error.to_string())?;
    if !built.success() {
        return Err(format!("the example {PLANNER} was not built"));
    }
    let beside = Path::new(env!("CARGO_BIN_EXE_kitc")).with_file_name("examples");
    Ok(beside.join(PLANNER).to_string_lossy().into_owned())
}

fn figures(directory: &Path) -> std::io::Result<Vec<Figure>> {
    let file = |name: &str, text: &str| -> std::io::Result<String> {
        let path: PathBuf = directory.join(name);
        std::fs::write(&path, text)?;
        Ok(path.to_string_lossy().into_owned())
    };
    let generated = file("generated.kit", &inputs::generated_members(10_000))?;
    let literal = file("literal.kit", &inputs::literal_members(5_000))?;
    // The subnet of the example holds 4,093 machines.
    let biggest = biggest_example()?;
    let example = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/swarm-sim.kit"))?;
    let wide = file("wide.kit", &example.replace("172.31.16.0/20", "172.31.0.0/16"))?;
    let state = directory.join("state").to_string_lossy().into_owned();
    let kitc = env!("CARGO_BIN_EXE_kitc");
    let planner = planner().map_err(std::io::Error::other)?;
    let of = |program: &str, name, arguments: &[&str], runs, limits| Figure {
        name,
        program: program.to_owned(),
        arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
        runs,
        limits,
    };
    let figure = |name, arguments: &[&str], runs, limits| of(kitc, name, arguments, runs, limits);
    Ok(vec![
        figure(
            "check of the example, cold process",
            &["check", "examples/swarm-sim.kit"],
            101,
            Limits { wall: ms(3), ..Limits::default() },
        ),
        figure(
            "check of the biggest example, cold process",
            &["check", &biggest],
            101,
            Limits { wall: ms(5), ..Limits::default() },
        ),
        figure(
            "10,000 members from a `for`, compiled",
            &["compile", &generated],
            11,
            Limits { cpu: ms(20), mebibytes: Some(25), ..Limits::default() },
        ),
        figure(
            "5,000 literal members in 50,000 lines, compiled",
            &["compile", &literal],
            11,
            Limits { cpu: ms(300), ..Limits::default() },
        ),
        figure("the same, laid out", &["fmt", "--check", &literal], 11, Limits { cpu: ms(200), ..Limits::default() }),
        figure(
            "plan of 10,000 machines, of which none is made",
            &["plan", &wide, "--set", "size=10000", "--state-dir", &state],
            5,
            Limits { cpu: ms(250), mebibytes: Some(200), ..Limits::default() },
        ),
        of(
            &planner,
            "plan of 10,000 machines that exist",
            &["10000"],
            5,
            Limits { cpu: ms(250), mebibytes: Some(200), ..Limits::default() },
        ),
        of(
            &planner,
            "the same, a tenth of them missing",
            &["10000", "10"],
            5,
            Limits { cpu: ms(250), mebibytes: Some(200), ..Limits::default() },
        ),
        figure(
            "1,000 workers converge in virtual time",
            &["simulate", &wide, "--set", "size=1003"],
            5,
            Limits { cpu: ms(200), ..Limits::default() },
        ),
        figure(
            "5,000 workers converge in virtual time",
            &["simulate", &wide, "--set", "size=5003"],
            3,
            Limits { cpu: ms(1000), ..Limits::default() },
        ),
    ])
}

/// The example with the most bytes, as a user would name it.
fn biggest_example() -> std::io::Result<String> {
    let mut biggest = (0, String::new());
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".kit") {
            biggest = biggest.max((entry.metadata()?.len(), format!("examples/{name}")));
        }
    }
    Ok(biggest.1)
}

/// Members of the files over whose size a check is measured: 2,500 to 50,000 lines.
const SIZES: [usize; 8] = [250, 500, 1_000, 1_500, 2_000, 3_000, 4_000, 5_000];

/// How long checks take over the size of their files, and whether that is a straight line.
fn over_size(directory: &Path) -> Result<(String, bool), String> {
    let mut points = Vec::new();
    for size in SIZES {
        let text = inputs::literal_members(size);
        let path = directory.join(format!("{size}.kit"));
        std::fs::write(&path, &text).map_err(|error| error.to_string())?;
        let used = median(env!("CARGO_BIN_EXE_kitc"), &["check".to_owned(), path.to_string_lossy().into_owned()], 7)?;
        points.push((text.lines().count() as f64, used.cpu.as_secs_f64() * 1e3));
    }
    Ok(straight_line::chart(&points))
}

/// How long the idle replica is watched.
const IDLE: Duration = Duration::from_secs(20);
/// 0.005 of a core for so long.
const IDLE_CPU: Option<Duration> = ms(100);

/// What one replica of a converged cluster uses while nothing happens.
fn idle(state: &Path) -> Result<Used, String> {
    let state = state.to_string_lossy().into_owned();
    let command = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kitc"));
        command.args(["apply", "examples/swarm-sim.kit", "--yes", "--state-dir", &state]).args(arguments);
        command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    };
    let made = command(&["--pace", "10"]).status().map_err(|error| error.to_string())?;
    if !made.success() {
        return Err("the cluster did not converge".to_owned());
    }
    let mut replica = command(&["--watch", "--as", "managers.m1"]).spawn().map_err(|error| error.to_string())?;
    // Its start is not what is measured.
    std::thread::sleep(Duration::from_secs(5));
    let before = used_by(replica.id());
    std::thread::sleep(IDLE);
    let after = used_by(replica.id());
    let ended = replica.try_wait().map_err(|error| error.to_string())?;
    let _ = replica.kill();
    let _ = replica.wait();
    match (ended, before, after) {
        (None, Some((before, _)), Some((after, bytes))) => {
            Ok(Used { wall: IDLE, cpu: after.saturating_sub(before), bytes, printed: 0 })
        }
        _ => Err("the replica did not go on".to_owned()),
    }
}

/// CPU time, and the most memory, of a process that runs.
fn used_by(process: u32) -> Option<(Duration, u64)> {
    // The first number is the time on a CPU, in nanoseconds.
    let schedule = std::fs::read_to_string(format!("/proc/{process}/schedstat")).ok()?;
    let nanos = schedule.split_whitespace().next()?.parse().ok()?;
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let kibibytes: u64 =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()?;
    Some((Duration::from_nanos(nanos), kibibytes * 1024))
}

fn measure_all(wanted: String) -> ExitCode {
    if cfg!(debug_assertions) {
        eprintln!("these figures mean nothing in a debug build: use `cargo bench --bench figures`");
        return ExitCode::FAILURE;
    }
    let directory = tempfile::tempdir().expect("a directory for the inputs");
    let figures = figures(directory.path()).expect("the inputs are written");
    let ourselves = std::env::current_exe().expect("a path of this program").to_string_lossy().into_owned();
    let mut good = true;
    println!("{:<50} {:>10} {:>10} {:>10}   limit", "", "wall", "CPU", "memory");
    match median(&ourselves, &[NOTHING.to_owned()], 101) {
        Ok(used) => println!("{}", row("a process that does nothing", used, &Limits::default()).0),
        Err(error) => println!("{error}"),
    }
    for figure in figures.iter().filter(|figure| figure.name.contains(&wanted)) {
        match median(&figure.program, &figure.arguments, figure.runs) {
            Ok(used) => {
                let (row, within) = row(figure.name, used, &figure.limits);
                println!("{row}");
                good &= within;
            }
            Err(error) => {
                println!("{:<50} failed: {error}", figure.name);
                good = false;
            }
        }
    }
    let size_name = "CPU time of a check over the size of its file";
    if size_name.contains(&wanted) {
        match over_size(directory.path()) {
            Ok((chart, straight)) => {
                println!("{size_name}:\n{chart}");
                good &= straight;
            }
            Err(error) => {
                println!("{size_name:<50} failed: {error}");
                good = false;
            }
        }
    }
    let idle_name = "a replica that watches and has nothing to do";
    if idle_name.contains(&wanted) {
        match idle(&directory.path().join("idle")) {
            Ok(used) => {
                let (row, within) = row(idle_name, used, &Limits { cpu: IDLE_CPU, mebibytes: Some(20), wall: None });
                println!("{row}");
                good &= within;
            }
            Err(error) => {
                println!("{idle_name:<50} failed: {error}");
                good = false;
            }
        }
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A line of the table, and whether the figure is within its limits.
fn row(name: &str, used: Used, limits: &Limits) -> (String, bool) {
    let shown = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
    let mebibytes = used.bytes as f64 / f64::from(1 << 20);
    let mut text = format!("{name:<50} {:>10} {:>10} {:>6.1} MiB  ", shown(used.wall), shown(used.cpu), mebibytes);
    let mut within = true;
    let mut limit = |shown: String, kept: bool| {
        let _ = write!(text, " {shown}{}", if kept { "" } else { " EXCEEDED" });
        within &= kept;
    };
    if let Some(most) = limits.wall {
        limit(format!("wall {}", shown(most)), used.wall <= most);
    }
    if let Some(most) = limits.cpu {
        limit(format!("CPU {}", shown(most)), used.cpu <= most);
    }
    if let Some(most) = limits.mebibytes {
        limit(format!("memory {most} MiB"), mebibytes <= most as f64);
    }
    (text, within)
}
