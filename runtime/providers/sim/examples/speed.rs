//! How fast the simulated cloud is: many workers made and joined, listed and looked at; and one formed cluster that
//! is hurt again and again. `cargo run --release -p kit-sim --example speed [WORKERS]`

#[path = "../tests/world/mod.rs"]
mod world;

use std::time::Instant;

use kit_model::{Action, Address, Wave};
use kit_sim::{Hurt, SimFile, SimSettings};
use world::{World, member};

fn main() {
    let workers: u32 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(5_000);
    let mut text = String::new();
    many_workers(workers, &mut text);
    small_cluster(&mut text);
    file(&mut text);
    #[allow(clippy::print_stdout, reason = "the result of this program")]
    {
        print!("{text}");
    }
}

fn many_workers(workers: u32, text: &mut String) {
    let mut world = World::formed(SimSettings::default(), 3);
    let net = world::instance("sim.Network", &[("subnet", "10.0.0.0/8".into())]);
    world.call(
        "wide",
        Action::CreateResource { address: "wide".into(), instance: net, content: "wide".into(), token: "wide".into() },
    );
    world.pass(1_000);
    let via = member(world.leader());
    let head = world.cloud.head(&via, world.now).expect("readable").expect("formed");
    let mut next = head.value;
    next.waves.push(Wave {
        kind: kit_model::OperationKind::Create,
        group: "workers".to_owned(),
        slots: vec![(1, workers)],
        generation: kit_model::Generation(9),
        revision: "sha256:1".into(),
        request: "r".into(),
        request_slot: 1,
        begun_wall_ms: world.now,
    });
    world.cloud.update_head(&via, head.version, &next, world.now);
    let begun = Instant::now();
    let machine = world::instance("sim.Machine", &[("network", kit_graph::Value::Ref("wide".to_owned()))]);
    let requests: Vec<_> = (1..=workers)
        .map(|slot| {
            let mut request = world.worker(slot, 9);
            request.machine = machine.clone();
            request
        })
        .collect();
    let rendered = begun.elapsed();
    let begun = Instant::now();
    for request in requests {
        let address = Address::of_slot("workers", 1);
        world.call(address.as_str(), Action::CreateMachine(request.into()));
    }
    let delivered = begun.elapsed();
    let begun = Instant::now();
    world.pass(60_000);
    let joined = begun.elapsed();
    assert_eq!(world.nodes().len(), workers as usize + 3);
    let begun = Instant::now();
    let rounds = 20_u32;
    for _ in 0..rounds {
        world.list();
    }
    let listed = begun.elapsed() / rounds;
    let begun = Instant::now();
    for _ in 0..rounds {
        world.nodes();
    }
    let seen = begun.elapsed() / rounds;
    text.push_str(&format!(
        "{workers} workers: rendering {rendered:?}, delivering {delivered:?}, starting and joining {joined:?}; \
         a listing {listed:?}, the nodes {seen:?}\n"
    ));
}

fn file(text: &mut String) {
    let world = World::formed(SimSettings::default(), 3);
    let directory = tempfile::tempdir().expect("a directory");
    let file = SimFile::open(directory.path(), world.cloud.settings().clone(), 1).expect("a fresh file");
    file.with(|cloud| *cloud = world.cloud).expect("written");
    let bytes = std::fs::metadata(file.path()).expect("there").len();
    let looks = 2_000_u32;
    let begun = Instant::now();
    for _ in 0..looks {
        let _seen = file.beside(member(1)).boot_id().expect("readable");
    }
    let looked = begun.elapsed() / looks;
    let begun = Instant::now();
    for number in 0..looks {
        let cluster = format!("c{number}");
        file.with(|cloud| cloud.claim_anchor(&cluster, "a".into(), cloud.now_ms())).expect("written");
    }
    let written = begun.elapsed() / looks;
    text.push_str(&format!("a file of {bytes} bytes: a look {looked:?}, a change {written:?}\n"));
}

fn small_cluster(text: &mut String) {
    let begun = Instant::now();
    let runs = 1_000_u32;
    let mut steps = 0_u64;
    for _ in 0..runs {
        let mut world = World::formed(SimSettings::default(), 3);
        for _ in 0..50 {
            let leader = world.leader();
            world.cloud.hurt(&Hurt::Cut(member(leader)), world.now).expect("it runs");
            for _ in 0..30 {
                world.pass(1_000);
                for number in 1..=3 {
                    let _seen = world.cloud.leadership(&member(number), world.now);
                    let _seen = world.cloud.head_version(&member(number), world.now);
                    steps += 1;
                }
            }
            world.cloud.hurt(&Hurt::MendAll, world.now).expect("always");
            world.pass(20_000);
        }
    }
    let each = begun.elapsed() / runs;
    let looks = steps / u64::from(runs);
    text.push_str(&format!("3 managers, 50 lost leaders and {looks} looks: {each:?} a run\n"));
}
