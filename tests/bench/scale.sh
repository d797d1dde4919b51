#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In a guest that counts instructions: what a tick costs by the number of leaves, and beside it what it costs to read
# memory.stat of these by kept descriptors. The program is scale.c, which makes the leaves below a group of its own.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=guest.sh
. "${0%/*}/guest.sh"

leaves='5 250 500 1000 2000'

begin system=none "$@"
# shellcheck disable=SC2086 # words
"$PUT/scale" "$CGROUP/scale" $leaves >"$OUT/scale.txt" || die "scale: $(tail -n 1 "$OUT/stderr")"
finish
