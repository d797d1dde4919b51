#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In the guest: slurm.sh system=uwctl|none: a redis for each of two nodes, and jobs of Slurm beside them, which
# ask for 3 to 6 times of what they use. With uwctl the plug-in has each in its component, a few runs of each key
# are what was seen before, and jobs are given what uwctl recommends.
#
# Both nodes have the one processor of this guest, on which Slurm starts and ends its jobs: who may run when is not what
# is compared. So the services and who asks them are SCHED_RR, as in bench-rivals, something always runs, so that a calm
# guest wakes as a busy one does, and calm is beside as many starts at once as there are later: the same jobs, with all
# that they ask for, in a tenth of the memory, for as long as they are begun. What of their time the services waited for
# memory and for the processor is noted beside. A turn of uwd, which is SCHED_FIFO of the same priority, they wait for.
#
# Without uwctl some jobs at the end go beyond what they were given, to more than the machine has left: that the measure
# sees a service that waits for memory.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=guest.sh
. "${0%/*}/guest.sh"
# shellcheck source-path=SCRIPTDIR source=slurm_nodes.sh
. "${0%/*}/slurm_nodes.sh"

jobs=60 node_mb=300 cpus=16 hold_s=12 calm_s=10 same_s=50 most_s=420
over_jobs=10 over_given_mb=30 over_mb=132 over_s=20
keys=60000 key_bytes=1100
rate=200 # a second: redis does work of its own once in each, which at 100 is just what p99 has or has not

# A key a row: what each of its runs asks for and uses, in MB.
KINDS='wide 90 30
tall 100 25
thin 120 20'

configure_slurm() {
	local more=()
	[ "$system" != uwctl ] || more=(JobSubmitPlugins=uw)
	slurm_configure "$cpus" "$node_mb" ProctrackType=proctrack/linuxproc TaskPlugin=task/none \
		JobAcctGatherType=jobacct_gather/none SelectType=select/cons_tres SelectTypeParameters=CR_CPU_Memory \
		SlurmdParameters=config_overrides JobCompType=jobcomp/filetxt "JobCompLoc=$OUT/jobs" \
		'PartitionName=batch Nodes=n[1-2] Default=YES' SchedulerParameters=batch_sched_delay=0,sched_interval=2 "${more[@]}"
	[ "$system" != uwctl ] || echo 'required spank_uw.so component=batch' >/etc/slurm/plugstack.conf
}

start_service() { # start_service NODE: its redis, and who asks it all the time
	REDIS_PORT=$((6378 + $1))
	start_redis "service$1" "$keys" "$key_bytes"
	chrt --all-tasks --rr --pid 1 "$redis_pid"
	observe chrt --rr 2 "$PUT/probe" --port "$REDIS_PORT" --rate "$rate" --seconds "$((3 * most_s))" --keys "$keys" \
		--out "$OUT/service$1.csv"
	probes+=("$observer")
}

# note_stalls: of each service so far, in us
note_stalls() {
	local at
	for at in 1 2; do
		note "stalls service$at $(stalled_us "$at" memory) $(stalled_us "$at" cpu)"
	done
}

# stalled_us SERVICE memory|cpu
stalled_us() {
	sed -n 's/^some .*total=//p' "$POOL/service$1/$2.pressure"
}

# submit COUNT [PART]: so many of each key, under the name of it, which use a PART-th of what they do
submit() {
	local key asks uses options=() part=${2:-1}
	while read -r key asks uses; do
		[ "$system" != uwctl ] || options=("--uw-key=$key")
		sbatch -Q -J "$key" --array="1-$1" --mem="${asks}M" -t 10 -o /dev/null "${options[@]}" --wrap \
			"exec $PUT/hog --max $((uses / part)) --hold $hold_s --touch 1 --log /dev/null"
	done <<<"$KINDS"
}

# watch_jobs SECONDS: until none is left, false when some are then; what they have and what they use, of both nodes
watch_jobs() {
	local left end=$((SECONDS + $1))
	while left=$(squeue -h -r -t PD,R,CG -o %T | wc -l) && [ "$left" -gt 0 ] && [ $SECONDS -lt $end ]; do
		note "memory $(scontrol -o show node | awk '{ for (i = 1; i <= NF; i++)
			if ($i ~ /^AllocMem=/) sum += substr($i, 10) } END { print sum + 0 }') $(used_mb) $left"
		sleep 3
	done
	[ "$left" = 0 ]
}

watch_all() {
	watch_jobs "$most_s" || die "some jobs have not ended in $most_s s"
}

used_mb() {
	awk '/^Name:/ { hog = $2 == "hog" } /^VmRSS:/ && hog { sum += $2 } END { print int(sum / 1024) }' \
		/proc/[0-9]*/status 2>/dev/null || true
}

# The jobs in a tenth of their memory, for so long that a few have made way for others; what waits then is never begun.
run_same() {
	submit $((jobs / 3)) 10
	watch_jobs "$same_s" || scancel --state=PENDING --user=root
	watch_all
}

# They are ended when they have been there for a while.
run_over() {
	note 'phase over'
	note_stalls
	sbatch -Q -J over --array="1-$over_jobs" --mem="${over_given_mb}M" -t 10 -o /dev/null --wrap \
		"exec $PUT/hog --max $over_mb --hold $most_s --touch 1 --log /dev/null"
	watch_jobs "$over_s" || scancel --user=root
	watch_all
	note 'over end'
	note_stalls
}

# Three runs of each key, as of the day before; then what is recommended of the nodes' history.
learn() {
	note 'phase runs of the day before'
	submit 3
	watch_all
	sleep 3
	uwctl recommend --json >"$OUT/node.json"
	uwctl recommend --slurm "$OUT/node.json" --json >"$OUT/requests.json"
	uwctl recommend --slurm "$OUT/node.json" >"$OUT/requests.txt"
	cp "$OUT/requests.json" /etc/slurm/uw-requests.json
}

begin "$@"
note 'phase starting redis and Slurm'
set_up "$PUT/slurm.conf"
probes=()
start_daemon
inside "$CGROUP/observers" chrt --idle 0 "$PUT/hot" --size 1 --touches 0 --log /dev/null &
idler=$!
start_service 1
start_service 2
configure_slurm
slurm_start
[ "$system" != uwctl ] || learn
note 'phase calm'
note_stalls
sleep "$calm_s"
note 'phase same'
note_stalls
run_same
note 'phase jobs'
note_stalls
submit $((jobs / 3))
watch_all
note 'jobs end'
note_stalls
[ "$system" != none ] || run_over
for probe in "${probes[@]}" "$idler"; do
	finish_observer "$probe"
done
cp "$SLURM_LOGS"/*.log "$OUT/"
[ "$system" != uwctl ] || uwctl status >"$OUT/status.txt" 2>&1 || true
slurm_kill
stop_run "$POOL/service1/redis"
stop_run "$POOL/service2/redis"
stop_daemon
finish
