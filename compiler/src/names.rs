//! Names as small numbers, so that the compiler compares and copies them for nothing.

use std::hash::BuildHasherDefault;
use std::rc::Rc;

use indexmap::IndexSet;
use rustc_hash::FxHasher;

/// A name that was interned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name(u32);

/// Names that the compiler itself asks for; the first that are interned, in this order.
pub(crate) mod own {
    use super::Name;

    pub(crate) const ALL: [&str; 8] = ["count", "id", "ip", "it", "machine", "members", "name", "volume"];
    pub(crate) const IP: Name = Name(2);
    pub(crate) const VOLUME: Name = Name(7);
}

/// All names met so far, each once.
#[derive(Debug, Default)]
pub(crate) struct Names {
    // The hasher has a fixed seed, and the order is that of insertion: nothing differs from run to run.
    texts: IndexSet<Rc<str>, BuildHasherDefault<FxHasher>>,
}

impl Names {
    /// The number of a name.
    pub(crate) fn intern(&mut self, text: &str) -> Name {
        let index = match self.texts.get_index_of(text) {
            Some(index) => index,
            None => self.texts.insert_full(Rc::from(text)).0,
        };
        // A source has fewer bytes than a u32 can count, so it has fewer names too.
        Name(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// The number of a name, if it was ever met.
    pub(crate) fn find(&self, text: &str) -> Option<Name> {
        self.texts.get_index_of(text).and_then(|index| u32::try_from(index).ok()).map(Name)
    }

    /// The text of a name.
    pub(crate) fn text(&self, name: Name) -> &str {
        self.texts.get_index(name.0 as usize).map_or("", |text| text)
    }

    /// The shared text of a name.
    pub(crate) fn shared(&self, name: Name) -> Rc<str> {
        self.texts.get_index(name.0 as usize).cloned().unwrap_or_else(|| Rc::from(""))
    }
}
