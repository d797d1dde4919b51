/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Actions in the log. In the journal an action is one entry when it has ended, with its reason and
 * what came of it as fields; elsewhere it is two lines, as it is decided and as it ends.
 */
#ifndef UW_DAEMON_ACTION_JOURNAL_H
#define UW_DAEMON_ACTION_JOURNAL_H

#include "user/daemon/action_log.h"

void action_journal_decided(const struct action_entry *entry);
void action_journal_ended(const struct action_entry *entry);

#endif
