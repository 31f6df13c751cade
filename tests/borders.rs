//! The borders between the crates: who may use what. A border that no test keeps is a wish.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// Each crate of the workspace, and the crates of the workspace that it may use. Dependencies point one way: to what stands
/// further up in this list.
const MAY_USE: &[(&str, &[&str])] = &[
    ("kit-lang", &[]),
    ("kit-stdlib", &["kit-lang"]),
    ("kit-graph", &[]),
    ("kit-fetch", &[]),
    ("kit-compiler", &["kit-lang", "kit-stdlib", "kit-graph"]),
    ("kit-import", &["kit-lang", "kit-compiler"]),
    ("kit-loader", &["kit-fetch", "kit-lang", "kit-compiler"]),
    ("kit-model", &["kit-graph"]),
    ("kit-metadata", &["kit-fetch", "kit-graph", "kit-model"]),
    ("kit-planner", &["kit-graph", "kit-model"]),
    ("kit-sim", &["kit-graph", "kit-model"]),
    ("kit-contract", &["kit-graph", "kit-model", "kit-sim"]),
    ("kit-docker", &["kit-graph", "kit-model", "kit-contract"]),
    ("kit-swarm", &["kit-graph", "kit-model", "kit-contract"]),
    ("kit-simulator", &["kit-graph", "kit-model", "kit-planner", "kit-sim"]),
    ("kit-runtime", &["kit-graph", "kit-model", "kit-planner", "kit-contract", "kit-sim", "kit-docker", "kit-swarm"]),
    ("kit-listen", &["kit-model", "kit-runtime"]),
    (
        "kitc",
        &[
            "kit-lang",
            "kit-stdlib",
            "kit-graph",
            "kit-compiler",
            "kit-loader",
            "kit-import",
            "kit-metadata",
            "kit-model",
            "kit-planner",
            "kit-sim",
            "kit-simulator",
            "kit-runtime",
            "kit-listen",
        ],
    ),
];

/// Crates that do no I/O and know no clock, no chance, no threads and no order that differs from run to run.
const PURE: &[&str] =
    &["kit-lang", "kit-stdlib", "kit-graph", "kit-compiler", "kit-import", "kit-model", "kit-planner", "kit-simulator"];

/// What no pure crate may reach, however far away.
const IMPURE: &[&str] =
    &["tokio", "tracing", "rand", "getrandom", "reqwest", "hyper", "bollard", "miette", "clap", "rayon"];

/// Dependencies that belong to one place, and the crates that may name them.
const BELONGS_TO: &[(&str, &[&str])] = &[
    ("pest", &["kit-lang"]),
    ("pest_derive", &["kit-lang"]),
    ("rowan", &["kit-lang"]),
    ("miette", &["kitc"]),
    ("clap", &["kitc"]),
    ("clap_complete", &["kitc"]),
    ("indicatif", &["kitc"]),
    ("tokio", &["kitc", "kit-runtime", "kit-sim", "kit-contract", "kit-docker", "kit-aws", "kit-swarm", "kit-listen"]),
    ("bollard", &["kit-docker", "kit-swarm"]),
    ("reqwest", &["kit-fetch"]),
    ("axum", &["kit-listen"]),
    ("hyper", &["kit-listen"]),
    ("hyper-util", &["kit-listen"]),
];

/// Words that stand only in the files of one place.
const WORDS: &[(&str, &[&str])] = &[("pest::", &["lang/src/parse.rs"]), ("miette::", &["src/render.rs"])];

/// The feature with which slips can be planted, to show that they are noticed.
const PLANTED: &str = "planted-bugs";

struct Package {
    directory: PathBuf,
    /// What its manifest names, for building and for tests.
    direct: BTreeSet<String>,
    /// What it is built with, however far away; without what only tests use.
    reached: BTreeSet<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("cargo metadata has no `{key}` here"))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("cargo metadata has no list `{key}` here"))
}

fn answer_of(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).current_dir(root()).output().expect("the toolchain runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn packages() -> &'static BTreeMap<String, Package> {
    static PACKAGES: OnceLock<BTreeMap<String, Package>> = OnceLock::new();
    PACKAGES.get_or_init(read_packages)
}

fn read_packages() -> BTreeMap<String, Package> {
    let version = String::from_utf8(answer_of("rustc", &["--version", "--verbose"])).expect("rustc speaks UTF-8");
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    // Only this platform's crates have been fetched when a test runs.
    let arguments = ["metadata", "--format-version", "1", "--offline", "--filter-platform", host];
    let metadata: Value =
        serde_json::from_slice(&answer_of(env!("CARGO"), &arguments)).expect("cargo metadata is JSON");
    let names: BTreeMap<&str, &str> =
        list(&metadata, "packages").iter().map(|package| (text(package, "id"), text(package, "name"))).collect();
    let edges: BTreeMap<&str, Vec<&str>> = list(&metadata["resolve"], "nodes")
        .iter()
        .map(|node| {
            let built_with = list(node, "deps")
                .iter()
                .filter(|edge| list(edge, "dep_kinds").iter().any(|kind| kind["kind"].is_null()));
            (text(node, "id"), built_with.map(|edge| text(edge, "pkg")).collect())
        })
        .collect();
    let members: BTreeSet<&str> = list(&metadata, "workspace_members").iter().filter_map(Value::as_str).collect();
    let mut found = BTreeMap::new();
    for package in list(&metadata, "packages") {
        let id = text(package, "id");
        if !members.contains(id) {
            continue;
        }
        let mut seen = BTreeSet::new();
        let mut open = vec![id];
        while let Some(next) = open.pop() {
            if seen.insert(next) {
                open.extend(edges.get(next).into_iter().flatten());
            }
        }
        seen.remove(id);
        let directory = Path::new(text(package, "manifest_path")).parent().expect("a directory").to_owned();
        let direct = list(package, "dependencies").iter().map(|dependency| text(dependency, "name").to_owned());
        let reached = seen.into_iter().map(|id| names[id].to_owned());
        let package_name = text(package, "name").to_owned();
        found.insert(package_name, Package { directory, direct: direct.collect(), reached: reached.collect() });
    }
    found
}

#[test]
fn crates_use_only_what_stands_before_them() {
    let packages = packages();
    let known: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    for (index, (name, uses)) in MAY_USE.iter().enumerate() {
        for used in *uses {
            let earlier = MAY_USE.iter().position(|(other, _)| other == used);
            assert!(earlier.is_some_and(|earlier| earlier < index), "{name} may use {used}, which stands after it");
        }
    }
    for (name, package) in packages {
        let may_use = known.get(name.as_str()).unwrap_or_else(|| panic!("say in MAY_USE what {name} may use"));
        for used in package.direct.iter().filter(|used| packages.contains_key(*used)) {
            assert!(may_use.contains(&used.as_str()), "{name} may not use {used}");
        }
    }
}

#[test]
fn the_runtime_eats_graphs_and_knows_no_language() {
    let packages = packages();
    for (name, package) in packages.iter().filter(|(name, _)| *name != "kitc") {
        if package.reached.contains("kit-lang") {
            assert!(
                ["kit-compiler", "kit-loader", "kit-import"].contains(&name.as_str()),
                "{name} reaches the language"
            );
        }
        assert!(name == "kit-loader" || !package.reached.contains("kit-compiler"), "{name} reaches the compiler");
    }
}

#[test]
fn pure_crates_reach_nothing_impure() {
    let packages = packages();
    for name in PURE {
        let package = &packages[*name];
        for impure in IMPURE {
            assert!(!package.reached.contains(*impure), "{name} is pure and reaches {impure}");
        }
        let cloud = package.reached.iter().find(|reached| reached.starts_with("aws-"));
        assert_eq!(cloud, None, "{name} is pure and reaches a cloud");
    }
}

#[test]
fn dependencies_stay_where_they_belong() {
    for (name, package) in packages() {
        for (dependency, owners) in BELONGS_TO {
            let allowed = owners.contains(&name.as_str()) || !package.direct.contains(*dependency);
            assert!(allowed, "{name} names {dependency}, which belongs to {owners:?}");
        }
        for dependency in package.direct.iter().filter(|dependency| dependency.starts_with("aws-")) {
            assert_eq!(name, "kit-aws", "{name} names {dependency}");
        }
    }
}

#[test]
fn each_crate_says_what_it_is_and_each_pure_one_is_linted() {
    let packages = packages();
    let lints = std::fs::read_to_string(packages["kit-lang"].directory.join("clippy.toml")).expect("clippy.toml");
    for needed in ["HashMap", "Instant", "SystemTime", "std::fs::", "std::env::var", "thread::spawn"] {
        assert!(lints.contains(needed), "the lints of pure crates say nothing of {needed}");
    }
    for name in PURE {
        let own = std::fs::read_to_string(packages[*name].directory.join("clippy.toml"));
        assert_eq!(own.as_deref().ok(), Some(lints.as_str()), "{name} is pure and has other lints than kit-lang");
    }
    for (name, package) in packages {
        assert!(package.directory.join("README.md").is_file(), "{name} has no README.md");
        let manifest = std::fs::read_to_string(package.directory.join("Cargo.toml")).expect("a manifest");
        assert!(manifest.contains("[lints]\nworkspace = true"), "{name} does not take the lints of the workspace");
    }
}

#[test]
fn bugs_are_planted_for_tests_alone() {
    let metadata: Value = serde_json::from_slice(&answer_of(
        env!("CARGO"),
        &["metadata", "--format-version", "1", "--offline", "--no-deps"],
    ))
    .expect("cargo metadata is JSON");
    let mut seen = 0;
    for package in list(&metadata, "packages") {
        let name = text(package, "name");
        for dependency in list(package, "dependencies") {
            if list(dependency, "features").iter().any(|feature| feature == PLANTED) {
                assert_eq!(dependency["kind"], "dev", "{name} is built with {PLANTED}");
                seen += 1;
            }
        }
        for (feature, implied) in package["features"].as_object().expect("a table of features") {
            let implied = implied.as_array().expect("a list of features");
            let plants = implied.iter().filter_map(Value::as_str).any(|one| one.ends_with(PLANTED));
            assert!(!plants, "the feature {feature} of {name} plants bugs");
        }
    }
    assert!(seen > 0, "nobody plants bugs: this check checks nothing");
}

#[test]
fn words_stay_in_their_files() {
    let mut files = Vec::new();
    for package in packages().values() {
        sources(&package.directory.join("src"), &mut files);
    }
    assert!(files.len() > 50, "only {} sources were found", files.len());
    for (word, homes) in WORDS {
        let mut seen = 0;
        for file in &files {
            let text = std::fs::read_to_string(file).expect("a source is UTF-8");
            let path = file.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
            let used = text.lines().any(|line| {
                let code = line.split("//").next().unwrap_or_default();
                code.contains(word) || code.trim_end().ends_with(&format!("use {}", word.trim_end_matches("::")))
            });
            if used {
                assert!(homes.contains(&path.as_str()), "{path} uses `{word}`, which belongs to {homes:?}");
                seen += 1;
            }
        }
        assert!(seen > 0, "nothing uses `{word}`: this check checks nothing");
    }
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory of sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}
