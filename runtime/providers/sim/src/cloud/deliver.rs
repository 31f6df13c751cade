//! What the cloud does when a call arrives.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;
use kit_graph::Value;
use kit_model::{
    Action, Address, Call, CallError, ClusterUid, ContentHash, ErrorClass, MachineId, MachineRequest, MachineState,
    Outcome, Token, VolumeId,
};

use super::{LateCall, SimCloud, Timer};
use crate::ground_truth::{Deed, DeedEffect, LogEntry, Sender};
use crate::records::{
    IpHolder, Key, SimResource, SimVolumeState, TokenUse, machine_id, machine_key, resource_id, volume_id, volume_key,
};
use crate::swarm::{Standing, Write, refusal};

/// What a call did, or why it was refused.
type Done = Result<DeedEffect, CallError>;

/// The addresses of a subnet that no machine gets, at its beginning: its own and the gateway's.
const RESERVED_AT_START: u64 = 2;

impl SimCloud {
    /// What the cloud or the Swarm does with a call that was sent at `sent_ms` and arrives now.
    pub fn deliver(&mut self, from: &Sender, uid: &ClusterUid, call: &Call, sent_ms: u64, now_ms: u64) -> Outcome {
        self.advance(now_ms);
        self.touch();
        if let Err(why) = self.reachable_from(from) {
            return Outcome::Unknown(why);
        }
        if self.wounds.lose_calls > 0 {
            self.wounds.lose_calls -= 1;
            return Outcome::Unknown("no answer: the call was lost on its way".to_owned());
        }
        let delay = self.wounds.delay_calls.pop().or_else(|| {
            let late = self.random.chance(self.settings.late_call_permille);
            late.then(|| self.settings.late_call.pick(&mut self.random))
        });
        if let Some(delay_ms) = delay {
            self.made += 1;
            let number = self.made;
            let late = LateCall { from: from.clone(), uid: uid.clone(), call: call.clone(), sent_ms };
            self.late_calls.insert(number, late);
            self.at(delay_ms, Timer::LateCall(number));
            return Outcome::Unknown("no answer in time".to_owned());
        }
        let lost = if self.wounds.lose_replies > 0 {
            self.wounds.lose_replies -= 1;
            true
        } else {
            self.random.chance(self.settings.lost_reply_permille)
        };
        let outcome = self.carry_out(from, uid, call, sent_ms, !lost);
        if lost { Outcome::Unknown("no answer in time".to_owned()) } else { outcome }
    }

    pub(super) fn late_call_arrives(&mut self, number: u64) {
        if let Some(late) = self.late_calls.remove(&number) {
            let _unheard = self.carry_out(&late.from, &late.uid, &late.call, late.sent_ms, false);
        }
    }

    pub(super) fn carry_out(
        &mut self,
        from: &Sender,
        uid: &ClusterUid,
        call: &Call,
        sent_ms: u64,
        answered: bool,
    ) -> Outcome {
        let voters = self.voters_at(from, &call.action);
        let (effect, outcome) = if call.action.is_for_swarm() {
            self.swarm_call(from, &call.action)
        } else {
            match self.cloud_call(uid, &call.action) {
                Ok(effect) => (effect, Outcome::Done),
                Err(error) => (DeedEffect::Refused(Cow::Owned(error.code.clone())), Outcome::Refused(error)),
            }
        };
        self.truth.record(
            LogEntry {
                sequence: 0,
                sent_ms,
                delivered_ms: self.now_ms,
                sender: from.clone(),
                uid: uid.clone(),
                authority: call.authority,
                call: call.id,
                address: call.address.clone(),
                deed: Deed::of(&call.action),
                effect,
                answered: answered && !matches!(outcome, Outcome::Unknown(_)),
                voters,
            },
            self.settings.log_limit,
        );
        outcome
    }

    fn swarm_call(&mut self, from: &Sender, action: &Action) -> (DeedEffect, Outcome) {
        let standing = match from {
            Sender::Member(member) => self.standing(member),
            // A person at the Swarm stands beside whoever leads.
            Sender::Operator => self.leader().map_or(Standing::Leaderless, |leader| self.standing(&leader)),
        };
        match (standing, from) {
            (Standing::Leads | Standing::Follows, _) => match self.apply_to_swarm(action) {
                Ok(effect) => (effect, Outcome::Done),
                Err(error) => (DeedEffect::Refused(Cow::Owned(error.code.clone())), Outcome::Refused(error)),
            },
            (Standing::Claims, Sender::Member(member)) => {
                self.keep_in_limbo(member, Write::Call(action.clone()));
                (DeedEffect::Nothing, Outcome::Unknown("the write timed out: no majority".to_owned()))
            }
            _ => (DeedEffect::Nothing, Outcome::Unknown("the Swarm does not have a leader".to_owned())),
        }
    }

    fn cloud_call(&mut self, uid: &ClusterUid, action: &Action) -> Done {
        if self.now_ms < self.wounds.throttled_until_ms || !self.take_call_allowance() {
            return Err(refusal(ErrorClass::Throttled, "RequestLimitExceeded", "too many requests".to_owned()));
        }
        match action {
            Action::CreateResource { address, instance, content, token } => {
                let made = self.token_use(token, content)?;
                if made.is_some() {
                    return Ok(DeedEffect::Already);
                }
                if let Some(there) = self.resources.get(address).filter(|there| there.uid == *uid) {
                    if there.content == *content {
                        return Ok(DeedEffect::Already);
                    }
                    return Err(refusal(ErrorClass::Conflict, "AlreadyExists", format!("there is another {address}")));
                }
                let key = self.next_key();
                let ready_ms = self.now_ms + self.takes(self.settings.resource_ms);
                let resource = SimResource {
                    id: resource_id(key),
                    uid: uid.clone(),
                    address: address.clone(),
                    instance: instance.clone(),
                    content: content.clone(),
                    ready_ms,
                    made_ms: self.now_ms,
                };
                let id = resource.id.to_string();
                self.resources.insert(address.clone(), resource);
                self.at(ready_ms - self.now_ms, Timer::Wake);
                Ok(self.made_under(token, content.clone(), id))
            }
            Action::CreateVolume { address, generation, properties, token } => {
                let fields = serde_json::to_vec(&**properties).unwrap_or_default();
                let request = ContentHash::of(&[address.as_str().as_bytes(), &generation.0.to_be_bytes(), &fields]);
                if self.token_use(token, &request)?.is_some() {
                    return Ok(DeedEffect::Already);
                }
                let content = ContentHash::of(&[&fields]);
                let key = self.make_volume(uid, address, *generation, content, token);
                Ok(self.made_under(token, request, volume_id(key).to_string()))
            }
            Action::CreateMachine(request) => self.create_machine(uid, request),
            Action::StartMachine { machine } => {
                let (key, state) = self.machine_for(uid, machine)?;
                match state {
                    MachineState::Stopped => {
                        self.room_for_one()?;
                        self.start_machine(key);
                        Ok(DeedEffect::Changed)
                    }
                    MachineState::Pending | MachineState::Running => Ok(DeedEffect::Already),
                    MachineState::Terminated | MachineState::ShuttingDown => Err(wrong_state(machine, state, true)),
                    _ => Err(wrong_state(machine, state, false)),
                }
            }
            Action::RebootMachine { machine } => {
                let (key, state) = self.machine_for(uid, machine)?;
                match state {
                    MachineState::Running => {
                        self.reboot_machine(key);
                        Ok(DeedEffect::Changed)
                    }
                    _ => Err(wrong_state(machine, state, state.is_terminal())),
                }
            }
            Action::TerminateMachine { machine } => {
                let (key, state) = self.machine_for(uid, machine)?;
                match state {
                    MachineState::Terminated | MachineState::ShuttingDown => Ok(DeedEffect::Already),
                    _ => {
                        self.terminate_machine(key);
                        Ok(DeedEffect::Changed)
                    }
                }
            }
            Action::AttachVolume { volume, machine } => self.attach_volume(uid, volume, machine),
            Action::ForceDetach { volume, machine } => self.force_detach(uid, volume, machine),
            Action::MarkFormed { volume } => self.mark_volume(uid, volume, |volume| &mut volume.formed),
            Action::RetireVolume { volume } => self.mark_volume(uid, volume, |volume| &mut volume.retired),
            _ => Err(refusal(ErrorClass::Fatal, "InvalidAction", "the simulated cloud knows no such call".to_owned())),
        }
    }

    fn create_machine(&mut self, uid: &ClusterUid, request: &MachineRequest) -> Done {
        if self.token_use(&request.token, &request.request)?.is_some() {
            // The answer of the first call, whatever has become of the machine since.
            return Ok(DeedEffect::Already);
        }
        let mut networks = Vec::new();
        for value in request.machine.properties.values() {
            value.each_ref(&mut |reference| networks.push(Address::from(reference)));
        }
        let mut subnet = None;
        for address in networks {
            // A reference may name a thing or a field of it.
            let found = self.resources.get(&address).or_else(|| {
                self.resources.get(&Address::from(address.as_str().rsplit_once('.').map_or("", |(thing, _)| thing)))
            });
            match found.filter(|resource| resource.uid == *uid) {
                Some(resource) if self.now_ms >= resource.ready_ms => {
                    let fields = &resource.instance.properties;
                    let text = fields.get("subnet").or_else(|| fields.get("cidr")).and_then(Value::as_str);
                    if let Some(net) = text.and_then(|text| text.parse::<IpNet>().ok()) {
                        subnet = Some((resource.address.clone(), net));
                    }
                }
                Some(_) => {
                    return Err(refusal(ErrorClass::NotYet, "IncorrectState", format!("{address} is not ready")));
                }
                None => return Err(refusal(ErrorClass::NotYet, "NotFound", format!("there is no {address}"))),
            }
        }
        self.pinned_ips.extend(request.boot.manager_ips.iter().copied());
        let ip = match request.ip {
            Some(ip) => {
                self.pinned_ips.insert(ip);
                if let Some((address, net)) = &subnet
                    && !net.contains(&ip)
                {
                    let why = format!("{ip} lies outside the subnet {net} of {address}");
                    return Err(refusal(ErrorClass::Fatal, "InvalidParameterValue", why));
                }
                if let Some(holder) = self.ips.get(&ip) {
                    let who = match holder {
                        IpHolder::Machine(key) => machine_id(*key).to_string(),
                        IpHolder::Stranger(what) => what.clone(),
                    };
                    return Err(refusal(ErrorClass::Conflict, "InvalidIPAddress.InUse", format!("{who} holds {ip}")));
                }
                self.room_for_one()?;
                Some(ip)
            }
            None => {
                self.room_for_one()?;
                match &subnet {
                    Some((address, net)) => Some(self.free_ip(address, *net)?),
                    None => None,
                }
            }
        };
        let key = self.make_machine(uid, request, ip);
        Ok(self.made_under(&request.token, request.request.clone(), machine_id(key).to_string()))
    }

    fn room_for_one(&self) -> Result<(), CallError> {
        if self.wounds.no_capacity || self.live_machines >= self.settings.capacity {
            let why = "there is no machine of this type free now".to_owned();
            return Err(refusal(ErrorClass::Capacity, "InsufficientInstanceCapacity", why));
        }
        Ok(())
    }

    /// The next address of the subnet that nothing holds and nobody pinned.
    fn free_ip(&mut self, network: &Address, net: IpNet) -> Result<IpAddr, CallError> {
        let bits = net.max_prefix_len() - net.prefix_len();
        // An IPv6 subnet holds more than anyone counts.
        let size = 1_u64 << u32::from(bits.min(32));
        let mut place = self.ip_cursor.get(network).copied().unwrap_or(RESERVED_AT_START);
        for _ in 0..size {
            if place + 1 >= size {
                place = RESERVED_AT_START;
            }
            let ip = match net.network() {
                IpAddr::V4(first) => u32::try_from(place)
                    .ok()
                    .and_then(|offset| u32::from(first).checked_add(offset))
                    .map(|number| IpAddr::V4(number.into())),
                IpAddr::V6(first) => {
                    u128::from(first).checked_add(u128::from(place)).map(|number| IpAddr::V6(number.into()))
                }
            };
            place += 1;
            if let Some(ip) = ip.filter(|ip| !self.ips.contains_key(ip) && !self.pinned_ips.contains(ip)) {
                self.ip_cursor.insert(network.clone(), place);
                return Ok(ip);
            }
        }
        let why = format!("the subnet {net} of {network} has no free address");
        Err(refusal(ErrorClass::Capacity, "InsufficientFreeAddressesInSubnet", why))
    }

    fn attach_volume(&mut self, uid: &ClusterUid, volume: &VolumeId, machine: &MachineId) -> Done {
        let volume_key = self.volume_for(uid, volume)?;
        let (machine_key, state) = self.machine_for(uid, machine)?;
        match self.volumes.get(&volume_key).map(|volume| volume.state) {
            Some(SimVolumeState::Attaching(holder) | SimVolumeState::Attached(holder)) if holder == machine_key => {
                return Ok(DeedEffect::Already);
            }
            Some(SimVolumeState::Available) => {}
            Some(SimVolumeState::Creating) => {
                return Err(refusal(ErrorClass::NotYet, "IncorrectState", format!("{volume} is being made")));
            }
            Some(state) => {
                let holder = state.holder().map(machine_id).map(|id| id.to_string()).unwrap_or_default();
                return Err(refusal(ErrorClass::Conflict, "VolumeInUse", format!("{volume} is held by {holder}")));
            }
            None => return Err(no_such_volume(volume)),
        }
        match state {
            MachineState::Running | MachineState::Stopped => {
                self.attach(volume_key, machine_key);
                Ok(DeedEffect::Changed)
            }
            _ => Err(wrong_state(machine, state, state.is_terminal())),
        }
    }

    fn force_detach(&mut self, uid: &ClusterUid, volume: &VolumeId, machine: &MachineId) -> Done {
        let volume_key = self.volume_for(uid, volume)?;
        let holder = self.volumes.get(&volume_key).and_then(|volume| match volume.state {
            SimVolumeState::Attaching(holder) | SimVolumeState::Attached(holder) => Some(holder),
            _ => None,
        });
        let Some(machine_key) = machine_key(machine).filter(|key| holder == Some(*key)) else {
            let why = format!("{machine} does not hold {volume}");
            return Err(refusal(ErrorClass::NotYet, "IncorrectState", why));
        };
        if let Some(alive) = self.machines.get_mut(&machine_key).filter(|machine| !machine.state.is_terminal()) {
            // A real cloud does it, and the file system under the machine is torn away.
            alive.broken = Some(format!("{volume} was taken from it by force"));
            let what = format!("{volume} was taken from {machine}, which is {:?}", alive.state);
            self.truth.violated(self.now_ms, "I3", what);
            self.settle(machine_key);
        }
        self.detach(volume_key, machine_key);
        Ok(DeedEffect::Changed)
    }

    fn mark_volume(
        &mut self,
        uid: &ClusterUid,
        volume: &VolumeId,
        mark: impl FnOnce(&mut crate::records::SimVolume) -> &mut bool,
    ) -> Done {
        let key = self.volume_for(uid, volume)?;
        let Some(found) = self.volumes.get_mut(&key) else { return Err(no_such_volume(volume)) };
        let already = std::mem::replace(mark(found), true);
        Ok(if already { DeedEffect::Already } else { DeedEffect::Changed })
    }

    fn machine_for(&mut self, uid: &ClusterUid, machine: &MachineId) -> Result<(Key, MachineState), CallError> {
        let found = machine_key(machine).and_then(|key| Some((key, self.machines.get(&key)?)));
        let Some((key, found)) = found else {
            let why = format!("there is no machine {machine}");
            return Err(refusal(ErrorClass::Fatal, "InvalidInstanceID.NotFound", why));
        };
        let state = found.state;
        if found.marks.uid != *uid {
            self.truth.violated(self.now_ms, "I9", format!("{machine} does not carry the mark of {uid}"));
        }
        Ok((key, state))
    }

    fn volume_for(&mut self, uid: &ClusterUid, volume: &VolumeId) -> Result<Key, CallError> {
        let found = volume_key(volume).and_then(|key| Some((key, self.volumes.get(&key)?)));
        let Some((key, found)) = found else { return Err(no_such_volume(volume)) };
        if found.marks.uid != *uid {
            self.truth.violated(self.now_ms, "I9", format!("{volume} does not carry the mark of {uid}"));
        }
        Ok(key)
    }

    /// What was made under this token: the same request gets the same answer, another one is refused.
    fn token_use(&mut self, token: &Token, request: &ContentHash) -> Result<Option<String>, CallError> {
        match self.tokens.get(token) {
            None => Ok(None),
            Some(used) if used.request == *request => Ok(Some(used.made.clone())),
            Some(used) => {
                let why = format!("the token made {} from another request", used.made);
                self.truth.violated(self.now_ms, "I12", format!("{token}: {why}"));
                Err(refusal(ErrorClass::Fatal, "IdempotentParameterMismatch", why))
            }
        }
    }

    fn made_under(&mut self, token: &Token, request: ContentHash, made: String) -> DeedEffect {
        self.tokens.insert(token.clone(), TokenUse { request, made: made.clone() });
        self.token_ends.push_back((self.now_ms.saturating_add(self.settings.token_ms), token.clone()));
        while let Some((end, token)) = self.token_ends.front().filter(|(end, _)| *end <= self.now_ms) {
            let _ = end;
            self.tokens.remove(token);
            self.token_ends.pop_front();
        }
        DeedEffect::Made(made)
    }

    fn take_call_allowance(&mut self) -> bool {
        let Some(rate) = self.settings.call_rate else { return true };
        let passed = self.now_ms.saturating_sub(self.call_allowance.at_ms);
        let full = u64::from(rate.burst.max(1)) * 1000;
        let allowance = &mut self.call_allowance;
        allowance.thousandths = allowance.thousandths.saturating_add(passed * u64::from(rate.per_second)).min(full);
        allowance.at_ms = self.now_ms;
        let has = allowance.thousandths >= 1000;
        if has {
            allowance.thousandths -= 1000;
        }
        has
    }
}

fn no_such_volume(volume: &VolumeId) -> CallError {
    refusal(ErrorClass::Fatal, "InvalidVolume.NotFound", format!("there is no volume {volume}"))
}

fn wrong_state(machine: &MachineId, state: MachineState, for_good: bool) -> CallError {
    let class = if for_good { ErrorClass::Fatal } else { ErrorClass::NotYet };
    refusal(class, "IncorrectInstanceState", format!("{machine} is {state:?}"))
}
