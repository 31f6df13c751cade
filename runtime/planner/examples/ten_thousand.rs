//! Plans once for a cluster of many machines that exist, and prints the plan:
//! `cargo run --release -p kit-planner --example ten_thousand [COUNT [MISSING]]`.
//!
//! Every MISSING-th worker has no machine; 0, the default, means that all are whole. The figures
//! (`cargo bench --bench figures`) measure the whole process and compare its output of several runs.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
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
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse::<u32>().ok());
    let count = numbers.next().unwrap_or(10_000);
    let missing = numbers.next().unwrap_or(0);
    let workers = count.saturating_sub(3);
    let mut world = World::new();
    world.tell(&format!("revision A managers 3 workers {workers}"));
    world.tell("whole managers.m1 managers.m2 managers.m3");
    for slot in 1..=workers {
        if missing == 0 || slot % missing != 0 {
            world.add_whole(&Address::of_slot("workers", slot), "old");
        }
    }
    let (mut memory, inventory, now) = world.remember();
    let specs: kit_planner::Specs = world.specs.values().cloned().collect();
    let begun = std::time::Instant::now();
    memory.observe(&world.specs["A"], &inventory, &world.swarm, &world.head, now, &world.policy);
    let plan = kit_planner::plan(&specs, &inventory, &world.swarm, &world.head, &memory, &world.policy, &world.me, now);
    let took = begun.elapsed();
    print!("{}", world::render(&world, &plan));
    eprintln!("{count} machines: observed and planned in {:.2} ms", took.as_secs_f64() * 1000.0);
}
