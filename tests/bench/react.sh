#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In the guest: how fast a hog at full speed is stopped, and how far it overran. Four ways, trials=N of each:
#   crossing  uwd, by the mark in the kernel on the hog's component
#   stall     uwd, by the first stall of a protected component, well before that mark
#   psi       no uwd: react freezes on a PSI trigger of the protected group, which stalls in the same way
#   events    no uwd: react freezes on memory.events of a hog with memory.high at the mark, which itself brakes
# The protected service stalls on a signal, under a memory.high of its own, while the hog grows freely: what is
# measured is the way from the stall to the brake, and no shortage slows the hog on it.
# And a fifth, which bench-hostile asks for by ways=hostile:
#   hostile   crossing, each trial in turn with nobody at the control socket and with the crowd of crowd.c there,
#             which then is the way "hostile": both from one boot, so that their ratio is of the crowd
# One CSV line a trial in $OUT/react.csv: the way, and the fields of react.c.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=guest.sh
. "${0%/*}/guest.sh"

trials=17 # a few are void: the hog stopped before its crossing was seen, or the stall was taken for its own
ways='crossing stall psi events'
budget_mb=200        # of ml_models in react.conf
mark_percent=95      # of its budget: the edge at which a job that may be frozen is stopped
psi_window_us=500000 # the shortest that 6.1 takes from root
stall_at_mb=20       # the hog's growth at which the service stalls
service_high=6M      # between the two sizes of churn's blocks
shortage_mb=270      # what the ballast leaves available: a stall with memory to spare is a false alarm
calm_s=2             # a first stall is one after a second of calm
growth=/dev/shm/uw-growth
hog=$POOL/ml_models/hog
service=$POOL/cache/service

mark_bytes() {
	echo $((budget_mb * 1048576 * mark_percent / 100))
}

available_mb() {
	awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo
}

start_service() {
	workload cache service "$PUT/churn"
	service_pid=$started
	wait_until 10 grep -q . "$service/cgroup.procs" || die 'the service did not start'
	echo "$service_high" >"$service/memory.high"
	echo 0 >"$service/memory.swap.max" # over its high it has nothing to reclaim: one stall that lasts
}

# Memory outside the pool that cannot be reclaimed.
start_ballast() {
	local mb=$(($(available_mb) - shortage_mb))
	rm -f "$OUT/ballast.log"
	make_group ballast max
	inside "$CGROUP/ballast" "$PUT/hog" --max "$mb" --hold 600 --touch 0 --log "$OUT/ballast.log" &
	ballast_pid=$!
	wait_until 30 grep -q FULL "$OUT/ballast.log" || die 'the ballast did not come up'
	sleep $calm_s # what it pushed out comes back
}

stop_ballast() {
	kill -KILL "$ballast_pid"
	wait "$ballast_pid" 2>/dev/null || true
}

# run_trial WAY [OPTION of react]...: the hog waits for react's go, so that everything is armed first. Afterwards
# it is gone, leaf and all, and its way is calm again.
run_trial() {
	local way=$1 react_pid
	shift
	rm -f $growth
	"$PUT/react" --hog "$hog" --protected "$service" --publish $growth "$@" >"$OUT/trial.txt" &
	react_pid=$!
	wait_until 10 test -s $growth || die 'react did not start'
	workload ml_models hog "$PUT/hog" --max 2000 --touch 0 --log "$OUT/hog.log" --publish $growth --wait
	wait "$react_pid" || die "react: $way"
	echo "$way,$(cat "$OUT/trial.txt")" | tee -a "$OUT/react.csv"
	stop_run "$hog"
	wait "$started" 2>/dev/null || true
	[ ! -d "$hog" ] || rmdir "$hog" # a frozen leaf would freeze the next one
	sleep $calm_s
}

# use SYSTEM [CONFIG]: the system of the following trials.
use() {
	system=$1
	set_up "$PUT/${2:-none}"
	start_daemon
	sleep $calm_s
}

stop_service() {
	stop_run "$service"
	wait "$service_pid" 2>/dev/null || true
}

clear_all() {
	stop_daemon
	if [ "$system" = uwctl ]; then
		uwctl teardown --kill >>"$OUT/setup.log" 2>&1 || note 'teardown failed'
	else
		find "$POOL" -mindepth 1 -depth -type d -exec rmdir {} +
		rmdir "$POOL"
	fi
}

trial_crossing() {
	run_trial crossing --by watch --used "$POOL/ml_models" --threshold "$(mark_bytes)"
}

# A service that was told to stall stalls on: each of these trials has its own.
trial_stall() {
	start_service
	sleep $calm_s
	run_trial stall --by watch --stall-at "$stall_at_mb"
	stop_service
}

trial_psi() {
	start_service
	sleep $calm_s
	run_trial psi --by psi --stall-at "$stall_at_mb" --trigger "some 50000 $psi_window_us"
	stop_service
}

trial_events() {
	make_leaf ml_models hog
	mark_bytes >"$hog/memory.high"
	run_trial events --by events --threshold "$(mark_bytes)"
}

run_trials() {
	local i
	for ((i = 0; i < trials; i++)); do
		"trial_$1"
	done
}

# Who pays for the hog's growth: alone in its component it would be left to memory.high.
start_sibling() {
	workload ml_models sibling sleep infinity
	sibling_pid=$started
	wait_until 10 grep -q . "$POOL/ml_models/sibling/cgroup.procs" || die 'the sibling did not start'
}

stop_sibling() {
	stop_run "$POOL/ml_models/sibling"
	wait "$sibling_pid" 2>/dev/null || true
}

way_crossing() {
	use uwctl react.conf
	start_service
	start_sibling
	run_trials crossing
	stop_sibling
	stop_service
	clear_all
}

way_stall() {
	use uwctl react-stall.conf
	start_ballast
	run_trials stall
	stop_ballast
	clear_all
}

way_psi() {
	use none
	start_ballast
	run_trials psi
	stop_ballast
	clear_all
}

way_events() {
	use none
	start_service
	run_trials events
	stop_service
	clear_all
}

# The clients are its children, in a session of their own.
start_crowd() {
	setsid "$PUT/crowd" /run/uw/uwd.sock 600 2>>"$OUT/crowd.log" &
	crowd_pid=$!
	sleep $calm_s
}

stop_crowd() {
	kill -KILL -- "-$crowd_pid"
	wait "$crowd_pid" 2>/dev/null || true
	sleep $calm_s
}

way_hostile() {
	local i
	use uwctl react-hostile.conf
	start_service
	start_sibling
	for ((i = 0; i < trials; i++)); do
		trial_crossing
		start_crowd
		run_trial hostile --by watch --used "$POOL/ml_models" --threshold "$(mark_bytes)"
		stop_crowd
	done
	stop_sibling
	stop_service
	clear_all
}

begin "$@"
echo 'way,by,go_us,crossing_us,stall_us,signal_us,stop_us,grown_bytes,overrun_bytes,frozen' >"$OUT/react.csv"
for way in $ways; do
	"way_$way"
done
finish
