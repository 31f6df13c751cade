//! Who answers the lookups of a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kit_compiler::{Answer, Lookup, ParamValue};
use kit_graph::Value;
use kit_lang::Diagnostic;
use kit_metadata::{DockerSource, EnvSource, FileSource, HttpSource, LOOKUP_TIME};
use kit_model::{MetadataAnswer, MetadataError, MetadataQuestion, MetadataSource, MetadataValue};
use kit_runtime::{Operator, VarsSource};
use kit_sim::SimSource;

use crate::cluster::{block_on, short};
use crate::codes;
use crate::moment::now_rfc3339;

/// Answers to a round of lookups by their keys.
type Answers = Result<Vec<(String, Answer)>, Vec<Diagnostic>>;

/// What is done with a lookup that no source here can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unknown {
    /// It is an error.
    Refused,
    /// A rehearsal takes a text that is the same each time.
    StandIn,
    /// A test depends on nothing but its file and a snapshot.
    OfATest,
}

/// What becomes of answers that a revision of the cluster has fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pinned {
    /// They stay what they are.
    Kept,
    /// All is asked anew.
    Refreshed,
}

/// Who answered a lookup, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Who, in words.
    pub(crate) by: String,
    /// When, if that is known.
    pub(crate) at: Option<String>,
}

/// Asks the sources that this machine reaches, each lookup once.
pub(crate) struct Asker {
    sources: Vec<Arc<dyn MetadataSource>>,
    clusters: PathBuf,
    manager: Option<Operator>,
    unknown: Unknown,
    pinned: Pinned,
    /// What the committed revision has fixed, once it was read, and which revision that is.
    committed: Option<(String, BTreeMap<String, Value>)>,
    asked: BTreeMap<String, Asked>,
}

impl Asker {
    /// For the file at `file`; `clusters` is where clusters are kept.
    pub(crate) fn new(file: &Path, clusters: &Path) -> Asker {
        let directory = file.parent().unwrap_or(Path::new(""));
        Asker {
            sources: vec![
                Arc::new(SimSource),
                Arc::new(EnvSource),
                Arc::new(FileSource::new(directory)),
                Arc::new(HttpSource::default()),
                Arc::new(VarsSource::new(clusters)),
                Arc::new(DockerSource),
            ],
            clusters: clusters.to_owned(),
            manager: None,
            unknown: Unknown::Refused,
            pinned: Pinned::Refreshed,
            committed: None,
            asked: BTreeMap::new(),
        }
    }

    /// For a rehearsal: what is asked through a provider that is not here gets a stand-in.
    pub(crate) fn rehearsing(self) -> Asker {
        Asker { unknown: Unknown::StandIn, ..self }
    }

    /// For a change of a cluster, whose committed revision has fixed the answers that it was made with.
    /// It is asked for through `manager`, where everything goes through one.
    pub(crate) fn of_a_change(self, pinned: Pinned, manager: Option<Operator>) -> Asker {
        Asker { pinned, manager, ..self }
    }

    /// Notes that lookups were answered by a file.
    pub(crate) fn answered_by<'k>(&mut self, keys: impl Iterator<Item = &'k String>, file: &str, at: Option<String>) {
        let asked = Asked { by: file.to_owned(), at };
        self.asked.extend(keys.map(|key| (key.clone(), asked.clone())));
    }

    /// Who answered what.
    pub(crate) fn into_asked(self) -> BTreeMap<String, Asked> {
        self.asked
    }

    /// Answers a round of lookups by their keys, or says of each that has no answer why.
    pub(crate) fn answer(&mut self, lookups: &[Lookup]) -> Answers {
        let mut answers = Vec::with_capacity(lookups.len());
        let mut unanswered = Vec::new();
        let mut open: Vec<(&Lookup, Arc<dyn MetadataSource>)> = Vec::new();
        for lookup in lookups {
            if let Some((revision, value)) = self.committed(lookup) {
                self.note(lookup, &revision, None);
                answers.push((lookup.key.clone(), Answer { by: revision, ..Answer::from(value) }));
                continue;
            }
            match self.source(lookup) {
                Some(source) => open.push((lookup, source)),
                None if self.unknown == Unknown::StandIn => {
                    let value = Value::String(format!("stand-in for {}", lookup.key));
                    answers.push((lookup.key.clone(), value.into()));
                }
                None => {
                    let why = match self.unknown {
                        Unknown::OfATest => "a test asks nobody but the simulated cloud",
                        _ => "this kitc has no access to that provider",
                    };
                    let message = format!("nobody here answers meta.{}: {why}", lookup.key);
                    unanswered.push(no_answer(lookup, message, None));
                }
            }
        }
        let questions = open.iter().map(|(lookup, source)| (Arc::clone(source), question(lookup))).collect();
        let at = now_rfc3339();
        for ((lookup, _), asked) in open.iter().zip(kit_metadata::ask(questions, LOOKUP_TIME)) {
            match read(lookup, asked) {
                Ok(answer) => {
                    self.note(lookup, &answer.by, Some(at.clone()));
                    answers.push((lookup.key.clone(), answer));
                }
                Err(found) => unanswered.push(*found),
            }
        }
        if unanswered.is_empty() { Ok(answers) } else { Err(unanswered) }
    }

    fn note(&mut self, lookup: &Lookup, by: &str, at: Option<String>) {
        self.asked.insert(lookup.key.clone(), Asked { by: by.to_owned(), at });
    }

    fn source(&self, lookup: &Lookup) -> Option<Arc<dyn MetadataSource>> {
        let root = lookup.path.split('.').next()?;
        self.sources.iter().find(|source| source.name() == root).cloned()
    }

    /// The answer that the cluster's committed revision has fixed.
    fn committed(&mut self, lookup: &Lookup) -> Option<(String, Value)> {
        if self.pinned == Pinned::Refreshed {
            return None;
        }
        let (revision, answers) = match &self.committed {
            Some(known) => known,
            None => {
                let found = lookup
                    .cluster
                    .as_deref()
                    .and_then(|cluster| committed_answers(cluster, &self.clusters, self.manager.as_ref()));
                self.committed.insert(found.unwrap_or_default())
            }
        };
        Some((revision.clone(), answers.get(&lookup.key)?.clone()))
    }
}

/// What the committed revision of a cluster was made with. A cluster that is not there, or does not answer, has fixed
/// nothing; whoever changes it hears of that from the change itself.
fn committed_answers(
    cluster: &str,
    clusters: &Path,
    manager: Option<&Operator>,
) -> Option<(String, BTreeMap<String, Value>)> {
    let operator = match manager {
        Some(operator) => Some(operator.clone()).filter(|operator| operator.site.cluster() == cluster)?,
        None => Operator::new(kit_runtime::find_site(Some(cluster), clusters).ok()?),
    };
    let committed = block_on(async { Ok(operator.committed_graph().await?) });
    let (revision, graph) = committed.ok()?;
    Some((format!("revision {}, as it was committed", short(&revision)), graph.lookups))
}

fn question(lookup: &Lookup) -> MetadataQuestion {
    MetadataQuestion {
        path: lookup.path.split_once('.').map_or("", |(_, path)| path).to_owned(),
        arguments: lookup.args.clone(),
        provider: lookup.provider.clone(),
        cluster: lookup.cluster.clone(),
    }
}

/// An answer for the compiler; that nothing is there is one where the declared type allows it.
fn read(lookup: &Lookup, asked: Result<MetadataAnswer, MetadataError>) -> Result<Answer, Box<Diagnostic>> {
    let failed =
        |why: String, help| Box::new(no_answer(lookup, format!("meta.{} has no answer: {why}", lookup.key), help));
    match asked {
        Ok(MetadataAnswer { value: MetadataValue::Text(text), by }) => {
            Ok(Answer { value: ParamValue::Text(text), by, span: None, parts: None })
        }
        Ok(MetadataAnswer { value: MetadataValue::Data(value), by }) => Ok(Answer { by, ..Answer::from(value) }),
        Ok(MetadataAnswer { value: MetadataValue::Absent(why), .. }) if lookup.optional => {
            Ok(Answer { by: why, ..Answer::from(Value::Null) })
        }
        Ok(MetadataAnswer { value: MetadataValue::Absent(why), .. }) => Err(failed(why, how_to_have(lookup))),
        Err(error) => Err(failed(error.why, error.help)),
    }
}

/// What to do where nothing is there, of what a file declares.
fn how_to_have(lookup: &Lookup) -> Option<String> {
    let (root, path) = lookup.path.split_once('.')?;
    let set = match (root, &lookup.cluster) {
        ("env" | "file" | "http", _) => String::new(),
        ("vars", Some(cluster)) => format!("set it: kitc metadata set {path}=VALUE --cluster {cluster}; or, "),
        _ => return None,
    };
    Some(format!("{set}if it may be missing, declare its type with a `?`: it is `none` then"))
}

fn no_answer(lookup: &Lookup, message: String, help: Option<String>) -> Diagnostic {
    let help = help.unwrap_or_else(|| match lookup.secret {
        true => "a secret is asked for where it is known; to check the file without it, use a snapshot: --metadata"
            .to_owned(),
        false => format!("give the answer in a file: --metadata SNAPSHOT.json, with the key {:?}", lookup.key),
    });
    Diagnostic::error(codes::NO_ANSWER, lookup.span, message).with_help(help)
}

/// Answers a round of lookups for tests of a cluster, which depend on nothing but their file and a snapshot: only the
/// simulated cloud is asked, which says the same each time.
pub(crate) fn answer(lookups: &[Lookup]) -> Answers {
    let mut asker = Asker::new(Path::new(""), Path::new(""));
    asker.sources.retain(|source| source.name() == "sim");
    asker.unknown = Unknown::OfATest;
    asker.answer(lookups)
}
