//! What committing a revision would do: the whole difference, and the first round as the leader would decide
//! it now. It asks and computes; it changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use kit_model::{
    Address, Blocked, BootId, ClusterUid, Head, Inventory, Machine, Plan, ReplicaIdentity, RevisionId, Risk, Spec,
    SwarmView,
};
use kit_planner::{ChangeRefused, Memory, Specs};
use serde::Serialize;

use super::Operator;
use super::commit::{Revision, refused};
use super::view::ClusterView;
use crate::error::OperatorError;

/// What would happen.
#[derive(Debug, Clone, Serialize)]
pub struct DryRun {
    /// The cluster's name.
    pub cluster: String,
    /// True once the Swarm was formed.
    pub formed: bool,
    /// The revision that is committed now; the one a commit of this plan must still find.
    pub base: Option<RevisionId>,
    /// The revision that was planned.
    pub revision: RevisionId,
    /// Everything that differs, in order of address.
    pub changes: Vec<PlannedChange>,
    /// What would be done first.
    pub steps: Vec<PlannedStep>,
    /// What waits, and why.
    pub blocked: Vec<PlannedWait>,
    /// The voters before, during and after.
    pub risk: Risk,
    /// Why the whole change would be refused.
    pub refused: Option<Refusal>,
}

/// One difference between what is and what is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedChange {
    /// The member, slot or resource.
    pub address: Address,
    /// What becomes of it.
    pub change: ChangeKind,
    /// Why.
    pub why: String,
}

/// What becomes of a member, slot or resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// Made, where there was none.
    Create,
    /// Made again, where it was and is broken or gone.
    Repair,
    /// Made anew from another description, keeping name, IP and volume.
    Replace,
    /// Taken away.
    Remove,
}

/// A step of the first round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedStep {
    /// What it is for.
    pub address: Address,
    /// What would be done.
    pub action: String,
    /// Why.
    pub why: String,
}

/// Something that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedWait {
    /// The member, slot or resource; none for the whole cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// The stable code (`kitc explain`).
    pub code: String,
    /// Why.
    pub why: String,
}

/// Why a commit of the planned revision would be refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The stable code (`kitc explain`).
    pub code: String,
    /// Why.
    pub why: String,
}

impl PlannedWait {
    /// The wait as an operator reads it.
    #[must_use]
    pub fn of(blocked: &Blocked) -> Self {
        Self {
            address: blocked.address.clone(),
            code: blocked.reason.code().to_owned(),
            why: blocked.reason.to_string(),
        }
    }
}

impl DryRun {
    /// What applying `new` would do where there is nothing yet.
    #[must_use]
    pub fn of_nothing(new: &Revision) -> Self {
        let nothing = Inventory { complete: true, ..Inventory::default() };
        // Nobody claimed the name: what would be made is the same under any uid.
        let plan = kit_planner::bootstrap(&new.spec, &ClusterUid::from("unclaimed"), &nothing);
        shown(new, None, &nothing, plan)
    }

    /// True if there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.steps.is_empty() && self.refused.is_none()
    }
}

impl Operator {
    /// What committing `new` would do. Asks, and changes nothing.
    ///
    /// # Errors
    /// When the provider gives no answer, or the cluster is formed and no manager answers.
    pub async fn dry_run(&self, new: &Revision) -> Result<DryRun, OperatorError> {
        let view = self.view(Some(&new.spec)).await?;
        let inventory =
            view.inventory.as_ref().map_err(|why| OperatorError::new(crate::codes::PROVIDER_SILENT, why.clone()))?;
        if !kit_planner::is_formed(inventory) {
            let Some(anchor) = &view.anchor else { return Ok(DryRun::of_nothing(new)) };
            let plan = kit_planner::bootstrap(&new.spec, &anchor.uid, inventory);
            return Ok(shown(new, None, inventory, plan));
        }
        let head = match (&view.head, &view.via) {
            (Some(head), _) => &head.value,
            (None, Err(why)) => {
                return Err(OperatorError::new(crate::codes::NO_MANAGER_ANSWERS, why.clone())
                    .with_help("`kitc status` shows which machines run; with none running `kitc recover FILE` helps"));
            }
            (None, Ok(_)) => return Err(self.not_formed()),
        };
        let swarm =
            view.swarm.as_ref().map_err(|why| OperatorError::new(crate::codes::NO_MANAGER_ANSWERS, why.clone()))?;
        Ok(self.under_head(new, &view, inventory, swarm, head))
    }

    fn under_head(
        &self,
        new: &Revision,
        view: &ClusterView,
        inventory: &Inventory,
        swarm: &SwarmView,
        head: &Head,
    ) -> DryRun {
        let mut specs: Specs = view.specs.clone();
        specs.insert(Arc::clone(&new.spec));
        let next = match specs.get(&head.revision) {
            Some(committed) => match kit_planner::commit_revision(head, &head.revision, committed, &new.spec) {
                Ok(next) => next,
                Err(ChangeRefused::NothingChanged) => head.clone(),
                Err(refusal) => {
                    let mut shown = shown(new, Some(head), inventory, Plan::default());
                    let error = refused(refusal);
                    shown.refused = Some(Refusal { code: error.code.to_owned(), why: error.message });
                    return shown;
                }
            },
            None => head.clone(),
        };
        let policy = self.site.policy();
        let now = self.site.clock_now();
        let memory = view.memory.as_ref().map_or_else(
            || {
                let mut memory = Memory::new(now);
                memory.observe(&new.spec, inventory, swarm, &next, now, &policy);
                memory
            },
            |shown| shown.memory.clone(),
        );
        let member = view.leader.clone().or_else(|| view.via.clone().ok()).unwrap_or_else(|| Address::from("operator"));
        let me = ReplicaIdentity { member, boot_id: BootId::from("operator"), uid: Some(head.uid.clone()) };
        let plan = kit_planner::plan(&specs, inventory, swarm, &next, &memory, &policy, &me, now);
        shown(new, Some(head), inventory, plan)
    }
}

fn shown(new: &Revision, head: Option<&Head>, inventory: &Inventory, plan: Plan) -> DryRun {
    DryRun {
        cluster: new.spec.cluster.clone(),
        formed: head.is_some(),
        base: head.map(|head| head.revision.clone()),
        revision: new.spec.revision.clone(),
        changes: changes(&new.spec, inventory),
        steps: plan
            .steps
            .iter()
            .map(|step| PlannedStep {
                address: step.address.clone(),
                action: step.action.verb().to_owned(),
                why: step.why.clone(),
            })
            .collect(),
        blocked: plan.blocked.iter().map(PlannedWait::of).collect(),
        risk: plan.risk,
        refused: None,
    }
}

/// Everything in which `inventory` differs from `spec`, in order of address; slots in order of their number.
fn changes(spec: &Spec, inventory: &Inventory) -> Vec<PlannedChange> {
    let mut live: BTreeMap<&Address, Vec<&Machine>> = BTreeMap::new();
    let mut dead: BTreeMap<&Address, &Machine> = BTreeMap::new();
    for machine in &inventory.machines {
        if machine.state.is_terminal() {
            dead.insert(&machine.marks.address, machine);
        } else {
            live.entry(&machine.marks.address).or_default().push(machine);
        }
    }
    let mut changes = Vec::new();
    let mut change = |address: &Address, change, why: String| {
        changes.push(PlannedChange { address: address.clone(), change, why });
    };
    for resource in &spec.resources {
        if !inventory.resources.iter().any(|found| found.address == resource.address) {
            change(&resource.address, ChangeKind::Create, format!("no {} exists", resource.instance.kind));
        }
    }
    for group in spec.groups.values() {
        let slots = (1..=group.count).map(|slot| Address::of_slot(&group.name, slot));
        let addresses: Vec<Address> = if group.members.is_empty() { slots.collect() } else { group.members.clone() };
        for address in &addresses {
            match (live.remove(address), dead.get(address)) {
                (None, Some(machine)) => {
                    change(address, ChangeKind::Repair, format!("its machine {} is gone", machine.id))
                }
                (None, None) => change(address, ChangeKind::Create, "it has no machine".to_owned()),
                (Some(machines), _) => {
                    if machines.iter().any(|machine| Some(&machine.marks.content) != spec.content_of(address)) {
                        change(address, ChangeKind::Replace, "what its machine is made from differs".to_owned());
                    }
                }
            }
        }
    }
    for (address, machines) in live {
        let ids: Vec<&str> = machines.iter().map(|machine| machine.id.as_str()).collect();
        change(address, ChangeKind::Remove, format!("the file does not ask for it; it has {}", ids.join(", ")));
    }
    changes
}
