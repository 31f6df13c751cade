//! `kitc init`: begins a file from one of the examples.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::findings::Findings;
use crate::{codes, files, formats};

/// Begin a file: a cluster that checks, to be changed
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kitc init                                     asks what the cluster is to be
  kitc init --template sim                      three managers and a worker on the simulated cloud
  kitc init shop.kit --template aws --name shop

Templates: one-node (one machine for development), sim, docker and aws (three managers and workers), zones
(workers over zones), zookeeper, etcd. A file that is there is left alone.")]
pub(crate) struct Init {
    /// The file to write; - is standard output
    #[arg(value_name = "FILE", default_value = "cluster.kit")]
    file: PathBuf,

    /// What to begin from: one-node, sim, docker, aws, zones, zookeeper or etcd
    #[arg(long, value_name = "TEMPLATE", value_enum, hide_possible_values = true)]
    template: Option<Template>,

    /// The name of the cluster
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// What a file can begin from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Template {
    /// One machine for development
    OneNode,
    /// A Swarm of three managers and a worker on the simulated cloud
    Sim,
    /// The same in containers of a Docker Engine
    Docker,
    /// The same on Amazon EC2
    Aws,
    /// Workers over zones
    Zones,
    /// A ZooKeeper ensemble
    Zookeeper,
    /// An etcd ensemble
    Etcd,
}

impl Template {
    /// The example, which is checked, laid out and tested where it stands.
    fn text(self) -> &'static str {
        match self {
            Template::OneNode => include_str!("../examples/one-node.kit"),
            Template::Sim => include_str!("../examples/swarm-sim.kit"),
            Template::Docker => include_str!("../examples/swarm-docker.kit"),
            Template::Aws => include_str!("../examples/swarm-aws.kit"),
            Template::Zones => include_str!("../examples/swarm-zones.kit"),
            Template::Zookeeper => include_str!("../examples/zookeeper.kit"),
            Template::Etcd => include_str!("../examples/etcd.kit"),
        }
    }
}

impl Init {
    /// Asks what was not said, if there is somebody to ask, and writes the file.
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let is_output = self.file == Path::new(files::STANDARD_INPUT);
        if self.file.exists() && !is_output {
            return Err(exists(&self.file));
        }
        let (template, name) = match self.template {
            Some(template) => (template, self.name.clone()),
            None if std::io::stdin().is_terminal() => (ask_template(console)?, self.asked_name(console)?),
            None => {
                return Err(Failure::wrong_usage(codes::NO_TEMPLATE, "nobody can be asked what the cluster is to be")
                    .with_help("say it with --template: one-node, sim, docker, aws, zones, zookeeper or etcd"));
            }
        };
        let text = named(template.text(), name.as_deref());
        let mut findings = Findings::default();
        let root = findings.sources.add(files::shown(&self.file), text.as_str());
        let found = kit_compiler::check(&mut findings.sources, root);
        findings.diagnostics.extend(found.diagnostics);
        if findings.has_errors() {
            // The templates check; so it is the name.
            formats::show(&findings, console);
            return Ok(Exit::Problem);
        }
        if is_output {
            console.out().write_all(text.as_bytes())?;
            return Ok(Exit::Fine);
        }
        files::write_new(&self.file, text.as_bytes())?;
        let shown = files::shown(&self.file);
        writeln!(console.out(), "{shown} is written. Go on with:\n  kitc check {shown}\n  kitc simulate {shown}")?;
        Ok(Exit::Fine)
    }

    fn asked_name(&self, console: &mut Console) -> Result<Option<String>, Failure> {
        if self.name.is_some() {
            return Ok(self.name.clone());
        }
        let name = ask(console, "The name of the cluster (nothing for the template's own): ")?;
        Ok((!name.is_empty()).then_some(name))
    }
}

/// A file that is there, and stays as it is.
pub(crate) fn exists(file: &std::path::Path) -> Failure {
    Failure::new(codes::FILE_EXISTS, format!("`{}` is there already, and is left as it is", files::shown(file)))
        .with_help("give another name: kitc init other.kit")
}

/// The template with another name of the cluster, which is the default of its first parameter.
fn named(template: &str, name: Option<&str>) -> String {
    let Some(name) = name else { return template.to_owned() };
    let escaped = name.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "\\${");
    let lines = template.split_inclusive('\n').map(|line| match line.strip_prefix("param name: string = \"") {
        Some(rest) => match rest.split_once('"') {
            Some((_, after)) => format!("param name: string = \"{escaped}\"{after}"),
            None => line.to_owned(),
        },
        None => line.to_owned(),
    });
    lines.collect()
}

fn ask_template(console: &mut Console) -> Result<Template, Failure> {
    let mut question = "What is the cluster to be?\n".to_owned();
    for (number, template) in Template::value_variants().iter().enumerate() {
        let Some(value) = template.to_possible_value() else { continue };
        let help = value.get_help().map(ToString::to_string).unwrap_or_default();
        question.push_str(&format!("  {}  {:<10} {help}\n", number + 1, value.get_name()));
    }
    question.push_str("A number or a name: ");
    let answer = ask(console, &question)?;
    let by_number = answer.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let numbered = by_number.and_then(|index| Template::value_variants().get(index).copied());
    numbered.or_else(|| Template::from_str(&answer, true).ok()).ok_or_else(|| {
        Failure::new(codes::NO_TEMPLATE, format!("`{}` is none of them", crate::printable::printable(&answer)))
    })
}

fn ask(console: &mut Console, question: &str) -> Result<String, Failure> {
    console.flush()?;
    let err = console.err();
    // Nobody is left to tell if standard error fails too.
    let _ = write!(err, "{question}").and_then(|()| err.flush());
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Failure::new(codes::NO_TEMPLATE, format!("no answer: {error}")))?;
    Ok(answer.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_template_checks_is_laid_out_and_takes_a_name() {
        for template in Template::value_variants() {
            let text = named(template.text(), Some("shop-7"));
            assert!(text.contains("param name: string = \"shop-7\"\n"), "{template:?}");
            assert_eq!(kit_lang::format(&text).as_deref(), Ok(text.as_str()), "{template:?}");
            let mut sources = kit_compiler::Sources::new();
            let root = sources.add("cluster.kit", text);
            assert_eq!(kit_compiler::check(&mut sources, root).diagnostics, [], "{template:?}");
        }
        assert!(named("param name: string = \"a\"\n", Some("\"${x}\\")).contains("\"\\\"\\${x}\\\\\""));
    }
}
