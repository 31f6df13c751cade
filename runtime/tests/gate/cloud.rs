//! A cloud that holds all of a cluster but some workers, and never makes them: whoever acts tries again and again.

use std::io::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use kit_model::{
    Address, Admission, Anchor, Attachment, Authority, Call, CallError, ClusterUid, ContentHash, ErrorClass,
    Generation, Inventory, LiveResource, Machine, MachineId, MachineState, Marks, Outcome, Provider, ProviderError,
    ResourceId, Spec, Token, Volume, VolumeId, VolumeState,
};
use kit_runtime::{Clock as _, SystemClock};
use tokio::time::sleep;

/// How long the slowest call takes until it could be sent, in milliseconds: longer than a permit.
const SLOWEST_MS: u64 = 12_000;

/// The cloud of one cluster, as one process sees it.
pub(crate) struct Cloud {
    pub(crate) uid: ClusterUid,
    pub(crate) spec: Spec,
}

impl Cloud {
    fn marks(&self, address: &Address, content: &ContentHash) -> Marks {
        let generation = Generation(0);
        let token = Token::of_generation(&self.uid, address, generation);
        Marks { uid: self.uid.clone(), address: address.clone(), generation, content: content.clone(), token }
    }

    fn machine(&self, address: &Address, content: &ContentHash, ip: Option<IpAddr>) -> Machine {
        let id = MachineId::new(format!("i-{address}"));
        Machine { id, marks: self.marks(address, content), state: MachineState::Running, ip }
    }
}

#[async_trait]
impl Provider for Cloud {
    async fn anchor(&self, _: &str) -> Result<Option<Anchor>, ProviderError> {
        Ok(Some(Anchor { uid: self.uid.clone() }))
    }

    async fn claim_anchor(&self, _: &str, uid: ClusterUid) -> Result<Anchor, ProviderError> {
        Ok(Anchor { uid })
    }

    async fn release_anchor(&self, _: &str, _: &ClusterUid) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn list(&self, _: &ClusterUid, _: &[IpAddr]) -> Result<Inventory, ProviderError> {
        let mut found = Inventory { complete: true, strong: true, at: SystemClock.now(), ..Inventory::default() };
        for member in self.spec.members.values() {
            let machine = self.machine(&member.address, &member.content, member.ip);
            let held = VolumeState::Held(Attachment { machine: machine.id.clone(), attached: true });
            let marks = self.marks(&member.address, &member.content);
            let id = VolumeId::new(format!("vol-{}", member.address));
            found.volumes.push(Volume { id, marks, state: held, formed: true });
            found.machines.push(machine);
        }
        let workers = &self.spec.groups["workers"];
        found.machines.push(self.machine(&Address::of_slot("workers", 1), &workers.content, None));
        for resource in &self.spec.resources {
            let (address, content) = (resource.address.clone(), resource.content.clone());
            found.resources.push(LiveResource { id: ResourceId::new("net-1"), address, content, ready: true });
        }
        Ok(found)
    }

    /// Tells the test of the call, once it was admitted or not.
    async fn send(&self, _: &ClusterUid, call: &Call, admission: Admission<'_>) -> Outcome {
        let Authority::Permit(epoch) = call.authority else { panic!("{call:?} without a permit") };
        // Credentials and signing take their time: some calls are asked about after their permit has ended.
        sleep(Duration::from_millis(call.id.0 * 1_709 % SLOWEST_MS)).await;
        let admitted = admission();
        let at = SystemClock.now().boot_ms;
        let said = if admitted.is_ok() { "SENT" } else { "HELD" };
        let _ = writeln!(std::io::stdout(), "{said} {epoch} {at} {} {}", call.address, call.action.verb());
        match admitted {
            Err(why) => Outcome::NotSent(why),
            Ok(()) => Outcome::Refused(CallError {
                class: ErrorClass::NotYet,
                code: "Busy".to_owned(),
                message: "later".to_owned(),
            }),
        }
    }

    async fn remove_resource(&self, _: &ClusterUid, _: &Address) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn remove_volume(&self, _: &ClusterUid, _: &VolumeId) -> Result<(), ProviderError> {
        Ok(())
    }
}
