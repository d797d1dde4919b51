# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 34
# kernels: 6.12
# Two that never end and do not fit together change places, again and again, and neither is killed.

config <<'END'
[pool]
usable = 34M
[component service]
share = 10%
lend = yes
[component jobs]
share = 85%
freeze = yes
lend = yes
borrow = yes
END
start_uwd

hot() { # NAME
	uwctl run jobs --name "$1" -- "$PUT/hot" --size 20 --rate 12 --touches 0 --pace 2000 --log "/tmp/$1.log" &
}
runs() { ! is_frozen "jobs/$1" && is_frozen "jobs/$2"; }
one_runs() { runs first second || runs second first; }
whole() { [ "$(cg "jobs/$1/memory.current")" -ge $((19 << 20)) ]; }

hot first
hot second
wait_until 20 one_runs
if runs first second; then now=first next=second; else now=second next=first; fi

# The first change is to who was stopped while it grew, the second one to who lies in swap.
for change in 1 2; do
	began=$(awk '{ print int($1) }' /proc/uptime)
	wait_until 120 runs "$next" "$now"
	wait_until 20 whole "$next"
	echo "change $change after $(($(awk '{ print int($1) }' /proc/uptime) - began)) s"
	[ "$now" = first ] && now=second next=first || now=first next=second
done
[ "$(grep -c 'act=freeze component=jobs .*reason=turn' /tmp/uwd.log)" -ge 2 ] || fail "changed without saying so"
logged 'end=page-in component=jobs .*outcome=done' || fail "came back page by page"
! logged 'act=kill' || fail "killed"
expect "OOM kills" "$(awk '$1 == "oom_kill" { print $2 }' "$POOL/memory.events")" 0

# Who is left goes on at once.
kill -TERM "$(head -n 1 "$POOL/jobs/$now/cgroup.procs")"
wait_until 20 eval "! is_frozen jobs/$next"
