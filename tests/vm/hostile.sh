# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 4
# Hostile surroundings: names, a foreign group in our place, a read-only mount, no rights, a second
# pool, a mount without memory_recursiveprot. Each is refused with its cause, or done right.

TOP=/sys/fs/cgroup
tool() { "$PUT/cgtool" "$@"; }
nobody() { setpriv --reuid 65534 --clear-groups "$PUT/cgtool" "$@"; }

# Names.
long=$(printf 'a%.0s' {1..200})
for root in .. /uw uw/ a//b uw/../x ' ' "$long$long$long"; do
	rc=0
	OUT=$(tool setup "$root" 600M cache=1M 2>&1) || rc=$?
	expect_match "root '$root' is refused" "$rc" '^(22|36)$'
done
for name in .. a/b ../x 'a b' Upper -x holder "$long" $'a\nb'; do
	expect_rc 22 tool setup uw 600M "$name=1M"
done
expect_rc 22 tool setup uw 600M cache=1M cache=1M
expect_rc 34 tool setup uw 100M cache=60M jobs=60M
[ ! -e "$POOL" ] || fail "a refused setup made something"
tool setup uw 600M cache=100M jobs=100M >/dev/null
for name in .. a/b ../x 'a b' . "$long" cgroup.procs; do
	expect_rc 22 tool leaf uw cache "$name"
done
expect_rc 22 tool leaf uw ../uw x
expect_rc 2 tool leaf uw nosuch x
expect_match "names the component" "$OUT" "no component 'nosuch'"

# A leaf: once, again when empty, not while something runs in it.
expect "a leaf" "$(tool leaf uw cache r1)" r1
first=$(stat -c %i "$POOL/cache/r1")
tool leaf uw cache r1 >/dev/null
[ "$(stat -c %i "$POOL/cache/r1")" != "$first" ] || fail "an empty leaf was not made anew"
sleep 300 &
job=$!
tool attach uw cache r1 "$job"
expect "attached" "$(cat "/proc/$job/cgroup")" 0::/uw/cache/r1
expect_rc 17 tool leaf uw cache r1
expect_match "unnamed leaves" "$(tool leaf uw cache)" '^run-[0-9]+-0$'

# Processes that cannot be attached.
expect_rc 22 tool attach uw cache r1 2
expect_match "a kernel thread" "$OUT" "kernel thread"
expect_rc 3 tool attach uw cache r1 4194303
expect_rc 22 tool attach uw cache r1 1

# memory.min over the pool would make the kernel kill.
tool min uw cache 500M
echo 200M >"$POOL/jobs/memory.min"
expect_rc 34 tool min uw cache 500M

# No rights.
expect_rc 13 nobody setup uw 600M cache=200M
expect_match "says what to do" "$OUT" "run it as root"
expect_rc 13 nobody leaf uw cache x
expect_rc 1 nobody attach uw cache r1 "$job"
expect_rc 13 nobody teardown uw kill
expect "still there" "$(cg cache/r1/cgroup.procs)" "$job"

# A second pool beside the first.
expect_rc 17 tool setup other 600M cache=100M
expect_match "names the first" "$OUT" "stands at uw"
tool teardown uw kill >/dev/null

# Another program's group in our place: with a process, with a group, and one of its in our pool.
mkdir "$POOL"
sleep 300 &
theirs=$!
echo "$theirs" >"$POOL/cgroup.procs"
expect_rc 17 tool setup uw 600M cache=100M
expect_match "names the process" "$OUT" "process $theirs"
expect_rc 17 tool pool uw /bin/true
expect_rc 1 tool teardown uw kill
expect "left alone" "$(cg cgroup.procs)" "$theirs"
kill "$theirs"
wait "$theirs" || true
mkdir "$POOL/theirs"
expect_rc 17 tool setup uw 600M cache=100M
expect_match "names the group" "$OUT" "'theirs'"
expect_rc 1 tool teardown uw kill
rmdir "$POOL/theirs"
tool setup uw 600M cache=100M >/dev/null
mkdir "$POOL/theirs"
tool setup uw 600M cache=100M
expect_rc 16 tool teardown uw kill
expect_match "names what is not ours" "$OUT" "uw/theirs was not made by uwctl"
[ -d "$POOL/theirs" ] || fail "a foreign group was removed"
rmdir "$POOL/theirs"
tool teardown uw kill >/dev/null

# Read-only, by the file system and by the mount.
mount -o remount,ro "$TOP"
expect_rc 30 tool setup uw 600M cache=100M
expect_match "says what to do" "$OUT" "remount,rw"
mount -o remount,rw "$TOP"
mount --bind "$TOP" "$TOP"
mount -o remount,bind,ro "$TOP"
expect_rc 30 tool setup uw 600M cache=100M
umount "$TOP"

# Without memory_recursiveprot, where the mount is not ours: each leaf gets the protection. (Named
# with its source, mount(8) remounts with the options given here alone.)
mount -o remount,rw none "$TOP"
tool -r setup uw 600M cache=100M >/dev/null
tool leaf uw cache l1 >/dev/null
expect "a new leaf is protected" "$(cg cache/l1/memory.low)" $((100 << 20))
tool -r setup uw 600M cache=50M >/dev/null
expect "protection follows" "$(cg cache/l1/memory.low)" $((50 << 20))
tool setup uw 600M cache=50M >/dev/null
grep -q 'cgroup2.*memory_recursiveprot' /proc/self/mountinfo || fail "not remounted"
tool leaf uw cache l2 >/dev/null
expect "no need then" "$(cg cache/l2/memory.low)" 0
