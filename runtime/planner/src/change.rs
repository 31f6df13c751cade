//! Changes of the head by an operator: each a new head, or a refusal that leaves no trace.
//!
//! None of them touches epoch, holder or permit: an operator's write makes the actor read again, and gives
//! nobody the right to send.

use std::fmt;

use kit_model::{Address, Approval, Head, Reason, RevisionId, Spec};

/// How many revisions before the present one the head names, and a store keeps with it: enough to go back
/// over a bad day, few enough that the head stays small.
pub const MAX_HISTORY: usize = 9;

/// The most characters of a reason that a pause keeps: it stands in the head, which is small.
pub const MAX_PAUSE_REASON_CHARS: usize = 200;

/// Why a change of the head was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeRefused {
    /// The head names another revision than the one that the change was planned against.
    BaseMoved {
        /// What it was planned against.
        planned: RevisionId,
        /// What the head names.
        committed: RevisionId,
    },
    /// The head names this revision already.
    NothingChanged,
    /// The cluster is being destroyed: nothing else is committed any more.
    Destroying,
    /// The graph is of another cluster, provider or leading group.
    OtherCluster {
        /// What differs: "the cluster's name".
        what: &'static str,
        /// As committed.
        committed: String,
        /// As in the new graph.
        new: String,
    },
    /// A member that stays would get another IP or volume.
    Pairing {
        /// The member.
        member: Address,
        /// What would change: "its ip from 10.0.0.1 to 10.0.0.2".
        what: String,
    },
    /// A member would get the IP that another one of the present revision owns.
    IpCrossed {
        /// Who would get it.
        member: Address,
        /// Who owns it.
        owner: Address,
        /// The IP.
        ip: std::net::IpAddr,
    },
    /// A declared resource would be made, changed or taken away under a formed cluster.
    Resource {
        /// The resource.
        address: Address,
        /// What would become of it: "be made".
        what: &'static str,
    },
    /// No such member or slot.
    NoSuchAddress {
        /// What was named.
        address: Address,
    },
    /// The history has no such revision.
    NoSuchRevision {
        /// What was named.
        revision: String,
        /// The revisions that there are, the newest first.
        history: Vec<RevisionId>,
    },
    /// Several revisions begin with what was named.
    AmbiguousRevision {
        /// What was named.
        revision: String,
    },
}

impl fmt::Display for ChangeRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BaseMoved { planned, committed } => write!(
                f,
                "this was planned against revision {planned}, and meanwhile revision {committed} was committed"
            ),
            Self::NothingChanged => write!(f, "the cluster has this revision already"),
            Self::Destroying => write!(f, "the cluster is being destroyed: nothing else can be committed"),
            Self::OtherCluster { what, committed, new } => {
                write!(f, "{what} is \"{committed}\" in the committed revision and \"{new}\" in this one")
            }
            Self::Pairing { member, what } => {
                write!(f, "{member} would change {what}; a member keeps its ip and its volume for life")
            }
            Self::IpCrossed { member, owner, ip } => {
                write!(f, "{member} would get {ip}, which belongs to {owner} in the committed revision")
            }
            Self::Resource { address, what } => {
                write!(
                    f,
                    "{address} would {what}; resources are made before the cluster is formed and stay as they are"
                )
            }
            Self::NoSuchAddress { address } => write!(f, "the committed revision has no member or slot {address}"),
            Self::NoSuchRevision { revision, history } => {
                write!(f, "the history has no revision {revision}; it has ")?;
                if history.is_empty() {
                    return write!(f, "none before the present one");
                }
                for (index, known) in history.iter().enumerate() {
                    write!(f, "{}{known}", if index == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            Self::AmbiguousRevision { revision } => write!(f, "several revisions begin with {revision}"),
        }
    }
}

impl std::error::Error for ChangeRefused {}

/// What a resume is to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resume {
    /// The one member or slot whose failures are forgotten; all of them and the pause, if none is named.
    pub address: Option<Address>,
    /// Members whose volume a person gave up.
    pub replace_volumes: Vec<Address>,
    /// Members that may be touched although nothing leads meanwhile.
    pub outages: Vec<Address>,
}

/// The head with `new` as what is to be true. `base` is the revision that the operator saw when planning;
/// `committed` is the spec of the head's revision.
///
/// # Errors
/// When the base moved, nothing changed, or the change would cross what members own for life.
pub fn commit_revision(head: &Head, base: &RevisionId, committed: &Spec, new: &Spec) -> Result<Head, ChangeRefused> {
    if head.destroying {
        return Err(ChangeRefused::Destroying);
    }
    if head.revision != *base {
        return Err(ChangeRefused::BaseMoved { planned: base.clone(), committed: head.revision.clone() });
    }
    if head.revision == new.revision {
        return Err(ChangeRefused::NothingChanged);
    }
    same_cluster(committed, new)?;
    same_resources(committed, new)?;
    same_pairing(committed, new)?;
    let mut next = head.clone();
    next.history.insert(0, std::mem::replace(&mut next.revision, new.revision.clone()));
    // A revision that is committed again is not also history.
    next.history.retain(|revision| *revision != new.revision);
    next.history.truncate(MAX_HISTORY);
    // Another revision is another try.
    next.failures.clear();
    next.stopped_rolls.clear();
    Ok(next)
}

/// The revision that a rollback returns to: the one before, or the one of the history whose ID, with or
/// without `sha256:`, begins with `wanted`.
///
/// # Errors
/// When there is none, or more than one.
pub fn rollback_target(head: &Head, wanted: Option<&str>) -> Result<RevisionId, ChangeRefused> {
    let none =
        |revision: &str| ChangeRefused::NoSuchRevision { revision: revision.to_owned(), history: head.history.clone() };
    let Some(wanted) = wanted else {
        return head.history.first().cloned().ok_or_else(|| none("before the present one"));
    };
    let digits = wanted.strip_prefix("sha256:").unwrap_or(wanted);
    let fits = |revision: &&RevisionId| {
        let text = revision.as_str();
        !digits.is_empty() && text.strip_prefix("sha256:").unwrap_or(text).starts_with(digits)
    };
    let mut found = head.history.iter().filter(fits);
    match (found.next(), found.next()) {
        (None, _) if fits(&&head.revision) => Err(ChangeRefused::NothingChanged),
        (None, _) => Err(none(wanted)),
        (Some(revision), None) => Ok(revision.clone()),
        (Some(_), Some(_)) => Err(ChangeRefused::AmbiguousRevision { revision: wanted.to_owned() }),
    }
}

/// The head of a paused cluster. Calls that were admitted before may still arrive, until the permit that
/// was open is over.
///
/// # Errors
/// When the cluster is being destroyed.
pub fn pause(head: &Head, why: &str) -> Result<Head, ChangeRefused> {
    if head.destroying {
        return Err(ChangeRefused::Destroying);
    }
    let mut next = head.clone();
    next.paused = Some(why.chars().filter(|character| !character.is_control()).take(MAX_PAUSE_REASON_CHARS).collect());
    Ok(next)
}

/// The head of a cluster that goes on. `spec` is that of the head's revision.
///
/// # Errors
/// When the cluster is being destroyed, or an address is named that is neither in the revision nor in the
/// journal.
pub fn resume(head: &Head, spec: &Spec, what: &Resume) -> Result<Head, ChangeRefused> {
    if head.destroying {
        return Err(ChangeRefused::Destroying);
    }
    for address in what.address.iter().chain(&what.replace_volumes).chain(&what.outages) {
        let known = spec.content_of(address).is_some()
            || head.operations.contains_key(address)
            || head.failures.contains_key(address);
        if !known {
            return Err(ChangeRefused::NoSuchAddress { address: address.clone() });
        }
    }
    let mut next = head.clone();
    match &what.address {
        Some(address) => {
            next.failures.remove(address);
            next.stopped_rolls.retain(|_, stopped| stopped.because != *address);
        }
        None => {
            next.paused = None;
            next.failures.clear();
            next.stopped_rolls.clear();
        }
    }
    next.approvals.extend(what.replace_volumes.iter().cloned().map(Approval::ReplaceVolume));
    next.approvals.extend(what.outages.iter().cloned().map(Approval::Outage));
    Ok(next)
}

/// The head of a cluster that nothing heals any more.
#[must_use]
pub fn destroy(head: &Head) -> Head {
    let mut next = head.clone();
    next.destroying = true;
    next
}

impl ChangeRefused {
    /// The reason that `plan` shows, for a refusal that concerns one member.
    #[must_use]
    pub fn as_reason(&self) -> Option<Reason> {
        match self {
            Self::Pairing { what, .. } => Some(Reason::PairingChanged { what: what.clone() }),
            Self::IpCrossed { owner, ip, .. } => {
                Some(Reason::PairingChanged { what: format!("the owner of {ip}, which is {owner},") })
            }
            _ => None,
        }
    }
}

fn same_cluster(committed: &Spec, new: &Spec) -> Result<(), ChangeRefused> {
    let none = || "none".to_owned();
    let facts = [
        ("the cluster's name", committed.cluster.clone(), new.cluster.clone()),
        ("the provider", committed.provider.kind.clone(), new.provider.kind.clone()),
        (
            "the group that leads",
            committed.leader.clone().unwrap_or_else(none),
            new.leader.clone().unwrap_or_else(none),
        ),
    ];
    for (what, committed, new) in facts {
        if committed != new {
            return Err(ChangeRefused::OtherCluster { what, committed, new });
        }
    }
    Ok(())
}

fn same_resources(committed: &Spec, new: &Spec) -> Result<(), ChangeRefused> {
    let refused = |address: &Address, what| Err(ChangeRefused::Resource { address: address.clone(), what });
    for resource in &new.resources {
        match committed.resources.iter().find(|known| known.address == resource.address) {
            None => return refused(&resource.address, "be made"),
            Some(known) if known.content != resource.content => return refused(&resource.address, "be changed"),
            Some(_) => {}
        }
    }
    for resource in &committed.resources {
        if !new.resources.iter().any(|kept| kept.address == resource.address) {
            return refused(&resource.address, "be taken away");
        }
    }
    Ok(())
}

fn same_pairing(committed: &Spec, new: &Spec) -> Result<(), ChangeRefused> {
    let text = |ip: Option<std::net::IpAddr>| ip.map_or_else(|| "none".to_owned(), |ip| ip.to_string());
    for member in new.members.values() {
        if let Some(known) = committed.members.get(&member.address) {
            if known.ip != member.ip {
                let what = format!("its ip from {} to {}", text(known.ip), text(member.ip));
                return Err(ChangeRefused::Pairing { member: member.address.clone(), what });
            }
            if known.volume != member.volume {
                return Err(ChangeRefused::Pairing {
                    member: member.address.clone(),
                    what: "its volume's fields".to_owned(),
                });
            }
        } else if let Some(ip) = member.ip
            && let Some(owner) = committed.members.values().find(|owner| owner.ip == Some(ip))
        {
            return Err(ChangeRefused::IpCrossed { member: member.address.clone(), owner: owner.address.clone(), ip });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kit_graph::{Cluster, FORMAT_VERSION, Graph, Group, Instance, Member, Population, Properties, Value};
    use kit_model::{ClusterUid, Failures};

    use super::*;

    fn instance(kind: &str) -> Instance {
        Instance { kind: kind.to_owned(), properties: Properties::new() }
    }

    fn spec(members: &[(&str, &str, &str)], machine_type: &str) -> Spec {
        let mut machine = instance("sim.Machine");
        machine.properties.insert("type".to_owned(), Value::from(machine_type));
        let graph = Graph {
            version: FORMAT_VERSION,
            hash: String::new(),
            cluster: Cluster {
                name: "demo".to_owned(),
                provider: instance("sim.Provider"),
                leader: Some("managers".to_owned()),
            },
            resources: Vec::new(),
            groups: vec![Group {
                name: "managers".to_owned(),
                role: instance("swarm.Manager"),
                machine,
                depends_on: Vec::new(),
                population: Population::Members(
                    members
                        .iter()
                        .map(|(id, ip, size)| Member {
                            id: (*id).to_owned(),
                            ip: Some((*ip).to_owned()),
                            volume: Some(std::sync::Arc::new(Properties::from([(
                                "size".to_owned(),
                                Value::from(*size),
                            )]))),
                            machine: Properties::new(),
                        })
                        .collect(),
                ),
            }],
            outputs: BTreeMap::new(),
            lookups: BTreeMap::new(),
            fingerprints: BTreeMap::new(),
            provenance: BTreeMap::new(),
        };
        Spec::from_graph(&graph.sealed()).expect("a graph of known roles")
    }

    fn three(machine_type: &str) -> Spec {
        spec(&[("m1", "10.0.0.1", "20GiB"), ("m2", "10.0.0.2", "20GiB"), ("m3", "10.0.0.3", "20GiB")], machine_type)
    }

    fn head_of(spec: &Spec) -> Head {
        Head::first(ClusterUid::from("u1"), spec.revision.clone())
    }

    #[test]
    fn a_commit_keeps_history_and_forgets_failures() {
        let (old, new) = (three("small"), three("large"));
        let mut head = head_of(&old);
        head.failures.insert(Address::from("managers.m1"), Failures { count: 3, last: "no boot".to_owned() });
        let next = commit_revision(&head, &old.revision, &old, &new).expect("nothing forbids it");
        assert_eq!(next.revision, new.revision);
        assert_eq!(next.history, vec![old.revision.clone()]);
        assert!(next.failures.is_empty());
        assert_eq!((next.epoch, next.permit), (head.epoch, head.permit));
        let back = commit_revision(&next, &new.revision, &new, &old).expect("a rollback is a commit");
        assert_eq!(back.history, vec![new.revision], "what is true is not also history");
    }

    #[test]
    fn a_moved_base_is_refused_with_both() {
        let (old, new, third) = (three("small"), three("large"), three("medium"));
        let refused = commit_revision(&head_of(&new), &old.revision, &old, &third);
        assert_eq!(
            refused,
            Err(ChangeRefused::BaseMoved { planned: old.revision.clone(), committed: new.revision.clone() })
        );
    }

    #[test]
    fn pairing_is_for_life() {
        let old = three("small");
        let head = head_of(&old);
        let moved =
            spec(&[("m1", "10.0.0.9", "20GiB"), ("m2", "10.0.0.2", "20GiB"), ("m3", "10.0.0.3", "20GiB")], "small");
        let grown =
            spec(&[("m1", "10.0.0.1", "40GiB"), ("m2", "10.0.0.2", "20GiB"), ("m3", "10.0.0.3", "20GiB")], "small");
        let crossed =
            spec(&[("m4", "10.0.0.1", "20GiB"), ("m2", "10.0.0.2", "20GiB"), ("m3", "10.0.0.3", "20GiB")], "small");
        for wrong in [&moved, &grown] {
            let refused = commit_revision(&head, &old.revision, &old, wrong);
            assert!(matches!(refused, Err(ChangeRefused::Pairing { .. })), "{refused:?}");
        }
        let refused = commit_revision(&head, &old.revision, &old, &crossed);
        assert!(matches!(refused, Err(ChangeRefused::IpCrossed { .. })), "{refused:?}");
    }

    #[test]
    fn a_rollback_finds_its_revision_by_a_prefix() {
        let mut head = head_of(&three("small"));
        assert!(matches!(rollback_target(&head, None), Err(ChangeRefused::NoSuchRevision { .. })));
        head.history = vec![RevisionId::from("sha256:aa11"), RevisionId::from("sha256:aa22")];
        assert_eq!(rollback_target(&head, None), Ok(RevisionId::from("sha256:aa11")));
        assert_eq!(rollback_target(&head, Some("sha256:aa2")), Ok(RevisionId::from("sha256:aa22")));
        assert!(matches!(rollback_target(&head, Some("aa")), Err(ChangeRefused::AmbiguousRevision { .. })));
        assert!(matches!(rollback_target(&head, Some("bb")), Err(ChangeRefused::NoSuchRevision { .. })));
        assert!(matches!(rollback_target(&head, Some("")), Err(ChangeRefused::NoSuchRevision { .. })));
    }

    #[test]
    fn pause_and_resume() {
        let spec = three("small");
        let head = head_of(&spec);
        let paused = pause(&head, "moving\nracks").expect("it is not being destroyed");
        assert_eq!(paused.paused.as_deref(), Some("movingracks"));
        let resumed = resume(&paused, &spec, &Resume::default()).expect("it is not being destroyed");
        assert_eq!(resumed.paused, None);
        let one = Resume { address: Some(Address::from("managers.m1")), ..Resume::default() };
        assert!(resume(&paused, &spec, &one).expect("m1 is there").paused.is_some(), "one address resumes no cluster");
        let none = Resume { address: Some(Address::from("managers.m9")), ..Resume::default() };
        assert!(matches!(resume(&head, &spec, &none), Err(ChangeRefused::NoSuchAddress { .. })));
        assert_eq!(pause(&destroy(&head), "late"), Err(ChangeRefused::Destroying));
    }
}
