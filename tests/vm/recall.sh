# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 25
# kernels: 6.12
# What a component borrows for its programs' leases its owner gets back: who listens gives at once, who
# hears and does nothing loses it two seconds later.

config <<'END'
[pool]
usable = 600M
[component owner]
share = 60%
priority = 8
lend = yes
[component borrower]
share = 30%
priority = 4
borrow = yes
END
start_uwd

# hold NAME ARGUMENT...: in the background; its lines go to /tmp/NAME.lease
hold() {
	local name=$1
	shift
	speak_to "$name" "/tmp/$name.lease" "$PUT/uw_lease" "$@"
}

said() {
	(wait_until 10 grep -q "$2" "/tmp/$1.lease") || fail "it said: $(cat "/tmp/$1.lease"); $(free -m | sed -n 2,3p)"
}

# release NAME: what it held is free, and it was there to be freed
release() {
	echo end >&"${FDS[$1]}"
	said "$1" '^freed 0$'
}

leased_is() {
	[ "$(status_of "$1" leased_bytes)" = $(($2 << 20)) ]
}

# at NAME LINE: the wall clock of that line, ms
at() {
	sed -n "s/^$2.* at=\([0-9]*\)$/\1/p" "/tmp/$1.lease"
}

# Who is over its budget borrows, and only then a lease may be of what others lend.
uwctl run borrower --name runs -- "$PUT/hog" --max 190 --hold 600 --touch 0 --log /tmp/runs.log &
wait_until 20 grown runs
# At a high level nobody is given more.
is_calm() {
	case "$(status_of borrower level)" in
	normal | low | medium) ;;
	*) false ;;
	esac
}
looks 2
wait_until 30 is_calm

# ---- who listens gives at once ----
hold lent borrower 200 revocable gives thread
said lent '^granted 200 '
cat /tmp/lent.lease
grep -Eq ' borrowed=(1[5-9][0-9]|200) ' /tmp/lent.lease || fail "nothing was borrowed"
hold wants owner 340 wait=20000
said wants '^granted 340 '
said lent '^asked-back target=.* why=payback component=borrower answer=0 '
# Within its right it has it at once; what lends it is called back behind that.
expect_in "granted to asked back, ms" $(($(at lent asked-back) - $(at wants granted))) -100 2000 # two programs say so
[ "$(status_of borrower leased_bytes)" -lt $((200 << 20)) ] || fail "nothing was given back"
expect "nothing was taken" "$(status_of borrower lease_revocations)" 0
release wants
release lent
wait_until 10 leased_is borrower 0

# ---- who hears and does nothing loses it at the deadline ----
looks 3
wait_until 30 is_calm
hold keeps borrower 200 revocable hears thread
said keeps '^granted 200 '
hold wants owner 340 wait=20000
said wants '^granted 340 '
said keeps '^asked-back target=.* answer=0 '
is_revoked() {
	[ "$(status_of borrower lease_revocations)" -ge 1 ]
}
wait_until 5 is_revoked
[ "$(status_of borrower leased_bytes)" -lt $((200 << 20)) ] || fail "and still has it all"
expect_match "why" "$(uwctl why borrower)" "revoked|lost"
release wants
echo end >&"${FDS[keeps]}"
said keeps '^freed '
wait_until 10 leased_is borrower 0
