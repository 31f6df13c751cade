//! A real Swarm of three Docker Engines: the promises that it keeps, and what is seen of it when its leader is hurt. Needs
//! root and the lab; see `lab.rs`.

mod drills;
mod lab;
mod limits;
mod phantom;

mod swarm {
    kit_contract::swarm_promises!(match crate::lab::swarm().await {
        Some(world) => world,
        None => return,
    });
}

mod store {
    kit_contract::store_promises!(match crate::lab::swarm().await {
        Some(ref world) => world.fresh_store(),
        None => return,
    });
}
