/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What uwd answers to Why, as `uwctl why` prints it. */
#ifndef UW_CLI_LOG_H
#define UW_CLI_LOG_H

#include <jansson.h>

#include "user/cli/screen.h"

void why_print(const struct screen *screen, const json_t *answer);

#endif
