//! `kitc apply`: makes a cluster what its file says; or, with `--as`, is the replica of one of its managers.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use kit_graph::{Graph, parse_duration_ms};
use kit_lang::Code;
use kit_listen::Listener;
use kit_model::{Address, Spec};
use kit_runtime::{
    BOOT_DOCUMENT, DryRun, Elsewhere, EventRecord, EventSink, Hosted, ManagerSite, Operator, Progress as _, ReplicaEnd,
    Revision, ThisMachine,
};

use crate::cluster::{Place, Refresh, block_on, short};
use crate::compile::Input;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::formats::Format;
use crate::given::Given;
use crate::listen::{Listen, serve};
use crate::progress::Shown;
use crate::{ask, commit, event_text, interrupt, plan, status, through_manager, watch_end};

/// How long before a machine that has nothing to go by yet looks again.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Make a cluster what its file says, and follow until it is
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc apply cluster.kit                            show the plan, ask, make it so
  kitc apply cluster.kit --yes                      the same without asking
  kitc apply cluster.kit --watch                    and repair it for as long as this runs
  kitc apply cluster.kit --watch --as managers.m1   be the one replica beside this manager
  kitc apply --watch                                the same, on a machine that Kit made as a manager
  kitc apply cluster.kit --watch --listen 127.0.0.1:24864
                                                    and show it in a browser: ssh -L brings it to yours

Only the replica beside the Swarm's leader acts. On the simulated cloud nobody else runs them, so
`apply` without --as runs those of all managers itself, as far as no other process does.
Ctrl-C is harmless at any moment: whatever was begun stands in the journal, and goes on with the next.")]
pub(crate) struct Apply {
    /// The file of the cluster; - is standard input. On one of its managers, --watch needs none
    #[arg(value_name = "FILE", required_unless_present = "watch")]
    file: Option<PathBuf>,

    #[command(flatten)]
    given: Given,

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    refresh: Refresh,

    /// Do not ask
    #[arg(long, short)]
    yes: bool,

    /// Let the only manager be made anew, though the Swarm has no leader meanwhile
    #[arg(long)]
    allow_outage: bool,

    /// Go on for good: repair what breaks
    #[arg(long)]
    watch: bool,

    /// Be only the replica of this member, such as managers.m1
    #[arg(long = "as", value_name = "MEMBER", requires = "watch")]
    replica: Option<String>,

    #[command(flatten)]
    listen: Listen,

    /// How long the cluster may take to become what was asked for
    #[arg(long, value_name = "DURATION", default_value = "30min", value_parser = duration)]
    timeout: Duration,

    /// How events and the summary are written: human or json (one object a line)
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    format: Format,

    /// Make a new simulated cloud and its replicas so many times as fast as real ones
    #[arg(long, value_name = "TIMES", value_parser = clap::value_parser!(u32).range(1..=i64::from(kit_runtime::MAX_PACE)))]
    pace: Option<u32>,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration_ms(text).map(Duration::from_millis).map_err(|wrong| wrong.to_string())
}

impl Apply {
    /// Applies.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let listener = self.listen.bind()?;
        let Some(file) = self.file.clone() else { return self.watch_here(listener) };
        let input = Input::new(file, self.given.clone());
        let graph = input.served_graph(&self.place, self.refresh.pinned(), console)?;
        let revision = Revision::of(&graph)?;
        if let Some(pace) = self.pace {
            // Before anybody is asked anything.
            self.place.check_pace(&graph, pace)?;
        }
        match &self.replica {
            Some(member) => self.be_replica(&graph, &revision, member, listener),
            None => self.converge(&graph, &revision, listener, console),
        }
    }

    /// The operator, at a place that is made if there is none.
    fn operator(&self, graph: &Graph) -> Result<Operator, Failure> {
        if let Some(pace) = self.pace {
            self.place.set_pace(graph, pace)?;
        }
        self.place.make(graph)
    }

    /// One replica, for as long as this process runs.
    fn be_replica(
        &self,
        graph: &Graph,
        revision: &Revision,
        member: &str,
        listener: Option<Listener>,
    ) -> Result<Exit, Failure> {
        let member = Address::from(member);
        let leaders = revision.spec.leader_group().map(|group| group.members.clone()).unwrap_or_default();
        if !leaders.contains(&member) {
            let known: Vec<&str> = leaders.iter().map(Address::as_str).collect();
            return Err(Failure::new(
                Code(kit_runtime::codes::NO_SUCH_MEMBER),
                format!("{member} is no member of the group that leads {}", graph.cluster.name),
            )
            .with_help(format!("its members are {}", known.join(", "))));
        }
        let operator = self.operator(graph)?;
        if !operator.site.hosts(&member) {
            return Err(runs_there(&member));
        }
        block_on(async {
            if operator.site.goes_through().is_none() {
                operator.site.give_revision(&member, revision).await?;
            }
            self.replicate(&operator, member, &revision.spec, listener).await
        })
    }

    /// The replica of this machine, which was made as a manager: what it goes by it finds on it, or in its Swarm.
    fn watch_here(&self, listener: Option<Listener>) -> Result<Exit, Failure> {
        let machine = ThisMachine::new(BOOT_DOCUMENT);
        let member = machine.made_as()?.address;
        if let Some(other) = self.replica.as_ref().filter(|other| **other != member.as_str()) {
            return Err(runs_there(&Address::from(other.as_str())).with_help(format!("this machine is {member}")));
        }
        let engine = through_manager::engine_of_this_machine()?;
        block_on(async {
            let mut told = false;
            let (site, graph) = loop {
                let directory = through_manager::MANAGER_DIRECTORY;
                let engine = engine.clone();
                match ManagerSite::of_this_machine(&machine, engine, directory, &kit_runtime::provider_of).await {
                    Ok(found) => break found,
                    // A machine that is new has nothing yet but an engine that is about to join.
                    Err(error) if error.code == kit_runtime::codes::NO_MANAGER_ANSWERS => {
                        if !told {
                            let _ = writeln!(std::io::stderr(), "waits for the Swarm: {}", error.in_one_line());
                        }
                        told = true;
                    }
                    Err(error) => return Err(error.into()),
                }
                tokio::select! {
                    () = interrupt::received() => return Ok(Exit::Fine),
                    () = tokio::time::sleep(LOOK_AGAIN_AFTER) => {}
                }
            };
            site.keep_given(&machine).await?;
            let spec = Revision::of(&graph)?.spec;
            let usher = site.usher(&graph, Arc::new(Printer { format: self.format }))?;
            let usher = usher.map(|usher| tokio::spawn(usher.run()));
            let ended = self.replicate(&Operator::new(Arc::new(site)), member, &spec, listener).await;
            if let Some(usher) = usher {
                usher.abort();
            }
            ended
        })
    }

    /// Is the replica of `member` until it is stopped or the cluster is no more.
    async fn replicate(
        &self,
        operator: &Operator,
        member: Address,
        spec: &Arc<Spec>,
        listener: Option<Listener>,
    ) -> Result<Exit, Failure> {
        let events: Arc<dyn EventSink> = Arc::new(Printer { format: self.format });
        let members = [member];
        let mut hosted = Hosted::start(&operator.site, &members, &events, Elsewhere::Ends)?;
        let _serving = serve(listener, operator, spec, &members)?;
        tokio::select! {
            () = interrupt::received() => {
                hosted.stop().await;
                Ok(Exit::Fine)
            }
            over = watch_end::until_over(operator, spec) => {
                hosted.stop().await;
                watch_end::say(operator, &over);
                Ok(Exit::Fine)
            }
            end = hosted.ended() => match end {
                Some(Ok((member, ReplicaEnd::RunsElsewhere))) => Err(runs_elsewhere(&member)),
                Some(Err(error)) => Err(error.into()),
                Some(Ok((_, ReplicaEnd::Stopped))) | None => Ok(Exit::Fine),
            },
        }
    }

    /// Shows, asks, begins or commits, and follows.
    fn converge(
        &self,
        graph: &Graph,
        revision: &Revision,
        listener: Option<Listener>,
        console: &mut Console,
    ) -> Result<Exit, Failure> {
        let begun = Instant::now();
        block_on(async {
            let planned = match self.place.of_graph(graph)? {
                Some(operator) => operator.dry_run(revision).await?,
                None => DryRun::of_nothing(revision),
            };
            if matches!(self.format, Format::Human) {
                plan::write(&planned, console)?;
                console.flush()?;
            }
            plan::refused(&planned)?;
            let changes = !planned.is_empty() || planned.base.as_ref() != Some(&revision.spec.revision);
            if changes {
                let question = match &planned.paused {
                    Some(_) => "Commit this, though the cluster is paused and nothing acts until `kitc resume`?",
                    None => "Apply this?",
                };
                ask::confirm(console, question, self.yes)?;
            }
            // Only now: what was not wanted leaves nothing behind.
            let operator = self.operator(graph)?;
            let shown = Arc::new(Shown::new(console.color_err()));
            let events: Arc<dyn EventSink> = match (self.watch, self.format) {
                (_, Format::Json) => Arc::new(Printer { format: self.format }),
                (_, Format::Human) => Arc::clone(&shown) as Arc<dyn EventSink>,
            };
            let mut members = revision.spec.leader_group().map(|group| group.members.clone()).unwrap_or_default();
            members.retain(|member| operator.site.hosts(member));
            let mut hosted = Hosted::start(&operator.site, &members, &events, Elsewhere::Waits)?;
            let _serving = serve(listener, &operator, &revision.spec, &members)?;
            let work = async {
                operator.begin(revision, &*shown).await?;
                let head = operator.head(&revision.spec, self.timeout, &*shown).await?;
                self.place.share_key(&operator).await?;
                if head.value.revision != revision.spec.revision {
                    // What was shown was planned against the base; what moved since is refused.
                    let base = planned.base.clone().unwrap_or(head.value.revision);
                    operator.commit(&base, revision).await?;
                    let (new, base) = (short(&revision.spec.revision), short(&base));
                    shown.step(&format!("committed revision {new} over {base}"));
                } else {
                    operator.remember(&head, Some(&revision.bytes)).await;
                }
                if self.allow_outage {
                    operator.carry_out_outage(&revision.spec, self.timeout, &*shown).await?;
                }
                operator.follow(&revision.spec, self.timeout, &*shown).await
            };
            let converged = tokio::select! {
                converged = work => converged,
                () = interrupt::received() => {
                    shown.finish();
                    hosted.stop().await;
                    return Err(interrupt::failure());
                }
            };
            shown.finish();
            if let Err(error) = converged {
                hosted.stop().await;
                return Err(error.into());
            }
            self.summarize(&operator, revision, begun.elapsed(), console).await?;
            if self.watch && self.runs_here(&operator, revision).await? {
                let ended = tokio::select! {
                    ended = self.watch_on(&mut hosted) => ended,
                    over = watch_end::until_over(&operator, &revision.spec) => {
                        watch_end::say(&operator, &over);
                        Ok(())
                    }
                };
                hosted.stop().await;
                return ended.map(|()| Exit::Fine);
            }
            hosted.stop().await;
            if self.watch {
                return Err(nothing_to_watch());
            }
            self.say_who_goes_on(&operator, revision, console).await?;
            Ok(Exit::Fine)
        })
    }

    async fn summarize(
        &self,
        operator: &Operator,
        revision: &Revision,
        took: Duration,
        console: &mut Console,
    ) -> Result<(), Failure> {
        let report = operator.report(Some(&revision.spec)).await?;
        match self.format {
            Format::Json => {
                let line =
                    serde_json::json!({ "kind": "summary", "took_ms": took.as_millis() as u64, "report": report });
                writeln!(console.out(), "{line}")?;
            }
            Format::Human => {
                status::write(&report, console)?;
                writeln!(
                    console.out(),
                    "{} is as revision {} asks, after {:.1} s",
                    report.cluster,
                    short(&revision.spec.revision),
                    took.as_secs_f64()
                )?;
            }
        }
        console.flush()
    }

    /// Whether a replica that runs is of this process.
    async fn runs_here(&self, operator: &Operator, revision: &Revision) -> Result<bool, Failure> {
        let report = operator.report(Some(&revision.spec)).await?;
        Ok(report.replicas.iter().any(|replica| replica.runs && replica.process == std::process::id()))
    }

    /// Says that nobody repairs the cluster from now on, if no other process does.
    async fn say_who_goes_on(
        &self,
        operator: &Operator,
        revision: &Revision,
        console: &mut Console,
    ) -> Result<(), Failure> {
        if operator.site.has_replicas_elsewhere() {
            return Ok(());
        }
        let report = operator.report(Some(&revision.spec)).await?;
        let others = report.replicas.iter().any(|replica| replica.runs && replica.process != std::process::id());
        if !others {
            // Nobody is left to tell if standard error fails too.
            let _ =
                writeln!(console.err(), "warning: {}", commit::nobody_acts("this process ends, and no other looks"));
        }
        Ok(())
    }

    async fn watch_on(&self, hosted: &mut Hosted) -> Result<(), Failure> {
        loop {
            tokio::select! {
                () = interrupt::received() => return Ok(()),
                end = hosted.ended() => match end {
                    // Another process was faster with that member's replica: it does its work.
                    Some(Ok((_, ReplicaEnd::RunsElsewhere | ReplicaEnd::Stopped))) => {}
                    Some(Err(error)) => return Err(error.into()),
                    None => return Err(nothing_to_watch()),
                },
            }
        }
    }
}

fn nothing_to_watch() -> Failure {
    Failure::new(
        Code(kit_runtime::codes::RUNS_ELSEWHERE),
        "other processes run the replicas of all managers: there is nothing to watch here",
    )
}

fn runs_there(member: &Address) -> Failure {
    Failure::new(
        Code(kit_runtime::codes::NO_SUCH_MEMBER),
        format!("the replica of {member} runs on its own machine, which this is not"),
    )
}

fn runs_elsewhere(member: &Address) -> Failure {
    Failure::new(Code(kit_runtime::codes::RUNS_ELSEWHERE), format!("another process runs the replica of {member}"))
        .with_help("leave it running, or end it first")
}

/// Events on standard output, as they come.
pub(crate) struct Printer {
    pub(crate) format: Format,
}

impl EventSink for Printer {
    fn event(&self, event: &EventRecord) {
        let line = match self.format {
            Format::Human if event.report.level == kit_model::Level::Debug => return,
            Format::Human => event_text::line(event, false),
            Format::Json => serde_json::to_string(event).unwrap_or_default(),
        };
        // Who reads the events may go away; the replica goes on.
        let _ = writeln!(std::io::stdout(), "{line}");
    }
}
