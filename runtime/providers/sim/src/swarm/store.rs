//! What the Swarm stores: the one head and the revisions, through Raft.

use std::collections::BTreeSet;
use std::sync::Arc;

use kit_model::{Address, CommitResult, Head, HeadError, HeadVersion, RevisionId, StoreError, Versioned};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::election::Standing;
use super::{KeptRevision, Limbo, Swarm, Write};
use crate::cloud::SimCloud;
use crate::ground_truth::CommittedHead;

/// The most that a revision may take: a Swarm config holds no more than 1,000 KiB, and some of it is ours.
pub const MAX_REVISION_BYTES: usize = 1_000_000;

/// How many revisions are kept at least.
const KEPT_REVISIONS: usize = 10;

/// A revision is taken away only when it is older than this: a commit keeps its revision first and writes the head
/// afterwards.
const PRUNE_AFTER_MS: u64 = 3_600_000;

/// How long an engine goes on with a write that it accepted, in milliseconds, whoever asked for it being there or not.
const ENGINE_TRIES_MS: u64 = 20_000;

/// The most writes that wait for a later leader: more than any replica sends while it is cut off.
const MAX_LIMBO: usize = 32;

impl SimCloud {
    /// The head, through the engine of `via`.
    ///
    /// # Errors
    /// When that engine does not answer, is no manager, or knows of no leader.
    pub fn head(&mut self, via: &Address, now_ms: u64) -> Result<Option<Versioned<Head>>, StoreError> {
        self.advance(now_ms);
        let owned = |head: &Versioned<Arc<Head>>| Versioned { version: head.version, value: (*head.value).clone() };
        match self.read_standing(via)? {
            // A cut-off leader answers with what it knows.
            Some(key) => Ok(self.swarm.as_ref().and_then(|swarm| swarm.claims.get(&key)?.head.as_ref()).map(owned)),
            None => Ok(self.swarm.as_ref().and_then(|swarm| swarm.head.as_ref()).map(owned)),
        }
    }

    /// The version of the head alone, which costs nothing to look at.
    ///
    /// # Errors
    /// As [`Self::head`].
    pub fn head_version(&mut self, via: &Address, now_ms: u64) -> Result<Option<HeadVersion>, StoreError> {
        self.advance(now_ms);
        match self.read_standing(via)? {
            Some(key) => {
                Ok(self.swarm.as_ref().and_then(|swarm| swarm.claims.get(&key)?.head.as_ref()).map(|head| head.version))
            }
            None => Ok(self.swarm.as_ref().and_then(|swarm| swarm.head.as_ref()).map(|head| head.version)),
        }
    }

    /// Who answers reads: `Some` for a leader that is cut off, with its number.
    pub(crate) fn read_standing(&self, via: &Address) -> Result<Option<u64>, StoreError> {
        match self.standing(via) {
            Standing::Leads | Standing::Follows => Ok(None),
            Standing::Claims => Ok(self.machine_of(via)),
            Standing::Down => Err(StoreError::Unavailable(format!("the engine of {via} does not answer"))),
            Standing::NoManager => Err(StoreError::Unavailable(format!("the engine of {via} is no manager"))),
            Standing::Believes => Err(StoreError::Unavailable("the leader did not answer in time".to_owned())),
            Standing::Leaderless => Err(StoreError::Unavailable("the Swarm does not have a leader".to_owned())),
        }
    }

    /// Writes the first head, through the engine of `via`.
    pub fn create_head(&mut self, via: &Address, head: &Head, now_ms: u64) -> CommitResult {
        self.advance(now_ms);
        self.write_head(via, None, head)
    }

    /// Replaces the head of version `base`, through the engine of `via`.
    pub fn update_head(&mut self, via: &Address, base: HeadVersion, head: &Head, now_ms: u64) -> CommitResult {
        self.advance(now_ms);
        self.write_head(via, Some(base), head)
    }

    fn write_head(&mut self, via: &Address, base: Option<HeadVersion>, head: &Head) -> CommitResult {
        if let Err(error @ HeadError::TooLarge { .. }) = head.to_bytes() {
            return CommitResult::Unknown(error.to_string());
        }
        self.touch();
        match self.standing(via) {
            Standing::Leads | Standing::Follows => {
                let lose = self.next_commit_fault();
                if lose == Some(false) {
                    return CommitResult::Unknown("no answer: the write was lost on its way".to_owned());
                }
                let result = self.commit_head(via, base, Arc::new(head.clone()), lose.is_none());
                if lose == Some(true) {
                    return CommitResult::Unknown("no answer in time".to_owned());
                }
                result
            }
            Standing::Claims => {
                self.keep_in_limbo(via, Write::Head { base, head: Arc::new(head.clone()) });
                CommitResult::Unknown("the write timed out: the leader reaches no majority".to_owned())
            }
            Standing::Down => CommitResult::Unknown(format!("the engine of {via} does not answer")),
            Standing::NoManager => CommitResult::Unknown(format!("the engine of {via} is no manager")),
            Standing::Believes => CommitResult::Unknown("the leader did not answer in time".to_owned()),
            Standing::Leaderless => CommitResult::Unknown("the Swarm does not have a leader".to_owned()),
        }
    }

    fn commit_head(
        &mut self,
        by: &Address,
        base: Option<HeadVersion>,
        head: Arc<Head>,
        answered: bool,
    ) -> CommitResult {
        let at_ms = self.now_ms();
        let limit = self.settings.commits_limit;
        let Some(swarm) = &mut self.swarm else { return CommitResult::Stale };
        if swarm.head.as_ref().map(|head| head.version) != base {
            return CommitResult::Stale;
        }
        swarm.next_version += 1;
        let version = HeadVersion(swarm.next_version);
        swarm.head = Some(Versioned { version, value: Arc::clone(&head) });
        self.truth.committed(CommittedHead { at_ms, version, by: by.clone(), answered, head }, limit);
        self.retry_joins();
        CommitResult::Committed(version)
    }

    /// Keeps a write of a leader that is cut off. Where another leads already, no log that counts has it; but the engine goes
    /// on with it for a while, and gives it to that leader once it reaches it.
    pub(crate) fn keep_in_limbo(&mut self, via: &Address, write: Write) {
        let survives = self.random.chance(self.settings.late_commit_permille);
        let now = self.now_ms();
        if let Some(swarm) = &mut self.swarm
            && swarm.limbo.len() < MAX_LIMBO
        {
            let tries_until_ms = swarm.leader.is_some().then(|| now.saturating_add(ENGINE_TRIES_MS));
            swarm.limbo.push(Limbo { by: via.clone(), survives, tries_until_ms, write });
        }
    }

    /// A machine reaches the leader again: what its engine still tries is committed now, in order.
    pub(crate) fn hand_over_limbo(&mut self, key: u64) {
        let now = self.now_ms();
        let Some(machine) = self.machines.get(&key) else { return };
        let (by, island) = (&machine.boot.address, machine.island);
        let Some(swarm) = &mut self.swarm else { return };
        let reaches = swarm.home == island && swarm.leader.is_some_and(|leader| leader != key);
        let mut due = Vec::new();
        swarm.limbo.retain(|entry| match entry.tries_until_ms {
            Some(until_ms) if now > until_ms => false,
            Some(_) if reaches && entry.by == *by => {
                due.extend(entry.survives.then(|| entry.clone()));
                false
            }
            _ => true,
        });
        due.into_iter().for_each(|entry| self.commit_late(entry));
    }

    /// There is a leader again: what was in its log is committed now, in order.
    pub(crate) fn settle_limbo(&mut self, elected: bool) {
        let Some(swarm) = &mut self.swarm else { return };
        let (in_log, tried) =
            std::mem::take(&mut swarm.limbo).into_iter().partition(|one| one.tries_until_ms.is_none());
        swarm.limbo = tried;
        let in_log: Vec<Limbo> = in_log;
        for entry in in_log {
            // The same leader still has all of its log; another one has what reached it.
            if !elected || entry.survives {
                self.commit_late(entry);
            }
        }
    }

    fn commit_late(&mut self, entry: Limbo) {
        match entry.write {
            Write::Head { base, head } => {
                self.commit_head(&entry.by, base, head, false);
            }
            Write::Call(action) => {
                let _late = self.apply_to_swarm(&action);
            }
        }
    }

    /// The bytes of a revision, through the engine of `via`.
    ///
    /// # Errors
    /// When the store does not answer or has no such revision.
    pub fn revision(&mut self, via: &Address, revision: &RevisionId, now_ms: u64) -> Result<Arc<[u8]>, StoreError> {
        self.advance(now_ms);
        self.read_standing(via)?;
        self.swarm
            .as_ref()
            .and_then(|swarm| Some(Arc::clone(&swarm.revisions.get(revision)?.bytes)))
            .ok_or_else(|| StoreError::NoRevision(revision.to_string()))
    }

    /// Keeps a revision, through the engine of `via`; the same one again is no error.
    ///
    /// # Errors
    /// When it is too large, the store does not answer, or there is another one under this name.
    pub fn put_revision(
        &mut self,
        via: &Address,
        revision: &RevisionId,
        bytes: &[u8],
        now_ms: u64,
    ) -> Result<(), StoreError> {
        self.advance(now_ms);
        if bytes.len() > MAX_REVISION_BYTES {
            return Err(StoreError::TooLarge { bytes: bytes.len(), limit: MAX_REVISION_BYTES });
        }
        if self.read_standing(via)?.is_some() {
            return Err(StoreError::Unavailable("the write timed out: the leader reaches no majority".to_owned()));
        }
        let kept_ms = self.now_ms();
        let Some(swarm) = &mut self.swarm else { return Ok(()) };
        match swarm.revisions.get_mut(revision) {
            Some(kept) if *kept.bytes == *bytes => {
                // Whoever keeps it again counts on it for another hour.
                kept.kept_ms = kept_ms;
                self.touch();
                Ok(())
            }
            Some(_) => Err(StoreError::Corrupt(format!("there is another revision {revision}"))),
            None => {
                let kept = KeptRevision { kept_ms, bytes: Arc::from(bytes) };
                swarm.revisions.insert(revision.clone(), kept);
                swarm.prune(kept_ms);
                self.touch();
                Ok(())
            }
        }
    }

    /// Which revisions are kept, through the engine of `via`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn revisions(&mut self, via: &Address, now_ms: u64) -> Result<Vec<RevisionId>, StoreError> {
        self.advance(now_ms);
        self.read_standing(via)?;
        Ok(self.swarm.as_ref().map(|swarm| swarm.revisions.keys().cloned().collect()).unwrap_or_default())
    }
}

impl Swarm {
    /// Takes away the oldest revisions that the head does not name, as long as there are more than enough.
    fn prune(&mut self, now_ms: u64) {
        let named: BTreeSet<&RevisionId> = self.head.iter().flat_map(|head| head.value.revisions()).collect();
        let mut old: Vec<(u64, RevisionId)> = self
            .revisions
            .iter()
            .filter(|(id, kept)| now_ms >= kept.kept_ms.saturating_add(PRUNE_AFTER_MS) && !named.contains(id))
            .map(|(id, kept)| (kept.kept_ms, id.clone()))
            .collect();
        old.sort();
        let surplus = self.revisions.len().saturating_sub(KEPT_REVISIONS);
        for (_, id) in old.into_iter().take(surplus) {
            self.revisions.remove(&id);
        }
    }
}

/// Revisions are text almost always: as such they are a quarter of the size of a list of numbers.
pub(super) mod bytes_as_text {
    use super::{Arc, Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Kept {
        Text(String),
        Bytes(Vec<u8>),
    }

    pub(crate) fn serialize<S: Serializer>(bytes: &Arc<[u8]>, out: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(bytes) {
            Ok(text) => out.serialize_str(text),
            Err(_) => bytes.serialize(out),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Arc<[u8]>, D::Error> {
        Ok(match Kept::deserialize(input)? {
            Kept::Text(text) => Arc::from(text.into_bytes()),
            Kept::Bytes(bytes) => Arc::from(bytes),
        })
    }
}
