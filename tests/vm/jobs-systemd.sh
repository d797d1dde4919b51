# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2016 # single quotes hold what the jobs' shells expand
# seconds: 25
# kernels: 7.x
# vm: --systemd
# Queued jobs of the unit: they stand in the pool's scope, get nothing of what binds the unit, and go
# on while it is stopped.

POOL=/sys/fs/cgroup/uw.slice/uw-pool.scope
config <<'END'
[pool]
usable = 600M
[component batch]
share = 80%
END

systemctl start uwd
wait_until 20 uwctl status

expect_rc 0 uwctl submit --wait -c batch -m 40M -- sh -c '
	cat /proc/self/cgroup
	grep -E "^(NoNewPrivs|Seccomp|CapBnd):" /proc/self/status
	readlink /proc/self/ns/net /proc/self/ns/mnt
	cat /proc/self/oom_score_adj'
got=$(cat /var/lib/uw/log/1.out)
expect_match "where it ran" "$got" "uw-pool.scope/batch/job-1"
expect_match "no new privileges" "$got" $'NoNewPrivs:\t0'
expect_match "seccomp" "$got" $'Seccomp:\t0'
expect "bounding set" "$(grep CapBnd <<<"$got")" "$(grep CapBnd /proc/1/status)"
for ns in net mnt; do
	expect_match "namespace $ns" "$got" "$(readlink /proc/1/ns/$ns | sed 's/[][]/\\&/g')"
done
expect "OOM score" "$(tail -n 1 <<<"$got")" 0

# ---- stopped, killed and started again ----
uwctl submit -c batch -m 40M -- sh -c 'sleep 4; exit 5' >/dev/null
wait_until 10 grep -q . "$POOL/batch/job-2/cgroup.procs"
wait_until 10 grep -q . "$POOL/holder/jobs/cgroup.procs"
systemctl stop uwd
grep -q . "$POOL/batch/job-2/cgroup.procs" || fail "the job died when uwd stopped"
wait_until 10 eval '! grep -q . "$POOL/batch/job-2/cgroup.procs"'
systemctl start uwd
wait_until 20 uwctl status
expect_rc 5 uwctl wait 2 --timeout 20s
uwctl submit -c batch -m 40M -- sh -c 'sleep 3; exit 6' >/dev/null
wait_until 10 grep -q . "$POOL/batch/job-3/cgroup.procs"
systemctl kill --kill-whom=main -s KILL uwd
wait_until 20 uwctl status
expect_rc 6 uwctl wait 3 --timeout 30s

# ---- a full disk: what is there goes on, what is new is refused, and it heals ----
systemctl stop uwd
mv /var/lib/uw /var/lib/uw.kept
mkdir /var/lib/uw
mount -t tmpfs -o size=24M,mode=755 none /var/lib/uw
systemctl start uwd
wait_until 20 uwctl status
journalctl -q -u uwd --no-pager | grep -q 'recording: .* are more than a quarter of what is free' ||
	fail "a recording takes the room of the queue"
uwctl submit -c batch -m 40M -- sh -c 'sleep 6; exit 9' >/dev/null
wait_until 10 grep -q . "$POOL/batch/job-1/cgroup.procs"
dd if=/dev/zero of=/var/lib/uw/filler bs=64k 2>/dev/null || true
refused=
for n in $(seq 60); do
	if ! uwctl submit --hold -c batch -m 1M -E "FILL$n=$(head -c 60000 /dev/zero | tr '\0' x)" -- true \
		>/tmp/refused 2>&1; then
		refused=$(cat /tmp/refused)
		break
	fi
done
expect_match "a refused submission" "$refused" "the disk of /var/lib/uw is full"
expect_rc 9 uwctl wait 1 --timeout 30s
rm /var/lib/uw/filler
accepts() {
	uwctl submit -c batch -m 1M -- true
}
wait_until 20 accepts

# As it was found: the state that is not on the tmpfs.
systemctl stop uwd
uwctl teardown --kill >/dev/null
umount /var/lib/uw
