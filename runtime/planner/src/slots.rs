//! Groups with a count: slots without a name, filled in waves.

use std::collections::{BTreeMap, BTreeSet};

use kit_model::{Address, Availability, GroupSpec, MachineState, NodeState, OperationKind, Reason, Role, Wave};

use crate::managers::has_labels;
use crate::plan::{Round, Subject};
use crate::request::{render, token_of};
use crate::subject::RESERVED_FOR_VOTERS;
use crate::survey::{Sight, Walk};

/// Up to so many waiting slots of a group are told one by one; beyond that the group's figures say it.
const TOLD_ONE_BY_ONE: usize = 16;

/// How a slot stands, as one look tells.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Whole,
    /// Whole, but for what it was made from.
    Outdated,
    /// Nothing live is listed, and nothing was made for it yet or what was made is dead.
    Empty,
    /// Anything else.
    Other,
}

impl<'s> Round<'s> {
    /// Goes over the slots of a group.
    pub(crate) fn slots(&mut self, group: &'s GroupSpec) {
        let scene = self.scene;
        let head = scene.head;
        let open: BTreeSet<u32> = slots_of(head.operations.keys(), group);
        let failed: BTreeSet<u32> = slots_of(head.failures.keys(), group);
        let waves: Vec<&Wave> = head.waves.iter().filter(|wave| wave.group == group.name).collect();
        let stopped = self.roll_stopped(group).is_some();
        let mut whole = 0u32;
        let mut outdated = Vec::new();
        let mut empty: Vec<(u32, Sight<'s, 's>)> = Vec::new();
        let mut other: Vec<(u32, Sight<'s, 's>)> = Vec::new();
        let mut filling: BTreeMap<u64, u32> = BTreeMap::new();
        let mut walk = Walk::default();
        for slot in 1..=group.count {
            let sight = scene.survey.next(&mut walk, scene.survey.key_in(group, slot));
            let standing = standing(group, sight);
            let single = open.contains(&slot);
            let wave = if single { None } else { waves.iter().find(|wave| wave.has(slot)) };
            let done = matches!(standing, Standing::Whole | Standing::Outdated);
            if let Some(wave) = wave
                && !done
            {
                *filling.entry(wave.generation.0).or_default() += 1;
            }
            if done && !single {
                whole += 1;
                if standing == Standing::Outdated && wave.is_none() {
                    outdated.push((slot, sight));
                }
            } else if standing == Standing::Empty && !single && wave.is_none() && !failed.contains(&slot) {
                empty.push((slot, sight));
            } else {
                other.push((slot, sight));
            }
        }
        self.draft.retain_waves(|wave| wave.group != group.name || filling.contains_key(&wave.generation.0));
        let waiting = group.count - whole;
        // Open operations first: the journal must empty before more is begun.
        other.sort_by_key(|(slot, _)| !open.contains(slot));
        let told = self.blocked.len();
        for (slot, sight) in &other {
            let subject = self.slot(group, *slot, *sight);
            self.advance(&subject);
        }
        if self.blocked.len() - told > TOLD_ONE_BY_ONE {
            // What a person must look at stays; what only waits is told in one line.
            let waits = self.blocked.split_off(told);
            self.blocked.extend(waits.into_iter().filter(|blocked| !only_waits(&blocked.reason)));
        }
        self.fill(group, empty);
        if waiting as usize > TOLD_ONE_BY_ONE {
            let reason = Reason::Filling { whole, of: group.count };
            self.block(Some(&Address::from(group.name.as_str())), reason);
        }
        if outdated.is_empty() {
            return;
        }
        if let (_, Some(surplus)) = self.room(group) {
            // What a roll ends could not be made again before the surplus is gone.
            let reason = Reason::SurplusFirst { surplus: surplus.clone() };
            self.block(Some(&Address::from(group.name.as_str())), reason);
            return;
        }
        let begun = self.draft.head().operations.keys().filter(|address| address.group() == group.name).count();
        let away = waiting.max(u32::try_from(begun).unwrap_or(u32::MAX));
        if stopped && outdated.len() > TOLD_ONE_BY_ONE {
            outdated.truncate(1);
        }
        let outdated = outdated.into_iter().map(|(slot, sight)| self.slot(group, slot, sight)).collect();
        self.roll_within_budget(group, outdated, away);
    }

    fn slot(&self, group: &'s GroupSpec, slot: u32, sight: Sight<'s, 's>) -> Subject<'s> {
        Subject { address: Address::of_slot(&group.name, slot), group, member: None, sight }
    }

    /// Begins a wave for empty slots, as many as one permit can send for.
    fn fill(&mut self, group: &'s GroupSpec, empty: Vec<(u32, Sight<'s, 's>)>) {
        let scene = self.scene;
        let room = scene.policy.max_batch.saturating_sub(self.steps.len());
        if empty.is_empty() || room == 0 {
            return;
        }
        if let Some(missing) = &scene.unready {
            let reason = Reason::DependsOn { address: missing.clone() };
            self.block(Some(&Address::from(group.name.as_str())), reason);
            return;
        }
        let (free, surplus) = self.room(group);
        if free == 0
            && let Some(surplus) = surplus
        {
            let reason = Reason::SurplusFirst { surplus: surplus.clone() };
            self.block(Some(&Address::from(group.name.as_str())), reason);
            return;
        }
        let room = room.min(free);
        let mut chosen = Vec::new();
        let mut again = false;
        let told = self.blocked.len();
        for (slot, sight) in empty {
            if chosen.len() >= room {
                break;
            }
            let address = Address::of_slot(&group.name, slot);
            // Whoever was there once, and of whom no dead machine is listed, is gone only when listings say so twice.
            let dead = sight.dead().is_some() && scene.inventory.complete && group.role != Role::Plain;
            if !dead && !self.is_lacking(&address) {
                if self.blocked.len() - told > TOLD_ONE_BY_ONE {
                    // The listing says the same of all.
                    break;
                }
                continue;
            }
            let subject = self.slot(group, slot, sight);
            if scene.memory.is_unknown(&address)
                || (!dead && sight.nodes().next().is_some() && self.is_mass_failure(&subject))
            {
                continue;
            }
            again |= dead || sight.nodes().next().is_some();
            chosen.push(slot);
        }
        let Some(first) = chosen.first().copied() else { return };
        let revision = self.repair_revision(group, None);
        let Some(spec) = scene.specs.get(revision) else { return };
        let Some(template) = spec.groups.get(&group.name) else { return };
        let generation = self.draft.generation();
        let uid = &scene.head.uid;
        let manager_ips = spec.manager_ips();
        let request = |slot: u32| {
            let address = Address::of_slot(&group.name, slot);
            let token = token_of(uid, &address, generation);
            render(uid, spec, template, None, &address, generation, token, &manager_ips)
        };
        if chosen.len() == 1 {
            // One alone stands in the journal alone.
            let kind = if again { OperationKind::Repair } else { OperationKind::Create };
            let address = Address::of_slot(&group.name, first);
            let sight = scene.survey.sight(&address);
            if self.open(&address, kind, revision, RESERVED_FOR_VOTERS) {
                let subject = self.slot(group, first, sight);
                self.advance(&subject);
            }
            return;
        }
        let wave = Wave {
            kind: if again { OperationKind::Repair } else { OperationKind::Create },
            group: group.name.clone(),
            slots: ranges(&chosen),
            generation,
            revision: revision.clone(),
            request: request(first).request,
            request_slot: first,
            begun_wall_ms: scene.now.wall_ms,
        };
        if let Err(reason) = self.draft.begin_wave(wave, scene.policy) {
            self.block(Some(&Address::from(group.name.as_str())), reason);
            return;
        }
        for slot in chosen {
            let request = request(slot);
            let address = request.address.clone();
            let action = kit_model::Action::CreateMachine(std::sync::Arc::new(request));
            self.step(&address, action, "it has no machine".to_owned());
        }
    }
}

/// What needs no person and passes by itself.
fn only_waits(reason: &Reason) -> bool {
    matches!(
        reason,
        Reason::MachinePending { .. }
            | Reason::Joining { .. }
            | Reason::ShuttingDown { .. }
            | Reason::MachineStopping { .. }
            | Reason::NodeUnknown { .. }
            | Reason::NodeDown { .. }
            | Reason::AfterElection { .. }
            | Reason::Backoff { .. }
            | Reason::JournalFull
            | Reason::ConfirmingAbsence { .. }
            | Reason::PartialListing
            | Reason::SurplusFirst { .. }
    )
}

fn slots_of<'a>(addresses: impl Iterator<Item = &'a Address>, group: &GroupSpec) -> BTreeSet<u32> {
    addresses.filter(|address| address.group() == group.name).filter_map(Address::slot).collect()
}

fn standing(group: &GroupSpec, sight: Sight<'_, '_>) -> Standing {
    let mut live = sight.live();
    let (Some(machine), None) = (live.next(), live.next()) else {
        return if sight.live().next().is_none() { Standing::Empty } else { Standing::Other };
    };
    if machine.state != MachineState::Running {
        return Standing::Other;
    }
    let settled = match (group.role, sight.nodes) {
        (Role::Plain, _) => true,
        (_, [(_, node)]) => {
            node.state == NodeState::Ready
                && node.generation == Some(machine.marks.generation)
                && node.availability != Availability::Drain
                && has_labels(group, node)
        }
        _ => false,
    };
    match settled {
        true if machine.marks.content == group.content => Standing::Whole,
        true => Standing::Outdated,
        false => Standing::Other,
    }
}

/// Ascending numbers as ranges with both ends.
fn ranges(slots: &[u32]) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for &slot in slots {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == slot => *last = slot,
            _ => ranges.push((slot, slot)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn ranges_hold_each_slot_once() {
        assert_eq!(ranges(&[]), []);
        assert_eq!(ranges(&[4]), [(4, 4)]);
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10]), [(1, 3), (7, 7), (9, 10)]);
    }
}
