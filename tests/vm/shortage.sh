# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 60
# kernels: 6.12
# What a machine may lack for a while beside what lacks.sh takes away: processes, for jobs and for uwd itself, room
# in the kernel's map of components, and in its ring of events. uwd and a job go on, a hog is stopped, and what
# was not possible is done once it is there.

hogs_and_an_owner 50%
printf '[component batch]\nshare = 15%%\n' >>/etc/uw/uw.conf
ROOT=/sys/fs/cgroup
leave() {
	rmdir "$ROOT/tight" 2>/dev/null || true
}
start_uwd
trap leave EXIT
begin_steady
owner_holds 400
somebody_beside

# ---- processes: of jobs, and then of uwd itself, with the guard gone too ----
echo +pids >"$ROOT/cgroup.subtree_control"
cat "$POOL/pids.current" >"$POOL/pids.max"
late=$(submit -- sh -c 'echo late')
wait_until 10 waits_with "$late" 'temporarily unavailable'
runs || fail "without processes for jobs uwd or its job does not go on"
echo max >"$POOL/pids.max"
expect_rc 0 uwctl wait "$late" --timeout 90s
expect "its output" "$(uwctl logs "$late")" late

mkdir "$ROOT/tight"
for pid in "$UWD_PID" $(pidof uw-launcher); do
	echo "$pid" >"$ROOT/tight/cgroup.procs"
done
cat "$ROOT/tight/pids.current" >"$ROOT/tight/pids.max"
guard=$(cat "$POOL/holder/cgroup.procs")
kill -KILL "$guard"
late=$(submit -- true)
looks 2
runs || fail "without processes uwd or its job does not go on"
echo max >"$ROOT/tight/pids.max"
has_guard() {
	grep -q . "$POOL/holder/cgroup.procs"
}
wait_until 20 has_guard
expect_rc 0 uwctl wait "$late" --timeout 90s
goes_on "processes"

# ---- the map of components: full of others ----
MAP=/sys/fs/bpf/uw/components
entry_bytes() { # entry_bytes FIRST COUNT: as bpftool takes them
	printf '%d' "$1"
	printf ' 0%.0s' $(seq 2 "$2")
}
key_size=$(bpftool -j map show pinned "$MAP" | jq .bytes_key)
value_size=$(bpftool -j map show pinned "$MAP" | jq .bytes_value)
# change_map update|delete: sixty-four entries of nobody's
change_map() {
	local i value=''
	[ "$1" = delete ] || value=" value $(entry_bytes 0 "$value_size")"
	for ((i = 1; i <= 64; i++)); do
		echo "map $1 pinned $MAP key $(entry_bytes "$i" "$key_size")$value"
	done >/tmp/batch
	while IFS= read -r line; do
		# shellcheck disable=SC2086 # words
		bpftool $line >/dev/null 2>&1 || [ "$1" = delete ] || return 0
	done </tmp/batch
}
change_map update
printf '[component new]\nshare = 3%%\nfreeze = yes\n' >>/etc/uw/uw.conf
uwctl reload || true
looks 1
goes_on "a map that is full"
stops_a_hog full
change_map delete
uwctl reload
goes_on "the map"

# ---- the ring of events: full, as nobody takes them ----
mkdir "$POOL/batch/victims"
kill -STOP "$UWD_PID"
oom_kills "$POOL/batch/victims" 450
kill -CONT "$UWD_PID"
wait_until 10 uwctl status
rmdir "$POOL/batch/victims"
uwctl status | grep -q 'OOM events: ring full' || fail "nobody says that events are lost"
logged 'events found no room' || fail "the log does not tell of it"
goes_on "a ring that is full"
stops_a_hog ring

end_steady
stop_uwd
