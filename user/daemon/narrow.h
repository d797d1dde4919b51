/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Takes from uwd, and from what it starts, the rights that it has no need of: those that its unit
 * takes where systemd starts it (scripts/uwd.service), for where another init or a hand does. Not
 * the folders and networks that namespaces of systemd hide.
 */
#ifndef UW_DAEMON_NARROW_H
#define UW_DAEMON_NARROW_H

#include <stdint.h>

#include "user/base/err.h"

/* What it keeps, as bits of <linux/capability.h>: CapabilityBoundingSet= of the unit, which says
 * what for. */
extern const uint64_t narrow_capabilities;

/*
 * No rights can be gained (no_new_privs), capabilities beyond those above are gone for good, and
 * system calls that uwd never makes fail with EPERM, sockets but of this machine with EAFNOSUPPORT.
 * Before the first thread, and after launcher_begin. What is narrower already stays so. Returns the
 * first error; the rest has been done then. About 60 us.
 */
int narrow(struct uw_err *err);

#endif
