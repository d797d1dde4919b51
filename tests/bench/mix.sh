#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In the guest: mix.sh [NAME=VALUE]...: services with owners, and beside them a batch of fixed work whose hot sets
# together are half as much again as is free: two trainings, a sort that spills, a compile, a backup that reads 2 GB, a
# leak that ends. By each system in turn, started all at once; "queue" is uwctl with the batch submitted instead.
# The batch alone, one job after the other, says how long it takes. Calm is the services beside nearly the same work in
# a tenth of the memory, which fits (files are read from there again, and the sort spills more often).
#
# All share the one processor of this guest, and who may run when is not what is compared: the services and who asks
# them are SCHED_RR, as in bench-rivals. By the fair scheduler half of the late requests of redis waited for another
# service (sched_switch).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=guest.sh
. "${0%/*}/guest.sh"
# shellcheck source-path=SCRIPTDIR source=sides.sh
. "${0%/*}/sides.sh"

systems='uwctl queue none low earlyoom nohang' deadline=3
keys=100000 key_bytes=1100 accounts=50000 book_mb=48
train_mb=330 train_touches=2000000 sort_mb=100 sort_lines=150000 functions=100 files=8 file_mb=256 leak_mb=380
part=10 # of the memory, in calm
state=/var/tmp
RIGHT_MB=([trading_data]=101 [cache]=203 [database]=101 [ml_models]=558) # by mix.conf
batch='train_1 train_2 leak sort compile backup'
declare -rA asked=([train_1]=340M [train_2]=340M [leak]=390M [sort]=130M [compile]=60M [backup]=40M)
serial_ms=

# ---- the batch: each job is a program $state/NAME, which adds NAME to $state/done when its work is done; of each
# there is $state/calm_NAME too, which does as much in a part of the memory ----

write_job() {
	printf '#!/bin/sh\nset -e\nrenice -n 10 $$ >/dev/null\n%s\necho %s >>%s/done\n' "$2" "$1" "$state" >"$state/$1"
	chmod +x "$state/$1"
}

# Some 100 kB each in memory that the compiler keeps to the end.
write_source() {
	local n
	for ((n = 0; n < $1; n++)); do
		echo "int f$n(int *a, int n) { int s = 0; for (int i = 0; i < n; i++) { if (a[i] > $n) s += a[i] * $n;" \
			"else s -= a[i] / ($n + 1); a[i] = s ^ i; } return s; }"
	done >"$2"
}

write_batch() {
	local n
	write_source "$functions" "$state/source.c"
	write_source $((functions / part)) "$state/calm_source.c"
	seq "$sort_lines" | awk '{ print $1 * 7919 % 1000003, "of a table that is too large for memory, row", $1 }' \
		>"$state/rows"
	for ((n = 1; n <= files; n++)); do
		truncate -s "${file_mb}M" "$state/file-$n"
		truncate -s "$((file_mb / part))M" "$state/calm_file-$n"
	done
	write_jobs '' 1
	write_jobs calm_ "$part"
}

# write_jobs PREFIX PART: as much work, in one of so many parts of the memory.
write_jobs() {
	local train="$PUT/hot --size $((train_mb / $2)) --rate 200 --touches $train_touches --log /dev/null"
	write_job "$1train_1" "$train"
	write_job "$1train_2" "$train"
	write_job "$1leak" "$PUT/hog --rate $((40 / $2)) --max $((leak_mb / $2)) --hold 2 --log /dev/null"
	write_job "$1sort" "LC_ALL=C sort -n -S $((sort_mb / $2))M -T $state -o $state/$1sorted $state/rows"
	write_job "$1compile" "for n in \$(seq $2); do $PUT/cc1 -quiet -O1 -o /dev/null $state/$1source.c; done"
	write_job "$1backup" "for n in \$(seq $2); do cat $state/$1file-*; done >/dev/null"
}

begin_batch() {
	: >"$state/done"
	batch_ms=$(now_ms)
}

one_after_the_other() {
	local name began_ms
	use none
	begin_batch
	for name in $batch; do
		began_ms=$(now_ms)
		job ml_models "$name" "$state/$name"
		wait "$started" || die "$name failed alone"
		note "$name took $(($(now_ms) - began_ms)) ms"
	done
	serial_ms=$(($(now_ms) - batch_ms))
	subject=serial
	figure makespan_ms "$serial_ms"
	figure batch_done "$(wc -l <"$state/done")"
	leave
}

# run_batch [PREFIX]
run_batch() {
	local name pids=()
	for name in $batch; do
		job ml_models "${1:-}$name" "$state/${1:-}$name"
		pids+=("$started")
	done
	all_end $((deadline * serial_ms / 1000)) "${pids[@]}"
}

json_number() {
	python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

submit_batch() {
	local name ids=() late=0
	for name in $batch; do
		ids+=("$(uwctl submit -c ml_models -m "${asked[$name]}" -T mix -- "$state/$name")")
	done
	uwctl wait "${ids[@]}" --timeout "$((deadline * serial_ms / 1000))s" >/dev/null || true
	[ "$(uwctl queue --json | json_number total)" = 0 ] || late=1
	failed=$(uwctl history --json | python3 -c '
import json, sys
print(sum(job["status"] != 0 for job in json.load(sys.stdin)["jobs"]))')
	return $late
}

# ---- the services; their records lie in $OUT/SYSTEM ----

start_services() {
	local seconds=$(((deadline + 2) * serial_ms / 1000 + 60))
	give_right cache redis
	start_redis cache "$keys" "$key_bytes"
	chrt --all-tasks --rr --pid 1 "$redis_pid"
	job trading_data feed chrt --rr 1 "$PUT/feed" --seconds "$seconds" --book "$book_mb" --out "$records/trading_data.csv"
	services=("$started")
	rm -f "$state"/bank.db*
	# A checkpoint every two seconds: one in seventeen is in calm or is not, and is all of p99 where it is.
	job database bank chrt --rr 1 "$PUT/txn" --seconds "$seconds" --accounts "$accounts" --checkpoint 100 \
		--db "$state/bank.db" --out "$records/database.csv"
	services+=("$started")
	wait_until 60 test -s "$state/bank.db-wal" || die 'the database was not filled'
	observe "$PUT/mon" --interval 100 --out "$records/mon.csv" "cache=$POOL/cache" "database=$POOL/database" \
		"trading_data=$POOL/trading_data" "ml_models=$POOL/ml_models"
	services+=("$observer")
	observe chrt --rr 2 "$PUT/probe" --port "$REDIS_PORT" --seconds "$seconds" --keys "$keys" --out "$records/cache.csv"
	services+=("$observer")
}

stop_services() {
	local pid
	for pid in "${services[@]}"; do
		finish_observer "$pid"
	done
}

be_calm() {
	sleep 3
	figure calm_from_ms "$(now_ms)"
	run_batch calm_ || die 'the batch does not end in calm'
	figure calm_to_ms "$(now_ms)"
}

keep_records() {
	uwctl status >"$records/status.txt" 2>&1 || true
	uwctl record --out "$records/uw.recording" >>"$OUT/setup.log" 2>&1 || note 'no recording'
}

# beside_services NAME: "queue" is uwctl with another way into it, and calm is as with uwctl.
beside_services() {
	local unfinished=0 ways=run_batch
	[ "$1" != queue ] || ways=submit_batch
	records=$OUT/$1
	mkdir -p "$records"
	use "${1/queue/uwctl}" "$PUT/mix.conf"
	subject=$1
	start_services
	be_calm
	begin_batch
	$ways || unfinished=1
	makespan_ms=$(($(now_ms) - batch_ms))
	[ "$system" != uwctl ] || keep_records
	figure batch_from_ms "$batch_ms"
	figure makespan_ms $makespan_ms
	figure unfinished $unfinished
	figure batch_done "$(wc -l <"$state/done")"
	figure killed "$(count_killed)"
	stop_services
	leave
}

# Services that are gone; of the batch, those that did not end well before the deadline.
count_killed() {
	local pid gone=0
	for pid in "$redis_pid" "${services[@]:0:2}"; do
		kill -0 "$pid" 2>/dev/null || gone=$((gone + 1))
	done
	echo $((gone + failed))
}

begin_sides "$@"
# The batch is nice whatever session it was started in: jobs of the queue have their own.
sysctl -qw vm.overcommit_memory=1 kernel.sched_autogroup_enabled=0
write_batch
one_after_the_other
for name in $systems; do
	beside_services "$name"
done
finish
