# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 82
# kernels: 6.12
# Jobs that need more than they have, on a real kernel: they grow in place, stand still until there is
# room, are started again with more, wait at their limit or fail there, and are paused and swapped out for
# one that is urgent.

config <<'END_OF_CONFIG'
[pool]
usable = 600M
[component batch]
share = 60%
[admission]
preemption = yes
END_OF_CONFIG

# submit OPTION... -- COMMAND...: an id
submit() {
	uwctl submit -c batch "$@"
}

# hog MB SECONDS: the words of one that grows by 40 MB/s and holds
hog() {
	echo "$PUT/hog --max $1 --hold $2 --rate 40 --touch 0 --log /tmp/hog.log"
}

# steps_of ID: what happened to it, in a line
steps_of() {
	uwctl history "$1" --json | jq -r '[.steps[].step] | join(" ")'
}

is_at_its_limit() {
	uwctl queue "$1" | grep -q 'at its limit'
}

# Most of what there is, by one that uses nothing: given back only after five minutes.
fill() {
	submit -m 240M -t 10m -k filler -- sleep 1000
}

start_uwd

# ---- there is room: its limit is raised before it has to wait ----
# shellcheck disable=SC2046 # words
id=$(submit -m 60M -t 60s -k grows -- $(hog 120 2))
expect_rc 0 uwctl wait "$id" --timeout 90s
expect_match "in place" "$(steps_of "$id")" 'started (grew )+ended'

# ---- there is none, and it may stand still ----
filler=$(fill)
wait_until 10 job_is "$filler" running
# shellcheck disable=SC2046
id=$(submit -m 100M -t 60s -k stands --freezable -- $(hog 200 12))
wait_until 40 job_is "$id" frozen
wait_until 5 is_frozen "batch/job-$id"
expect_match "why" "$(uwctl queue "$id")" 'wants [0-9.]+M more, free are'
at=$(cg "batch/job-$id/memory.current")
looks 2
expect_in "it stands still" "$(cg "batch/job-$id/memory.current")" $((at - (8 << 20))) $((at + (1 << 20)))
expect_rc 0 uwctl cancel "$filler"
expect_rc 0 uwctl wait "$id" --timeout 90s
expect_match "throttled, frozen, thawed" "$(steps_of "$id")" 'throttled frozen thawed .*ended'

# ---- it may be started again: with more, when there is room ----
filler=$(fill)
wait_until 10 job_is "$filler" running
# It holds for long the first time only.
# shellcheck disable=SC2016
id=$(submit -m 100M -t 60s -k again --rerun -- sh -c '
	hold=12
	[ ! -e /tmp/again ] || hold=1
	touch /tmp/again
	exec "$0" --max 200 --hold $hold --rate 40 --touch 0 --log /tmp/hog.log' "$PUT/hog")
wait_until 40 job_is "$id" queued
expect_match "what it waits for" "$(uwctl queue "$id")" 'needs 2[0-9]+M'
expect_rc 0 uwctl cancel "$filler"
expect_rc 0 uwctl wait "$id" --timeout 90s
expect_match "started again" "$(steps_of "$id")" 'restarted .*started .*ended'
expect "its attempts" "$(uwctl history "$id" --json | json_at .ended.attempts)" 2

# ---- it may be neither: it hardly moves, and that is said ----
filler=$(fill)
wait_until 10 job_is "$filler" running
# shellcheck disable=SC2046
id=$(submit -m 100M -t 60s -k neither -- $(hog 160 4))
wait_until 30 is_at_its_limit "$id"
job_is "$id" running || fail "a job at its limit does not run"
logged "job is at its memory limit and hardly moves job=$id" || fail "the log does not tell of it"
expect_rc 0 uwctl cancel "$filler"
expect_rc 0 uwctl wait "$id" --timeout 90s
expect_match "let go on" "$(steps_of "$id")" 'throttled grew .*ended'

# ---- and where the configuration says so, it fails ----
printf 'outgrown = fail\noutgrown-after = 5s\n' >>/etc/uw/uw.conf
uwctl reload
filler=$(fill)
wait_until 10 job_is "$filler" running
# shellcheck disable=SC2046
id=$(submit -m 100M -t 60s -k neither-nor -- $(hog 200 60))
uwctl wait "$id" --timeout 60s && fail "a job that outgrew its memory ended well"
expect "why it failed" "$(uwctl history "$id" --json | json_at .ended.state .ended.why.reason)" \
	"failed memory-limit"
expect_rc 0 uwctl cancel "$filler" --grace 0

# ---- one that is urgent: who may be paused gives it its memory ----
victim=$(submit -m 200M -t 1h -k victim --freezable --priority deferred -- \
	"$PUT/hog" --max 120 --hold 12 --touch 0 --log /tmp/victim.log)
wait_until 20 grep -q '^FULL' /tmp/victim.log
urgent=$(submit -m 300M -t 10s -k urgent --priority critical -- \
	"$PUT/hog" --max 200 --hold 4 --touch 0 --log /tmp/urgent.log)
wait_until 30 job_is "$urgent" running
is_frozen "batch/job-$victim" || fail "the victim runs"
expect_in "what the victim holds" "$(cg "batch/job-$victim/memory.current")" 0 $((60 << 20))
expect_in "what of it is in swap" "$(cg "batch/job-$victim/memory.swap.current")" $((60 << 20)) $((130 << 20))
expect_rc 0 uwctl wait "$urgent" --timeout 60s
expect_rc 0 uwctl wait "$victim" --timeout 90s
expect_match "paused for another" "$(steps_of "$victim")" 'started frozen thawed .*ended'
expect_match "for whom" "$(uwctl history "$victim")" "gives its memory to job $urgent"
expect "OOM kills" "$(awk '$1 == "oom_kill" { print $2 }' "$POOL/memory.events")" 0
stop_uwd
