//! Labels: the Engine sets them when a thing is made and never again, so they are marks.

use std::collections::HashMap;

use kit_model::{Address, ClusterUid, ContentHash, Generation, Marks, Token};

/// Labels as the Engine gives and takes them.
pub(crate) type Labels = HashMap<String, String>;

/// What begins so belongs to Kit.
pub(crate) const PREFIX: &str = "kit.";

/// The cluster's incarnation.
pub(crate) const UID: &str = "kit.uid";
/// The cluster's name, on its anchor.
pub(crate) const CLUSTER: &str = "kit.cluster";
/// What it is, in the graph.
pub(crate) const ADDRESS: &str = "kit.address";
/// Which making of it.
pub(crate) const GENERATION: &str = "kit.generation";
/// What it was made from.
pub(crate) const CONTENT: &str = "kit.content";
/// The token that it was made with.
pub(crate) const TOKEN: &str = "kit.token";
/// The hash of the request that it was made with.
pub(crate) const REQUEST: &str = "kit.request";
/// A machine's private address.
pub(crate) const IP: &str = "kit.ip";
/// What the machine is told when it boots.
pub(crate) const BOOT: &str = "kit.boot";
/// On a volume that holds no data but is a record: which.
pub(crate) const RECORD: &str = "kit.record";
/// What a record is about.
pub(crate) const OF: &str = "kit.of";
/// When a record was made, in seconds since 1970.
pub(crate) const AT_S: &str = "kit.at_s";

/// The labels of `marks`, and of the hash of the request.
pub(crate) fn of_marks(marks: &Marks, request: &ContentHash) -> Labels {
    [
        (UID, marks.uid.to_string()),
        (ADDRESS, marks.address.to_string()),
        (GENERATION, marks.generation.to_string()),
        (CONTENT, marks.content.to_string()),
        (TOKEN, marks.token.to_string()),
        (REQUEST, request.to_string()),
    ]
    .into_iter()
    .map(|(name, text)| (name.to_owned(), text))
    .collect()
}

/// The marks of a thing of `uid`; none where it is not ours, or bears what Kit never wrote.
pub(crate) fn marks(labels: &Labels, uid: &ClusterUid) -> Option<Marks> {
    let text = |name: &str| labels.get(name).map(String::as_str);
    if text(UID) != Some(uid.as_str()) {
        return None;
    }
    Some(Marks {
        uid: uid.clone(),
        address: Address::from(text(ADDRESS)?),
        generation: Generation(text(GENERATION)?.parse().ok()?),
        content: ContentHash::from(text(CONTENT)?),
        token: Token::from(text(TOKEN)?),
    })
}

/// The filter of a listing that shows what bears this label.
pub(crate) fn filter(name: &str, text: &str) -> HashMap<String, Vec<String>> {
    [("label".to_owned(), vec![format!("{name}={text}")])].into()
}
