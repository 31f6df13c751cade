//! What a disk holds of a Swarm, while no engine runs on it.

use std::fs;
use std::io;
use std::path::Path;

use kit_model::NodeId;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::X509Certificate;

/// Where an engine keeps its part in a Swarm, below its own directory.
const CERTIFICATE: &str = "swarm/certificates/swarm-node.crt";

/// Where a manager keeps its Raft state.
const RAFT: &str = "swarm/raft";

/// The most that a certificate with its chain may take: real ones have some 2 KiB.
const MAX_CERTIFICATE_BYTES: u64 = 64 << 10;

/// What a manager's certificate says of its role.
const MANAGER: &str = "swarm-manager";

/// The node whose state a disk holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeOnDisk {
    /// Which, by its certificate.
    pub node: NodeId,
    /// True if it is a manager's.
    pub is_manager: bool,
    /// When its certificate expires, in seconds since 1970.
    pub expires_s: u64,
    /// True if there is Raft state.
    pub has_raft: bool,
}

/// The node whose state lies in `directory`, an engine's own; none where there is none.
///
/// # Errors
/// When there is a certificate of which nothing can be told.
pub fn node_on_disk(directory: &Path) -> io::Result<Option<NodeOnDisk>> {
    let path = directory.join(CERTIFICATE);
    let told = |why: String| io::Error::other(format!("{}: {why}", path.display()));
    match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(told(error.to_string())),
        Ok(there) if there.len() > MAX_CERTIFICATE_BYTES => {
            return Err(told("it is too large for a certificate".into()));
        }
        Ok(_) => {}
    }
    let bytes = fs::read(&path).map_err(|error| told(error.to_string()))?;
    let has_raft = fs::read_dir(directory.join(RAFT)).is_ok_and(|mut entries| entries.next().is_some());
    let (node, is_manager, expires_s) = named(&bytes).ok_or_else(|| told("it is no certificate of a node".into()))?;
    Ok(Some(NodeOnDisk { node, is_manager, expires_s, has_raft }))
}

/// Whose certificate comes first in `pem`, whether a manager's, and until when it is good.
fn named(pem: &[u8]) -> Option<(NodeId, bool, u64)> {
    let (_, pem) = parse_x509_pem(pem).ok()?;
    let certificate: X509Certificate<'_> = pem.parse_x509().ok()?;
    let subject = certificate.subject();
    let node = subject.iter_common_name().next()?.as_str().ok().filter(|name| !name.is_empty())?;
    let is_manager = subject.iter_organizational_unit().any(|unit| unit.as_str() == Ok(MANAGER));
    let expires_s = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    Some((NodeId::from(node), is_manager, expires_s))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(unit: &str, node: &str) -> String {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(rcgen::DnType::OrganizationName, "the Swarm");
        parameters.distinguished_name.push(rcgen::DnType::OrganizationalUnitName, unit);
        parameters.distinguished_name.push(rcgen::DnType::CommonName, node);
        parameters.not_after = rcgen::date_time_ymd(2027, 1, 2);
        let key = rcgen::KeyPair::generate().unwrap();
        parameters.self_signed(&key).unwrap().pem()
    }

    #[test]
    fn a_disk_says_whose_node_it_holds() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(node_on_disk(directory.path()).unwrap(), None);
        fs::create_dir_all(directory.path().join("swarm/certificates")).unwrap();
        fs::create_dir_all(directory.path().join(RAFT)).unwrap();
        assert_eq!(node_on_disk(directory.path()).unwrap(), None);
        let path = directory.path().join(CERTIFICATE);
        fs::write(&path, certificate(MANAGER, "n1")).unwrap();
        let found = NodeOnDisk { node: "n1".into(), is_manager: true, expires_s: 1_798_848_000, has_raft: false };
        assert_eq!(node_on_disk(directory.path()).unwrap(), Some(found.clone()));
        fs::write(directory.path().join(RAFT).join("wal"), "x").unwrap();
        assert_eq!(node_on_disk(directory.path()).unwrap(), Some(NodeOnDisk { has_raft: true, ..found.clone() }));
        fs::write(&path, certificate("swarm-worker", "n1")).unwrap();
        let worker = NodeOnDisk { has_raft: true, is_manager: false, ..found };
        assert_eq!(node_on_disk(directory.path()).unwrap(), Some(worker));
    }

    #[test]
    fn what_is_no_certificate_is_an_error_and_not_an_empty_disk() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(CERTIFICATE);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let whole = certificate(MANAGER, "n1");
        for text in ["", "no certificate", &whole[..whole.len() / 2], &certificate(MANAGER, "")] {
            fs::write(&path, text).unwrap();
            let why = node_on_disk(directory.path()).unwrap_err().to_string();
            assert!(why.contains("swarm-node.crt"), "{why}");
        }
        fs::write(&path, vec![b'x'; 65 << 10]).unwrap();
        assert!(node_on_disk(directory.path()).unwrap_err().to_string().contains("too large"));
    }
}
