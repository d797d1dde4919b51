# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# vm: --hybrid
# kernels: 6.1
# Debian builds later kernels without the memory controller of v1.
#
# A host whose memory controller sits on cgroup v1: everything says so, with the remedy, and nothing
# is touched.

before=$(find /sys/fs/cgroup -type d | sort)

expect_rc 2 uwctl check
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
