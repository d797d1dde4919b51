/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uw-login: between root and a queued job's command, asks what its user may at this moment. uw-shim
 * executes it as the job's child; it ends as the command, or reports why not. Loaded, unlike the
 * shim, as names and accounts are looked up by what the machine is set up with: so it is a program
 * of its own, which is gone before the job runs.
 */
#ifndef UW_LOGIN_LOGIN_H
#define UW_LOGIN_LOGIN_H

#include <pwd.h>
#include <stdint.h>

#include "user/model/job.h"

#define LOGIN_SERVICE "uw" /* /etc/pam.d/uw */

/* Its entry, in memory of the C library's; NULL: it has no name. -errno: that cannot be told. */
int login_user(uint32_t uid, const struct passwd **ret_user);

/*
 * spec's groups are those that its user still has, and its group is one of these. A user without a
 * name has none but its own. submit: who may submit to its component, as in struct component.
 * LOGIN_MAY_NOT_SUBMIT: neither the user nor a group of it is named there; or -errno of the lookup.
 */
#define LOGIN_MAY_NOT_SUBMIT 1
int login_groups(struct job_spec *spec, const char *submit);

/*
 * Asks the account of spec's user and opens a session, which sets limits, for this process. dir:
 * where services stand; NULL: as PAM is set up. 0 also where there is no libpam or no such service,
 * or where the user has no name. -EACCES: it may not; text says what PAM says. Another -errno: the
 * user cannot be looked up.
 */
int login_session(const struct job_spec *spec, const char *dir, char *text, unsigned long size);

#endif
