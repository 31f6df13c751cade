//! The address of this machine that a manager goes by.

use std::net::{IpAddr, UdpSocket};

use kit_model::BootDocument;

use crate::codes;
use crate::error::OperatorError;

/// The one of the managers' addresses that is this machine's: no other can be bound here.
pub(super) fn of_manager(document: &BootDocument) -> Result<IpAddr, OperatorError> {
    let is_here = |ip: &&IpAddr| UdpSocket::bind((**ip, 0)).is_ok();
    document.manager_ips.iter().find(is_here).copied().ok_or_else(|| {
        let pinned: Vec<String> = document.manager_ips.iter().map(IpAddr::to_string).collect();
        let why = format!("this machine has none of the managers' addresses ({})", pinned.join(", "));
        OperatorError::new(codes::NOT_IN_SWARM, why)
    })
}
