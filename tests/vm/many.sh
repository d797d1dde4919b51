# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 60
# Of more than 600 leaves the 500th grows: it is found and stopped while others come and go, and the recording of it
# all decides the same again. The next uwd finds as many.

hogs_and_an_owner 60%
start_uwd

leaves_are() {
	[ "$(uwctl status hogs --json | jq '.components[0].leaves | length')" = "$1" ]
}

# By hand, until the file is gone: each is there for several frames of a host that is pressed.
come_and_go() {
	local i=0
	while [ -e /tmp/churn ]; do
		i=$((i + 1))
		mkdir "$POOL/hogs/m$i"
		sleep 0.3
		rmdir "$POOL/hogs/m$i"
	done
}

owner_holds 480
mkdir "$POOL"/hogs/n{1..498}
somebody_beside
wait_until 20 leaves_are 499
touch /tmp/churn
come_and_go &
churn=$!
grow hogs hog 700 --rate 60
mkdir "$POOL"/hogs/n{500..599}
wait_until 30 is_frozen hogs/hog
logged 'act=freeze component=hogs leaf=hog' || fail "frozen, and nobody says why"
! is_frozen hogs/beside || fail "who does not grow was stopped"
rm /tmp/churn
wait "$churn"
wait_until 20 leaves_are 600
! logged 'is not followed' || fail "a leaf of 600 is not followed"
expect_in "room in the ledger for a freeze and a limit of each" "$(stat -c %s /run/uw/ledger)" $((224 * 1200)) $((1 << 20))

# Who is asked for by name is found among them.
uwctl freeze hogs/beside --for 60s
wait_until 5 is_frozen hogs/beside
uwctl thaw hogs/beside
wait_until 5 eval '! is_frozen hogs/beside'

# Most go.
rmdir "$POOL"/hogs/n{1..300}
wait_until 20 leaves_are 300

# All of it decides the same again.
uwctl record --out /tmp/many.recording
expect_rc 0 uwctl replay /tmp/many.recording --json
expect "what is wrong with it" "$(jq -c '[.equal, .cold_starts, .lost, .torn, .refused]' <<<"$OUT")" '[true,0,0,0,0]'

# The next uwd finds what is there; the hog goes on to its end.
kill -TERM "$(head -n 1 "$POOL/owner/tenant/cgroup.procs")"
kill -KILL "$UWD_PID"
wait "$UWD_PID" 2>/dev/null || true
start_uwd
wait_until 20 leaves_are 300
wait_until 60 grown hog
kill -TERM "$(head -n 1 "$POOL/hogs/hog/cgroup.procs")" "$(head -n 1 "$POOL/hogs/beside/cgroup.procs")"
rmdir "$POOL"/hogs/n*
