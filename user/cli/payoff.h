/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What reclaim from a component came to, in a sentence. */
#ifndef UW_CLI_PAYOFF_H
#define UW_CLI_PAYOFF_H

#include <jansson.h>

#include "user/cli/screen.h"

/* Prints one line, nothing where nothing was reclaimed. component is a Component of the interface.
 */
void payoff_print(const struct screen *screen, const json_t *component);

#endif
