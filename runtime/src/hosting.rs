//! Replicas of several members in one process: where the machines are simulated, nobody else runs them.

use std::io;
use std::sync::Arc;

use kit_model::Address;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::codes;
use crate::error::OperatorError;
use crate::event_log::EventSink;
use crate::replica::{Elsewhere, Replica, ReplicaEnd};
use crate::site::Site;
use crate::state_directory::StateDirectory;

/// Replicas that run in this process.
pub struct Hosted {
    tasks: JoinSet<(Address, io::Result<ReplicaEnd>)>,
    stop: watch::Sender<bool>,
}

impl Hosted {
    /// Starts the replica of each of `members`; `elsewhere` says what becomes of those that run already.
    ///
    /// # Errors
    /// When the directory of one cannot be made.
    pub fn start(
        site: &Arc<dyn Site>,
        members: &[Address],
        events: &Arc<dyn EventSink>,
        elsewhere: Elsewhere,
    ) -> Result<Self, OperatorError> {
        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for member in members {
            let directory = site.member_directory(member);
            let state = StateDirectory::open(&directory).map_err(|error| {
                OperatorError::new(codes::STATE_UNREADABLE, format!("{} cannot be made: {error}", directory.display()))
            })?;
            let replica = Replica {
                member: member.clone(),
                surroundings: site.beside(member),
                state: Arc::new(state),
                policy: site.policy(),
                events: Arc::clone(events),
            };
            let (member, stopping) = (member.clone(), stopping.clone());
            tasks.spawn(async move {
                let end = replica.run(elsewhere, stopping).await;
                (member, end)
            });
        }
        Ok(Self { tasks, stop })
    }

    /// The next replica that ends, and how; none once all have.
    ///
    /// # Errors
    /// When its lock cannot be opened, or it died.
    pub async fn ended(&mut self) -> Option<Result<(Address, ReplicaEnd), OperatorError>> {
        Some(match self.tasks.join_next().await? {
            Ok((member, Ok(end))) => Ok((member, end)),
            Ok((member, Err(error))) => Err(OperatorError::new(
                codes::STATE_UNREADABLE,
                format!("the lock of {member}'s replica cannot be taken: {error}"),
            )),
            Err(error) => Err(OperatorError::new(codes::STATE_UNREADABLE, format!("a replica died: {error}"))),
        })
    }

    /// Stops all and waits until they have ended.
    pub async fn stop(mut self) {
        // Nobody listens any more where all have ended.
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
    }
}
