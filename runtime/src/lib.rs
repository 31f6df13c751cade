//! Performs what the planner decides: the driver, the executor, stores and what an operator sees.

mod atomic_file;
mod boot;
mod clock;
mod cluster_key;
pub mod codes;
mod docker;
mod error;
mod event_log;
mod executor;
mod file_lock;
mod file_name;
mod file_store;
mod hosting;
mod machine;
mod manager_site;
mod operator;
mod providers;
mod replica;
mod shown;
mod simulated;
mod site;
mod sites;
mod state_directory;
mod surroundings;
mod usher;
mod vars;
mod way;

pub use boot::{BootPlaces, Booted, boot_machine};
pub use clock::{Clock, SystemClock, boot_id};
pub use cluster_key::{keep_key, key_of, new_key};
pub use codes::{CODES, ErrorPage, code_of};
pub use error::OperatorError;
pub use event_log::{EventLog, EventReader, EventRecord, EventSink};
pub use file_lock::FileLock;
pub use file_store::{FileStore, KEPT_REVISIONS, MAX_REVISION_BYTES};
pub use hosting::Hosted;
pub use kit_planner::Resume;
pub use kit_swarm::{Engine, socket_in};
pub use machine::{BOOT_DOCUMENT, ThisMachine, boot_document_at};
pub use manager_site::{MakeProvider, ManagerSite, Through};
pub use operator::{
    Begun, Change, ChangeKind, Changed, ChangedValue, ClusterView, Destroyed, Destruction, DryRun, HistoryEntry, Lack,
    MachineReport, MemberReport, MemberWords, NodeReport, Operator, Over, PlannedChange, PlannedStep, PlannedWait,
    Progress, Reached, RecoveredFrom, Refusal, ReplicaReport, Report, ResourceReport, Revision, Round, VolumeReport,
    lacks, short, who_should_act,
};
pub use providers::{ReachedFrom, provider_of};
pub use replica::{Elsewhere, Replica, ReplicaEnd};
pub use shown::{ShownMemory, ShownStatus, memory_in, status_in};
pub use simulated::{MAX_PACE, SimulatedSite, check_pace, set_pace};
pub use site::Site;
pub use sites::{find_simulated, find_site, is_simulated, make_site, serve, site_of};
pub use state_directory::StateDirectory;
pub use surroundings::{Host, HostState, Surroundings};
pub use usher::Usher;
pub use vars::{Vars, VarsSource, VarsStore};
pub use way::Way;
