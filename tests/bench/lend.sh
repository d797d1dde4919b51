#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In the guest: lend.sh [NAME=VALUE]...: what is idle is lent, and comes back. A job of three quarters of RAM runs
# beside idle components, by each system, rounds=N of each. Then a borrower holds as much, all of it in use, and an
# owner comes back again and again, growing at a pace of its own that was taken before without the borrower.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=guest.sh
. "${0%/*}/guest.sh"
# shellcheck source-path=SCRIPTDIR source=sides.sh
. "${0%/*}/sides.sh"

systems='uwctl none bounded low' job_mb=913 job_touches=10000000
owner_mb=250 owner_rate=200 owner_hold=3 returns=2 rest_s=10
borrower_pace=100000 # touches a second: all of it in 2.3 s, and the CPU is not what the two compete for
deadline_s=90

run_alone() {
	local began_ms before
	use "$1"
	before=$(swapped_bytes)
	began_ms=$(now_ms)
	job ml_models job "$PUT/hot" --size "$job_mb" --touches "$job_touches" --log "$OUT/job.log"
	all_end "$deadline_s" "$started" || note "the job did not end"
	figure completion_ms $(($(now_ms) - began_ms))
	figure swapped_bytes $(($(swapped_bytes) - before))
	leave
}

# owner_returns N: its record is SYSTEM-owner-N.log
owner_returns() {
	job trading_data owner "$PUT/hog" --rate "$owner_rate" --max "$owner_mb" --hold "$owner_hold" \
		--log "$OUT/$system-owner-$1.log"
	all_end "$deadline_s" "$started" || note "the owner did not come up"
	stop_run "$POOL/trading_data/owner"
	note "owner $1: $(grep FULL "$OUT/$system-owner-$1.log")"
}

start_borrower() {
	job ml_models borrower "$PUT/hot" --size "$job_mb" --touches 0 --pace "$borrower_pace" --log "$OUT/borrower.log"
	wait_until 60 holds_mb "$POOL/ml_models/borrower" "$job_mb" || note 'the borrower did not come up'
	sleep "$rest_s"
}

refaulted_bytes() {
	echo $(($(stat_of "$POOL/ml_models/borrower" workingset_refault_anon workingset_refault_file) * 4096))
}

be_paid_back() {
	local n before began_ms
	use "$1"
	owner_returns 0
	observe "$PUT/mon" --interval 50 --out "$OUT/$system-mon.csv" "owner=$POOL/trading_data/owner" \
		"borrower=$POOL/ml_models/borrower"
	start_borrower
	before=$(refaulted_bytes)
	began_ms=$(now_ms)
	for ((n = 1; n <= returns; n++)); do
		owner_returns $n
		sleep "$rest_s"
	done
	figure refaulted_bytes $(($(refaulted_bytes) - before))
	figure refaulted_ms $(($(now_ms) - began_ms))
	finish_observer "$observer"
	[ "$system" != uwctl ] || uwctl status >"$OUT/status.txt" 2>&1 || true
	leave
}

begin_sides "$@"
for ((round = 1; round <= rounds; round++)); do
	for name in $systems; do
		run_alone "$name"
	done
done
round=1
for name in $systems; do
	be_paid_back "$name"
done
finish
