# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# seconds: 12
# Sensing: every file of user/sense against the kernel's own figures; leaves that come and go; a
# component that is removed and made again; more leaves than fit; a PSI trigger.

"$PUT/cgtool" setup uw 600M cache=100M:100M jobs=200M:200M
"$PUT/sense" || fail "sense differs from the kernel"
"$PUT/cgtool" setup uw 600M cache=100M:100M jobs=200M:200M # cache was made anew by hand
