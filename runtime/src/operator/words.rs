//! A report in words: what `kitc status` prints and the page of a replica shows, so that both say the same.

use kit_model::{Availability, OperationKind, PermitState, RevisionId};
use serde::Serialize;

use super::report::{MemberReport, Report};

/// A revision as people read it: the first digits of its hash.
#[must_use]
pub fn short(revision: &RevisionId) -> &str {
    let digits = revision.as_str().strip_prefix("sha256:").unwrap_or(revision.as_str());
    digits.get(..12).unwrap_or(digits)
}

/// One member in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemberWords {
    /// Its address.
    pub member: String,
    /// Its IP.
    pub ip: String,
    /// Its machines and their states.
    pub machine: String,
    /// Its volume and who holds it.
    pub volume: String,
    /// Its nodes in the Swarm.
    pub node: String,
    /// `whole`, or what it lacks.
    pub health: String,
    /// What Kit is doing about it.
    pub doing: Option<String>,
    /// How many replacements failed, if any did.
    pub failed: Option<String>,
    /// What it waits for, each with the code of the reason.
    pub waits: Vec<String>,
}

const NONE: &str = "-";

impl Report {
    /// Something that a person should look at: not what Kit is only finishing while everything is whole.
    #[must_use]
    pub fn has_problem(&self) -> bool {
        let all_well = self.formed
            && self.unreachable.is_none()
            && self.paused.is_none()
            && !self.destroying
            && !self.destroyed
            && self.nobody_acts.is_none()
            && self.members.iter().all(|member| member.whole)
            && self.resources.iter().all(|resource| resource.ready);
        !all_well
    }

    /// How the cluster is, in one line.
    #[must_use]
    pub fn state_in_words(&self) -> String {
        let unknown = self.members.iter().filter(|member| member.unknown).count();
        let short_of = self.members.iter().filter(|member| !member.whole && !member.unknown).count();
        let of = self.members.len();
        match (self.formed, self.converged, short_of) {
            _ if self.destroyed => format!("destroyed; its volumes {} are kept", self.volumes.join(", ")),
            _ if self.destroying => "being destroyed".to_owned(),
            _ if self.uid.is_none() => "not there: nobody claimed its name".to_owned(),
            (false, ..) => "not formed yet".to_owned(),
            _ if self.unreachable.is_some() => {
                let unknown = match unknown {
                    0 => String::new(),
                    count => format!(", {count} unknown while no leader answers"),
                };
                format!("without a leader; {short_of} of {of} not as asked{unknown}")
            }
            (true, true, _) => "as asked".to_owned(),
            _ if unknown > 0 => {
                format!("{short_of} of {of} not as asked, {unknown} unknown so soon after an election")
            }
            (true, false, 0) => "whole; Kit is finishing something".to_owned(),
            (true, false, count) => format!("{count} of {of} not as asked"),
        }
    }

    /// What keeps Kit from acting, and what to do: it stands before all else.
    #[must_use]
    pub fn alarms(&self) -> Vec<String> {
        let mut alarms = Vec::new();
        if self.destroyed {
            alarms.push(format!(
                "`kitc destroy FILE --yes {} --volumes {}` removes them and frees the name",
                self.cluster,
                self.volumes.join(",")
            ));
            return alarms;
        }
        if let Some(why) = &self.paused {
            alarms.push(format!("PAUSED: {why}; nothing acts until `kitc resume`"));
        }
        if self.needs_recovery && !self.destroying {
            alarms.push("NO MANAGER IS LEFT: `kitc recover FILE` makes them again, each on its own volume".to_owned());
        } else if let Some(why) = self.nobody_acts.as_ref().filter(|_| !self.destroying) {
            alarms.push(format!("NOBODY ACTS: {}", who_should_act(why)));
        }
        alarms
    }

    /// Who leads, and who acted last.
    #[must_use]
    pub fn leadership_in_words(&self) -> String {
        let mut words = match (&self.leader, &self.unreachable) {
            (Some(leader), _) => format!("leader {leader}"),
            (None, Some(why)) => why.clone(),
            (None, None) => "no leader is known".to_owned(),
        };
        if let (Some(revision), Some(epoch)) = (&self.revision, self.epoch) {
            let sends = match self.permit {
                Some(PermitState::Open) => "it may be sending calls now",
                Some(PermitState::Closed) | None => "it sends nothing now",
            };
            words.push_str(&format!("; revision {}; ", short(revision)));
            words.push_str(&match &self.holder {
                Some(holder) => format!("{holder} acted last (epoch {epoch}), {sends}"),
                None => "nobody acted yet".to_owned(),
            });
        }
        words
    }

    /// What the whole cluster and whole groups wait for, each with its code.
    #[must_use]
    pub fn waits_in_words(&self) -> Vec<String> {
        self.waits
            .iter()
            .map(|wait| match &wait.address {
                Some(address) => format!("{address}: {} [{}]", wait.why, wait.code),
                None => format!("{} [{}]", wait.why, wait.code),
            })
            .collect()
    }

    /// The resources that are not ready.
    #[must_use]
    pub fn resources_in_words(&self) -> Vec<String> {
        let unready = self.resources.iter().filter(|resource| !resource.ready);
        unready
            .map(|resource| {
                let state = if resource.id.is_some() { "is being made" } else { "does not exist" };
                format!("{}: {state}", resource.address)
            })
            .collect()
    }

    /// The members to show one by one, and how many slots are left out: of a group with many slots, those that are whole
    /// are only counted.
    #[must_use]
    pub fn members_shown(&self) -> (Vec<&MemberReport>, usize) {
        let mut sizes = std::collections::BTreeMap::new();
        for member in &self.members {
            *sizes.entry(member.group.as_str()).or_insert(0usize) += 1;
        }
        let counted = |member: &&MemberReport| {
            member.whole && member.address.slot().is_some() && sizes[member.group.as_str()] > MAX_WHOLE_SLOTS
        };
        let shown: Vec<&MemberReport> = self.members.iter().filter(|member| !counted(member)).collect();
        let hidden = self.members.len() - shown.len();
        (shown, hidden)
    }
}

/// Of a group with more slots than this, those that are whole are only counted.
const MAX_WHOLE_SLOTS: usize = 12;

/// What to do where nobody acts, and why that is.
#[must_use]
pub fn who_should_act(why: &str) -> String {
    format!("{why}; run `kitc apply FILE --watch` (--as MEMBER beside each manager)")
}

impl MemberReport {
    /// The member in words.
    #[must_use]
    pub fn in_words(&self) -> MemberWords {
        MemberWords {
            member: self.address.to_string(),
            ip: self.ip.clone().unwrap_or_else(|| NONE.to_owned()),
            machine: joined(self.machines.iter().map(|machine| format!("{} {}", machine.id, word(&machine.state)))),
            volume: self.volume_in_words(),
            node: self.node_in_words(),
            health: match (self.whole, &self.lacks) {
                (true, _) => "whole".to_owned(),
                (false, Some(lacks)) => lacks.clone(),
                (false, None) => "not whole".to_owned(),
            },
            doing: self.doing.map(|kind| {
                let doing = match kind {
                    OperationKind::Create => "Kit is making it",
                    OperationKind::Repair => "Kit is repairing it",
                    OperationKind::Roll => "Kit is making it anew from the revision",
                    OperationKind::Retire => "Kit is taking it away",
                };
                doing.to_owned()
            }),
            failed: (self.failures > 0).then(|| format!("{} replacements failed in a row", self.failures)),
            waits: self.waits.iter().map(|wait| format!("{} [{}]", wait.why, wait.code)).collect(),
        }
    }

    fn volume_in_words(&self) -> String {
        let Some(volume) = &self.volume else { return NONE.to_owned() };
        match &volume.held_by {
            Some(holder) if self.machines.iter().any(|machine| machine.id == *holder) => {
                format!("{} attached", volume.id)
            }
            Some(holder) => format!("{} at {holder}", volume.id),
            None => format!("{} free", volume.id),
        }
    }

    fn node_in_words(&self) -> String {
        if self.nodes.is_empty() && self.unknown {
            return "unknown".to_owned();
        }
        joined(self.nodes.iter().map(|node| {
            let mut text = word(&node.state);
            if node.leader {
                text.push_str(", leader");
            } else if let Some(reachability) = &node.reachability {
                text.push_str(&format!(", {}", word(reachability)));
            }
            if node.availability != Availability::Active {
                text.push_str(&format!(", {}", word(&node.availability)));
            }
            text
        }))
    }
}

/// A value as its one word in JSON.
fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { NONE.to_owned() } else { parts.join(" + ") }
}
