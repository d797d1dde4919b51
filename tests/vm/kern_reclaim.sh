# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 13
# Reclaim against memory.stat: direct under a limit, proactive through memory.reclaim. Slab counts in
# one of the two only, and so do pages that a list gave back at once: a seventh is left for that.
near() {
	expect_in "$1" "$2" $(($3 * 85 / 100)) $(($3 * 115 / 100 + 64))
}

# memory.stat may lag behind by what the kernel flushes every 2 s (mm/memcontrol.c, FLUSH_TIME): a reader
# that comes while another flushes does not wait for it.
flushed() {
	sleep 3
}

pages_since() {
	echo $(($(stat_of a memory.stat "$1") - ${2:-0}))
}

kern_setup a b
echo $((32 << 20)) >"$KERN/a/memory.high"
kern_watch a b
in_job a timeout 8 "$PUT/hog" --max 64 --hold 0.1 --rand --log /tmp/hog.log || true
kern_report
flushed
scan=$(stat_of a memory.stat pgscan) steal=$(stat_of a memory.stat pgsteal)
echo "direct: pgscan $scan pgsteal $steal; counted $(count a reclaim_scanned_pages)" \
	"$(count a reclaim_reclaimed_pages) in $(count a reclaims) calls, $(count a reclaim_us) us"
near "scanned" "$(count a reclaim_scanned_pages)" "$scan"
near "reclaimed" "$(count a reclaim_reclaimed_pages)" "$steal"
expect_in "calls" "$(count a reclaims)" 1 100000
expect_in "time" "$(count a reclaim_us)" 1000 9000000
expect "none of it proactive" "$(count a proactive_reclaims)" 0

# What this one holds is not reclaimed: memory.stat stays where it is.
echo max >"$KERN/a/memory.high"
hold_in_job a 32 --rand
direct=$(count a reclaims)
# EAGAIN says that less than asked was freed, which is no fault of the counting.
echo 16M >"$KERN/a/memory.reclaim" || true
"$PUT/kern" counts a b >/tmp/kern.out
flushed
scan=$(pages_since pgscan "$scan") steal=$(pages_since pgsteal "$steal")
echo "proactive: pgscan $scan pgsteal $steal; counted $(count a proactive_scanned_pages)" \
	"$(count a proactive_reclaimed_pages) in $(count a proactive_us) us"
expect_in "proactive pages" "$steal" 256 8192
near "proactive scanned" "$(count a proactive_scanned_pages)" "$scan"
near "proactive reclaimed" "$(count a proactive_reclaimed_pages)" "$steal"
expect_in "proactive time" "$(count a proactive_us)" 100 60000000
expect "none of it direct" "$(count a reclaims)" "$direct"
expect "b was left alone" "$(count b reclaim_scanned_pages)" 0
