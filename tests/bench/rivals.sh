#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In the guest: rivals.sh load=LOAD systems=LIST [NAME=VALUE]...: bench-rivals, by each system in turn. A redis and a bank
# in SQLite are probed in calm, then beside the load; then they go, and a load that lives has $resume_s to end its work.
# Each load fits into the machine alone, and with the services not even into memory and swap together. Beside it runs a
# bystander, a small job in the same component that does no harm and has so much to do a second. "alone" is the load
# without them: how long its work takes. The records of each system are in a folder of its own.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=guest.sh
. "${0%/*}/guest.sh"
# shellcheck source-path=SCRIPTDIR source=sides.sh
. "${0%/*}/sides.sh"

systems='alone uwctl' load=ramp60 calm_s=10 resume_s=75 most_mb=950 begin_mb=500 step_mb=900
keys=330000 key_bytes=1100 accounts=50000 transactions=50
bystander_mb=24 bystander_pace=1000000 bystander_touches=20000000
growth=/dev/shm/uw-growth state=/var/tmp
RIGHT_MB=([cache]=480 [database]=90 [ml_models]=440)

# The load's words in $work, and how long the services stay beside it in $episode_s.
the_load() {
	local hog="$PUT/hog --log $OUT/hog.log --hold 5"
	[ "$system" = alone ] || hog+=" --publish $growth"
	episode_s=30
	case $load in
	ramp20) work="$hog --rate 20 --max $most_mb" episode_s=45 ;;
	ramp60) work="$hog --rate 60 --max $most_mb" ;;
	ramp200) work="$hog --rate 200 --max $most_mb" ;;
	step) work="$hog --start $begin_mb --settle 5 --max $step_mb" ;;
	leak) work="$hog --start $begin_mb --settle 3 --rate 8 --max $step_mb" episode_s=45 ;;
	shmem) work="$hog --shmem --rate 60 --max $most_mb" ;;
	tree) work="$PUT/tree --log $OUT/hog.log" ;;
	thrash) work="$PUT/thrash --log $OUT/hog.log --file $state/thrash" ;;
	*) die "unknown load $load" ;;
	esac
}

# It has what the services leave of the processor: what it does to them, memory does. That they are ahead of it by their
# niceness alone is not enough: on 6.12 a service of nice -10 waited for 40 ms while a dozen tasks of SCHED_IDLE that
# were all in reclaim had their slices of 4 ms, one after the other.
start_load() {
	note 'load start'
	# shellcheck disable=SC2086 # words
	job ml_models hog chrt --idle 0 $work
	load_pid=$started
}

end_load() {
	stop_run "$(leaf_of ml_models hog)"
	wait "$load_pid" 2>/dev/null || true
}

# end_of_load SECONDS: false when it still lives then.
end_of_load() {
	local end=$((SECONDS + $1)) rc=0
	while kill -0 "$load_pid" 2>/dev/null; do
		[ $SECONDS -lt $end ] || return 1
		pause 0.1
	done
	wait "$load_pid" || rc=$?
	note "load exit rc=$rc"
}

# Something always runs, beside the load alone too, and makes way for the services at once: an idle guest wakes when the
# machine below it sees to it, and a busy one by its own instructions.
start_idler() {
	inside "$CGROUP/observers" chrt --idle 0 "$PUT/hot" --size 1 --touches 0 --log /dev/null &
	idler_pid=$!
}

alone() {
	use none "$PUT/rivals.conf"
	start_idler
	start_load
	end_of_load 300 || die "$load does not end alone"
	finish_observer "$idler_pid"
	grep -q DONE "$OUT/hog.log" || die "$load was killed alone"
}

# ---- the services ----

start_services() {
	local seconds=$((calm_s + episode_s + 60))
	give_right cache redis
	start_redis cache "$keys" "$key_bytes"
	chrt --all-tasks --rr --pid 1 "$redis_pid"
	# Small checkpoints, several in each second: of large ones a tail of latencies tells how many it had.
	job database bank chrt --rr 1 "$PUT/txn" --seconds "$seconds" --rate "$transactions" --accounts "$accounts" \
		--checkpoint 50 --db "$state/bank.db" --out "$OUT/database.csv"
	bank_pid=$started
	wait_until 60 test -s "$state/bank.db-wal" || die 'the database was not filled'
	observe "$PUT/mon" --interval 50 --out "$OUT/mon.csv" --growth $growth "cache=$(component_of cache)" \
		"database=$(component_of database)" "hog=$(leaf_of ml_models hog)" "ml=$(component_of ml_models)"
	monitor_pid=$observer
	wait_until 10 test -s $growth || die 'the monitor did not start'
	observe chrt --rr 2 "$PUT/probe" --port "$REDIS_PORT" --seconds "$seconds" --keys "$keys" --out "$OUT/cache.csv"
	probe_pid=$observer
}

# From the load's start on; of what it does a second no system takes much of the processor.
start_bystander() {
	job ml_models bystander "$PUT/hot" --size "$bystander_mb" --touches "$bystander_touches" --pace "$bystander_pace" \
		--log "$OUT/bystander.log"
	bystander_pid=$started
}

# It has until the load has, and is stopped then; of one that was killed there is no line.
end_bystander() {
	local end=$((SECONDS + resume_s))
	while kill -0 "$bystander_pid" 2>/dev/null && [ $SECONDS -lt $end ]; do
		pause 0.1
	done
	kill -TERM "$bystander_pid" 2>/dev/null || true
	stop_run "$(leaf_of ml_models bystander)"
	wait "$bystander_pid" 2>/dev/null || true
	figure bystander_pace_ms $((bystander_touches * 1000 / bystander_pace))
}

# Those that were killed are counted; the others give their memory back.
end_services() {
	local gone=0
	[ -d "/proc/$redis_pid" ] || gone=$((gone + 1))
	kill -0 "$bank_pid" 2>/dev/null || gone=$((gone + 1))
	figure services_killed $gone
	finish_observer "$probe_pid"
	finish_observer "$bank_pid"
	ask_redis flushall >/dev/null 2>&1 || true
	ask_redis shutdown nosave >/dev/null 2>&1 || true
	rm -f "$state"/bank.db*
	note 'memory free'
}

# ---- the system under test ----

# A guest with systemd has its units; each component is a slice.
set_up_systemd() {
	local units=/run/systemd/system component
	for component in cache database ml_models; do
		mkdir -p "$units/uw-$component.slice.d"
	done
	cp "$PUT/rivals-oomd.slice.conf" "$units/uw-ml_models.slice.d/oomd.conf"
	for component in cache database; do
		printf '[Slice]\nMemoryLow=%dM\n' "${RIGHT_MB[$component]}" >"$units/uw-$component.slice.d/low.conf"
	done
	systemctl daemon-reload
	systemctl start systemd-oomd || die 'systemd-oomd did not start'
}

system_pids() {
	case $system in
	uwctl) pgrep -x 'uwd|uw-guard' ;;
	systemd-oomd) pgrep -x systemd-oomd ;;
	*) echo "$daemon_pid" ;;
	esac
}

# system_costs NAME: CPU time of the system so far, and its memory; nothing of the kernel's own ways, and of who has
# ended by itself.
system_costs() {
	local pid ns=0 kb=0
	[ -n "$(system_pids)" ] || return 0
	for pid in $(system_pids); do
		[ -r "/proc/$pid/status" ] || { note "$system has ended" && return; }
		ns=$((ns + $(cpu_ns "$pid")))
		kb=$((kb + $(rss_kb "$pid")))
	done
	figure "$1_cpu_ns" $ns
	figure "$1_rss_kb" $kb
}

# For who wants to know why: uwctl replay tells each decision again.
keep_evidence() {
	uwctl status >"$OUT/status.txt" 2>&1 || true
	uwctl record --config "$config" --out "$OUT/uw.recording" >>"$OUT/setup.log" 2>&1 || note 'no recording'
}

run() {
	local lives=''
	use "$system" "$PUT/rivals.conf"
	[ "$system" != systemd-oomd ] || set_up_systemd
	start_services
	sleep 2
	start_idler
	system_costs begin
	figure calm_from_ms "$(now_ms)"
	sleep "$calm_s"
	figure calm_to_ms "$(now_ms)"
	system_costs calm
	start_load
	start_bystander
	end_of_load "$episode_s" || lives=1
	note 'episode end'
	[ -n "$lives" ] || sleep 4
	system_costs end
	finish_observer "$idler_pid"
	end_services
	[ -z "$lives" ] || end_of_load "$resume_s" || note 'load alive'
	end_bystander
	finish_observer "$monitor_pid"
	[ "$system" != uwctl ] || keep_evidence
	[ "$system" != systemd-oomd ] || journalctl --no-pager -o short-monotonic -u systemd-oomd >"$OUT/daemon.log"
}

# of_system NAME: a run, with its records in $OUT, on a machine as after a boot
of_system() {
	system=$1 subject=$1
	OUT=$top/$1
	mkdir -p "$OUT"
	echo 'system,round,name,value' >"$OUT/figures.csv"
	the_load
	if [ "$system" = alone ]; then
		alone
	else
		run
	fi
	end_load
	leave
	finish
	dmesg --clear
}

begin_sides "$@"
sysctl -qw vm.overcommit_memory=1
top=$OUT
for name in $systems; do
	of_system "$name"
done
