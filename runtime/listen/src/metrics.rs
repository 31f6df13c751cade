//! Metrics in the text format of Prometheus: few, and of a number that is bounded.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use kit_runtime::{Report, Round};

use crate::looker::Seen;

/// How old what was seen may be and still be told: a metric that says nothing of its age is taken for now.
const TOLD_FOR: Duration = Duration::from_secs(60);

/// The most groups that have series of their own: more than anybody writes. The rest are `other`.
const MAX_GROUPS: usize = 50;

/// The name of the groups beyond these: no group has such a name.
const OTHER: &str = "-other-";

/// The metrics.
pub(crate) fn text(cluster: &str, seen: &Seen, replicas: &[Round]) -> String {
    let mut out = Exposition::default();
    out.family("kit_build_info", GAUGE, "Which kitc this is; always 1.")
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    out.family("kit_cluster_info", GAUGE, "Which cluster this is; always 1.").sample(&[("cluster", cluster)], 1);

    let each = |replica: &Round| replica.member.to_string();
    out.family("kit_replica_goes_round", GAUGE, "Whether the loop of this process's replica goes round.");
    for replica in replicas {
        out.sample(&[("member", &each(replica))], u64::from(replica.goes_round));
    }
    out.family("kit_replica_leads", GAUGE, "Whether the engine beside this replica leads the Swarm, as it said last.");
    for replica in replicas {
        out.sample(&[("member", &each(replica))], u64::from(replica.leads));
    }
    out.family("kit_replica_age_seconds", GAUGE, "How long ago this replica showed itself last.");
    for replica in replicas {
        if let Some(age_ms) = replica.age_ms {
            out.sample(&[("member", &each(replica))], seconds(Duration::from_millis(age_ms)));
        }
    }
    out.family("kit_look_failed", GAUGE, "Whether the last look at the cluster had no answer.")
        .sample(&[], u64::from(seen.failed.is_some()));
    out.family("kit_events_total", COUNTER, "Events in the logs of the replicas on this machine, by level.");
    for level in ["info", "warn", "error"] {
        out.sample(&[("level", level)], seen.counted.get(level).copied().unwrap_or_default());
    }
    if let Some((begun, report)) = &seen.report {
        out.family("kit_look_age_seconds", GAUGE, "How old what the metrics of the cluster say is.")
            .sample(&[], seconds(begun.elapsed()));
        if begun.elapsed() < TOLD_FOR {
            cluster_of(report, &mut out);
        }
    }
    out.0
}

fn cluster_of(report: &Report, out: &mut Exposition) {
    for (name, help, holds) in [
        ("kit_cluster_problem", "Whether a person should look: `kitc status` ends with 1.", report.has_problem()),
        ("kit_cluster_converged", "Whether all is as the committed revision asks.", report.converged),
        ("kit_cluster_reachable", "Whether a manager answers and the Swarm has a leader.", report.via.is_some()),
        ("kit_cluster_paused", "Whether a person paused the cluster.", report.paused.is_some()),
        ("kit_cluster_unattended", "Whether nobody acts.", report.nobody_acts.is_some()),
    ] {
        out.family(name, GAUGE, help).sample(&[], u64::from(holds));
    }
    if let Some(epoch) = report.epoch {
        out.family("kit_cluster_epoch", GAUGE, "The number of the last permit to act.").sample(&[], epoch);
    }
    out.family("kit_members", GAUGE, "Members and slots, by group and health.");
    let mut groups: BTreeMap<&str, [u64; 3]> = BTreeMap::new();
    for member in &report.members {
        let known = groups.contains_key(member.group.as_str()) || groups.len() < MAX_GROUPS;
        let counts = groups.entry(if known { &member.group } else { OTHER }).or_default();
        counts[if member.whole {
            0
        } else if member.unknown {
            1
        } else {
            2
        }] += 1;
    }
    for (group, counts) in groups {
        for (health, count) in ["whole", "unknown", "broken"].into_iter().zip(counts) {
            out.sample(&[("group", group), ("health", health)], count);
        }
    }
    out.family("kit_waits", GAUGE, "What waits, by the code of the reason (`kitc explain CODE`).");
    let mut waits: BTreeMap<&str, u64> = BTreeMap::new();
    for wait in report.waits.iter().chain(report.members.iter().flat_map(|member| &member.waits)) {
        *waits.entry(&wait.code).or_default() += 1;
    }
    for (code, count) in waits {
        out.sample(&[("code", code)], count);
    }
    out.family("kit_failed_replacements", GAUGE, "Replacements that failed in a row, over all members.")
        .sample(&[], report.members.iter().map(|member| u64::from(member.failures)).sum::<u64>());
}

const GAUGE: &str = "gauge";
const COUNTER: &str = "counter";

/// Seconds, as Prometheus has all times.
fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

/// The text format, version 0.0.4.
#[derive(Default)]
struct Exposition(String, &'static str);

impl Exposition {
    /// Begins the series of one name.
    fn family(&mut self, name: &'static str, kind: &str, help: &str) -> &mut Self {
        self.1 = name;
        // Writing into a text cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        self
    }

    /// One series.
    fn sample(&mut self, labels: &[(&str, &str)], value: impl std::fmt::Display) -> &mut Self {
        self.0.push_str(self.1);
        for (index, (label, text)) in labels.iter().enumerate() {
            let open = if index == 0 { '{' } else { ',' };
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{open}{label}=\"{text}\"");
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{close} {value}");
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_label_says_stays_in_its_quotes() {
        let mut out = Exposition::default();
        out.family("kit_a", GAUGE, "A.").sample(&[("b", "x\"} 1\n\\"), ("c", "")], 0.5);
        assert_eq!(out.0, "# HELP kit_a A.\n# TYPE kit_a gauge\nkit_a{b=\"x\\\"} 1\\n\\\\\",c=\"\"} 0.5\n");
    }
}
