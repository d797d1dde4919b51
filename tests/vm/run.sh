#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest: run.sh CASE...: each case in a shell of its own from a clean state. A case passes
# with 0, is skipped with 77 and a reason on its last line, and fails with all else, or when it hangs:
# after 400 s, or what its line "# timeout: S" says.
set -u
cd /run/put || exit 1
. ./lib.sh

# Where each thread of uwd and its children stands, for one that did not get on.
show_uwd() {
	local task
	echo "    --- processes"
	# shellcheck disable=SC2009 # pgrep does not say where they sleep
	ps -eo pid,ppid,stat,wchan:24,args | grep '[u]wd\|[u]wctl\|uw-[gks]' | sed 's/^/    /'
	for task in $(pidof uwd); do
		head -n 6 /proc/"$task"/task/*/stack | sed 's/^/    /'
	done
}

bad=0
for name in "$@"; do
	began=$(date +%s%N)
	limit=$(sed -n "s/^# timeout: //p" "$name.sh")
	timeout "${limit:-400}" bash -eu -c '. ./lib.sh; . "./$0.sh"' "$name" >"/tmp/$name.log" 2>&1 </dev/null
	rc=$?
	took=$((($(date +%s%N) - began) / 1000000))
	case $rc in
	0) echo "ok $name (${took} ms)" ;;
	77) echo "skip $name: $(tail -n 1 "/tmp/$name.log")" ;;
	*)
		echo "FAILED $name: exit $rc (${took} ms)"
		sed 's/^/    /' "/tmp/$name.log" | tail -n 60
		show_uwd
		if [ -s /tmp/uwd.log ]; then
			echo "    --- uwd"
			tail -n 30 /tmp/uwd.log | sed 's/^/    /'
		fi
		bad=1
		;;
	esac
	reset_all >"/tmp/$name.reset" 2>&1 || {
		echo "FAILED $name: what it left could not be removed"
		sed 's/^/    /' "/tmp/$name.reset"
		bad=1
	}
done
exit $bad
