#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In the guest: demo.sh system=uwctl|none: a small trading stack in four components, in calm and then beside a leak
# in one of them. Each workload leaves a latency record; mon the components' memory.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=guest.sh
. "${0%/*}/guest.sh"

settle_s=3 calm_s=15 leak_s=40 leak_rate=40 leak_max=2000
keys=100000 key_bytes=1100 accounts=100000 book_mb=48 points=1500
growth=/dev/shm/uw-growth
leak=$POOL/ml_models/leak
state=${STATE:-/var/tmp}

run_s() {
	echo $((settle_s + calm_s + leak_s + 60))
}

start_monitor() {
	observe "$PUT/mon" --interval 200 --out "$OUT/mon.csv" --growth $growth "cache=$POOL/cache" \
		"database=$POOL/database" "trading_data=$POOL/trading_data" "ml_models=$POOL/ml_models" "leak=$leak"
	monitor_pid=$observer
	wait_until 10 test -s $growth || die 'the monitor did not start'
}

start_database() {
	workload database bank "$PUT/txn" --seconds "$(run_s)" --accounts "$accounts" --db "$state/bank.db" \
		--out "$OUT/database.csv"
	database_pid=$started
}

start_feed() {
	workload trading_data feed "$PUT/feed" --seconds "$(run_s)" --book "$book_mb" --out "$OUT/trading_data.csv"
	feed_pid=$started
}

start_training() {
	"$PUT/gen" --points "$points" >"$state/points"
	workload ml_models training "$PUT/rounds" --out "$OUT/ml_models.csv" -- \
		svm-train -q -t 2 -c 4 -m 40 "$state/points" "$state/model"
	training_pid=$started
}

start_probe() {
	observe "$PUT/probe" --port "$REDIS_PORT" --seconds "$(run_s)" --keys "$keys" --out "$OUT/cache.csv"
	probe_pid=$observer
}

leak_lives() {
	kill -0 "$leak_pid" 2>/dev/null
}

leak_mb() {
	echo $(($(cat "$leak/memory.current" 2>/dev/null || echo 0) >> 20))
}

# Of the machine, or of the group that stands for it.
available_mb() {
	if [ -r "$CGROUP/memory.max" ]; then
		echo $((($(cat "$CGROUP/memory.max") - $(cat "$CGROUP/memory.current")) >> 20))
	else
		awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo
	fi
}

leak_state() {
	if ! leak_lives; then
		echo 'killed'
	elif grep -qx 'frozen 1' "$leak/cgroup.events"; then
		echo "frozen at $(leak_mb) MB"
	else
		echo "at $(leak_mb) MB"
	fi
}

watch_leak() {
	local end_ms=$(($(now_ms) + leak_s * 1000)) rc=0 ended=''
	while [ "$(now_ms)" -lt $end_ms ]; do
		if [ -z "$ended" ] && ! leak_lives; then
			ended=1
			wait "$leak_pid" || rc=$?
			note "leak exit rc=$rc"
		fi
		note "progress leak $(leak_state), $(available_mb) MB available"
		sleep 1
	done
	if leak_lives; then
		note "leak alive mb=$(leak_mb)"
	fi
	note 'leak end'
}

stop_workloads() {
	finish_observer "$probe_pid"
	for pid in "$feed_pid" "$database_pid" "$training_pid"; do
		kill -TERM "$pid" 2>/dev/null || true
	done
	for pid in "$feed_pid" "$database_pid" "$training_pid"; do
		wait "$pid" 2>/dev/null || true
	done
	finish_observer "$monitor_pid"
}

begin "$@"
note 'phase starting redis, sqlite, svm-train and the feed'
set_up "$PUT/demo.conf"
cp "$PUT/hog" "$PUT/leak"
start_monitor
start_redis cache "$keys" "$key_bytes"
start_feed
start_database
wait_until 60 test -s "$state/bank.db-wal" || die 'the database was not filled'
start_training
start_daemon
start_probe
sleep "$settle_s"
note 'phase calm'
sleep "$calm_s"
note 'phase leak'
workload ml_models leak "$PUT/leak" --rate "$leak_rate" --max "$leak_max" --log "$OUT/leak.log" --publish $growth
leak_pid=$started
watch_leak
note 'phase stopping'
if [ "$system" = uwctl ]; then
	uwctl status >"$OUT/status.txt" 2>&1 || true
	uwctl why ml_models >"$OUT/why.txt" 2>&1 || true
	uwctl record --out "$OUT/incident.recording" >/dev/null
	uwctl report --html "$OUT/incident.html" >"$OUT/incident.txt"
fi
stop_workloads
stop_run "$leak"
stop_run "$POOL/cache/redis"
stop_daemon
finish
