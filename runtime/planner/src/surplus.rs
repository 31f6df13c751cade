//! Groups that are to shrink: what is surplus goes first, so that never more machines live than the revision wants.

use std::collections::BTreeMap;

use kit_model::{Action, Address, GroupSpec, Machine, MachineState, Reason};

use crate::plan::{Round, Scene};

impl<'a> Scene<'a> {
    /// How many machines of each group live, with those that were asked for and that no listing shows yet.
    fn taken(&self) -> &BTreeMap<&'a str, usize> {
        self.taken.get_or_init(|| {
            let live = self.inventory.machines.iter().filter(|machine| is_there(machine)).map(|it| &it.marks.address);
            let asked = self.memory.unknown().filter(|address| !self.survey.sight(address).live().any(is_there));
            let mut taken = BTreeMap::new();
            for address in live.chain(asked) {
                *taken.entry(address.group()).or_default() += 1;
            }
            taken
        })
    }
}

impl<'s> Round<'s> {
    /// How many machines may be made for slots of `group`; if few may because surplus ones still live, also which one
    /// is waited for.
    ///
    /// A drain takes minutes, and what was rolled or died meanwhile would come on top of what is still there.
    pub(crate) fn room(&self, group: &GroupSpec) -> (usize, Option<&'s Address>) {
        let scene = self.scene;
        let surplus = scene
            .survey
            .outside()
            .find(|address| address.group() == group.name && scene.survey.sight(address).live().any(is_there));
        let Some(surplus) = surplus else { return (usize::MAX, None) };
        let taken = scene.taken().get(group.name.as_str()).copied().unwrap_or(0);
        let creates = |action: &Action| matches!(action, Action::CreateMachine(_));
        let sent = self.steps.iter().filter(|step| step.address.group() == group.name && creates(&step.action)).count();
        let wanted = usize::try_from(group.count).unwrap_or(usize::MAX);
        (wanted.saturating_sub(taken + sent), Some(surplus))
    }

    /// Whether a slot must wait with being made until a surplus machine is gone, which is said if so.
    pub(crate) fn waits_for_surplus(&mut self, address: &Address, group: &GroupSpec) -> bool {
        let (room, surplus) = self.room(group);
        // What was asked for under its name before counts already.
        let room = room.saturating_add(usize::from(self.scene.memory.is_unknown(address)));
        match surplus {
            Some(surplus) if room == 0 => {
                self.block(Some(address), Reason::SurplusFirst { surplus: surplus.clone() });
                true
            }
            _ => false,
        }
    }
}

/// Whether a machine still counts: one that is shutting down does no work any more and only holds what it has.
fn is_there(machine: &Machine) -> bool {
    !matches!(machine.state, MachineState::Terminated | MachineState::ShuttingDown)
}
