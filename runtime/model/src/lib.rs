//! What the runtime sees, decides and does, as data, and the traits of the parts that touch the world.
//!
//! Nothing here performs an effect, reads a clock or knows a provider by name.

mod action;
mod boot;
mod clock;
mod codes;
mod event;
mod head;
mod identity;
mod inventory;
mod metadata;
mod plan;
mod policy;
mod spec;
mod store;
mod swarm;
mod traits;

pub use action::{Action, Authority, Call, CallError, CallId, ErrorClass, MachineRequest, Outcome, Permit};
pub use boot::{BootDisk, BootDocument, BootFinding, NewcomerReason};
pub use clock::Now;
pub use codes::{REASONS, ReasonPage};
pub use event::{Effect, EffectId, Event, Level, Observation, ReplicaIdentity, Report};
pub use head::{
    Approval, Failures, HEAD_FORMAT, Head, HeadError, Holder, Intent, MAX_HEAD_BYTES, Operation, OperationKind,
    PermitState, StoppedRoll, Versioned, Wave,
};
pub use identity::{
    Address, BootId, ClusterUid, ContentHash, Epoch, Generation, MachineId, NodeId, ResourceId, RevisionId, Token,
    VolumeId,
};
pub use inventory::{
    Anchor, Attachment, Inventory, LiveResource, Machine, MachineState, Marks, Stranger, Volume, VolumeState,
};
pub use metadata::{MetadataAnswer, MetadataError, MetadataQuestion, MetadataSource, MetadataValue};
pub use plan::{Blocked, Plan, Reason, Risk, Step};
pub use policy::Policy;
pub use spec::{Amount, GroupSpec, MemberSpec, ResourceSpec, Role, Spec, SpecError};
pub use store::{CommitResult, HeadVersion, StoreError};
pub use swarm::{Availability, Leadership, ManagerStatus, Node, NodeRole, NodeState, Reachability, SwarmView};
pub use traits::{Admission, LeaderDetector, Provider, ProviderError, SpecStore, SwarmControl};
