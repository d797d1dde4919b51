# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 7
# The tree: idempotent setup, completed after an interruption, raced by others, taken down again.

GUARD=/usr/libexec/uw/uw-guard
SPEC=(setup uw 600M "cache=100M:100M" "jobs=200M:200M:300M")
tool() { "$PUT/cgtool" "$@"; }

everything() {
	(cd "$POOL" && for f in memory.max memory.low {cache,jobs}/memory.{low,high,max} {,cache/,jobs/}cgroup.subtree_control; do
		echo "$f $(cat "$f")"
	done)
}

# A dry run says what a first run does, and does nothing.
tool -n "${SPEC[@]}" >/tmp/dry
[ ! -e "$POOL" ] || fail "a dry run made the pool"
[ ! -e /run/uw ] || fail "a dry run made /run/uw"
tool "${SPEC[@]}" >/tmp/real
expect "dry run" "$(cat /tmp/dry)" "$(cat /tmp/real)"
expect "the record" "$(cat /run/uw/pool)" uw
expect "low" "$(cg cache/memory.low)" $((100 << 20))
expect "max" "$(cg jobs/memory.max)" $((300 << 20))
expect "pool" "$(cg memory.max)" $((600 << 20))
expect "the pool's low is the sum" "$(cg memory.low)" $((300 << 20))
grep -q 'cgroup2.*memory_recursiveprot' /proc/self/mountinfo || fail "not remounted"
whole=$(everything)

# Again: nothing to do.
expect "a second setup" "$(tool "${SPEC[@]}")" ""

# The guard: one, in holder/, spared by the OOM killer; replaced when dead, not doubled.
guard=$(tool pool uw "$GUARD" | sed -n 's/^guard //p')
expect "the guard's group" "$(cg holder/cgroup.procs)" "$guard"
expect "its OOM score" "$(cat "/proc/$guard/oom_score_adj")" -1000
expect "not a second guard" "$(tool pool uw "$GUARD" | sed -n 's/^guard //p')" "$guard"
kill -KILL "$guard"
wait_until 5 test -z "$(cg holder/cgroup.procs)"
tool pool uw "$GUARD" >/dev/null
[ "$(cg holder/cgroup.procs)" != "$guard" ] || fail "the dead guard was not replaced"

# Interrupted anywhere, the next setup completes it.
rmdir "$POOL/cache"
tool "${SPEC[@]}" >/dev/null
expect "a missing component" "$(everything)" "$whole"
rmdir "$POOL/jobs"
mkdir "$POOL/jobs"
tool "${SPEC[@]}" >/dev/null
expect "a half-made component" "$(everything)" "$whole"
tool teardown uw refuse >/dev/null
mkdir "$POOL"
tool "${SPEC[@]}" >/dev/null
expect "a half-made pool" "$(everything)" "$whole"

# A process directly in a component, where the kernel wants none.
echo -memory >"$POOL/cache/cgroup.subtree_control"
sleep 300 &
stray=$!
echo "$stray" >"$POOL/cache/cgroup.procs"
tool "${SPEC[@]}" >/dev/null
expect "the stray is adopted" "$(cg cache/adopted/cgroup.procs)" "$stray"
expect "after adoption" "$(everything)" "$whole"

# Components the spec no longer names: empty ones go, the other stays.
tool setup uw 600M "logs=10M" >/dev/null
[ -d "$POOL/cache" ] || fail "a populated component was removed"
[ ! -d "$POOL/jobs" ] || fail "an empty component stayed"
expect "low, with what stayed" "$(cg memory.low)" $((110 << 20))
tool "${SPEC[@]}" >/dev/null
expect "back again" "$(everything)" "$whole"

# A parent is raised before its children, and lowered after them. memory.min is only raised.
order() { tool setup uw 600M "cache=$1:100M" "jobs=$2:200M:300M" | sed -n "s/^write uw\(.*\)memory.low.*/\1/p" | xargs; }
expect "raised" "$(order 150M 250M)" "/ /cache/ /jobs/"
expect "lowered" "$(order 100M 200M)" "/cache/ /jobs/ /"
expect "moved within" "$(order 50M 250M)" "/cache/ /jobs/"
order 100M 200M >/dev/null
echo 4M >"$POOL/cache/memory.min"
expect "the sum of what is there" "$(tool "${SPEC[@]}")" "write uw/memory.min $((4 << 20))"
echo 0 >"$POOL/cache/memory.min"
expect "is uwd's to lower" "$(tool "${SPEC[@]}")" ""
echo 0 >"$POOL/memory.min"

# A limit below use is refused (max) or left to the daemon (high).
expect_rc 16 tool setup uw 600M "cache=0:max:0"
expect_match "what is in use" "$OUT" "bytes are in use"
OUT=$(tool setup uw 600M "cache=0:0:max")
expect_match "high below use" "$OUT" "keep uw/cache/memory.high 0"
expect "is not written" "$(cg cache/memory.high)" $((100 << 20))

# Teardown: refuses and names what runs, keeps it running, or kills it, frozen or not.
expect_rc 16 tool teardown uw refuse
expect_match "names the leaf" "$OUT" "$stray runs in uw/cache/adopted"
expect "nothing is lost" "$(cg cache/adopted/cgroup.procs)" "$stray"
echo 1 >"$POOL/cache/adopted/cgroup.freeze"
tool teardown uw keep >/dev/null
[ ! -e "$POOL" ] || fail "the pool stayed"
[ ! -e /run/uw/pool ] || fail "the record stayed"
expect "kept and thawed" "$(sed 's/^0:://' "/proc/$stray/cgroup")" /
tool "${SPEC[@]}" >/dev/null
tool attach uw cache one "$stray"
echo 1 >"$POOL/cache/one/cgroup.freeze"
tool teardown uw kill >/dev/null
[ ! -e "$POOL" ] || fail "the pool stayed after a kill"
[ ! -d "/proc/$stray/fd" ] || [ -z "$(ls "/proc/$stray/fd" 2>/dev/null)" ] || fail "the stray lives"

# Many at once, from nothing.
pids=()
for i in 1 2 3 4 5 6; do
	(tool pool uw "$GUARD" && tool "${SPEC[@]}") >"/tmp/race.$i" 2>&1 &
	pids+=("$!")
done
for pid in "${pids[@]}"; do
	wait "$pid" || fail "one of six setups at once failed: $(cat /tmp/race.*)"
done
expect "one guard" "$(wc -l <"$POOL/holder/cgroup.procs")" 1
expect "after the race" "$(everything)" "$whole"
tool teardown uw refuse >/dev/null

# Below another group: what is kept goes beside the pool.
tool setup a/b 600M cache=100M >/dev/null
sleep 300 &
kept=$!
tool attach a/b cache j "$kept"
tool teardown a/b keep >/dev/null
expect "kept beside" "$(cat "/proc/$kept/cgroup")" "0::/a/b-kept"
kill "$kept"
wait "$kept" || true
rmdir /sys/fs/cgroup/a/b-kept /sys/fs/cgroup/a
