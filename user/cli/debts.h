/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a component borrows, owes and lends, in sentences. */
#ifndef UW_CLI_DEBTS_H
#define UW_CLI_DEBTS_H

#include <jansson.h>

#include "user/cli/screen.h"

/* Prints a line each, nothing for who neither borrows nor lends. component is a Component of the
 * interface. */
void debts_print(const struct screen *screen, const json_t *component);

#endif
