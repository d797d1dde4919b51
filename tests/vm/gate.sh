# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 22
# The gate: what does not fit into what its component may still have fails with ENOMEM, in whichever way it
# is asked for; small mappings, neighbours, fork and exec pass; nothing is refused by a uwd that hangs or
# was killed, nor after a reload without refuse.

gated() {
	printf '[pool]\nusable = 600M\n[component trading]\nbudget = 200M\n%s\n[component other]\nbudget = 200M\n' "$1"
}

# maps COMPONENT MB WAY...: in the leaf held of the component, whoever runs uwd
maps() {
	# shellcheck disable=SC2016 # expands in the inner shell
	sh -c 'echo $$ >"$0/held/cgroup.procs" && exec "$@"' "$POOL/$1" "$PUT/uw_maps" "${@:2}"
}

refuses() {
	[ "$(maps trading 300 mmap)" = "mmap ENOMEM" ]
}

passes() {
	[ "$(maps trading 300 mmap)" = "mmap ok" ]
}

is_attached() {
	bpftool link show | grep -q modify_return
}

room_is() {
	[ "$(status_of trading refuse.room_bytes)" -ge $(($1 << 20)) ] &&
		[ "$(status_of trading refuse.room_bytes)" -le $(($2 << 20)) ]
}

has_refused() {
	[ "$(status_of trading refuse.refused)" -ge "$1" ]
}

uwctl check --json | json_at '.features' | grep -q '"name":"security_vm_enough_memory_mm"' ||
	fail "check does not know the gate"

gated '' | config
start_uwd
grow trading held 1
grow other held 1
is_attached && fail "attached without anybody who wants it"
passes || fail "refused without a gate"
expect "no gate" "$(status_of trading refuse)" ""

# ---- with it ----
gated 'refuse = 32M' | config
uwctl reload
is_attached || fail "not attached: $(uwctl status)"
wait_until 10 room_is 190 200
expect "refused" "$(maps trading 300 mmap malloc brk mremap mprotect shared | tr '\n' ' ')" \
	"mmap ENOMEM malloc ENOMEM brk ENOMEM mremap ENOMEM mprotect ENOMEM shared ENOMEM "
expect "not covered" "$(maps trading 300 none noreserve file | tr '\n' ' ')" "none ok noreserve ok file ok "
expect "fits" "$(maps trading 150 mmap malloc brk mremap mprotect shared | tr '\n' ' ')" \
	"mmap ok malloc ok brk ok mremap ok mprotect ok shared ok "
expect "neighbour" "$(maps other 300 mmap malloc brk | tr '\n' ' ')" "mmap ok malloc ok brk ok "
expect "outside" "$("$PUT/uw_maps" 300 mmap)" "mmap ok"
expect "fork and exec" "$(maps trading 120 fork)" "fork ok"

uwctl run trading -- python3 - <<'END' || fail "python did not go on"
try:
    bytearray(300 << 20)
except MemoryError:
    assert len(bytearray(2 << 20)) == 2 << 20
else:
    raise SystemExit(1)
END

# ---- explained ----
wait_until 10 has_refused 7
expect_match "why" "$(uwctl why trading | tr -s '\n ' ' ')" 'refused [0-9]+ that .* of 30[01]M by (python3|uw_maps) '
logged 'refused [0-9]+ mappings in trading' || fail "nothing in the log: $(cat /tmp/uwd.log)"
uwctl export metrics | grep -E '^uw_component_refused_mappings_total\{component="trading"\} [1-9]' ||
	fail "no metric"
bpftool map dump pinned /sys/fs/bpf/uw/gates | grep -q '"room_bytes": [1-9]' || fail "no names for bpftool"
bpftool map dump pinned /sys/fs/bpf/uw/refusals | grep -q '"last_comm": "' || fail "no names for bpftool"

# ---- little is left: small ones pass all the same ----
grow trading big 170
wait_until 30 grown big
wait_until 10 room_is 0 31
expect "small" "$(maps trading 31 mmap malloc | tr '\n' ' ')" "mmap ok malloc ok "
expect "large enough" "$(maps trading 40 mmap malloc | tr '\n' ' ')" "mmap ENOMEM malloc ENOMEM "
echo 1 >"$POOL/trading/big/cgroup.kill"
wait_until 10 room_is 180 200

# ---- fails open ----
refuses || fail "the gate is gone"
kill -STOP "$UWD_PID"
wait_until 8 passes
kill -CONT "$UWD_PID"
wait_until 8 refuses
kill -KILL "$UWD_PID"
within 2 passes
is_attached && fail "attached without uwd"
start_uwd
wait_until 10 refuses

gated '' | config
uwctl reload
passes || fail "refused after a reload without refuse"
is_attached && fail "attached after a reload without refuse"
gated 'refuse = 32M' | config
uwctl reload
wait_until 10 refuses
stop_uwd
passes || fail "refused after the end of uwd"
