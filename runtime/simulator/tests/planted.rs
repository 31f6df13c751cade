//! Bugs that are planted in planner, reconciler and gate, one at a time: each must break an
//! invariant, on seeds that break nothing without it.

#![allow(clippy::print_stdout, reason = "says which invariant noticed which bug")]

mod guards;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use kit_graph::{Member, Population, Properties};
use kit_model::Policy;
use kit_planner::{Bug, plant};
use kit_simulator::{Breach, FAULTS, Fault, FaultKind, Rehearsal, Run, Subject};

/// The most seeds that are tried for one bug: most are caught within twenty.
const MAX_SEEDS: u64 = 400;

/// Bugs that no schedule shows under an invariant which they are to break: another guard stands before the one that is
/// taken out, or the schedules lack the moment. This list should become empty.
const BEHIND_ANOTHER_GUARD: &[&str] = &["budget-ignored", "old-revision-used", "remove-node-early"];

/// A bug, and whether the guard that it takes out holds.
type Alone = (&'static str, fn() -> bool);

/// Bugs that no schedule showed yet under an invariant which they are to break: the guard that they take out is asked
/// alone.
const ASKED_ALONE: &[Alone] = &[
    ("phantoms-not-counted", guards::counts_phantoms),
    ("no-succession-wait", guards::waits_for_the_former_permit),
    ("listing-before-head", guards::distrusts_a_listing_from_before_the_head),
    ("operator-after-formed", guards::leaves_what_is_formed_to_the_leader),
];

/// The shapes that seeds take turns with: managers and workers.
const SHAPES: [(u32, u32); 5] = [(3, 1), (5, 0), (3, 4), (5, 6), (3, 0)];

/// How many seeds a schedule that is aimed at a bug is tried with.
const MAX_AIMED_SEEDS: u64 = 60;

/// A bug, the cluster, and the flags of the schedule.
type Aimed = (&'static str, fn() -> Subject, &'static str);

/// Schedules for bugs that need moments which chance seldom brings together.
const AIMED: &[Aimed] = &[
    ("create-before-terminated", pinned_workers, "--kill pinned.p1@30s"),
    (
        "mass-failure-ignored",
        || of_size(3, 4),
        "--fail-docker workers.1@60s+10min --fail-docker workers.2@60s+10min --fail-docker workers.3@60s+10min",
    ),
    ("unknown-machine-as-dead", pinned_workers, "--unknown-state pinned.p1@30s+3min"),
];

fn of_size(managers: u32, workers: u32) -> Subject {
    Subject::of_size(managers, workers).expect("a subject")
}

/// Workers with addresses and no volumes: nothing but the address keeps a second machine out.
fn pinned_workers() -> Subject {
    let mut graph = of_size(3, 1).graph().clone();
    let mut group = graph.groups.iter().find(|group| group.name == "workers").cloned().expect("workers");
    group.name = "pinned".to_owned();
    group.population = Population::Members(
        (1..=4)
            .map(|n| Member {
                id: format!("p{n}"),
                ip: Some(format!("10.0.16.{}", 200 + n)),
                volume: None,
                machine: Properties::new(),
            })
            .collect(),
    );
    graph.groups.push(group);
    graph.hash = graph.content_hash();
    Subject::new(graph).expect("a subject")
}

fn schedule_of(flags: &str) -> Vec<Fault> {
    let words: Vec<&str> = flags.split_whitespace().collect();
    words
        .chunks(2)
        .map(|pair| {
            let kind = FaultKind::named(pair[0].trim_start_matches("--")).expect(flags);
            Fault::parse(kind, pair[1]).expect(flags)
        })
        .collect()
}

/// What broke first of that which the bug was planted to break. What another invariant notices proves nothing of
/// those that are named.
fn named(bug: Bug, run: Run) -> Option<Breach> {
    run.breach.into_iter().chain(run.also_broken).find(|breach| bug.breaks().contains(&breach.invariant))
}

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
    let aimed: Vec<(&str, Rehearsal, &str)> =
        AIMED.iter().map(|&(bug, subject, flags)| (bug, Rehearsal::new(subject(), Policy::default()), flags)).collect();
    for (bug, rehearsal, _) in &aimed {
        assert!(Bug::ALL.iter().any(|known| known.name() == *bug), "no bug is called {bug}");
        assert_eq!(rehearsal.breach(), None, "for {bug}, without any fault");
    }
    let next = AtomicUsize::new(0);
    let caught: Mutex<Vec<Caught>> = Mutex::new(Vec::new());
    let missed: Mutex<Vec<Bug>> = Mutex::new(Vec::new());
    let unsound: Mutex<BTreeMap<u64, String>> = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(&bug) = Bug::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if BEHIND_ANOTHER_GUARD.contains(&bug.name()) || asked_alone(bug).is_some() {
                        continue;
                    }
                    match hunt(bug, &shapes, &kinds, &aimed, &unsound) {
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
    for name in BEHIND_ANOTHER_GUARD {
        assert!(Bug::ALL.iter().any(|bug| bug.name() == *name), "no bug is called {name}");
    }
    let unsound = unsound.into_inner().expect("no panic");
    for (seed, breach) in &unsound {
        println!("seed {seed} without a bug: {breach}");
    }
    assert!(unsound.is_empty(), "{} seeds break something without a bug", unsound.len());
    assert!(missed.is_empty(), "not caught: {:?}", missed.iter().map(|bug| bug.name()).collect::<Vec<_>>());
}

fn asked_alone(bug: Bug) -> Option<fn() -> bool> {
    ASKED_ALONE.iter().find(|(name, _)| *name == bug.name()).map(|(_, holds)| *holds)
}

#[test]
fn each_guard_that_stands_behind_another_holds_alone() {
    for (name, holds) in ASKED_ALONE {
        let bug = Bug::ALL.iter().copied().find(|bug| bug.name() == *name).expect(name);
        assert!(holds(), "{name}: without the bug");
        plant(Some(bug));
        let held = holds();
        plant(None);
        assert!(!held, "{name}: nothing notices that the guard is gone");
    }
}

/// The first seed on which the bug breaks an invariant that it was planted to break, and which holds without it.
fn hunt(
    bug: Bug,
    shapes: &[Rehearsal],
    kinds: &BTreeSet<FaultKind>,
    aimed: &[(&str, Rehearsal, &str)],
    unsound: &Mutex<BTreeMap<u64, String>>,
) -> Option<Caught> {
    for (_, rehearsal, flags) in aimed.iter().filter(|(name, ..)| *name == bug.name()) {
        let schedule = schedule_of(flags);
        for seed in 1..=MAX_AIMED_SEEDS {
            plant(Some(bug));
            let run = rehearsal.run(seed, &schedule, 0, false);
            plant(None);
            let Some(breach) = named(bug, run) else { continue };
            if let Some(breach) = rehearsal.run(seed, &schedule, 0, false).breach {
                unsound.lock().expect("no panic").insert(seed, format!("{flags}: {breach}"));
                continue;
            }
            return Some(Caught { bug, seed, invariant: breach.invariant, what: breach.what });
        }
    }
    for seed in 1..=MAX_SEEDS {
        let shape = usize::try_from(seed).unwrap_or(0) % shapes.len();
        let rehearsal = &shapes[shape];
        let schedule = rehearsal.schedule(seed, kinds);
        plant(Some(bug));
        let run = rehearsal.run(seed, &schedule, 0, false);
        plant(None);
        let Some(breach) = named(bug, run) else { continue };
        let sound = rehearsal.run(seed, &schedule, 0, false);
        if let Some(breach) = sound.breach {
            unsound.lock().expect("no panic").insert(seed, breach.to_string());
            continue;
        }
        return Some(Caught { bug, seed, invariant: breach.invariant, what: breach.what });
    }
    None
}
