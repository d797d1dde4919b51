# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 125
# timeout: 9000
# kernels: 6.12
# Jobs, leases, pools, clients, freezes, levels and reloads, round after round for SOAK_S seconds: what uwd, its guard
# and the exporter hold stays as it is - memory, descriptors, threads, cgroups, entries of BPF maps, the database. It
# is sampled between rounds, a line is fitted over the last three quarters, and soak.py has the bounds. `make soak` runs
# it for two hours on a kernel, with a round each half minute: three kernels side by side leave two processors some
# time.

SOAK_S=${SOAK_S:-60} SAMPLES=/tmp/soak.samples
SAMPLE_S=$((SOAK_S >= 1200 ? 60 : SOAK_S / 10)) # once a minute, but ten of a short one
ROUND_S=$((SOAK_S >= 1200 ? 30 : 0))            # from one round to the next, at the least
LEAST_SAMPLES=6                                 # on a slow machine too: four are in the last three quarters

# The history is full within the first quarter: a round of ten jobs takes some ten seconds, or ROUND_S.
soak_config() {
	cat <<-END
	[pool]
	usable = 900M
	[admission]
	history-count = $((SOAK_S / (ROUND_S ? 16 : 8)))
	[component hogs]
	share = 30%
	priority = 3
	freeze = yes
	lend = no
	borrow = yes
	[component owner]
	share = 55%
	priority = 9
	lend = yes
	protect = budget
	lease = games
	[component batch]
	share = 10%
	END
}

# ---- a round ----

jobs_come_and_go() {
	uwctl submit --wait -c batch -m 3M -t 5s --array 0-9 -- true >/dev/null
}

# One client that says what it does not want any more, one that dies with what it has, and one with a pool.
programs_come_and_go() {
	expect_rc 0 "$PUT/uw_lease" owner 5 </dev/null
	speak_to killed /tmp/killed.lease "$PUT/uw_lease" owner 5
	speak_to pool /tmp/soak.pool "$PUT/uw_pool" create owner "soak" 8
	wait_until 10 grep -q granted /tmp/killed.lease
	printf '%s\n' 'alloc 2' fill free end >&"${FDS[pool]}"
	kill -KILL "${PIDS[killed]}"
	wait "${PIDS[pool]}" || fail "pool: $(tail -n 1 /tmp/soak.pool)"
	wait "${PIDS[killed]}" 2>/dev/null || true
	killed_in=${FDS[killed]} pool_in=${FDS[pool]}
	exec {killed_in}>&- {pool_in}>&-
}

clients_ask() {
	local words
	for words in status 'why hogs' 'queue' 'history --lines 5' 'lease list' 'pool list' 'export metrics' 'status --jobs'; do
		# shellcheck disable=SC2086 # words
		expect_rc 0 uwctl $words
	done
	uwctl freeze hogs/beside --for 60s
	uwctl thaw hogs/beside
}

# A component that comes with one round and goes with the next.
configuration_changes() {
	soak_config | config
	[ $(($1 % 2)) = 0 ] || printf '[component late]\nshare = 5%%\n' >>/etc/uw/uw.conf
	uwctl reload
}

# One that gets all that it wants before it is stopped is none the worse: others were swapped for it, or were cold.
# By one name, and so by one key: uwd keeps up to 2,048 of these, a kilobyte each.
hog_comes_and_goes() {
	grow hogs hog 700 --rate 60
	wait_until 30 eval "is_frozen hogs/hog || grown hog"
	echo 1 >"$POOL/hogs/hog/cgroup.kill"
	wait_until 10 test ! -d "$POOL/hogs/hog"
}

round() {
	configuration_changes "$1"
	jobs_come_and_go
	programs_come_and_go
	clients_ask
	hog_comes_and_goes
}

# ---- and what is there then ----

is_at_rest() {
	[ "$(uwctl queue --json | json_at .total)" = 0 ] && ! pidof uw-keep >/dev/null &&
		[ ! -d "$POOL/owner/pools" ] && [ ! -d "$POOL/late" ]
}

sample() {
	configuration_changes 0
	wait_until 10 is_at_rest
	python3 "$PUT/soak.py" sample >>"$SAMPLES"
}

soak_config | config
start_uwd
uw-exporter --textfile /tmp/soak.metrics --every 1s 2>>/tmp/exporter.log &
owner_holds 400
somebody_beside
# The database's log grows to a thousand pages, and what moves them takes memory of its own: once that was done both
# stay. Whatever a first few hundred jobs fill is there before the first sample then.
until [ "$(stat -c %s /var/lib/uw/jobs.db)" -gt 4096 ]; do
	uwctl submit --wait -c batch -m 3M -t 5s --array 0-99 -- true >/dev/null
done
rm -f "$SAMPLES"
began=$SECONDS next=$SECONDS samples=0
for ((i = 1; SECONDS - began < SOAK_S || samples < LEAST_SAMPLES; i++)); do
	round_ends=$((SECONDS + ROUND_S))
	round "$i"
	wait_until $((ROUND_S + 1)) eval "[ \$SECONDS -ge $round_ends ]"
	[ $SECONDS -ge $next ] || continue
	sample
	samples=$((samples + 1)) next=$((SECONDS + SAMPLE_S))
	kill -0 "$UWD_PID" || fail "uwd has ended"
done
# shellcheck disable=SC2034 # run.sh looks for it
figures rounds $((i - 1)) seconds $((SECONDS - began)) samples $samples last "$(tail -n 1 "$SAMPLES")"
python3 "$PUT/soak.py" fit "$SAMPLES" || fail "it grows"
