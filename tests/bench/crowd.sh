#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In the guest: crowd.sh [NAME=VALUE]...: jobs=N jobs of job_mb=N MB, far more than fit into the pool: queued at once by
# `uwctl submit`, and launched at once by `uwctl run`.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=guest.sh
. "${0%/*}/guest.sh"
# shellcheck source-path=SCRIPTDIR source=sides.sh
. "${0%/*}/sides.sh"

jobs=200 job_mb=20 asked=21M touches=100000 usable=700M deadline=4
queue_ms=

the_job() {
	command=("$PUT/hot" --size "$job_mb" --touches "$touches" --log "$OUT/$1.log")
}

# tell NAME MS UNFINISHED: of the jobs whose record is NAME.log
tell() {
	subject=$1
	figure all_ms "$2"
	figure unfinished "$3"
	figure ended "$(grep -c DONE "$OUT/$1.log" || true)"
	figure killed "$(oom_kills)"
	figure longest_wait_ms "$(sed -n 's/.*longest_ms=\([0-9]*\).*/\1/p' "$OUT/$1.log" | sort -n | tail -n 1)"
	uwctl status >"$OUT/status-$1.txt" 2>&1 || true
}

by_queue() {
	local began_ms unfinished=0
	use uwctl /etc/uw/crowd.conf
	the_job queue
	: >"$OUT/queue.log"
	began_ms=$(now_ms)
	uwctl submit --wait -c batch -m "$asked" --array 0-$((jobs - 1)) -- "${command[@]}" >/dev/null || unfinished=1
	queue_ms=$(($(now_ms) - began_ms))
	tell queue $queue_ms $unfinished
	leave
}

by_run() {
	local began_ms unfinished=0 n pids=()
	use uwctl /etc/uw/crowd.conf
	the_job run
	: >"$OUT/run.log"
	began_ms=$(now_ms)
	for ((n = 0; n < jobs; n++)); do
		mortal uwctl run batch -- "${command[@]}" 2>>"$OUT/run-errors.log" &
		pids+=($!)
	done
	all_end $((deadline * queue_ms / 1000)) "${pids[@]}" || unfinished=1
	tell run $(($(now_ms) - began_ms)) $unfinished
	leave
}

begin_sides "$@"
mkdir -p /etc/uw
printf '[pool]\nusable = %s\n[component batch]\nshare = 95%%\nfreeze = yes\nkill = no\n' "$usable" >/etc/uw/crowd.conf
for ((round = 1; round <= rounds; round++)); do
	by_queue
	by_run
done
finish
