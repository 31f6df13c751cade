//! Plans for 10,000 machines and says what that costs: `cargo run --release -p kit-planner --example ten_thousand`.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    unused,
    reason = "a program, not the crate"
)]

#[path = "../tests/world/mod.rs"]
mod world;

use kit_model::Address;
use world::World;

fn main() {
    let count: u32 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let workers = count.saturating_sub(3);
    for (name, missing) in [("all whole", 0), ("a tenth missing", 10), ("all missing", 1)] {
        let mut world = World::new();
        world.tell(&format!("revision A managers 3 workers {workers}"));
        world.tell("whole managers.m1 managers.m2 managers.m3");
        for slot in 1..=workers {
            if missing == 0 || slot % missing != 0 {
                world.add_whole(&Address::of_slot("workers", slot), "old");
            }
        }
        let (memory, inventory, now) = world.remember();
        let specs: kit_planner::Specs = world.specs.values().cloned().collect();
        let mut times = Vec::new();
        let mut first = None;
        for _ in 0..15 {
            let begun = std::time::Instant::now();
            let mut memory = memory.clone();
            let spec = &world.specs["A"];
            memory.observe(spec, &inventory, &world.swarm, &world.head, now, &world.policy);
            let plan = kit_planner::plan(
                &specs,
                &inventory,
                &world.swarm,
                &world.head,
                &memory,
                &world.policy,
                &world.me,
                now,
            );
            times.push(begun.elapsed());
            let text = world::render(&world, &plan);
            assert_eq!(*first.get_or_insert(text.clone()), text, "the same inputs give the same plan");
        }
        times.sort();
        println!(
            "{count} machines, {name}: observe and plan in {:.2} ms (median of {})",
            times[times.len() / 2].as_secs_f64() * 1000.0,
            times.len()
        );
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find(|line| line.starts_with("VmHWM")) {
        println!("peak of memory: {}", peak.trim_start_matches("VmHWM:").trim());
    }
}
