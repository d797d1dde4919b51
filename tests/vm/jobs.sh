# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016 # single quotes hold what the jobs' shells expand
# seconds: 57
# kernels: 6.1 7.x
# Queued jobs: each runs once, as its submitter, in a leaf with its limit, and its end is known, with
# uwd killed again and again; those whose memory is not there wait.

SMALL=60
QUEUE=60
KILLS=20 # each takes a second or three; make bench-jobs has fifty on each kernel

config <<'END'
[pool]
usable = 1000M
[component batch]
share = 90%
submit = nobody
[component closed]
share = 5%
END

ended() { # ended STATE: how many jobs of the history ended so
	uwctl history --json --lines 2000 |
		jq --arg state "$1" '[.jobs[] | select(.state == $state)] | length'
}

once_each() { # once_each FILE COUNT: 0 to COUNT-1, each on one line
	sort -n "$1" | uniq -c | awk -v want="$2" '
		$1 != 1 { doubled++ } { seen++ }
		END { print seen == want && !doubled ? "once" : seen " of " want ", doubled " doubled + 0 }'
}

mkdir -m 1777 /tmp/jobs
start_uwd

# ---- one job: its status, its output, where it ran ----
expect_rc 7 uwctl submit --wait -c batch -m 50M -- sh -c 'echo out; echo err >&2; exit 7'
expect_rc 0 uwctl submit --json -c batch -m 50M -- sh -c '
	cat /proc/self/cgroup; cat /sys/fs/cgroup/uw/batch/job-$UW_JOB_ID/memory.high
	cat /proc/self/oom_score_adj; echo $UW_JOB_ID; id -u; grep THP_enabled /proc/self/status'
id=2
expect_rc 0 uwctl wait "$id"
log=$(uwctl logs "$id")
expect_match "where it ran" "$log" "/uw/batch/job-$id"
expect_match "its limit" "$log" "52428800"
expect_match "its OOM score" "$log" $'\n0\n'
expect_match "its huge pages" "$log" $'THP_enabled:\t1'
expect "uwd's huge pages" "$(awk '/^THP_enabled/ { print $2 }' "/proc/$UWD_PID/status")" 0
wait_until 5 test ! -d "$POOL/batch/job-$id"
expect "output of the first job" "$(cat /var/lib/uw/log/1.out /var/lib/uw/log/1.err)" "$(printf 'out\nerr')"
[ "$(stat -c %a /var/lib/uw/log/1.out)" = 600 ] || fail "output that others may read"

# ---- as whom ----
as_nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}
expect_rc 0 as_nobody uwctl submit --wait -c batch -m 50M -- sh -c '
	id -u; ulimit -l; grep CapEff /proc/self/status >/tmp/jobs/caps'
expect "capabilities of a user's job" "$(awk '{ print $2 }' /tmp/jobs/caps)" 0000000000000000
as_nobody uwctl submit -c closed -m 10M -- true >/tmp/closed 2>&1 && fail "nobody may submit to closed"
expect_match "why not" "$(cat /tmp/closed)" "may not submit to closed"
expect_rc 0 uwctl submit --hold -c batch -m 10M -- true
theirs=$(uwctl queue --json | json_at '.jobs[0].id')
as_nobody uwctl cancel "$theirs" >/tmp/theirs 2>&1 && fail "a user cancelled root's job"
expect "what nobody sees" "$(as_nobody uwctl queue --json | json_at .total)" 0
as_nobody uwctl reload >/dev/null 2>&1 && fail "nobody may reload"
expect_rc 0 uwctl cancel "$theirs"

# ---- many at once ----
expect_rc 1 uwctl submit --wait -c batch -m 4M --array 0-$((SMALL - 1)) -- \
	sh -c 'echo $UW_JOB_INDEX >>/tmp/jobs/small; exit $((UW_JOB_INDEX % 2))'
expect "small jobs" "$(once_each /tmp/jobs/small $SMALL)" once
expect "small jobs that ended well" "$(uwctl history --json --lines 2000 | jq -r '
	[.jobs[] | select(.index != null)] | "\(length) \([.[] | select(.status == .index % 2)] | length)"')" \
	"$SMALL $SMALL"

# ---- uwd is killed at random, and nothing is lost or doubled ----
# Fourteen run at a time, for about as long as the kills take: most of these find some running.
HOLD=$((KILLS / 5))
expect_rc 0 uwctl submit -c batch -m 60M --array 0-$((QUEUE - 1)) --key steps -- \
	sh -c "echo \$UW_JOB_INDEX >>/tmp/jobs/queue; sleep $HOLD; exit \$((UW_JOB_INDEX % 3))"
first=$(uwctl queue --json | json_at '.jobs[0].array')
some_run() {
	local leaf
	for leaf in "$POOL"/batch/job-*; do
		[ ! -d "$leaf" ] || return 0
	done
	return 1
}
RANDOM=7
kills=0 busy=0
while [ "$kills" -lt "$KILLS" ]; do
	sleep "0.$((RANDOM % 10))"
	! some_run || busy=$((busy + 1))
	kill -KILL "$UWD_PID"
	wait "$UWD_PID" 2>/dev/null || true
	kills=$((kills + 1))
	launch_uwd
done
[ "$busy" -ge $((KILLS * 3 / 4)) ] || fail "only $busy of $KILLS kills found a job running"
wait_until 20 uwctl status
expect_rc 2 uwctl wait "$first" --timeout 120s
expect "a queue with $KILLS kills" "$(once_each /tmp/jobs/queue $QUEUE)" once
expect "their statuses" "$(uwctl history --json --lines 2000 | jq -r --argjson array "$first" '
	[.jobs[] | select(.array == $array)] | "\(length) \([.[] | select(.status == .index % 3)] | length)"')" \
	"$QUEUE $QUEUE"
expect "lost jobs" "$(ended lost)" 0

# ---- two that do not fit together, and a third beside them ----
began=$SECONDS
large() {
	uwctl submit -c batch -m 700M -t 20s -- "$PUT/hog" --max 520 --hold 2 --touch 0
}
ids=("$(large)" "$(large)")
one_runs() {
	[ "$(uwctl queue --json | grep -c '"state": "running"')" = 1 ]
}
wait_until 10 one_runs
ids+=("$(uwctl submit -c batch -m 150M -t 2s -- sh -c '
	echo >/tmp/jobs/third
	until [ -e /tmp/jobs/seen ]; do sleep 0.1; done')")
uwctl queue
wait_until 15 test -e /tmp/jobs/third
expect "running while the second large one waits" \
	"$(uwctl queue --json | jq '[.jobs[] | select(.state == "queued")] | length')" 1
touch /tmp/jobs/seen
expect_rc 0 uwctl wait "${ids[@]}" --timeout 120s
echo "two of 700M and one beside them: $((SECONDS - began)) s"
expect "OOM kills" "$(awk '$1 == "oom_kill" { print $2 }' "$POOL/memory.events")" 0

# ---- a cancelled job that does not listen; what a job leaves behind ----
deaf=$(uwctl submit -c batch -m 20M -- \
	sh -c 'trap "" TERM; echo >/tmp/jobs/deaf; sleep 300 & sleep 301')
wait_until 10 test -e /tmp/jobs/deaf
expect_rc 0 uwctl cancel "$deaf" --grace 2s
expect_rc 137 uwctl wait "$deaf" --timeout 30s
expect_rc 0 uwctl submit --wait -c batch -m 20M -- sh -c 'setsid sleep 300 & exit 0'
wait_until 10 sh -c "! ls -d $POOL/batch/job-* 2>/dev/null"
