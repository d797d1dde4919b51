# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A hog at full speed is stopped by the freezer, never killed, and goes on when there is room.

config <<'END'
[pool]
usable = 900M
[component hogs]
share = 30%
priority = 3
freeze = yes
lend = no
borrow = yes
[component owner]
share = 60%
priority = 9
lend = yes
protect = budget
END
start_uwd

grow owner tenant 480
wait_until 20 grown tenant

grow hogs hog 700 --rate 100
wait_until 20 is_frozen hogs/hog
logged 'act=freeze component=hogs leaf=hog' || fail "frozen, and nobody says why"
used=$(cg hogs/memory.current)
expect_in "hog at the freeze" "$used" $((200 << 20)) $((420 << 20))
kill -0 "$(head -n 1 "$POOL/hogs/hog/cgroup.procs")" || fail "the hog is gone"

uwctl why hogs | grep -q freeze || fail "why does not name the freeze"
uwctl status | grep -q hogs || fail "status does not show the component"

# The owner leaves; its budget is idle and lent; the hog goes on to its end.
kill -TERM "$(head -n 1 "$POOL/owner/tenant/cgroup.procs")"
wait_until 60 grown hog
! logged 'act=kill' || fail "killed"

# By hand: a client's freeze is kept, and undone when asked.
uwctl freeze hogs/hog --for 60s
wait_until 5 is_frozen hogs/hog
sleep 3
is_frozen hogs/hog || fail "a client's freeze did not hold"
uwctl thaw hogs/hog
wait_until 5 eval '! is_frozen hogs/hog'
