# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 25
# kernels: 6.1
# vm: --systemd
# Services of systemd in components, as uw-services(7) says: redis by Debian's own unit, with its user
# and its sandbox, and one that forks. They are there again after a restart, and stay over one of uwd.

POOL=/sys/fs/cgroup/uw.slice/uw-pool.scope
UNITS=/etc/systemd/system

cat <<-'END' | config
	[pool]
	usable = 600M
	[component cache]
	share = 40%
	submit = redis
	[component database]
	share = 40%
END

start() { # start UNIT
	systemctl restart "$1" || fail "$1 does not start: $(journalctl -q --no-pager -u "$1" | tail -n 8)"
}

clean_up() {
	systemctl stop redis-server forker uwd || true
	rm -rf "$UNITS"/redis-server.service.d "$UNITS"/forker.service
	systemctl daemon-reload
}
trap clean_up EXIT

main_of() { systemctl show -p MainPID --value "$1"; }
is_in() { grep -qx "$2" "$POOL/$1/cgroup.procs"; }

# ---- in the foreground ----
mkdir -p "$UNITS/redis-server.service.d"
page_block 1 >"$UNITS/redis-server.service.d/uw.conf"
expect_match "the page" "$(page_block 1)" 'ExecStart=/usr/bin/uwctl enter cache'
systemctl cat redis-server | grep -qx "ExecStart=$(page_block 1 | sed -n 's/.* -- //p')" ||
	fail "the package's command is another one: $(systemctl cat redis-server | grep ExecStart)"
systemctl daemon-reload
start redis-server
[ "$(systemctl is-active uwd)" = active ] || fail "uwd did not come with it: $(journalctl -q --no-pager -u uwd | tail -n 8)"
pid=$(main_of redis-server)
is_in cache/redis "$pid" || fail "redis is in $(cat "/proc/$pid/cgroup"): $(journalctl -u redis-server | tail -n 3)"
expect "its program" "$(cat "/proc/$pid/comm")" redis-server
expect "its user" "$(stat -c %U "/proc/$pid")" redis
expect "its answer" "$(redis-cli ping)" PONG
redis-cli eval "for i = 1, 30000 do redis.call('set', i, string.rep('x', 1000)) end" 0 >/dev/null
expect_in "on its component, MB" $(($(cg cache/redis/memory.current) >> 20)) 20 150

start redis-server
again=$(main_of redis-server)
[ "$again" != "$pid" ] || fail "it was not restarted"
is_in cache/redis "$again" || fail "not there again"
systemctl restart uwd
is_in cache/redis "$again" || fail "it did not outlive uwd"
wait_until 20 uwctl status

# ---- who may not ----
as() { setpriv --reuid "$1" --regid "$1" --clear-groups -- "${@:2}"; }
expect_rc 125 as games uwctl enter cache -- true
expect_match "why" "$OUT" "may not enter cache; 'submit'"
expect_rc 125 as redis uwctl enter database -- true
expect_rc 125 as redis uwctl enter nothing -- true
expect_match "why" "$OUT" "no component 'nothing'"
expect_rc 125 as redis uwctl enter cache --name redis -- true
expect_match "why" "$OUT" "cache/redis: something runs there"
expect_rc 125 as redis uwctl enter cache --name job-1 -- true
expect_match "why" "$OUT" "uwd's own"
expect_rc 0 as games uwctl enter cache --try -- cat /proc/self/cgroup
expect_match "with --try" "$OUT" "may not enter.*runs outside of cache"
expect_rc 127 as redis uwctl enter cache -- /nonexistent
expect_rc 3 as redis uwctl enter cache --name shell -- sh -c 'grep -q cache/shell /proc/self/cgroup && exit 3'
wait_until 5 test ! -d "$POOL/cache/shell"

systemctl stop redis-server
wait_until 5 test ! -d "$POOL/cache/redis" # which it entered before uwd was restarted
start redis-server
is_in cache/redis "$(main_of redis-server)" || fail "it does not come back"
systemctl stop redis-server
wait_until 5 test ! -d "$POOL/cache/redis"

# ---- in the background ----
cat >"$UNITS/forker.service" <<-END
	[Service]
	Type=forking
	PIDFile=/run/forker.pid
	ExecStart=/bin/sh -c '(sleep 600 & exec sleep 601) & echo \$\$! >/run/forker.pid'
	$(page_block 4 | sed -n '/^ExecStartPost=/p')
END
systemctl daemon-reload
start forker
pid=$(main_of forker)
is_in database/postgres "$pid" || fail "forker is in $(cat "/proc/$pid/cgroup")"
expect "with its child" "$(wc -l <"$POOL/database/postgres/cgroup.procs")" 2
xargs kill <"$POOL/database/postgres/cgroup.procs"
wait_until 5 grep -qx 'populated 0' "$POOL/database/postgres/cgroup.events"

# ---- without uwd root finds the way alone ----
systemctl stop redis-server forker uwd
expect_rc 0 uwctl enter database --name alone -- cat /proc/self/cgroup
expect_match "its leaf" "$OUT" 'uw-pool.scope/database/alone'
expect_rc 125 as redis uwctl enter cache -- true
expect_match "others do not" "$OUT" 'uwd is not running'
systemctl start uwd
wait_until 5 test ! -d "$POOL/database/alone"
