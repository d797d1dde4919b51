# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 170
# kernels: 6.12
# Cgroups and a machine that change under uwd: leaves whose names are of every byte, 200 a second that are
# made and removed, ten thousand at once, a thousand components, thirty at a time, swap and memory that are taken
# away. It goes on, says what it cannot follow, and a leaf that grows is stopped all the same.

hogs_and_an_owner 60%
start_uwd

leaves_are() {
	[ "$(uwctl status hogs --json | jq '.components[0].leaves | length')" = "$1" ]
}

lives_on() {
	kill -0 "$UWD_PID" && uwctl status --json | jq -e .v >/dev/null
}

# make_leaves remove_leaves COMMAND: by one process, as a shell takes a millisecond for each
leaves() {
	python3 - "$POOL/hogs" "$@" <<-'END'
		import os, sys, time
		folder, do, count = sys.argv[1].encode(), sys.argv[2], int(sys.argv[3])
		path = lambda name: os.path.join(folder, name)
		number = lambda i: path(b"n%d" % i)
		if do == "bytes":
		    for byte in range(1, 256):
		        if byte not in b"\n/":
		            os.mkdir(path(b"x" + bytes([byte])))
		elif do == "no-bytes":
		    for name in os.listdir(folder):
		        if name.startswith(b"x") and os.path.isdir(path(name)):
		            os.rmdir(path(name))
		elif do == "make":
		    for i in range(count): os.mkdir(number(i))
		elif do == "remove":
		    for i in range(count): os.rmdir(number(i))
		elif do == "churn":  # so many in all, 200 a second, each there for a moment
		    begin = time.monotonic()
		    for i in range(count):
		        os.mkdir(number(i))
		        if i >= 20: os.rmdir(number(i - 20))
		        time.sleep(max(0, begin + i / 200 - time.monotonic()))
		    for i in range(count - 20, count): os.rmdir(number(i))
		    print("%.0f" % (count / (time.monotonic() - begin)))
	END
}

owner_holds 480
somebody_beside

# ---- names of every byte ----
leaves bytes 0
wait_until 20 leaves_are 254
lives_on || fail "names of every byte: uwd does not go on"
! uwctl status hogs | LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f\x7f]' || fail "a name steers the terminal"
! LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f\x7f]' /tmp/uwd.log || fail "a name steers the log"
leaves no-bytes 0
wait_until 20 leaves_are 1

# ---- 200 a second ----
leaves churn 3000 >/tmp/rate &
churn=$!
stops_a_hog first
wait "$churn"
echo "leaves made and removed a second: $(cat /tmp/rate)"
wait_until 20 leaves_are 1
lives_on || fail "200 a second: uwd does not go on"

# ---- ten thousand ----
leaves make 10000
lives_on || fail "ten thousand: uwd does not go on"
wait_until 20 logged 'is not followed'
expect "lines about who is not followed" "$(grep -c 'is not followed' /tmp/uwd.log)" 1
echo "uwd with ten thousand leaves: $(awk '/^VmRSS/ { print $2 }' "/proc/$UWD_PID/status") kB"
leaves remove 10000
wait_until 30 leaves_are 1
stops_a_hog second

# ---- a thousand components by name, of which it may have thirty-two at a time ----
# few N: thirty of them beside hogs and the owner
few() {
	local i
	cp /etc/uw/uw.conf.two /etc/uw/uw.conf
	for ((i = 0; i < 30; i++)); do
		printf '[component part%02d-%.*s]\nshare = 0.3%%\nfreeze = yes\n' "$1" $((i % 24 + 1)) "$i-abcdefghijklmnopqrstuvwxyz"
	done >>/etc/uw/uw.conf
}
fds() {
	find "/proc/$UWD_PID/fd" -mindepth 1 | wc -l
}
# What the kernel holds of them: cgroups, and rows of its maps.
held() {
	local map
	echo "$(find "$POOL" -mindepth 1 -maxdepth 1 -type d | wc -l) cgroups"
	for map in components counters marks stalls; do
		echo "$map $(bpftool -j map dump pinned /sys/fs/bpf/uw/$map | jq length)"
	done
}
mv /etc/uw/uw.conf /etc/uw/uw.conf.two
few 0
uwctl reload >/dev/null
looks 1
before=$(held) fds_before=$(fds)
for ((n = 1; n < 34; n++)); do
	few $n
	uwctl reload >/dev/null
done
looks 1
lives_on || fail "a thousand components: uwd does not go on"
expect "what the kernel holds after a thousand" "$(held)" "$before"
expect_in "file descriptors after a thousand" "$(fds)" 1 "$fds_before"
stops_a_hog named
cp /etc/uw/uw.conf.two /etc/uw/uw.conf
uwctl reload >/dev/null

# ---- swap that is taken away with a frozen job in it ----
grow hogs third 700 --rate 60
wait_until 30 is_frozen hogs/third
uwctl reclaim hogs 50M >/dev/null || true
without_swap
looks 3
lives_on || fail "swapoff: uwd does not go on"
echo 1 >"$POOL/hogs/third/cgroup.kill"
wait_until 10 test ! -d "$POOL/hogs/third"
xargs -n 1 swapon <"$SWAPPED_OFF"
rm "$SWAPPED_OFF"
stops_a_hog fourth

# ---- memory that is taken away ----
offline=
for block in /sys/devices/system/memory/memory*; do
	if echo offline >"$block/state" 2>/dev/null; then
		offline=$block
		break
	fi
done
if [ -n "$offline" ]; then
	looks 3
	lives_on || fail "memory is offline: uwd does not go on"
	stops_a_hog fifth
	echo online >"$offline/state"
	looks 2
else
	echo "no block of memory can be taken offline here"
fi
lives_on || fail "uwd does not go on"
stop_uwd
