//! Records: volumes that hold no data. A label never changes and a name is given once, so such a volume is a mark that is
//! written once, whoever writes it.

use bollard::models::{Volume as EngineVolume, VolumeCreateRequest};
use kit_model::{Anchor, ClusterUid, MachineId, Marks, Outcome, ProviderError, VolumeId};

use crate::admitted::Admitted;
use crate::engine::{Engine, EngineError, failed};
use crate::labels::{self, Labels};
use crate::names;

/// What a record says.
pub(crate) const ANCHOR: &str = "anchor";
/// The volume has held the state of a formed Swarm.
pub(crate) const FORMED: &str = "formed";
/// The volume is no member's any more.
pub(crate) const RETIRED: &str = "retired";
/// The machine was ended by Kit.
pub(crate) const ENDED: &str = "ended";

/// How long it is remembered that a machine was ended: a call that was sent for it is long dead by then.
const ENDED_KEPT_S: u64 = 3600;

/// A machine that was ended.
pub(crate) struct Ended {
    pub(crate) machine: MachineId,
    pub(crate) marks: Marks,
    pub(crate) request: String,
    pub(crate) ip: Option<std::net::IpAddr>,
}

/// Which record a volume is, if it is one.
pub(crate) fn kind(volume: &EngineVolume) -> Option<&str> {
    volume.labels.get(labels::RECORD).map(String::as_str)
}

/// The volume of which a record of `kind` says so.
pub(crate) fn says(volumes: &[EngineVolume], record: &str, of: &str) -> bool {
    volumes
        .iter()
        .any(|volume| kind(volume) == Some(record) && volume.labels.get(labels::OF).is_some_and(|about| about == of))
}

/// The machines that were ended, as far as it is remembered.
pub(crate) fn ended<'a>(volumes: &'a [EngineVolume], uid: &'a ClusterUid) -> impl Iterator<Item = Ended> + 'a {
    volumes.iter().filter(|volume| kind(volume) == Some(ENDED)).filter_map(move |volume| {
        let text = |name: &str| volume.labels.get(name);
        Some(Ended {
            machine: MachineId::from(text(labels::OF)?.as_str()),
            marks: labels::marks(&volume.labels, uid)?,
            request: text(labels::REQUEST)?.clone(),
            ip: text(labels::IP).and_then(|ip| ip.parse().ok()),
        })
    })
}

impl Engine {
    /// Makes a volume of this name with these labels, or leaves the one that is there; gives what is there then.
    pub(crate) async fn volume_once(&self, name: &str, labels: Labels) -> Result<EngineVolume, EngineError> {
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            driver: Some("local".to_owned()),
            labels: Some(labels),
            ..VolumeCreateRequest::default()
        };
        self.connect()?.create_volume(request).await.map_err(|error| self.error(error))?;
        // Asked again: what the answer to a creation says of a volume that was there is no promise of the API.
        let there = self.volume(name).await?;
        there.ok_or_else(|| EngineError::Silent(format!("the volume {name} was made and is gone")))
    }

    pub(crate) async fn remove_volume_named(&self, name: &str) -> Result<(), EngineError> {
        let options = None::<bollard::query_parameters::RemoveVolumeOptions>;
        match self.connect()?.remove_volume(name, options).await.map_err(|error| self.error(error)) {
            Err(EngineError::Answered(404, _)) => Ok(()),
            done => done,
        }
    }

    pub(crate) async fn anchor(&self, cluster: &str) -> Result<Option<Anchor>, ProviderError> {
        let there = self.volume(&names::anchor(cluster)).await.map_err(EngineError::into_provider)?;
        there.map(|volume| anchor_in(&volume, cluster)).transpose()
    }

    pub(crate) async fn claim_anchor(&self, cluster: &str, uid: &ClusterUid) -> Result<Anchor, ProviderError> {
        let labels = [(labels::RECORD, ANCHOR), (labels::CLUSTER, cluster), (labels::UID, uid.as_str())];
        let labels = labels.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        let there = self.volume_once(&names::anchor(cluster), labels).await.map_err(EngineError::into_provider)?;
        anchor_in(&there, cluster)
    }

    pub(crate) async fn release_anchor(&self, cluster: &str, uid: &ClusterUid) -> Result<(), ProviderError> {
        match self.anchor(cluster).await? {
            None => return Ok(()),
            Some(anchor) if anchor.uid == *uid => {}
            Some(anchor) => {
                let why = format!("the anchor of {cluster} holds {}", anchor.uid);
                return Err(failed("AnchorConflict", why));
            }
        }
        // Nobody asks any more what became of its machines.
        let volumes = self.volumes(uid).await.map_err(EngineError::into_provider)?;
        for volume in volumes.iter().filter(|volume| kind(volume) == Some(ENDED)) {
            self.remove_volume_named(&volume.name).await.map_err(EngineError::into_provider)?;
        }
        self.remove_volume_named(&names::anchor(cluster)).await.map_err(EngineError::into_provider)
    }

    /// Notes of `volume` that it is `record`, once and for all.
    pub(crate) async fn note(
        &self,
        uid: &ClusterUid,
        volume: &VolumeId,
        record: &str,
        call: &mut Admitted<'_>,
    ) -> Result<(), Outcome> {
        let there = self.volume(volume.as_str()).await.map_err(EngineError::into_outcome)?;
        if there.is_none_or(|there| labels::marks(&there.labels, uid).is_none() || kind(&there).is_some()) {
            return Err(crate::volumes::no_such(volume));
        }
        let name = if record == FORMED { names::formed(volume) } else { names::retired(volume) };
        let labels = [(labels::RECORD, record), (labels::OF, volume.as_str()), (labels::UID, uid.as_str())];
        let labels = labels.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        call.ask()?;
        self.volume_once(&name, labels).await.map(|_| ()).map_err(EngineError::into_outcome)
    }

    /// Notes that a machine was ended, before it is.
    pub(crate) async fn note_ended(
        &self,
        machine: &MachineId,
        marks: &Marks,
        labels: &Labels,
    ) -> Result<(), EngineError> {
        let mut labels = labels.clone();
        labels.retain(|name, _| name.starts_with(labels::PREFIX) && name != labels::BOOT);
        labels.insert(labels::RECORD.to_owned(), ENDED.to_owned());
        labels.insert(labels::OF.to_owned(), machine.to_string());
        labels.insert(labels::AT_S.to_owned(), now_s().to_string());
        self.volume_once(&names::ended(&marks.uid, machine), labels).await.map(|_| ())
    }

    /// Forgets what was ended long ago, for the records shall not grow with the cluster's age.
    pub(crate) async fn forget_ended(&self, uid: &ClusterUid, call: &mut Admitted<'_>) {
        let Ok(volumes) = self.volumes(uid).await else { return };
        let now_s = now_s();
        for volume in volumes.iter().filter(|volume| kind(volume) == Some(ENDED)) {
            let at_s = volume.labels.get(labels::AT_S).and_then(|text| text.parse::<u64>().ok());
            let old = at_s.is_some_and(|at_s| now_s.saturating_sub(at_s) > ENDED_KEPT_S);
            // It is no part of what was asked for: whatever becomes of it, the next one tries again.
            if old && (call.ask().is_err() || self.remove_volume_named(&volume.name).await.is_err()) {
                return;
            }
        }
    }
}

fn anchor_in(volume: &EngineVolume, cluster: &str) -> Result<Anchor, ProviderError> {
    let text = |name: &str| volume.labels.get(name).map(String::as_str);
    match (text(labels::RECORD), text(labels::CLUSTER), text(labels::UID)) {
        (Some(ANCHOR), Some(name), Some(uid)) if name == cluster => Ok(Anchor { uid: ClusterUid::from(uid) }),
        _ => Err(failed(
            "AnchorConflict",
            format!("the volume {} has the name of the anchor of {cluster}, and Kit did not make it", volume.name),
        )),
    }
}

fn now_s() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs()
}
