#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In a guest that counts instructions: the cost of an anonymous page fault in a component with no sensing, with
# the default, and with every page traced. One record a mode: instructions a fault, one round a line. Then a
# mapping of 64 MB and its end: without uwd, with one that has no gate (refuse), and with the gate in a component
# beside the gated one and in it.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=guest.sh
. "${0%/*}/guest.sh"

rounds=25
round_mb=8
modes='none default full'

measure() {
	note "mode $1"
	workload ml_models "fault-$1" "$PUT/fault" --mb "$round_mb" --rounds "$rounds" >"$OUT/$1.txt"
	wait "$started" || die "fault: $1"
}

# In five processes, as some hundred instructions are a matter of how one of them lies in memory.
measure_maps() {
	note "mappings $1"
	for ((i = 1; i <= 5; i++)); do
		workload "$2" "map-$1-$i" setarch -R "$PUT/mapping" --settle .5 >>"$OUT/map-$1.txt"
		wait "$started" || die "mapping: $1"
	done
}

start_gate() {
	config=$OUT/gate.conf
	{ cat "$PUT/bench.conf" && printf 'refuse = 32M\n'; } >"$config" # of the last one, ml_models
	start_daemon
	wait_until 20 gate_is_open || die "no gate: $(uwctl status 2>&1)"
}

gate_is_open() {
	[[ $(uwctl status ml_models --json) =~ \"room_bytes\":\ *[1-9] ]]
}

start_sensing() {
	config=$PUT/bench.conf
	if [ "$1" = full ]; then
		config=$OUT/full.conf
		{ cat "$PUT/bench.conf" && printf '\n[sense]\npages = full\n'; } >"$config"
	fi
	start_daemon
	sleep 2
}

begin system=uwctl "$@"
set_up "$PUT/bench.conf"
for mode in $modes; do
	[ "$mode" = none ] || start_sensing "$mode"
	measure "$mode"
	[ "$mode" = full ] || measure_maps "$mode" ml_models
	stop_daemon
done
start_gate
measure_maps beside cache
measure_maps gated ml_models
stop_daemon
finish
