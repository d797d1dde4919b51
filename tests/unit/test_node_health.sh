#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# When uw-node-health drains a node of Slurm and when it resumes it: uwctl, scontrol and the clock are
# files here.
set -u

cd "$(dirname "$0")/../.." || exit 1
bin=$(mktemp -d) || exit 1
trap 'rm -rf "$bin"' EXIT

cat >"$bin/uwctl" <<'END'
#!/bin/sh
[ -s "${0%/*}/stage" ] || exit 3
printf '{\n  "v": 1,\n  "host": {\n    "stage": "%s",\n    "conditions": []\n  }\n}\n' "$(cat "${0%/*}/stage")"
END
cat >"$bin/scontrol" <<'END'
#!/bin/sh
cd "${0%/*}" || exit 1
case "$*" in
'--oneliner show node n1') printf 'NodeName=n1 Arch=x86_64 State=%s ThreadsPerCore=1 %s\n' "$(cat state)" "$(cat reason)" ;;
'update NodeName=n1 State=DRAIN Reason='*)
	echo IDLE+DRAIN >state
	echo "$4 [root@2026]" >reason
	echo drain >>told
	;;
'update NodeName=n1 State=RESUME')
	echo IDLE >state
	: >reason
	echo resume >>told
	;;
*) exit 1 ;;
esac
END
chmod +x "$bin/uwctl" "$bin/scontrol"
PATH=$bin:$PATH
failed=0

# after SECONDS STAGE: another run, so much later
at=100
after() {
	at=$((at + $1))
	echo "$at.25 0.00" >"$bin/uptime"
	echo "$2" >"$bin/stage"
	UW_UPTIME=$bin/uptime scripts/uw-node-health --node n1 --after 60 --calm 120 --state "$bin/kept" || failed=1
}

# expect WHAT WANT: what scontrol was told since
expect() {
	local got
	got=$(tr '\n' ' ' <"$bin/told")
	: >"$bin/told"
	[ "$got" = "$2" ] && return
	echo "$1: scontrol was told '$got', want '$2'"
	failed=1
}

echo IDLE >"$bin/state"
: >"$bin/reason"
: >"$bin/told"

after 0 calm
after 15 stops
after 45 kills
expect "for less than a minute" ""
after 15 stops
expect "for a minute" "drain "
grep -q 'Reason=uw: memory emergency (stops for 60 s)' "$bin/reason" || { cat "$bin/reason"; failed=1; }
after 15 stops
expect "drained already" ""
after 15 calm
after 60 calls
after 15 calm
after 105 calm
expect "calm with a break" ""
after 15 calm
expect "calm for two minutes" "resume "
after 15 calm
expect "resumed already" ""

after 15 stops
after 15 calls
after 50 stops
after 45 stops
expect "with a break" ""

echo IDLE+DRAIN >"$bin/state"
echo "Reason=disk is broken [root@2026]" >"$bin/reason"
after 60 stops
expect "drained by somebody" ""
after 15 calm
after 200 calm
expect "not one's own to resume" ""

echo IDLE >"$bin/state"
after 15 stops
after 30 ''
after 30 stops
expect "uwd was away for a moment" "drain "
exit $failed
