# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 900
# In a guest of the suite that they are for: apt installs the packages, upgrades them beside what runs and
# what is frozen, removes them beside what runs, and purges them without a trace. Redis of its
# own package joins a component as uw-services(7) says, and stays there. Takes three minutes, emulated.

POOL=/sys/fs/cgroup/uw.slice/uw-pool.scope
UNITS=/etc/systemd/system
ALL='uwctl libuw0 libuw-dev python3-uw'
export DEBIAN_FRONTEND=noninteractive

apt_gets() { # apt_gets WORD...
	apt-get -y -o Dpkg::Use-Pty=0 "$@" >/tmp/apt.log 2>&1 || fail "apt-get $*: $(cat /tmp/apt.log)"
	echo "apt-get $1: $SECONDS s"
}

# apt_knows FOLDER: its packages, and no others
apt_knows() {
	rm -rf /etc/apt/sources.list.d/*
	echo "deb [trusted=yes] file:$(realpath "$PUT/packages/$1") ./" >/etc/apt/sources.list
	apt_gets update
}

traces() {
	find / -xdev \( -path /tmp -o -path /var/log -o -path /var/put -o -path /proc \) -prune -o \
		\( -name uw -o -name 'uw[-._]*' -o -name 'uwd*' -o -name 'uwctl*' -o -name 'libuw*' -o -name '*python3-uw*' \
		-o -name unity_wheel \) -print
	find /sys/fs/cgroup /sys/fs/bpf /run \( -path /run/uw-vm -o -path /run/put \) -prune -o -name 'uw*' -print
	grep '^uw:' /etc/group /etc/gshadow
	systemctl list-unit-files --no-legend 'uw*'
	true
}

before=$(traces)

# ---- installed: there, enabled, and nothing is done yet ----
apt_knows now
# shellcheck disable=SC2086 # names
apt_gets install $ALL
expect "without a configuration" "$(systemctl is-active uwd || true)" inactive
expect "for the next boot" "$(systemctl is-enabled uwd)" enabled
getent group uw >/dev/null || fail "no group"
[ ! -e "$POOL" ] || fail "the machine was divided"

# ---- the package's own test ----
sed -i /uw-exporter/d "$PUT/daemon" # which is not there
sh -e "$PUT/daemon" >/tmp/daemon.log 2>&1 || fail "debian/tests/daemon: $(cat /tmp/daemon.log)"
[ ! -e "$POOL" ] || fail "it leaves a pool"
echo "debian/tests/daemon: $SECONDS s"

# ---- redis of its own package, by the page that the package brings ----
config <<'CONF'
[pool]
usable = 800M
[policy]
freeze-max = 10min
[component cache]
share = 25%
submit = redis
[component jobs]
share = 25%
freeze = yes
CONF
mkdir -p "$UNITS/redis-server.service.d"
page_block 1 >"$UNITS/redis-server.service.d/uw.conf"
systemctl daemon-reload

main_of() { systemctl show -p MainPID --value "$1"; }
is_in() { grep -qx "$2" "$POOL/$1/cgroup.procs"; }
redis_is_in_cache() {
	is_in cache/redis "$(main_of redis-server)" && [ "$(redis-cli ping)" = PONG ]
}

systemctl start redis-server || fail "$(journalctl -q --no-pager | tail -n 20)"
expect "uwd came with it" "$(systemctl is-active uwd)" active
expect_match "of the package" "$(uwctl --version)" "$(uwctl status --json | json_at .daemon.version)"
expect_match "the sensors" "$(uwctl status)" 'sensors +pages, stalls, reclaim, oom kills'
wait_until 10 redis_is_in_cache
systemctl restart redis-server
wait_until 10 redis_is_in_cache
systemctl restart uwd
wait_until 20 uwctl status
redis_is_in_cache || fail "redis was moved by a restart of uwd"
echo "redis: $SECONDS s"

# ---- upgraded, with a job that runs and a leaf that is frozen ----
job=$(uwctl submit -c jobs -m 40M --time-limit 1h -- sleep 600)
job=${job//[!0-9]/}
wait_until 20 job_is "$job" running
uwctl run jobs --name napper -- sleep 600 &
wait_until 10 grep -q . "$POOL/jobs/napper/cgroup.procs"
uwctl freeze jobs/napper --for 9min
wait_until 10 is_frozen jobs/napper
task=$(cat "$POOL/jobs/job-$job/cgroup.procs")
of_job() {
	echo "$(uwctl queue "$job" --json | json_at .queued.state .queued.attempts)" "$(cat "$POOL/jobs/job-$job/cgroup.procs")"
}
# When it began, in ms: a uwd that starts takes it from who stands behind the job, a moment later than its own.
began() {
	echo $(($(uwctl queue "$job" --json | json_at .queued.start_wall_us) / 1000))
}
job_was=$(of_job)
began_at=$(began)
# Whoever thaws it, though it be for a moment, is seen: a frozen task is not switched to.
napper=$(head -n 1 "$POOL/jobs/napper/cgroup.procs")
switches() {
	awk '/ctxt_switches/ { sum += $2 } END { print sum }' "/proc/$napper/status"
}
stood=$(switches)
served=$(main_of uwd)
apt_knows next
apt_gets upgrade
expect_match "the version" "$(dpkg-query -W -f '${Version}' uwctl)" '\+next$'
expect "active" "$(systemctl is-active uwd)" active
[ "$(main_of uwd)" != "$served" ] || fail "the old uwd goes on"
wait_until 20 uwctl status
is_frozen jobs/napper || fail "thawed by the upgrade"
expect "not for a moment" "$(switches)" "$stood"
expect "the job" "$(of_job)" "$job_was"
expect_in "its time goes on: it began later by, ms" $(($(began) - began_at)) -50 2000
redis_is_in_cache || fail "redis was moved by the upgrade"
uwctl status jobs --json | tr -d ' \n' | grep -q '"frozen":true,"frozen_by":"uwd"' || fail "the new uwd does not know whose it is"
uwctl thaw jobs/napper
wait_until 10 eval '! is_frozen jobs/napper'

# ---- removed: what runs goes on; purged: nothing is left ----
# shellcheck disable=SC2086 # names
apt_gets remove $ALL
expect_match "it is said" "$(cat /tmp/apt.log)" 'goes on without it'
[ -d "/proc/$task" ] || fail "the job was ended"
expect "redis" "$(redis-cli ping)" PONG
[ -e /var/lib/uw/jobs.db ] || fail "the queue went with the program"
kill "$task" "$napper"
systemctl stop redis-server
# shellcheck disable=SC2086 # names
apt_gets purge $ALL
no_cgroup() {
	[ -z "$(find /sys/fs/cgroup -name 'uw*' ! -name uw-vm.service)" ]
}
wait_until 10 no_cgroup # that of what was kept goes with it
rm -r "$UNITS/redis-server.service.d"
systemctl daemon-reload
expect "traces" "$(traces)" "$before"
