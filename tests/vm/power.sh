# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016 # single quotes hold what the jobs' shells expand
# seconds: 50
# timeout: 2400
# kernels: 6.12
# The power is lost again and again at random, in a start of uwd or with jobs coming and going: its state is on
# an ext4 that is shut down there without its log, so that what nobody had synced is gone; all that lived is
# killed, and memory, cgroups and pins are those of a machine that boots. The next uwd starts; no job that was
# accepted is missing and none has run twice; of what ran then it says that it is lost, and why. `make chaos`
# loses it two hundred times.

LOSSES=${LOSSES:-12} SEED=${SEED:-1}
STATE=/var/lib/uw SEEN=/tmp/power BOOT_ID=/proc/sys/kernel/random/boot_id

config <<'END'
[pool]
usable = 600M
[component batch]
share = 80%
END

mkdir -p "$STATE" "$SEEN"
touch "$SEEN/acked" "$SEEN/ran" "$SEEN/ran-again"
truncate -s 128M "$SEEN/disk"
mkfs.ext4 -q -F "$SEEN/disk"
modprobe loop
DISK=$(losetup --find --show "$SEEN/disk")
cp "$BOOT_ID" "$SEEN/boot_id"
mount --bind "$SEEN/boot_id" "$BOOT_ID"

# Shuts the disk down where it stands when told to: it is here, as to start it would take too long.
speak_to cutter "$SEEN/cut.log" python3 -u -c '
import fcntl, os, struct, sys
EXT4_IOC_SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2
for _ in sys.stdin:
    folder = os.open(sys.argv[1], os.O_RDONLY)
    fcntl.ioctl(folder, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
    os.close(folder)
    print("cut")
' "$STATE"

leave() {
	kill_all
	umount "$STATE" || true
	losetup --detach "$DISK"
	umount "$BOOT_ID"
	echo 500 >/proc/sys/vm/dirty_writeback_centisecs
	kill "${PIDS[cutter]}"
}

# ---- the machine ----

# Writeback may bring to the disk early what was not synced, and the disk may have it before its names.
mount_disk() {
	local commit=(1 1000) data=(ordered writeback)
	echo $((1 + RANDOM % 2 * 200)) >/proc/sys/vm/dirty_writeback_centisecs
	mount -o "noatime,commit=${commit[RANDOM % 2]},data=${data[RANDOM % 2]}" "$DISK" "$STATE"
}

boot() {
	cat /proc/sys/kernel/random/uuid >"$SEEN/boot_id"
	mount_disk || fail "the disk itself is broken"
	launch_uwd
}

kill_all() {
	kill -KILL "$UWD_PID" 2>/dev/null || true
	wait "$UWD_PID" 2>/dev/null || true
	[ ! -d "$POOL" ] || echo 1 >"$POOL/cgroup.kill"
	wait_until 10 uwctl teardown --kill
	rm -rf /run/uw /sys/fs/bpf/uw
}

is_cut() {
	[ "$(wc -l <"$SEEN/cut.log")" = "$1" ]
}

cut() { # cut N
	kill -0 "$UWD_PID" 2>/dev/null || fail "loss $1: uwd did not start: $(tail -n 3 /tmp/uwd.log)"
	# An fsync(2) that is under way says 0 of a journal that was aborted meanwhile (jbd2_complete_transaction),
	# which nobody lives to hear where the power is gone.
	kill -STOP "$UWD_PID"
	echo cut >&"${FDS[cutter]}"
	until is_cut "$1"; do sleep 0.01; done
	kill_all
	wait_until 10 umount "$STATE"
}

# ---- who uses it ----

submit_one() {
	case $((RANDOM % 4)) in
	0) submit_small -- sh -c 'echo $UW_JOB_ID >>/tmp/power/ran; sleep 3' ;;
	1) submit_small --retries 9 -- sh -c 'echo $UW_JOB_ID >>/tmp/power/ran-again; sleep 0.5' ;;
	*) submit_small -- sh -c 'echo $UW_JOB_ID >>/tmp/power/ran' ;;
	esac
}

submit_small() {
	uwctl submit -c batch -m 4M -t 1s "$@" 2>/dev/null
}

# What was printed was accepted, and nothing may take that back.
submit_until_cut() {
	RANDOM=$1
	while [ -e "$SEEN/on" ]; do
		submit_one >>"$SEEN/acked" || sleep 0.05
	done
}

# ---- and what must hold ----

no_jobs() {
	[ "$(uwctl queue --json | json_at .total)" = 0 ]
}

check_all() {
	uwctl history --json --lines 0 >"$SEEN/history"
	python3 - "$SEEN" <<-'END'
		import collections, json, sys
		lines = lambda name: [int(l) for l in open(f"{sys.argv[1]}/{name}") if l.strip()]
		acked, ran, again = lines("acked"), collections.Counter(lines("ran")), set(lines("ran-again"))
		jobs = {job["id"]: job for job in json.load(open(f"{sys.argv[1]}/history"))["jobs"]}
		states = collections.Counter(job["state"] for job in jobs.values())
		reasons = collections.Counter(job["why"]["reason"] for job in jobs.values() if job["state"] == "lost")
		wrong = [f"{i} was accepted and is missing" for i in acked if i not in jobs]
		wrong += [f"{i} is the number of {n}" for i, n in collections.Counter(acked).items() if n > 1]
		wrong += [f"{i} ran {n} times" for i, n in ran.items() if n > 1]
		wrong += [f"{i} ran and is not known" for i in list(ran) + list(again) if i not in jobs]
		wrong += [f"{i} is done and did not run" for i, job in jobs.items()
		          if job["state"] == "done" and i not in ran and i not in again]
		wrong += [f"{i} could not start, and ran" for i, job in jobs.items()
		          if job["why"]["reason"] == "start-failed" and i in ran]
		wrong += [f"lost for {reason}" for reason in reasons if reason != "reboot"]
		print(f"{len(acked)} accepted, {len(ran)} ran once, {dict(states)}")
		print("\n".join(wrong[:20]))
		sys.exit(len(wrong) > 0)
	END
}

UWD_PID=
trap leave EXIT
RANDOM=$SEED
for ((i = 1; i <= LOSSES; i++)); do
	boot
	touch "$SEEN/on"
	submit_until_cut "$RANDOM" &
	one=$!
	submit_until_cut "$RANDOM" &
	other=$!
	if [ $((i % 4)) = 0 ]; then # in its start
		sleep "0.$((RANDOM % 10))"
	else
		wait_until 20 uwctl status
		sleep "$((RANDOM % 2)).$((RANDOM % 10))"
	fi
	cut "$i"
	rm "$SEEN/on"
	wait "$one" "$other" || true
done
boot
wait_until 20 uwctl status
wait_until 60 no_jobs
! logged 'sensor is off .*File exists' || fail "who loads the sensors outlived its uwd"
check_all || fail "after $LOSSES losses of power"
figures losses "$LOSSES" accepted "$(wc -l <"$SEEN/acked")" ran "$(wc -l <"$SEEN/ran")" seconds "$SECONDS"
