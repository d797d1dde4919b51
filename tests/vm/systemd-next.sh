# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 33
# vm: --systemd --suite trixie
# kernels: 6.12
# The same under the next Debian's systemd.

. ./systemd.sh
