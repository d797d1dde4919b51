# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 27
# kernels: 6.1 7.x
# Leases of programs: who may, who is denied and by whom, who waits; what a killed program held is free
# at once, and a killed uwd costs nobody anything. Levels reach a program.

cat <<-'END' | config
	[pool]
	usable = 600M
	[component data]
	share = 50%
	lease = games, @mail
	[component batch]
	share = 30%
END
start_uwd

AS=() # in front of the program

# hold NAME ARGUMENT...: in the background; its lines go to /tmp/NAME.lease
hold() {
	local name=$1
	shift
	speak_to "$name" "/tmp/$name.lease" "${AS[@]}" "$PUT/uw_lease" "$@"
}

said() {
	wait_until 10 grep -q "$2" "/tmp/$1.lease"
}

# end NAME: a line, as others have its input open too
end() {
	echo end >&"${FDS[$1]}"
}

# release NAME: what it held is free, and it was there to be freed
release() {
	end "$1"
	said "$1" '^freed 0$'
}

report() {
	"$PUT/uw_lease" report | json_at ".components.$1.$2"
}

reports() {
	[ "$(report "$1" "$2")" = "$3" ]
}

promised_below() {
	[ "$(report "$1" promised_bytes)" -lt $(($2 << 20)) ]
}

leased_is() {
	[ "$(report "$1" leased_bytes)" = $(($2 << 20)) ]
}

as_user() {
	setpriv --reuid "$1" --regid "$1" --clear-groups -- "${@:2}"
}

# ---- who may ----
expect_rc 2 as_user daemon "$PUT/uw_lease" data 10
expect "a user without rights" "$OUT" "error EACCES"
expect_rc 2 as_user games "$PUT/uw_lease" batch 10
expect "another component" "$OUT" "error EACCES"
expect_rc 2 "$PUT/uw_lease" nowhere 10
expect "no such component" "$OUT" "error ENOENT"
expect_rc 0 as_user games "$PUT/uw_lease" data 10 </dev/null
expect_match "a user who may" "$OUT" '^granted 10 '
expect_rc 0 setpriv --reuid daemon --regid mail --clear-groups -- "$PUT/uw_lease" data 10 </dev/null
expect_match "a group that may" "$OUT" '^granted 10 '

# ---- denied, and by whom ----
AS=(setpriv --reuid games --regid games --clear-groups --)
hold big data 250
said big '^granted 250 '
AS=()
expect_rc 1 "$PUT/uw_lease" data 100 </dev/null
expect_match "denial" "$OUT" "^denied budget asked=100 held=2[5-9][0-9] available=[1-5]?[0-9] holder=${PIDS[big]}:250 "
expect_rc 1 "$PUT/uw_lease" data 500 </dev/null
expect_match "more than there ever is" "$OUT" '^denied never '
expect_rc 0 "$PUT/uw_lease" data 90 adaptive </dev/null
expect_match "two thirds of what is free" "$OUT" '^granted [23][0-9] '
expect_rc 0 "$PUT/uw_lease" data 20 first=100 </dev/null
expect_match "the second of a list" "$OUT" '^granted 20 '
expect_rc 1 "$PUT/uw_lease" data 100 wait=300 </dev/null
expect_match "in vain" "$OUT" '^timed-out budget '

expect_match "why" "$(uwctl why data)" "denied .budget.*asked for 100M.*250M of data by pid ${PIDS[big]}"
expect_match "export" "$(uwctl export metrics)" 'uw_component_lease_outcomes_total\{component="data",outcome="denied"\} [1-9]'

# ---- a killed program's lease is free at once, and goes to who waits ----
hold next data 100 wait=60000
wait_until 10 reports data lease_waits 1
before=$(date +%s%3N)
kill -KILL "${PIDS[big]}"
said next '^granted'
after=$(sed -n 's/.* at=\([0-9]*\)$/\1/p' /tmp/next.lease)
echo "killed to granted: $((after - before)) ms"
expect_in "killed to granted, ms" $((after - before)) 0 100
leased_is data 100 || fail "of $(report data leased_bytes) leased"

# ---- a time to live ----
hold brief data 50 ttl=1500
said brief '^granted'
leased_is data 150 || fail "of $(report data leased_bytes) leased"
wait_until 10 leased_is data 100

# ---- uwd is killed: leases stay, their programs notice nothing ----
hold watched data 30 thread
said watched '^granted'
kill -KILL "$UWD_PID"
wait "$UWD_PID" 2>/dev/null || true
start_uwd
logged 'leases of an earlier uwd kept=2 ' || fail "nothing is kept: $(grep leases /tmp/uwd.log)"
leased_is data 130 || fail "of $(report data leased_bytes) leased"
looks 11 # who watches its connection has 10 s to come back, who does not as long as it lives
leased_is data 130 || fail "of $(report data leased_bytes) leased, 11 s later"
release watched
release next
wait_until 10 leased_is data 0

# One that dies while there is no uwd.
hold dies data 30
said dies '^granted'
kill -KILL "$UWD_PID" "${PIDS[dies]}"
wait "$UWD_PID" 2>/dev/null || true
start_uwd
leased_is data 0 || fail "a dead program has $(report data leased_bytes)"

# ---- in the component: what is used of a lease counts once ----
AS=(uwctl run data --name inside --)
hold in data 60 touch
AS=()
said in '^touched 1$'
grep -q 'inside=1' /tmp/in.lease || fail "not inside: $(cat /tmp/in.lease)"
wait_until 10 promised_below data 8
leased_is data 60 || fail "of $(report data leased_bytes) leased"
low_is() {
	[ "$(cat "$POOL/data/inside/memory.low")" = "$1" ]
}
wait_until 20 low_is $((60 << 20))
release in
wait_until 10 leased_is data 0

# ---- small leases out of credit, which is a lease too, and goes back ----
credit_is_there() {
	uwctl lease list data | grep -qw credit
}
hold small data 1 thread small
said small '^granted 1 '
wait_until 10 credit_is_there
release small
wait_until 10 leased_is data 0

# ---- what people see, and take away ----
hold seen data 40 priority=7
said seen '^granted'
id=$(sed -n 's/.* id=\([0-9]*\) .*/\1/p' /tmp/seen.lease)
expect "lease list" "$(uwctl lease list data --json | json_at '.leases[0].id' '.leases[0].bytes' '.leases[0].pid')" \
	"$id $((40 << 20)) ${PIDS[seen]}"
expect_match "lease list" "$(uwctl lease list)" "$id +data +40M .*root.*uw_lease"
expect_match "lease list of another" "$(uwctl lease list batch)" 'no program has a lease'
expect_match "status" "$(uwctl status)" 'leases +1 of 40M'
expect "status" "$(status_of data leased_bytes)" $((40 << 20))
expect_rc 5 uwctl lease free 12345
expect_rc 2 uwctl lease free none
uwctl lease free "$id"
expect "a lease that was taken" "$(status_of data leases)" 0
end seen
said seen '^freed 3$'

# ---- a reload moves leases by name ----
hold moved batch 40
said moved '^granted'
config <<-'END'
	[pool]
	usable = 600M
	[component batch]
	share = 30%
	[component data]
	share = 50%
END
uwctl reload
leased_is batch 40 || fail "the reload lost it"
release moved

# ---- levels reach a program ----
"$PUT/uw_watch" data >/tmp/watch.out &
WATCHER=$!
"$PUT/uw_watch" data thread >/tmp/watch2.out &
wait_until 10 grep -q 'data level=0' /tmp/watch.out
wait_until 10 grep -q 'data level=0' /tmp/watch2.out
grow data hog 285
wait_until 60 grep -Eq 'data level=[45]' /tmp/watch.out
wait_until 60 grep -Eq 'data level=[45]' /tmp/watch2.out
kill "$WATCHER"
tail -n +2 /tmp/watch.out | sed 's/^/    /'
tail -n +2 /tmp/watch2.out | sed 's/^/    /'
# The first is of the level as it stood.
told_us() {
	tail -q -n +2 /tmp/watch.out /tmp/watch2.out | sed 's/.*after_us=//' | sort -n | awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)] }'
}
expect_in "a level was told after, in the median of both, us" "$(told_us)" 0 10000
