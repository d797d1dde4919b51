/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An incident in words: what a page and a terminal say of it alike. */
#ifndef UW_CLI_REPORT_STORY_H
#define UW_CLI_REPORT_STORY_H

#include <stddef.h>

#include "user/cli/report/incident.h"

#define STORY_LEN      1024
#define STORY_CELL_LEN 192

/* What happened, to whom and at what cost, in one paragraph. Returns buf. */
const char *story_text(const struct incident *incident, const struct incident_sum *sum, char *buf,
		       size_t size);

/* A figure that stands for itself, with its name. */
struct story_figure {
	const char *name;
	char text[STORY_CELL_LEN];
};

#define STORY_FIGURES 7

int story_figures(const struct incident_sum *sum, struct story_figure ret_figure[STORY_FIGURES]);

/* The cells of an action. Each returns buf. */
const char *story_target(const struct incident *incident, const struct incident_action *action,
			 char buf[static STORY_CELL_LEN]);
const char *story_what(const struct incident_action *action, char buf[static STORY_CELL_LEN]);
const char *story_effect(const struct incident_action *action, char buf[static STORY_CELL_LEN]);

/* How long it took; "" where that is not known. */
const char *story_took(const struct incident_action *action, char buf[static STORY_CELL_LEN]);

#endif
