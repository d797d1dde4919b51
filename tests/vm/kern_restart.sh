# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 21
# alone: 6.12
# Counting goes on without a reader, from one to the next, and through a handover to other programs
# (another set of sensors) under load; a removed component leaves the maps by itself.
BATCH=$((64 * 4096 * $(nproc)))

programs() {
	find /sys/fs/bpf/uw -maxdepth 1 -name 'programs-*'
}

net() {
	echo $(($(count a charged_bytes) - $(count a uncharged_bytes)))
}

kern_setup a b
kern_watch a b
kill -KILL "$WATCH_PID"
wait "$WATCH_PID" || true
WATCH_PID=
in_job a "$PUT/hog" --max 48 --hold 0.1 --log /tmp/hog.log
first=$(programs)
"$PUT/kern" counts a b >/tmp/kern.out
expect_in "counted while nobody read" "$(count a charged_bytes)" $((48 << 20)) $((60 << 20))
expect "the same programs" "$(programs)" "$first"
kept=$(count a charged_bytes)

# shellcheck disable=SC2016 # expands in the inner shell
in_job a bash -c 'while :; do "$0" --max 24 --hold 0.01 --log /dev/null; done' "$PUT/hog" &
for _ in 1 2 3; do
	"$PUT/kern" counts -t a b >/tmp/kern.out
	"$PUT/kern" counts a b >/tmp/kern.out
	expect "one generation is left" "$(programs | wc -l)" 1
done
[ "$(programs)" != "$first" ] || fail "no handover happened"
echo 1 >"$KERN/a/cgroup.kill"
wait_until 20 grep -qx 'populated 0' "$KERN/a/cgroup.events"
"$PUT/kern" counts a b >/tmp/kern.out
echo "charged $(count a charged_bytes), net $(net), memory.current $(cat "$KERN/a/memory.current")"
expect_in "counters go on" "$(count a charged_bytes)" "$kept" 100000000000
expect_in "neither doubled nor lost in six handovers" "$(net)" \
	$(($(cat "$KERN/a/memory.current") - 8 * BATCH)) $(($(cat "$KERN/a/memory.current") + 8 * BATCH))

rmdir "$KERN/b/job" "$KERN/b"
dump=$(bpftool map dump pinned /sys/fs/bpf/uw/components)
expect_match "the report" "$dump" '"name": "a"'
[[ $dump != *'"name": "b"'* ]] || fail "a removed component is still in the report"
mkdir "$KERN/b"
"$PUT/kern" counts a b >/tmp/kern.out
expect "a recreated one starts anew" "$(count b charged_bytes)" 0

# A map that others pinned here is nobody's to write over: its sensor is lost, and no other.
rm /sys/fs/bpf/uw/stall_tasks
bpftool map create /sys/fs/bpf/uw/stall_tasks type hash key 4 value 4 entries 1 name foreign
"$PUT/kern" counts -t a b >/tmp/kern.out
expect_match "what became of it" "$(grep missing /tmp/kern.out)" '^missing stalls: .*stall_tasks'
expect "sensors lost" "$(grep -c missing /tmp/kern.out)" 1
expect "programs of the rest" "$(find /sys/fs/bpf/uw/programs-* -name 'uw_*' | wc -l)" 14
rm /sys/fs/bpf/uw/stall_tasks
"$PUT/kern" counts a b >/tmp/kern.out
expect "sensors lost" "$(grep -c missing /tmp/kern.out || true)" 0
