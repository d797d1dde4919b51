#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In a guest: two jobs that do not fit together, one after the other by hand and then queued at once; small ones all at
# once; a queue under kill -9 of uwd. What is left in $OUT is one file of "NAME VALUE" lines.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=guest.sh
. "${0%/*}/guest.sh"

large_mb=640 large_asked=700M hold_s=10 small=200 queued=100 kills=50

say() {
	echo "$1 $2" | tee -a "$OUT/jobs.txt"
}

large() {
	printf '%s\n' "$PUT/hog" --max "$large_mb" --hold "$hold_s" --touch 0
}

# Twice the same in a leaf of its own, as a person would do it.
by_hand() {
	local began_ms n
	began_ms=$(now_ms)
	for n in 1 2; do
		mapfile -t command < <(large)
		uwctl run batch --name "hand-$n" -- "${command[@]}" >/dev/null
	done
	say serial_ms $(($(now_ms) - began_ms))
}

queued_at_once() {
	local began_ms first
	mapfile -t command < <(large)
	began_ms=$(now_ms)
	uwctl submit -c batch -m "$large_asked" -t 20s -k large --array 0-1 -- "${command[@]}" >/dev/null
	first=$(newest_array)
	sleep 3
	uwctl submit -c batch -m 150M -t 2s -k beside -- sleep 1 >/dev/null
	uwctl wait "$first" --timeout 300s >/dev/null || note "a large job did not end well"
	say queued_ms $(($(now_ms) - began_ms))
}

newest_array() {
	uwctl queue --json | python3 -c '
import json, sys
print(max((job["array"] or 0) for job in json.load(sys.stdin)["jobs"]))'
}

all_at_once() {
	local began_ms
	began_ms=$(now_ms)
	uwctl submit --wait -c batch -m 4M -k small --array 0-$((small - 1)) -- \
		sh -c 'echo $UW_JOB_INDEX >>/tmp/small; exit $((UW_JOB_INDEX % 2))' >/dev/null || true
	say small_ms $(($(now_ms) - began_ms))
}

under_kills() {
	local first n
	uwctl submit -c batch -m 30M -k steps --array 0-$((queued - 1)) -- \
		sh -c 'echo $UW_JOB_INDEX >>/tmp/queued; sleep 1; exit $((UW_JOB_INDEX % 3))' >/dev/null
	first=$(newest_array)
	RANDOM=11
	for ((n = 0; n < kills; n++)); do
		sleep "0.$((RANDOM % 10))"
		kill -KILL "$daemon_pid"
		wait "$daemon_pid" 2>/dev/null || true
		inside "$CGROUP/daemon" uwd --config "$config" 2>>"$OUT/daemon.log" &
		daemon_pid=$!
	done
	wait_until 30 uwctl status
	uwctl wait "$first" --timeout 300s >/dev/null || true
	say kills "$kills"
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
printf '[pool]\nusable = 1000M\n[component batch]\nshare = 90%%\n' >/etc/uw/jobs.conf
set_up /etc/uw/jobs.conf
start_daemon
by_hand
queued_at_once
all_at_once
under_kills
tally small "$small" 2 /tmp/small
tally steps "$queued" 3 /tmp/queued
say killed "$(awk '$1 == "oom_kill" { print $2 }' "$POOL/memory.events")"
uwctl history --json --lines 2000 >"$OUT/history.json"
stop_daemon
finish
