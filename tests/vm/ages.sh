# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 30
# kernels: 6.1 7.x
# Hot and cold memory is told as it is: 100 MB touched all the time beside 200 MB untouched. Nothing is looked at
# while nobody has to give, and what a look costs stays within its bound. Where the kernel's switch was off uwd
# turns it on as it is told to, and back when it ends, even after it was killed.

SWITCH=/sys/kernel/mm/lru_gen/enabled
MIB=$((1 << 20))
was=$(cat $SWITCH)

config <<'END'
[pool]
usable = 390M
[sense]
lru-gen = on
[component jobs]
share = 40%
priority = 5
freeze = yes
lend = yes
borrow = yes
[component idle]
share = 40%
lend = yes
END
start_uwd

ages() { uwctl status --json | json_at ".daemon.ages.$1"; }
told() { [ "$(status_of jobs cold_bytes)" != "" ]; }
# What was filled is hot for a while, and a busy machine may be late with the first touches.
sorted() {
	[ "$(status_of jobs cold_bytes)" -ge $((180 * MIB)) ] && [ "$(status_of jobs hot_bytes)" -ge $((90 * MIB)) ]
}
is_on() { [ "$(cat $SWITCH)" = 0x0007 ]; }

expect "ages are told" "$(ages on)" 1
is_on || fail "the switch is at $(cat $SWITCH)"

# ---- at rest ----
uwctl run jobs --name job -- "$PUT/hot" --size 100 --cold 0 --touches 0 --pace 100000 --log /tmp/small.log &
wait_until 20 grep -q . "$POOL/jobs/job/cgroup.procs"
looks 5
expect "readings at rest" "$(ages readings)" 0
expect "agings at rest" "$(ages agings)" 0
! told || fail "told without being asked"
kill -TERM "$(head -n 1 "$POOL/jobs/job/cgroup.procs")"
wait_until 20 test ! -d "$POOL/jobs/job"

# ---- beyond its budget, with less than a quarter of usable free ----
uwctl run jobs --name mixed -- "$PUT/hot" --size 100 --cold 200 --touches 0 --pace 100000 --log /tmp/mixed.log &
wait_until 60 sorted
uwctl status jobs
read -r hot cold leaf_cold < <(uwctl status jobs --json |
	json_at '.components[0].hot_bytes' '.components[0].cold_bytes' '.components[0].leaves[0].cold_bytes')
expect_in "hot" "$((hot / MIB))" 95 115
expect_in "cold" "$((cold / MIB))" 190 215
expect_in "cold of the leaf" "$((leaf_cold / MIB))" 195 205
read -r readings agings cpu_us aging_us < <(uwctl status --json | json_at \
	.daemon.ages.readings .daemon.ages.agings .daemon.ages.cpu_us .daemon.ages.aging_us)
echo "readings $readings, agings $agings, CPU us $cpu_us, of it for agings $aging_us"
up_us=$(uwctl status --json | json_at .daemon.up_us)
[ "$cpu_us" -lt $((up_us / 100 + aging_us)) ] || fail "$cpu_us us of $up_us"
! logged 'act=freeze' || fail "frozen"

# ---- what uwd switched on goes back when it ends, killed before or not ----
kill -KILL "$UWD_PID"
wait "$UWD_PID" || true
is_on || fail "off with a killed uwd: its next one would turn it on again"
start_uwd
stop_uwd
expect "the switch" "$(cat $SWITCH)" "$was"
