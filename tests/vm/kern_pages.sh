# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 6
# alone: 6.12
# The charge hook against the kernel's own page counter: anonymous memory, files, shared memory, and
# back to nothing. usage_bytes is read from the same counter as memory.current, so it is equal but for
# what a CPU is charging this moment; charged less uncharged may miss a batch a CPU.
BATCH=$((64 * 4096 * $(nproc)))

same_as_kernel() {
	local used current net
	current=$(cat "$KERN/a/memory.current")
	"$PUT/kern" counts a b >/tmp/kern.out
	used=$(count a usage_bytes)
	net=$(($(count a charged_bytes) - $(count a uncharged_bytes)))
	echo "$1: memory.current $current usage_bytes $used charged less uncharged $net"
	expect_in "$1: usage_bytes" "$used" $((current - BATCH)) $((current + BATCH))
	expect_in "$1: charged less uncharged" "$net" $((current - 2 * BATCH)) $((current + 2 * BATCH))
}

kern_setup a b
"$PUT/kern" counts a b >/tmp/kern.out

hold_in_job a 96
same_as_kernel "anonymous"
expect_in "anonymous: all of it" "$(count a charged_bytes)" $((96 << 20)) $((108 << 20))
expect_in "batches, not pages" "$(count a charge_batches)" 10 4000

in_job a dd if=/dev/zero of=/tmp/file bs=1M count=32 status=none
same_as_kernel "files"

mkdir -p /tmp/shm
mount -t tmpfs none /tmp/shm
in_job a dd if=/dev/zero of=/tmp/shm/file bs=1M count=32 status=none
same_as_kernel "shared memory"
umount /tmp/shm
rm /tmp/file

echo 1 >"$KERN/a/cgroup.kill"
wait_until 20 grep -qx 'populated 0' "$KERN/a/cgroup.events"
same_as_kernel "after the end"
expect "b was not charged" "$(count b charged_bytes)" 0
expect "no drops" "$(grep '^drop' /tmp/kern.out || true)" ""
