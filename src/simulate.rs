//! `kitc simulate`: a file's cluster through faults, in virtual time, with production's own reconciler.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use kit_model::Policy;
use kit_simulator::{FAULTS, Fault, FaultKind, Rehearsal, Run, Shape, Subject, Target, parse_time};

use crate::codes;
use crate::compile::Input;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::formats::Format;
use crate::given::Given;
use crate::timeline::{Page, flags, json_of, span};

/// How often progress is shown on a terminal.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// The most broken seeds that are shown: each shows another way to the same few causes.
const MAX_SHOWN: usize = 10;

/// The clusters that are explored where no file is named: managers and workers.
const SHAPES: [(u32, u32); 5] = [(3, 1), (5, 0), (3, 4), (5, 6), (3, 0)];

/// Run a file's cluster through faults, in virtual time
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Simulate {
    /// The file of the cluster; without one, clusters of three and five managers
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    #[command(flatten)]
    given: Given,

    /// Draw latencies, and what --faults asks for, from this seed; 0 is the cloud as the file describes it
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "runs")]
    seed: u64,

    /// Explore so many random schedules on all cores, and report each invariant that breaks
    #[arg(long, value_name = "N")]
    runs: Option<u64>,

    /// The first seed of --runs
    #[arg(long, value_name = "N", default_value_t = 1, requires = "runs")]
    from: u64,

    /// Which kinds of faults are drawn: all, none, or some of them (kill,cut,…); all with --runs, else none
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = choice)]
    faults: Vec<Choice>,

    /// Go on for at least so long after the cluster stands
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    duration: Option<u64>,

    /// How the result is written: human or json
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    format: Format,

    /// Show each step, also of what only looks
    #[arg(long, short)]
    verbose: bool,

    #[command(flatten)]
    schedule: ScheduleFlags,
}

const EXAMPLES: &str = "\
Examples:
  kitc simulate cluster.kit --kill leader@60s                    how it heals
  kitc simulate cluster.kit --cut managers.m2@30s+45s --roll 60s  a roll while a manager is cut off
  kitc simulate cluster.kit --runs 10000                         ten thousand random schedules of faults
  kitc simulate cluster.kit --seed 42 --faults all               one of them, as a timeline

Times count from when the cluster stands; `boot+20s` counts from when the operator begins to make it.
A fault befalls `leader`, `follower` or an address (managers.m1), and may last: 60s+30s.";

/// What a word of --faults chooses.
#[derive(Clone, Debug)]
enum Choice {
    All,
    None,
    Kind(FaultKind),
}

fn choice(word: &str) -> Result<Choice, kit_simulator::FaultError> {
    match word {
        "all" => Ok(Choice::All),
        "none" => Ok(Choice::None),
        word => word.parse().map(Choice::Kind),
    }
}

/// A flag for each kind of fault, made from the simulator's own table.
#[derive(Debug, Default)]
struct ScheduleFlags(Vec<Fault>);

impl Args for ScheduleFlags {
    fn augment_args(command: Command) -> Command {
        FAULTS.iter().fold(command.next_help_heading("Faults"), |command, info| {
            let value = match info.shape {
                Shape::At => "WHO@TIME",
                Shape::For => "WHO@TIME+TIME",
                Shape::Everywhere => "TIME+TIME",
                Shape::Operator => "TIME",
            };
            command.arg(
                Arg::new(info.name)
                    .long(info.name)
                    .value_name(value)
                    .action(ArgAction::Append)
                    .value_parser(move |text: &str| Fault::parse(info.kind, text))
                    .help(capitalised(info.about)),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ScheduleFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut faults: Vec<Fault> =
            FAULTS.iter().flat_map(|info| matches.get_many::<Fault>(info.name).unwrap_or_default().cloned()).collect();
        faults.sort_by_key(|fault| fault.at_ms);
        Ok(Self(faults))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

impl Simulate {
    /// Runs once and shows it, or often and shows what broke.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let kinds = self.kinds();
        let at_least_ms = self.duration.unwrap_or(0);
        let subjects = self.subjects(console)?;
        self.targets_exist(&subjects)?;
        let rehearsals: Vec<Rehearsal> =
            subjects.into_iter().map(|subject| Rehearsal::new(subject, Policy::default())).collect();
        match self.runs {
            Some(runs) => self.explore(&rehearsals, runs, &kinds, at_least_ms, console),
            None => self.show_one(&rehearsals, &kinds, at_least_ms, console),
        }
    }
}

impl Simulate {
    fn kinds(&self) -> BTreeSet<FaultKind> {
        let all = || FAULTS.iter().map(|info| info.kind);
        if self.faults.is_empty() && self.runs.is_some() {
            return all().collect();
        }
        let mut kinds = BTreeSet::new();
        for choice in &self.faults {
            match choice {
                Choice::All => kinds.extend(all()),
                Choice::None => kinds.clear(),
                Choice::Kind(kind) => {
                    kinds.insert(*kind);
                }
            }
        }
        kinds
    }

    /// The file's cluster; without a file, clusters of three and five managers.
    fn subjects(&self, console: &mut Console) -> Result<Vec<Subject>, Failure> {
        let refused = |error: kit_simulator::SubjectError| Failure::new(codes::NOT_SIMULATED, error.to_string());
        if let Some(file) = &self.file {
            let graph = Input::new(file.clone(), self.given.clone()).rehearsed_graph(console)?;
            return Ok(vec![Subject::new(graph).map_err(refused)?]);
        }
        SHAPES.iter().map(|&(managers, workers)| Subject::of_size(managers, workers).map_err(refused)).collect()
    }

    /// A fault that befalls nobody would look like one that was survived.
    fn targets_exist(&self, subjects: &[Subject]) -> Result<(), Failure> {
        for fault in &self.schedule.0 {
            let Some(Target::Address(address)) = &fault.target else { continue };
            // A slot may come with a scaling; a member is in the file or nowhere.
            let known = subjects.iter().any(|subject| {
                let spec = subject.spec();
                spec.content_of(address).is_some() || (address.slot().is_some() && spec.group_of(address).is_some())
            });
            if !known {
                let members: Vec<&str> = subjects
                    .iter()
                    .flat_map(|subject| subject.spec().members.keys())
                    .map(kit_model::Address::as_str)
                    .take(MAX_SHOWN)
                    .collect();
                let text = format!("the cluster has no {address}, which a flag would hurt");
                return Err(Failure::wrong_usage(codes::NOT_SIMULATED, text).with_help(format!(
                    "name `leader`, `follower`, a slot such as workers.1, or a member: {}",
                    members.join(", ")
                )));
            }
        }
        Ok(())
    }

    /// The schedule of one seed: what was asked for by flags, and what is drawn.
    fn faults_of(&self, rehearsal: &Rehearsal, seed: u64, kinds: &BTreeSet<FaultKind>) -> Vec<Fault> {
        let mut faults = self.schedule.0.clone();
        faults.extend(rehearsal.schedule(seed, kinds));
        faults.sort_by_key(|fault| fault.at_ms);
        faults
    }

    fn show_one(
        &self,
        rehearsals: &[Rehearsal],
        kinds: &BTreeSet<FaultKind>,
        at_least_ms: u64,
        console: &mut Console,
    ) -> Result<Exit, Failure> {
        let Some(rehearsal) = rehearsals.first() else { return Ok(Exit::Fine) };
        let faults = self.faults_of(rehearsal, self.seed, kinds);
        let run = rehearsal.run(self.seed, &faults, at_least_ms, true);
        match self.format {
            Format::Human => {
                Page::new(&run, console.color_out()).show(rehearsal.subject(), self.verbose, console.out())?;
            }
            Format::Json => writeln!(console.out(), "{}", json_of(&run))?,
        }
        Ok(if run.breach.is_some() { Exit::Problem } else { Exit::Fine })
    }

    fn explore(
        &self,
        rehearsals: &[Rehearsal],
        runs: u64,
        kinds: &BTreeSet<FaultKind>,
        at_least_ms: u64,
        console: &mut Console,
    ) -> Result<Exit, Failure> {
        let begun = Instant::now();
        let next = AtomicU64::new(0);
        let done = AtomicBool::new(false);
        let broken: Mutex<Vec<(usize, Run)>> = Mutex::new(Vec::new());
        let totals: Mutex<(u64, u64)> = Mutex::new((0, 0));
        let interactive = console.is_interactive() && self.format == Format::Human;
        std::thread::scope(|scope| {
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            let workers: Vec<_> = (0..threads)
                .map(|_| {
                    scope.spawn(|| {
                        loop {
                            let index = next.fetch_add(1, Ordering::Relaxed);
                            if index >= runs {
                                break;
                            }
                            let seed = self.from.saturating_add(index);
                            let which = usize::try_from(seed % rehearsals.len().max(1) as u64).unwrap_or(0);
                            let Some(rehearsal) = rehearsals.get(which) else { break };
                            let faults = self.faults_of(rehearsal, seed, kinds);
                            let run = rehearsal.run(seed, &faults, at_least_ms, false);
                            if let Ok(mut totals) = totals.lock() {
                                totals.0 += run.ended_ms;
                                totals.1 += faults.len() as u64;
                            }
                            if run.breach.is_some()
                                && let Ok(mut broken) = broken.lock()
                            {
                                broken.push((which, run));
                            }
                        }
                    })
                })
                .collect();
            if interactive {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        std::thread::sleep(PROGRESS_EVERY);
                        let so_far = next.load(Ordering::Relaxed).min(runs);
                        let bad = broken.lock().map_or(0, |broken| broken.len());
                        redraw(&format!("{so_far} of {runs} runs, {bad} broken"));
                    }
                    redraw("");
                });
            }
            for worker in workers {
                // A panic in a run is a bug that the last resort reports.
                if let Err(panic) = worker.join() {
                    done.store(true, Ordering::Relaxed);
                    std::panic::resume_unwind(panic);
                }
            }
            done.store(true, Ordering::Relaxed);
        });
        let mut broken = broken.into_inner().unwrap_or_default();
        broken.sort_by_key(|(_, run)| run.seed);
        let totals = totals.into_inner().unwrap_or_default();
        let findings: Vec<Finding> = broken
            .iter()
            .take(MAX_SHOWN)
            .filter_map(|(which, run)| {
                let shortest = rehearsals.get(*which)?.shortest(run);
                Some(Finding { run, shortest })
            })
            .collect();
        let took = begun.elapsed();
        match self.format {
            Format::Human => self.say_findings(&findings, broken.len(), runs, totals, took, console)?,
            Format::Json => {
                let found: Vec<serde_json::Value> = findings
                    .iter()
                    .map(|finding| {
                        serde_json::json!({
                            "seed": finding.run.seed,
                            "breach": finding.run.breach,
                            "schedule": flags(&finding.run.faults),
                            "shortest": flags(&finding.shortest),
                        })
                    })
                    .collect();
                let all = serde_json::json!({ "runs": runs, "broken": broken.len(), "findings": found });
                writeln!(console.out(), "{all:#}")?;
            }
        }
        Ok(if broken.is_empty() { Exit::Fine } else { Exit::Problem })
    }

    fn say_findings(
        &self,
        findings: &[Finding<'_>],
        broken: usize,
        runs: u64,
        (virtual_ms, faults): (u64, u64),
        took: Duration,
        console: &mut Console,
    ) -> Result<(), Failure> {
        let file = self.file.as_ref().map(|file| format!(" {}", files::shown(file))).unwrap_or_default();
        let out = console.out();
        for finding in findings {
            let Some(breach) = &finding.run.breach else { continue };
            writeln!(out, "{} broken on seed {} after {}", breach.invariant, finding.run.seed, span(breach.at_ms))?;
            writeln!(out, "  never: {}", breach.never)?;
            writeln!(out, "  but:   {}", breach.what)?;
            let flags = flags(&finding.shortest).join(" ");
            writeln!(out, "  again: kitc simulate{file} --seed {} {flags}\n", finding.run.seed)?;
        }
        if broken > findings.len() {
            writeln!(out, "… and {} seeds more\n", broken - findings.len())?;
        }
        let hours = virtual_ms / 3_600_000;
        writeln!(
            out,
            "{runs} runs with {faults} faults, {hours} hours of virtual time, in {:.1} s: {}",
            took.as_secs_f64(),
            match broken {
                0 => "no invariant was broken, and each cluster was whole again".to_owned(),
                1 => "1 run broke an invariant".to_owned(),
                many => format!("{many} runs broke an invariant"),
            }
        )?;
        Ok(())
    }
}

/// A seed that broke something, and the shortest schedule that does.
struct Finding<'a> {
    run: &'a Run,
    shortest: Vec<Fault>,
}

/// Draws the line of progress anew. Nobody is left to tell if that fails.
fn redraw(text: &str) {
    use std::io::Write as _;
    let _ = write!(std::io::stderr(), "\r\x1b[2K{text}");
}
