# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016 # single quotes hold what the jobs' shells expand
# seconds: 20
# kernels: 6.12
# Workloads that do with their leaf what nobody thinks of: groups of their own in it, another place to
# live, a group above it that is frozen; and what a user can do with the output of a job.

config <<'END_OF_CONFIG'
[pool]
usable = 400M
[component batch]
share = 60%
submit = nobody
END_OF_CONFIG
uwctl setup >/dev/null
start_uwd

as_nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

# ---- groups below a leaf ----
nest='mkdir -p "/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/a/b/c"'
expect_rc 0 uwctl run --name nest batch sh -c "$nest"
[ ! -d "$POOL/batch/nest" ] || fail "the leaf of a run stays"
id=$(uwctl submit -c batch -m 16M -- sh -c "$nest")
expect_rc 0 uwctl wait "$id" --timeout 30s
wait_until 10 test ! -d "$POOL/batch/job-$id"
mkdir -p "$POOL/batch/nest/a/b" # as one that was killed leaves it
expect_rc 0 uwctl run --name nest batch true
[ ! -d "$POOL/batch/nest" ] || fail "the name of a leaf is taken for good"

# ---- one that leaves its leaf, and does not listen ----
id=$(uwctl submit -c batch -m 16M -- sh -c 'trap "" TERM
	echo $$ >/sys/fs/cgroup/cgroup.procs; while :; do sleep 1; done')
wait_until 10 grep -q '^populated 0' "$POOL/batch/job-$id/cgroup.events"
wait_until 15 eval 'uwctl queue --json "$id" | grep -q left-leaf'
wait_until 5 grep -q "runs outside of its leaf.*job=$id" /tmp/uwd.log
expect_rc 0 uwctl cancel "$id" --grace 1s
expect_rc 137 uwctl wait "$id" --timeout 30s

# ---- a group above it is frozen ----
echo 1 >"$POOL/batch/cgroup.freeze"
uwctl run --name still batch true >/tmp/still.out 2>&1 &
still=$!
wait_until 15 grep -q 'its component is frozen' /tmp/still.out
echo 0 >"$POOL/batch/cgroup.freeze"
wait "$still" || fail "a run that was thawed"
id=$(uwctl submit -c batch -m 16M --time-limit 5s -- sleep 3)
wait_until 10 job_is "$id" running
echo 1 >"$POOL/batch/cgroup.freeze"
wait_until 5 job_is "$id" frozen
sleep 6 # past its limit, which does not count this
echo 0 >"$POOL/batch/cgroup.freeze"
expect_rc 0 uwctl wait "$id" --timeout 30s

# ---- its output ----
id=$(as_nobody uwctl submit -c batch -m 16M -- sh -c 'echo said >/dev/stdout; echo so >>/dev/stderr')
expect_rc 0 as_nobody uwctl wait "$id" --timeout 30s
expect "what it wrote by name" "$(as_nobody uwctl logs "$id")" said
expect "and beside it" "$(as_nobody uwctl logs "$id" --err)" so
expect "whose it is" "$(stat -c %U "/var/lib/uw/log/$id.out")" root
as_nobody sh -c "echo more >>/var/lib/uw/log/$id.out" 2>/dev/null && fail "a user writes to it"
setpriv --reuid=12345 --regid=65534 --clear-groups cat "/var/lib/uw/log/$id.out" 2>/dev/null &&
	fail "others of the group read it"

stop_uwd
