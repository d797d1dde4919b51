# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 7
# Stalls against PSI. Ours is wall clock in which a task was stalled, PSI weighs by CPU: PSI's "some"
# was 0.4 to 1.07 of it on these kernels; the gate is a little wider. PSI's totals are brought up to
# date every two seconds.
psi_some_us() {
	sed -n 's/^some.*total=//p' "$KERN/a/memory.pressure"
}

settled() {
	local before
	before=$(psi_some_us)
	sleep 2.2
	[ "$(psi_some_us)" = "$before" ]
}

kern_setup a b
echo $((32 << 20)) >"$KERN/a/memory.high"
kern_watch a b
in_job a timeout 8 "$PUT/hog" --max 64 --hold 1 --rand --log /tmp/hog.log || true
wait_until 20 settled
kern_report
grep -m 5 '^event' /tmp/kern.out

psi=$(psi_some_us)
some=$(count a stall_some_us)
echo "psi some $psi us, stall_some_us $some, stall_us $(count a stall_us), stalls $(count a stalls)"
expect_in "stalls" "$(count a stalls)" 5 1000000
expect_in "stall_some_us beside PSI" "$some" $((psi * 100 / 115)) $((psi * 100 / 35))
expect_in "a task's stalls are at least the component's" "$(count a stall_us)" $((some * 95 / 100)) $((some * 20))
expect "nobody is stalled in the end" "$(count a stalled_tasks)" 0
expect_in "first stalls" "$(grep -c '^event a first' /tmp/kern.out)" 1 10
expect_in "bursts" "$(grep -c '^event a burst' /tmp/kern.out)" 1 1000
expect "bursts are counted" "$(count a stall_bursts)" "$(grep -c '^event a burst' /tmp/kern.out)"
expect "the first event is a first stall" "$(grep -m 1 '^event' /tmp/kern.out | cut -d' ' -f3)" first
expect "b had none" "$(count b stalls)" 0
expect "no drops" "$(grep '^drop [^p]' /tmp/kern.out || true)" ""
