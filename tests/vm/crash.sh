# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 67
# alone: 6.12
# uwd killed 50 times at random instants of an episode: nothing is frozen or squeezed 1 s later,
# nothing is lost, and the next uwd goes on.

KILLS=50 # each takes a second

episode_config

# Three ways to the instant of the kill: any time from the start of uwd on; soon after a client
# froze the hog; and some seconds into an episode, when loans have been made.
approach() {
	case $(($1 % 20)) in
	0) sleep "3.$((RANDOM % 10))" ;;
	[13579] | 1[13579]) sleep "0.$((RANDOM % 10))" ;;
	*) approach_frozen ;;
	esac
}

start_uwd
somebody_beside
start_hog
grow owner tenant 200 --rate 100
wait_until 30 is_frozen hogs/hog

RANDOM=$(uname -r | cksum | cut -d " " -f 1) # other instants on each kernel
held_frozen=0 held_squeezed=0
for ((i = 1; i <= KILLS; i++)); do
	approach "$i"
	is_restored || true
	[ "$FROZEN" = 0 ] || held_frozen=$((held_frozen + 1))
	[ "$LENDER_HIGH" = "$EPISODE_LENDER_HIGH" ] || held_squeezed=$((held_squeezed + 1))
	now_us
	kill -KILL "$UWD_PID"
	await_restored "kill $i"
	wait "$UWD_PID" 2>/dev/null || true
	launch_uwd
done
echo "kills=$KILLS frozen=$held_frozen squeezed=$held_squeezed late=$LATE worst_us=$SLOWEST_US"
expect "kills after which something was held for over 1 s" "$LATE" 0
[ "$held_frozen" -ge $((KILLS / 4)) ] || fail "only $held_frozen kills met a freeze"

wait_until 20 uwctl status
for leaf in hogs/hog owner/tenant; do
	grep -q . "$POOL/$leaf/cgroup.procs" || fail "$leaf was lost"
done
expect "guards" "$(wc -l <"$POOL/holder/cgroup.procs")" 1
wait_until 30 is_frozen hogs/hog

# Both killed: the next uwd mends it.
kill -KILL "$(cat "$POOL/holder/cgroup.procs")" "$UWD_PID"
wait "$UWD_PID" 2>/dev/null || true
launch_uwd
wait_until 10 grep -q . "$POOL/holder/cgroup.procs"
wait_until 20 uwctl status

# And so does the unit's stop hook.
wait_until 30 is_frozen hogs/hog
kill -KILL "$(cat "$POOL/holder/cgroup.procs")" "$UWD_PID"
wait "$UWD_PID" 2>/dev/null || true
/usr/libexec/uw/uw-guard --undo
is_restored || fail "uw-guard --undo left frozen=$FROZEN hogs=$HOGS_HIGH lender=$LENDER_HIGH"

# The guard alone: noticed and mended.
launch_uwd
wait_until 20 uwctl status
guard=$(cat "$POOL/holder/cgroup.procs")
kill -KILL "$guard"
new_guard() {
	local now
	now=$(cat "$POOL/holder/cgroup.procs")
	[ -n "$now" ] && [ "$now" != "$guard" ]
}
wait_until 10 new_guard

# Stopped, not dead: the guard thaws within the time that a heartbeat may be missed, and 1 s.
wait_until 30 is_frozen hogs/hog
kill -STOP "$UWD_PID"
within 4 is_restored
kill -CONT "$UWD_PID"
wait_until 10 uwctl status
