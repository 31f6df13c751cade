//! What a store, a provider and a Swarm promise to Kit, as tests to run against any of them.
//!
//! Each promise is an async function over a world; [`store_promises`], [`provider_promises`] and
//! [`swarm_promises`] make one test of each. A promise that is not kept panics and says what was seen instead.

mod lists;
pub mod provider;
pub mod store;
pub mod swarm;

pub use provider::CloudWorld;
pub use store::StoreWorld;
pub use swarm::SwarmWorld;
