//! What committing a revision would do: the whole difference, and the first round as the leader would decide
//! it now. It asks and computes; it changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kit_graph::{Explained, Graph, OriginKind, Value};
use kit_model::{
    Address, Blocked, BootId, ClusterUid, Head, Inventory, Machine, MachineState, Now, Plan, ReplicaIdentity,
    RevisionId, Risk, Spec, SwarmView,
};
use kit_planner::{Attempts, ChangeRefused, Memory, Specs};
use serde::Serialize;
use tokio::time::timeout;

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
    /// Why the cluster is paused, if it is: what follows would be done after `kitc resume`, and nothing before.
    pub paused: Option<String>,
    /// Values of the committed revision that the planned one gives differently, parameters that were given before and are
    /// not given now among them.
    pub values: Vec<ChangedValue>,
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

/// A value that differs between the committed revision and the planned one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedValue {
    /// Where it stands: `workers.count`.
    pub address: String,
    /// As committed; none where there was none.
    pub before: Option<Value>,
    /// As planned; none where there is none any more.
    pub after: Option<Value>,
    /// The parameter that it was given by and is not any more.
    pub not_given: Option<String>,
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
    /// True if it was begun already: its intent is in the journal, or its machine is on its way out.
    pub under_way: bool,
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
            why: match &blocked.address {
                // The command as it can be typed.
                Some(address) => {
                    ["--replace-volume", "--allow-outage"].iter().fold(blocked.reason.to_string(), |why, flag| {
                        why.replace(&format!("{flag}`"), &format!("{flag} {address}`"))
                    })
                }
                None => blocked.reason.to_string(),
            },
        }
    }
}

/// The beginning of a cluster as a process sees it that has sent nothing yet.
fn from_nothing(new: &Revision, uid: &ClusterUid, inventory: &Inventory) -> Plan {
    kit_planner::bootstrap(&new.spec, uid, inventory, &mut Attempts::default(), Now::default())
}

impl DryRun {
    /// What applying `new` would do where there is nothing yet.
    #[must_use]
    pub fn of_nothing(new: &Revision) -> Self {
        let nothing = Inventory { complete: true, ..Inventory::default() };
        // Nobody claimed the name: what would be made is the same under any uid.
        let plan = from_nothing(new, &ClusterUid::from("unclaimed"), &nothing);
        shown(new, None, None, &nothing, plan)
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
            let plan = from_nothing(new, &anchor.uid, inventory);
            return Ok(shown(new, None, None, inventory, plan));
        }
        let head = match (&view.head, &view.via) {
            (Some(head), _) => &head.value,
            (None, Err(why)) => {
                if let Some(destroyed) = self.if_destroyed(Some(&new.spec)).await {
                    return Err(destroyed);
                }
                return Err(why.clone().with_help(
                    "`kitc status` shows which machines run; with too few running `kitc recover FILE` helps",
                ));
            }
            (None, Ok(_)) => return Err(self.not_formed()),
        };
        let swarm =
            view.swarm.as_ref().map_err(|why| OperatorError::new(crate::codes::NO_MANAGER_ANSWERS, why.clone()))?;
        let mut plan = self.under_head(new, &view, inventory, swarm, head);
        plan.paused.clone_from(&head.paused);
        if head.revision != new.spec.revision {
            plan.values = self.changed_values(&view, &head.revision, new).await;
        }
        Ok(plan)
    }

    /// In what the values of the two revisions differ; nothing where the committed one cannot be read.
    async fn changed_values(&self, view: &ClusterView, base: &RevisionId, new: &Revision) -> Vec<ChangedValue> {
        let Ok(via) = &view.via else { return Vec::new() };
        let store = self.site.beside(via).store;
        let Ok(Ok(bytes)) = timeout(self.patience(), store.revision(base)).await else { return Vec::new() };
        match (Graph::from_bytes(&bytes), Graph::from_bytes(&new.bytes)) {
            (Ok(before), Ok(after)) => changed_values(&before, &after),
            _ => Vec::new(),
        }
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
                Ok(next) => Head { paused: None, ..next },
                // As after `kitc resume`: that nothing is done before is said apart.
                Err(ChangeRefused::NothingChanged) => Head { paused: None, ..head.clone() },
                Err(refusal) => {
                    let mut shown = shown(new, Some(head), Some(committed), inventory, Plan::default());
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
        shown(new, Some(head), specs.get(&head.revision).map(Arc::as_ref), inventory, plan)
    }
}

fn shown(new: &Revision, head: Option<&Head>, committed: Option<&Spec>, inventory: &Inventory, plan: Plan) -> DryRun {
    DryRun {
        cluster: new.spec.cluster.clone(),
        formed: head.is_some(),
        base: head.map(|head| head.revision.clone()),
        revision: new.spec.revision.clone(),
        paused: None,
        values: Vec::new(),
        changes: changes(&new.spec, committed, inventory, head),
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
fn changes(spec: &Spec, committed: Option<&Spec>, inventory: &Inventory, head: Option<&Head>) -> Vec<PlannedChange> {
    let mut live: BTreeMap<&Address, Vec<&Machine>> = BTreeMap::new();
    let mut dead: BTreeMap<&Address, &Machine> = BTreeMap::new();
    let mut leaving: BTreeMap<&Address, &Machine> = BTreeMap::new();
    for machine in &inventory.machines {
        if machine.state == MachineState::ShuttingDown {
            leaving.insert(&machine.marks.address, machine);
        } else if machine.state.is_terminal() {
            dead.insert(&machine.marks.address, machine);
        } else {
            live.entry(&machine.marks.address).or_default().push(machine);
        }
    }
    let mut changes = Vec::new();
    let mut change = |address: &Address, change, why: String| {
        // Of the committed revision itself: what another one begins is not begun yet.
        let intent = head.filter(|head| head.revision == spec.revision).and_then(|head| head.intent(address));
        changes.push(PlannedChange { address: address.clone(), change, why, under_way: intent.is_some() });
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
            let gone = leaving.remove(address).or_else(|| dead.get(address).copied());
            match (live.remove(address), gone) {
                (None, Some(machine)) if machine.state == MachineState::ShuttingDown => {
                    change(address, ChangeKind::Repair, format!("its machine {} is on its way out", machine.id));
                }
                // What was taken away on purpose and is asked for again is new.
                (None, Some(machine)) if committed.is_none_or(|committed| committed.content_of(address).is_some()) => {
                    change(address, ChangeKind::Repair, format!("its machine {} is gone", machine.id))
                }
                (None, _) => change(address, ChangeKind::Create, "it has no machine".to_owned()),
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
    for (address, machine) in leaving.into_iter().filter(|(address, _)| spec.content_of(address).is_none()) {
        changes.push(PlannedChange {
            address: address.clone(),
            change: ChangeKind::Remove,
            why: format!("the file does not ask for it; {} is on its way out", machine.id),
            under_way: true,
        });
    }
    changes
}

/// In what the values of two graphs differ, in order of address, and behind them the secrets that are others.
fn changed_values(before: &Graph, after: &Graph) -> Vec<ChangedValue> {
    let old = leaves(before);
    let new = leaves(after);
    let addresses: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut changed = Vec::new();
    for address in addresses {
        let (was, is) = (old.get(address), new.get(address));
        if was.map(|one| &one.value) == is.map(|one| &one.value) {
            continue;
        }
        let given = |one: Option<&Explained>| match one?.origin.as_ref()?.kind {
            OriginKind::Param(ref name) => Some(name.clone()),
            _ => None,
        };
        let not_given = given(was).filter(|_| given(is).is_none());
        changed.push(ChangedValue {
            address: address.clone(),
            before: was.map(|one| one.value.clone()),
            after: is.map(|one| one.value.clone()),
            not_given,
        });
    }
    let name_of = |name: &String, graph: &Graph| graph.fingerprints.get(name).map(|_| Value::Secret(name.clone()));
    for name in before.fingerprints.keys().chain(after.fingerprints.keys()).collect::<BTreeSet<_>>() {
        if before.fingerprints.get(name) != after.fingerprints.get(name) {
            let (before, after) = (name_of(name, before), name_of(name, after));
            changed.push(ChangedValue { address: name.clone(), before, after, not_given: None });
        }
    }
    changed
}

/// Each value of a graph with where it came from.
fn leaves(graph: &Graph) -> BTreeMap<String, Explained> {
    let roots = ["cluster", "outputs"].into_iter().map(str::to_owned);
    let roots = roots.chain(graph.resources.iter().map(|resource| resource.address.clone()));
    let roots = roots.chain(graph.groups.iter().map(|group| group.name.clone()));
    roots.flat_map(|root| graph.explain(&root)).map(|one| (one.address.clone(), one)).collect()
}
