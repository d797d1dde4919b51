# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 33
# kernels: 6.1 6.12 7.x
# Pools and rings: their pages stand on the component, whoever touches them first; what is left of one
# when its owner, its keeper or uwd is killed; and what one who may only read it cannot do.

cat <<-'END' | config
	[pool]
	usable = 600M
	[component data]
	share = 50%
	lease = games
	[component batch]
	share = 30%
END
start_uwd

AS=() # in front of the program

# hold NAME ARGUMENT...: in the background; its lines go to /tmp/NAME.pool
hold() {
	local name=$1
	shift
	speak_to "$name" "/tmp/$name.pool" "${AS[@]}" "$PUT/uw_pool" "$@"
	wait_until 20 grep -q . "/tmp/$name.pool"
}

# tell NAME WORD...: says its answer
tell() {
	local before
	before=$(wc -l <"/tmp/$1.pool")
	echo "${*:2}" >&"${FDS[$1]}"
	wait_until 60 lines_over "/tmp/$1.pool" "$before" || return 1
	tail -n 1 "/tmp/$1.pool"
}

lines_over() {
	[ "$(wc -l <"$1")" -gt "$2" ]
}

bytes_of() {
	cat "$POOL/$1" 2>/dev/null || echo 0
}

# On the leaf of pools, and on nobody else.
pools_have() {
	bytes_of data/pools/memory.current
}

report() {
	"$PUT/uw_lease" report | json_at ".components.$1.$2"
}

reports() {
	[ "$(report "$1" "$2")" = "$3" ]
}

keeper() {
	cat "$POOL/data/pools/cgroup.procs" 2>/dev/null
}

has_new_keeper() {
	[ -n "$(keeper)" ] && [ "$(keeper)" != "$1" ]
}

leaf_is_gone() {
	[ ! -d "$POOL/data/pools" ]
}

at_most() {
	[ "$(bytes_of data/memory.current)" -le "$1" ]
}

# Of the pool and the ring 20M have no memory yet.
promised_is_rest() {
	[ "$(report data promised_bytes)" -le $((21 * MIB)) ]
}

reader_is_told() {
	[ "$(tell reader orphan)" = "orphan ok" ]
}

pools_at_most() {
	[ "$(pools_have)" -le "$1" ]
}

kills() {
	sed -n 's/^oom_kill //p' "$POOL/data/memory.events"
}

MIB=$((1 << 20))
BEFORE=$(bytes_of data/memory.current)

# ---- what is committed stands on the component, whoever touches it ----
HEAD=65536 # the directory of tensors
NOBODY=4294967295
hold owner create data prices 100
expect "create" "$(cat /tmp/owner.pool)" "create ok"
expect "spoken for" "$(report data pool_bytes)" $((100 * MIB + HEAD))
small=$(pools_have)
[ "$small" -lt $((4 * MIB)) ] || fail "a pool without memory has $small"
expect "oom_score_adj of the keeper" "$(cat "/proc/$(keeper)/oom_score_adj")" -1000
expect "alloc" "$(tell owner alloc 80)" "alloc ok"
grown=$(($(pools_have) - small))
echo "committed 80M: $grown bytes more on the leaf of pools"
expect_in "of 80M on the component, permyriad" $((grown * 10000 / (80 * MIB))) 9950 10100
expect "fill" "$(tell owner fill)" "fill ok"
more=$(($(pools_have) - small - grown))
echo "its owner, outside of the pool, stored into each page: $more bytes more"
expect_in "more after the stores, KiB" $((more / 1024)) -512 512
expect "share" "$(tell owner share $NOBODY $NOBODY 444)" "share ok"
AS=(uwctl run batch --name reader --)
hold reader attach 0/prices r
AS=()
expect "attach" "$(cat /tmp/reader.pool)" "attach ok"
expect "read" "$(tell reader read)" "read ok"
batch=$(bytes_of batch/memory.current)
[ "$batch" -lt $((16 * MIB)) ] || fail "the reader's component has $batch"

# ---- a ring is there as a whole, on the component ----
before=$(pools_have)
hold stream ring data ticks 16
expect "ring" "$(cat /tmp/stream.pool)" "ring ok"
grown=$(($(pools_have) - before))
expect_in "of a ring of 16M on the component, permyriad" $((grown * 10000 / (16 * MIB))) 9950 10200
expect "share a ring" "$(tell stream share $NOBODY $NOBODY 666)" "share ok"
AS=(uwctl run batch --name taker --)
hold taker join 0/ticks w
AS=()
expect "join" "$(cat /tmp/taker.pool)" "join ok"
expect "put" "$(tell stream put 1000)" "put ok"
expect "get" "$(tell taker get 1000)" "get ok"
expect_in "more after the records, KiB" $((($(pools_have) - before - grown) / 1024)) -512 512
wait_until 10 promised_is_rest || fail "of $(report data promised_bytes) promised"
tell taker end >/dev/null
tell stream end >/dev/null
wait_until 5 pools_at_most $((before + MIB)) || fail "$before before the ring, $(pools_have) after it"

# ---- what is freed goes at once ----
before=$(pools_have)
expect "alloc" "$(tell owner alloc 10)" "alloc ok"
expect "fill" "$(tell owner fill)" "fill ok"
expect "free" "$(tell owner free)" "free ok"
expect_in "after it was freed, KiB" $((($(pools_have) - before) / 1024)) -512 512

# ---- what does not fit is denied; what is beyond memory.max is refused, and kills nobody ----
hold large create data large 250
expect "too large" "$(head -n 1 /tmp/large.pool)" "create ENOMEM"
hold again create data prices 1
expect "a name twice" "$(head -n 1 /tmp/again.pool)" "create EEXIST"
max=$(bytes_of data/pools/memory.max)
expect_in "memory.max of the leaf, MiB" $((max / MIB)) 104 105
before=$(kills)
hold second create data second 50
have=$(pools_have)
echo 0 >"$POOL/data/pools/memory.swap.max"
echo $((have + 10 * MIB)) >"$POOL/data/pools/memory.max"
expect "alloc beyond the limit" "$(tell second alloc 48)" "alloc ENOMEM"
expect "OOM kills" "$(kills)" "$before"
wait_until 5 pools_at_most $((have + MIB)) || fail "$have before, $(pools_have) after what was refused"
tell second end >/dev/null
expect "alloc beside it" "$(tell owner alloc 2)" "alloc ok"
expect "fill" "$(tell owner fill)" "fill ok"

# ---- who may only read it can neither change nor open it anew ----
expect "of the component's own user" "$(tell owner share $NOBODY $NOBODY 400)" "share ok"
expect "share with one user" "$(tell owner share 12 $NOBODY 400)" "share ok"
AS=(setpriv --reuid 12 --regid 12 --clear-groups --)
hold other attach 0/prices r
hold writer attach 0/prices w
AS=()
expect "attach by a user" "$(cat /tmp/other.pool)" "attach ok"
expect "attach to write" "$(head -n 1 /tmp/writer.pool)" "attach EACCES"
expect "what it cannot do" "$(tell other harm)" "harm none"
expect "read" "$(tell other read)" "read ok"
expect "share with a group" "$(tell owner share 12 "$(id -g games)" 440)" "share ok"
AS=(setpriv --reuid games --regid games --clear-groups --)
hold grouped attach 0/prices r
expect "attach by one of the group" "$(cat /tmp/grouped.pool)" "attach ok"
expect "what it cannot do" "$(tell grouped harm)" "harm none"
tell grouped end >/dev/null
expect "share with one user" "$(tell owner share 12 $NOBODY 400)" "share ok"
hold third attach 0/prices r
AS=()
expect "attach by another" "$(head -n 1 /tmp/third.pool)" "attach EACCES"

# ---- uwd is killed: pools and readers notice nothing ----
before=$(keeper)
kill -KILL "$UWD_PID"
wait "$UWD_PID" 2>/dev/null || true
expect "read without uwd" "$(tell reader read)" "read ok"
start_uwd
expect "the keeper of before" "$(keeper)" "$before"
expect "alloc after a restart" "$(tell owner alloc 8)" "alloc ok"
expect "fill" "$(tell owner fill)" "fill ok"
expect "read after a restart" "$(tell other read)" "read ok"
expect "spoken for after a restart" "$(report data pool_bytes)" $((100 * MIB + HEAD))

# ---- uwd is away for long: what needs no pages goes on ----
kill -KILL "$UWD_PID"
wait "$UWD_PID" 2>/dev/null || true
expect "free without uwd" "$(tell owner free)" "free ok"
expect "alloc without uwd" "$(tell owner alloc 8)" "alloc ENOTCONN"
start_uwd
expect "alloc with uwd again" "$(tell owner alloc 8)" "alloc ok"
expect "fill" "$(tell owner fill)" "fill ok"

# ---- the keeper is killed: another one is handed the pools ----
kill -KILL "$before"
wait_until 10 has_new_keeper "$before" || fail "no keeper after $before"
expect "alloc with a new keeper" "$(tell owner alloc 5)" "alloc ok"
expect "fill" "$(tell owner fill)" "fill ok"
expect "read with a new keeper" "$(tell reader read)" "read ok"

# ---- both are killed: the owner brings its file ----
before=$(keeper)
kill -KILL "$UWD_PID" "$before"
wait "$UWD_PID" 2>/dev/null || true
start_uwd
expect "alloc after both" "$(tell owner alloc 4)" "alloc ok"
expect "fill" "$(tell owner fill)" "fill ok"
expect "read after both" "$(tell reader read)" "read ok"
expect_in "of 99M on the component, permyriad" $(($(pools_have) * 10000 / (99 * MIB))) 9950 10300

# ---- the owner is killed: who reads reads on, and the last one frees it ----
kill -KILL "${PIDS[owner]}"
wait_until 10 reader_is_told || fail "the reader does not know that its owner is gone"
expect "spoken for as an orphan" "$(report data pool_bytes)" $((100 * MIB + HEAD))
expect "read as an orphan" "$(tell reader read)" "read ok"
tell reader end >/dev/null
expect "with one reader" "$(tell other read)" "read ok"
kill -KILL "${PIDS[other]}"
wait_until 10 reports data pool_bytes 0 || fail "of $(report data pool_bytes) in pools"
wait_until 10 at_most $((BEFORE + 2 * MIB)) || fail "$BEFORE before, $(bytes_of data/memory.current) after"

# ---- an owner without readers is killed ----
hold brief create data brief 50
expect "alloc" "$(tell brief alloc 49)" "alloc ok"
expect "fill" "$(tell brief fill)" "fill ok"
kill -KILL "${PIDS[brief]}"
wait_until 10 reports data pool_bytes 0 || fail "of $(report data pool_bytes) in pools"
wait_until 10 at_most $((BEFORE + 2 * MIB)) || fail "$BEFORE before, $(bytes_of data/memory.current) after"

# ---- what is freed while it is looked at stays, and nobody else gets it ----
hold viewed create data viewed 40
expect "alloc" "$(tell viewed alloc 20)" "alloc ok"
expect "fill" "$(tell viewed fill)" "fill ok"
before=$(pools_have)
expect "pin" "$(tell viewed pin)" "pin ok"
expect "free" "$(tell viewed free)" "free ok"
expect "freed and pinned" "$(tell viewed zombies)" "zombies 20"
expect_in "more after it was freed, KiB" $((($(pools_have) - before) / 1024)) -512 512
expect "alloc" "$(tell viewed alloc 19)" "alloc ok"
expect "fill" "$(tell viewed fill)" "fill ok"
expect "view" "$(tell viewed view)" "view ok"
expect "unpin" "$(tell viewed unpin)" "unpin ok"
expect "trim" "$(tell viewed trim)" "trim ok"
expect "freed and pinned" "$(tell viewed zombies)" "zombies 0"
expect_in "more after it was unpinned, KiB" $((($(pools_have) - before) / 1024)) -1600 -512

# ---- a child of fork has nothing of it; its parent is killed, and all is free though the child lives ----
expect "pin" "$(tell viewed pin)" "pin ok"
child=$(tell viewed fork)
child=${child#fork }
[ "$child" -gt 0 ] || fail "a child has something of its parent's pool"
kill -KILL "${PIDS[viewed]}"
wait_until 10 reports data pool_bytes 0 || fail "of $(report data pool_bytes) in pools"
wait_until 10 at_most $((BEFORE + 2 * MIB)) || fail "$BEFORE before, $(bytes_of data/memory.current) after"
kill -KILL "$child"

# ---- without pools there is neither a keeper nor a leaf ----
wait_until 20 leaf_is_gone || fail "a keeper without pools is there: $(keeper)"
