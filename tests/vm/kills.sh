# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 35
# timeout: 2000
# kernels: 6.12
# Programs with leases, pools and rings, their readers, the keeper and uwd are killed at random: a second
# later the ledger is what the programs have, nobody who reads meets a signal or what was not written, and
# no ring stands still. At the end the memory is back. `make kills-long` kills a thousand.

KILLS=${KILLS:-150} SEED=${SEED:-1}
MIB=$((1 << 20))

config <<-'END'
	[pool]
	usable = 600M
	[component data]
	share = 60%
END
start_uwd
stop_uwd
BEFORE=$(cg data/memory.current)

at_most() {
	[ "$(cg data/memory.current)" -le "$1" ]
}

leaf_is_gone() {
	[ ! -d "$POOL/data/pools" ]
}

expect_rc 0 "$PUT/uw_kills" "$KILLS" "$SEED"
echo "$OUT"
# shellcheck disable=SC2034 # for the next case
UWD_PID=$(cat /run/uwd-under-test.pid)
wait_until 20 leaf_is_gone || fail "a keeper without pools is there"
[[ $OUT =~ killed\ ([0-9]+)\ programs,\ ([0-9]+)\ keepers,\ ([0-9]+)\ uwd,\ ([0-9]+)\ both ]] || fail "it does not say whom"
figures killed $((BASH_REMATCH[1] + BASH_REMATCH[2] + BASH_REMATCH[3] + 2 * BASH_REMATCH[4]))
wait_until 10 at_most $((BEFORE + 2 * MIB)) || fail "$BEFORE before, $(cg data/memory.current) after"
