# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 38
# kernels: 6.12
# What uwd saw and decided in an episode is there after a kill, up to the last second, decides the same
# again, and otherwise by another configuration.

base() {
	cat <<-END
		[pool]
		usable = 800M
		[component cache]
		share = 40%
		priority = 9
		protect = working-set
		[component jobs]
		share = 50%
		priority = 3
		freeze = $1
		borrow = yes
	END
}

frames() {
	jq -r .frames <<<"$OUT"
}

base yes | config
start_uwd
grow cache kept 200
wait_until 20 grown kept
grow jobs hog 1200 --rate 60
wait_until 30 is_frozen jobs/hog

# ---- killed in it ----
looks 2
ticks=$(uwctl status --json | json_at .daemon.ticks)
kill -KILL "$UWD_PID"
wait "$UWD_PID" 2>/dev/null || true
uwctl record --out /tmp/killed.recording
expect_rc 0 uwctl replay /tmp/killed.recording --json
[ "$(frames)" -ge "$ticks" ] || fail "of $ticks ticks only $(frames) are there: $OUT"
expect "what is wrong with it" "$(jq -c '[.equal, .cold_starts, .lost, .torn, .refused]' <<<"$OUT")" '[true,0,0,0,0]'
[ "$(jq '.frames' <<<"$OUT")" -gt 20 ] || fail "too short: $OUT"
expect_rc 0 uwctl replay /tmp/killed.recording
expect_match "says so" "$OUT" 'all plans are equal'

# ---- the next one goes on in it, and a reload is in it ----
before=$(jq '.frames' <<<"$(uwctl replay /tmp/killed.recording --json)")
start_uwd
base no | config
uwctl reload
looks 3
uwctl record --out /tmp/both.recording
expect_rc 0 uwctl replay /tmp/both.recording --json
[ "$(frames)" -gt $((before + 3)) ] || fail "the next uwd recorded nothing: $OUT"
expect "both are whole" "$(jq -c '[.equal, .cold_starts, .torn, .refused]' <<<"$OUT")" '[true,0,0,0]'

# ---- what it worked on, of a uwd that runs and one that was killed ----
budgets() { uwctl recommend --budgets --json "$@"; }
wanted=$(budgets | json_at '.budgets[0].wanted_permyriad')
expect_in "permyriad of 800 MB for 200 below level medium" "$wanted" 3000 4000
expect "by a copy" "$(budgets --recording /tmp/both.recording | json_at '.budgets[0].component')" cache
expect "of the hog, that stood still" "$(budgets | json_at '.budgets[1].at_least')" 1

# ---- by another configuration ----
base no >/tmp/no-freeze.conf
expect_rc 1 uwctl replay /tmp/killed.recording --config /tmp/no-freeze.conf --lines 0
expect_match "the freeze is missing" "$OUT" ' - freeze jobs/hog'
expect "no freeze comes in" "$(grep -c ' + freeze' <<<"$OUT")" 0
base yes >/tmp/same.conf
expect_rc 0 uwctl replay /tmp/killed.recording --config /tmp/same.conf

# ---- ended in order: all of it is on the disk, and memory may go ----
stop_uwd
rm /run/uw/recording
uwctl record --out /tmp/disk.recording
expect_rc 0 uwctl replay /tmp/disk.recording --json
[ "$(frames)" -gt "$before" ] || fail "the disk has $(frames) frames, the file had $before"

# ---- off ----
{ base yes && printf '[record]\nenabled = no\n'; } | config
rm /var/lib/uw/recording
start_uwd
looks 2
[ ! -e /var/lib/uw/recording ] || fail "recorded although it is off"
base yes | config
uwctl reload
looks 2
[ -e /var/lib/uw/recording ] || fail "a reload does not switch it on"
