# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 50
# kernels: 6.12
# Jobs that need more than they have, on a real kernel: they grow in place, stand still until there is
# room, are started again with more, wait at their limit or fail there, and are paused and swapped out for
# one that is urgent.

config <<'END_OF_CONFIG'
[pool]
usable = 1000M
[component batch]
share = 36%
lend = no
borrow = no
[component again]
share = 36%
lend = no
borrow = no
[component spare]
share = 24%
lend = no
borrow = no
[admission]
preemption = yes
END_OF_CONFIG

# submit COMPONENT OPTION... -- COMMAND...: an id
submit() {
	uwctl submit -c "$@"
}

# hog MB SECONDS: the words of one that grows by 40 MB/s and holds
hog() {
	echo "$PUT/hog --max $1 --hold $2 --rate 40 --touch 0 --log /dev/null"
}

# steps_of ID: what happened to it, in a line
steps_of() {
	uwctl history "$1" --json | jq -r '[.steps[].step] | join(" ")'
}

is_at_its_limit() {
	uwctl queue "$1" | grep -q 'at its limit'
}

# fill COMPONENT MB: most of what there is, by one that uses nothing: given back only after five minutes.
fill() {
	submit "$1" -m "$2M" -t 10m -k filler -- sleep 1000
}

start_uwd

# ---- three that need more than their components have: each waits for its own end ----
full=$(fill batch 240)
full_again=$(fill again 240)
full_spare=$(fill spare 130)
for id in "$full" "$full_again" "$full_spare"; do
	wait_until 10 job_is "$id" running
done
# shellcheck disable=SC2046 # words
stands=$(submit batch -m 100M -t 60s -k stands --freezable -- $(hog 200 12))
# It holds for long the first time only.
# shellcheck disable=SC2016
again=$(submit again -m 100M -t 60s -k again --rerun -- sh -c '
	hold=12
	[ ! -e /tmp/again ] || hold=1
	touch /tmp/again
	exec "$0" --max 200 --hold $hold --rate 40 --touch 0 --log /dev/null' "$PUT/hog")
# shellcheck disable=SC2046
neither=$(submit spare -m 100M -t 60s -k neither -- $(hog 160 4))

# ---- one that may be neither frozen nor started again: it hardly moves, and that is said ----
wait_until 30 is_at_its_limit "$neither"
job_is "$neither" running || fail "a job at its limit does not run"
logged "job is at its memory limit and hardly moves job=$neither" || fail "the log does not tell of it"
expect_rc 0 uwctl cancel "$full_spare"
expect_rc 0 uwctl wait "$neither" --timeout 90s
expect_match "let go on" "$(steps_of "$neither")" 'throttled grew .*ended'

# ---- there is room: its limit is raised before it has to wait ----
# shellcheck disable=SC2046
id=$(submit spare -m 60M -t 60s -k grows -- $(hog 120 2))
expect_rc 0 uwctl wait "$id" --timeout 90s
expect_match "in place" "$(steps_of "$id")" 'started (grew )+ended'

# ---- there is none, and it may stand still ----
wait_until 40 job_is "$stands" frozen
wait_until 5 is_frozen "batch/job-$stands"
expect_match "why" "$(uwctl queue "$stands")" 'wants [0-9.]+M more, free are'
at=$(cg "batch/job-$stands/memory.current")
looks 2
expect_in "it stands still" "$(cg "batch/job-$stands/memory.current")" $((at - (8 << 20))) $((at + (1 << 20)))
expect_rc 0 uwctl cancel "$full"

# ---- it may be started again: with more, when there is room ----
wait_until 40 job_is "$again" queued
expect_match "what it waits for" "$(uwctl queue "$again")" 'needs 2[0-9]+M'
expect_rc 0 uwctl cancel "$full_again"
expect_rc 0 uwctl wait "$stands" "$again" --timeout 90s
expect_match "throttled, frozen, thawed" "$(steps_of "$stands")" 'throttled frozen thawed .*ended'
expect_match "started again" "$(steps_of "$again")" 'restarted .*started .*ended'
expect "its attempts" "$(uwctl history "$again" --json | json_at .ended.attempts)" 2

# ---- where the configuration says so, it fails ----
printf 'outgrown = fail\noutgrown-after = 5s\n' >>/etc/uw/uw.conf
uwctl reload
full_again=$(fill again 240)
wait_until 10 job_is "$full_again" running
# shellcheck disable=SC2046
outgrown=$(submit again -m 100M -t 60s -k neither-nor -- $(hog 200 60))

# ---- one that is urgent: who may be paused gives it its memory ----
victim=$(submit batch -m 200M -t 1h -k victim --freezable --priority deferred -- \
	"$PUT/hog" --max 120 --hold 12 --touch 0 --log /tmp/victim.log)
wait_until 20 grep -q '^FULL' /tmp/victim.log
urgent=$(submit batch -m 300M -t 10s -k urgent --priority critical -- \
	"$PUT/hog" --max 200 --hold 4 --touch 0 --log /tmp/urgent.log)
wait_until 30 job_is "$urgent" running
is_frozen "batch/job-$victim" || fail "the victim runs"
expect_in "what the victim holds" "$(cg "batch/job-$victim/memory.current")" 0 $((60 << 20))
expect_in "what of it is in swap" "$(cg "batch/job-$victim/memory.swap.current")" $((60 << 20)) $((130 << 20))
expect_rc 0 uwctl wait "$urgent" --timeout 60s
expect_rc 0 uwctl wait "$victim" --timeout 90s
expect_match "paused for another" "$(steps_of "$victim")" 'started frozen thawed .*ended'
expect_match "for whom" "$(uwctl history "$victim")" "gives its memory to job $urgent"

uwctl wait "$outgrown" --timeout 60s && fail "a job that outgrew its memory ended well"
expect "why it failed" "$(uwctl history "$outgrown" --json | json_at .ended.state .ended.why.reason)" \
	"failed memory-limit"
expect_rc 0 uwctl cancel "$full_again" --grace 0

expect "OOM kills" "$(awk '$1 == "oom_kill" { print $2 }' "$POOL/memory.events")" 0
stop_uwd
