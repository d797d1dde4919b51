# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 35
# kernels: 6.1
# vm: --mem 4096M
# Every command that the README shows with a root prompt, in its order, in one shell: each must
# succeed. Its jobs are of a user's making; these hold as much, for a second.

cd /tmp || exit
awk '/^```console/{on=1; next} /^```/{on=0} on && /^# /{print substr($0, 3)}' "$PUT/README.md" \
	>/tmp/readme.commands
[ "$(wc -l </tmp/readme.commands)" -ge 15 ] || fail "the README shows too few commands"

HOLD=${HOLD:-1}

# program NAME MB: holds so much
program() {
	cat >"/usr/local/bin/$1" <<-END
		#!/usr/bin/python3
		import os, time
		held = b"x" * (($2 + os.getpid() % 5) << 20)
		time.sleep($HOLD)
	END
	chmod +x "/usr/local/bin/$1"
}

# What the README says to have been before: jobs 1 to 7.
teach() {
	for _ in 1 2 3 4 5 6; do
		uwctl submit --wait -c ml_models -m 400M -t 1m --rerun -- train
	done
	uwctl submit --wait -c database -m 48M -t 20s --rerun -- vacuum
}

program train 62
program fold 50
program vacuum 4
taught=
while IFS= read -r command <&3; do
	case $command in
	"uwctl submit"*) [ -n "$taught" ] || teach && taught=1 ;;
	"uwctl queue") sleep $((HOLD / 3)) ;;
	esac
	echo "# $command"
	rc=0
	# `uwctl check` may say "degraded" (1) of this guest: it is the only one with such a status.
	eval "$command" || rc=$?
	case $command in
	"uwctl check") [ "$rc" -le 1 ] || fail "$command: exit $rc" ;;
	*) [ "$rc" = 0 ] || fail "$command: exit $rc" ;;
	esac
	case $command in
	"uwd &") wait_until 20 uwctl status ;;
	"uwctl run "*"&")
		[[ $command =~ run\ ([a-z_]+)\ --name\ ([a-z]+) ]] || fail "no name: $command"
		wait_until 10 grep -q . "$POOL/${BASH_REMATCH[1]}/${BASH_REMATCH[2]}/cgroup.procs"
		;;
	esac
done 3</tmp/readme.commands
[ ! -d "$POOL" ] || fail "the pool is still there"
