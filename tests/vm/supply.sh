# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 38
# kernels: 6.12
# What the queue takes for room: not what processes outside of the pool hold, however calm the machine is,
# but what file pages take that nobody needs.

without_swap
config <<'END'
[pool]
usable = 1000M
[component batch]
share = 95%
END
start_uwd

# ---- held outside of the pool, at rest ----
"$PUT/hog" --max 300 --hold 600 --touch 0 --log /tmp/outside.log &
outside=$!
wait_until 20 grown outside
looks 6 # a calm uwd reads the host every 5 s
first=$(uwctl submit -c batch -m 450M -- sleep 600)
wait_until 10 job_is "$first" running
second=$(uwctl submit -c batch -m 450M -- sleep 600)
looks 3
expect "the second" "$(job_state "$second")" queued
expect "why" "$(uwctl queue "$second" --json | json_at .queued.why.reason)" host
kill -KILL "$outside"
wait_until 10 job_is "$second" running
expect_rc 0 uwctl cancel "$first" "$second" --grace 0
stop_uwd

# ---- clean cache of jobs that have ended ----
config <<'END'
[pool]
usable = 150M
[component batch]
share = 70%
END
start_uwd
for i in 1 2 3; do
	dd if=/dev/zero of="/var/tmp/read.$i" bs=1M count=30 2>/dev/null
done
sync
echo 3 >/proc/sys/vm/drop_caches
for i in 1 2 3; do
	expect_rc 0 uwctl submit --wait -c batch -m 40M -- cat "/var/tmp/read.$i"
done
looks 2
[ "$(cg batch/memory.current)" -gt $((75 << 20)) ] || fail "the files are not in the cache: $(cg batch/memory.current)"
id=$(uwctl submit -c batch -m 50M -- echo ran)
expect_rc 0 uwctl wait "$id" --timeout 60s

# ---- memory that a process of the component needs is no room, and that is no property of the job ----
grow batch holds 60
wait_until 20 grown holds
looks 2
id=$(uwctl submit -c batch -m 50M -- echo ran)
looks 2
expect "beside it" "$(uwctl queue "$id" --json | json_at .queued.why.reason)" memory
echo 1 >"$POOL/batch/holds/cgroup.kill"
expect_rc 0 uwctl wait "$id" --timeout 60s
stop_uwd
