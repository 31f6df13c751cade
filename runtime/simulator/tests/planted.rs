//! Bugs that are planted in planner, reconciler and gate, one at a time: each must break an
//! invariant, on seeds that break nothing without it.

#![allow(clippy::print_stdout, reason = "says which invariant noticed which bug")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use kit_model::Policy;
use kit_planner::{Bug, plant};
use kit_simulator::{FAULTS, FaultKind, Rehearsal, Subject};

/// The most seeds that are tried for one bug: most are caught within twenty.
const MAX_SEEDS: u64 = 400;

/// Bugs that no schedule shows yet: another guard of the planner stands before the one that is taken out. This list
/// may only become shorter.
const BEHIND_ANOTHER_GUARD: &[&str] = &[
    "no-succession-wait",
    "listing-before-head",
    "single-listing-as-absence",
    "create-before-terminated",
    "epoch-ignored",
    "budget-ignored",
    "operator-after-formed",
    "new-generation-while-unknown",
    "mass-failure-ignored",
    "destroy-under-permit",
];

/// How many bugs must be caught at the least.
const CAUGHT_AT_LEAST: usize = 34;

/// The shapes that seeds take turns with: managers and workers.
const SHAPES: [(u32, u32); 5] = [(3, 1), (5, 0), (3, 4), (5, 6), (3, 0)];

struct Caught {
    bug: Bug,
    seed: u64,
    invariant: &'static str,
    what: String,
}

#[test]
fn each_planted_bug_is_caught_and_none_without() {
    let kinds: BTreeSet<FaultKind> = FAULTS.iter().map(|info| info.kind).collect();
    let shapes: Vec<Rehearsal> = SHAPES
        .iter()
        .map(|&(managers, workers)| {
            let subject = Subject::of_size(managers, workers).expect("a subject");
            Rehearsal::new(subject, Policy::default())
        })
        .collect();
    for rehearsal in &shapes {
        assert_eq!(rehearsal.breach(), None, "without any fault");
    }
    let next = AtomicUsize::new(0);
    let caught: Mutex<Vec<Caught>> = Mutex::new(Vec::new());
    let missed: Mutex<Vec<Bug>> = Mutex::new(Vec::new());
    let unsound: Mutex<BTreeMap<u64, String>> = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(&bug) = Bug::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if BEHIND_ANOTHER_GUARD.contains(&bug.name()) {
                        continue;
                    }
                    match hunt(bug, &shapes, &kinds, &unsound) {
                        Some(found) => caught.lock().expect("no panic").push(found),
                        None => missed.lock().expect("no panic").push(bug),
                    }
                }
            });
        }
    });
    let mut caught = caught.into_inner().expect("no panic");
    caught.sort_by_key(|found| found.bug);
    let mut by_invariant: BTreeMap<&str, usize> = BTreeMap::new();
    for found in &caught {
        println!("{:32} {:4} seed {:5}  {}", found.bug.name(), found.invariant, found.seed, found.what);
        *by_invariant.entry(found.invariant).or_default() += 1;
    }
    println!("{by_invariant:?}");
    let missed = missed.into_inner().expect("no panic");
    let unsound = unsound.into_inner().expect("no panic");
    for (seed, breach) in &unsound {
        println!("seed {seed} without a bug: {breach}");
    }
    assert!(unsound.is_empty(), "{} seeds break something without a bug", unsound.len());
    assert!(missed.is_empty(), "not caught: {:?}", missed.iter().map(|bug| bug.name()).collect::<Vec<_>>());
    assert!(caught.len() >= CAUGHT_AT_LEAST, "only {} bugs were caught", caught.len());
}

/// The first seed on which the bug breaks something that holds without it.
fn hunt(
    bug: Bug,
    shapes: &[Rehearsal],
    kinds: &BTreeSet<FaultKind>,
    unsound: &Mutex<BTreeMap<u64, String>>,
) -> Option<Caught> {
    for seed in 1..=MAX_SEEDS {
        let shape = usize::try_from(seed).unwrap_or(0) % shapes.len();
        let rehearsal = &shapes[shape];
        let schedule = rehearsal.schedule(seed, kinds);
        plant(Some(bug));
        let run = rehearsal.run(seed, &schedule, 0, false);
        plant(None);
        let Some(breach) = run.breach else { continue };
        let sound = rehearsal.run(seed, &schedule, 0, false);
        if let Some(breach) = sound.breach {
            unsound.lock().expect("no panic").insert(seed, breach.to_string());
            continue;
        }
        return Some(Caught { bug, seed, invariant: breach.invariant, what: breach.what });
    }
    None
}
