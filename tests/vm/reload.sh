# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A reload is atomic: a faulty file changes nothing, a good one is in force at once, and what runs goes
# on running.

base() {
	printf '[pool]\nusable = 600M\n[component cache]\nshare = 40%%\n[component jobs]\nshare = %s\n' "$1"
}

base 40% | config
start_uwd
grow jobs small 50
wait_until 20 grown small
expect "budget" "$(cg jobs/memory.high)" $((240 << 20))

base 70% | config
expect_rc 2 uwctl reload
expect_match "names the sum" "$OUT" "110"
expect "unchanged" "$(cg jobs/memory.high)" $((240 << 20))

base 50% | config
uwctl config diff | grep -q jobs || fail "diff does not show the change"
uwctl reload
wait_until 5 eval '[ "$(cg jobs/memory.high)" = $((300 << 20)) ]'

# A component that comes, and one that goes.
printf '[component late]\nshare = 5%%\n' >>/etc/uw/uw.conf
uwctl reload
[ -d "$POOL/late" ] || fail "the new component has no cgroup"
base 50% | config
kill -HUP "$UWD_PID"
wait_until 5 test ! -d "$POOL/late"
kill -0 "$(head -n 1 "$POOL/jobs/small/cgroup.procs")" || fail "the workload is gone"
