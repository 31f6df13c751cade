//! What `kitc lock` does: fetches what is not locked, and says what is to be written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kit_fetch::Fetcher;
use url::Url;

use crate::codes;
use crate::lock::{LOCK_NAME, Lock, Pin};
use crate::locked::{copy, read_copy, read_lock};
use crate::remotes::{Refusal, Remotes};

/// What became of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not locked.
    Added(Pin),
    /// It was something else.
    Updated {
        /// What it was.
        from: Pin,
        /// What it is.
        to: Pin,
    },
    /// It is as it was locked.
    Same(Pin),
}

/// A file that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Where.
    pub path: PathBuf,
    /// What.
    pub bytes: Vec<u8>,
}

/// The modules of other hosts, while they are locked.
#[derive(Debug)]
pub struct Locking {
    directory: PathBuf,
    lock: Lock,
    before: Lock,
    fetcher: Option<Fetcher>,
    update: Update,
    copies: BTreeMap<Pin, Vec<u8>>,
    changes: BTreeMap<String, Change>,
}

#[derive(Debug)]
enum Update {
    /// What is locked stays.
    Missing,
    /// All is fetched again, and what is new is taken.
    All,
    /// The same for these.
    These(BTreeSet<String>),
    /// All is fetched again, and has to be the same.
    Verify,
}

impl Locking {
    /// Locks what is not locked beside a root file. Without a fetcher nothing is fetched, and what would have to be is
    /// refused.
    ///
    /// # Errors
    /// When the lock file that is there is none.
    pub fn beside(root: &Path, fetcher: Option<Fetcher>) -> Result<Locking, Refusal> {
        let directory = root.parent().unwrap_or(Path::new("")).to_owned();
        let lock = read_lock(&directory)?;
        let before = lock.clone();
        let (update, copies, changes) = (Update::Missing, BTreeMap::new(), BTreeMap::new());
        Ok(Locking { directory, lock, before, fetcher, update, copies, changes })
    }

    /// Takes what is new: of these addresses, or of all if there are none.
    #[must_use]
    pub fn updating(self, addresses: impl IntoIterator<Item = String>) -> Locking {
        let these: BTreeSet<String> = addresses.into_iter().collect();
        let update = if these.is_empty() { Update::All } else { Update::These(these) };
        Locking { update, ..self }
    }

    /// Fetches everything again and changes nothing: what is not as it was locked is refused.
    #[must_use]
    pub fn verifying(self) -> Locking {
        Locking { update: Update::Verify, ..self }
    }

    /// What became of each module that the program uses.
    #[must_use]
    pub fn changes(&self) -> &BTreeMap<String, Change> {
        &self.changes
    }

    /// Refuses an address that was to be updated and that the program does not use.
    ///
    /// # Errors
    /// The first such address.
    pub fn all_used(&self) -> Result<(), Refusal> {
        let Update::These(these) = &self.update else { return Ok(()) };
        let Some(unused) = these.iter().find(|address| !self.changes.contains_key(*address)) else { return Ok(()) };
        let used: Vec<&str> = self.changes.keys().map(String::as_str).collect();
        let help = match used.as_slice() {
            [] => "it uses no module of another host".to_owned(),
            used => format!("it uses {}", used.join(", ")),
        };
        Err(Refusal::new(codes::NOT_LOCKED, format!("the file does not use {unused}")).with_help(help))
    }

    /// The files to write, in this order: so the lock never pins a copy that is not there. What other root files of the
    /// directory use stays locked.
    #[must_use]
    pub fn writes(&self) -> Vec<Write> {
        let copies = self.copies.iter();
        let mut all: Vec<Write> =
            copies.map(|(pin, bytes)| Write { path: copy(&self.directory, pin), bytes: bytes.clone() }).collect();
        if self.lock != self.before {
            all.push(Write { path: self.directory.join(LOCK_NAME), bytes: self.lock.to_text().into_bytes() });
        }
        all
    }

    fn fetch(&self, url: &Url) -> Result<Vec<u8>, Refusal> {
        match &self.fetcher {
            Some(fetcher) => Ok(fetcher.get(url)?.into_bytes()),
            None => Err(Refusal::new(codes::NOT_LOCKED, format!("{url} is not here, and nothing may be fetched"))
                .with_help("run `kitc lock` without --offline")),
        }
    }
}

impl Remotes for Locking {
    fn get(&mut self, url: &Url) -> Result<Vec<u8>, Refusal> {
        let address = url.as_str().to_owned();
        let Some(pin) = self.lock.modules.get(&address).copied() else {
            if matches!(self.update, Update::Verify) {
                let message = format!("{LOCK_NAME} says nothing of {url}");
                return Err(Refusal::new(codes::NOT_LOCKED, message).with_help("run `kitc lock` without --verify"));
            }
            let bytes = self.fetch(url)?;
            let pin = Pin::of(&bytes);
            self.lock.modules.insert(address.clone(), pin);
            self.changes.insert(address, Change::Added(pin));
            self.copies.insert(pin, bytes.clone());
            return Ok(bytes);
        };
        let here = read_copy(&self.directory, &pin);
        let take_new = match &self.update {
            Update::Missing | Update::Verify => false,
            Update::All => true,
            Update::These(these) => these.contains(&address),
        };
        if let (Ok(Some(bytes)), Update::Missing | Update::These(_), false) = (&here, &self.update, take_new) {
            self.changes.insert(address, Change::Same(pin));
            return Ok(bytes.clone());
        }
        let bytes = self.fetch(url)?;
        let found = Pin::of(&bytes);
        if found != pin && !take_new {
            let message = format!("{url} has changed: {LOCK_NAME} says {pin}, and it now is {found}");
            return Err(Refusal::new(codes::CHANGED, message)
                .with_help(format!("look at what changed; `kitc lock FILE --update={url}` then takes it")));
        }
        if matches!(self.update, Update::Verify) {
            // A copy that is damaged is what a verification is for.
            here?;
        } else if found != pin || !matches!(here, Ok(Some(_))) {
            self.copies.insert(found, bytes.clone());
        }
        self.lock.modules.insert(address.clone(), found);
        self.changes
            .insert(address, if found == pin { Change::Same(pin) } else { Change::Updated { from: pin, to: found } });
        Ok(bytes)
    }
}
