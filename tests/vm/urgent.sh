# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 30
# 64 tasks of niceness -10 want the processor that uwd is on: its heartbeat goes on, so that the guard takes
# nothing out of its hands, and who grows is stopped in time.

config <<'END'
[component service]
share = 10%
[component jobs]
share = 40%
freeze = yes
[component busy]
share = 10%
END
start_uwd
urgently() { nice -n -20 "$@"; }

expect "niceness of uwd" "$(ps -o ni= -p "$(pidof uwd)" | tr -d ' ')" -20
expect "niceness of uw-guard" "$(ps -o ni= -p "$(pidof uw-guard)" | tr -d ' ')" -20
expect "niceness of a job" "$(uwctl run jobs -- sh -c 'nice')" 0

uwctl run jobs --name still -- sleep 1000 &
wait_until 10 eval 'uwctl status jobs | grep -q "^still "'
# They run until this is gone.
touch /tmp/busy
# shellcheck disable=SC2016 # expanded by the shell that is run
nice -n -10 uwctl run busy --name spin -- sh -c \
	'for i in $(seq 64); do while [ -e /tmp/busy ]; do :; done & done; wait' &
spin=$!
# shellcheck disable=SC2016 # the same
urgently bash -c 'until [ "$(wc -l <"$1")" -ge 64 ]; do sleep 0.2; done' - "$POOL/busy/spin/cgroup.procs"

before=$(urgently uwctl status --json | json_at .daemon.ticks)
urgently uwctl freeze jobs/still --for 50s
began=$SECONDS
sleep 6
is_frozen jobs/still || fail "thawed by another than uwd"
ticks=$(($(urgently uwctl status --json | json_at .daemon.ticks) - before))
took=$((SECONDS - began))
echo "$ticks ticks in $took s beside 64 that spin"
[ "$ticks" -ge $((took * 4)) ] || fail "looked seldom: $ticks times in $took s"
expect "hangs that the guard saw" "$(urgently uwctl status --json | json_at .guard.hangs)" 0
rm /tmp/busy
wait "$spin"
urgently uwctl thaw jobs/still
stop_uwd
