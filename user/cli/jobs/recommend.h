/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What jobs asked for, what they used, what would have served. */
#ifndef UW_CLI_JOBS_RECOMMEND_H
#define UW_CLI_JOBS_RECOMMEND_H

#include <jansson.h>

#include "user/cli/screen.h"

/* A page of Recommend; components are told with the first. Begins table where it is not. */
void recommend_print(struct table *table, const struct screen *screen, const json_t *answer,
		     bool first);

#endif
