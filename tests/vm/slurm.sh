# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 45
# kernels: 6.1
# vm: --with slurm
# Steps of Slurm in components: by Debian's Slurm, a controller and two nodes in one guest. A step is in
# its job's leaf at its first instruction, with --mem reserved; statuses, signals, scancel, suspend and
# time limits are what they are without; who may not is refused, and without uwd it runs as ever.

# shellcheck source=tests/bench/slurm_nodes.sh
. "$PUT/slurm_nodes.sh"
SUSER=games

page() { # page N: what spank_uw(8) shows
	page_block "$1" spank_uw.8
}

config <<-END
	[pool]
	usable = 600M
	$(page 1)
	[component services]
	share = 30%
END

# plugin WORD...: what plugstack.conf says of it
plugin() {
	mkdir -p /etc/slurm
	echo "required spank_uw.so $*" >/etc/slurm/plugstack.conf
}

# put_clock MINUTES: on or back. The controller does nothing for as long as it was put back.
CLOCK=0
put_clock() {
	date -s "$1 minutes" >/dev/null
	CLOCK=$((CLOCK + $1))
}

# shellcheck disable=SC2317 # called by the trap
end_slurm() {
	tail -q -n 5 "$SLURM_LOGS"/*.log
	slurm_kill
	put_clock $((-CLOCK))
}

as_user() {
	setpriv --reuid "$SUSER" --regid "$SUSER" --clear-groups -- "$@"
}

# step OPTION... COMMAND...: of the user's, and waited for; output in $OUT, status in $RC
step() {
	RC=0
	OUT=$(cd /tmp && as_user timeout 60 srun --mem=100M "$@" 2>/tmp/srun.err) || RC=$?
}

# begin NAME OPTION... COMMAND...: one in the background, its id in $JOB
begin() {
	local name=$1
	shift
	(cd /tmp && as_user srun -J "$name" --uw-component=batch "$@" >"/tmp/$name.out" 2>"/tmp/$name.err") &
	SRUN=$!
	wait_until 10 runs "$name"
	JOB=$(squeue -h -n "$name" -o %A)
	wait_until 10 grep -q . "$POOL/batch/slurm-$JOB/cgroup.procs"
}

runs() {
	squeue -h -t R -n "$1" -o %A | grep -q .
}

no_leaf() {
	[ -z "$(find "$POOL/batch" -name 'slurm-*')" ]
}

# ended WANT: the step that was begun, with this status of srun's
ended() {
	local rc=0
	wait "$SRUN" || rc=$?
	expect "status of srun" "$rc" "$1"
	wait_until 5 test ! -e "$POOL/batch/slurm-$JOB"
}

# reserved_is MB: for the job that was begun, as of a look of uwd's at its leaf
reserved_is() {
	[ "$(uwctl status batch --json | jq --arg name "slurm-$JOB" '.components[0].leaves[] |
		select(.name == $name).reserved_bytes')" = $(($1 << 20)) ]
}

# said_is JSON: its priority, and whether it is freezable, as reserved_is
said_is() {
	[ "$(uwctl status batch --json | jq -c --arg name "slurm-$JOB" '.components[0].leaves[] |
		select(.name == $name) | [.priority, .freezable]')" = "$1" ]
}

start_uwd
trap end_slurm EXIT
plugin
slurm_configure 1 600 "$(page 3)" "$(page 4)" "PartitionName=batch Nodes=n1 Default=YES" "PartitionName=debug Nodes=n2"
slurm_start

# ---- where it is, and what it has, at its first instruction ----
# shellcheck disable=SC2016 # expanded in the step
step --uw-component=batch sh -c 'cat /proc/self/cgroup /sys/fs/cgroup/$(cut -d: -f3 /proc/self/cgroup)/memory.high; id -u; exit 7'
expect "its status" "$RC" 7
expect_match "its group" "$OUT" '^0::/uw/batch/slurm-[0-9]+'
expect "its limit and its user" "$(tail -n 2 <<<"$OUT" | xargs)" "$((100 << 20)) $(id -u "$SUSER")"
expect "what else it says" "$(grep -v 'Exited with exit code 7' /tmp/srun.err)" ""
step cat /proc/self/cgroup
expect "one that asked for nothing: status" "$RC" 0
[[ $OUT != */uw/* ]] || fail "it is in $OUT"

# ---- what is reserved is there for nobody else, while the job has it ----
begin holds --mem=200M sleep 600
wait_until 5 reserved_is 200
expect_in "its limit" "$(cg "batch/slurm-$JOB/memory.high")" $((200 << 20)) $((200 << 20))
id=$(uwctl submit -c batch -m 200M -- true)
looks 2
expect "a job that does not fit beside it" "$(job_state "$id")" queued
# A uwd that is started anew knows of it, and of nothing else.
kill -KILL "$UWD_PID"
wait "$UWD_PID" 2>/dev/null || true
start_uwd
wait_until 5 reserved_is 200
looks 2
expect "the job, by the next uwd" "$(job_state "$id")" queued

said_is '[null,false]' || fail "something is said of a step that says nothing"

# ---- scancel ends it ----
scancel "$JOB"
ended 143
expect_rc 0 uwctl wait "$id" --timeout 60s

# ---- what is said of it stands in its status, and the next uwd knows it too ----
begin says --mem=20M --uw-priority=2 --uw-freezable sleep 600
wait_until 5 said_is '[2,true]'
kill -KILL "$UWD_PID"
wait "$UWD_PID" 2>/dev/null || true
start_uwd
wait_until 5 said_is '[2,true]'
scancel "$JOB"
ended 143

# ---- all tasks of a job are in one leaf, and the steps of its script with it ----
step -n 3 --overcommit --uw-component=batch cat /proc/self/cgroup
expect "status of three tasks" "$RC" 0
expect "their leaves" "$(sort -u <<<"$OUT" | wc -l), $(wc -l <<<"$OUT") tasks" "1, 3 tasks"
# Many at once wait for uwd, and none of them runs outside.
step -n 40 --overcommit --uw-component=batch cat /proc/self/cgroup
expect "status of forty tasks: $(cat /tmp/srun.err)" "$RC" 0
expect "their leaves" "$(sort -u <<<"$OUT" | wc -l), $(grep -c '^0::/uw/batch/slurm-' <<<"$OUT") tasks" "1, 40 tasks"
cat >/tmp/batch.sh <<-'END'
	#!/bin/sh
	cat /proc/self/cgroup
	srun --overlap cat /proc/self/cgroup
	exit 3
END
expect_rc 3 as_user sbatch -D /tmp -W --mem=100M --uw-component=batch -o /tmp/sbatch.out /tmp/batch.sh
expect_match "the script, and its step" "$(sort -u /tmp/sbatch.out)" '^0::/uw/batch/slurm-[0-9]+$'
expect "lines of both" "$(wc -l </tmp/sbatch.out)" 2

# ---- what a job has put into the background ends with it ----
cat >/tmp/leaves.sh <<-'END'
	#!/bin/sh
	setsid sh -c 'sleep 4711 &'
END
# By a pattern that is not in its own command line.
sleeps() {
	grep -lz '471[1]' /proc/[0-9]*/cmdline 2>/dev/null | wc -l
}
expect_rc 0 as_user sbatch -D /tmp -W --mem=100M --uw-component=batch -o /tmp/sbatch.out /tmp/leaves.sh
wait_until 10 no_leaf
expect "what it has left" "$(sleeps)" 0

# ---- what a key's jobs use is learned, and goes for a job of uwd's ----
as_user uwctl submit -c batch --key fold --hold -- true && fail "of a key that nothing is known of"
for _ in 1 2 3; do
	step --uw-component=batch --uw-key=fold python3 -c 'x = bytearray(40 << 20)'
	expect "status" "$RC" 0
	wait_until 10 no_leaf
	step --uw-component=batch --uw-key=fold false # teaches nothing
	wait_until 10 no_leaf
done
id=$(as_user uwctl submit -c batch --key fold --hold -- true)
expect_in "what it is given, MB" $(($(uwctl queue "$id" --json | json_at .queued.memory_bytes) >> 20)) 40 70
uwctl cancel "$id"

# ---- what nodes have seen says what to ask for, and a job asks for no more where the site has it so ----
uwctl recommend --json >/tmp/n1.json
expect "runs of the key that count" "$(jq '.keys[] | select(.key == "fold").runs' /tmp/n1.json)" 3
requested() { # requested OPTION...: what a job of the key has after it was submitted, and its comment
	(cd /tmp && as_user "$@")
	scontrol --oneliner show job "$(squeue -h -n asks -o %A)"
	scancel -n asks
}
submit_asks() {
	requested sbatch -Q -H -J asks --uw-component=batch -o /dev/null --wrap true "$@"
}
expect_match "what it asks for, with no file" "$(submit_asks --mem=300M --uw-key=fold)" ' MinMemoryNode=300M '
uwctl recommend --slurm /tmp/n1.json --json >/etc/slurm/uw-requests.json
mib=$(jq '.requests[] | select(.key == "fold").memory_mib' /etc/slurm/uw-requests.json)
expect_in "MB that are recommended" "$mib" 40 70
uwctl recommend --slurm /tmp/n1.json >/tmp/advice
option=$(awk '$1 == "fold" { print $NF }' /tmp/advice)
expect "the option, for people" "$option" "--mem=${mib}M"
expect_rc 0 as_user sh -c "cd /tmp && srun $option true"
said=$(submit_asks --mem=300M --uw-key=fold --comment=mine)
expect_match "what it asks for" "$said" " MinMemoryNode=${mib}M "
expect_match "its comment" "$said" " Comment=mine; uw-key=fold; --mem=${mib}M by 3 runs, where --mem=300M was asked for "
expect_match "less than that" "$(submit_asks --mem=20M --uw-key=fold)" ' MinMemoryNode=20M '
expect_match "another key" "$(submit_asks --mem=300M --uw-key=other)" ' MinMemoryNode=300M '
expect_match "no key" "$(submit_asks --mem=300M)" ' MinMemoryNode=300M '
begin asked --mem=300M --uw-key=fold sleep 600
wait_until 5 reserved_is "$mib"
scancel "$JOB"
ended 143
echo '{}' >/etc/slurm/uw-requests.json
expect_match "by a file that makes no sense" "$(submit_asks --mem=300M --uw-key=fold)" ' MinMemoryNode=300M '
rm /etc/slurm/uw-requests.json
expect_match "with the file gone" "$(submit_asks --mem=300M --uw-key=fold)" ' MinMemoryNode=300M '

# ---- signals, suspend and time limits are what they are without ----
# shellcheck disable=SC2016 # expanded in the step
step --uw-component=batch sh -c 'kill -USR1 $$'
expect "status of one that a signal ended" "$RC" $((128 + 10))

is_stopped() {
	grep -q '^State:.T' "/proc/$1/status"
}
begin stands --mem=100M sleep 600
pid=$(tail -n 1 "$POOL/batch/slurm-$JOB/cgroup.procs")
scontrol suspend "$JOB"
wait_until 10 is_stopped "$pid"
expect "frozen by uwd" "$(grep -c 'frozen 1' "$POOL/batch/slurm-$JOB/cgroup.events" || true)" 0
scontrol resume "$JOB"
is_not_stopped() { ! is_stopped "$1"; }
wait_until 10 is_not_stopped "$pid"
scancel -s INT "$JOB"
ended 130

# A minute is the least, so the clock is put on.
begin limited --mem=100M --time=1 sleep 600
put_clock +3
ended 143
expect_match "what srun says" "$(cat /tmp/limited.err)" 'DUE TO TIME LIMIT'

# ---- a node whose host stays in an emergency ----
mkdir /tmp/health
look_at_health() {
	PATH=/tmp/health:$PATH uw-node-health --node n2 --after 0 --calm 0 --state /tmp/health/kept
}
# As uwd says of a host that is short of memory; without this it says what is.
emergency() {
	printf '#!/bin/sh\necho "{ \\"host\\": { \\"stage\\": \\"stops\\" } }"\n' >/tmp/health/uwctl
	chmod +x /tmp/health/uwctl
	look_at_health
	rm /tmp/health/uwctl
}
node_says() {
	scontrol --oneliner show node n2 | grep -Eq "$1"
}
emergency
wait_until 10 node_says ' State=[^ ]*DRAIN.* Reason=uw: memory emergency .stops for '
expect "what uwd says of the host" "$(uwctl explain --json | json_at .host.stage)" calm
look_at_health
wait_until 10 node_says ' State=IDLE '
scontrol update NodeName=n2 State=DRAIN Reason=disk
emergency
look_at_health
wait_until 10 node_says ' State=[^ ]*DRAIN.* Reason=disk '
scontrol update NodeName=n2 State=RESUME

# ---- who may not, and what is none ----
# refused TEXT OPTION...: the step does not run, and says so once
refused() {
	local text=$1
	shift
	step "$@" echo ran
	[ "$RC" != 0 ] || fail "$*: status 0"
	expect "what it has run" "$OUT" ""
	expect "lines that say '$text' of: $(cat /tmp/srun.err)" "$(grep -c "$text" /tmp/srun.err)" 1
}
refused "there is no component 'nothing'; uw.conf names them" -n 3 --overcommit --uw-component=nothing
refused "uid 5 may not enter services; 'submit' of .component services. in uw.conf says who may" --uw-component=services
refused "component 'A/B': want the name of a component" --uw-component=A/B
refused "key 'a b': want 1 to 63 letters" --uw-key='a b'
refused "priority '11': want 1 to 10" --uw-priority=11

# ---- what the administrator sets for all, and for a partition ----
page 2 >/etc/slurm/plugstack.conf
sed -i '/^.component services/a submit = games' /etc/uw/uw.conf
uwctl reload
step cat /proc/self/cgroup
expect_match "by default" "$OUT" '^0::/uw/batch/slurm-'
step -p debug cat /proc/self/cgroup
expect_match "by its partition" "$OUT" '^0::/uw/services/slurm-'
step -p debug --uw-component=batch cat /proc/self/cgroup
expect_match "by its own word" "$OUT" '^0::/uw/batch/slurm-'
# shellcheck disable=SC2001 # at each line
commands=$(page 6 | sed 's/^\$ //')
[ "$(wc -l <<<"$commands")" = 4 ] || fail "the page shows: $commands"
while IFS= read -r command <&3; do
	expect_rc 0 as_user sh -c "cd /tmp && $command"
done 3<<<"$commands"
expect_rc 0 as_user salloc -D /tmp --mem=100M --uw-component=services srun cat /proc/self/cgroup
expect_match "a step of an allocation" "$OUT" '0::/uw/services/slurm-'
sed -i 's/^required/optional/' /etc/slurm/plugstack.conf
step --uw-component=nothing cat /proc/self/cgroup
expect "one that is refused, where that is optional" "$RC $OUT" "0 ${OUT%%/uw/*}"
expect_match "what it says" "$(cat /tmp/srun.err)" "no component 'nothing'"
plugin componet=batch
refused "plugstack.conf: spank_uw.so: 'componet=batch': there are component=NAME" -n 1
plugin component=batch max-priority=3
refused "priority '4': 3 is the largest that may be asked for here" --uw-priority=4
begin bounded --mem=20M sleep 600
wait_until 10 said_is '[3,false]'
scancel "$JOB"
wait "$SRUN" || true
wait_until 5 test ! -e "$POOL/batch/slurm-$JOB"
plugin component=batch

# ---- where Slurm itself keeps steps in cgroups it would lose them ----
slurm_end_daemons
sed -i 's,proctrack/linuxproc,proctrack/cgroup,' /etc/slurm/slurm.conf
slurm_start_daemons
step -n 3 --overcommit sh -c 'cat /proc/self/cgroup; exit 7'
expect "status of one that is tracked" "$RC" 7
[[ $OUT != */uw/* ]] || fail "it is in $OUT"
expect "it says so: $(cat /tmp/srun.err)" "$(grep -c 'Slurm keeps its steps in cgroups' /tmp/srun.err)" 1
slurm_end_daemons
sed -i 's,proctrack/cgroup,proctrack/linuxproc,' /etc/slurm/slurm.conf
slurm_start_daemons

# ---- without uwd it runs as ever, and says so once ----
stop_uwd
step -n 3 --overcommit sh -c 'cat /proc/self/cgroup; exit 7'
expect "its status" "$RC" 7
[[ $OUT != */uw/* ]] || fail "it is in $OUT"
expect "it says so: $(cat /tmp/srun.err)" "$(grep -cF "$(page 8)" /tmp/srun.err)" 1
