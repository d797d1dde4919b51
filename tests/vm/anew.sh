# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 35
# kernels: 6.1 7.x
# Cgroups that are removed and made anew under a living uwd, one component and the whole pool: limits,
# marks, counters, freezing and the guard are as before.

config <<'END'
[pool]
usable = 900M
[component hogs]
share = 30%
priority = 3
freeze = yes
lend = no
[component owner]
share = 60%
priority = 9
protect = working-set
lend = no
END
HOGS=$((270 << 20)) OWNER=$((540 << 20))

limits_stand() {
	[ -d "$POOL/owner" ] && [ "$(cg hogs/memory.high)" = "$HOGS" ] && [ "$(cg hogs/memory.low)" = "$HOGS" ] &&
		[ "$(cg owner/memory.high)" = "$OWNER" ] && [ "$(cg owner/memory.low)" = "$OWNER" ] &&
		[ "$(cg memory.max)" = $((900 << 20)) ] && grep -q memory "$POOL/hogs/cgroup.subtree_control"
}

# counts_of CGROUP FIELD: of the pinned map
counts_of() {
	bpftool -j map dump pinned /sys/fs/bpf/uw/components |
		jq --argjson cgid "$(stat -c %i "$1")" --arg field "$2" \
			'.[] | (.formatted // .) | select(.key.cgid == $cgid).value[$field]'
}

# A hog at full speed in a leaf of its own is frozen by the mark inside the kernel: for somebody beside
# it, whom its growth costs something. Alone it would be left to swap, until that is full.
is_braked() {
	local actions
	actions=$(uwctl log -l 300 --json)
	somebody_beside
	grow hogs "$1" 700 --rate 100
	wait_until 20 is_frozen "hogs/$1"
	expect_in "$1 at the freeze" "$(cg hogs/memory.current)" $((200 << 20)) $((400 << 20))
	logged "act=freeze component=hogs leaf=$1 .*reason=usage-mark" ||
		logged "act=freeze component=hogs leaf=$1" || fail "nobody says why $1 is frozen"
	[ "$(counts_of "$POOL/hogs" charged_bytes)" -gt $((200 << 20)) ] || fail "$1: not counted"
	[ "$actions" != "$(uwctl log -l 300 --json)" ] || fail "nothing is on record of $1"
}

# uwctl run removes the leaves of what has ended.
empty() {
	echo 1 >"$POOL/hogs/cgroup.kill"
	wait_until 10 eval '[ -z "$(find "$POOL/hogs" -mindepth 1 -type d)" ]'
}

start_uwd
is_braked first
empty

# ---- one component, by hand: gone, and not made anew by hand ----
before=$(stat -c %i "$POOL/hogs")
rmdir "$POOL/hogs"
wait_until 10 limits_stand
[ "$(stat -c %i "$POOL/hogs")" != "$before" ] || fail "it is the same cgroup"
is_braked second
empty

# ---- one component, removed and made anew by hand, without any limit ----
rmdir "$POOL/hogs"
mkdir "$POOL/hogs"
wait_until 10 limits_stand
is_braked third
empty

# ---- memory.min follows again ----
before=$(stat -c %i "$POOL/owner")
rmdir "$POOL/owner"
wait_until 10 limits_stand
[ "$(stat -c %i "$POOL/owner")" != "$before" ] || fail "it is the same cgroup"
grow owner tenant 200
wait_until 20 grown tenant
wait_until 20 eval '[ "$(cg owner/memory.min)" -gt $((150 << 20)) ]'

# ---- the whole pool, by another program's teardown and setup ----
before=$(stat -c %i "$POOL")
guard=$(cat "$POOL/holder/cgroup.procs")
"$PUT/cgtool" teardown uw kill >/dev/null
"$PUT/cgtool" setup uw 900M "hogs=100M:100M" >/dev/null
wait_until 15 limits_stand
[ "$(stat -c %i "$POOL")" != "$before" ] || fail "it is the same pool"
wait_until 10 grep -q . "$POOL/holder/cgroup.procs"
[ "$(cat "$POOL/holder/cgroup.procs")" != "$guard" ] || fail "the old guard is still there"
is_braked fourth

# The new guard guards: uwd dies, and what it froze goes on.
kill -KILL "$UWD_PID"
within 2 eval '! is_frozen hogs/fourth'
wait "$UWD_PID" 2>/dev/null || true
start_uwd
wait_until 20 is_frozen hogs/fourth
empty

# ---- the whole pool gone, and nobody else who makes it anew ----
"$PUT/cgtool" teardown uw kill >/dev/null
wait_until 15 limits_stand
is_braked fifth
kill -0 "$UWD_PID" || fail "uwd ended"

# ---- a guard that goes while another setup is at work: what is frozen stays on record ----
empty
uwctl run hogs --name still -- sleep 600 &
wait_until 20 uwctl freeze hogs/still --for 60s
wait_until 10 is_frozen hogs/still
guard=$(cat "$POOL/holder/cgroup.procs")
exec 8>/run/uw/setup.lock
flock 8
kill -KILL "$guard"
looks 2
[ -z "$(cat "$POOL/holder/cgroup.procs")" ] || fail "a guard came past the lock"
exec 8>&-
wait_until 10 grep -q . "$POOL/holder/cgroup.procs"
looks 2
is_frozen hogs/still || fail "a new guard thawed it"
kill -KILL "$UWD_PID"
within 2 eval '! is_frozen hogs/still'
wait "$UWD_PID" 2>/dev/null || true
