# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 33
# kernels: 6.12
# 64 tasks of niceness -10 want the processor that uwd is on: it looks as often as before, and stops who
# grows as fast, from the kernel's event to the freeze, as it does without them.

config <<'END'
[pool]
usable = 200M
[component alone]
share = 12%
freeze = yes
kill = no
lend = no
borrow = no
[component beside]
share = 12%
freeze = yes
kill = no
lend = no
borrow = no
[component busy]
share = 30%
freeze = no
[policy]
freeze-budget = 1000
END
start_uwd
expect "uwd's policy" "$(ps -o cls=,rtprio= -p "$(pidof uwd)" | xargs)" "FF 1"
expect "uw-guard's policy" "$(ps -o cls=,rtprio= -p "$(pidof uw-guard)" | xargs)" "FF 2"
# shellcheck disable=SC2016 # expanded by the shell that is run
expect "a job's policy" "$(uwctl run alone -- sh -c 'ps -o cls=,ni= -p $$' | xargs)" "TS 0"
# What follows is this shell's and its children's, who would starve as uwd must not.
renice -n -20 -p $$ >/dev/null

trials=5

# Alone in its component it would be left to memory.high.
keep_company() {
	uwctl run "$1" --name company -- sleep 1000 &
	wait_until 10 grep -q . "$POOL/$1/company/cgroup.procs"
}

is_gone() {
	[ ! -d "$1" ]
}

# stop_hogs COMPONENT: grows over the mark and is stopped, one after the other
stop_hogs() {
	local i
	keep_company "$1"
	for ((i = 0; i < trials; i++)); do
		uwctl run "$1" --name hog -- "$PUT/hog" --max 100 --hold 100 --touch 0 --log /dev/null &
		within 20 is_frozen "$1/hog"
		echo 1 >"$POOL/$1/hog/cgroup.kill"
		wait_until 10 is_gone "$POOL/$1/hog"
		wait_until 10 looked $(($(full_looks) + 2)) # and has set the mark anew
	done
}

# Before all else, each tenth of a second: what it is late by, the machine stood still.
: >/tmp/stood
mkfifo /tmp/never
# shellcheck disable=SC2016 # expanded by the shell that is run
chrt -f 50 bash -c 'most=0 now=${EPOCHREALTIME/./} && while :; do
	read -rt .1 <>/tmp/never
	before=$now now=${EPOCHREALTIME/./}
	((now - before <= most)) || { most=$((now - before)); echo $most >/tmp/stood; }
done' &
witness=$!

stop_hogs alone

mkfifo /tmp/begin
# shellcheck disable=SC2016 # expanded by the shell that is run
nice -n 10 uwctl run busy --name spin -- sh -c \
	'for i in $(seq 64); do { read -r _; while :; do :; done; } </tmp/begin & done; wait' &
all_wait() {
	[ "$(wc -l <"$POOL/busy/spin/cgroup.procs")" -ge 65 ]
}
wait_until 20 all_wait
: >/tmp/begin
rm /tmp/begin
expect "niceness of who spins" "$(ps -o ni= -p "$(tail -n 1 "$POOL/busy/spin/cgroup.procs")" | tr -d ' ')" -10
stop_hogs beside
echo 1 >"$POOL/busy/spin/cgroup.kill"

expect "hangs that the guard saw" "$(uwctl status --json | json_at .daemon.guard.hangs)" 0
uwctl record --out /tmp/urgency.recording >/dev/null
"$PUT/reactions" /tmp/urgency.recording | tee /tmp/reactions
{
	read -r component count alone _
	expect "a freeze by the mark" "$component" 0
	expect_in "freezes" "$count" 2 $trials # some fall into a look
	read -r component count beside longest
	expect "a freeze by the mark, beside them" "$component" 1
	expect_in "freezes beside them" "$count" 2 $trials
} </tmp/reactions
# Below that it is the machine under this one that is told of; as nice as a job uwd takes seconds.
[ "$beside" -le 100000 ] || [ $((beside * 10)) -le $((alone * 15)) ] ||
	fail "a freeze took $beside us beside 64 that spin, $alone us without"
kill $witness
# Then the guard would take it for dead.
[ "$longest" -le $((2000000 + $(cat /tmp/stood))) ] ||
	fail "looked at nothing for $longest us; the machine stood still for up to $(cat /tmp/stood) us"
stop_uwd
