#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What bash, zsh and fish ask uwctl after a part of a command line, and what they make of its answers: a
# uwctl that answers from here notes what it was asked.
set -u

cd "$(dirname "$0")/../.." || exit 1
bin=$(mktemp -d) || exit 1
trap 'rm -rf "$bin"' EXIT

cat >"$bin/uwctl" <<'END'
#!/bin/sh
printf '<%s>' "$@" >"${0%/*}/asked"
shift 2
case "$*" in
'cancel ') printf '12\ttrain, running\n13\n' ;;
'queue --state=') printf -- '--state=held\n--state=lost\n' ;;
'queue --state lo') echo lost ;;
'setup --config ') echo :files ;;
'submit --cwd ') echo :dirs ;;
'run cache -- ec') echo :command 3 ;;
'log -') printf -- '--follow\tgo on: printing\n--json\n' ;;
esac
END
chmod +x "$bin/uwctl"
mkdir "$bin/here" "$bin/here/folder"
touch "$bin/here/file"
scripts=$PWD/scripts
PATH=$bin:$PATH
cd "$bin/here" || exit 1

failed=0
check() { # check SHELL LINE GOT WANT
	[ "$3" = "$4" ] && return
	printf "%s: '%s': got '%s', want '%s'\n" "$@" >&2
	failed=1
}

asked() { # asked SHELL LINE WORDS: how uwctl was asked
	check "$1, asked" "$2" "$(<"$bin/asked")" "<complete><-->$3"
}

# shellcheck source=scripts/uwctl.bash-completion
. "$scripts/uwctl.bash-completion"
_command_offset() { COMPREPLY=("command at $1"); }

# in_bash LINE WANT: readline splits words at = too.
in_bash() {
	local line=${1//=/ = } got

	IFS=' ' read -r -a COMP_WORDS <<<"$line"
	[ "${1: -1}" = ' ' ] && COMP_WORDS+=('')
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	_uwctl
	got="${COMPREPLY[*]}"
	check bash "$1" "$got" "$2"
}

in_bash 'uwctl cancel ' '12 13'
asked bash 'uwctl cancel ' '<cancel><>'
in_bash 'uwctl queue --state=' 'held lost'
asked bash 'uwctl queue --state=' '<queue><--state=>'
in_bash 'uwctl queue --state=lo' ''
asked bash 'uwctl queue --state=lo' '<queue><--state=lo>'
in_bash 'uwctl queue --state lo' 'lost'
in_bash 'uwctl setup --config ' 'file folder'
in_bash 'uwctl submit --cwd ' 'folder'
in_bash 'uwctl run cache -- ec' 'command at 4'
in_bash 'uwctl log -' '--follow --json'

cat >"$bin/ask.zsh" <<'END'
compadd() { print -r -- "$names"; }
_files() { print -r -- "files $*"; }
_normal() { print -r -- "command $words at $CURRENT"; }
complete_here() { . $1; }
words=("${(@s: :)2}")
CURRENT=$#words
complete_here $1
END
in_zsh() { # in_zsh LINE WANT
	check zsh "$1" "$(zsh -f "$bin/ask.zsh" "$scripts/uwctl.zsh-completion" "$1")" "$2"
}

if command -v zsh >/dev/null; then
	in_zsh 'uwctl cancel ' '12 13'
	asked zsh 'uwctl cancel ' '<cancel><>'
	in_zsh 'uwctl queue --state=' '--state=held --state=lost'
	in_zsh 'uwctl setup --config ' 'files '
	in_zsh 'uwctl submit --cwd ' 'files -/'
	in_zsh 'uwctl run cache -- ec' 'command ec at 1'
	in_zsh 'uwctl log -' '--follow --json'
else
	echo "no zsh: its completion is not tested" >&2
fi

in_fish() { # in_fish LINE WANT
	local got

	got=$(HOME=$bin fish --no-config -c "source $scripts/uwctl.fish; complete -C '$1'" | tr '\n\t' ' :')
	check fish "$1" "${got% }" "$2"
}

if command -v fish >/dev/null; then
	in_fish 'uwctl cancel ' '12:train, running 13'
	asked fish 'uwctl cancel ' '<cancel><>'
	in_fish 'uwctl queue --state=' '--state=held --state=lost'
	in_fish 'uwctl queue --state lo' 'lost'
	in_fish 'uwctl setup --config ' 'file folder/'
	in_fish 'uwctl submit --cwd ' 'folder/:Directory'
	in_fish 'uwctl log -' '--follow:go on: printing --json'
else
	echo "no fish: its completion is not tested" >&2
fi
exit "$failed"
