# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 60
# kernels: 6.1 6.12
# What is read once and would fill a limit is taken before it does, of the reader, and of the program beside it next to
# nothing goes to swap for that: where memory.reclaim takes no swappiness= too, with the kernel's old LRU nothing at
# all. What does go is cold, by the kernel's own reclaim where the limit was met before.

MIB=$((1 << 20))
# configured LRU-GEN
configured() {
	config <<-END
		[pool]
		usable = 600M
		[sense]
		lru-gen = $1
		[component jobs]
		share = 60%
		protect = none
		[component idle]
		share = 30%
	END
}
truncate -s 1500M /var/tmp/read

# By less than 40 MB/s, so that the limit is not met before uwd sees the files come.
# shellcheck disable=SC2016 # in the reader
reader='for i in $(seq 150); do dd if=/var/tmp/read of=/dev/null bs=4M count=1 skip=$i 2>/dev/null; sleep 0.1; done'
# beside_reader: bytes of the component in swap after it
beside_reader() {
	uwctl run jobs --name job -- "$PUT/hot" --size 80 --cold 60 --touches 0 --pace 100000 --log /tmp/job.log &
	wait_until 20 grep -q . "$POOL/jobs/job/cgroup.procs"
	sleep 1
	uwctl run jobs --name reader -- sh -c "$reader"
	logged 'act=reclaim component=jobs .*reason=files' || fail "no file was taken before the limit"
	echo "limit met $(sed -n 's/^high //p' "$POOL/jobs/memory.events") times, in swap $(cg jobs/memory.swap.current)"
	swapped=$(cg jobs/memory.swap.current)
	kill -TERM "$(head -n 1 "$POOL/jobs/job/cgroup.procs")"
	wait_until 20 test ! -d "$POOL/jobs/job"
}

configured keep
start_uwd
beside_reader
if kernel_at_least 6.9; then
	expect_in "of the program in swap, MB" $((swapped / MIB)) 0 12
else
	# Of 60 MB that it could be. A limit that is met all the same, on a machine that had other work, takes pages.
	expect "of the program in swap, MB" $((swapped / MIB)) 0
	expect_match "check" "$(uwctl check | tr -s "\n " " ")" 'swappiness=.*light reclaim takes anonymous pages too'
	stop_uwd
	configured on
	start_uwd
	beside_reader
	expect_in "of the program in swap by generations, MB" $((swapped / MIB)) 0 12
fi
