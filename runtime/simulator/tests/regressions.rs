//! Schedules that once broke an invariant: each was found by exploring, and shrunk.

use kit_model::Policy;
use kit_simulator::{Fault, FaultKind, Rehearsal, Subject};

/// One a line: managers, workers, seed, and the flags of the schedule.
const SCHEDULES: &str = include_str!("regressions/schedules.txt");

#[test]
fn what_broke_once_holds() {
    for line in SCHEDULES.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok()).expect(line);
        let (managers, workers, seed) = (number(), number(), number());
        let flags: Vec<&str> = words.collect();
        let faults: Vec<Fault> = flags
            .chunks(2)
            .map(|pair| {
                let kind = FaultKind::named(pair[0].trim_start_matches("--")).expect(line);
                Fault::parse(kind, pair[1]).expect(line)
            })
            .collect();
        let size = |count: u64| u32::try_from(count).expect("a size");
        let subject = Subject::of_size(size(managers), size(workers)).expect("a subject");
        let run = Rehearsal::new(subject, Policy::default()).run(seed, &faults, 0, false);
        assert_eq!(run.breach, None, "{line}");
    }
}

/// A creation that was accepted and that no listing showed yet counted as settled, and a commit at that moment began
/// another machine for the slot. It takes listings that lag by long, and a leader that has led for minutes.
#[test]
fn an_accepted_creation_that_no_listing_shows_is_not_settled() {
    let mut graph = Subject::of_size(3, 6).expect("a subject").graph().clone();
    let lag = kit_graph::Value::String("20s".to_owned());
    graph.cluster.provider.properties.insert("listing_lag".to_owned(), lag);
    graph.hash = graph.content_hash();
    let rehearsal = Rehearsal::new(Subject::new(graph).expect("a subject"), Policy::default());
    assert_eq!(rehearsal.breach(), None);
    let fault = |kind, text: &str| Fault::parse(kind, text).expect("a fault");
    for seed in [3, 7] {
        for roll in (436..=460).step_by(2) {
            let faults = [
                fault(FaultKind::Lag, "355s+3min"),
                fault(FaultKind::Kill, "workers.3@6min"),
                fault(FaultKind::Kill, "workers.4@6min"),
                fault(FaultKind::Roll, &format!("{roll}s")),
            ];
            let run = rehearsal.run(seed, &faults, 0, false);
            assert_eq!(run.breach, None, "seed {seed}, --roll {roll}s");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let rehearsal = Rehearsal::new(Subject::of_size(3, 2).expect("a subject"), Policy::default());
    let kinds = kit_simulator::FAULTS.iter().map(|info| info.kind).collect();
    for seed in 1..20 {
        let faults = rehearsal.schedule(seed, &kinds);
        assert_eq!(rehearsal.run(seed, &faults, 0, true), rehearsal.run(seed, &faults, 0, true), "seed {seed}");
    }
}

#[test]
fn the_first_hundred_seeds_break_nothing() {
    let kinds = kit_simulator::FAULTS.iter().map(|info| info.kind).collect();
    let shapes: Vec<Rehearsal> = [(3, 1), (5, 2)]
        .into_iter()
        .map(|(managers, workers)| {
            Rehearsal::new(Subject::of_size(managers, workers).expect("a subject"), Policy::default())
        })
        .collect();
    for seed in 1..=100_u64 {
        let rehearsal = &shapes[usize::try_from(seed % 2).expect("0 or 1")];
        let run = rehearsal.run(seed, &rehearsal.schedule(seed, &kinds), 0, false);
        let flags: Vec<String> = run.faults.iter().map(ToString::to_string).collect();
        assert_eq!(run.breach, None, "seed {seed}: {}", flags.join(" "));
    }
}
