//! Explores seeds of clusters with 3 and 5 managers on all cores: `explore [RUNS] [FIRST] [MANAGERS WORKERS]`.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a program, not the crate"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use kit_model::Policy;
use kit_simulator::{FAULTS, FaultKind, Rehearsal, Run, Subject};

/// Managers and workers.
const SHAPES: [(u32, u32); 5] = [(3, 1), (5, 0), (3, 4), (5, 6), (3, 0)];

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let runs = numbers.first().copied().unwrap_or(1_000);
    let first = numbers.get(1).copied().unwrap_or(1);
    let kinds: BTreeSet<FaultKind> = FAULTS.iter().map(|info| info.kind).collect();
    let rehearsals: Vec<Rehearsal> = SHAPES
        .iter()
        .map(|&(managers, workers)| {
            let subject = Subject::of_size(managers, workers).expect("a subject");
            Rehearsal::new(subject, Policy::default())
        })
        .collect();
    for (shape, rehearsal) in SHAPES.iter().zip(&rehearsals) {
        println!("{shape:?}: {} steps, {:?}", rehearsal.steps(), rehearsal.breach());
    }
    let begun = std::time::Instant::now();
    let next = AtomicU64::new(first);
    let broken: Mutex<Vec<(usize, Run)>> = Mutex::new(Vec::new());
    let steps = AtomicU64::new(0);
    let virtual_ms = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + runs {
                        break;
                    }
                    let shape = usize::try_from(seed).expect("a seed") % rehearsals.len();
                    let faults = rehearsals[shape].schedule(seed, &kinds);
                    let run = rehearsals[shape].run(seed, &faults, 0, false);
                    steps.fetch_add(run.steps, Ordering::Relaxed);
                    virtual_ms.fetch_add(run.ended_ms, Ordering::Relaxed);
                    if run.breach.is_some() {
                        broken.lock().expect("no panic").push((shape, run));
                    }
                }
            });
        }
    });
    let took = begun.elapsed();
    let mut broken = broken.into_inner().expect("no panic");
    broken.sort_by_key(|(_, run)| run.seed);
    let mut by_invariant: BTreeMap<&str, u64> = BTreeMap::new();
    let mut shown: BTreeMap<&str, u64> = BTreeMap::new();
    for (shape, run) in &broken {
        let breach = run.breach.as_ref().expect("broken");
        *by_invariant.entry(breach.invariant).or_default() += 1;
        let times = shown.entry(breach.invariant).or_default();
        *times += 1;
        if *times <= 4 {
            let short = rehearsals[*shape].shortest(run);
            let flags: Vec<String> = short.iter().map(ToString::to_string).collect();
            println!(
                "{:?} seed {} at {} ms: {} {}\n    {}",
                SHAPES[*shape],
                run.seed,
                breach.at_ms,
                breach.invariant,
                breach.what,
                flags.join(" ")
            );
        }
    }
    println!("{by_invariant:?}");
    println!(
        "{runs} runs, {} broken, {:.1} s, {} steps a run, {} s of virtual time a run",
        broken.len(),
        took.as_secs_f64(),
        steps.load(Ordering::Relaxed) / runs.max(1),
        virtual_ms.load(Ordering::Relaxed) / runs.max(1) / 1000
    );
}
