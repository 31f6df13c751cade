//! What a machine does with what it finds when it boots: whether its engine may start there, as which node, and how it
//! comes into the Swarm.

use kit_model::{Address, BootDocument, BootFinding, ClusterUid, NewcomerReason, NodeId};
use serde::{Deserialize, Serialize};

/// Whose state a volume holds, as it stands on the volume itself. Written before anything else is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeRecord {
    /// The cluster.
    pub uid: ClusterUid,
    /// The member or slot.
    pub address: Address,
    /// The node that it is in the Swarm; none before it first came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
}

/// What a machine finds before its engine starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// True if a volume stands where the state goes, and not the machine's own disk.
    pub mounted: bool,
    /// What the volume says of itself.
    pub record: FoundRecord,
    /// Something on the volume that no engine of ours put there: one name of it.
    pub other: Option<String>,
    /// What the disk holds of a Swarm.
    pub swarm: FoundSwarm,
    /// The time, in seconds since 1970.
    pub now_s: u64,
}

/// What a volume says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundRecord {
    /// Nothing.
    None,
    /// Whose it is.
    Whole(VolumeRecord),
    /// It cannot be read, and why.
    Unreadable(String),
}

/// What a disk holds of a Swarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundSwarm {
    /// Nothing.
    None,
    /// The state of a node.
    Node {
        /// Which, by its own certificate.
        node: NodeId,
        /// When that certificate expires, in seconds since 1970.
        expires_s: u64,
        /// True if it is a manager's, and its Raft state is gone.
        raft_lost: bool,
    },
    /// There is something of which nothing can be told, and why.
    Unreadable(String),
}

/// What a machine does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BootStep {
    /// It starts its engine as `finding` says, and comes into the Swarm as `entry` does. First the volume is to say
    /// `record`, if one is given.
    Start {
        /// What it found.
        finding: BootFinding,
        /// What the volume does not say yet.
        record: Option<VolumeRecord>,
        /// How it comes into the Swarm.
        entry: Entry,
    },
    /// Its engine stays off, for nothing good would come of it.
    StayOff(NewcomerReason),
    /// Its engine does not start here, for the volume is not its own.
    Refuse(BootRefusal),
}

/// How a machine comes into the Swarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// It goes on as this node.
    As(NodeId),
    /// It begins the Swarm.
    Begin,
    /// It waits until a manager lets it in.
    LetIn,
    /// Not at all: it was made for something else.
    Apart,
}

/// Why an engine must not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BootRefusal {
    /// The machine was made with a volume and has none.
    NoVolume,
    /// The volume says that it is another's.
    Another(VolumeRecord),
    /// The volume says nothing, and is not empty.
    Unclaimed(String),
    /// What the volume says cannot be read.
    Unreadable(String),
    /// The volume holds the state of another node than it says.
    AnotherNode {
        /// What it says.
        record: NodeId,
        /// What it holds.
        found: NodeId,
    },
}

/// What a machine with this document does where it finds this.
#[must_use]
pub fn boot(document: &BootDocument, found: &Found) -> BootStep {
    if document.has_volume && !found.mounted {
        return BootStep::Refuse(BootRefusal::NoVolume);
    }
    let recorded = match &found.record {
        FoundRecord::Unreadable(why) => return BootStep::Refuse(BootRefusal::Unreadable(why.clone())),
        FoundRecord::Whole(record) if record.uid != document.uid || record.address != document.address => {
            return BootStep::Refuse(BootRefusal::Another(record.clone()));
        }
        FoundRecord::Whole(record) => Some(record),
        FoundRecord::None => {
            // Only what is empty becomes ours.
            let holds = match &found.swarm {
                // Without a volume of its own a machine has the disk that its image came with.
                FoundSwarm::None => found.other.clone().filter(|_| document.has_volume),
                FoundSwarm::Node { node, .. } => Some(format!("the state of the node {node}")),
                FoundSwarm::Unreadable(_) => Some("the state of a Swarm".to_owned()),
            };
            match holds {
                Some(what) => return BootStep::Refuse(BootRefusal::Unclaimed(what)),
                None => None,
            }
        }
    };
    let known = recorded.and_then(|record| record.node.as_ref());
    let record = |node: Option<&NodeId>| VolumeRecord {
        uid: document.uid.clone(),
        address: document.address.clone(),
        node: node.cloned(),
    };
    match &found.swarm {
        FoundSwarm::Unreadable(why) => BootStep::Refuse(BootRefusal::Unreadable(why.clone())),
        FoundSwarm::Node { node, .. } if known.is_some_and(|known| known != node) => {
            let record = known.unwrap_or(node).clone();
            BootStep::Refuse(BootRefusal::AnotherNode { record, found: node.clone() })
        }
        // An engine that starts on it ends at once, again and again.
        FoundSwarm::Node { raft_lost: true, .. } => BootStep::StayOff(NewcomerReason::RaftLost),
        FoundSwarm::Node { expires_s, .. } if *expires_s <= found.now_s => {
            BootStep::StayOff(NewcomerReason::CertificateExpired)
        }
        FoundSwarm::Node { node, .. } => BootStep::Start {
            finding: BootFinding::Returnable,
            // It came in, and broke off before it was written down.
            record: known.is_none().then(|| record(Some(node))),
            entry: Entry::As(node.clone()),
        },
        FoundSwarm::None => BootStep::Start {
            finding: BootFinding::Newcomer(NewcomerReason::NoState),
            record: recorded.is_none().then(|| record(None)),
            // A volume that was a node once is no place to begin another Swarm, whatever the document allows.
            entry: match document.seed && known.is_none() {
                true => Entry::Begin,
                false if document.manager || !document.manager_ips.is_empty() => Entry::LetIn,
                false => Entry::Apart,
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: u64 = 1_000;

    fn document(seed: bool) -> BootDocument {
        BootDocument {
            uid: "u".into(),
            address: "managers.m1".into(),
            generation: kit_model::Generation(3),
            revision: "sha256:1".into(),
            manager: true,
            manager_ips: Vec::new(),
            seed,
            has_volume: true,
            disk: None,
        }
    }

    fn says(uid: &str, address: &str, node: Option<&str>) -> FoundRecord {
        FoundRecord::Whole(VolumeRecord { uid: uid.into(), address: address.into(), node: node.map(NodeId::from) })
    }

    fn ours(node: Option<&str>) -> FoundRecord {
        says("u", "managers.m1", node)
    }

    fn node(id: &str, expires_s: u64, raft_lost: bool) -> FoundSwarm {
        FoundSwarm::Node { node: id.into(), expires_s, raft_lost }
    }

    /// What is done, in a word or two; and whether the volume is written to before.
    fn told(step: BootStep) -> String {
        let written = |record: &Option<VolumeRecord>| match record {
            None => String::new(),
            Some(VolumeRecord { node: None, .. }) => ", claimed".to_owned(),
            Some(VolumeRecord { node: Some(node), .. }) => format!(", written down as {node}"),
        };
        match step {
            BootStep::Start { finding: BootFinding::Returnable, record, entry: Entry::As(node) } => {
                format!("returns as {node}{}", written(&record))
            }
            BootStep::Start { finding: BootFinding::Newcomer(_), record, entry: Entry::Begin } => {
                format!("begins{}", written(&record))
            }
            BootStep::Start { finding: BootFinding::Newcomer(_), record, entry: Entry::LetIn } => {
                format!("waits{}", written(&record))
            }
            BootStep::StayOff(reason) => format!("off: {reason}"),
            BootStep::Refuse(BootRefusal::NoVolume) => "refused: no volume".to_owned(),
            BootStep::Refuse(BootRefusal::Another(record)) => format!("refused: of {} {}", record.uid, record.address),
            BootStep::Refuse(BootRefusal::Unclaimed(what)) => format!("refused: unclaimed with {what}"),
            BootStep::Refuse(BootRefusal::Unreadable(why)) => format!("refused: {why}"),
            BootStep::Refuse(BootRefusal::AnotherNode { record, found }) => format!("refused: {record}, not {found}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_machine_that_knows_of_no_manager_joins_nothing() {
        let plain = BootDocument { manager: false, has_volume: false, ..document(false) };
        let found =
            Found { mounted: false, record: FoundRecord::None, other: None, swarm: FoundSwarm::None, now_s: NOW_S };
        let enters = |document: &BootDocument| match boot(document, &found) {
            BootStep::Start { entry, .. } => entry,
            other => panic!("{other:?}"),
        };
        assert_eq!(enters(&plain), Entry::Apart);
        let worker = BootDocument { manager_ips: vec![[10, 0, 0, 1].into()], ..plain };
        assert_eq!(enters(&worker), Entry::LetIn);
    }

    #[test]
    fn what_a_machine_does_with_what_it_finds() {
        use FoundRecord::None as Nothing;
        let (fresh, old) = (NOW_S + 1, NOW_S);
        let empty = FoundSwarm::None;
        let torn = |why: &str| FoundSwarm::Unreadable(why.to_owned());
        let table = [
            // what the volume says, what it holds of a Swarm, what else; a seed, any other
            (Nothing, empty.clone(), None, ["begins, claimed", "waits, claimed"]),
            (ours(None), empty.clone(), None, ["begins", "waits"]),
            (ours(None), empty.clone(), Some("image"), ["begins", "waits"]),
            (ours(Some("n")), empty.clone(), Some("image"), ["waits", "waits"]),
            (ours(Some("n")), node("n", fresh, false), Some("image"), ["returns as n", "returns as n"]),
            (ours(None), node("n", fresh, false), None, ["returns as n, written down as n"; 2]),
            (ours(Some("n")), node("o", fresh, false), None, ["refused: n, not o"; 2]),
            (ours(Some("n")), node("n", old, false), None, ["off: its certificate expired while it was away"; 2]),
            (ours(Some("n")), node("n", fresh, true), None, ["off: its Raft state is lost"; 2]),
            (ours(Some("n")), node("o", old, true), None, ["refused: n, not o"; 2]),
            (ours(Some("n")), torn("torn"), None, ["refused: torn"; 2]),
            (Nothing, empty.clone(), Some("a.txt"), ["refused: unclaimed with a.txt"; 2]),
            (Nothing, node("n", fresh, false), None, ["refused: unclaimed with the state of the node n"; 2]),
            (Nothing, torn("torn"), None, ["refused: unclaimed with the state of a Swarm"; 2]),
            (says("v", "managers.m1", Some("n")), node("n", fresh, false), None, ["refused: of v managers.m1"; 2]),
            (says("u", "managers.m2", None), empty.clone(), None, ["refused: of u managers.m2"; 2]),
            (FoundRecord::Unreadable("cut off".to_owned()), empty, None, ["refused: cut off"; 2]),
        ];
        for (record, swarm, other, [seed, any]) in table {
            let other = other.map(str::to_owned);
            let found = Found { mounted: true, record, other, swarm, now_s: NOW_S };
            assert_eq!(told(boot(&document(true), &found)), seed, "a seed with {found:?}");
            assert_eq!(told(boot(&document(false), &found)), any, "{found:?}");
            // Without its volume nothing of it counts.
            let found = Found { mounted: false, ..found };
            assert_eq!(told(boot(&document(true), &found)), "refused: no volume", "{found:?}");
            let without = BootDocument { has_volume: false, ..document(false) };
            let any = if any == "refused: unclaimed with a.txt" { "waits, claimed" } else { any };
            assert_eq!(told(boot(&without, &found)), any, "a machine without a volume, {found:?}");
        }
    }
}
