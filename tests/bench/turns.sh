#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In the guest: turns.sh [NAME=VALUE]...: jobs of fixed work, all hot, that do not fit together: two of 55 % of RAM and
# three of 40 %, started at once, by each system, over the same one after the other. One that has not ended after
# deadline=N times that is given up.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=guest.sh
. "${0%/*}/guest.sh"
# shellcheck source-path=SCRIPTDIR source=sides.sh
. "${0%/*}/sides.sh"

systems='uwctl none parallel' sets='two three' deadline=3 touches=5000000
declare -A size_mb=([two]=669 [three]=487) count=([two]=2 [three]=3) serial_ms=()
suspend_below=100M # GNU parallel suspends below twice that

# the_job N: its words in $command, its record in jobs.log
the_job() {
	command=("$PUT/hot" --size "${size_mb[$set]}" --rate 200 --touches "$touches" --log "$OUT/jobs.log")
}

one_after_the_other() {
	local n began_ms wait_ms=0
	use none
	began_ms=$(now_ms)
	for ((n = 1; n <= count[$set]; n++)); do
		wait_ms=$(($(now_ms) - began_ms))
		job ml_models "job-$n" "${command[@]}"
		wait "$started" || die "a job of ${size_mb[$set]} MB failed alone"
	done
	serial_ms[$set]=$(($(now_ms) - began_ms))
	subject=serial
	figure "${set}_ms" "${serial_ms[$set]}"
	figure "${set}_longest_wait_ms" $wait_ms
	figure "${set}_killed" 0
	figure "${set}_unfinished" 0
	leave
}

# In the background; their pids in $pids.
start_all() {
	local n
	pids=()
	if [ "$system" = parallel ]; then
		mkdir -p "$POOL/ml_models"
		inside "$POOL/ml_models" bash -c 'echo 0 >/proc/self/oom_score_adj && exec parallel --will-cite \
			--jobs "$1" --memsuspend "$2" -N0 "${@:3}" ::: $(seq "$1")' - \
			"${count[$set]}" "$suspend_below" "${command[@]}" >>"$OUT/parallel.log" 2>&1 &
		pids=($!)
		return
	fi
	for ((n = 1; n <= count[$set]; n++)); do
		job ml_models "job-$n" "${command[@]}"
		pids+=("$started")
	done
}

# Each job leaves a line at its end: those that left none and do not run any more were killed.
at_once() {
	local began_ms done_count unfinished=0
	use "$1"
	: >"$OUT/jobs.log"
	began_ms=$(now_ms)
	start_all
	all_end $((deadline * serial_ms[$set] / 1000)) "${pids[@]}" || unfinished=1
	figure "${set}_ms" $(($(now_ms) - began_ms))
	figure "${set}_unfinished" $unfinished
	done_count=$(grep -c DONE "$OUT/jobs.log" || true)
	figure "${set}_killed" $((unfinished ? $(oom_kills) : count[$set] - done_count))
	figure "${set}_longest_wait_ms" "$(sed -n 's/.*longest_ms=\([0-9]*\).*/\1/p' "$OUT/jobs.log" | sort -n | tail -n 1)"
	cp "$OUT/jobs.log" "$OUT/$system-$set-$round.log"
	[ "$system" != uwctl ] || uwctl status >"$OUT/status.txt" 2>&1 || true
	leave
}

begin_sides "$@"
for ((round = 1; round <= rounds; round++)); do
	for set in $sets; do
		the_job
		one_after_the_other
		for name in $systems; do
			at_once "$name"
		done
	done
done
finish
