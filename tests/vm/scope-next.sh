# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 45
# vm: --systemd --suite trixie
# kernels: 6.12
# The scope and its slice under the next Debian's systemd.

. ./scope.sh
