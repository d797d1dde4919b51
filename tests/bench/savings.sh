#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In the guest: savings.sh [NAME=VALUE]...: a stack whose cold part is known, while nobody lacks memory: a service that
# must stay fast and a job, each with memory that it fills and leaves alone beside what it works on, and one that has
# read files once. What each system takes of it meanwhile, and how much longer the same work takes. "none" is nothing.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=guest.sh
. "${0%/*}/guest.sh"
# shellcheck source-path=SCRIPTDIR source=sides.sh
. "${0%/*}/sides.sh"

systems='none uwctl senpai damon' min_age_us=10000000 quota_ms=100 state=/var/tmp
service_hot_mb=60 service_cold_mb=60 job_hot_mb=150 job_cold_mb=120 files_mb=120
service_touches=300000000 job_touches=300000000
damon=/sys/module/damon_reclaim/parameters

# DAMON_RECLAIM waits until memory is scarce, and for two minutes, by default; here it is to begin at once. Of each second
# it may reclaim for 10 ms, which are a tenth of what they are on a processor of today.
start_damon() {
	local word
	for word in "min_age $min_age_us" "quota_ms $quota_ms" 'wmarks_high 1000' 'wmarks_mid 1000' 'wmarks_low 0' 'enabled Y'; do
		echo "${word#* }" >"$damon/${word% *}"
	done
	[ "$(cat $damon/enabled)" = Y ] || die 'DAMON_RECLAIM does not start'
}

# What it says itself that it took, of which some may have come back.
end_damon() {
	figure damon_taken_bytes "$(cat $damon/bytes_reclaimed_regions)"
	figure damon_tried_bytes "$(cat $damon/bytes_reclaim_tried_regions)"
	echo N >$damon/enabled
}

# start_hot COMPONENT NAME HOT COLD TOUCHES: its pid in $started
start_hot() {
	job "$1" "$2" "$PUT/hot" --size "$3" --cold "$4" --touches "$5" --log "$OUT/$system-$2.log"
}

# work_ms NAME: how long its work took; nothing where it did not end
work_ms() {
	sed -n 's/^DONE .*work_ms=\([0-9]*\).*/\1/p' "$OUT/$system-$1.log"
}

start_stack() {
	job cache reader bash -c 'cat "$0" >/dev/null; exec sleep 3600' "$state/read-once"
	start_hot trading_data service "$service_hot_mb" "$service_cold_mb" "$service_touches"
	workers=("$started")
	start_hot ml_models job "$job_hot_mb" "$job_cold_mb" "$job_touches"
	workers+=("$started")
}

# What the system itself has; of DAMON that is the kernel's.
own_bytes() {
	[ -n "$daemon_pid" ] || { echo 0 && return; }
	echo $(($(rss_kb "$daemon_pid") * 1024))
}

by_system() {
	use "$1" "$PUT/savings.conf"
	start_stack
	observe "$PUT/mon" --interval 500 --out "$OUT/$system-mon.csv" "pool=$POOL" "service=$POOL/trading_data/service"
	[ "$system" != damon ] || start_damon
	figure from_ms "$(now_ms)"
	all_end 900 "${workers[@]}" || die "the work does not end beside $system"
	figure to_ms "$(now_ms)"
	figure service_ms "$(work_ms service)"
	figure job_ms "$(work_ms job)"
	figure own_bytes "$(own_bytes)"
	[ "$system" != uwctl ] || uwctl status >"$OUT/status.txt" 2>&1 || true
	[ "$system" != damon ] || end_damon
	finish_observer "$observer"
	leave
}

begin_sides "$@"
dd if=/dev/zero of="$state/read-once" bs=1M count="$files_mb" status=none
sync # else its pages are those of who wrote it, and the first system is not charged for them
echo 3 >/proc/sys/vm/drop_caches
subject=stack
figure cold_bytes $(((service_cold_mb + job_cold_mb + files_mb) << 20))
for name in $systems; do
	if [ "$name" = damon ] && [ ! -d $damon ]; then
		note 'this kernel has no DAMON_RECLAIM'
		continue
	fi
	by_system "$name"
done
finish
