# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# vm: --hybrid
# kernels: 6.1
# seconds: 3
# Debian builds later kernels without the memory controller of v1.
#
# A host whose memory controller sits on cgroup v1: everything says so, with the remedy, and nothing
# is touched.

before=$(find /sys/fs/cgroup -type d | sort)

# Map ids count up: one map here, one there, and none in between that somebody tried.
map_id() {
	mkdir -p /tmp/bpf
	mountpoint -q /tmp/bpf || mount -t bpf bpf /tmp/bpf
	bpftool map create /tmp/bpf/probe type array key 4 value 4 entries 1 name probe
	bpftool -j map show pinned /tmp/bpf/probe | json_at .id
	rm /tmp/bpf/probe
}
first=$(map_id)
expect_rc 2 uwctl check
expect "nothing was loaded to see whether it could be" "$(map_id)" $((first + 1))
expect_match "check says so" "$OUT" "types were not tried"
expect_match "check says the rest" "$OUT" "PSI.*swap.*BTF of the kernel"
expect_match "check names the cause" "$OUT" "cgroup v1"
expect_match "check names the remedy" "$OUT" "systemd.unified_cgroup_hierarchy|cgroup_no_v1"

expect_rc 2 uwctl check --json
expect_match "check --json is versioned" "$OUT" '"v": ?1'

rc=0
OUT=$(uwctl setup 2>&1) || rc=$?
[ "$rc" != 0 ] || fail "setup went through on a hybrid host"
expect_match "setup names the cause" "$OUT" "cgroup v1"

expect_rc 2 uwd
expect_match "uwd names the cause" "$OUT" "cgroup v1"

expect "nothing was made" "$(find /sys/fs/cgroup -type d | sort)" "$before"
