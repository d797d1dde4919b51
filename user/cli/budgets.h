/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uwctl recommend --budgets: which shares the hot sets of what was recorded would have wanted. */
#ifndef UW_CLI_BUDGETS_H
#define UW_CLI_BUDGETS_H

#include "user/cli/command.h"

/* Reads a recording and needs no uwd. Returns the exit status. */
int budgets_print(struct cli *cli);

#endif
