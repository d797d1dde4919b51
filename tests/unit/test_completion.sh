#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What bash offers after a part of a command line, with a uwctl that answers from here.
set -u

cd "$(dirname "$0")/../.." || exit 1
bin=$(mktemp -d) || exit 1
trap 'rm -rf "$bin"' EXIT

cat >"$bin/uwctl" <<'END'
#!/bin/sh
case "$*" in
"queue --json --lines 200")
	cat <<'JSON'
{
  "jobs": [
    {
      "id": 12,
      "key": "ml/train",
      "tags": [
        "nightly",
        "mail"
      ],
      "why": {
        "id": 99
      }
    },
    {
      "id": 13,
      "key": "",
      "tags": [],
      "user": 0
    }
  ]
}
JSON
	;;
"history --json --lines 200")
	cat <<'JSON'
{
  "jobs": [
    {
      "id": 7,
      "key": "ml/fold",
      "tags": [
        "nightly"
      ]
    }
  ]
}
JSON
	;;
"config show")
	printf '[component ml]\n[component cache]\n'
	;;
esac
END
chmod +x "$bin/uwctl"
PATH=$bin:$PATH
. scripts/uwctl.bash-completion

failed=0
# expect "WORDS..." "WHAT IS OFFERED": the last of the words is what stands at the cursor.
expect() {
	local got

	IFS=' ' read -r -a COMP_WORDS <<<"$1"
	[ "${1: -1}" = ' ' ] && COMP_WORDS+=('')
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	_uwctl
	got="${COMPREPLY[*]}"
	[ "$got" = "$2" ] && return
	printf "completion of '%s': got '%s', want '%s'\n" "$1" "$got" "$2" >&2
	failed=1
}

expect 'uwctl cancel ' '12 13'
expect 'uwctl hold ' '12 13'
expect 'uwctl wait ' '12 13 7'
expect 'uwctl logs 1' '12 13'
expect 'uwctl requeue ' '12 13 7'
expect 'uwctl history ' '7'
expect 'uwctl submit --after ' '12 13'
expect 'uwctl history --key ' 'ml/fold ml/train'
expect 'uwctl queue --tag ' 'mail nightly'
expect 'uwctl cancel --tag n' 'nightly'
expect 'uwctl submit --component ' 'ml cache'
expect 'uwctl submit -c c' 'cache'
expect 'uwctl queue --state lo' 'lost'
exit "$failed"
