# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 38
# kernels: 6.1
# vm: --systemd
# The delegated scope as such: made once however many ask, made anew when it went with its guard,
# outlived by what is kept running, and all that without dbus too.

ROOT=uw.slice/uw-pool.scope
POOL=/sys/fs/cgroup/$ROOT
GUARD=/usr/libexec/uw/uw-guard
SPEC=(setup "$ROOT" 600M "cache=100M:100M" "jobs=200M:200M")
tool() { "$PUT/cgtool" "$@"; }
property() { systemctl show -p "$1" --value "$2"; }
start_unit() { # start_unit NAME DESCRIPTION
	wait_until 5 busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 \
		org.freedesktop.systemd1.Manager StartTransientUnit 'ssa(sv)a(sa(sv))' \
		"$1" fail 1 Description s "$2" 0
	wait_until 5 test -d "/sys/fs/cgroup/$1"
}
unit_is_gone() { ! systemctl list-units --all --no-legend uw-pool.scope | grep -q .; }

expect_rc 2 tool "${SPEC[@]}"
expect_match "no scope yet" "$OUT" "run 'uwctl setup'"
expect_match "dry run" "$(tool -n pool auto "$GUARD")" "scope $ROOT Delegate=yes"
expect_match "of limits" "$(tool -n "${SPEC[@]}")" \
	"uw-pool.scope MemoryMax=.*uw.slice MemoryLow=$((300 << 20)).*uw-pool.scope MemoryLow=$((300 << 20))"
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
expect "delegated" "$(property Delegate uw-pool.scope)" yes
expect "idempotent" "$(tool "${SPEC[@]}")" ""

# Limits of the units are their properties: systemd writes the files anew as it likes.
LOW=$((300 << 20))
expect "the maximum" "$(property MemoryMax uw-pool.scope)" $((600 << 20))
for unit in uw-pool.scope uw.slice; do
	expect "protection of $unit" "$(property MemoryLow "$unit")" "$LOW"
done
limits() { cat "$POOL"/memory.{max,low} "$POOL/../memory.low" | xargs; }
expect "in force" "$(limits)" "$((600 << 20)) $LOW $LOW"

# With a workload the scope outlives its guard; a new one moves in.
sleep 300 &
job=$!
tool attach "$ROOT" jobs j "$job"
kill -KILL "$(cg holder/cgroup.procs)"
tool pool auto "$GUARD" >/dev/null
expect "a new guard" "$(wc -l <"$POOL/holder/cgroup.procs")" 1
systemctl daemon-reload
expect "limits after daemon-reload" "$(cg cache/memory.high)" $((100 << 20))
expect "of the units too" "$(limits)" "$((600 << 20)) $LOW $LOW"
expect "still idempotent" "$(tool "${SPEC[@]}")" ""
expect_match "a change" "$(tool setup "$ROOT" 600M cache=100M:100M jobs=150M:200M)" \
	"write $ROOT/jobs/memory.low.*property uw-pool.scope MemoryLow=.*property uw.slice MemoryLow="
expect_match "and back" "$(tool "${SPEC[@]}")" \
	"property uw.slice MemoryLow=.*property uw-pool.scope MemoryLow=.*write $ROOT/jobs/memory.low"
expect "after both" "$(limits)" "$((600 << 20)) $LOW $LOW"

# What is kept running moves to a scope of its own; the pool's goes.
expect_rc 16 tool teardown "$ROOT" refuse
tool teardown "$ROOT" keep >/dev/null
expect "kept" "$(cat "/proc/$job/cgroup")" "0::/system.slice/uw-kept-$job.scope"
wait_until 5 unit_is_gone
[ ! -e "$POOL" ] || fail "the scope's cgroup stayed"
[ ! -e "${POOL%/*}" ] || fail "the slice's cgroup stayed"
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
echo 4M >"${POOL%/*}/memory.min" # of components that went with it
tool pool auto "$GUARD" >/dev/null
tool "${SPEC[@]}" >/dev/null
expect "what the slice keeps for nobody" "$(cat "${POOL%/*}/memory.min")" 0

# A bus that does not answer: said soon to whom may not wait, in the end to whom may.
silence_bus() {
	bus=$(property MainPID dbus.service)
	trap 'kill -CONT "$bus"' EXIT
	kill -STOP "$bus"
}
wake_bus() {
	trap - EXIT
	kill -CONT "$bus"
}
silence_bus
began=$(date +%s%N)
expect_rc 11 tool -w setup "$ROOT" 500M cache=100M:100M jobs=200M:200M
took=$((($(date +%s%N) - began) / 1000000))
expect_match "the reason" "$OUT" "systemd: .*: no answer in time; try again"
expect_in "ms until uwd's loop goes on" "$took" 600 1900
expect "nothing is half done" "$(limits)" "$((600 << 20)) $LOW $LOW"
expect "nothing to ask" "$(tool -w "${SPEC[@]}")" ""
expect_rc 11 tool teardown "$ROOT" kill
wait_until 5 test ! -e "$POOL"
wake_bus
expect "the slice is still protected" "$(cat "${POOL%/*}/memory.low")" "$LOW"

# What a teardown left, the next one takes.
expect "the rest" "$(tool -n teardown "$ROOT" refuse)" "stop uw.slice"
tool teardown "$ROOT" refuse >/dev/null
[ ! -e "${POOL%/*}" ] || fail "the slice stayed"
expect_rc 2 tool teardown "$ROOT" refuse

# A setup was killed between starting the slice and marking it. Another program's is left alone.
start_unit uw.slice "Memory of uwd"
expect_match "ours" "$(tool pool auto "$GUARD")" "mark uw.slice slice"
tool "${SPEC[@]}" >/dev/null
expect "is protected" "$(limits)" "$((600 << 20)) $LOW $LOW"
tool teardown "$ROOT" kill >/dev/null
[ ! -e "${POOL%/*}" ] || fail "the slice stayed"
start_unit uw.slice "Memory of another"
for option in "" -w -w; do
	# shellcheck disable=SC2086 # none, or one
	expect "not ours" "$(tool $option pool auto "$GUARD" | grep -c '^mark uw.slice ')" 0
done
silence_bus
tool -w pool auto "$GUARD" >/dev/null # asked once
wake_bus
tool teardown "$ROOT" kill >/dev/null
[ -e "${POOL%/*}" ] || fail "another's slice was stopped"
systemctl stop uw.slice
wait_until 5 test ! -e "${POOL%/*}"

# A slice that takes its time.
tool pool auto "$GUARD" >/dev/null
tool "${SPEC[@]}" >/dev/null
systemd-run --quiet --slice=uw.slice --unit=uw-slow -p Type=oneshot -p RemainAfterExit=yes \
	-p 'ExecStop=/bin/sleep 60' true
[ ! -e "${POOL%/*}/uw-slow.service" ] || rmdir "${POOL%/*}/uw-slow.service"
expect_rc 110 tool teardown "$ROOT" kill
expect_match "the remedy" "$OUT" "uw.slice is still there.*run 'systemctl stop uw.slice'"
expect_match "and again" "$(tool teardown "$ROOT" kill)" "uw.slice"
systemctl kill -s KILL uw-slow
wait_until 10 test ! -e "${POOL%/*}"

# The unit that failed holds the slice's, which is started again.
expect "held" "$(property Transient uw.slice)" yes
expect_match "ours again" "$(tool pool auto "$GUARD")" "mark uw.slice slice"
tool "${SPEC[@]}" >/dev/null
expect "is protected again" "$(limits)" "$((600 << 20)) $LOW $LOW"
systemctl reset-failed uw-slow

# Without dbus: systemd's own socket.
systemctl stop dbus.socket dbus.service 2>/dev/null || true
tool teardown "$ROOT" kill >/dev/null
wait_until 5 test ! -e "$POOL"
tool pool auto "$GUARD" >/dev/null
expect "a guard without dbus" "$(wc -l <"$POOL/holder/cgroup.procs")" 1
tool teardown "$ROOT" kill >/dev/null

# In company the slice stays, and only its protection goes.
systemctl start dbus.socket 2>/dev/null || true
tool pool auto "$GUARD" >/dev/null
tool "${SPEC[@]}" >/dev/null
systemd-run --quiet --slice=uw.slice --unit=uw-company sleep 300
tool teardown "$ROOT" kill >/dev/null
expect "the company" "$(systemctl is-active uw-company)" active
expect "its slice" "$(cat "${POOL%/*}/memory.low")" 0
systemctl stop uw-company
systemctl stop uw.slice
wait_until 5 test ! -e "${POOL%/*}"

# An administrator's slice is never written to.
printf '[Slice]\nMemoryLow=10M\n' >/run/systemd/system/uw.slice
systemctl daemon-reload
tool pool auto "$GUARD" >/dev/null
tool "${SPEC[@]}" >/dev/null
expect "idempotent in a foreign slice" "$(tool "${SPEC[@]}")" ""
expect "a foreign slice" "$(limits)" "$((600 << 20)) $LOW $((10 << 20))"
expect_match "is told of" "$(uwctl check --json || true)" "uw.slice has memory.low = 10M"
tool teardown "$ROOT" kill >/dev/null
wait_until 5 test ! -e "$POOL"
expect "stays" "$(property MemoryLow uw.slice)" $((10 << 20))
rm /run/systemd/system/uw.slice
systemctl stop uw.slice
systemctl daemon-reload

# A plain root beside systemd.
tool pool uw "$GUARD" >/dev/null
tool setup uw 600M cache=100M >/dev/null
expect "a plain root" "$(cat /sys/fs/cgroup/uw/cache/memory.low)" $((100 << 20))
expect_rc 17 tool pool auto "$GUARD"
tool teardown uw kill >/dev/null
