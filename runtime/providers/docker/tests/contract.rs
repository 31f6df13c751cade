//! A real Docker Engine keeps the contract of a provider.

mod world;

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use kit_contract::CloudWorld;
use kit_graph::{Instance, Properties, Value};
use kit_model::{Address, ClusterUid, Provider};
use world::World;

#[async_trait]
impl CloudWorld for World {
    fn provider(&self) -> &dyn Provider {
        &self.provider
    }

    fn cluster(&self) -> String {
        self.cluster.clone()
    }

    fn uid(&self) -> ClusterUid {
        self.uid.clone()
    }

    fn resource(&self) -> (Address, Arc<Instance>) {
        self.declared("other", 1)
    }

    fn machine(&self) -> Arc<Instance> {
        World::machine(self)
    }

    fn volume(&self) -> Arc<Properties> {
        Arc::new([("size".to_owned(), Value::from("20GiB"))].into())
    }

    fn ip(&self, number: u8) -> IpAddr {
        World::ip(self, number)
    }

    async fn pass(&self, ms: u64) {
        tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
    }

    fn patience_ms(&self) -> u64 {
        // An Engine answers when it is done.
        2_000
    }
}

mod provider {
    kit_contract::provider_promises!({
        let Some(world) = super::world::engine().await else { return };
        world
    });
}
