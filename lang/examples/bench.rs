//! Parses and formats 5,000 literal members in 50,000 lines and prints the medians, in CPU time
//! where the system tells it, so that other work on the machine does not count:
//! `cargo run --release -p kit-lang --example bench`.
#![allow(clippy::print_stdout, clippy::disallowed_types, clippy::disallowed_methods)]

use std::fmt::Write as _;
use std::time::Instant;

/// Members of the measured file.
const MEMBERS: usize = 5_000;
/// Runs of each measurement; the median counts.
const RUNS: usize = 15;

fn members() -> String {
    let mut text = String::from("use std/sim\nuse std/swarm\n\ngroup managers: swarm.Manager {\n  machine = node\n");
    for n in 0..MEMBERS {
        let (high, low) = (n / 250, n % 250);
        let _ = write!(
            text,
            "\n  ## The machine of desk {n}.\n  member m{n} {{\n    ip     = 10.0.{high}.{low}\n    type   = \"t3.small\"\n    volume = {{\n      size      = 20GiB\n      encrypted = true\n    }}\n  }}\n"
        );
    }
    text.push_str("}\n");
    text
}

/// Milliseconds that this process spent on a CPU; on other systems than Linux, that passed.
fn now_ms(start: Instant) -> f64 {
    let on_cpu = std::fs::read_to_string("/proc/self/schedstat").ok();
    let nanoseconds = on_cpu.and_then(|stat| stat.split_whitespace().next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| start.elapsed().as_secs_f64() * 1_000.0, |nanoseconds| nanoseconds / 1e6)
}

fn median(mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let before = now_ms(start);
            run();
            now_ms(start) - before
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}

fn main() {
    let text = members();
    println!("{} lines, {} bytes", text.lines().count(), text.len());
    println!("parse, tree dropped: {:.1} ms", median(|| assert!(!kit_lang::parse(&text).has_errors())));
    let right = "let a = 10GiB\n".repeat(MEMBERS);
    let wrong = "let a = 10GB\n".repeat(MEMBERS);
    println!("5,000 declarations: {:.1} ms", median(|| assert!(!kit_lang::parse(&right).has_errors())));
    println!("5,000 errors: {:.1} ms", median(|| assert!(kit_lang::parse(&wrong).has_errors())));
    println!("format: {:.1} ms", median(|| assert!(kit_lang::format(&text).is_ok())));
}
