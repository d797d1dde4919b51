# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 27
# kernels: 6.12
# A ring of events that is full, as nobody takes them: what finds no room is counted, one by one, and a mark that was
# crossed meanwhile fires with the first charge after there is room, once.
MARK=$((48 << 20)) KILLS=450

kern_setup a b
kern_watch -m a=$MARK a b
kill -STOP "$WATCH_PID"
oom_kills "$KERN/b/job" $KILLS
in_job a "$PUT/hog" --max 96 --hold 0.1 --touch 0 --log /tmp/hog.log
kill -CONT "$WATCH_PID"
wait_until 10 grep -q '^event b oom' /tmp/kern.out
in_job a "$PUT/hog" --max 96 --hold 0.1 --touch 0 --log /tmp/hog.log
wait_until 10 grep -q '^event a mark' /tmp/kern.out
kern_report

# dropped KIND
dropped() {
	awk -v kind="drop $1 events: ring full: " 'index($0, kind) { print substr($0, length(kind) + 1) }' /tmp/kern.out
}
expect "kills" "$(count b oom_kills)" $KILLS
expect "kills that were told of or counted as lost" \
	$(($(grep -c '^event b oom' /tmp/kern.out) + $(dropped OOM))) $KILLS
expect "one event" "$(grep -c '^event a mark' /tmp/kern.out)" 1
expect "marks_fired" "$(count a marks_fired)" 1
[ "$(dropped mark)" -ge 1 ] || fail "no mark was crossed while the ring was full"
