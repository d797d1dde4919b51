# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 60
# kernels: 6.1 6.12 7.x
# Pools: what is committed stands on the pool's component, whoever touches it first; what is left of a
# pool when its owner, its keeper or uwd is killed; and what one who may only read it cannot do.

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

declare -A PIDS FDS
AS=() # in front of the program

# hold NAME ARGUMENT...: in the background; its lines go to /tmp/NAME.pool
hold() {
	local name=$1 fd
	shift
	rm -f "/tmp/$name.in" "/tmp/$name.pool"
	mkfifo "/tmp/$name.in"
	"${AS[@]}" "$PUT/uw_pool" "$@" <"/tmp/$name.in" >"/tmp/$name.pool" 2>&1 &
	PIDS[$name]=$!
	exec {fd}>"/tmp/$name.in"
	FDS[$name]=$fd
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

# 20M of the pool have no memory yet.
promised_is_rest() {
	[ "$(report data promised_bytes)" -le $((20 * MIB)) ]
}

reader_is_told() {
	[ "$(tell reader gone)" = "gone ok" ]
}

kills() {
	sed -n 's/^oom_kill //p' "$POOL/data/memory.events"
}

MIB=$((1 << 20))
BEFORE=$(bytes_of data/memory.current)

# ---- what is committed stands on the component, whoever touches it ----
hold owner create data prices 100
expect "create" "$(cat /tmp/owner.pool)" "create ok"
expect "spoken for" "$(report data pool_bytes)" $((100 * MIB))
small=$(pools_have)
[ "$small" -lt $((4 * MIB)) ] || fail "a pool without memory has $small"
expect "oom_score_adj of the keeper" "$(cat "/proc/$(keeper)/oom_score_adj")" -1000
expect "commit" "$(tell owner commit 80)" "commit ok"
grown=$(($(pools_have) - small))
echo "committed 80M: $grown bytes more on the leaf of pools"
expect_in "of 80M on the component, permyriad" $((grown * 10000 / (80 * MIB))) 9950 10100
expect "fill" "$(tell owner fill 80)" "fill ok"
more=$(($(pools_have) - small - grown))
echo "its owner, outside of the pool, stored into each page: $more bytes more"
expect_in "more after the stores, KiB" $((more / 1024)) -512 512
expect "share" "$(tell owner share 4294967295 444)" "share ok"
AS=(uwctl run batch --name reader --)
hold reader attach 0/prices r
AS=()
expect "attach" "$(cat /tmp/reader.pool)" "attach ok"
expect "read" "$(tell reader read 80)" "read ok"
batch=$(bytes_of batch/memory.current)
[ "$batch" -lt $((16 * MIB)) ] || fail "the reader's component has $batch"
wait_until 10 promised_is_rest || fail "of $(report data promised_bytes) promised"

# ---- what does not fit is denied; what is beyond memory.max is refused, and kills nobody ----
hold large create data large 250
expect "too large" "$(head -n 1 /tmp/large.pool)" "create denied"
max=$(bytes_of data/pools/memory.max)
expect_in "memory.max of the leaf, MiB" $((max / MIB)) 104 105
before=$(kills)
hold second create data second 50
echo 0 >"$POOL/data/pools/memory.swap.max"
echo $(($(pools_have) + 10 * MIB)) >"$POOL/data/pools/memory.max"
expect "commit beyond the limit" "$(tell second commit 50)" "commit ENOMEM"
expect "OOM kills" "$(kills)" "$before"
tell second end >/dev/null
expect "commit beside it" "$(tell owner commit 82)" "commit ok"

# ---- who may only read it can neither change nor open it anew ----
expect "of the component's own user" "$(tell owner share 4294967295 400)" "share ok"
expect "share with one user" "$(tell owner share 12 400)" "share ok"
AS=(setpriv --reuid 12 --regid 12 --clear-groups --)
hold other attach 0/prices r
hold writer attach 0/prices w
AS=()
expect "attach by a user" "$(cat /tmp/other.pool)" "attach ok"
expect "attach to write" "$(head -n 1 /tmp/writer.pool)" "attach EACCES"
expect "what it cannot do" "$(tell other harm)" "harm none"
expect "read" "$(tell other read 80)" "read ok"
AS=(setpriv --reuid games --regid games --clear-groups --)
hold third attach 0/prices r
AS=()
expect "attach by another" "$(head -n 1 /tmp/third.pool)" "attach EACCES"

# ---- uwd is killed: pools and readers notice nothing ----
before=$(keeper)
kill -KILL "$UWD_PID"
wait "$UWD_PID" 2>/dev/null || true
expect "read without uwd" "$(tell reader read 80)" "read ok"
start_uwd
expect "the keeper of before" "$(keeper)" "$before"
expect "commit after a restart" "$(tell owner commit 90)" "commit ok"
expect "read after a restart" "$(tell other read 80)" "read ok"
expect "spoken for after a restart" "$(report data pool_bytes)" $((100 * MIB))

# ---- the keeper is killed: another one is handed the pools ----
kill -KILL "$before"
wait_until 10 has_new_keeper "$before" || fail "no keeper after $before"
expect "commit with a new keeper" "$(tell owner commit 95)" "commit ok"
expect "read with a new keeper" "$(tell reader read 80)" "read ok"

# ---- both are killed: the owner brings its file ----
before=$(keeper)
kill -KILL "$UWD_PID" "$before"
wait "$UWD_PID" 2>/dev/null || true
start_uwd
expect "commit after both" "$(tell owner commit 100)" "commit ok"
expect "read after both" "$(tell reader read 80)" "read ok"
expect_in "of 100M on the component, permyriad" $(($(pools_have) * 10000 / (100 * MIB))) 9950 10200

# ---- the owner is killed: who reads reads on, and the last one frees it ----
kill -KILL "${PIDS[owner]}"
wait_until 10 reader_is_told || fail "the reader does not know that its owner is gone"
expect "spoken for as an orphan" "$(report data pool_bytes)" $((100 * MIB))
expect "read as an orphan" "$(tell reader read 80)" "read ok"
tell reader end >/dev/null
expect "with one reader" "$(tell other read 80)" "read ok"
kill -KILL "${PIDS[other]}"
wait_until 10 reports data pool_bytes 0 || fail "of $(report data pool_bytes) in pools"
wait_until 10 at_most $((BEFORE + 2 * MIB)) || fail "$BEFORE before, $(bytes_of data/memory.current) after"

# ---- an owner without readers is killed ----
hold brief create data brief 50
expect "commit" "$(tell brief commit 50)" "commit ok"
kill -KILL "${PIDS[brief]}"
wait_until 10 reports data pool_bytes 0 || fail "of $(report data pool_bytes) in pools"
wait_until 10 at_most $((BEFORE + 2 * MIB)) || fail "$BEFORE before, $(bytes_of data/memory.current) after"

# ---- without pools there is neither a keeper nor a leaf ----
wait_until 20 leaf_is_gone || fail "a keeper without pools is there: $(keeper)"
