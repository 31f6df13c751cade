//! Paths as the user knows them.

use std::path::{Component, Path, PathBuf};

/// Shows a file by the way to it from the directory of the root file, written as the user wrote that directory; so the
/// name is the same on each machine that has the files.
pub(crate) fn shown(directory: &Path, identity_of_directory: &Path, identity: &Path) -> String {
    let way = way(identity_of_directory, identity);
    let mut path = PathBuf::new();
    for component in directory.components().chain(way.components()) {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(path.components().next_back(), Some(Component::Normal(_))) => {
                path.pop();
            }
            other => path.push(other),
        }
    }
    path.to_string_lossy().into_owned()
}

/// The way from a directory to a file, both without links.
fn way(from: &Path, to: &Path) -> PathBuf {
    let common = from.components().zip(to.components()).take_while(|(one, other)| one == other).count();
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    up.chain(to.components().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_shown_from_where_the_user_stands() {
        let shown = |directory: &str, identity: &str| {
            shown(Path::new(directory), Path::new("/home/ada/clusters"), Path::new(identity))
        };
        assert_eq!(shown("clusters", "/home/ada/clusters/net.kit"), "clusters/net.kit");
        assert_eq!(shown("", "/home/ada/clusters/parts/net.kit"), "parts/net.kit");
        assert_eq!(shown(".", "/home/ada/net.kit"), "../net.kit");
        assert_eq!(shown("clusters", "/home/ada/net.kit"), "net.kit");
        assert_eq!(shown("clusters", "/srv/net.kit"), "../../srv/net.kit");
        assert_eq!(shown("/home/ada/clusters", "/home/ada/net.kit"), "/home/ada/net.kit");
        assert_eq!(shown("../..", "/home/ada/net.kit"), "../../../net.kit");
    }
}
