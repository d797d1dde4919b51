# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vm: --systemd
# timeout: 280
# The same below a slice and a scope, which both need the protection.

. ./outside.sh
