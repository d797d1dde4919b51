# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 40
# kernels: 6.1 6.12
# Two programs alike, cleaned while nobody lacks memory: a feed loses the file that it has read and nothing to swap,
# models lose what they leave alone to swap and no file, once the ages of their pages are known, and what was done and
# what came of it is told. Where memory.reclaim takes no swappiness= check says what is lost, and the feed keeps its
# memory all the same.

MIB=$((1 << 20))
config <<'END_OF_CONFIG'
[pool]
usable = 700M
[policy]
clean-interval = 1s
clean-target = 5%
[component feed]
share = 40%
protect = none
type = feed
clean = yes
[component models]
share = 40%
protect = none
type = models
clean = yes
END_OF_CONFIG
start_uwd

file_of() { sed -n 's/^file //p' "$POOL/$1/memory.stat"; }
# work COMPONENT: 30 MB that it touches, 60 that it does not, and a file that it read once
work() {
	uwctl run "$1" --name job -- "$PUT/hot" --size 30 --cold 60 --touches 0 --pace 100000 --log "/tmp/$1.log" &
	wait_until 20 grep -q . "$POOL/$1/job/cgroup.procs"
	uwctl run "$1" --name reader -- dd if="/var/tmp/read.$1" of=/dev/null bs=1M 2>/dev/null
}
for i in feed models; do
	dd if=/dev/zero of="/var/tmp/read.$i" bs=1M count=60 2>/dev/null
	sync "/var/tmp/read.$i"
done
echo 3 >/proc/sys/vm/drop_caches
work feed
work models
expect_in "files of the feed" $(($(file_of feed) / MIB)) 45 70
expect_in "files of the models" $(($(file_of models) / MIB)) 45 70

lost_files() { [ "$(file_of feed)" -lt $((45 * MIB)) ]; }
wait_until 30 lost_files
expect "the feed in swap" "$(cg feed/memory.swap.current)" 0
logged 'act=reclaim component=feed reason=cleanup .*tier=light' || fail "the log does not say why"

if kernel_at_least 6.9; then
	swapped() { [ "$(cg models/memory.swap.current)" -ge $((8 * MIB)) ]; }
	wait_until 60 swapped
	expect_in "files of the models, cleaned" $(($(file_of models) / MIB)) 45 70
	logged 'act=reclaim component=models (leaf=job )?reason=cleanup .*tier=light' || fail "the log does not say why"
else
	expect_match "check" "$(uwctl check | tr -s "\n " " ")" 'swappiness=.*type = models'
fi
uwctl status feed
uwctl explain feed
expect_match "what came of it" "$(uwctl status feed)" 'reclaimed: light .* net'
! logged 'act=freeze|act=kill' || fail "somebody was stopped"
