# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016 # single quotes hold what the jobs' shells expand
# seconds: 50
# kernels: 6.12
# What a machine may lack for a while, with jobs in the queue and one that runs: a clock that tells the year,
# room on the disk, inodes, descriptors, and a disk that can be written. uwd and the job go on, what cannot be done
# waits with a reason or is refused with one, and once it is there again all of it is done.

config <<'END'
[pool]
usable = 600M
[component batch]
share = 80%
freeze = yes
END
STATE=/var/lib/uw
mkdir -p "$STATE"
truncate -s 48M /tmp/lacks.disk
mkfs.ext4 -q -F -N 200 -m 0 -E lazy_itable_init=0 /tmp/lacks.disk
modprobe loop
DISK=$(losetup --find --show /tmp/lacks.disk)
mount -o errors=remount-ro "$DISK" "$STATE"
# As it was found, however this ends: the state that is not on that disk.
end_all() {
	kill -KILL "$UWD_PID" 2>/dev/null || true
	wait "$UWD_PID" || true
	uwctl teardown --kill >/dev/null || true
	wait_until 10 umount "$STATE"
}
leave() {
	end_all
	losetup --detach "$DISK"
	rm /tmp/lacks.disk
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

# ---- no room: what is new is refused, what runs ends on record ----
is_refused() {
	! REFUSED=$(submit -- true 2>&1)
}
short=$(submit -- sh -c 'until [ -e /tmp/full ]; do sleep 0.1; done; exit 3')
wait_until 10 job_is "$short" running
cat /dev/zero >"$STATE/filler" 2>/dev/null || true
wait_until 20 is_refused
expect_match "a full disk" "$REFUSED" 'disk of .* is full'
touch /tmp/full
expect_rc 3 uwctl wait "$short" --timeout 60s
runs || fail "on a full disk uwd or its job does not go on"
rm "$STATE/filler"
goes_on "room on the disk"

# ---- no inodes: an output file cannot be made ----
fill_inodes() {
	local i=0
	while : >"$STATE/filler$i"; do i=$((i + 1)); done 2>/dev/null
}
fill_inodes
late=$(submit -- sh -c 'echo late')
wait_until 10 waits_with "$late" 'No space left'
runs || fail "without inodes uwd or its job does not go on"
rm "$STATE"/filler*
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

# ---- the disk has an error and is read-only until it is mounted anew, which who runs there keeps it from ----
begin_steady
short=$(submit -- sh -c 'until [ -e /tmp/read-only ]; do sleep 0.1; done; exit 3')
wait_until 10 job_is "$short" running
echo 1 >"/sys/fs/ext4/${DISK##*/}/trigger_fs_error"
! touch "$STATE/new" 2>/dev/null || fail "the disk can be written"
wait_until 20 is_refused
expect_match "a read-only disk" "$REFUSED" "$STATE cannot be written: Input/output error"
touch /tmp/read-only
looks 3
runs || fail "on a read-only disk uwd or its job does not go on"
job_is "$short" running || fail "an end that is not on the disk is told of"
logged 'queue cannot be written, trying on: jobs go on, new ones are refused' || fail "and the log says nothing"
! logged 'damaged' || fail "the disk that fails is taken for a damaged queue"
kill -TERM "$UWD_PID"
within 20 eval '! kill -0 "$UWD_PID"'
end_all
e2fsck -fp "$DISK" >/dev/null || true
mount -o errors=remount-ro "$DISK" "$STATE"
start_uwd
for id in "$short" "$STEADY"; do
	expect_match "what ran as the disk failed" "$(uwctl history "$id" --json | json_at .ended.state .ended.why.reason)" 'lost'
	expect "times that it ran" \
		"$(uwctl history "$id" --json | jq '[.steps[] | select(.step == "started")] | length')" 1
done
expect_rc 0 submit --wait -- true
! logged 'set aside' || fail "the queue of a disk that failed was set aside"
stop_uwd
