#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In a guest that counts instructions: top.sh [NAME=VALUE]...: uwctl top of a uwd with four components, nine leaves,
# one of which grows, and jobs that wait, beside htop of the same guest; and what uwd pays for being watched.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=guest.sh
. "${0%/*}/guest.sh"

settle_s=10 top_s=30 top_runs=3
leaves='trading_data/feed trading_data/orders cache/sessions cache/pages database/bank database/backup
	ml_models/features ml_models/train'

# Processes that only wait: what htop has to list, and uwctl top to count.
start_leaves() {
	local leaf
	for leaf in $leaves; do
		workload "${leaf%/*}" "${leaf#*/}" bash -c 'for i in {1..15}; do sleep 3600 & done; wait'
	done
	workload ml_models grows "$PUT/hog" --rate 1 --max 250 --hold 3600 --log "$OUT/hog.log"
	wait_until 60 test -e "$POOL/ml_models/grows/cgroup.procs" || die 'the leaves do not come'
}

submit_jobs() {
	local name
	for name in fold-1 fold-2 fold-3 fold-4; do
		uwctl submit -c ml_models -N "$name" -m 150M -t 1h -- sleep 3600 >>"$OUT/setup.log"
	done
}

begin system=uwctl "$@"
set_up "$PUT/demo.conf"
start_daemon
start_leaves
submit_jobs
sleep "$settle_s"
uwctl status >"$OUT/status.txt"
for ((run = 1; run <= top_runs; run++)); do
	mkdir "$OUT/$run"
	python3 -B "$PUT/top.py" "$daemon_pid" "$top_s" >"$OUT/$run/top.txt" || die "top: run $run failed"
done
note "processes $(find /proc -maxdepth 1 -name '[0-9]*' | wc -l)"
stop_daemon
finish
