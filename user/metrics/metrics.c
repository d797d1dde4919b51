// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Puts the parts of an answer one after the other, and says first whether there was one. Their
 * names are in daemon.c, components.c and jobs.c; units are base units, in the name.
 */
#include "user/metrics/metrics.h"

#include <stdbool.h>

#include "user/metrics/parts.h"

static void print_up(const struct metrics_text *text, bool up)
{
	text_head(text, "uw_up", METRIC_GAUGE, "1 when uwd has answered.");
	text_sample(text, "uw_up", NULL, up, METRIC_ONE);
}

void metrics_print(const struct metrics_text *text, const json_t *answer)
{
	const json_t *jobs = json_object_get(answer, "jobs");

	print_up(text, true);
	metrics_print_daemon(text, answer);
	metrics_print_components(text, json_object_get(answer, "components"));
	if (json_is_object(jobs))
		metrics_print_jobs(text, json_object_get(answer, "queue"), jobs);
	text_end(text);
}

void metrics_print_down(const struct metrics_text *text)
{
	print_up(text, false);
	text_end(text);
}
