//! What a listing shows: everything with a cluster's mark, as far as it has come through, and who else holds its
//! addresses.

use std::net::IpAddr;

use kit_graph::Value;
use kit_model::{
    Anchor, Attachment, ClusterUid, Inventory, LiveResource, Machine, MachineState, Now, ProviderError, Stranger,
    Volume, VolumeId, VolumeState,
};

use super::SimCloud;
use crate::ground_truth::Sender;
use crate::random::spread;
use crate::records::{IpHolder, Key, SimMachine, SimVolume, SimVolumeState, machine_id, volume_key};

/// The share of things that a partial listing lacks, in percent.
const MISSING_PERCENT: u64 = 40;

fn failed(code: &str, message: impl Into<String>) -> ProviderError {
    ProviderError { code: code.to_owned(), message: message.into() }
}

impl SimCloud {
    /// The anchor of the cluster named `cluster`, if someone claimed it.
    #[must_use]
    pub fn anchor(&self, cluster: &str) -> Option<Anchor> {
        self.anchors.get(cluster).cloned()
    }

    /// Claims the anchor; the loser of a race gets the winner's.
    pub fn claim_anchor(&mut self, cluster: &str, uid: ClusterUid, now_ms: u64) -> Anchor {
        self.advance(now_ms);
        if let Some(anchor) = self.anchors.get(cluster) {
            return anchor.clone();
        }
        self.touch();
        let anchor = Anchor { uid };
        self.anchors.insert(cluster.to_owned(), anchor.clone());
        anchor
    }

    /// Gives up the anchor; that of another incarnation is left alone.
    ///
    /// # Errors
    /// When another uid holds it.
    pub fn release_anchor(&mut self, cluster: &str, uid: &ClusterUid, now_ms: u64) -> Result<(), ProviderError> {
        self.advance(now_ms);
        match self.anchors.get(cluster) {
            None => Ok(()),
            Some(anchor) if anchor.uid == *uid => {
                self.anchors.remove(cluster);
                self.touch();
                Ok(())
            }
            Some(anchor) => Err(failed("AnchorConflict", format!("the anchor of {cluster} holds {}", anchor.uid))),
        }
    }

    /// Lists everything that carries `uid`'s mark, and strangers at `ips`. `at` is when the asker began.
    ///
    /// # Errors
    /// When the asker cannot reach the cloud, or the cloud gives no listing.
    pub fn list(
        &mut self,
        from: &Sender,
        uid: &ClusterUid,
        ips: &[IpAddr],
        at: Now,
        now_ms: u64,
    ) -> Result<Inventory, ProviderError> {
        self.advance(now_ms);
        self.reachable_from(from).map_err(|why| failed("EndpointUnreachable", why))?;
        let now = self.now_ms;
        if self.wounds.failed_listings > 0 {
            self.wounds.failed_listings -= 1;
            self.touch();
            return Err(failed("InternalError", "the simulated cloud gave no listing"));
        }
        if now < self.wounds.throttled_until_ms {
            return Err(failed("RequestLimitExceeded", "too many requests"));
        }
        let mut complete = true;
        let mut dice = 0;
        if self.wounds.partial_listings > 0 {
            self.wounds.partial_listings -= 1;
            complete = false;
        } else if self.settings.partial_listing_permille > 0 {
            complete = !self.random.chance(self.settings.partial_listing_permille);
        }
        if !complete {
            dice = self.random.number();
            self.touch();
        }
        let shown = |key: Key| complete || spread(key ^ dice) % 100 >= MISSING_PERCENT;
        let lag = |key: Key, since_ms: u64| self.lags(key, since_ms);
        let machines = self
            .machines
            .iter()
            .filter(|(key, machine)| machine.marks.uid == *uid && shown(**key) && !lag(**key, machine.made_ms))
            .map(|(key, machine)| shown_machine(machine, now, lag(*key, machine.since_ms)))
            .collect();
        let volumes = self
            .volumes
            .iter()
            .filter(|(key, volume)| {
                volume.marks.uid == *uid && !volume.retired && shown(**key) && !lag(**key, volume.made_ms)
            })
            .map(|(key, volume)| shown_volume(volume, lag(*key, volume.since_ms)))
            .collect();
        let resources = self
            .resources
            .values()
            .filter(|resource| resource.uid == *uid)
            .map(|resource| LiveResource {
                id: resource.id.clone(),
                address: resource.address.clone(),
                content: resource.content.clone(),
                ready: now >= resource.ready_ms,
            })
            .collect();
        let strangers = ips.iter().filter_map(|ip| Some(Stranger { ip: *ip, what: self.stranger_at(*ip, uid)? }));
        Ok(Inventory {
            machines,
            volumes,
            resources,
            strangers: strangers.collect(),
            complete,
            strong: self.settings.strong_listings,
            at,
        })
    }

    /// True if a change of this moment has not come through to listings.
    fn lags(&self, key: Key, since_ms: u64) -> bool {
        let lag = self.settings.listing_lag_ms;
        if lag == 0 || self.settings.strong_listings {
            return false;
        }
        // Each change has its own lag, the same for whoever looks.
        let extra = if self.now_ms < self.wounds.lag_until_ms { lag } else { 0 };
        self.now_ms < since_ms + extra.max(spread(key ^ since_ms) % (lag + 1))
    }

    fn stranger_at(&self, ip: IpAddr, uid: &ClusterUid) -> Option<String> {
        match self.ips.get(&ip)? {
            IpHolder::Stranger(what) => Some(what.clone()),
            IpHolder::Machine(key) => {
                self.machines.get(key).filter(|machine| machine.marks.uid != *uid).map(|machine| machine.id.to_string())
            }
        }
    }

    /// Whether `from` reaches the cloud's API.
    pub(crate) fn reachable_from(&self, from: &Sender) -> Result<(), String> {
        let Sender::Member(member) = from else { return Ok(()) };
        match self.machine_of(member).and_then(|key| self.machines.get(&key)) {
            Some(machine) if machine.runs() && !machine.cloud_cut => Ok(()),
            Some(machine) if machine.runs() => Err(format!("{member} does not reach the cloud")),
            _ => Err(format!("the machine of {member} does not run")),
        }
    }

    /// Removes a declared resource.
    ///
    /// # Errors
    /// When machines still stand in it.
    pub fn remove_resource(
        &mut self,
        uid: &ClusterUid,
        address: &kit_model::Address,
        now_ms: u64,
    ) -> Result<(), ProviderError> {
        self.advance(now_ms);
        if self.resources.get(address).is_none_or(|resource| resource.uid != *uid) {
            return Ok(());
        }
        if self.machines.values().any(|machine| machine.marks.uid == *uid && !machine.state.is_terminal()) {
            return Err(failed("DependencyViolation", format!("machines still stand in {address}")));
        }
        self.resources.remove(address);
        self.touch();
        Ok(())
    }

    /// Removes a volume that a person named.
    ///
    /// # Errors
    /// When a machine holds it, or there is none of this cluster with that ID.
    pub fn remove_volume(&mut self, uid: &ClusterUid, volume: &VolumeId, now_ms: u64) -> Result<(), ProviderError> {
        self.advance(now_ms);
        let found = volume_key(volume).filter(|key| self.volumes.get(key).is_some_and(|held| held.marks.uid == *uid));
        let Some(key) = found else {
            return Err(failed("InvalidVolume.NotFound", format!("there is no volume {volume} of this cluster")));
        };
        if let Some(holder) = self.volumes.get(&key).and_then(|held| held.state.holder())
            && self.machines.get(&holder).is_some_and(|machine| !machine.state.is_terminal())
        {
            return Err(failed("VolumeInUse", format!("{volume} is held by {}", machine_id(holder))));
        }
        self.forget_volume(key);
        Ok(())
    }

    /// The names of the images that fit `pattern` (`*` stands for any text), the newest last.
    pub fn images<'a>(&'a self, pattern: &'a str) -> impl Iterator<Item = &'a str> {
        self.images.iter().map(String::as_str).filter(move |name| fits(pattern, name))
    }

    pub(super) fn add_image(&mut self, name: &str) {
        self.images.retain(|known| known != name);
        self.images.push(name.to_owned());
        self.touch();
    }

    /// Answers a lookup of `meta.sim`; none if there is no such thing.
    #[must_use]
    pub fn look_up(&self, path: &str, arguments: &[(String, Value)]) -> Option<Value> {
        match path {
            "region" => Some(Value::from(self.settings.region.as_str())),
            "zones" => Some(Value::List(self.settings.zones.iter().map(|zone| Value::from(zone.as_str())).collect())),
            "image" => {
                let pattern = arguments.iter().find(|(name, _)| name == "name")?.1.as_str()?;
                self.images(pattern).last().map(Value::from)
            }
            _ => None,
        }
    }
}

fn shown_machine(machine: &SimMachine, now: u64, lags: bool) -> Machine {
    let state = if now < machine.unknown_until_ms {
        MachineState::Unknown
    } else {
        // What is gone is never shown as alive again, what is alive never as gone: `before` is an earlier truth.
        machine.before.filter(|_| lags).unwrap_or(machine.state)
    };
    Machine { id: machine.id.clone(), marks: machine.marks.clone(), state, ip: machine.ip }
}

fn shown_volume(volume: &SimVolume, lags: bool) -> Volume {
    let state = volume.before.filter(|_| lags).unwrap_or(volume.state);
    let held = |machine, attached| VolumeState::Held(Attachment { machine: machine_id(machine), attached });
    Volume {
        id: volume.id.clone(),
        marks: volume.marks.clone(),
        state: match state {
            SimVolumeState::Creating => VolumeState::Creating,
            SimVolumeState::Available => VolumeState::Available,
            SimVolumeState::Attached(machine) => held(machine, true),
            SimVolumeState::Attaching(machine) | SimVolumeState::Detaching(machine) => held(machine, false),
        },
        formed: volume.formed,
    }
}

/// Whether `name` fits `pattern`; linear, since `*` is tried from the nearest place on and never back.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(found) => rest = &rest[found + part.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, expected) in [
            ("debian-12", "debian-12", true),
            ("debian-12", "debian-12-amd64", false),
            ("debian-12-*", "debian-12-amd64-1", true),
            ("*-amd64-*", "debian-12-amd64-1", true),
            ("*12*amd64", "debian-12-amd64", true),
            ("a*a", "a", false),
            ("*", "", true),
            ("", "x", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} and {name}");
        }
    }
}
