# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# seconds: 35
# kernels: 6.1 7.x
# vm: --systemd
# Under systemd the pool is a delegated scope that survives uwd, its crash, and daemon-reload. uwd is
# locked up by its unit and sees all there is to see, and its jobs are not.

POOL=/sys/fs/cgroup/uw.slice/uw-pool.scope
config <<'END'
[pool]
usable = 600M
[component cache]
share = 40%
priority = 9
protect = working-set
[component jobs]
share = 40%
priority = 3
freeze = yes
submit = games
refuse = 64M
[sense]
pages = full
END

rm -rf /sys/fs/bpf/uw # no sensor may have been made by a uwd that was not locked up
systemctl start uwd || fail "$(journalctl -q --no-pager -u uwd | tail -n 8)"
expect "the unit runs" "$(systemctl is-active uwd)" active
expect "budget" "$(cg cache/memory.high)" $((240 << 20))
grep -q . "$POOL/holder/cgroup.procs" || fail "no guard in holder/"

new_guard() {
	local now
	now=$(head -n 1 "$POOL/holder/cgroup.procs")
	[ -n "$now" ] && [ "$now" != "$guard" ]
}

# ---- the sandbox ----
expect "sensors that a uwd that is locked up has not loaded, of how many" \
	"$(uwctl status --json | jq -c '.daemon.sensors | [.[] | select(.on | not) | .name + .text], length' | xargs)" "[] 6"
main=$(systemctl show -p MainPID --value uwd)
status=$(cat "/proc/$main/status")
expect_match "its privileges" "$status" $'NoNewPrivs:\t1'
expect_match "its system calls" "$status" $'Seccomp:\t2'
expect "its network" "$(nsenter -t "$main" -n ip -o link | grep -cv ' lo:' || true)" 0
nsenter -t "$main" -m touch /usr/written 2>/dev/null && fail "uwd may write to /usr"
expect_match "its policy" "$(chrt -p "$main")" SCHED_FIFO
# A group is protected up to what each above it has (effective_protection(), mm/memcontrol.c).
protected_bytes() { # protected_bytes GROUP
	local at=$1 least
	least=$(cat "$at/memory.min")
	while at=${at%/*} && [ "$at" != /sys/fs/cgroup ]; do
		[ "$(cat "$at/memory.min")" -ge "$least" ] || least=$(cat "$at/memory.min")
	done
	echo "$least"
}
expect "what is kept of it" "$(protected_bytes "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$main/cgroup")")" $((16 << 20))
cp /etc/security/limits.conf /tmp/
install -m 4755 /usr/bin/id /usr/local/bin/setuid-id
trap 'cp /tmp/limits.conf /etc/security/; rm -f /usr/local/bin/setuid-id' EXIT
echo 'games hard nofile 600000' >>/etc/security/limits.conf # more than the launcher has
as_games() {
	setpriv --reuid games --regid games --clear-groups -- "$@"
}
id=$(as_games uwctl submit -c jobs -m 40M -- bash -c 'setuid-id -u; ulimit -Hn; readlink /proc/self/ns/net
	grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status | xargs')
expect_rc 0 uwctl wait "$id" --timeout 60s
expect "what a job of a user may" "$(uwctl logs "$id")" "0
600000
$(readlink /proc/1/ns/net)
NoNewPrivs: 0 Seccomp: 0"
id=$(uwctl submit -c jobs -m 40M -- sh -c 'touch /usr/written && rm /usr/written && mount -t tmpfs none /mnt && umount /mnt')
expect_rc 0 uwctl wait "$id" --timeout 60s

# ---- its launcher ----
launcher() {
	systemctl show -p MainPID --value 'uw-launcher@*' | grep -v '^$'
}
expect "launchers" "$(launcher | wc -l)" 1
expect "whose socket it is" "$(stat -c '%a %U' /run/uw/launcher)" "600 root"
as_games test -w /run/uw/launcher && fail "anybody can have things started as root"
before=$(launcher)
id=$(uwctl submit -c jobs -m 40M -- sh -c 'sleep 600; true')
wait_until 10 grep -q . "$POOL/jobs/job-$id/cgroup.procs"
kill -KILL "$before"
again=$(uwctl submit -c jobs -m 40M -- sh -c 'exit 7')
expect_rc 7 uwctl wait "$again" --timeout 60s
[ "$(launcher)" != "$before" ] || fail "not another one"
grep -q . "$POOL/jobs/job-$id/cgroup.procs" || fail "a job went with its launcher"
uwctl cancel "$id"
wait_until 10 test ! -d "$POOL/jobs/job-$id"
# Without the socket uwd starts nothing, as it would lock that up too, and says so; it tries again.
systemctl stop uw-launcher.socket
kill -KILL "$(launcher)"
id=$(uwctl submit -c jobs -m 40M -- sh -c 'exit 8')
in_log() {
	journalctl -q --no-pager -u uwd | grep -q "$1"
}
wait_until 10 in_log 'is uw-launcher.socket active?'
systemctl start uw-launcher.socket
expect_rc 8 uwctl wait "$id" --timeout 60s
trap - EXIT
cp /tmp/limits.conf /etc/security/
rm /usr/local/bin/setuid-id

# ---- the scope ----
# Idle, the scope goes with its guard, and uwd makes both anew.
guard=$(head -n 1 "$POOL/holder/cgroup.procs")
kill -KILL "$guard"
wait_until 20 new_guard
limit_is() {
	[ "$(cg memory.max)" = "$1" ]
}
wait_until 10 limit_is $((600 << 20))

# A bus that does not answer holds up the client who asked, and not uwd.
bus=$(systemctl show -p MainPID --value dbus.service)
trap 'kill -CONT "$bus"' EXIT
kill -STOP "$bus"
sed -i 's/600M/580M/' /etc/uw/uw.conf
expect_rc 1 uwctl reload
expect_match "the reason" "$OUT" "systemd: .*: no answer in time; try again"
expect "the limit" "$(cg memory.max)" $((600 << 20))
trap - EXIT
kill -CONT "$bus"
wait_until 5 uwctl reload # a bus that wakes has work of its own first
expect "the limit afterwards" "$(cg memory.max)" $((580 << 20))
sed -i 's/580M/600M/' /etc/uw/uw.conf
uwctl reload
expect "hangs seen by the guard" "$(uwctl status --json | json_at .daemon.guard.hangs)" 0

uwctl run cache --name sleeper -- sleep 300 &
wait_until 10 grep -q . "$POOL/cache/sleeper/cgroup.procs"
pid=$(head -n 1 "$POOL/cache/sleeper/cgroup.procs")

systemctl daemon-reload
expect "limits after daemon-reload" "$(cg cache/memory.high)" $((240 << 20))
expect "of the pool too" "$(cg memory.max)" $((600 << 20))
expect "and its protection" "$(cat "$POOL"/memory.low "$POOL"/../memory.low | xargs)" \
	"$((480 << 20)) $((480 << 20))"

systemctl kill --kill-whom=main -s KILL uwd
wait_until 20 uwctl status
[ -d "/proc/$pid" ] || fail "the workload died with uwd"
expect "the unit came back" "$(systemctl is-active uwd)" active
[ "$(systemctl show -p NRestarts --value uwd)" -ge 1 ] || fail "systemd did not restart it"

guard=$(head -n 1 "$POOL/holder/cgroup.procs")
kill -KILL "$guard"
wait_until 10 new_guard

# In the journal an action is one entry that can be asked for by its fields.
uwctl run jobs --name napper -- sleep 300 &
wait_until 10 grep -q . "$POOL/jobs/napper/cgroup.procs"
wait_until 10 uwctl freeze jobs/napper --for 1s
in_journal() {
	journalctl -q -o json --no-pager "$@" | grep -q .
}
wait_until 20 in_journal UW_ACTION=thaw UW_LEAF=napper
entry=$(journalctl -q -o json --no-pager UW_ACTION=freeze UW_COMPONENT=jobs)
expect "entries of the freeze" "$(wc -l <<<"$entry")" 1
for field in '"UW_LEAF":"napper"' '"UW_RESULT":"done"' '"UW_REASON":"request"' '"PRIORITY":"5"' \
	'"SYSLOG_IDENTIFIER":"uwd"' '"_SYSTEMD_UNIT":"uwd.service"'; do
	[[ $(tr -d ' ' <<<"$entry") == *"$field"* ]] || fail "no $field in $entry"
done
journalctl --update-catalog
ready=$(grep -B1 'Subject: uwd is ready' /usr/lib/systemd/catalog/uw.catalog | sed -n 's/^-- //p')
in_journal MESSAGE_ID="$ready" || fail "nobody says that uwd is ready"
expect_match "explained" "$(journalctl -x --no-pager UW_ACTION=freeze)" 'stands still, so that others need not wait'
! in_journal UW_ACTION=kill || fail "killed"

# A restart thaws nothing, and the next uwd knows whose it is; a stop does. A task that stands is not switched to.
napper=$(head -n 1 "$POOL/jobs/napper/cgroup.procs")
switches() {
	awk '/ctxt_switches/ { sum += $2 } END { print sum }' "/proc/$napper/status"
}
uwctl freeze jobs/napper --for 50s
wait_until 10 is_frozen jobs/napper
stood=$(switches)
systemctl restart uwd
wait_until 20 uwctl status
expect_match "after a restart" "$(uwctl status jobs --json | tr -d ' \n')" '"frozen":true,"frozen_by":"uwd"'
expect "never thawed" "$(switches)" "$stood"
systemctl stop uwd
is_frozen jobs/napper && fail "frozen, with nobody to thaw it"
systemctl start uwd
wait_until 20 uwctl status
kill "$napper"
wait_until 10 test ! -d "$POOL/jobs/napper"

systemctl stop uwd
[ -d "/proc/$pid" ] || fail "the workload died when uwd stopped"
expect "limits stay" "$(cg cache/memory.high)" $((240 << 20))

expect_rc 6 uwctl teardown
expect_match "teardown names what runs" "$OUT" sleeper
uwctl teardown --kill
wait_until 10 test ! -d "$POOL"
[ ! -e "${POOL%/*}" ] || fail "the slice stayed"
