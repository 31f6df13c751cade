//! What is left to say when a run is over.

use super::World;
use crate::fault::Fault;
use crate::run::{Census, Recovery, Run};
use crate::truth::Truth;

impl World {
    /// What became of this run.
    pub(crate) fn report(mut self, seed: u64, faults: &[Fault]) -> Run {
        let recoveries = std::mem::take(&mut self.watch.patients)
            .into_iter()
            .filter(|(_, patient)| patient.was_broken)
            .map(|(address, patient)| Recovery {
                hurt_ms: patient.hurt_ms,
                whole_ms: patient.whole_ms,
                other_machine: patient.after.machine.is_some() && patient.after.machine != patient.before.machine,
                same_ip: patient.after.ip == patient.before.ip,
                same_volume: patient.before.volume.is_some() && patient.after.volume == patient.before.volume,
                same_node: patient.after.node == patient.before.node,
                machine: patient.after.machine,
                address,
            })
            .collect();
        let truth = Truth::of(&self.cloud, &self.uid);
        let census = Census {
            machines: truth.count_live(),
            voters: truth.voters().iter().filter(|voter| voter.healthy).count(),
            epoch: self.records.head.as_ref().map_or(0, |head| head.epoch.0),
            made: u64::try_from(self.records.machines_asked_for()).unwrap_or(u64::MAX),
        };
        Run {
            seed,
            faults: faults.to_vec(),
            breach: self.breach,
            also_broken: self.also_broken,
            whole_ms: self.whole_ms,
            ended_ms: self.at_ms,
            faults_over_ms: self.faults_over_ms,
            recoveries,
            lines: self.timeline.into_lines(),
            steps: self.steps,
            census,
        }
    }
}
