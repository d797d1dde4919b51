# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 840
# In a guest of the suite that they are for: apt installs the packages, upgrades them beside what runs and
# what is frozen, removes them beside what runs, and purges them without a trace. Redis and PostgreSQL of
# their own packages, and containers, join components as uw-services(7) says, and stay there.

POOL=/sys/fs/cgroup/uw.slice/uw-pool.scope
UNITS=/etc/systemd/system
ALL='uwctl uw-exporter libuw0 libuw-dev python3-uw slurm-uw-plugin'
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

journal() {
	systemctl --no-pager list-units 'uw*' --all
	journalctl -q --no-pager -u 'uw*' | tail -n 20
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
timeout 200 sh -ex "$PUT/daemon" >/tmp/daemon.log 2>&1 || fail "debian/tests/daemon: $(cat /tmp/daemon.log; journal)"
[ ! -e "$POOL" ] || fail "it leaves a pool"
echo "debian/tests/daemon: $SECONDS s"

# ---- services of their own packages, by the page that the package brings ----
config <<'CONF'
[pool]
usable = 800M
[policy]
freeze-max = 10min
[component cache]
share = 20%
submit = redis
[component database]
share = 20%
[component services]
share = 20%
[component jobs]
share = 25%
freeze = yes
CONF
mkdir -p "$UNITS/redis-server.service.d" "$UNITS/postgresql@.service.d" /srv/box/{bin,dev,proc,sys,tmp}
page_block 1 >"$UNITS/redis-server.service.d/uw.conf"
page_block 4 >"$UNITS/postgresql@.service.d/uw.conf"
for name in sh sleep; do cp "$(command -v busybox)" "/srv/box/bin/$name"; done
# What stands for IMAGE there, as the guest has no network: a shell that ends when it is told to.
BOX="--network none --rootfs /srv/box sh -c 'trap exit TERM; while sleep 1; do :; done'"
page_block 5 | sed "s|IMAGE|$BOX|" >"$UNITS/web.service"
expect_match "the page" "$(cat "$UNITS/web.service")" '--cgroups=disabled --network none'
mkdir -p /etc/containers
page_block 6 >/etc/containers/containers.conf
WORKER=$(page_block 7 | sed "s|^# ||; s|IMAGE|$BOX|")
systemctl daemon-reload

main_of() { systemctl show -p MainPID --value "$1"; }
is_in() { grep -qx "$2" "$POOL/$1/cgroup.procs"; }
redis_is_in_cache() {
	is_in cache/redis "$(main_of redis-server)" && [ "$(redis-cli ping)" = PONG ]
}
CLUSTER=postgresql@$(pg_lsclusters -h | awk '{ print $1 "-" $2 }')
# Where one that it forked for a session stands is told by what that one starts.
postgres_is_in_database() {
	is_in database/postgres "$(main_of "$CLUSTER")" &&
		runuser -u postgres -- psql -Xqc "COPY (SELECT 1) TO PROGRAM 'cat /proc/self/cgroup >/tmp/at'" &&
		grep -qx 0::/uw.slice/uw-pool.scope/database/postgres /tmp/at
}
web_is_in_services() { # podman, conmon and the container
	[ "$(wc -l <"$POOL/services/web/cgroup.procs")" -ge 3 ] && is_in services/web "$(main_of web)" &&
		is_in services/web "$(podman inspect -f '{{.State.Pid}}' web)"
}
worker_is_in_services() {
	is_in "services/libpod-$(podman inspect -f '{{.Id}}' worker)" "$(podman inspect -f '{{.State.Pid}}' worker)"
}
all_are_in() {
	wait_until 20 redis_is_in_cache
	wait_until 20 postgres_is_in_database
	wait_until 20 web_is_in_services
	wait_until 20 worker_is_in_services
	echo "services, $1: $SECONDS s"
}

systemctl start redis-server "$CLUSTER" web || fail "$(journalctl -q --no-pager | tail -n 20)"
expect "uwd came with it" "$(systemctl is-active uwd)" active
eval "$WORKER" >/dev/null || fail "podman: $WORKER"
expect_match "of the package" "$(uwctl --version)" "$(uwctl status --json | json_at .daemon.version)"
expect_match "the sensors" "$(uwctl status)" 'sensors +pages, stalls, reclaim, oom kills'
all_are_in "started"
systemctl restart redis-server "$CLUSTER" web
podman restart --time 5 worker >/dev/null
all_are_in "restarted"
systemctl restart uwd
wait_until 20 uwctl status
all_are_in "with uwd restarted"

# ---- what the units may, as this systemd counts it: 10 is everything ----
exposure() { # exposure UNIT TENTHS
	systemd-analyze security --no-pager --threshold="$2" "$1" >/tmp/security ||
		fail "$(tail -n 1 /tmp/security); at most $2 tenths"
	tail -n 1 /tmp/security
}
exposure uwd.service 36
exposure uw-exporter.service 15

# ---- metrics, by a user that exists as long as it runs ----
expect "without uwd's help" "$(systemctl is-active uw-exporter)" active
[ "$(stat -c %u "/proc/$(main_of uw-exporter)")" -ge 61184 ] || fail "the exporter has no user of its own"
scrape() {
	exec 5<>/dev/tcp/127.0.0.1/19847
	printf 'GET /metrics HTTP/1.0\r\n\r\n' >&5
	cat <&5
	exec 5<&-
}
expect_match "what it says" "$(scrape)" 'uw_component_current_bytes\{component="cache"\} [1-9]'

# ---- Prometheus of its own package, told of it as uw-exporter(8) says, with the rules of the package ----
{
	printf 'global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\nrule_files: [/usr/share/uw/uw.rules.yml]\n'
	page_block 1 uw-exporter.8
} >/etc/prometheus/prometheus.yml
systemctl restart prometheus
prometheus_says() { # prometheus_says PATH: of its API
	exec 5<>/dev/tcp/127.0.0.1/9090
	printf 'GET /api/v1/%s HTTP/1.0\r\n\r\n' "$1" >&5
	cat <&5
	exec 5<&-
}
has_scraped() {
	prometheus_says 'query?query=uw_up' 2>/dev/null | grep -q '"job":"uw"}.*"value":\[[0-9.]*,"1"\]'
}
wait_until 60 has_scraped
expect_match "a series" "$(prometheus_says 'query?query=uw_component_current_bytes')" '"component":"cache"'
rules_are_well() {
	local said
	said=$(prometheus_says rules)
	[ "$(grep -o '"health":"ok"' <<<"$said" | wc -l)" = "$(grep -c 'alert:' /usr/share/uw/uw.rules.yml)" ]
}
wait_until 60 rules_are_well
expect "alarms" "$(prometheus_says alerts | grep -o '"state":"firing"' || true)" ""
systemctl stop prometheus
echo "Prometheus: $SECONDS s"

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
all_are_in "upgraded"
expect_match "the exporter goes on" "$(scrape)" 'uw_build_info\{version='
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
expect "postgres" "$(runuser -u postgres -- psql -XAtc 'SELECT 1')" 1
kill "$task" "$napper"
systemctl stop redis-server "$CLUSTER" web
podman rm --force --time 5 worker >/dev/null
# shellcheck disable=SC2086 # names
apt_gets purge $ALL
no_cgroup() {
	[ -z "$(find /sys/fs/cgroup -name 'uw*' ! -name uw-vm.service)" ]
}
wait_until 10 no_cgroup # that of what was kept goes with it
rm -r "$UNITS/redis-server.service.d" "$UNITS/postgresql@.service.d" "$UNITS/web.service" /etc/containers/containers.conf
systemctl daemon-reload
expect "traces" "$(traces)" "$before"
