# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Words that the VM cases share. A case is read after this file in a shell with -eu.

POOL=/sys/fs/cgroup/uw
# shellcheck disable=SC2034 # for the cases
PUT=/run/put

fail() {
	echo "FAIL: $*"
	exit 1
}

skip() {
	echo "$*"
	exit 77
}

# expect WHAT GOT WANT
expect() {
	[ "$2" = "$3" ] || fail "$1: got '$2', want '$3'"
}

# expect_in WHAT VALUE LOW HIGH
expect_in() {
	[ "$2" -ge "$3" ] && [ "$2" -le "$4" ] || fail "$1: got $2, want $3 to $4"
}

# expect_rc WANT COMMAND...: output in $OUT
expect_rc() {
	local want=$1 rc=0
	shift
	OUT=$("$@" 2>&1) || rc=$?
	[ "$rc" = "$want" ] || fail "$*: exit $rc, want $want: $OUT"
}

# expect_match WHAT TEXT REGEX
expect_match() {
	[[ $2 =~ $3 ]] || fail "$1: '$2' does not match '$3'"
}

# within SECONDS COMMAND...: it must hold by then, as was promised; looked at ten times a second
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || fail "waited in vain for: $*"
		sleep 0.1
	done
}

# wait_until SECONDS COMMAND...: the same where the time is no promise but an end to waiting: so much on a
# machine that has nothing else to do
wait_until() {
	within $(($1 * 5)) "${@:2}"
}

# figures NAME NUMBER...: a line of JSON for who counts over several cases
figures() {
	local out=''
	while [ $# -gt 0 ]; do
		out+=", \"$1\": $2"
		shift 2
	done
	echo "figures {${out#, }}"
}

# page_block N [PAGE]: what uw-services(7) shows, or PAGE
page_block() {
	awk -v want="$1" '/^```/ { on = !on; count += on; next } on && count == want' "$PUT/${2-uw-services.7}.scd"
}

config() {
	mkdir -p /etc/uw
	cat >/etc/uw/uw.conf
}

launch_uwd() {
	uwd "$@" 2>>/tmp/uwd.log &
	UWD_PID=$!
	echo "$UWD_PID" >/run/uwd-under-test.pid
}

start_uwd() {
	launch_uwd "$@"
	wait_until 20 uwctl status
}

stop_uwd() {
	kill -TERM "$UWD_PID"
	wait "$UWD_PID" || true
}

cg() {
	cat "$POOL/$1"
}

# now_us: into $NOW_US, without a process
now_us() {
	local now=$EPOCHREALTIME
	# shellcheck disable=SC2034 # for the cases
	NOW_US=${now/./}
}

# nap: 5 ms, without a process
exec {NAP_FD}<> <(:)
nap() {
	read -rt 0.005 -u "$NAP_FD" || true
}

is_frozen() {
	grep -qx 'frozen 1' "$POOL/$1/cgroup.events"
}

kernel_at_least() {
	local have
	have=$(uname -r)
	[ "$(printf '%s\n%s\n' "$1" "${have%%-*}" | sort -V | head -n 1)" = "$1" ]
}

# Between two cases: no uwd, no tree, no configuration, no pins.
reset_all() {
	local pid
	[ ! -d /run/systemd/system ] || systemctl stop uwd # which would come back
	for pid in $(pidof uwd); do
		kill -KILL "$pid"
		while [ -d "/proc/$pid" ]; do sleep 0.05; done
	done
	rm -f /run/uwd-under-test.pid
	uwctl teardown --kill || true
	[ ! -d "$POOL" ] || return 1
	rm -rf /etc/uw /run/uw /var/lib/uw /sys/fs/bpf/uw /tmp/uwd.log
	[ ! -e "$SWAPPED_OFF" ] || { xargs -n 1 swapon <"$SWAPPED_OFF" && rm "$SWAPPED_OFF"; }
}

# without_swap: until the case ends
SWAPPED_OFF=/tmp/swapped-off
without_swap() {
	awk 'NR > 1 { print $1 }' /proc/swaps >"$SWAPPED_OFF"
	swapoff -a
}

# json_at PATH...: what stands there in the JSON on stdin, in a line. For more there is jq, which takes ten
# times as long to start: where one polls that is most of what the guest does.
json_at() {
	local columns text
	columns=$(printf ", json_extract(j, '\$%s')" "$@")
	text=$(</dev/stdin)
	sqlite3 -separator ' ' :memory: <<<"SELECT ${columns#, } FROM (SELECT '${text//\'/\'\'}' AS j)"
}

# status_of COMPONENT KEY: one value of `uwctl status --json`
status_of() {
	uwctl status "$1" --json | json_at ".components[0].$2"
}

# full_looks: how often uwd has looked at everything
full_looks() {
	local all urgent
	read -r all urgent < <(uwctl status --json | json_at .daemon.ticks .daemon.urgent_ticks)
	echo $((all - urgent))
}

looked() {
	[ "$(full_looks)" -ge "$1" ]
}

# looks N: until uwd has looked N times more and N seconds have passed, in which it would have done what
# it must not. It looks once a second, and ten times while something is pressed or frozen.
looks() {
	local end=$((SECONDS + $1 + 1))
	wait_until 30 looked $(($(full_looks) + $1))
	while [ $SECONDS -lt $end ]; do sleep 0.1; done
}

# ---- queued jobs ----

# job_state ID
job_state() {
	uwctl queue "$1" --json | json_at .queued.state
}

# job_is ID STATE
job_is() {
	[ "$(job_state "$1")" = "$2" ]
}

level_is() {
	[ "$(status_of "$1" level)" = "$2" ]
}

# logged REGEX: uwd said so
logged() {
	grep -Eq -- "$1" /tmp/uwd.log
}

# grow COMPONENT NAME MB [OPTION of hog]...: grows in a leaf of its own, and holds
grow() {
	local component=$1 name=$2 mb=$3
	shift 3
	rm -f "/tmp/$name.log"
	uwctl run "$component" --name "$name" -- "$PUT/hog" --max "$mb" --hold 600 --touch 0 \
		--log "/tmp/$name.log" "$@" &
	wait_until 10 test -d "$POOL/$component/$name"
}

grown() {
	grep -q '^FULL' "/tmp/$1.log"
}

# somebody_beside: in hogs, whom the growth of another there costs something; alone that is left to swap, until
# it is full
somebody_beside() {
	uwctl run hogs --name beside -- sleep infinity &
	wait_until 10 grep -q . "$POOL/hogs/beside/cgroup.procs"
}

# hogs_and_an_owner SHARE: a configuration in which one of hogs that grows is stopped for an owner with SHARE
hogs_and_an_owner() {
	config <<-END
	[pool]
	usable = 900M
	[component hogs]
	share = 30%
	priority = 3
	freeze = yes
	lend = no
	borrow = yes
	[component owner]
	share = $1
	priority = 9
	lend = yes
	protect = budget
	END
}

# owner_holds MB
owner_holds() {
	grow owner tenant "$1"
	wait_until 20 grown tenant
}

# stops_a_hog NAME: one in hogs that grows is frozen, and is gone then
stops_a_hog() {
	grow hogs "$1" 700 --rate 60
	wait_until 30 is_frozen "hogs/$1"
	echo 1 >"$POOL/hogs/$1/cgroup.kill"
	wait_until 10 test ! -d "$POOL/hogs/$1"
}

# ---- uwd that is killed with a hog frozen and who is lent from squeezed ----

PROMISED_US=1000000 # after it nothing is any more
EPISODE_HOGS_HIGH=$((240 << 20)) EPISODE_LENDER_HIGH=$((300 << 20))

episode_config() {
	config <<-'END'
	[pool]
	usable = 1000M
	[policy]
	dwell = 1s
	[component hogs]
	share = 24%
	priority = 3
	freeze = yes
	lend = no
	borrow = yes
	[component lender]
	share = 30%
	priority = 5
	lend = yes
	[component owner]
	share = 30%
	priority = 9
	protect = budget
	END
}

# In an episode there are hogs/hog, who does not end by itself, and hogs/beside.
start_hog() {
	[ ! -d "$POOL/hogs/hog" ] || echo 1 >"$POOL/hogs/hog/cgroup.kill"
	wait_until 10 test ! -d "$POOL/hogs/hog"
	grow hogs hog 2000 --rate 60
}

# No process is started in what is timed: only the shell's own read.
FROZEN=0 HOGS_HIGH=0 LENDER_HIGH=0
is_restored() {
	read -r FROZEN <"$POOL/hogs/hog/cgroup.freeze"
	read -r HOGS_HIGH <"$POOL/hogs/memory.high"
	read -r LENDER_HIGH <"$POOL/lender/memory.high"
	[ "$FROZEN" = 0 ] || return 1
	[ "$HOGS_HIGH" = max ] || [ "$HOGS_HIGH" -ge "$EPISODE_HOGS_HIGH" ] || return 1
	[ "$LENDER_HIGH" = max ] || [ "$LENDER_HIGH" -ge "$EPISODE_LENDER_HIGH" ]
}

# await_restored WHAT: which was at $NOW_US
LATE=0 SLOWEST_US=0
await_restored() {
	local began=$NOW_US took
	until is_restored; do
		nap # the processor may be the only one
		now_us
		[ $((NOW_US - began)) -lt $((3 * PROMISED_US)) ] ||
			fail "$1: frozen=$FROZEN hogs=$HOGS_HIGH lender=$LENDER_HIGH for 3 s"
	done
	now_us
	took=$((NOW_US - began))
	[ "$took" -le "$SLOWEST_US" ] || SLOWEST_US=$took
	[ "$took" -le "$PROMISED_US" ] || LATE=$((LATE + 1))
}

# To an instant soon after a client froze the hog.
approach_frozen() {
	until uwctl freeze hogs/hog --for 60s >/dev/null 2>&1; do sleep 0.1; done
	sleep "0.$((RANDOM % 3))"
}

# oom_kills LEAF COUNT: so many who want more than the leaf may have
oom_kills() {
	echo $((4 << 20)) >"$1/memory.max"
	echo 0 >"$1/memory.swap.max"
	python3 - "$@" <<-'END'
		import os, sys
		for _ in range(int(sys.argv[2])):
		    child = os.fork()
		    if not child:
		        with open(sys.argv[1] + "/cgroup.procs", "w") as procs:
		            procs.write("0")
		        b"x" * (16 << 20)
		        os._exit(0)
		    os.waitpid(child, 0)
	END
}

# ---- a machine that lacks something for a while: $STEADY is a job of the component batch that runs ----

submit() { # submit OPTION... -- COMMAND...
	uwctl submit -c batch -m 20M "$@"
}

begin_steady() {
	STEADY=$(submit -t 10m --time-limit 10m -- sleep 500)
	wait_until 10 job_is "$STEADY" running
}

runs() {
	uwctl status >/dev/null && kill -0 "$UWD_PID" && job_is "$STEADY" running
}

# goes_on WHAT: one that is submitted now is done
goes_on() {
	wait_until 20 submit -- true
	expect_rc 0 submit --wait -- true
	runs || fail "$1: uwd or its job does not go on"
}

# waits_with ID TEXT: it is in the queue, which says why
waits_with() {
	uwctl queue "$1" | grep -q "$2"
}

end_steady() {
	uwctl cancel "$STEADY" >/dev/null
	uwctl wait "$STEADY" --timeout 60s || true
	expect "times that it ran" \
		"$(uwctl history "$STEADY" --json | jq '[.steps[] | select(.step == "started")] | length')" 1
}

# ---- programs that are told what to do ----

declare -A PIDS FDS

# speak_to NAME LOG COMMAND...: runs it in the background, with /tmp/NAME.in as its input, which is
# written by way of FDS[NAME]; its lines go to LOG
# shellcheck disable=SC2034 # cases read PIDS and FDS
speak_to() {
	local name=$1 log=$2 fd
	shift 2
	rm -f "/tmp/$name.in" "$log"
	mkfifo "/tmp/$name.in"
	"$@" <"/tmp/$name.in" >"$log" 2>&1 &
	PIDS[$name]=$!
	exec {fd}>"/tmp/$name.in"
	FDS[$name]=$fd
}

# ---- the kernel's sensors without the daemon: cgroups under uw-kern, and the program kern ----

KERN=/sys/fs/cgroup/uw-kern

kern_setup() {
	local name
	trap kern_done EXIT
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	mkdir -p "$KERN"
	echo +memory >"$KERN/cgroup.subtree_control"
	for name in "$@"; do
		mkdir -p "$KERN/$name"
		echo +memory >"$KERN/$name/cgroup.subtree_control"
		mkdir -p "$KERN/$name/job"
	done
}

kern_done() {
	[ -z "${WATCH_PID-}" ] || kill -KILL "$WATCH_PID" 2>/dev/null || true
	[ ! -d "$KERN" ] || echo 1 >"$KERN/cgroup.kill"
	wait_until 20 grep -qx 'populated 0' "$KERN/cgroup.events"
	find "$KERN" -depth -type d -exec rmdir {} +
	"$PUT/kern" unpin
}

# kern_watch OPTION... NAME...: events go to /tmp/kern.out
kern_watch() {
	"$PUT/kern" watch "$@" >/tmp/kern.out 2>&1 &
	WATCH_PID=$!
	wait_until 20 grep -qx ready /tmp/kern.out
}

# Ends kern_watch; the counters follow in /tmp/kern.out.
kern_report() {
	kill -TERM "$WATCH_PID"
	wait "$WATCH_PID" || fail "kern: $(tail -n 3 /tmp/kern.out)"
	WATCH_PID=
}

# count NAME FIELD, of /tmp/kern.out
count() {
	awk -v name="$1" -v field="$2" \
		'$1 == "count" && $2 == name && $3 == field { value = $4 } END { print value }' /tmp/kern.out
}

# in_job NAME COMMAND...: in a leaf of the component
in_job() {
	# shellcheck disable=SC2016 # expands in the inner shell
	bash -c 'echo $$ >"$0/job/cgroup.procs" && exec "$@"' "$KERN/$1" "${@:2}"
}

# hold_in_job NAME MB [OPTION of hog]...: in the background, until it is killed; returns when it holds them
hold_in_job() {
	local name=$1 mb=$2
	shift 2
	rm -f /tmp/held.log
	in_job "$name" "$PUT/hog" --max "$mb" --hold 600 --touch 0 --log /tmp/held.log "$@" &
	wait_until 60 grep -q FULL /tmp/held.log
}

# stat_of NAME FILE KEY
stat_of() {
	awk -v key="$3" '$1 == key { print $2 }' "$KERN/$1/$2"
}
