# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 27
# alone: 6.12
# kernels: 6.1 6.12 7.x
# Who stands frozen may owe somebody an answer. A protected service whose every 25th request needs a lock
# and an answer of the job that grows beside it waits for three seconds at most, and not at all once uwd
# has noticed; the job ends.

config <<'END'
[pool]
usable = 400M
[component service]
share = 40%
priority = 9
protect = working-set
lend = yes
[component jobs]
share = 40%
priority = 5
freeze = yes
lend = yes
borrow = yes
[component idle]
share = 20%
lend = yes
END
start_uwd

# Of the requests that came from FROM to TO us: the longest in us, and the 99th percentile.
waits() { # FROM TO
	awk -v from="$1" -v to="$2" '$1 >= from && $1 < to { print $2 }' /tmp/asks.log | sort -n |
		awk '{ took[NR] = $1 } END { print took[NR], took[int(NR * .99 + .5)], NR }'
}

# Somebody whom the job's growth would cost something.
uwctl run jobs --name beside -- sleep infinity &
uwctl run jobs --name owes -- "$PUT/answers" --size 440 --rate 60 --after 3 --hold 4 --log /tmp/answers.log &
job=$!
wait_until 10 test -S /tmp/answers.sock
uwctl run service --name web -- "$PUT/asks" --log /tmp/asks.log &
wait_until 10 grep -q . "$POOL/service/web/cgroup.procs"

wait $job || fail "the job did not end: $?"
kill -TERM "$(head -n 1 "$POOL/service/web/cgroup.procs")"
wait_until 10 test -s /tmp/asks.log
grep 'act=\(freeze\|thaw\|notice\)' /tmp/uwd.log || fail "nobody was frozen"
frozen_us=$(sed -n 's/.*act=freeze .*leaf=owes .* at_us=\([0-9]*\).*/\1/p' /tmp/uwd.log | head -n 1)
[ -n "$frozen_us" ] || fail "the job was not frozen"
read -r calm_max calm _ < <(waits 0 "$frozen_us")
read -r longest _ _ < <(waits "$frozen_us" $((frozen_us + 600000000)))
read -r after_max after count < <(waits $((frozen_us + 3000000)) $((frozen_us + 600000000)))
cat /tmp/answers.log
echo "calm p99 $calm max $calm_max; after the freeze the longest $longest; 3 s after it p99 $after max $after_max of $count"
logged 'act=thaw component=jobs leaf=owes reason=dependence' || fail "nobody noticed"
logged 'act=notice component=service leaf=web reason=dependence' || fail "and who waits is not named"
expect_in "the longest wait, us" "$longest" 0 3000000
[ "$count" -ge 300 ] || fail "only $count requests came later"
# What shares the machine with the guest shows in both; who is not noticed waits for ten seconds and more.
[ "$calm" -gt 250000 ] || calm=250000
expect_in "p99 3 s after the freeze, us" "$after" 0 $((2 * calm))
expect "OOM kills" "$(awk '$1 == "oom_kill" { print $2 }' "$POOL/memory.events")" 0
