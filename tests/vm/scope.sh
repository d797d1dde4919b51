# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vm: --systemd
# The delegated scope as such: made once however many ask, made anew when it went with its guard,
# outlived by what is kept running, and all that without dbus too.

ROOT=uw.slice/uw-pool.scope
POOL=/sys/fs/cgroup/$ROOT
GUARD=/usr/libexec/uw/uw-guard
SPEC=(setup "$ROOT" 600M "cache=100M:100M" "jobs=200M:200M")
tool() { "$PUT/cgtool" "$@"; }
unit_is_gone() { ! systemctl list-units --all --no-legend uw-pool.scope | grep -q .; }

expect_rc 2 tool "${SPEC[@]}"
expect_match "no scope yet" "$OUT" "run 'uwctl setup'"
expect_match "dry run" "$(tool -n pool auto "$GUARD")" "scope $ROOT Delegate=yes"
[ ! -e "$POOL" ] || fail "a dry run made the scope"

pids=()
for i in 1 2 3 4; do
	(tool pool auto "$GUARD" && tool "${SPEC[@]}") >"/tmp/race.$i" 2>&1 &
	pids+=("$!")
done
for pid in "${pids[@]}"; do
	wait "$pid" || fail "one of four setups at once failed: $(cat /tmp/race.*)"
done
expect "one guard" "$(wc -l <"$POOL/holder/cgroup.procs")" 1
expect "delegated" "$(systemctl show -p Delegate --value uw-pool.scope)" yes
expect "idempotent" "$(tool "${SPEC[@]}")" ""

# With a workload the scope outlives its guard; a new one moves in.
sleep 300 &
job=$!
tool attach "$ROOT" jobs j "$job"
kill -KILL "$(cg holder/cgroup.procs)"
tool pool auto "$GUARD" >/dev/null
expect "a new guard" "$(wc -l <"$POOL/holder/cgroup.procs")" 1
systemctl daemon-reload
expect "limits after daemon-reload" "$(cg cache/memory.high)" $((100 << 20))

# What is kept running moves to a scope of its own; the pool's goes.
expect_rc 16 tool teardown "$ROOT" refuse
tool teardown "$ROOT" keep >/dev/null
expect "kept" "$(cat "/proc/$job/cgroup")" "0::/system.slice/uw-kept-$job.scope"
wait_until 5 unit_is_gone
[ ! -e "$POOL" ] || fail "the scope's cgroup stayed"
kill "$job"
wait "$job" || true

# Idle, the scope goes with its guard, and comes back when asked for.
tool pool auto "$GUARD" >/dev/null
tool "${SPEC[@]}" >/dev/null
kill -KILL "$(cg holder/cgroup.procs)"
tool pool auto "$GUARD" >/dev/null
tool "${SPEC[@]}" >/dev/null
expect "limits anew" "$(cg cache/memory.high)" $((100 << 20))
kill -KILL "$(cg holder/cgroup.procs)"
wait_until 5 test ! -e "$POOL"
tool pool auto "$GUARD" >/dev/null
tool "${SPEC[@]}" >/dev/null

# Without dbus: systemd's own socket.
systemctl stop dbus.socket dbus.service 2>/dev/null || true
tool teardown "$ROOT" kill >/dev/null
wait_until 5 test ! -e "$POOL"
tool pool auto "$GUARD" >/dev/null
expect "a guard without dbus" "$(wc -l <"$POOL/holder/cgroup.procs")" 1
tool teardown "$ROOT" kill >/dev/null

# A plain root beside systemd.
tool pool uw "$GUARD" >/dev/null
tool setup uw 600M cache=100M >/dev/null
expect "a plain root" "$(cat /sys/fs/cgroup/uw/cache/memory.low)" $((100 << 20))
expect_rc 17 tool pool auto "$GUARD"
tool teardown uw kill >/dev/null
