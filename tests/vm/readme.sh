# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every command that the README shows with a root prompt, in its order, in one shell: each must
# succeed.

cd /tmp
awk '/^```console/{on=1; next} /^```/{on=0} on && /^# /{print substr($0, 3)}' "$PUT/README.md" \
	>/tmp/readme.commands
[ "$(wc -l </tmp/readme.commands)" -ge 15 ] || fail "the README shows too few commands"

while IFS= read -r command <&3; do
	echo "# $command"
	rc=0
	# `uwctl check` may say "degraded" (1) of this guest: it is the only one with such a status.
	eval "$command" || rc=$?
	case $command in
	"uwctl check") [ "$rc" -le 1 ] || fail "$command: exit $rc" ;;
	*) [ "$rc" = 0 ] || fail "$command: exit $rc" ;;
	esac
	case $command in
	*"&") sleep 2 ;;
	esac
done 3</tmp/readme.commands
[ ! -d "$POOL" ] || fail "the pool is still there"
