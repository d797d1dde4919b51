# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 4
# alone: 6.12
# A usage mark fires once, within a batch of the crossing, and names who crossed it. With transparent
# huge pages the batch is one of them.
MARK=$((48 << 20))
BATCH=$((64 * 4096 * $(nproc)))
if grep -q '\[always\]' /sys/kernel/mm/transparent_hugepage/enabled; then
	BATCH=$((BATCH + (2 << 20)))
fi

kern_setup a b
kern_watch -m a=$MARK -m b=$MARK a b
in_job a "$PUT/hog" --max 96 --hold 0.1 --touch 0 --log /tmp/hog.log
wait_until 10 grep -q '^event a mark' /tmp/kern.out
in_job a "$PUT/hog" --max 96 --hold 0.1 --touch 0 --log /tmp/hog.log
kern_report
grep '^event' /tmp/kern.out

expect "one event" "$(grep -c '^event a mark' /tmp/kern.out)" 1
expect "marks_fired" "$(count a marks_fired)" 1
expect "b stays silent" "$(count b marks_fired)" 0
read -r _ _ _ _ observed _ threshold _ _ _ comm _ < <(grep '^event a mark' /tmp/kern.out)
expect "threshold" "$threshold" $MARK
expect_in "within a batch" "$observed" $MARK $((MARK + BATCH))
expect "who" "$comm" hog
