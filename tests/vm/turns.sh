# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 22
# Work beside free memory runs as if nothing watched it; two jobs that do not fit together both end, one
# after the other; a leak does not cost its sibling; and nothing is left frozen after.

config <<'END'
[pool]
usable = 600M
[component service]
share = 35%
priority = 10
protect = working-set
lend = yes
[component jobs]
share = 25%
priority = 5
freeze = yes
lend = yes
borrow = yes
[component idle]
share = 25%
lend = yes
END
start_uwd

out_pages() { awk '$1 == "pswpout" { print $2 }' /proc/vmstat; }
hot() { # NAME MB TOUCHES
	uwctl run jobs --name "$1" -- "$PUT/hot" --size "$2" --rate 200 --touches "$3" --log "/tmp/$1.log"
}

# ---- alone: 540 MB of a component that owns 150 ----
before=$(out_pages)
hot alone 540 200000 || fail "did not end"
expect "pages out" "$(out_pages)" "$before"
! logged 'act=freeze' || fail "frozen, alone"
! logged 'act=reclaim' || fail "reclaimed, alone"

# ---- two that do not fit together ----
before=$(out_pages)
hot first 370 600000 &
first=$!
hot second 370 600000 &
second=$!
wait $first || fail "the first did not end: $?"
wait $second || fail "the second did not end: $?"
logged 'act=freeze component=jobs' || fail "nobody waited"
# Stopped before they met, nothing of the second has to go out; what went comes back as a whole.
out=$(($(out_pages) - before))
echo "$out pages out"
[ "$out" -lt 2048 ] || logged 'end=page-in component=jobs .*outcome=done' || fail "and came back page by page"
! logged 'act=kill' || fail "killed"

# ---- a leak beside a job of its own component ----
hot sibling 60 0 &
wait_until 20 grep -q . "$POOL/jobs/sibling/cgroup.procs"
grow jobs leak 3000 --rate 150
wait_until 60 is_frozen jobs/leak
looks 3
! is_frozen jobs/sibling || fail "the sibling was stopped for it"
expect "of the sibling in swap" "$(cg jobs/sibling/memory.swap.current)" 0
kill -TERM "$(head -n 1 "$POOL/jobs/sibling/cgroup.procs")"
kill -KILL "$(head -n 1 "$POOL/jobs/leak/cgroup.procs")"

# ---- and nothing is left ----
all_is_well() {
	! grep -rqs 'frozen 1' "$POOL"/*/cgroup.events "$POOL"/*/*/cgroup.events &&
		[ "$(cg service/memory.high)" -ge $((200 << 20)) ]
}
wait_until 20 all_is_well
expect "OOM kills" "$(awk '$1 == "oom_kill" { print $2 }' "$POOL/memory.events")" 0
