# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034 # who reads this file uses its variables
#
# Words that the guest's side of the benches share; read by each of them first. A bench runs as root in the VM
# with its programs in $PUT, and leaves its records in $OUT. Arguments are NAME=VALUE words.

PUT=${PUT:-/run/put}
OUT=${OUT:-/run/out}
CGROUP=${CGROUP:-/sys/fs/cgroup} # what all groups here lie below
POOL=$CGROUP/uw
REDIS_PORT=${REDIS_PORT:-6379}
DAEMON_SOCKET=/run/uw/uwd.sock
system=${system:-uwctl}
uwd_options=${uwd_options:-}
daemon_pid=
exec {never}<> <(:) # a pipe that nobody writes into

now_ms() {
	local up rest
	read -r up rest </proc/uptime
	: "$rest"
	echo "${up/./}0"
}

# note TEXT: an event of the run, for the analysis and for who watches.
note() {
	echo "$(now_ms) $*" | tee -a "$OUT/events"
}

die() {
	note "FAILED $*"
	exit 1
}

# pause SECONDS: sleep is a program, and to start it ten times a second takes a tenth of a slow processor.
pause() {
	read -rt "$1" -u "$never" || true
}

# wait_until SECONDS COMMAND...
wait_until() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		pause 0.1
	done
}

begin() {
	local word
	for word in "$@"; do
		declare -g "${word?}"
	done
	chmod -R a+rX "$PUT"
	mkdir -p "$OUT"
	: >"$OUT/events"
	exec 2>>"$OUT/stderr"
	echo -1000 >/proc/self/oom_score_adj
	make_group observers 64M
	make_group daemon 0
}

# make_group NAME MIN: a group of ours beside the pool, for what measures and for the daemon.
make_group() {
	echo +memory >"$CGROUP/cgroup.subtree_control"
	mkdir -p "$CGROUP/$1"
	echo "$2" >"$CGROUP/$1/memory.min"
}

# inside GROUP COMMAND...: becomes COMMAND in that cgroup; for the background, where $! is then its pid.
inside() {
	local group=$1
	shift
	# shellcheck disable=SC2016 # the inner shell expands
	exec bash -c 'echo 0 >"$0/cgroup.procs" && exec "$@"' "$group" "$@"
}

# observe COMMAND...: a measuring program in the background; its pid in $observer.
observe() {
	inside "$CGROUP/observers" nice -n -15 "$@" &
	observer=$!
}

# workload COMPONENT NAME COMMAND...: in the background, in the component's group; its pid in $started. With
# uwctl it is a run of uwctl's; the others get the same groups made by hand. The OOM killer may take it.
workload() {
	local component=$1 name=$2
	shift 2
	case $system in
	uwctl) mortal uwctl run "$component" --name "$name" -- "$@" & ;;
	systemd-oomd) mortal systemd-run --quiet --scope --slice="uw-$component.slice" --unit="$name" "$@" & ;;
	*)
		make_leaf "$component" "$name"
		inside "$POOL/$component/$name" bash -c 'echo 0 >/proc/self/oom_score_adj && exec "$@"' - "$@" &
		;;
	esac
	started=$!
}

# component_of COMPONENT, leaf_of COMPONENT NAME: where their groups are; systemd names those that it makes.
component_of() {
	case $system in
	systemd-oomd) echo "$CGROUP/uw.slice/uw-$1.slice" ;;
	*) echo "$POOL/$1" ;;
	esac
}

leaf_of() {
	case $system in
	systemd-oomd) echo "$(component_of "$1")/$2.scope" ;;
	*) echo "$(component_of "$1")/$2" ;;
	esac
}

mortal() {
	# shellcheck disable=SC2016 # the inner shell expands
	exec bash -c 'echo 0 >/proc/self/oom_score_adj && exec "$@"' - "$@"
}

make_leaf() {
	mkdir -p "$POOL/$1"
	echo +memory >"$POOL/cgroup.subtree_control"
	echo +memory >"$POOL/$1/cgroup.subtree_control"
	mkdir -p "$POOL/$1/$2"
}

# set_up CONFIG: the pool's tree, for any system.
set_up() {
	config=$1
	if [ "$system" != uwctl ]; then
		mkdir -p "$POOL"
		return
	fi
	uwctl setup --config "$config" >>"$OUT/setup.log" 2>&1 || die "uwctl setup: $(tail -n 1 "$OUT/setup.log")"
}

daemon_command() {
	case $system in
	uwctl) echo "uwd --config $config $uwd_options" ;;
	earlyoom) echo "earlyoom -r 3600 --avoid ^(redis-server|probe|mon|feed|txn)\$" ;;
	nohang) echo 'nohang --monitor --config /etc/nohang/nohang.conf' ;;
	psi-notify) echo 'psi-notify' ;;
	oomd | senpai) echo "oomd --interval 1 --config $PUT/$(basename "$0" .sh)-$system.json" ;;
	none | bounded | low | high | static | parallel) ;; # limits, or a launcher
	systemd-oomd | damon) ;;                            # systemd's, the kernel's
	*) die "unknown system $system" ;;
	esac
}

# When it was said, before each line: only uwd's own lines have that.
stamp_lines() {
	local up rest line
	while IFS= read -r line; do
		read -r up rest </proc/uptime
		: "$rest"
		printf '%s0 %s\n' "${up/./}" "$line"
	done
}

# The system under test; its pid in $daemon_pid, empty for none.
start_daemon() {
	local -a command
	read -r -a command <<<"$(daemon_command)"
	[ ${#command[@]} -gt 0 ] || return 0
	if [ "$system" = uwctl ]; then
		inside "$CGROUP/daemon" "${command[@]}" >>"$OUT/daemon.log" 2>&1 &
	else
		inside "$CGROUP/daemon" "${command[@]}" > >(stamp_lines >>"$OUT/daemon.log") 2>&1 &
	fi
	daemon_pid=$!
	if [ "$system" = uwctl ]; then
		wait_until 30 test -S $DAEMON_SOCKET || die "uwd does not answer: $(tail -n 1 "$OUT/daemon.log")"
	fi
	kill -0 $daemon_pid 2>/dev/null || die "$system did not stay up: $(tail -n 1 "$OUT/daemon.log")"
}

stop_daemon() {
	[ -n "$daemon_pid" ] || return 0
	kill -TERM "$daemon_pid" 2>/dev/null || true
	wait "$daemon_pid" 2>/dev/null || true
	daemon_pid=
}

# cpu_ns PID, rss_kb PID: what the scheduler accounted to all threads of it, and what it has in memory
cpu_ns() {
	cat /proc/"$1"/task/*/schedstat 2>/dev/null | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

rss_kb() {
	awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"
}

ask_redis() {
	redis-cli -p "$REDIS_PORT" "$@"
}

# start_redis COMPONENT KEYS BYTES: filled, and ahead of the rest on the CPU, as a service with an owner would be.
start_redis() {
	workload "$1" redis redis-server --port "$REDIS_PORT" --save '' --appendonly no --enable-debug-command yes \
		--daemonize no --loglevel warning --logfile "$OUT/redis.log"
	wait_until 40 ask_redis ping || die 'redis does not answer'
	ask_redis debug populate "$2" key "$3" >>"$OUT/setup.log"
	redis_pid=$(ask_redis info server | tr -d '\r' | sed -n 's/^process_id://p')
	renice -n -10 -p "$redis_pid" >/dev/null
}

# stop_run GROUP: ends everything in a leaf, frozen or not. A run of uwctl removes its leaf itself.
stop_run() {
	[ -d "$1" ] || return 0
	echo 1 >"$1/cgroup.kill"
	wait_until 10 is_empty "$1" || note "still populated: $1"
}

is_empty() {
	[ ! -d "$1" ] || grep -qx 'populated 0' "$1/cgroup.events"
}

# finish_observer PID: it writes its record on SIGTERM.
finish_observer() {
	kill -TERM "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

finish() {
	dmesg | grep -iE 'oom|killed process' >"$OUT/oom.log" || true
	note 'end'
}
