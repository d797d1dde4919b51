# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 52
# kernels: 7.x
# A process outside of the pool takes memory until the machine swaps. What protects a component is then
# worth what the pool itself has: without that its idle working set goes, with it none of it does.

MACHINE_MB=330 # available at first: a small machine is full sooner
RESIDENT_MB=160
LEFT_MB=40 GROWS_MB=150 RATE_MB=20 # 110 MB more than there is, of 256 MB of swap
GONE_BYTES=$((10 << 20)) # at least, of what is not protected
KEPT_BYTES=$((1 << 20)) # at most, of what is
SHARE=$((300 << 20))

above=("$POOL")
if [ -d /run/systemd/system ]; then
	POOL=/sys/fs/cgroup/uw.slice/uw-pool.scope
	above=("$POOL" "${POOL%/*}")
fi

config <<'END'
[pool]
usable = 500M
[component cache]
share = 60%
priority = 9
protect = working-set
[component jobs]
share = 20%
priority = 3
protect = none
END

# unprotect LIMIT: by hand, on all that is above the components
unprotect() {
	local group
	for group in "${above[@]}"; do
		echo 0 >"$group/$1"
	done
}

# expect_above LIMIT BYTES
expect_above() {
	local group
	for group in "${above[@]}"; do
		expect "$group/$1" "$(cat "$group/$1")" "$2"
	done
}

is_above() {
	local group
	for group in "${above[@]}"; do
		[ "$(cat "$group/$1")" = "$2" ] || return 1
	done
}

available_mb() {
	awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo
}

# shrink_machine: huge pages that nobody uses are memory that nobody else can use either.
shrink_machine() {
	local mb
	mb=$(($(available_mb) - MACHINE_MB))
	[ "$mb" -le 0 ] || echo $((mb / 2)) >/proc/sys/vm/nr_hugepages
	trap 'echo 0 >/proc/sys/vm/nr_hugepages' EXIT
}

# press: what of cache is swapped when processes outside take more than there is: one nearly all, and
# then another the rest, slowly enough for a disk to take what is swapped. (memory.low is given up by
# the kernel where nothing is reclaimed for a while, and that includes waiting for a disk.)
press() {
	local filler mb
	mb=$(($(available_mb) - LEFT_MB))
	rm -f /tmp/filler.log
	"$PUT/hog" --max "$mb" --hold 600 --touch 0 --log /tmp/filler.log &
	filler=$!
	wait_until 60 grown filler
	"$PUT/hog" --max "$GROWS_MB" --rate "$RATE_MB" --hold 0.5 --touch 0 --log /tmp/grower.log ||
		fail "the process outside did not get $mb MB: $(tail -n 1 /tmp/grower.log)"
	SWAPPED=$(cg cache/memory.swap.current)
	kill -0 "$filler" || fail "the filler was killed"
	kill -KILL "$filler"
	wait "$filler" || true
	echo "filler=${mb}M cache swapped=$SWAPPED low=$(cat "${above[@]/%//memory.low}" | xargs)" \
		"min=$(cat "${above[@]/%//memory.min}" | xargs) $(grep '^low ' "$POOL/cache/memory.events")"
}

resident() {
	grow cache resident "$RESIDENT_MB"
	wait_until 30 grown resident
}

gone() {
	echo 1 >"$POOL/cache/resident/cgroup.kill"
	wait_until 10 test ! -d "$POOL/cache/resident"
	rm /tmp/resident.log
}

shrink_machine
uwctl setup
expect_above memory.low "$SHARE"
expect_match "a second setup" "$(uwctl setup)" "nothing to do"

# control: the same without, or what follows it would prove nothing.
control() {
	resident
	unprotect memory.low
	unprotect memory.min
	press
	[ "$SWAPPED" -ge "$GONE_BYTES" ] || fail "without the pool's protection only $SWAPPED bytes went"
	gone
}

# protected BY
protected() {
	press
	[ "$SWAPPED" -le "$KEPT_BYTES" ] || fail "with $1 of the pool $SWAPPED bytes went"
}

# The multi-generational LRU reclaims what is below memory.low too, only later (shrink_one() in
# mm/vmscan.c): memory.low is measured without it, memory.min with what the kernel has.
LRU_GEN=/sys/kernel/mm/lru_gen/enabled
lru_gen=$(cat "$LRU_GEN" 2>/dev/null || true)
echo "lru_gen=$lru_gen"
[ -z "$lru_gen" ] || echo 0 >"$LRU_GEN"

control
expect_rc 1 uwctl check --json
expect_match "check tells" "$OUT" "${POOL#/sys/fs/cgroup/} has memory.low = 0 of 300M"
uwctl setup
expect_above memory.low "$SHARE"
expect_match "check is content" "$(uwctl check --json || true)" '"memory.low = 300M"'
resident
protected memory.low
gone

case $lru_gen in
'' | 0x0000) ;; # nothing that the first control did not show
*)
	echo "$lru_gen" >"$LRU_GEN"
	control
	;;
esac

# memory.min alone: it follows the working set.
start_uwd
unprotect memory.low
resident
follows() {
	local min
	min=$(cg cache/memory.min)
	[ "$min" -ge $((RESIDENT_MB << 20)) ] && [ "$min" -le "$SHARE" ] && is_above memory.min "$min"
}
wait_until 20 follows
protected memory.min

# What another writes there is mended; what stood when uwd was killed is, too, by the next.
unprotect memory.min
wait_until 5 follows
kill -KILL "$UWD_PID"
wait "$UWD_PID" 2>/dev/null || true
follows || fail "gone with uwd: $(cat "${above[@]/%//memory.min}" | xargs)"
for group in "${above[@]}"; do
	echo $((SHARE * 2)) >"$group/memory.min"
done
start_uwd
wait_until 5 follows
gone
stop_uwd
uwctl teardown
[ ! -e "${above[-1]}" ] || fail "${above[-1]} stayed"
