#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In the guest: sibling.sh [NAME=VALUE]...: a job of fixed work within its component's share, alone and then beside a
# leak in the same component, by each system, rounds=N of each. A service in another component holds what is its own.
# Its time is that without what it waited for a processor: the rest it loses to memory.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=guest.sh
. "${0%/*}/guest.sh"
# shellcheck source-path=SCRIPTDIR source=sides.sh
. "${0%/*}/sides.sh"

systems='uwctl none high' sibling_mb=100 touches=100000000 leak_rate=60 leak_max=4000 service_mb=340 deadline=4
alone_ms=

start_sibling() {
	rm -f "$OUT/sibling.log"
	job ml_models sibling "$PUT/hot" --size "$sibling_mb" --touches "$touches" --log "$OUT/sibling.log"
	sibling=$started
}

start_service() {
	job trading_data service "$PUT/hog" --max "$service_mb" --hold 600 --touch 0 --log "$OUT/service.log"
	wait_until 60 holds_mb "$POOL/trading_data/service" "$service_mb" || die 'the service did not come up'
}

# FIELD of its last line; nothing where it did not end.
sibling_said() {
	sed -n "s/.* $1=\([0-9]*\).*/\1/p" "$OUT/sibling.log" 2>/dev/null || true
}

sibling_ms() {
	echo $(($(sibling_said fill_ms) + $(sibling_said work_ms) - $(sibling_said queued_ms)))
}

alone() {
	use none
	start_service
	start_sibling
	wait "$sibling" || die 'the job failed alone'
	alone_ms=$(sibling_ms)
	subject=alone
	figure sibling_ms "$alone_ms"
	figure longest_pause_ms "$(sibling_said longest_ms)"
	figure swapped_bytes 0
	figure unfinished 0
	leave
}

most_swapped_bytes() {
	python3 -B - "$1" <<-'END'
	import csv, sys
	rows = csv.DictReader(open(sys.argv[1]))
	print(max((int(row["sibling.swap_kb"]) for row in rows), default=0) * 1024 or 0)
	END
}

# The leak comes when the job has what it wants, and goes on until the job has ended.
beside_leak() {
	local unfinished=0
	use "$1"
	start_service
	observe "$PUT/mon" --interval 50 --out "$OUT/mon.csv" "sibling=$POOL/ml_models/sibling" \
		"leak=$POOL/ml_models/leak"
	start_sibling
	wait_until 60 holds_mb "$POOL/ml_models/sibling" "$sibling_mb" || note 'the sibling did not come up'
	job ml_models leak "$PUT/hog" --rate "$leak_rate" --max "$leak_max" --log "$OUT/leak.log"
	all_end $((deadline * alone_ms / 1000)) "$sibling" || unfinished=1
	[ "$system" != uwctl ] || uwctl status >"$OUT/status.txt" 2>&1 || true
	[ $unfinished = 0 ] || pkill -TERM -x hot || true
	all_end 20 "$sibling" || note 'the sibling does not end'
	finish_observer "$observer"
	figure unfinished $unfinished
	if [ -n "$(sibling_said work_ms)" ]; then
		figure sibling_ms "$(sibling_ms)"
		figure longest_pause_ms "$(sibling_said longest_ms)"
	fi
	figure swapped_bytes "$(most_swapped_bytes "$OUT/mon.csv")"
	figure leak_alive "$(kill -0 "$started" 2>/dev/null && echo 1 || echo 0)"
	leave
}

begin_sides "$@"
for ((round = 1; round <= rounds; round++)); do
	alone
	for name in $systems; do
		beside_leak "$name"
	done
done
finish
