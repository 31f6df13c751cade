//! Pure decisions: [`plan`], the rule of the majority, the [`Gate`], and the [`Reconciler`]'s state machine.
//!
//! Nothing here performs an effect, reads a clock, or knows a provider by name. The same inputs give the same
//! outputs, byte for byte.

mod attempts;
mod boot;
mod bugs;
mod change;
mod disk;
mod draft;
mod entry;
mod gate;
mod majority;
mod making;
mod managers;
mod memory;
mod operator;
mod plan;
mod reconciler;
mod request;
mod retire;
mod settling;
mod slots;
mod specs;
mod subject;
mod surplus;
mod survey;
mod volumes;

pub use attempts::Attempts;
pub use boot::{BootRefusal, BootStep, Entry, Found, FoundRecord, FoundSwarm, VolumeRecord, boot};
#[cfg(feature = "planted-bugs")]
pub use bugs::{Bug, plant};
pub use change::{
    ChangeRefused, MAX_HISTORY, MAX_PAUSE_REASON_CHARS, Resume, commit_revision, destroy, pause, resume,
    rollback_target,
};
pub use disk::{DiskName, DiskStep, FoundDisk, disk};
pub use entry::{NotLetIn, may_enter};
pub use gate::{Gate, Refusal};
pub use majority::{Voters, majority};
pub use memory::Memory;
pub use operator::{Demolition, bootstrap, demolish, is_formed, outage, recover};
pub use plan::plan;
pub use reconciler::{GroupStatus, MemberStatus, Reconciler, ReplicaRole, Status};
pub use request::machine_request;
pub use specs::Specs;
