#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In a guest with systemd: what each daemon costs at rest, all of them running at once. CPU time is the sum over a
# daemon's threads of what the scheduler accounted to them, in ns; memory is its VmRSS at the end. The guest runs
# with its clock counting instructions, one a ns, so that the figures repeat whatever else the host is doing.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=guest.sh
. "${0%/*}/guest.sh"

settle_s=10 rest_s=60
daemons='uwd uw-guard earlyoom systemd-oomd'

start_rivals() {
	systemctl start systemd-oomd || note 'systemd-oomd did not start'
	inside "$CGROUP/daemon" earlyoom -r 3600 >>"$OUT/earlyoom.log" 2>&1 &
}

# comm is cut to 15 characters.
pid_of() {
	pgrep -x "${1:0:15}" | head -n 1
}

begin system=uwctl "$@"
set_up "$PUT/bench.conf"
start_daemon
start_rivals
sleep "$settle_s"

declare -A pid before
for name in $daemons; do
	pid[$name]=$(pid_of "$name" || true)
	[ -n "${pid[$name]}" ] || {
		note "not running: $name"
		continue
	}
	before[$name]=$(cpu_ns "${pid[$name]}")
done
began_ms=$(now_ms)
sleep "$rest_s"
took_ms=$(($(now_ms) - began_ms))

echo 'name,rss_kb,cpu_ns,rest_ms' >"$OUT/daemons.csv"
for name in "${!before[@]}"; do
	echo "$name,$(rss_kb "${pid[$name]}"),$(($(cpu_ns "${pid[$name]}") - before[$name])),$took_ms" |
		tee -a "$OUT/daemons.csv"
done
stop_daemon
finish
