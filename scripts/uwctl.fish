# fish completion for uwctl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# `uwctl complete` knows what may stand here, for this shell as for the others.

function __uwctl_complete
    set -l current (commandline -ct)
    set -l words (commandline -opc)[2..-1]
    set -l lines (uwctl complete -- $words "$current" 2>/dev/null)

    switch "$lines[1]"
        case ':files'
            __fish_complete_path "$current"
        case ':dirs'
            __fish_complete_directories "$current"
        case ':command *'
            __fish_complete_subcommand --fcs-skip=(math (string replace ':command ' '' -- $lines[1]) + 1)
        case '*'
            printf '%s\n' $lines
    end
end

complete -c uwctl -f -a '(__uwctl_complete)'
