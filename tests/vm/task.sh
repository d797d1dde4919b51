# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 22
# Tasks of programs: a child is in a leaf of its own, with its limit, before it does anything; it is held to
# that, cancelled, killed with what it left behind, and its leaf goes with it. A killed program's place in
# the line is free at once, its child goes on; so it does when uwd is killed.

cat <<-'END' | config
	[pool]
	usable = 600M
	[component data]
	share = 50%
	freeze = yes
	lease = games
	[component batch]
	share = 30%
END
start_uwd

declare -A PIDS FDS
AS=() # in front of the program

# task NAME ARGUMENT...: in the background; its lines go to /tmp/NAME.task
task() {
	local name=$1 fd
	shift
	rm -f "/tmp/$name.in" "/tmp/$name.task"
	mkfifo "/tmp/$name.in"
	"${AS[@]}" "$PUT/uw_task" "$@" <"/tmp/$name.in" >"/tmp/$name.task" 2>&1 &
	PIDS[$name]=$!
	exec {fd}>"/tmp/$name.in"
	FDS[$name]=$fd
}

said() {
	wait_until 10 grep -Eq "$2" "/tmp/$1.task"
}

tell() {
	echo "$2" >&"${FDS[$1]}"
}

# leave NAME: its program ends
leave() {
	local fd=${FDS[$1]}
	kill -KILL "${PIDS[$1]}"
	wait "${PIDS[$1]}" 2>/dev/null || true
	exec {fd}>&-
}

# in_child NAME FIELD: pid, in, high
in_child() {
	sed -n "s/^child .*\b$2=\([^ ]*\).*/\1/p" "/tmp/$1.task"
}

leaf_gone() {
	[ ! -e "$POOL/data/$1" ]
}

job_leaf_gone() {
	[ ! -e "$POOL/batch$1" ]
}

no_task_leaves() {
	[ -z "$(find "$POOL" -name 'task-*')" ]
}

leased_is() {
	[ "$(status_of data leased_bytes)" = $(($1 << 20)) ]
}

# has_status NAME REGEX: of a fresh look
has_status() {
	: >"/tmp/$1.task"
	tell "$1" status
	said "$1" '^status'
	grep -Eq "$2" "/tmp/$1.task"
}

# ---- in its leaf, with its limit, before it does anything ----
AS=(setpriv --reuid games --regid games --clear-groups --)
task first data 100 use=40 key=first
said first '^begun 0 bytes=100 '
said first '^touched 1'
leaf=$(in_child first in)
child=$(in_child first pid)
leaf=${leaf#/}
expect_match "the child's leaf" "$leaf" "^task-$child-[0-9a-f]+\$"
expect "the limit at its first instruction" "$(in_child first high)" $((100 << 20))
expect "its leaf's processes" "$(cat "$POOL/data/$leaf/cgroup.procs")" "$child"
leased_is 100 || fail "of $(status_of data leased_bytes) leased"
wait_until 10 has_status first "^status running ending=0 bytes=100 used=4[0-9] peak=4[0-9] throttled=0"
expect "lease list" "$(uwctl lease list data --json | json_at '.leases[0].pid' '.leases[0].task' '.leases[0].inside')" \
	"$child 1 1"

# ---- it may be stopped as a leaf, and says so ----
uwctl freeze "data/$leaf" --for 30s
wait_until 10 has_status first '^status frozen '
uwctl thaw "data/$leaf"
wait_until 10 has_status first '^status running '

# ---- in line behind it; killed, its place is free at once ----
AS=()
task second data 250
said second '^queued budget'
task third data 50
said third '^queued turn'
before=$(date +%s%3N)
leave second
said third '^begun 0'
began=$(sed -n 's/^begun .* at=\([0-9]*\)$/\1/p' /tmp/third.task)
echo "killed to ready: $((began - before)) ms"
expect_in "killed to ready, ms" $((began - before)) 0 100
wait_until 10 leased_is 150

# ---- its program is killed: the child goes on; when it ends, its leaf and its lease go ----
leave first
looks 2
kill -0 "$child" || fail "the child ended with its program"
leased_is 150 || fail "of $(status_of data leased_bytes) leased"
kill -KILL "$child"
wait_until 10 leaf_gone "$leaf"
wait_until 10 leased_is 50

# ---- what was learned of its key ----
AS=(setpriv --reuid games --regid games --clear-groups --)
task again data 0 key=first ends
said again '^begun 0 bytes=[4-6][0-9] '
AS=()
task unknown data 0 key=first # of root
said unknown '^not-begun ENODATA'
expect_rc 1 "$PUT/uw_task" data 400 </dev/null
expect_match "more than there ever is" "$OUT" '^not-begun never'

# ---- by the size of its input: of each 4 MB, it takes ten ----
for i in 4 20 8 24 12 28 16 32 4 20 8 24 12 28 16 32; do
	task reads data 100 key=reads input=$i use=$((i * 5 / 2)) ends
	said reads '^touched'
	leaf=$(in_child reads in)
	leave reads
	wait_until 10 leaf_gone "${leaf#/}"
done
task brief data 0 key=reads input=8 ends
said brief '^begun 0 bytes=2[0-9] '
leave brief
task long data 0 key=reads input=32 ends
said long '^begun 0 bytes=[89][0-9] '
leave long

# ---- held to what it has ----
task grows data 50 use=120 key=grows
said grows '^child'
grown=$(in_child grows in)
wait_until 20 has_status grows 'throttled=1'
tell grows "end"
said grows '^ended 0'
wait_until 10 leaf_gone "${grown#/}"

# ---- cancelled: SIGTERM, and then with all that runs there ----
task mild data 20
said mild '^touched'
leaf=$(in_child mild in)
tell mild "cancel 60000"
said mild '^cancelled 0'
wait_until 10 leaf_gone "${leaf#/}"
task deaf data 20 deaf leaves
said deaf '^touched'
leaf=$(in_child deaf in)
leaf=${leaf#/}
child=$(in_child deaf pid)
expect "it leaves a process" "$(wc -l <"$POOL/data/$leaf/cgroup.procs")" 2
tell deaf "cancel 1000"
said deaf '^cancelled 0'
wait_until 10 leaf_gone "$leaf"
! kill -0 "$child" 2>/dev/null || fail "it lives"

# What a child leaves behind goes when it ends.
task parent data 20 leaves ends
said parent '^touched'
leaf=$(in_child parent in)
wait_until 10 leaf_gone "${leaf#/}"

# ---- uwd is killed: tasks go on; one that ends meanwhile is cleaned up after ----
task kept data 30 leaves
said kept '^touched'
kept=$(in_child kept in)
task ends data 30
said ends '^touched'
ended=$(in_child ends in)
wait_until 10 leased_is 110
uwctl run data --name task-mine -- sleep 1000 & # no task's, though its name begins so
wait_until 10 test -d "$POOL/data/task-mine"
kill -KILL "$UWD_PID" "$(in_child ends pid)"
wait "$UWD_PID" 2>/dev/null || true
start_uwd
wait_until 10 leaf_gone "${ended#/}"
kill -0 "$(in_child kept pid)" || fail "the restart killed a task"
[ -n "$(cat "$POOL/data/task-mine/cgroup.procs")" ] || fail "the restart killed what was no task"
xargs kill -KILL <"$POOL/data/task-mine/cgroup.procs"
wait_until 10 leaf_gone task-mine
wait_until 10 leased_is 80
wait_until 10 has_status kept '^status running '
tell kept end
said kept '^ended 0'
wait_until 10 leaf_gone "${kept#/}"

# ---- of a job: its tasks end with it ----
id=$(uwctl submit -c batch -m 100M -- bash -c "sleep 1000 | '$PUT/uw_task' batch 20 use=5 >/tmp/job.task 2>&1")
wait_until 20 grep -q '^touched' /tmp/job.task
leaf=$(in_child job in)
[ -d "$POOL/batch${leaf}" ] || fail "no leaf $leaf"
uwctl cancel "${id//[^0-9]/}"
wait_until 20 job_leaf_gone "$leaf"

# ---- no room for any of this: nothing is left ----
said third '^child'
leave third
kill -KILL "$(in_child third pid)"
wait_until 10 no_task_leaves
