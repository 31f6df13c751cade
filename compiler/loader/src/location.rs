//! What a path behind `use` says: which file, or which address, seen from the text in which it stands.

use std::path::{Path, PathBuf};

use url::Url;

/// What the names of modules end in.
pub(crate) const EXTENSION: &str = ".kit";

/// The longest path or address. Twice what browsers and servers agree on; a longer one is a mistake.
const MAX_LENGTH: usize = 4096;

/// Where the paths of a text begin.
#[derive(Clone, Debug)]
pub(crate) enum Base {
    /// The directory of its file.
    Directory(PathBuf),
    /// Its own address.
    Remote(Url),
}

/// Where a module is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// A path of a file, links and all.
    File(PathBuf),
    /// An address.
    Remote(Url),
}

/// Why a path means nothing, and what could be written instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unclear {
    /// The cause, behind the path.
    pub(crate) message: String,
    /// What to do.
    pub(crate) help: String,
}

fn unclear(message: impl Into<String>, help: impl Into<String>) -> Unclear {
    Unclear { message: message.into(), help: help.into() }
}

/// What a path means where it stands.
pub(crate) fn locate(path: &str, base: &Base) -> Result<Location, Unclear> {
    if path.len() > MAX_LENGTH {
        return Err(unclear(format!("it has more than {MAX_LENGTH} bytes"), "give the module a shorter name"));
    }
    if path.contains(|character: char| character.is_control()) {
        return Err(unclear("it has a character that is not printed", "write it again by hand"));
    }
    if path.starts_with("https://") {
        return remote(path).map(Location::Remote);
    }
    if !path.starts_with("./") && !path.starts_with("../") {
        return Err(neither(path));
    }
    if !path.ends_with(EXTENSION) {
        return Err(no_extension(path));
    }
    match base {
        Base::Directory(directory) => Ok(Location::File(directory.join(path))),
        Base::Remote(user) => {
            let joined = user.join(path).map_err(|error| unclear(format!("{error}"), "write its whole address"))?;
            checked(joined).map(Location::Remote)
        }
    }
}

fn remote(path: &str) -> Result<Url, Unclear> {
    let url = Url::parse(path)
        .map_err(|error| unclear(format!("it is no address: {error}"), "an address is https://host/path/name.kit"))?;
    checked(url)
}

fn checked(mut url: Url) -> Result<Url, Unclear> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(unclear("an address holds no password", "everyone who reads the file would know it"));
    }
    if url.fragment().is_some() {
        url.set_fragment(None);
        return Err(unclear("a module has no parts that `#` could name", format!("write \"{url}\"")));
    }
    if !url.path().ends_with(EXTENSION) {
        return Err(no_extension(url.as_str()));
    }
    Ok(url)
}

fn no_extension(path: &str) -> Unclear {
    let help =
        if path.ends_with('/') { "name a file in it".to_owned() } else { format!("write \"{path}{EXTENSION}\"") };
    unclear(format!("the name of a module ends in {EXTENSION}"), help)
}

/// What is neither the way to a file nor an address.
fn neither(path: &str) -> Unclear {
    let scheme = path.split_once("://").map(|(scheme, _)| scheme);
    let is_std = path.starts_with("std/");
    let is_absolute = Path::new(path).is_absolute() || path.starts_with('~') || path.contains('\\');
    match scheme {
        Some("http") => {
            let rest = path.trim_start_matches("http");
            unclear("what comes over plain http can be changed on the way", format!("write \"https{rest}\""))
        }
        Some(scheme) => unclear(
            format!("modules do not come by {scheme}"),
            "use a file beside this one, \"./name.kit\", or an address that begins with https://",
        ),
        None if is_std => {
            let name = path.trim_end_matches(EXTENSION);
            unclear("a module of the standard library is named without quotes", format!("write `use {name}`"))
        }
        None if path.is_empty() => unclear("it is empty", "name a file beside this one: \"./name.kit\""),
        None if is_absolute => unclear(
            "it would mean nothing on another machine",
            "write the way from this file to it, with `/` between the names: \"../name.kit\"",
        ),
        None => {
            let extension = if path.ends_with(EXTENSION) { "" } else { EXTENSION };
            unclear("the way to a file begins with ./ or ../", format!("write \"./{path}{extension}\""))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(path: &str) -> Result<Location, Unclear> {
        locate(path, &Base::Directory(PathBuf::from("/clusters")))
    }

    #[test]
    fn files_and_addresses_are_told_apart() {
        assert_eq!(here("./net.kit"), Ok(Location::File(PathBuf::from("/clusters/./net.kit"))));
        assert_eq!(here("../net.kit"), Ok(Location::File(PathBuf::from("/clusters/../net.kit"))));
        let url = |text: &str| Location::Remote(Url::parse(text).expect("an address"));
        assert_eq!(here("https://EXAMPLE.com:443/a/../net.kit"), Ok(url("https://example.com/net.kit")));
        assert_eq!(here("https://example.com/net.kit?v=2"), Ok(url("https://example.com/net.kit?v=2")));
    }

    #[test]
    fn what_is_neither_gets_the_right_way_to_write_it() {
        let help = |path: &str| here(path).expect_err(path).help;
        assert_eq!(help("net.kit"), "write \"./net.kit\"");
        assert_eq!(help("parts/net"), "write \"./parts/net.kit\"");
        assert_eq!(help("./net"), "write \"./net.kit\"");
        assert_eq!(help("std/swarm"), "write `use std/swarm`");
        assert_eq!(help("http://example.com/net.kit"), "write \"https://example.com/net.kit\"");
        assert_eq!(help("https://example.com/net.kit#a"), "write \"https://example.com/net.kit\"");
        for path in ["", "/etc/net.kit", "~/net.kit", "C:\\net.kit", "file:///net.kit", "git://host/net.kit"] {
            assert!(here(path).is_err(), "{path}");
        }
        for path in ["https://ada:secret@example.com/net.kit", "https://", "https://host", "./net.kit\0", "./a\n.kit"] {
            assert!(here(path).is_err(), "{path}");
        }
        assert!(here(&format!("./{}.kit", "a".repeat(5000))).is_err());
    }

    #[test]
    fn what_a_remote_module_uses_beside_it_stays_on_its_host() {
        let user = Base::Remote(Url::parse("https://example.com/kit/net.kit?v=2").expect("an address"));
        let url = |text: &str| Ok(Location::Remote(Url::parse(text).expect("an address")));
        assert_eq!(locate("./sizes.kit", &user), url("https://example.com/kit/sizes.kit"));
        assert_eq!(locate("../../../sizes.kit", &user), url("https://example.com/sizes.kit"));
        // Two slashes begin no other host behind a dot.
        assert_eq!(locate(".//evil.example/x.kit", &user), url("https://example.com/kit//evil.example/x.kit"));
        assert_eq!(locate("https://other.example/x.kit", &user), url("https://other.example/x.kit"));
        assert!(locate("//evil.example/x.kit", &user).is_err());
    }
}
