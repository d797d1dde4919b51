# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 67
# alone: 6.12
# uwd killed 50 times at random instants of an episode: nothing is frozen or squeezed 1 s later,
# nothing is lost, and the next uwd goes on.

KILLS=50 # each takes a second
PROMISED_US=1000000
HOGS_HIGH=$((240 << 20)) LENDER_HIGH=$((300 << 20))

config <<'END'
[pool]
usable = 1000M
[policy]
dwell = 1s
[component hogs]
share = 24%
priority = 3
freeze = yes
lend = no
borrow = yes
[component lender]
share = 30%
priority = 5
lend = yes
[component owner]
share = 30%
priority = 9
protect = budget
END

# No process is started in what is timed: only the shell's own read.
frozen=0 high=0 lent=0
look() {
	read -r frozen <"$POOL/hogs/hog/cgroup.freeze"
	read -r high <"$POOL/hogs/memory.high"
	read -r lent <"$POOL/lender/memory.high"
}

is_restored() {
	look
	[ "$frozen" = 0 ] || return 1
	[ "$high" = max ] || [ "$high" -ge "$HOGS_HIGH" ] || return 1
	[ "$lent" = max ] || [ "$lent" -ge "$LENDER_HIGH" ]
}

# Three ways to the instant of the kill: any time from the start of uwd on; soon after a client
# froze the hog; and some seconds into an episode, when loans have been made.
approach() {
	case $(($1 % 20)) in
	0) sleep "3.$((RANDOM % 10))" ;;
	[13579] | 1[13579]) sleep "0.$((RANDOM % 10))" ;;
	*)
		until uwctl freeze hogs/hog --for 60s >/dev/null 2>&1; do sleep 0.1; done
		sleep "0.$((RANDOM % 3))"
		;;
	esac
}

start_uwd
somebody_beside
grow hogs hog 2000 --rate 60
grow owner tenant 200 --rate 100
wait_until 30 is_frozen hogs/hog

RANDOM=$(uname -r | cksum | cut -d " " -f 1) # other instants on each kernel
held_frozen=0 held_squeezed=0 late=0 worst=0
for ((i = 1; i <= KILLS; i++)); do
	approach "$i"
	is_restored || true
	[ "$frozen" = 0 ] || held_frozen=$((held_frozen + 1))
	[ "$lent" = "$LENDER_HIGH" ] || held_squeezed=$((held_squeezed + 1))
	kill -KILL "$UWD_PID"
	now_us
	began=$NOW_US
	until is_restored; do
		now_us
		[ $((NOW_US - began)) -lt $((3 * PROMISED_US)) ] ||
			fail "kill $i: frozen=$frozen hogs=$high lender=$lent for 3 s"
	done
	now_us
	took=$((NOW_US - began))
	[ "$took" -le "$worst" ] || worst=$took
	[ "$took" -le "$PROMISED_US" ] || late=$((late + 1))
	wait "$UWD_PID" 2>/dev/null || true
	launch_uwd
done
echo "kills=$KILLS frozen=$held_frozen squeezed=$held_squeezed late=$late worst_us=$worst"
expect "kills after which something was held for over 1 s" "$late" 0
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
is_restored || fail "uw-guard --undo left frozen=$frozen hogs=$high lender=$lent"

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
