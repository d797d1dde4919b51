/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a component's mappings is refused, for status and why. */
#ifndef UW_CLI_GATE_H
#define UW_CLI_GATE_H

#include <jansson.h>

#include "user/cli/screen.h"

/* Nothing for a component without refuse. */
void gate_print(const struct screen *screen, const json_t *component);

#endif
