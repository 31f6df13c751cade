//! Names of things. A cloud ID is never an identity: identity is a mark made by this cluster.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name with this text.
            #[must_use]
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }
    };
}

text_id!(
    /// The address of a member, a worker's slot or a resource: `managers.m1`, `workers.7` (slots count
    /// from 1), `net`.
    Address
);
text_id!(
    /// The random identity of one incarnation of a cluster, held by its anchor.
    ClusterUid
);
text_id!(
    /// A provider's ID of a machine. Names one machine exactly; says nothing about who it is.
    MachineId
);
text_id!(
    /// A provider's ID of a volume.
    VolumeId
);
text_id!(
    /// A provider's ID of another resource.
    ResourceId
);
text_id!(
    /// The Swarm's ID of a node.
    NodeId
);
text_id!(
    /// The kernel's random ID of one boot of one machine.
    BootId
);
text_id!(
    /// A revision: the hash of its graph (`sha256:…`).
    RevisionId
);
text_id!(
    /// A hash of what reaches a machine or a resource; differs exactly when it must be made anew.
    ContentHash
);
text_id!(
    /// An idempotency token of a creating call: the same token never makes two things.
    Token
);

/// The number of the head write that opened a permit. It only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which making of a member or slot this is: the epoch of the write that first journals the intent;
/// 0 is the operator's, before anything is formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u64);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn digest(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        // The length first, so that two lists of parts never run together to the same bytes.
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

impl Token {
    /// The token of making `address` in `generation`.
    #[must_use]
    pub fn of_generation(uid: &ClusterUid, address: &Address, generation: Generation) -> Self {
        Self::new(digest(&[
            b"kit generation",
            uid.as_str().as_bytes(),
            address.as_str().as_bytes(),
            &generation.0.to_be_bytes(),
        ]))
    }

    /// The token of making the volume of `address` in `generation`: another than its machine's, for one token
    /// never stands for two requests.
    #[must_use]
    pub fn of_volume(uid: &ClusterUid, address: &Address, generation: Generation) -> Self {
        Self::new(digest(&[
            b"kit volume",
            uid.as_str().as_bytes(),
            address.as_str().as_bytes(),
            &generation.0.to_be_bytes(),
        ]))
    }

    /// The token of making `address` again after `dead`, from `content`, without a committed write: whoever rescues or
    /// recovers, however many do, arrives at the same token, and one who knows another revision at another one, for no
    /// token ever stands for two requests. Between the two the member's address is the lock.
    #[must_use]
    pub fn of_rescue(uid: &ClusterUid, address: &Address, dead: &MachineId, content: &ContentHash) -> Self {
        Self::new(digest(&[
            b"kit rescue",
            uid.as_str().as_bytes(),
            address.as_str().as_bytes(),
            dead.as_str().as_bytes(),
            content.as_str().as_bytes(),
        ]))
    }

    /// The token that takes the place of this one where it stands for something that is gone, and that the provider has
    /// forgotten but for its token.
    #[must_use]
    pub fn after(&self) -> Self {
        Self::new(digest(&[b"kit after", self.as_str().as_bytes()]))
    }
}

impl ContentHash {
    /// The hash of these parts, each with its length.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        Self::new(digest(parts))
    }
}

impl Address {
    /// The address of slot `slot` (from 1) of `group`.
    #[must_use]
    pub fn of_slot(group: &str, slot: u32) -> Self {
        Self::new(format!("{group}.{slot}"))
    }

    /// The group's part: what stands before the last dot, for a group may stand in a component; the whole
    /// where there is none.
    #[must_use]
    pub fn group(&self) -> &str {
        self.0.rsplit_once('.').map_or(&*self.0, |(group, _)| group)
    }

    /// The part after the last dot: a member's ID or a slot's number.
    #[must_use]
    pub fn within_group(&self) -> Option<&str> {
        self.0.rsplit_once('.').map(|(_, id)| id)
    }

    /// The slot's number, if this is the address of one.
    #[must_use]
    pub fn slot(&self) -> Option<u32> {
        self.within_group().and_then(|id| id.parse().ok())
    }
}
