#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In the guest: protect.sh system=uwctl|none|earlyoom [NAME=VALUE]...: one run of bench-protect. A redis is probed
# in calm, then while a hog ramps; then redis goes, and a hog that lives must go on.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=guest.sh
. "${0%/*}/guest.sh"

calm_s=15 episode_s=60 resume_s=20 hog_rate=60 hog_max=2048 keys=200000 key_bytes=1100 probe_rate=100
growth=/dev/shm/uw-growth
redis=$POOL/cache/redis
hog=$POOL/ml_models/hog

start_monitor() {
	observe "$PUT/mon" --interval 50 --out "$OUT/mon.csv" --growth $growth \
		"redis=$redis" "hog=$hog" "cache=$POOL/cache" "ml=$POOL/ml_models"
	monitor_pid=$observer
	wait_until 10 test -s $growth || die 'the monitor did not start'
}

hog_lives() {
	kill -0 "$hog_pid" 2>/dev/null
}

watch_episode() {
	local end=$((SECONDS + episode_s)) rc=0
	while hog_lives; do
		if [ $SECONDS -ge $end ]; then
			note 'hog alive'
			note 'episode end'
			return
		fi
		pause 0.1
	done
	wait "$hog_pid" || rc=$?
	note "hog exit rc=$rc"
	note 'episode end'
	sleep 4
}

# Redis gives its memory back, and the hog has 20 s to use it.
free_memory() {
	ask_redis flushall >/dev/null 2>&1 || true
	ask_redis shutdown nosave >/dev/null 2>&1 || true
	note 'memory free'
	sleep "$resume_s"
}

begin "$@"
sysctl -qw vm.overcommit_memory=1
set_up "$PUT/protect.conf"
start_monitor
start_redis cache "$keys" "$key_bytes"
start_daemon
sleep 5
note 'baseline start'
observe "$PUT/probe" --rate "$probe_rate" --seconds $((calm_s + episode_s + 5)) --keys "$keys" \
	--out "$OUT/probe.csv"
probe_pid=$observer
sleep "$calm_s"
note 'hog start'
workload ml_models hog "$PUT/hog" --rate "$hog_rate" --max "$hog_max" --log "$OUT/hog.log" --publish $growth
hog_pid=$started
watch_episode
[ ! -d "/proc/$redis_pid" ] || note 'redis alive'
finish_observer "$probe_pid"
if hog_lives; then
	free_memory
fi
finish_observer "$monitor_pid"
[ "$system" != uwctl ] || uwctl status >"$OUT/status.txt" 2>&1 || true
stop_run "$hog"
stop_run "$redis"
stop_daemon
finish
