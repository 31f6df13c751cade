//! Addresses of machines that ask for none.
//!
//! The Engine would give the next one after the last, and so one day that of a member that is being made again. Kit
//! chooses: from the end of the subnet, since people pin addresses at its beginning.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};

use ipnet::Ipv4Net;

use crate::networks::gateway;

/// Addresses that calls which are under way have chosen.
#[derive(Debug, Default)]
pub(crate) struct Chosen(Mutex<BTreeSet<IpAddr>>);

/// An address that nobody else in this process chooses as long as this lives.
#[derive(Debug)]
pub(crate) struct Choice<'a> {
    pub(crate) ip: IpAddr,
    chosen: &'a Chosen,
}

impl Chosen {
    /// A free address of the subnet; none where all are taken.
    pub(crate) fn choose(&self, subnet: Ipv4Net, taken: &BTreeSet<IpAddr>) -> Option<Choice<'_>> {
        let mut chosen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, last) = (u32::from(gateway(subnet)), u32::from(subnet.broadcast()));
        let ip = (first.saturating_add(1)..last)
            .rev()
            .map(|number| IpAddr::V4(Ipv4Addr::from(number)))
            .find(|ip| !taken.contains(ip) && !chosen.contains(ip))?;
        chosen.insert(ip);
        Some(Choice { ip, chosen: self })
    }
}

impl Drop for Choice<'_> {
    fn drop(&mut self) {
        self.chosen.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.ip);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gets_an_address_that_another_has_or_chooses() {
        let chosen = Chosen::default();
        let subnet: Ipv4Net = "10.0.0.0/29".parse().unwrap();
        let taken: BTreeSet<IpAddr> = ["10.0.0.5".parse().unwrap()].into();
        let mut choices = Vec::new();
        while let Some(choice) = chosen.choose(subnet, &taken) {
            choices.push(choice);
        }
        let ips: Vec<String> = choices.iter().map(|choice| choice.ip.to_string()).collect();
        // Not the subnet's own, the gateway's, the one that is taken, or the broadcast.
        assert_eq!(ips, ["10.0.0.6", "10.0.0.4", "10.0.0.3", "10.0.0.2"]);
        choices.pop();
        assert_eq!(chosen.choose(subnet, &taken).map(|choice| choice.ip.to_string()).as_deref(), Some("10.0.0.2"));
    }
}
