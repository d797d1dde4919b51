# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 34
# kernels: 6.12
# Two that never end and do not fit together change places, again and again, and neither is killed. What comes back
# leaves no copy in swap where that is more than half full, though a part of it is never touched again.

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
	uwctl run jobs --name "$1" -- "$PUT/hot" --size 14 --cold 6 --rate 12 --touches 0 --pace 2000 --log "/tmp/$1.log" &
}
runs() { ! is_frozen "jobs/$1" && is_frozen "jobs/$2"; }
one_runs() { runs first second || runs second first; }
whole() { [ "$(cg "jobs/$1/memory.current")" -ge $((19 << 20)) ]; }

# Somebody else has more than half of swap.
filler=/sys/fs/cgroup/filler
mkdir "$filler"
sh -c 'echo $$ >"$1/cgroup.procs" && exec "$2" --rate 400 --max 150 --hold 600 --log /dev/null' - "$filler" "$PUT/hog" &
wait_until 20 eval '[ "$(cat "$filler/memory.current")" -ge $((150 << 20)) ]'
echo 150M >"$filler/memory.reclaim" || true
swap_used() { awk 'NR > 1 { size += $3; used += $4 } END { print (used * 2 > size) }' /proc/swaps; }
expect "more than half of swap is used" "$(swap_used)" 1

hot first
hot second
wait_until 20 one_runs
if runs first second; then now=first next=second; else now=second next=first; fi

# The first change is to who was stopped while it grew, the second one to who lies in swap.
for change in 1 2; do
	began=$(awk '{ print int($1) }' /proc/uptime)
	wait_until 120 runs "$next" "$now"
	wait_until 20 whole "$next"
	twice=$(cg "jobs/$next/memory.swap.current")
	[ "$twice" -lt $((1 << 20)) ] || fail "$twice bytes of $next stand in swap and in memory"
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

kill "$(cat "$filler/cgroup.procs")"
wait_until 10 rmdir "$filler"
