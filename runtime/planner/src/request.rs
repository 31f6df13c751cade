//! Requests for machines: the same bytes for whoever renders them.

use std::sync::Arc;

use kit_model::{
    Address, BootDocument, ClusterUid, ContentHash, Generation, GroupSpec, MachineRequest, MemberSpec, Role, Spec,
    Token,
};

use crate::bugs::{Bug, planted};

/// The request for the machine of `address`, or none if the spec has no such member or slot.
#[must_use]
pub fn machine_request(
    uid: &ClusterUid,
    spec: &Spec,
    address: &Address,
    generation: Generation,
    token: Token,
) -> Option<MachineRequest> {
    let group = spec.group_of(address)?;
    let member = spec.members.get(address);
    if member.is_none() && spec.content_of(address).is_none() {
        return None;
    }
    Some(render(uid, spec, group, member, address, generation, token, &manager_ips(spec)))
}

/// The same request for a machine that must not begin a Swarm, because one was formed.
pub(crate) fn unseeded(mut request: MachineRequest) -> MachineRequest {
    if request.boot.seed {
        request.boot.seed = false;
        request.request =
            MachineRequest::hash_of(&request.address, request.generation, &request.content, request.ip, &request.boot);
    }
    request
}

/// The token of a machine's making in `generation`.
pub(crate) fn token_of(uid: &ClusterUid, address: &Address, generation: Generation) -> Token {
    if planted(Bug::TokenWithoutGeneration) {
        return Token::of_generation(uid, address, Generation(0));
    }
    Token::of_generation(uid, address, generation)
}

pub(crate) fn manager_ips(spec: &Spec) -> Vec<std::net::IpAddr> {
    spec.manager_ips()
}

#[allow(clippy::too_many_arguments, reason = "each is a part of the request, and the loop over slots has them at hand")]
pub(crate) fn render(
    uid: &ClusterUid,
    spec: &Spec,
    group: &GroupSpec,
    member: Option<&MemberSpec>,
    address: &Address,
    generation: Generation,
    token: Token,
    manager_ips: &[std::net::IpAddr],
) -> MachineRequest {
    let (machine, content): (&Arc<_>, &ContentHash) =
        member.map_or((&group.machine, &group.content), |member| (&member.machine, &member.content));
    let ip = member.and_then(|member| member.ip);
    let boot = BootDocument {
        uid: uid.clone(),
        address: address.clone(),
        generation,
        revision: spec.revision.clone(),
        manager: group.role == Role::Manager,
        manager_ips: if group.role == Role::Plain { Vec::new() } else { manager_ips.to_vec() },
        // The seed's first machine alone: what is made later joins what is there.
        seed: generation == Generation(0) && spec.seed().is_some_and(|seed| seed.address == *address),
        has_volume: member.is_some_and(|member| member.volume.is_some()),
        disk: None,
    };
    let request = MachineRequest::hash_of(address, generation, content, ip, &boot);
    MachineRequest {
        address: address.clone(),
        generation,
        token,
        machine: Arc::clone(machine),
        content: content.clone(),
        ip,
        boot,
        request,
    }
}
