# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 10
# Without swap nothing anonymous can be squeezed: freeze earlier, and never a memory.high livelock.

without_swap
config <<'END'
[pool]
usable = 900M
[policy]
freeze-max = 15s
[component hogs]
share = 40%
priority = 3
freeze = yes
lend = no
borrow = no
END
start_uwd

grow hogs hog 600 --rate 100
wait_until 20 is_frozen hogs/hog
used=$(cg hogs/memory.current)
[ "$used" -le $((360 << 20)) ] || fail "use is over the budget: $used"
expect "no OOM kill" "$(sed -n 's/^oom_kill //p' "$POOL/hogs/memory.events")" 0

# A frozen hog is let run from time to time, under a brake, and never left hanging without a deadline.
thawed() { logged 'act=thaw component=hogs'; }
wait_until 30 thawed
! logged 'act=kill' || fail "killed"
kill -0 "$(head -n 1 "$POOL/hogs/hog/cgroup.procs")" || fail "the hog is gone"
