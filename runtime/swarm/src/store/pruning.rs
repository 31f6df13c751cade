//! Takes revisions away that nothing names.
//!
//! A config is condemned by a versioned update before it is removed, and removed by its ID. So whoever puts the revision
//! meanwhile either makes the condemnation stale, or finds it and makes the revision anew under another ID, which no
//! removal that is still on its way can hit.

use std::collections::BTreeSet;

use kit_model::{RevisionId, StoreError};

use super::revisions::{CONDEMNED_LABEL, PUT_LABEL, is_condemned, parts_of, revision_in};
use super::{KEPT_REVISIONS, Kept, Written, all_named, head, relabel, remove, unavailable};
use crate::engine::Engine;
use crate::names::Names;

/// A revision is pruned only when it is older than this: a commit puts its revision first and the head afterwards, and
/// must not lose the one before it has written the other.
const PRUNE_AFTER_MS: u64 = 3_600_000;

/// Prunes what the head that stands does not name, beyond the newest [`KEPT_REVISIONS`]; `put` was put just now.
pub(crate) async fn prune(engine: &Engine, names: &Names, put: &RevisionId, now_ms: u64) -> Result<(), StoreError> {
    let Some(head) = head::read(engine, names).await? else { return Ok(()) };
    let named: BTreeSet<&RevisionId> = head.value.revisions().chain([put]).collect();
    let kept = all_named(engine, &names.revisions()).await?;
    for first in surplus(&kept, &named, names, now_ms) {
        if !is_condemned(first) {
            let mut labels = first.labels.clone();
            labels.insert(CONDEMNED_LABEL.to_owned(), String::new());
            match relabel(engine, first, labels).await {
                Written::Done => {}
                // Put again meanwhile.
                Written::Stale => continue,
                Written::Unknown(why) => return Err(StoreError::Unavailable(why)),
            }
        }
        for id in std::iter::once(first.id.as_str()).chain(parts_of(first)) {
            remove(engine, id).await.map_err(|error| unavailable(&error))?;
        }
    }
    for part in orphans(&kept, names, now_ms) {
        remove(engine, &part.id).await.map_err(|error| unavailable(&error))?;
    }
    Ok(())
}

/// First parts that go: of those that nothing names the oldest, and what somebody condemned and did not take away.
fn surplus<'a>(kept: &'a [Kept], named: &BTreeSet<&RevisionId>, names: &Names, now_ms: u64) -> Vec<&'a Kept> {
    let mut spare: Vec<&Kept> = kept
        .iter()
        .filter(|config| revision_in(config, names).is_some_and(|revision| !named.contains(&revision)))
        .collect();
    spare.sort_unstable_by_key(|config| (put_ms(config), config.id.clone()));
    let condemned = spare.iter().filter(|config| is_condemned(config)).count();
    let surplus = (spare.len() - condemned).saturating_sub(KEPT_REVISIONS.saturating_sub(named.len()));
    let mut living = 0;
    spare.retain(|config| {
        let goes = is_condemned(config) || living < surplus;
        living += usize::from(!is_condemned(config));
        goes && is_old(config, now_ms)
    });
    spare
}

/// Further parts that no first one names: what a put left behind that did not come to its end.
fn orphans<'a>(kept: &'a [Kept], names: &Names, now_ms: u64) -> Vec<&'a Kept> {
    let (firsts, parts): (Vec<&Kept>, Vec<&Kept>) =
        kept.iter().partition(|config| revision_in(config, names).is_some());
    let named: BTreeSet<&str> = firsts.into_iter().flat_map(parts_of).collect();
    let is_ours = |config: &Kept| config.labels.contains_key(super::revisions::PART_LABEL);
    parts
        .into_iter()
        .filter(|part| is_ours(part) && !named.contains(part.id.as_str()) && is_old(part, now_ms))
        .collect()
}

/// What does not say when it was put is old; what was put in the future is not.
fn put_ms(config: &Kept) -> u64 {
    config.labels.get(PUT_LABEL).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn is_old(config: &Kept, now_ms: u64) -> bool {
    now_ms.saturating_sub(put_ms(config)) > PRUNE_AFTER_MS
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use kit_graph::sha256_hex;

    use super::super::revisions::{PART_LABEL, PARTS_LABEL, REVISION_LABEL};
    use super::*;

    const HOUR_MS: u64 = 3_600_000;

    fn names() -> Names {
        Names::of(&"u".into()).unwrap()
    }

    fn revision(number: u64) -> RevisionId {
        RevisionId::new(sha256_hex(&number.to_be_bytes()))
    }

    fn config(id: &str, name: String, put_ms: u64, labels: &[(&str, &str)]) -> Kept {
        let mut labels: HashMap<String, String> =
            labels.iter().map(|(label, text)| ((*label).to_owned(), (*text).to_owned())).collect();
        labels.insert(PUT_LABEL.to_owned(), put_ms.to_string());
        Kept { id: id.to_owned(), version: 1, name, labels, data: String::new() }
    }

    fn first(number: u64, put_ms: u64, labels: &[(&str, &str)]) -> Kept {
        let of = revision(number);
        let labels = [labels, &[(REVISION_LABEL, of.as_str())]].concat();
        config(&number.to_string(), names().revision(&of), put_ms, &labels)
    }

    fn ids(found: &[&Kept]) -> Vec<String> {
        found.iter().map(|config| config.id.clone()).collect()
    }

    #[test]
    fn the_oldest_go_that_nothing_names_and_never_a_young_one() {
        let kept: Vec<Kept> = (0..14).map(|number| first(number, number * HOUR_MS / 2, &[])).collect();
        let (zero, five) = (revision(0), revision(5));
        let named = BTreeSet::from([&zero, &five]);
        // Twelve that nothing names, of which eight stay beside the two.
        assert_eq!(ids(&surplus(&kept, &named, &names(), 100 * HOUR_MS)), ["1", "2", "3", "4"]);
        assert_eq!(ids(&surplus(&kept, &named, &names(), 2 * HOUR_MS)), ["1"]);
        assert!(surplus(&kept[..10], &named, &names(), 100 * HOUR_MS).is_empty());
    }

    #[test]
    fn what_was_condemned_and_left_goes_with_the_next() {
        let mut kept: Vec<Kept> = (1..4).map(|number| first(number, 0, &[])).collect();
        kept.push(first(4, 0, &[(CONDEMNED_LABEL, "")]));
        kept.push(first(5, 0, &[(CONDEMNED_LABEL, "")]));
        let five = revision(5);
        assert_eq!(ids(&surplus(&kept, &BTreeSet::from([&five]), &names(), 9 * HOUR_MS)), ["4"]);
    }

    #[test]
    fn parts_go_that_are_nobodys_and_old() {
        let part = |id: &str, put_ms: u64| {
            config(id, names().part(&revision(1), 7), put_ms, &[(PART_LABEL, revision(1).as_str())])
        };
        let stranger = config("stranger", format!("{}other", names().revisions()), 0, &[]);
        let kept = [
            first(1, 0, &[(PARTS_LABEL, "a,b")]),
            part("a", 0),
            part("b", 0),
            part("c", 0),
            part("d", HOUR_MS),
            stranger,
        ];
        assert_eq!(ids(&orphans(&kept, &names(), 2 * HOUR_MS)), ["c"]);
    }
}
