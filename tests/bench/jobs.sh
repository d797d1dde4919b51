#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In a guest: two jobs that do not fit together, one after the other by hand and then queued at once; small ones all at
# once; a queue under kill -9 of uwd. What is left in $OUT is one file of "NAME VALUE" lines.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=guest.sh
. "${0%/*}/guest.sh"

large_mb=640 large_asked=700M hold_s=8 rounds=2 # of 1045 MB: two do not fit, one and the other one do
other_mb=250 other_asked=300M
small=200 queued=100 kills=50

say() {
	echo "$1 $2" | tee -a "$OUT/jobs.txt"
}

# hog MB SECONDS: its words in $command
hog() {
	command=("$PUT/hog" --max "$1" --hold "$2" --touch 0)
}

# Twice the same in a leaf of its own, as a person would do it.
by_hand() {
	local began_ms n
	began_ms=$(now_ms)
	hog "$large_mb" "$hold_s"
	for n in 1 2; do
		uwctl run batch --name "hand-$n" -- "${command[@]}" >/dev/null
	done
	say serial_ms $(($(now_ms) - began_ms))
}

# queued_at_once ROUND: the same two at once, and a third that fits beside either.
queued_at_once() {
	local began_ms large other
	began_ms=$(now_ms)
	hog "$large_mb" "$hold_s"
	large=$(uwctl submit -c batch -m "$large_asked" -t 20s -k large -T "round-$1" --array 0-1 -- "${command[@]}")
	sleep 2
	hog "$other_mb" 2
	other=$(uwctl submit -c batch -m "$other_asked" -t 5s -k beside -T "round-$1" -- "${command[@]}")
	uwctl wait "$large" "$other" --timeout 300s >/dev/null || note "a large job did not end well"
	say queued_ms $(($(now_ms) - began_ms))
	say backfilled "$(started_between "$other" "round-$1")"
}

# started_between ID TAG: 1 when it started after the first of the others and before the last.
started_between() {
	uwctl history --json --lines 2000 | python3 -c '
import json, sys
jobs = json.load(sys.stdin)["jobs"]
other = next(job["start_wall_us"] for job in jobs if job["id"] == int(sys.argv[1]))
large = [job["start_wall_us"] for job in jobs if sys.argv[2] in job["tags"] and job["id"] != int(sys.argv[1])]
print(int(min(large) < other < max(large)))' "$1" "$2"
}

all_at_once() {
	local began_ms
	began_ms=$(now_ms)
	# shellcheck disable=SC2016 # for the jobs' shells
	uwctl submit --wait -c batch -m 4M -k small --array 0-$((small - 1)) -- \
		sh -c 'echo $UW_JOB_INDEX >>/tmp/small; exit $((UW_JOB_INDEX % 2))' >/dev/null || true
	say small_ms $(($(now_ms) - began_ms))
}

some_run() {
	local leaf
	for leaf in "$POOL"/batch/job-*; do
		[ ! -d "$leaf" ] || return 0
	done
	return 1
}

# Ten or so run at a time, for longer than the kills take; a kill counts when it found some running.
under_kills() {
	local n=0 busy=0 steps
	# shellcheck disable=SC2016 # for the jobs' shells
	steps=$(uwctl submit -c batch -m 95M -k steps --array 0-$((queued - 1)) -- \
		sh -c 'echo $UW_JOB_INDEX >>/tmp/queued; sleep 10; exit $((UW_JOB_INDEX % 3))')
	RANDOM=11
	while [ $n -lt $kills ]; do
		sleep "0.$((RANDOM % 10))"
		! some_run || busy=$((busy + 1))
		kill -KILL "$daemon_pid"
		wait "$daemon_pid" 2>/dev/null || true
		n=$((n + 1))
		inside "$CGROUP/daemon" uwd --config "$config" 2>>"$OUT/daemon.log" &
		daemon_pid=$!
	done
	wait_until 30 uwctl status
	say left_after_kills "$(uwctl queue --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["total"])')"
	uwctl wait "$steps" --timeout 400s >/dev/null || true
	say kills "$kills"
	say kills_with_running "$busy"
}

# Of all jobs: those that a signal ended, which nobody asked for here, and those that the kernel killed.
killed() {
	local oom
	oom=$(awk '$1 == "oom_kill" { print $2 }' "$POOL/memory.events")
	uwctl history --json --lines 2000 | python3 -c '
import json, sys
print(int(sys.argv[1]) + sum(job["signal"] is not None for job in json.load(sys.stdin)["jobs"]))' "$oom"
}

# Ends and runs of an array of n against what they ought to be.
tally() {
	local key=$1 n=$2 modulus=$3 file=$4
	uwctl history --json --lines 2000 | python3 -c '
import collections, json, sys
key, n, modulus, path = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
jobs = [job for job in json.load(sys.stdin)["jobs"] if job["key"].endswith(key)]
ran = collections.Counter(int(line) for line in open(path))
print(key + "_lost", n - sum(job["status"] == job["index"] % modulus for job in jobs))
print(key + "_doubled", sum(count - 1 for count in ran.values()) + max(0, len(jobs) - n))' \
		"$key" "$n" "$modulus" "$file" | tee -a "$OUT/jobs.txt"
}

begin system=uwctl "$@"
mkdir -p /etc/uw
printf '[pool]\nusable = 1100M\n[component batch]\nshare = 95%%\n' >/etc/uw/jobs.conf
set_up /etc/uw/jobs.conf
start_daemon
for ((round = 0; round < rounds; round++)); do
	by_hand
	queued_at_once "$round"
done
all_at_once
under_kills
tally small "$small" 2 /tmp/small
tally steps "$queued" 3 /tmp/queued
say killed "$(killed)"
uwctl history --json --lines 2000 >"$OUT/history.json"
stop_daemon
finish
