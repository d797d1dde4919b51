#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In a guest that counts instructions: the cost of an anonymous page fault in a component with no sensing, with
# the default, and with every page traced. One record a mode: instructions a fault, one round a line.
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
	stop_daemon
done
finish
