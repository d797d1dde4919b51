# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Words of the benches that look at both sides, who is protected and who works; read after guest.sh. One boot tries
# each system in turn on a machine made fresh, so that ratios are of one run. A figure is a line
# "SYSTEM,ROUND,NAME,VALUE" of $OUT/figures.csv.

# shellcheck disable=SC2034 # for guest.sh and the benches
round=1 rounds=1 failed=0 subject=
# A component's right in MB, of $USABLE_MB by the shares of shares.conf: for systems that know no shares.
readonly USABLE_MB=1014
declare -A RIGHT_MB=([trading_data]=355 [ml_models]=253 [database]=253 [cache]=101)
swap_device=

# figure NAME VALUE: of $subject, which is the system unless the bench says otherwise; none where VALUE is empty
figure() {
	[ -n "$2" ] || return 0
	echo "$subject,$round,$1,$2" >>"$OUT/figures.csv"
	note "$subject $1 $2"
}

begin_sides() {
	begin "$@"
	echo 'system,round,name,value' >"$OUT/figures.csv"
	swap_device=$(awk 'NR == 2 { print $1 }' /proc/swaps)
	echo 3 >/proc/sys/vm/drop_caches
}

# use SYSTEM [CONFIG]: who stands between the workloads from here on. "bounded" is the kernel alone, with no more
# memory for all together than the others may use of the machine.
use() {
	system=$1 subject=$1
	note "use $system, round $round"
	set_up "${2:-$PUT/shares.conf}"
	[ "$system" != bounded ] || echo "${USABLE_MB}M" >"$POOL/memory.max"
	start_daemon
	sleep 2
}

# Ends all that ran, and the system; swap and the page cache are empty then, as after a boot.
leave() {
	stop_daemon
	if [ "$system" = uwctl ]; then
		uwctl teardown --kill >>"$OUT/setup.log" 2>&1 || die 'teardown failed'
	else
		stop_run "$POOL"
		find "$POOL" -depth -type d -exec rmdir {} + || die "$POOL stays"
	fi
	[ -z "$swap_device" ] || { swapoff "$swap_device" && swapon "$swap_device"; }
	echo 3 >/proc/sys/vm/drop_caches
}

# give_right COMPONENT NAME: what the system has for a leaf beside it: of "low" the component's right as memory.low, of
# "high" as memory.high; of "static" the former, and of what works memory.high and a memory.max a tenth above.
give_right() {
	case $system:$1 in
	low:* | high:* | static:*) make_leaf "$1" "$2" ;;
	esac
	case $system:$1 in
	static:ml_models)
		echo "${RIGHT_MB[$1]}M" >"$POOL/$1/memory.high"
		echo "$((RIGHT_MB[$1] * 11 / 10))M" >"$POOL/$1/memory.max"
		;;
	low:* | static:*)
		echo "${RIGHT_MB[$1]}M" >"$POOL/$1/memory.low"
		echo "${RIGHT_MB[$1]}M" >"$POOL/$1/$2/memory.low"
		echo max >"$POOL/memory.low"
		;;
	high:*) echo "${RIGHT_MB[$1]}M" >"$POOL/$1/memory.high" ;;
	esac
}

# job COMPONENT NAME COMMAND...: a workload in a leaf of its own, its pid in $started
job() {
	give_right "$1" "$2"
	workload "$@"
}

# all_end SECONDS PID...: waits for them, and counts in $failed those that did not end well; fails when one of them
# still runs then.
all_end() {
	local end=$((SECONDS + $1)) pid late=0
	shift
	failed=0
	for pid in "$@"; do
		while kill -0 "$pid" 2>/dev/null && [ $SECONDS -lt $end ]; do
			pause 0.1
		done
		if kill -0 "$pid" 2>/dev/null; then
			late=1
		else
			wait "$pid" 2>/dev/null || failed=$((failed + 1))
		fi
	done
	return $late
}

vmstat_of() {
	awk -v name="$1" '$1 == name { print $2 }' /proc/vmstat
}

swapped_bytes() {
	echo $(($(vmstat_of pswpout) * 4096))
}

# stat_of GROUP NAME...: the sum of those lines of memory.stat; 0 of a group that is gone
stat_of() {
	awk -v names=" ${*:2} " 'index(names, " " $1 " ") { sum += $2 } END { printf "%.0f\n", sum }' \
		"$1/memory.stat" 2>/dev/null || echo 0
}

# holds_mb GROUP N: false of a group that is not there yet
holds_mb() {
	local bytes
	read -r bytes <"$1/memory.current" && [ $((bytes >> 20)) -ge "$2" ]
}

oom_kills() {
	awk '$1 == "oom_kill" { print $2 }' "$POOL/memory.events"
}
