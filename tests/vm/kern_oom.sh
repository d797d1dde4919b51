# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 4
# OOM kills against memory.events: one victim, then a whole group by memory.oom.group.
kern_setup a b
kern_watch a b
echo $((24 << 20)) >"$KERN/a/memory.max"
echo 0 >"$KERN/a/memory.swap.max"
in_job a "$PUT/hog" --max 64 --hold 1 --log /tmp/hog.log || true
wait_until 10 grep -q '^event a oom' /tmp/kern.out
grep '^event a oom' /tmp/kern.out
expect_match "the victim" "$(grep -m 1 '^event a oom' /tmp/kern.out)" "comm hog "

echo 1 >"$KERN/a/job/memory.oom.group"
in_job a sleep 60 &
in_job a "$PUT/hog" --max 64 --hold 1 --log /tmp/hog.log || true
wait_until 10 grep -qx 'populated 0' "$KERN/a/cgroup.events"
kern_report
# The kernel counts the victim of a group kill twice, when it is chosen and as one of the group.
expect "oom_kills" "$(count a oom_kills)" 3
expect_in "memory.events" "$(stat_of a memory.events oom_kill)" 3 4
expect "an event each" "$(grep -c '^event a oom' /tmp/kern.out)" "$(count a oom_kills)"
expect "b had none" "$(count b oom_kills)" 0
