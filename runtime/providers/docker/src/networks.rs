//! Networks: bridges of the Engine, on which machines keep their addresses. The Engine lets no two of them overlap.

use std::net::Ipv4Addr;

use bollard::models::{Ipam, IpamConfig, Network, NetworkCreateRequest};
use ipnet::Ipv4Net;
use kit_graph::{Instance, Value};
use kit_model::{Address, ClusterUid, ContentHash, ErrorClass, Generation, Marks, Outcome, ProviderError, Token};

use crate::admitted::Admitted;
use crate::engine::{Engine, EngineError, failed, refused};
use crate::labels;
use crate::names;

/// The one kind of resource that is declared by itself.
const NETWORK: &str = "docker.Network";

/// A network that machines stand in.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Its name in the Engine.
    pub(crate) name: String,
    /// The addresses that machines get.
    pub(crate) subnet: Ipv4Net,
}

/// Everything that Kit needs of a network.
pub(crate) fn place_of(network: &Network) -> Option<Place> {
    let config = network.ipam.as_ref()?.config.as_ref()?.first()?;
    let subnet = config.ip_range.as_ref().or(config.subnet.as_ref())?.parse().ok()?;
    Some(Place { name: network.name.clone()?, subnet })
}

/// The gateway's address in a subnet: its first host.
pub(crate) fn gateway(subnet: Ipv4Net) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(subnet.network()).saturating_add(1))
}

impl Engine {
    pub(crate) async fn create_network(
        &self,
        uid: &ClusterUid,
        address: &Address,
        instance: &Instance,
        content: &ContentHash,
        token: &Token,
        call: &mut Admitted<'_>,
    ) -> Result<(), Outcome> {
        if instance.kind != NETWORK {
            let why = format!("a Docker Engine holds no {}: it holds networks, volumes and machines", instance.kind);
            return Err(refused(ErrorClass::Fatal, "UnknownKind", why));
        }
        let field = |name: &str| {
            let text = instance.properties.get(name).and_then(Value::as_str).unwrap_or_default();
            text.parse::<Ipv4Net>().map_err(|_| {
                let why = format!("the {name} \"{text}\" of {address} is no network of IPv4");
                refused(ErrorClass::Fatal, "InvalidNetwork", why)
            })
        };
        let (cidr, subnet) = (field("cidr")?, field("subnet")?);
        let there = self.networks(uid).await.map_err(EngineError::into_outcome)?;
        if let Some(there) = there.iter().filter_map(|network| network.labels.as_ref()).find(|labels| {
            labels.get(labels::TOKEN).is_some_and(|made| made == token.as_str())
                || labels.get(labels::ADDRESS).is_some_and(|made| made == address.as_str())
        }) {
            return if there.get(labels::CONTENT).is_some_and(|made| made == content.as_str()) {
                Ok(())
            } else {
                Err(refused(ErrorClass::Conflict, "AlreadyExists", format!("there is another network {address}")))
            };
        }
        let marks = Marks {
            uid: uid.clone(),
            address: address.clone(),
            generation: Generation(0),
            content: content.clone(),
            token: token.clone(),
        };
        let name = names::network(uid, address);
        let config = IpamConfig {
            subnet: Some(cidr.to_string()),
            ip_range: Some(subnet.to_string()),
            gateway: Some(gateway(subnet).to_string()),
            ..IpamConfig::default()
        };
        let request = NetworkCreateRequest {
            name: name.clone(),
            driver: Some("bridge".to_owned()),
            ipam: Some(Ipam { config: Some(vec![config]), ..Ipam::default() }),
            labels: Some(labels::of_marks(&marks, content)),
            ..NetworkCreateRequest::default()
        };
        let connection = self.connect().map_err(EngineError::into_outcome)?;
        call.ask()?;
        match connection.create_network(request).await.map_err(|error| self.error(error)) {
            Ok(_) => Ok(()),
            Err(EngineError::Answered(_, message)) if message.contains("overlaps") => {
                // Two of the same at once: the addresses are the lock, for old Engines take a name twice.
                let there = self.networks(uid).await.map_err(EngineError::into_outcome)?;
                if there.iter().any(|network| network.name.as_deref() == Some(name.as_str())) {
                    return Ok(());
                }
                let why = format!("another network of the Engine holds addresses of {cidr}: `docker network ls`");
                Err(refused(ErrorClass::Conflict, "AddressesInUse", why))
            }
            Err(error) => Err(error.into_outcome()),
        }
    }

    pub(crate) async fn remove_network(&self, uid: &ClusterUid, address: &Address) -> Result<(), ProviderError> {
        let containers = self.containers().await.map_err(EngineError::into_provider)?;
        let ours = containers
            .iter()
            .find(|container| container.labels.as_ref().is_some_and(|labels| labels::marks(labels, uid).is_some()));
        if ours.is_some() {
            return Err(failed("InUse", format!("machines still stand in {address}")));
        }
        let networks = self.networks(uid).await.map_err(EngineError::into_provider)?;
        for network in networks {
            let labels = network.labels.unwrap_or_default();
            let (Some(id), true) = (network.id, labels.get(labels::ADDRESS).is_some_and(|at| at == address.as_str()))
            else {
                continue;
            };
            match self
                .connect()
                .map_err(EngineError::into_provider)?
                .remove_network(&id)
                .await
                .map_err(|error| self.error(error))
            {
                Ok(()) | Err(EngineError::Answered(404, _)) => {}
                Err(EngineError::Answered(403, message)) => {
                    let why = format!("containers that are not ours stand in {address}: {message}");
                    return Err(failed("InUse", why));
                }
                Err(error) => return Err(error.into_provider()),
            }
        }
        Ok(())
    }
}
