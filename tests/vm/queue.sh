# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016 # single quotes hold what other shells expand
# seconds: 29
# kernels: 6.1
# The queue as its users see it: what a job gets, exit codes, arrays, files, order, rights, and a
# uwd that is killed while somebody waits.

as_user() {
	setpriv --reuid=12345 --regid=12345 --clear-groups "$@"
}

submit() { # submit OPTION... -- COMMAND...
	uwctl submit -c batch -m 16M "$@"
}

# ---- before there is anything ----
expect_rc 3 uwctl submit -c batch -m 16M -- true
expect_match "without uwd" "$OUT" 'uwd is not running'
expect_rc 125 uwctl wait 1

config <<-'END'
	[pool]
	usable = 400M
	[component batch]
	share = 60%
	submit = *
	[component private]
	share = 20%
END
uwctl setup >/dev/null
start_uwd
expect_rc 0 uwctl queue
expect "an empty queue" "$OUT" "no job is in the queue"

# ---- one job: what it gets, and what comes of it ----
cd /tmp || exit
id=$(umask 027; A=1 submit --env B='x y' -- sh -c 'pwd; umask; echo "$A $B $UW_COMPONENT"
	echo "$UW_JOB_ID"; cat; echo oh >&2; exit 7')
expect_match "an id" "$id" '^[0-9]+$'
expect_rc 7 uwctl wait "$id"
expect "its output" "$(uwctl logs "$id")" "/tmp
0027
1 x y batch
$id"
expect "its errors" "$(uwctl logs "$id" --err)" "oh"
expect "its state" "$(uwctl history "$id" --json | json_at .ended.state)" failed
expect "its status" "$(uwctl history "$id" --json | json_at .ended.status)" 7
expect_match "its record" "$(uwctl history "$id")" 'started.*ended'
expect_rc 3 uwctl submit -c batch -m 16M --wait -- sh -c 'exit 3'
expect_rc 137 uwctl submit -c batch -m 16M --wait -- sh -c 'kill -9 $$'
expect_rc 124 uwctl submit -c batch -m 16M --wait --timeout 300ms -- sleep 2
expect_match "follow ends with the job" \
	"$(uwctl logs -f "$(submit -- sh -c 'echo a; sleep 1; echo b')")" $'^a\nb$'

# ---- arrays ----
array=$(submit --array 0-2,7 -- sh -c 'echo "index $UW_JOB_INDEX"; exit "$UW_JOB_INDEX"')
expect_rc 7 uwctl wait "$array"
expect_rc 2 uwctl wait "${array}_1-2"
expect "an element's output" "$(uwctl logs "${array}_7")" "index 7"
expect "ended elements" "$(uwctl history "$array" --json --lines 0 | jq '.jobs | length')" 4

# ---- order: held, after, requeued, cancelled ----
held=$(submit --hold -- true)
expect "held" "$(job_state "$held")" held
expect_rc 0 uwctl release "$held"
expect_rc 0 uwctl wait "$held"
first=$(submit -- sleep 2)
second=$(submit --after "$first" -- true)
expect "waiting" "$(job_state "$second")" waiting
expect_match "why" "$(uwctl queue "$second")" "$first has not ended"
expect_rc 0 uwctl wait "$first" "$second"
long=$(submit -T nightly --priority 3 -- sleep 1000)
wait_until 10 job_is "$long" running
wait_until 5 eval '[ "$(status_of batch "leaves[0].priority")" = 3 ]'
expect_rc 0 uwctl cancel --tag nightly --dry-run
job_is "$long" running || fail "a dry run ended a job"
expect_rc 0 uwctl cancel --tag nightly
expect_rc 143 uwctl wait "$long"
expect "cancelled" "$(uwctl history "$long" --json | json_at .ended.state)" cancelled
expect_rc 1 uwctl cancel "$long"
expect_rc 0 uwctl requeue "$id"
expect_rc 7 uwctl wait "$id"

# ---- files: all or nothing ----
cat >/tmp/t.ini <<-'END'
	[defaults]
	component = batch
	memory = 16M
	[task a]
	command = sh -c 'echo made > /tmp/made; sleep 1'
	[task b]
	after = a
	command = cat /tmp/made
END
expect_rc 0 uwctl submit --file /tmp/t.ini --dry-run
mapfile -t ids < <(uwctl submit --file /tmp/t.ini)
expect "jobs of a file" "${#ids[@]}" 2
expect_rc 0 uwctl wait "${ids[@]}"
expect "the second found what the first made" "$(uwctl logs "${ids[1]}")" made
sed -i 's/^\[task b\]/&\ncomponent = nosuch/' /tmp/t.ini
expect_rc 4 uwctl submit --file /tmp/t.ini
expect_match "the component" "$OUT" "no component 'nosuch'"
expect "nothing of it is queued" "$(uwctl queue --json | json_at .total)" 0

# ---- what was learned stands in for what is not said ----
expect_rc 2 uwctl submit -c batch --key fresh -- true
expect_match "the remedy" "$OUT" "memory"
expect_rc 0 uwctl submit -c batch --key fresh -m 64M --rerun --wait -- true
expect_rc 0 uwctl submit -c batch --key fresh --rerun --wait -- true
expect "advice" "$(uwctl recommend --key fresh --json | json_at '.keys[0].key')" fresh
expect_rc 0 uwctl status --jobs
expect_match "figures" "$OUT" 'CLASS .*normal'
expect "in JSON" "$(uwctl status --json | json_at .queue.total.failed | grep -c '^[1-9]')" 1

# ---- rights ----
mine=$(as_user uwctl submit -c batch -m 16M -- id -u)
expect_rc 0 as_user uwctl wait "$mine"
expect "who it ran as" "$(as_user uwctl logs "$mine")" 12345
expect_rc 6 as_user uwctl submit -c private -m 16M -- true
expect_match "who may not" "$OUT" "may not submit to private"
roots=$(submit -- sleep 1000)
expect_rc 5 as_user uwctl cancel "$roots"
expect_rc 5 as_user uwctl queue "$roots"
expect "others' jobs" "$(as_user uwctl queue --json | json_at .total)" 0
expect_rc 5 as_user uwctl logs "$roots"
expect_rc 6 as_user uwctl reload
expect_rc 0 uwctl cancel "$roots" --grace 0

# ---- uwd dies while somebody waits ----
id=$(submit -- sh -c 'sleep 4; exit 5')
wait_until 10 job_is "$id" running
uwctl wait "$id" >/tmp/wait.out 2>&1 &
waiter=$!
is_connected() {
	find "/proc/$waiter/fd" -lname 'socket:*' | grep -q . && grep -q '^State:.S' "/proc/$waiter/status"
}
wait_until 10 is_connected
kill -KILL "$UWD_PID"
wait "$UWD_PID" 2>/dev/null || true
start_uwd
rc=0
wait "$waiter" || rc=$?
expect "its status came through" "$rc" 5
stop_uwd
