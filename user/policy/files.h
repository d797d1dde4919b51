/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that are read once are taken before they fill a limit. */
#ifndef UW_POLICY_FILES_H
#define UW_POLICY_FILES_H

#include "user/policy/reclaim.h"

/* What to take of such files from a component now; no bytes where there is room, or too few of
 * them. */
struct reclaim_wish files_wish(const struct step *step, uint32_t component);

/* They would fill the component's limit before the next look at rest. */
bool files_come_near(const struct step *step, uint32_t component);

#endif
