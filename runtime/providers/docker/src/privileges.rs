//! What a machine's container may do: everything, or all that this host itself may.
//!
//! Some hosts lack a capability of their own, and there an Engine refuses a privileged container outright. A machine gets
//! all that is there instead.

use bollard::models::{HostConfig, HostConfigCgroupnsModeEnum};

/// The kernel's capabilities by their numbers, as Docker names them.
const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// Gives a machine's container all that there is to give.
pub(crate) fn give(config: &mut HostConfig) {
    // Beside the Engine, which an own socket is, its bounding set is ours.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let last = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap").unwrap_or_default();
    give_within(config, &lacking(&status, &last));
    config.cgroupns_mode = Some(HostConfigCgroupnsModeEnum::PRIVATE);
    // A machine's /run is empty when it boots, also when it boots again.
    config.tmpfs = Some([("/run".to_owned(), "exec,mode=755".to_owned())].into());
}

fn give_within(config: &mut HostConfig, lacking: &[&str]) {
    if lacking.is_empty() {
        config.privileged = Some(true);
        return;
    }
    config.cap_add = Some(vec!["ALL".to_owned()]);
    config.cap_drop = Some(lacking.iter().map(|&name| name.to_owned()).collect());
    let unconfined = ["seccomp=unconfined", "apparmor=unconfined", "label=disable"];
    config.security_opt = Some(unconfined.map(str::to_owned).to_vec());
    config.device_cgroup_rules = Some(vec!["a *:* rwm".to_owned()]);
    // Empty is none: left out, they would be the Engine's own.
    config.masked_paths = Some(Vec::new());
    config.readonly_paths = Some(Vec::new());
}

/// Takes back that a capability is left out, where an Engine's words say that it knows none of that name: then it gives none
/// either. True if that is another request than before.
///
/// Engines differ in what they know, and a machine lacks what its own Engine did not know.
pub(crate) fn take_back_unknown(config: &mut HostConfig, message: &str) -> bool {
    let Some(left_out) = &mut config.cap_drop else { return false };
    let before = left_out.len();
    let words = |letter: char| !letter.is_ascii_alphanumeric() && letter != '_';
    for named in message.split(words).filter_map(|word| word.strip_prefix("CAP_")) {
        left_out.retain(|name| name != named);
    }
    left_out.len() < before
}

/// The capabilities that the kernel has and this process cannot get; none where that cannot be read.
fn lacking(status: &str, last: &str) -> Vec<&'static str> {
    let bound = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    let bound = bound.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    let (Some(bound), Ok(last)) = (bound, last.trim().parse::<usize>()) else { return Vec::new() };
    let known = CAPABILITIES.iter().enumerate().take_while(|(number, _)| *number <= last);
    known.filter(|(number, _)| bound >> number & 1 == 0).map(|(_, name)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_lacks_is_left_out() {
        assert_eq!(lacking("CapBnd:\t000001fffeffffff\n", "40\n"), ["SYS_RESOURCE"]);
        assert_eq!(lacking("CapBnd:\t000001ffffffffff\n", "40\n"), [""; 0]);
        // An older kernel has fewer.
        assert_eq!(lacking("CapBnd:\t0000003fffffffff\n", "37\n"), [""; 0]);
        assert_eq!(lacking("nothing", "40"), [""; 0]);
        let mut full = HostConfig::default();
        give_within(&mut full, &[]);
        assert_eq!((full.privileged, full.cap_add), (Some(true), None));
        let mut less = HostConfig::default();
        give_within(&mut less, &["SYS_RESOURCE"]);
        assert_eq!((less.privileged, less.cap_drop), (None, Some(vec!["SYS_RESOURCE".to_owned()])));
    }

    #[test]
    fn what_an_engine_does_not_know_is_not_left_out() {
        let mut host = HostConfig::default();
        give_within(&mut host, &["SYS_RESOURCE", "PERFMON", "BPF"]);
        assert!(take_back_unknown(&mut host, "invalid CapDrop: unknown capability: \"CAP_PERFMON\""));
        assert!(!take_back_unknown(&mut host, "invalid CapDrop: unknown capability: \"CAP_PERFMON\""));
        assert!(!take_back_unknown(&mut host, "something else about CAP and BPF"));
        assert_eq!(host.cap_drop, Some(vec!["SYS_RESOURCE".to_owned(), "BPF".to_owned()]));
        assert!(!take_back_unknown(&mut HostConfig::default(), "unknown capability: \"CAP_BPF\""));
    }
}
