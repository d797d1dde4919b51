# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016 # single quotes hold what the jobs' shells expand
# seconds: 45
# kernels: 6.12
# What a machine may lack for a while, with jobs in the queue and one that runs: a clock that tells the year,
# inodes, descriptors. uwd and the job go on, what cannot be done waits with a reason, and once it is there
# again all of it is done.

config <<'END'
[pool]
usable = 600M
[component batch]
share = 80%
freeze = yes
END
mkdir -p /var/lib/uw
mount -t tmpfs -o size=48M,nr_inodes=200,mode=755 none /var/lib/uw
# As it was found, however this ends: the state that is not on the tmpfs.
leave() {
	kill -KILL "$UWD_PID" 2>/dev/null || true
	wait "$UWD_PID" || true
	uwctl teardown --kill >/dev/null || true
	umount /var/lib/uw
}
start_uwd
trap leave EXIT

moves() {
	! is_frozen "$1"
}

begin_steady

# ---- the clock: what has a time limit or a deadline is not over it, and what is ahead comes in time ----
for way in '+1 year' '-2 years' '+1 year'; do
	uwctl freeze "batch/job-$STEADY" --for 4s >/dev/null
	date -s "$way" >/dev/null
	wait_until 6 is_frozen "batch/job-$STEADY"
	wait_until 10 moves "batch/job-$STEADY"
	wait_until 10 job_is "$STEADY" running
	expect_rc 5 submit --wait -- sh -c 'exit 5'
	goes_on "clock $way"
done
expect_match "a queue of another year" "$(uwctl queue "$STEADY")" running

# ---- no inodes: an output file cannot be made ----
fill_inodes() {
	local i=0
	while : >"/var/lib/uw/filler$i"; do i=$((i + 1)); done 2>/dev/null
}
fill_inodes
late=$(submit -- sh -c 'echo late')
wait_until 10 waits_with "$late" 'No space left'
runs || fail "without inodes uwd or its job does not go on"
rm /var/lib/uw/filler*
expect_rc 0 uwctl wait "$late" --timeout 60s
expect "its output" "$(uwctl logs "$late")" late
goes_on "inodes"

# ---- no descriptors ----
before=$(prlimit --pid "$UWD_PID" --nofile --noheadings --output SOFT)
fds=("/proc/$UWD_PID/fd"/*)
prlimit --pid "$UWD_PID" --nofile=$((${#fds[@]} + 1)):
askers=()
for _ in $(seq 8); do
	timeout 3 uwctl status >/dev/null 2>&1 &
	askers+=($!)
done
for asker in "${askers[@]}"; do wait "$asker" || true; done
kill -0 "$UWD_PID" || fail "uwd ends without descriptors"
prlimit --pid "$UWD_PID" --nofile="${before// /}:"
wait_until 10 uwctl status
goes_on "descriptors"

end_steady
stop_uwd
