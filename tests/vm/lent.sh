# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 30
# kernels: 6.1 6.12 7.x
# What a component has lent comes back for a job that waits in its queue: a queued job is demand, and what
# it asks for within the component's own budget is reclaimed from who borrowed it, who goes on.

config <<'END'
[pool]
usable = 650M
[component owner]
share = 54%
priority = 8
lend = yes
[component greedy]
share = 46%
priority = 5
borrow = yes
freeze = yes
END
start_uwd

grow greedy borrower 525 --rate 200
wait_until 30 grown borrower
looks 2
[ "$(cg greedy/memory.current)" -gt $((500 << 20)) ] || fail "it did not borrow: $(cg greedy/memory.current)"

# ---- beyond the right nothing comes back ----
expect_rc 2 uwctl submit -c owner -m 400M -- true
looks 5
! logged 'act=reclaim component=greedy' || fail "somebody paid for what nobody can start"

# ---- within it what lacks does ----
id=$(uwctl submit -c owner -m 250M -- "$PUT/hog" --max 230 --hold 5 --touch 0 --log /tmp/owner.log)
within 30 job_is "$id" running
within 60 uwctl wait "$id" --timeout 60s || fail "the job did not end"
grep '^FULL' /tmp/owner.log || fail "it did not get its memory"
logged 'act=reclaim component=greedy' || fail "nothing was taken back from who borrowed it"

# ---- who borrowed lives, and is not left standing ----
[ -n "$(cat "$POOL/greedy/borrower/cgroup.procs")" ] || fail "who borrowed was killed"
thawed() { ! is_frozen greedy/borrower; }
wait_until 30 thawed
expect "kills by the kernel" "$(awk '$1 == "oom_kill" { print $2 }' "$POOL/greedy/memory.events")" 0
