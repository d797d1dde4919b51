# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 28
# alone: 6.12
# A hog at full speed is stopped by the freezer, never killed, and goes on when there is room.

hogs_and_an_owner 60%
start_uwd

owner_holds 480

somebody_beside
grow hogs hog 700 --rate 100
wait_until 20 is_frozen hogs/hog
! is_frozen hogs/beside || fail "who does not grow was stopped"
kill -TERM "$(head -n 1 "$POOL/hogs/beside/cgroup.procs")"
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
looks 3
is_frozen hogs/hog || fail "a client's freeze did not hold"
uwctl thaw hogs/hog
wait_until 5 eval '! is_frozen hogs/hog'
uwctl freeze hogs/hog --for 60s || fail "thawed by uwd, and taken for somebody else's"
uwctl thaw hogs/hog
wait_until 5 eval '! is_frozen hogs/hog'

# ---- frozen by somebody else: left alone, now and by the next uwd, and shown ----
by_other() {
	uwctl status hogs | grep -q 'hog .*frozen, by other'
}
echo 1 >"$POOL/hogs/hog/cgroup.freeze"
wait_until 5 by_other
uwctl status | tr -s ' \n' ' ' | grep -q '1 leaf frozen, by other' || fail "status does not show it in short"
expect_rc 6 uwctl thaw hogs/hog
expect_match "thaw" "$OUT" "somebody else froze it"
expect_rc 6 uwctl freeze hogs/hog --for 1s
expect_match "freeze" "$OUT" "somebody else froze it"
kill -KILL "$UWD_PID"
wait "$UWD_PID" 2>/dev/null || true
start_uwd
wait_until 5 by_other
looks 2
is_frozen hogs/hog || fail "thawed by the next uwd, which did not freeze it"
! logged 'act=thaw .*reason=startup' || fail "a thaw at the start is on record"

# Beside one of ours, when uwd dies: ours is thawed, the other one stays.
grow hogs ours 20
wait_until 20 grown ours
uwctl freeze hogs/ours --for 60s
wait_until 5 is_frozen hogs/ours
who_froze_what() {
	uwctl status hogs --json |
		jq -r '[.components[0].leaves[] | .name + " by " + .frozen_by] | sort | join(", ")'
}
both_are_told() {
	[ "$(who_froze_what)" = "hog by other, ours by uwd" ]
}
wait_until 5 both_are_told
kill -KILL "$UWD_PID" "$(cat "$POOL/holder/cgroup.procs")"
wait "$UWD_PID" 2>/dev/null || true
start_uwd
wait_until 5 eval '! is_frozen hogs/ours'
is_frozen hogs/hog || fail "thawed with ours"

# The ledger lost with both that had it mapped: nobody knows any more, and nothing stays frozen.
uwctl freeze hogs/ours --for 60s
wait_until 5 is_frozen hogs/ours
kill -KILL "$UWD_PID" "$(cat "$POOL/holder/cgroup.procs")"
wait "$UWD_PID" 2>/dev/null || true
rm /run/uw/ledger
start_uwd
wait_until 5 eval '! is_frozen hogs/ours'
wait_until 5 eval '! is_frozen hogs/hog'
logged 'act=thaw .*reason=startup' || fail "and nobody says so"
stop_uwd

# A pool that no uwd had: what is frozen in it is by somebody else for sure.
uwctl teardown --kill
uwctl setup >/dev/null
uwctl run hogs --name early -- sleep 600 &
wait_until 10 grep -q . "$POOL/hogs/early/cgroup.procs"
echo 1 >"$POOL/hogs/early/cgroup.freeze"
rm -f /run/uw/ledger
start_uwd
looks 2
is_frozen hogs/early || fail "a first uwd thawed what it cannot have frozen"
