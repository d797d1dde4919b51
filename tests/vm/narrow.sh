# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 15
# A uwd that no systemd starts locks itself up, sees all there is to see, and its jobs are not locked
# up; launchers that are killed are replaced by such that are not either.

CAPABILITIES=000000c001a8402b # as test_narrow says of the unit: its CapabilityBoundingSet=

config <<'END'
[pool]
usable = 600M
[component jobs]
share = 60%
freeze = yes
submit = games
refuse = 64M
[sense]
pages = full
END
install -m 4755 /usr/bin/id /usr/local/bin/setuid-id
trap 'rm -f /usr/local/bin/setuid-id' EXIT

rights() { # rights PID
	awk '/^(Cap(Inh|Prm|Eff|Bnd)|NoNewPrivs|Seccomp):/ { printf "%s ", $2 }' "$1/status"
}

start_uwd
of_uwd="0000000000000000 $CAPABILITIES $CAPABILITIES $CAPABILITIES 1 2 "
expect_in "its threads" "$(find "/proc/$UWD_PID/task" -mindepth 1 -maxdepth 1 | wc -l)" 4 20
for task in "/proc/$UWD_PID"/task/*; do
	expect "rights of uwd, in $(cat "$task/comm")" "$(rights "$task")" "$of_uwd"
done
expect "those of uw-guard" "$(rights "/proc/$(head -n 1 "$POOL/holder/cgroup.procs")")" "$of_uwd"
expect "sensors that could not be loaded" \
	"$(uwctl status --json | jq -c '[.daemon.sensors[] | select(.on | not) | .name + .text]')" "[]"

# ---- what it starts for others ----
as_games() {
	setpriv --reuid games --regid games --clear-groups -- "$@"
}
jobs_are_free() {
	local id
	id=$(as_games uwctl submit -c jobs -m 40M -- sh -c 'setuid-id -u; grep -E "^(NoNewPrivs|Seccomp|CapBnd):" /proc/self/status | xargs')
	expect_rc 0 uwctl wait "$id" --timeout 60s
	expect "what a job of a user may, $1" "$(uwctl logs "$id")" "0
$(grep -E '^(NoNewPrivs|Seccomp|CapBnd):' /proc/self/status | xargs)"
	id=$(uwctl submit -c jobs -m 40M -- sh -c 'mount -t tmpfs none /mnt && umount /mnt')
	expect_rc 0 uwctl wait "$id" --timeout 60s
}
launchers() {
	pidof uw-launcher | wc -w
}
jobs_are_free "at first"
expect "launchers: who makes them, and one" "$(launchers)" 2
maker=$(pgrep -o -x uw-launcher)
pkill -KILL -P "$maker"
wait_until 5 eval '[ "$(launchers)" = 1 ]'
jobs_are_free "of another launcher"

# ---- nothing is left to make one ----
pkill -KILL -x uw-launcher
id=$(uwctl submit -c jobs -m 40M -- true)
wait_until 10 logged 'restart uwd'
job_is "$id" queued
stop_uwd
start_uwd
expect_rc 0 uwctl wait "$id" --timeout 60s
stop_uwd
wait_until 5 eval '[ "$(launchers)" = 0 ]'
