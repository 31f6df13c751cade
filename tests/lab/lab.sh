# shellcheck shell=bash
# Sourced by the lab's scripts: where state lies, how to reach the engine, what a machine is.
LAB_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LAB_DIR=${KIT_LAB_DIR:-/var/tmp/kit-lab}
LAB_IMAGE=${KIT_LAB_IMAGE:-kit-lab/node}

say() { printf '%s %s\n' "$(date +%H:%M:%S)" "$*" >&2; }
die() { say "error: $*"; exit 1; }

# apt_need PROGRAM=PACKAGE... : install the packages whose program is missing.
apt_need() {
  local want=() pair
  for pair; do command -v "${pair%%=*}" >/dev/null || want+=("${pair#*=}"); done
  [ ${#want[@]} -eq 0 ] && return
  [ "$(id -u)" = 0 ] || die "the lab needs root, to install ${want[*]} and to make machines"
  say "apt: ${want[*]}"
  apt-get update -q >/dev/null
  # No package may start a service of its own: the lab starts what it needs.
  local policy=/usr/sbin/policy-rc.d made=
  [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy; chmod +x $policy; made=1; }
  local rc=0
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${want[@]}" >/dev/null || rc=$?
  [ -z "$made" ] || rm -f $policy
  return $rc
}

# alive PIDFILE NAME : the process of that pid file runs and is called NAME.
alive() {
  local pid
  pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] &&
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ]
}

# Point the docker client at the lab's engine; start it where it isn't up.
use_engine() {
  "$LAB_HOME/engine" start >/dev/null
  DOCKER_HOST=$(cat "$LAB_DIR/engine/host")
  export DOCKER_HOST
}

now_ms() { date +%s%3N; }
secs() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f", (b - a) / 1000 }'; }

# Flags of a machine's container: all that --privileged gives, less the
# capabilities this host itself lacks (where --privileged is refused outright).
machine_flags() {
  local names n=0 name bound
  names="chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable \
net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot \
sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease \
audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read \
perfmon bpf checkpoint_restore"
  bound=$((0x$(awk '/^CapBnd/ { print $2 }' /proc/self/status)))
  MACHINE_FLAGS=(--label kit.lab=machine --cap-add ALL --security-opt seccomp=unconfined
    --security-opt apparmor=unconfined --security-opt systempaths=unconfined
    --device-cgroup-rule 'a *:* rwm' --tmpfs /run:exec,mode=755 --cgroupns private --dns 127.0.0.1)
  for name in $names; do
    [ $((bound >> n & 1)) = 1 ] || MACHINE_FLAGS+=(--cap-drop "$name")
    n=$((n + 1))
  done
}
