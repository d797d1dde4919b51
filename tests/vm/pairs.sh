# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016 # single quotes hold what the jobs' shells expand
# seconds: 60
# timeout: 2400
# kernels: 6.12
# uwd and who works for it are killed at random, alone and in pairs: the guard, shims of jobs, launchers, the
# keeper of pools, the exporter; with a hog that is frozen beside who is lent from, jobs that come and go, a
# lease and a pool. A second after uwd was killed nothing is frozen or squeezed; no job is missing or ran twice,
# and only those are lost whose shim was killed; the lease and what lies in the pool are there at the end.
# `make chaos` has four hundred rounds of it.

KILLS=${KILLS:-50} SEED=${SEED:-1}
SEEN=/tmp/pairs

episode_config
printf '[component batch]\nshare = 10%%\n' >>/etc/uw/uw.conf

# ---- who is there ----

start_exporter() {
	uw-exporter --textfile "$SEEN/metrics" --every 1s 2>>"$SEEN/exporter.log" &
	EXPORTER_PID=$!
}

submit_small() {
	uwctl submit -c batch -m 3M -t 1s "$@" 2>/dev/null
}

submit_until_the_end() {
	RANDOM=$SEED
	while [ -e "$SEEN/on" ]; do
		submit_small -- sh -c 'echo $UW_JOB_ID >>/tmp/pairs/ran; sleep 0.$((UW_JOB_ID % 10))' >>"$SEEN/acked" || true
		sleep "0.$((RANDOM % 5))"
	done
}

# ---- who is killed ----

WAYS=(uwd uwd+guard uwd+guard uwd+shim uwd+shim uwd+launcher uwd+launcher uwd+keeper uwd+exporter
	guard guard+shim shim shim+launcher launcher keeper exporter)
declare -A killed

# one_of PART: into $VICTIM, one of those that there are now, or none
one_of() {
	local found=()
	case $1 in
	uwd) found=("$UWD_PID") ;;
	exporter) found=("$EXPORTER_PID") ;;
	guard) mapfile -t found <"$POOL/holder/cgroup.procs" ;;
	keeper) mapfile -t found <"$POOL/owner/pools/cgroup.procs" ;;
	*) read -r -a found < <(pidof "uw-$1") || true ;;
	esac
	VICTIM=${found[*]:0:1}
	[ ${#found[@]} -le 1 ] || VICTIM=${found[RANDOM % ${#found[@]}]}
}

# kill_way WAY: at once; $guard is the one that lives on
kill_way() {
	local part found=()
	guard=
	for part in ${1//+/ }; do
		one_of "$part" 2>/dev/null
		[ -z "$VICTIM" ] || found+=("$VICTIM")
	done
	[[ $1 = *guard* ]] || read -r guard <"$POOL/holder/cgroup.procs" || true
	now_us
	[ ${#found[@]} = 0 ] || kill -KILL "${found[@]}" 2>/dev/null || true
	killed[$1]=$((${killed[$1]-0} + 1))
	victims=$((victims + ${#found[@]}))
}

# A guard that lives undoes from the kill on. Where it was killed too that is for the unit to do, once uwd has
# ended: to which a kernel that has one processor for all of this may take a while. It stays undone, whatever a
# last thread of uwd's was about to do.
end_uwd() { # end_uwd WAY NUMBER
	local killed_us=$NOW_US took
	[ -z "$guard" ] || await_restored "kill $2 of $1"
	wait "$UWD_PID" 2>/dev/null || true
	now_us
	took=$((NOW_US - killed_us))
	[ "$took" -le "$dying" ] || dying=$took
	[ -n "$guard" ] || /usr/libexec/uw/uw-guard --undo
	await_restored "end $2 of $1"
}

after_kill() { # after_kill WAY NUMBER
	if [[ $1 = *uwd* ]]; then
		end_uwd "$@"
		launch_uwd
	fi
	if [[ $1 = *exporter* ]]; then
		wait "$EXPORTER_PID" 2>/dev/null || true
		start_exporter
	fi
}

# Any time from the start of uwd on, or soon after a client froze the hog.
approach() {
	if [ $((RANDOM % 2)) = 0 ]; then
		sleep "0.$((RANDOM % 10))"
		return
	fi
	approach_frozen
}

# ---- and what must hold ----

no_jobs() {
	[ "$(uwctl queue --json | json_at .total)" = 0 ]
}

check_jobs() {
	uwctl history --json --lines 0 >"$SEEN/history"
	python3 - "$SEEN" <<-'END'
		import collections, json, sys
		lines = lambda name: [int(l) for l in open(f"{sys.argv[1]}/{name}") if l.strip()]
		acked, ran = lines("acked"), collections.Counter(lines("ran"))
		jobs = {job["id"]: job for job in json.load(open(f"{sys.argv[1]}/history"))["jobs"]}
		states = collections.Counter(job["state"] for job in jobs.values())
		wrong = [f"{i} was accepted and is missing" for i in acked if i not in jobs]
		wrong += [f"{i} ran {n} times" for i, n in ran.items() if n > 1]
		wrong += [f"{i} ran and is not known" for i in ran if i not in jobs]
		wrong += [f"{i} is done and did not run" for i, job in jobs.items() if job["state"] == "done" and i not in ran]
		wrong += [f"{i} is lost for {job['why']['reason']}" for i, job in jobs.items()
		          if job["state"] == "lost" and job["why"]["reason"] != "shim-lost"]
		wrong += [f"{i} has failed: {job['why']['reason']}" for i, job in jobs.items() if job["state"] == "failed"]
		print(f"{len(acked)} accepted, {len(ran)} ran once, {dict(states)}")
		print("\n".join(wrong[:20]))
		sys.exit(len(wrong) > 0)
	END
}

mkdir -p "$SEEN"
touch "$SEEN/acked" "$SEEN/ran" "$SEEN/on"
start_uwd
speak_to lease "$SEEN/lease" "$PUT/uw_lease" owner 50 thread
speak_to pool "$SEEN/pool" "$PUT/uw_pool" create owner one 16
echo alloc 4 >&"${FDS[pool]}"
echo fill >&"${FDS[pool]}"
wait_until 10 grep -q 'fill ok' "$SEEN/pool"
somebody_beside
grow owner tenant 150 --rate 100
start_hog
start_exporter
submit_until_the_end &
submitter=$!

RANDOM=$SEED
dying=0 victims=0
for ((i = 1; i <= KILLS; i++)); do
	[ $((i % 25)) != 0 ] || start_hog
	approach
	kill -0 "$UWD_PID" "${PIDS[lease]}" "${PIDS[pool]}" || fail "before kill $i: uwd or a program has ended"
	way=${WAYS[RANDOM % ${#WAYS[@]}]}
	kill_way "$way"
	after_kill "$way" "$i"
done
rm "$SEEN/on"
wait "$submitter" || true
wait_until 20 uwctl status
wait_until 60 no_jobs
check_jobs || fail "after $KILLS kills"
for way in "${!killed[@]}"; do echo "$way: ${killed[$way]}"; done
figures rounds "$KILLS" killed "$victims" late "$LATE" slowest_us "$SLOWEST_US" dying_us "$dying" seconds "$SECONDS"
expect "kills after which something was held for over 1 s" "$LATE" 0
for leaf in hogs/hog hogs/beside owner/tenant; do
	grep -q . "$POOL/$leaf/cgroup.procs" || fail "$leaf was lost"
done
echo read >&"${FDS[pool]}"
wait_until 10 grep -q '^read' "$SEEN/pool"
expect "what was filled" "$(grep '^read' "$SEEN/pool")" "read ok"
expect "its lease" "$("$PUT/uw_lease" report | json_at .components.owner.leases)" 1
wait_until 10 grep -q '^uw_up 1$' "$SEEN/metrics"
