# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# vm: --systemd
# Under systemd the pool is a delegated scope that survives uwd, its crash, and daemon-reload.

POOL=/sys/fs/cgroup/uw.slice/uw-pool.scope
config <<'END'
[pool]
usable = 600M
[component cache]
share = 40%
priority = 9
protect = working-set
[component jobs]
share = 40%
priority = 3
freeze = yes
END

systemctl start uwd
expect "the unit runs" "$(systemctl is-active uwd)" active
expect "budget" "$(cg cache/memory.high)" $((240 << 20))
grep -q . "$POOL/holder/cgroup.procs" || fail "no guard in holder/"

uwctl run cache --name sleeper -- sleep 300 &
wait_until 10 grep -q . "$POOL/cache/sleeper/cgroup.procs"
pid=$(head -n 1 "$POOL/cache/sleeper/cgroup.procs")

systemctl daemon-reload
expect "limits after daemon-reload" "$(cg cache/memory.high)" $((240 << 20))
expect "of the pool too" "$(cg memory.max)" $((600 << 20))
expect "and its protection" "$(cat "$POOL"/memory.low "$POOL"/../memory.low | xargs)" \
	"$((480 << 20)) $((480 << 20))"

systemctl kill -s KILL uwd
wait_until 20 uwctl status
[ -d "/proc/$pid" ] || fail "the workload died with uwd"
expect "the unit came back" "$(systemctl is-active uwd)" active
[ "$(systemctl show -p NRestarts --value uwd)" -ge 1 ] || fail "systemd did not restart it"

guard=$(head -n 1 "$POOL/holder/cgroup.procs")
kill -KILL "$guard"
new_guard() {
	local now
	now=$(head -n 1 "$POOL/holder/cgroup.procs")
	[ -n "$now" ] && [ "$now" != "$guard" ]
}
wait_until 10 new_guard

systemctl stop uwd
[ -d "/proc/$pid" ] || fail "the workload died when uwd stopped"
expect "limits stay" "$(cg cache/memory.high)" $((240 << 20))

expect_rc 1 uwctl teardown
expect_match "teardown names what runs" "$OUT" sleeper
uwctl teardown --kill
wait_until 10 test ! -d "$POOL"
[ ! -e "${POOL%/*}" ] || fail "the slice stayed"
