//! Programs of several files, on a real disk.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use kit_compiler::{Findings, Sources, check};
use kit_lang::SourceId;
use kit_loader::{Disk, Files, Locked, Overlay, load};

struct Directory(tempfile::TempDir);

impl Directory {
    fn new(files: &[(&str, &str)]) -> Directory {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
            fs::write(path, text).expect("a file");
        }
        Directory(directory)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn load(&self, root: &str) -> (Sources, SourceId, Findings) {
        self.load_with(root, &Disk)
    }

    fn load_with(&self, root: &str, files: &dyn Files) -> (Sources, SourceId, Findings) {
        let path = self.path(root);
        let mut sources = Sources::new();
        let id = sources.add(root, fs::read_to_string(&path).expect("the root file"));
        let found = load(&mut sources, id, Some(&path), files, &mut Locked::beside(Some(&path)));
        (sources, id, found)
    }

    /// What is wrong, from the loader and the compiler: code, file and message.
    fn wrong(&self, root: &str) -> Vec<String> {
        let (mut sources, id, found) = self.load(root);
        assert_eq!(found.omitted, 0);
        let mut all = found.diagnostics;
        all.extend(check(&mut sources, id).diagnostics);
        // What stands there for nothing but to be loaded is unused.
        all.retain(|one| one.severity == kit_lang::Severity::Error);
        let prefix = self.0.path().to_string_lossy().into_owned() + "/";
        let shown = |one: &kit_lang::Diagnostic| {
            let file = sources.get(one.span.source).map_or("", |source| source.name.as_str()).replace(&prefix, "");
            let help = one.help.as_deref().map(|help| format!(" ({help})")).unwrap_or_default();
            format!("{file} {}: {}{help}", one.code, one.message).replace(&prefix, "")
        };
        all.iter().map(shown).collect()
    }
}

const CLUSTER: &str = "use std/sim\ncluster { name = \"demo\", provider = sim.Provider {} }\n";

fn using(uses: &str) -> String {
    format!("{uses}{CLUSTER}")
}

#[test]
fn a_path_begins_at_the_file_in_which_it_stands() {
    let directory = Directory::new(&[
        ("clusters/demo.kit", &using("use \"../parts/net.kit\"\nlet a: int = net.size + net.more\n")),
        ("parts/net.kit", "use \"./sizes.kit\"\nuse \"deep.kit\" as other\nlet size = sizes.small\nlet more = 1\n"),
        ("parts/sizes.kit", "let small = 1\n"),
    ]);
    let wrong = directory.wrong("clusters/demo.kit");
    let expected = "parts/net.kit KIT1101: \"deep.kit\" leads to no module: the way to a file begins with ./ or ../ \
                    (write \"./deep.kit\")";
    assert_eq!(wrong, [expected]);
}

#[test]
fn a_file_is_one_module_by_whatever_paths() {
    let directory = Directory::new(&[
        ("demo.kit", &using("use \"./a.kit\"\nuse \"./x/../link.kit\" as b\nlet p: a.Port = b.port\n")),
        ("x/y.kit", ""),
        (
            "real/a.kit",
            "use \"./beside.kit\"\ntype Port = int where it > beside.zero else \"no port\"\nlet port: Port = 80\n",
        ),
        ("real/beside.kit", "let zero = 0\n"),
    ]);
    symlink("real/a.kit", directory.path("a.kit")).expect("a link");
    symlink("a.kit", directory.path("link.kit")).expect("a link");
    assert_eq!(directory.wrong("demo.kit"), [""; 0]);
    let (sources, ..) = directory.load("demo.kit");
    assert_eq!(sources.iter().count(), 3);
}

#[test]
fn circles_are_refused_with_the_way_around() {
    let directory = Directory::new(&[
        ("demo.kit", &using("use \"./a.kit\"\n")),
        ("a.kit", "use \"./b.kit\"\nlet x = 1\n"),
        ("b.kit", "use \"./a.kit\"\nlet y = 1\n"),
        ("own.kit", "use \"./own.kit\" as me\n"),
        ("root.kit", &using("use \"./back.kit\"\n")),
        ("back.kit", "use \"./root.kit\"\n"),
    ]);
    let wrong = directory.wrong("demo.kit");
    assert!(
        wrong.len() == 1 && wrong[0].contains("KIT2012") && wrong[0].contains("a.kit -> b.kit -> a.kit"),
        "{wrong:?}"
    );
    let wrong = directory.wrong("own.kit");
    assert!(wrong.iter().any(|one| one.contains("own.kit -> own.kit")), "{wrong:?}");
    let wrong = directory.wrong("root.kit");
    assert!(wrong.len() == 1 && wrong[0].contains("root.kit -> back.kit -> root.kit"), "{wrong:?}");
}

#[test]
fn what_is_not_there_or_no_file_is_said_where_it_is_used() {
    let directory = Directory::new(&[
        (
            "demo.kit",
            &using(
                "use \"./nett.kit\"\nuse \"./folder.kit\"\nuse \"./pipe.kit\"\nuse \"./hidden.kit\"\nuse \"./dangling.kit\"\n\
                 let a = nett.anything\nlet b = 1 + \"one\"\n",
            ),
        ),
        ("net.kit", ""),
        ("folder.kit/x.kit", ""),
        ("secret.txt", "root:x:0\n"),
    ]);
    symlink("secret.txt", directory.path("hidden.kit")).expect("a link");
    symlink("nowhere.kit", directory.path("dangling.kit")).expect("a link");
    let made = std::process::Command::new("mkfifo").arg(directory.path("pipe.kit")).status().expect("mkfifo runs");
    assert!(made.success());
    let wrong = directory.wrong("demo.kit");
    assert_eq!(wrong.len(), 6, "{wrong:#?}");
    assert_eq!(wrong[0], "demo.kit KIT1102: there is no file \"./nett.kit\" (did you mean \"./net.kit\"?)");
    assert!(wrong[1].starts_with("demo.kit KIT1103: \"./folder.kit\" is a directory"), "{}", wrong[1]);
    assert!(wrong[2].starts_with("demo.kit KIT1103: \"./pipe.kit\" is no file"), "{}", wrong[2]);
    assert!(wrong[3].starts_with("demo.kit KIT1103: \"./hidden.kit\" is a link to `secret.txt`"), "{}", wrong[3]);
    assert!(wrong[4].starts_with("demo.kit KIT1102: there is no file \"./dangling.kit\""), "{}", wrong[4]);
    assert!(wrong[5].starts_with("demo.kit KIT3005"), "{}", wrong[5]);
}

#[test]
fn what_is_no_text_is_said_in_its_own_file_and_once() {
    let directory = Directory::new(&[("demo.kit", &using("use \"./a.kit\"\nuse \"./b.kit\"\nlet x = a.y\n"))]);
    fs::write(directory.path("a.kit"), b"let y = \"caf\xe9\"\n").expect("a file");
    symlink("a.kit", directory.path("b.kit")).expect("a link");
    let wrong = directory.wrong("demo.kit");
    assert!(wrong.len() == 1 && wrong[0].starts_with("a.kit KIT1001: the file is not UTF-8"), "{wrong:?}");
    let large = fs::File::create(directory.path("a.kit")).expect("a file");
    large.set_len(1 << 40).expect("a file with a hole");
    let wrong = directory.wrong("demo.kit");
    assert!(wrong.len() == 1 && wrong[0].starts_with("a.kit KIT1022"), "{wrong:?}");
}

#[test]
fn mistakes_of_a_module_stand_in_its_own_file() {
    let directory = Directory::new(&[
        ("demo.kit", &using("use \"./a.kit\"\n")),
        ("a.kit", "let x = 1 + \"one\"\nparam p: int\nlet y =\n"),
    ]);
    let wrong = directory.wrong("demo.kit");
    assert!(wrong.len() == 3 && wrong.iter().all(|one| one.starts_with("a.kit KIT")), "{wrong:#?}");
}

#[test]
fn there_is_an_end_to_modules() {
    // Each uses the next; the last that is read has one more to use.
    let files: Vec<(String, String)> =
        (0..400).map(|at| (format!("m{at}.kit"), format!("use \"./m{}.kit\"\nlet x = 1\n", at + 1))).collect();
    let mut all: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let root = using("use \"./m0.kit\"\n");
    all.push(("demo.kit", &root));
    let directory = Directory::new(&all);
    let wrong = directory.wrong("demo.kit");
    assert!(wrong.len() == 1 && wrong[0].contains("KIT1105"), "{wrong:?}");
    // A file of wrong uses looks at no more files than are worth a message.
    let uses: String = (0..10_000).map(|at| format!("use \"./none{at}.kit\"\n")).collect();
    fs::write(directory.path("demo.kit"), using(&uses)).expect("a file");
    let (.., found) = directory.load("demo.kit");
    assert_eq!(
        (found.diagnostics.len(), found.omitted),
        (kit_lang::MAX_DIAGNOSTICS, 10_000 - kit_lang::MAX_DIAGNOSTICS)
    );
}

#[test]
fn an_editor_answers_for_what_it_has_open() {
    let directory = Directory::new(&[
        ("demo.kit", &using("use \"./a.kit\"\nuse \"./unsaved.kit\"\nlet x: int = a.x + unsaved.y\n")),
        ("a.kit", "let x = \"old\"\n"),
        ("parts/empty.kit", ""),
    ]);
    let mut overlay = Overlay::new(&Disk);
    overlay.open(&directory.path("a.kit"), "let x = 1\n");
    overlay.open(&directory.path("parts/../unsaved.kit"), "let y = 2\n");
    let (mut sources, root, found) = directory.load_with("demo.kit", &overlay);
    assert_eq!(found.diagnostics, []);
    assert!(!check(&mut sources, root).has_errors());
}

#[test]
fn a_text_without_a_file_begins_where_kitc_runs() {
    let mut sources = Sources::new();
    let root = sources.add("<stdin>", "use \"./Cargo.kit\"\n");
    let found = load(&mut sources, root, None, &Disk, &mut Locked::beside(None));
    assert_eq!(found.diagnostics.len(), 1);
    assert!(Path::new("Cargo.toml").exists(), "tests run beside their manifest");
}
