# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 75
# vm: --systemd
# The same below a slice and a scope, which both need the protection.

. ./outside.sh
