//! Members' volumes: named volumes of the Engine. A container's volumes are set when it is made, so a volume is attached
//! with its machine and comes free with its end.

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum, Volume as EngineVolume};
use kit_graph::Properties;
use kit_model::{
    Address, ClusterUid, ContentHash, ErrorClass, Generation, MachineId, Marks, Outcome, ProviderError, Token, VolumeId,
};

use crate::admitted::Admitted;
use crate::engine::{Engine, EngineError, failed, machine_id, refused};
use crate::labels;
use crate::names;
use crate::records::{self, FORMED};

/// There is no such volume of this cluster.
pub(crate) fn no_such(volume: &VolumeId) -> Outcome {
    refused(ErrorClass::Fatal, "NoSuchVolume", format!("there is no volume {volume} of this cluster"))
}

/// Who holds a volume: the cluster's own machine before anyone else, even one that is stopped; of others only who runs.
pub(crate) fn holder(containers: &[ContainerSummary], uid: &ClusterUid, volume: &str) -> Option<MachineId> {
    let mounts = |container: &&ContainerSummary| {
        container.mounts.iter().flatten().any(|mount| mount.name.as_deref() == Some(volume))
    };
    let ours = |container: &&ContainerSummary| {
        container.labels.as_ref().is_some_and(|labels| labels::marks(labels, uid).is_some())
    };
    let runs = |container: &&ContainerSummary| {
        !matches!(
            container.state,
            Some(
                ContainerSummaryStateEnum::EXITED
                    | ContainerSummaryStateEnum::CREATED
                    | ContainerSummaryStateEnum::DEAD
            )
        )
    };
    let holding = || containers.iter().filter(mounts);
    let holder = holding().find(ours).or_else(|| holding().find(runs))?;
    Some(machine_id(holder.id.as_deref()))
}

impl Engine {
    pub(crate) async fn create_volume(
        &self,
        uid: &ClusterUid,
        address: &Address,
        generation: Generation,
        properties: &Properties,
        token: &Token,
        call: &mut Admitted<'_>,
    ) -> Result<(), Outcome> {
        let fields = serde_json::to_vec(properties).unwrap_or_default();
        let marks = Marks {
            uid: uid.clone(),
            address: address.clone(),
            generation,
            content: ContentHash::of(&[&fields]),
            token: token.clone(),
        };
        let request = ContentHash::of(&[address.as_str().as_bytes(), &generation.0.to_be_bytes(), &fields]);
        let name = names::volume(uid, address, generation);
        let volumes = self.volumes(uid).await.map_err(EngineError::into_outcome)?;
        let same_token = |volume: &&EngineVolume| {
            records::kind(volume).is_none()
                && volume.labels.get(labels::TOKEN).is_some_and(|made| made == token.as_str())
        };
        if let Some(made) = volumes.iter().find(same_token) {
            return made_before(made, &request);
        }
        if records::says(&volumes, FORMED, &name) {
            // Made anew under the same name it would pass for the one that held the state.
            return Err(refused(
                ErrorClass::Fatal,
                "StateLost",
                format!("the volume {name} held the state of {address} and is gone: its loss must be approved by name"),
            ));
        }
        call.ask()?;
        let made =
            self.volume_once(&name, labels::of_marks(&marks, &request)).await.map_err(EngineError::into_outcome)?;
        made_before(&made, &request)
    }

    pub(crate) async fn attach(&self, uid: &ClusterUid, volume: &VolumeId, machine: &MachineId) -> Result<(), Outcome> {
        let holder = self.holder_of(uid, volume).await?;
        match holder {
            Some(holder) if holder == *machine => Ok(()),
            Some(holder) => {
                Err(refused(ErrorClass::Conflict, "VolumeInUse", format!("{volume} is held by the container {holder}")))
            }
            None => Err(refused(
                ErrorClass::Fatal,
                "MadeWithout",
                format!(
                    "{machine} was made without {volume}, and a container gets no volume later: it must be made anew"
                ),
            )),
        }
    }

    /// Never done: where the machine has ended its volume is free, and where it has not it must not be taken.
    pub(crate) async fn force_detach(
        &self,
        uid: &ClusterUid,
        volume: &VolumeId,
        machine: &MachineId,
    ) -> Result<(), Outcome> {
        let why = match self.holder_of(uid, volume).await? {
            Some(holder) if holder == *machine => format!("{machine} holds {volume} and has not ended"),
            _ => format!("{machine} does not hold {volume}"),
        };
        Err(refused(ErrorClass::NotYet, "VolumeState", why))
    }

    async fn holder_of(&self, uid: &ClusterUid, volume: &VolumeId) -> Result<Option<MachineId>, Outcome> {
        let there = self.volume(volume.as_str()).await.map_err(EngineError::into_outcome)?;
        if there.is_none_or(|there| labels::marks(&there.labels, uid).is_none() || records::kind(&there).is_some()) {
            return Err(no_such(volume));
        }
        let containers = self.containers().await.map_err(EngineError::into_outcome)?;
        Ok(holder(&containers, uid, volume.as_str()))
    }

    /// Removes a volume with its data, and then what is noted of it.
    pub(crate) async fn remove_volume(&self, uid: &ClusterUid, volume: &VolumeId) -> Result<(), ProviderError> {
        let there = self.volume(volume.as_str()).await.map_err(EngineError::into_provider)?;
        let noted = self.volumes(uid).await.map_err(EngineError::into_provider)?;
        match there {
            Some(there) if labels::marks(&there.labels, uid).is_some() && records::kind(&there).is_none() => {
                match self.remove_volume_named(volume.as_str()).await {
                    Err(EngineError::Answered(409, message)) => {
                        return Err(failed("VolumeInUse", format!("{volume} is in use: {message}")));
                    }
                    done => done.map_err(EngineError::into_provider)?,
                }
            }
            // A removal that was interrupted goes on here.
            None if records::says(&noted, FORMED, volume.as_str()) => {}
            _ => return Err(failed("NoSuchVolume", format!("there is no volume {volume} of this cluster"))),
        }
        self.remove_volume_named(&names::formed(volume)).await.map_err(EngineError::into_provider)
    }
}

/// The volume that is there was made by the same request, or can never be what was asked for.
fn made_before(made: &EngineVolume, request: &ContentHash) -> Result<(), Outcome> {
    match made.labels.get(labels::REQUEST) {
        Some(same) if same == request.as_str() => Ok(()),
        Some(_) if made.labels.contains_key(labels::TOKEN) => Err(refused(
            ErrorClass::Fatal,
            "TokenReused",
            format!("the volume {} was made before from another request", made.name),
        )),
        _ => Err(refused(
            ErrorClass::Conflict,
            "NameInUse",
            format!("there is a volume {} that Kit did not make: it is left alone", made.name),
        )),
    }
}
