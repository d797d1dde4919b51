# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Debian's Slurm in one guest: a controller and the nodes n1 and n2. For cases and benches, whose wait_until it
# uses; what Slurm says comes to $SLURM_LOGS.

SLURM_LOGS=/tmp/slurm

# slurm_configure CPUS MB LINE...: of each node, and more of slurm.conf
slurm_configure() {
	local cpus=$1 mb=$2
	shift 2
	mkdir -p /etc/slurm "$SLURM_LOGS" "/sys/fs/cgroup/system.slice"
	cat >/etc/slurm/slurm.conf <<-END
		ClusterName=uw
		SlurmctldHost=$(hostname)(127.0.0.1)
		AuthType=auth/munge
		SlurmUser=root
		StateSaveLocation=$SLURM_LOGS/state
		SlurmctldPidFile=$SLURM_LOGS/slurmctld.pid
		SlurmctldLogFile=$SLURM_LOGS/slurmctld.log
		SlurmdSpoolDir=$SLURM_LOGS/%n
		SlurmdPidFile=$SLURM_LOGS/slurmd-%n.pid
		SlurmdLogFile=$SLURM_LOGS/slurmd-%n.log
		MpiDefault=none
		KillWait=2
		NodeName=n[1-2] NodeHostname=$(hostname) NodeAddr=127.0.0.1 Port=[17001-17002] CPUs=$cpus RealMemory=$mb
	END
	printf '%s\n' "$@" >>/etc/slurm/slurm.conf
	printf 'CgroupPlugin=cgroup/v2\nIgnoreSystemd=yes\n' >/etc/slurm/cgroup.conf
	# Where the package has it.
	ln -sf /usr/lib/slurm-wlm/{spank_uw,job_submit_uw}.so /usr/lib/x86_64-linux-gnu/slurm-wlm/
}

slurm_is_idle() {
	[ "$(sinfo -h -N -o %T | sort -u)" = idle ]
}

slurm_start_daemons() {
	slurmctld
	slurmd -N n1
	slurmd -N n2
	wait_until 20 slurm_is_idle
}

slurm_end_daemons() {
	local file pid
	for file in "$SLURM_LOGS"/*.pid; do
		pid=$(cat "$file")
		kill -TERM "$pid"
		wait_until 10 test ! -d "/proc/$pid"
	done
}

# A host that has but lo has no address to Slurm.
slurm_start() {
	ip link add dummy0 type dummy
	ip addr add 10.0.0.1/24 dev dummy0
	ip link set dummy0 up
	install -d -o munge -g munge /run/munge
	setpriv --reuid munge --regid munge --clear-groups munged
	slurm_start_daemons
}

# At once, whatever of it runs.
slurm_kill() {
	local file
	for file in "$SLURM_LOGS"/*.pid /run/munge/munged.pid; do
		kill -KILL "$(cat "$file")" || true
	done
	ip link del dummy0
}
