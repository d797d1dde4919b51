# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016 # single quotes hold what other shells expand
# seconds: 60
# kernels: 6.12
# vm: --systemd --mem 2048M
# Every command that a page of the manual shows behind a prompt is run as it stands there, in its order, and
# must succeed; and what uw-start(7) promises of them happens. Others do so for uw-services(7) and spank_uw(8).

POOL=/sys/fs/cgroup/uw.slice/uw-pool.scope
cd /tmp || exit

# shown_by PAGE: its commands, a line each
shown_by() {
	awk '/^```/ { on = !on; next }
		on && (joined || /^[#$] /) {
			text = text (joined ? $0 : substr($0, 3))
			joined = sub(/ *\\\\$/, " ", text)
			if (!joined) { print text; text = "" }
		}' "$PUT/$1.scd"
}

pages=$(cd "$PUT" && grep -lE '^[#$] [a-z]' ./*.scd | sed 's|^./||; s|\.scd$||' | xargs)
expect "pages with commands" "$pages" \
	"spank_uw.8 uw-frozen.7 uw-services.7 uw-start.7 uwctl-jobs.7 uwctl.8 uwd.8"

leaf_runs() { # leaf_runs COMPONENT/LEAF
	grep -q . "$POOL/$1/cgroup.procs"
}

# Of these a status says more than that they failed.
may_be_1() {
	case $1 in "uwctl check" | *" replay "*" --config "*) ;; *) return 1 ;; esac
}

# before COMMAND: what a reader would wait for
before() {
	case $1 in
	"uwctl why batch" | "uwctl thaw batch/leak") wait_until 60 is_frozen batch/leak ;;
	*"attach "*) wait_until 10 leaf_runs batch/train ;;
	"uwctl status batch") leak_is_away || wait_until 60 is_frozen batch/leak ;;
	esac
}

leak_is_away() { [ ! -d "$POOL/batch/leak" ]; }

run_shown() { # run_shown COMMAND
	local rc=0
	echo "# $1"
	before "$1"
	case $1 in
	"uwctl top") sleep 5 | TERM=linux script -qec 'uwctl top -n 2 -d 0.5' /dev/null >/tmp/top.out || rc=$? ;;
	*) eval "$1" || rc=$? ;;
	esac
	[ "$rc" = 0 ] || { [ "$rc" = 1 ] && may_be_1 "$1"; } || fail "$1: exit $rc"
	case $1 in
	"uwctl run "*"&")
		[[ $1 =~ run\ ([a-z_]+)\ --name\ ([a-z]+) ]] || fail "no name: $1"
		wait_until 10 leaf_runs "${BASH_REMATCH[1]}/${BASH_REMATCH[2]}"
		;;
	*"start uwd" | *"--now uwd") wait_until 20 uwctl status ;;
	esac
}

# run_page PAGE [FROM]: from the command that begins so, or all; until one that begins with $UNTIL
run_page() {
	local command on=
	while IFS= read -r command <&3; do
		[[ $command == "${2-}"* ]] && on=1
		[ -n "$on" ] || continue
		[ -z "${UNTIL-}" ] || [[ $command != "$UNTIL"* ]] || break
		run_shown "$command"
	done 3< <(shown_by "$1")
}

# ---- from nothing to protected, up to what undoes it ----
rm -rf /etc/uw
page_block 2 uw-start.7 | config
UNTIL="systemctl disable" run_page uw-start.7
expect_match "what is told of the leak" "$(uwctl log -l 100)" 'freeze leak'
expect_match "its report" "$(cat incident.html)" 'leak stood still for'
leaf_runs batch/train || fail "the one beside it is gone"
expect "redis beside it" "$(redis-cli -p 6400 ping)" PONG
expect "of it in swap" "$(cg services/cache/memory.swap.current)" 0
wait_until 10 leak_is_away

# ---- when something was frozen: one more leak, called so ----
cp "$(command -v tail)" /usr/local/bin/leak
uwctl run batch --name leak -- leak /dev/zero &
wait_until 60 is_frozen batch/leak
run_page uw-frozen.7
wait_until 10 leak_is_away
expect "what another freeze-max is" "$(grep -c 'freeze-max = 20s' new.conf)" 1

# ---- the same page's end ----
run_page uw-start.7 "systemctl disable"
[ ! -d "$POOL" ] || fail "the pool is still there"

# ---- examples of the others ----
cat <<-'END' | config
	[pool]
	usable = 1600M
	[component cache]
	share = 10%
	[component database]
	share = 10%
	[component ml_models]
	share = 70%
	freeze = yes
END
echo 'print("trained")' >train.py
printf '#!/bin/sh\n[ "$UW_JOB_INDEX" -lt 7 ] || sleep 100\n[ "$UW_JOB_INDEX" != 3 ]\n' >./fold
printf '#!/bin/sh\necho reported\n' >./report
chmod +x fold report
rm -rf /var/lib/uw
run_page uwctl.8
run_page uwd.8
# The first job is called 12 there.
uwctl submit --wait -c database -m 16M --array 0-10 -- true
run_page uwctl-jobs.7
failed_again() { uwctl history --lines 0 | grep -q 'failed .*fold'; }
wait_until 10 failed_again
