//! Which machine comes into the Swarm as a new node.

use std::fmt;

use kit_model::{Head, Inventory, Machine, MachineState, Now, OperationKind, Policy, SwarmView};

/// Why a machine is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotLetIn {
    /// Nothing acts: a person paused the cluster, or ends it.
    Stopped,
    /// It does not run.
    NotRunning,
    /// The journal intends no machine of this generation at its address.
    NotIntended,
    /// The intent is older than a new machine may be.
    TooLate,
    /// The Swarm lists a node of it already.
    Listed,
    /// Its volume has held the state of a node, which is not thrown away unasked.
    Formed,
    /// It does not hold the volume of its address.
    NoVolume,
}

impl fmt::Display for NotLetIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopped => "the cluster is paused, or ends",
            Self::NotRunning => "it does not run",
            Self::NotIntended => "the journal intends no such machine",
            Self::TooLate => "it was made too long ago",
            Self::Listed => "the Swarm lists it already",
            Self::Formed => "its volume has held the state of a node",
            Self::NoVolume => "it does not hold its volume",
        })
    }
}

/// Whether `machine` may come in: only one that the journal intends right now, in its generation, with a volume that was no
/// node before, and that the Swarm does not list.
///
/// # Errors
/// Why it may not.
pub fn may_enter(
    head: &Head,
    inventory: &Inventory,
    nodes: &SwarmView,
    machine: &Machine,
    policy: &Policy,
    now: Now,
) -> Result<(), NotLetIn> {
    let address = &machine.marks.address;
    if head.paused.is_some() || head.destroying {
        return Err(NotLetIn::Stopped);
    }
    if machine.state != MachineState::Running {
        return Err(NotLetIn::NotRunning);
    }
    let intent = head.intent(address).filter(|intent| {
        intent.kind != OperationKind::Retire
            && intent.generation == machine.marks.generation
            && machine.marks.uid == head.uid
    });
    let intent = intent.ok_or(NotLetIn::NotIntended)?;
    if now.wall_ms > intent.begun_wall_ms.saturating_add(policy.ticket_ms) {
        return Err(NotLetIn::TooLate);
    }
    // A second voter of one address would be a phantom.
    let listed = |node: &kit_model::Node| node.manager.is_some() || node.generation == Some(machine.marks.generation);
    if nodes.nodes_of(address).any(listed) {
        return Err(NotLetIn::Listed);
    }
    match inventory.volume_of(address) {
        None => Ok(()),
        Some(volume) if volume.formed => Err(NotLetIn::Formed),
        Some(volume) if volume.holder().is_some_and(|held| held.attached && held.machine == machine.id) => Ok(()),
        Some(_) => Err(NotLetIn::NoVolume),
    }
}

#[cfg(test)]
mod tests {
    use kit_model::{
        Attachment, Availability, Generation, ManagerStatus, Marks, Node, NodeRole, NodeState, Operation, Reachability,
        Token, Volume, VolumeState,
    };

    use super::*;

    struct World {
        head: Head,
        inventory: Inventory,
        nodes: SwarmView,
        now: Now,
    }

    fn marks() -> Marks {
        Marks {
            uid: "u".into(),
            address: "managers.m2".into(),
            generation: Generation(4),
            content: "c".into(),
            token: Token::of_volume(&"u".into(), &"managers.m2".into(), Generation(4)),
        }
    }

    fn world() -> World {
        let mut head = Head::first("u".into(), "sha256:1".into());
        let operation = serde_json::json!({
            "kind": "create", "generation": 4, "revision": "sha256:1", "begun_wall_ms": 1000,
        });
        head.operations.insert("managers.m2".into(), operation_of(operation));
        let machine = Machine { id: "i-1".into(), marks: marks(), state: MachineState::Running, ip: None };
        let held = VolumeState::Held(Attachment { machine: "i-1".into(), attached: true });
        let volume = Volume { id: "v".into(), marks: marks(), state: held, formed: false };
        let inventory = Inventory { machines: vec![machine], volumes: vec![volume], ..Inventory::default() };
        World { head, inventory, nodes: SwarmView::default(), now: Now { wall_ms: 2000, ..Now::default() } }
    }

    fn operation_of(value: serde_json::Value) -> Operation {
        serde_json::from_value(value).unwrap()
    }

    fn node(generation: u64, voter: bool) -> Node {
        Node {
            id: "n".into(),
            address: Some("managers.m2".into()),
            generation: Some(Generation(generation)),
            ip: None,
            role: NodeRole::Manager,
            availability: Availability::Active,
            state: NodeState::Down,
            manager: voter.then_some(ManagerStatus { leader: false, reachability: Reachability::Unreachable }),
            running_tasks: 0,
            labels: Default::default(),
            version: 1,
        }
    }

    #[test]
    fn a_machine_comes_in_only_as_the_journal_intends_it() {
        type Change = fn(&mut World);
        let table: [(Change, Result<(), NotLetIn>); 14] = [
            (|_| {}, Ok(())),
            (|it| it.inventory.volumes.clear(), Ok(())),
            (|it| it.nodes.nodes.push(node(3, false)), Ok(())),
            (|it| it.nodes.nodes.push(node(3, true)), Err(NotLetIn::Listed)),
            (|it| it.nodes.nodes.push(node(4, false)), Err(NotLetIn::Listed)),
            (|it| it.inventory.volumes[0].formed = true, Err(NotLetIn::Formed)),
            (|it| it.inventory.volumes[0].state = VolumeState::Available, Err(NotLetIn::NoVolume)),
            (|it| it.inventory.machines[0].state = MachineState::Stopped, Err(NotLetIn::NotRunning)),
            (|it| it.inventory.machines[0].marks.generation = Generation(3), Err(NotLetIn::NotIntended)),
            (|it| it.inventory.machines[0].marks.uid = "v".into(), Err(NotLetIn::NotIntended)),
            (|it| it.head.operations.clear(), Err(NotLetIn::NotIntended)),
            (|it| it.now.wall_ms = 1001 + Policy::default().ticket_ms, Err(NotLetIn::TooLate)),
            (|it| it.head.destroying = true, Err(NotLetIn::Stopped)),
            (|it| it.head.paused = Some("a drill".to_owned()), Err(NotLetIn::Stopped)),
        ];
        for (number, (change, expected)) in table.into_iter().enumerate() {
            let mut it = world();
            change(&mut it);
            let machine = it.inventory.machines[0].clone();
            let asked = may_enter(&it.head, &it.inventory, &it.nodes, &machine, &Policy::default(), it.now);
            assert_eq!(asked, expected, "row {number}");
        }
    }
}
