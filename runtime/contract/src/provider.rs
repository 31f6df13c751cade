//! The promises of a [`Provider`].

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use kit_graph::{Instance, Properties};
use kit_model::{
    Action, Address, Authority, BootDocument, Call, CallError, CallId, ClusterUid, ContentHash, ErrorClass, Generation,
    Inventory, Machine, MachineId, MachineRequest, MachineState, Outcome, Provider, Token, Volume, VolumeState,
};

/// A cloud with nothing of this cluster in it but what machines stand in.
#[async_trait]
pub trait CloudWorld: Send + Sync {
    /// The cloud.
    fn provider(&self) -> &dyn Provider;
    /// A name for a cluster that nobody else uses.
    fn cluster(&self) -> String;
    /// The uid of this cluster.
    fn uid(&self) -> ClusterUid;
    /// A declared resource, and what it is made from.
    fn resource(&self) -> (Address, Arc<Instance>);
    /// What a machine is made from.
    fn machine(&self) -> Arc<Instance>;
    /// What a volume is made from.
    fn volume(&self) -> Arc<Properties>;
    /// The `number`th free private address, from 1.
    fn ip(&self, number: u8) -> IpAddr;
    /// Lets so much time pass.
    async fn pass(&self, ms: u64);
    /// How long any change may take until a listing shows it.
    fn patience_ms(&self) -> u64;
}

/// In how many steps a wait looks again.
const LOOKS: u64 = 40;

static CALLS: AtomicU64 = AtomicU64::new(1);

fn call(address: &Address, action: Action) -> Call {
    let id = CallId(CALLS.fetch_add(1, Ordering::Relaxed));
    Call { id, address: address.clone(), authority: Authority::Operator, not_after_boot_ms: u64::MAX, action }
}

async fn send_as(world: &impl CloudWorld, uid: &ClusterUid, action: Action) -> Outcome {
    world.provider().send(uid, &call(&"contract.a".into(), action), &|| Ok(())).await
}

async fn send(world: &impl CloudWorld, action: Action) -> Outcome {
    send_as(world, &world.uid(), action).await
}

async fn done(world: &impl CloudWorld, action: Action) {
    let verb = action.verb();
    let outcome = send(world, action).await;
    assert_eq!(outcome, Outcome::Done, "{verb}");
}

async fn refused(world: &impl CloudWorld, action: Action) -> CallError {
    let verb = action.verb();
    match send(world, action).await {
        Outcome::Refused(error) => error,
        other => panic!("{verb} was not refused: {other:?}"),
    }
}

async fn list(world: &impl CloudWorld) -> Inventory {
    let ips: Vec<IpAddr> = (1..=3).map(|number| world.ip(number)).collect();
    world.provider().list(&world.uid(), &ips).await.expect("a listing")
}

/// Waits until a complete listing shows `what`.
async fn until<T>(world: &impl CloudWorld, what: &str, see: impl Fn(&Inventory) -> Option<T>) -> T {
    for _ in 0..=LOOKS {
        let inventory = list(world).await;
        if let Some(seen) = see(&inventory).filter(|_| inventory.complete) {
            return seen;
        }
        world.pass(world.patience_ms().div_ceil(LOOKS)).await;
    }
    panic!("{} ms passed without {what}: {:#?}", world.patience_ms(), list(world).await);
}

fn request_of(world: &impl CloudWorld, id: &str, generation: u64, ip: u8, has_volume: bool) -> MachineRequest {
    let uid = &world.uid();
    let address = Address::new(format!("contract.{id}"));
    let generation = Generation(generation);
    let boot = BootDocument {
        uid: uid.clone(),
        address: address.clone(),
        generation,
        revision: "sha256:contract".into(),
        manager: false,
        manager_ips: Vec::new(),
        seed: false,
        has_volume,
        disk: None,
    };
    let (content, ip) = (ContentHash::from("content"), Some(world.ip(ip)));
    MachineRequest {
        token: Token::of_generation(uid, &address, generation),
        machine: world.machine(),
        request: MachineRequest::hash_of(&address, generation, &content, ip, &boot),
        address,
        generation,
        content,
        ip,
        boot,
    }
}

fn request(world: &impl CloudWorld, id: &str, generation: u64, ip: u8) -> MachineRequest {
    request_of(world, id, generation, ip, false)
}

fn create(request: &MachineRequest) -> Action {
    Action::CreateMachine(Arc::new(request.clone()))
}

fn create_volume(world: &impl CloudWorld, id: &str) -> Action {
    let address = Address::new(format!("contract.{id}"));
    let token = Token::of_generation(&world.uid(), &Address::new(format!("{address} volume")), Generation(0));
    Action::CreateVolume { address, generation: Generation(0), properties: world.volume(), token }
}

fn live(inventory: &Inventory, id: &str, state: MachineState) -> Option<Machine> {
    let address = Address::new(format!("contract.{id}"));
    inventory.machines_of(&address).find(|machine| machine.state == state).cloned()
}

async fn running(world: &impl CloudWorld, id: &str, ip: u8) -> MachineId {
    runs(world, id, &request(world, id, 1, ip)).await
}

async fn runs(world: &impl CloudWorld, id: &str, request: &MachineRequest) -> MachineId {
    done(world, create(request)).await;
    until(world, "the machine running", |seen| live(seen, id, MachineState::Running)).await.id
}

async fn terminated(world: &impl CloudWorld, id: &str, machine: &MachineId) {
    done(world, Action::TerminateMachine { machine: machine.clone() }).await;
    until(world, "the machine's end", |seen| live(seen, id, MachineState::Terminated)).await;
}

async fn volume(world: &impl CloudWorld, id: &str) -> Volume {
    done(world, create_volume(world, id)).await;
    let address = Address::new(format!("contract.{id}"));
    until(world, "the volume", |seen| {
        seen.volume_of(&address).filter(|volume| volume.state == VolumeState::Available).cloned()
    })
    .await
}

async fn attached(world: &impl CloudWorld, id: &str, ip: u8) -> (Volume, MachineId) {
    let volume = volume(world, id).await;
    let machine = runs(world, id, &request_of(world, id, 1, ip, true)).await;
    // Some clouds attach a volume to a machine that runs, and some make the machine with it; then a listing shows it held.
    if list(world).await.volume_of(&volume.marks.address).is_some_and(|volume| volume.holder().is_none()) {
        done(world, Action::AttachVolume { volume: volume.id.clone(), machine: machine.clone() }).await;
    }
    until(world, "the volume attached", |seen| {
        let held = seen.volume_of(&volume.marks.address)?.holder()?;
        (held.attached && held.machine == machine).then_some(())
    })
    .await;
    (volume, machine)
}

/// The loser of a race for the anchor gets the winner's uid.
pub async fn an_anchor_is_claimed_once(world: &impl CloudWorld) {
    let (provider, cluster) = (world.provider(), world.cluster());
    assert_eq!(provider.anchor(&cluster).await, Ok(None));
    for uid in ["first", "second"] {
        assert_eq!(provider.claim_anchor(&cluster, uid.into()).await.expect("an anchor").uid, "first".into());
    }
    assert_eq!(provider.anchor(&cluster).await.expect("readable").expect("claimed").uid, "first".into());
    provider.release_anchor(&cluster, &"first".into()).await.expect("given up");
}

/// A later incarnation's anchor is not given up by an earlier one.
pub async fn an_anchor_is_given_up_only_by_its_own(world: &impl CloudWorld) {
    let (provider, cluster) = (world.provider(), world.cluster());
    provider.claim_anchor(&cluster, "mine".into()).await.expect("an anchor");
    let _refused_or_ignored = provider.release_anchor(&cluster, &"other".into()).await;
    assert!(provider.anchor(&cluster).await.expect("readable").is_some());
    provider.release_anchor(&cluster, &"mine".into()).await.expect("given up");
    assert_eq!(provider.anchor(&cluster).await, Ok(None));
}

/// The gate is asked last; what it refuses never happens, and is known never to happen.
pub async fn a_call_that_is_not_admitted_does_nothing(world: &impl CloudWorld) {
    let create = call(&"contract.a".into(), create(&request(world, "a", 1, 1)));
    let outcome = world.provider().send(&world.uid(), &create, &|| Err("the permit is over".to_owned())).await;
    assert_eq!(outcome, Outcome::NotSent("the permit is over".to_owned()));
    world.pass(world.patience_ms()).await;
    assert!(list(world).await.machines.is_empty());
}

/// The same request under the same token, sent twice, makes one machine.
pub async fn a_token_makes_one_machine(world: &impl CloudWorld) {
    let machine = running(world, "a", 1).await;
    done(world, create(&request(world, "a", 1, 1))).await;
    world.pass(world.patience_ms()).await;
    let machines = list(world).await.machines;
    assert_eq!(machines.iter().map(|machine| &machine.id).collect::<Vec<_>>(), [&machine]);
}

/// The same request under the same token, sent twice, makes one volume.
pub async fn a_token_makes_one_volume(world: &impl CloudWorld) {
    let made = volume(world, "a").await;
    done(world, create_volume(world, "a")).await;
    world.pass(world.patience_ms()).await;
    let volumes = list(world).await.volumes;
    assert_eq!(volumes.iter().map(|volume| &volume.id).collect::<Vec<_>>(), [&made.id]);
}

/// Another request under a used token can never succeed.
pub async fn a_token_with_another_request_is_refused_for_good(world: &impl CloudWorld) {
    let first = request(world, "a", 1, 1);
    done(world, create(&first)).await;
    let mut other = request(world, "a", 2, 2);
    other.token = first.token;
    assert_eq!(refused(world, create(&other)).await.class, ErrorClass::Fatal);
}

/// A token that made a machine which has ended makes no other.
pub async fn a_token_gives_the_dead_machine_again(world: &impl CloudWorld) {
    let machine = running(world, "a", 1).await;
    terminated(world, "a", &machine).await;
    done(world, create(&request(world, "a", 1, 1))).await;
    world.pass(world.patience_ms()).await;
    let machines = list(world).await.machines;
    assert!(machines.iter().all(|machine| machine.state.is_terminal()), "{machines:#?}");
}

/// An address is held until its machine is terminated: not by two, and not free any earlier.
pub async fn an_address_has_one_holder_until_it_is_terminated(world: &impl CloudWorld) {
    let machine = running(world, "a", 1).await;
    let again = create(&request(world, "a", 2, 1));
    assert_eq!(refused(world, again.clone()).await.class, ErrorClass::Conflict);
    done(world, Action::TerminateMachine { machine }).await;
    for _ in 0..=LOOKS {
        let outcome = send(world, again.clone()).await;
        let ended = live(&list(world).await, "a", MachineState::Terminated).is_some();
        match outcome {
            Outcome::Done => {
                assert!(ended, "made at an address whose holder had not ended");
                return;
            }
            Outcome::Refused(error) => assert_eq!(error.class, ErrorClass::Conflict),
            other => panic!("{other:?}"),
        }
        world.pass(world.patience_ms().div_ceil(LOOKS)).await;
    }
    panic!("the address never came free");
}

/// A machine comes to run, and what it was made with stands on it.
pub async fn a_machine_comes_to_run_with_its_marks(world: &impl CloudWorld) {
    let asked = request(world, "a", 1, 1);
    running(world, "a", 1).await;
    let machine = live(&list(world).await, "a", MachineState::Running).expect("it runs");
    assert_eq!(machine.ip, asked.ip);
    assert_eq!(machine.marks.uid, world.uid());
    assert_eq!(machine.marks.generation, asked.generation);
    assert_eq!(machine.marks.content, asked.content);
    assert_eq!(machine.marks.token, asked.token);
}

/// A start that comes late does no harm.
pub async fn starting_what_runs_is_no_error(world: &impl CloudWorld) {
    let machine = running(world, "a", 1).await;
    done(world, Action::StartMachine { machine }).await;
    assert!(live(&list(world).await, "a", MachineState::Running).is_some());
}

/// An end that comes late does no harm.
pub async fn ending_what_has_ended_is_no_error(world: &impl CloudWorld) {
    let machine = running(world, "a", 1).await;
    terminated(world, "a", &machine).await;
    done(world, Action::TerminateMachine { machine }).await;
}

/// A volume that a machine holds is not attached to another.
pub async fn a_volume_has_one_holder(world: &impl CloudWorld) {
    let (volume, machine) = attached(world, "a", 1).await;
    let other = running(world, "b", 2).await;
    let error = refused(world, Action::AttachVolume { volume: volume.id.clone(), machine: other }).await;
    assert_eq!(error.class, ErrorClass::Conflict);
    done(world, Action::AttachVolume { volume: volume.id.clone(), machine: machine.clone() }).await;
    let seen = list(world).await;
    let held = seen.volume_of(&volume.marks.address).and_then(|volume| volume.holder()).expect("held");
    assert_eq!((&held.machine, held.attached), (&machine, true));
}

/// A detachment that comes late, when another holds the volume, does nothing.
pub async fn a_volume_is_not_taken_from_whoever_does_not_hold_it(world: &impl CloudWorld) {
    let (volume, machine) = attached(world, "a", 1).await;
    let other = running(world, "b", 2).await;
    refused(world, Action::ForceDetach { volume: volume.id, machine: other }).await;
    world.pass(world.patience_ms()).await;
    let seen = list(world).await;
    assert_eq!(seen.volume_of(&volume.marks.address).and_then(|held| held.holder()).expect("held").machine, machine);
}

/// A volume outlives its machine and can be had by the next, by itself or when taken by force.
pub async fn a_volume_comes_free_of_a_terminated_machine(world: &impl CloudWorld) {
    let (volume, machine) = attached(world, "a", 1).await;
    terminated(world, "a", &machine).await;
    world.pass(world.patience_ms()).await;
    let address = &volume.marks.address;
    if list(world).await.volume_of(address).is_some_and(|volume| volume.holder().is_some()) {
        done(world, Action::ForceDetach { volume: volume.id.clone(), machine }).await;
    }
    until(world, "the volume free", |seen| {
        seen.volume_of(address).filter(|volume| volume.state == VolumeState::Available).map(|_| ())
    })
    .await;
}

/// The mark that a volume is formed is seen by everyone, and setting it again is no error.
pub async fn the_mark_of_a_formed_volume_stays(world: &impl CloudWorld) {
    let volume = volume(world, "a").await;
    assert!(!volume.formed);
    for _ in 0..2 {
        done(world, Action::MarkFormed { volume: volume.id.clone() }).await;
    }
    until(world, "the mark", |seen| seen.volume_of(&volume.marks.address).filter(|volume| volume.formed).map(|_| ()))
        .await;
}

/// A volume that a person let go is no member's any more.
pub async fn a_retired_volume_is_no_longer_listed(world: &impl CloudWorld) {
    let volume = volume(world, "a").await;
    done(world, Action::RetireVolume { volume: volume.id }).await;
    until(world, "the volume gone from the list", |seen| seen.volumes.is_empty().then_some(())).await;
}

/// A listing shows what carries the mark of its own cluster and nothing else.
pub async fn a_listing_shows_no_other_clusters_things(world: &impl CloudWorld) {
    running(world, "a", 1).await;
    let other = world.provider().list(&"other".into(), &[]).await.expect("a listing");
    assert!(other.machines.is_empty() && other.volumes.is_empty() && other.resources.is_empty(), "{other:#?}");
}

/// Another cluster's machine at one of our addresses is a stranger, and is not ours to list.
pub async fn a_foreign_holder_of_an_address_is_a_stranger(world: &impl CloudWorld) {
    running(world, "a", 1).await;
    let ip = world.ip(1);
    let seen = world.provider().list(&"other".into(), &[ip]).await.expect("a listing");
    assert_eq!(seen.strangers.iter().map(|stranger| stranger.ip).collect::<Vec<_>>(), [ip]);
    assert!(list(world).await.strangers.is_empty());
}

/// A declared resource is made once under its token, and is listed with its content.
pub async fn a_declared_resource_is_made_once(world: &impl CloudWorld) {
    let (address, instance) = world.resource();
    let action = Action::CreateResource {
        address: address.clone(),
        instance,
        content: "content".into(),
        token: Token::of_generation(&world.uid(), &address, Generation(0)),
    };
    for _ in 0..2 {
        done(world, action.clone()).await;
    }
    until(world, "the resource", |seen| {
        let resources: Vec<_> = seen.resources.iter().filter(|resource| resource.address == address).collect();
        (resources.len() == 1 && resources[0].ready && resources[0].content == "content".into()).then_some(())
    })
    .await;
}
