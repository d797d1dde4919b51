# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 42
# vm: --systemd
# kernels: 6.1
# The same below a slice and a scope, which both need the protection. What the kernels make of it the case
# outside says of each; which units have it is the same on all.

. ./outside.sh
