# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kernels: 6.12
# seconds: 13
# What uwd holds is removed beside it: it is found again, or ends and says so; never do two run on one pool. In the
# end the pool itself is found by its mark.
config <<-EOF
	[pool]
	usable = 600M
	[component batch]
	share = 50%
	submit = *
EOF
start_uwd

# The socket: who comes next finds it.
rm /run/uw/uwd.sock
wait_until 5 uwctl status
logged 'the control socket was removed, and is there again' || fail "and nobody says so"

# remove_run: uwd may just be making there anew what was removed first
remove_run() {
	until rm -rf /run/uw 2>/dev/null; do :; done
}

# All of /run/uw, and at once another uwd: it waits for the first, which ends, and takes over.
remove_run
uwd 2>>/tmp/uwd.log &
SECOND=$!
wait "$UWD_PID" && fail "the first ended as if all was well"
logged '/run/uw/ledger was removed or replaced' || fail "the first does not say why"
UWD_PID=$SECOND
wait_until 20 uwctl status
stop_uwd

# The first cannot see it, as it stands still: the second is refused by the lock on the pool.
start_uwd
kill -STOP "$UWD_PID"
remove_run
expect_rc 1 timeout 20 uwd
expect_match "says who" "$OUT" 'another uwd runs on this pool'
kill -CONT "$UWD_PID"
wait "$UWD_PID" || true

# The queue: nothing is acknowledged that is gone with it.
start_uwd
rm -rf /var/lib/uw
wait "$UWD_PID" && fail "it ended as if all was well"
logged '/var/lib/uw was removed or replaced' || fail "it does not say why"
start_uwd
expect_rc 0 uwctl submit -c batch -m 50M -- true
stop_uwd

# The pool: nothing says where it stands any more, and it is not taken for none.
rm -rf /run/uw
expect_rc 0 uwctl teardown --kill --dry-run
expect_match "what would go" "$OUT" 'rmdir /sys/fs/cgroup/uw'
expect_rc 0 uwctl teardown --kill
[ ! -e "$POOL" ] || fail "teardown did not find the pool"
