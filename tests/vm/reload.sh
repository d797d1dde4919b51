# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 22
# kernels: 6.12
# A reload is atomic: a faulty file changes nothing, a good one is in force at once, and what runs goes
# on running. What stays is not touched; of what goes everything is undone. A setup tells the uwd that
# runs.

base() {
	printf '[pool]\nusable = 600M\n[component cache]\nshare = 40%%\n[component jobs]\nshare = %s\n' "$1"
}

base 40% | config
start_uwd
grow jobs small 50
wait_until 20 grown small
expect "budget" "$(cg jobs/memory.high)" $((240 << 20))

base 70% | config
expect_rc 2 uwctl reload
expect_match "names the sum" "$OUT" "110"
expect "unchanged" "$(cg jobs/memory.high)" $((240 << 20))

base 50% | config
uwctl config diff | grep -q jobs || fail "diff does not show the change"
uwctl reload
wait_until 5 eval '[ "$(cg jobs/memory.high)" = $((300 << 20)) ]'

# A component that comes, and one that goes.
printf '[component late]\nshare = 5%%\n' >>/etc/uw/uw.conf
uwctl reload
[ -d "$POOL/late" ] || fail "the new component has no cgroup"
base 50% | config
kill -HUP "$UWD_PID"
wait_until 5 test ! -d "$POOL/late"
kill -0 "$(head -n 1 "$POOL/jobs/small/cgroup.procs")" || fail "the workload is gone"

# ---- what goes is thawed and restored, what stays is not touched ----
three() {
	cat <<-END
		[pool]
		usable = 600M
		$1
		[component cache]
		share = 40%
		priority = 9
		protect = working-set
		[component jobs]
		share = 30%
		freeze = yes
		priority = 3
	END
}
three '' | config
uwctl reload
grow cache kept 60
wait_until 20 grown kept
wait_until 20 eval '[ "$(cg cache/memory.min)" -gt $((40 << 20)) ]'
uwctl freeze jobs/small --for 60s
uwctl freeze cache/kept --for 50s --force
wait_until 5 is_frozen jobs/small
wait_until 5 is_frozen cache/kept
threads=$(find "/proc/$UWD_PID/task" -mindepth 1 -maxdepth 1 | sort)

# In another order and with one more: freezes, threads, minimum and levels as before.
three '[component early]
share = 10%' | config
uwctl reload
looks 2
is_frozen jobs/small || fail "a reload thawed what stays"
is_frozen cache/kept || fail "a reload thawed what stays"
[ "$(cg cache/memory.min)" -gt $((40 << 20)) ] || fail "the minimum of what stays is gone"
[ "$(comm -23 <(echo "$threads") <(find "/proc/$UWD_PID/task" -mindepth 1 -maxdepth 1 | sort))" = "" ] ||
	fail "a worker of what stays was ended"
expect "frozen leaves" "$(status_of jobs frozen_leaves)" 1

# Both that hold something go: nothing of it is left, and nothing runs on without its limit.
printf '[pool]\nusable = 600M\n[component early]\nshare = 10%%\n' | config
uwctl reload
is_frozen jobs/small && fail "dropped, and frozen still"
is_frozen cache/kept && fail "dropped, and frozen still"
expect "minimum of what went" "$(cg cache/memory.min)" 0
expect "protection of what went" "$(cg cache/memory.low)" 0
expect "limit of what went" "$(cg jobs/memory.high)" $((180 << 20))
# One component is there where two were: a worker less.
wait_until 5 eval '[ "$(find "/proc/$UWD_PID/task" -mindepth 1 -maxdepth 1 | wc -l)" = $(($(wc -l <<<"$threads") - 1)) ]'
looks 2
is_frozen jobs/small && fail "frozen again"
kill -0 "$(head -n 1 "$POOL/jobs/small/cgroup.procs")" || fail "the workload is gone"

# And back.
three '' | config
uwctl reload
wait_until 5 eval '[ "$(cg cache/memory.low)" = $((240 << 20)) ]'
wait_until 10 eval '[ "$(cg cache/memory.min)" -gt $((40 << 20)) ]'

# ---- a loan whose lender a reload drops ----
printf '[pool]\nusable = 600M\n[policy]\ndwell = 1s\n[component %s]\nshare = 50%%\n%s\n[component %s]\nshare = 40%%\n%s\n' \
	cache 'lend = yes' jobs 'borrow = yes' | config
uwctl reload
looks 4
grow jobs greedy 900 --rate 60
wait_until 30 eval '[ "$(cg jobs/memory.high)" -gt $((280 << 20)) ]' # its own are 240
expect "the limit of who lends" "$(cg cache/memory.high)" $((300 << 20))
printf '[pool]\nusable = 600M\n[component jobs]\nshare = 40%%\n' | config
uwctl reload
expect "the limit of the lender that went" "$(cg cache/memory.high)" $((300 << 20))

echo 1 >"$POOL/jobs/greedy/cgroup.kill"
wait_until 10 test ! -d "$POOL/jobs/greedy"

# ---- the heart beats on while a reload has much to end ----
expect "hangs seen by the guard" "$(uwctl status --json | json_at .daemon.guard.hangs)" 0

# ---- setup beside a uwd that runs ----
three '' | config
uwctl setup | grep -q 'uwd, which runs, has taken it over' || fail "setup does not say that uwd knows"
expect "setup told uwd" "$(uwctl config diff)" "nothing differs from what uwd goes by"
expect "its limits" "$(cg jobs/memory.high)" $((180 << 20))
looks 2
expect "which stay" "$(cg jobs/memory.high)" $((180 << 20))
expect "a second setup" "$(uwctl setup --json | jq -c '[.changes, .uwd_reloaded]')" "[[],false]"
base 30% >/tmp/other.conf
expect_rc 6 uwctl setup --config /tmp/other.conf
expect_match "another file" "$OUT" "uwd runs and goes by the installed files, not by /tmp/other.conf"
expect "is refused before any change" "$(cg jobs/memory.high)" $((180 << 20))
