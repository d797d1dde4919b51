/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An incident as one HTML page: what happened in words and figures, pictures on one time axis, a
 * table of the actions, the conditions at the worst moment, and the configuration. The same
 * incident gives the same bytes, in the same time zone. At most 2 MiB for an hour of 32 components.
 */
#ifndef UW_CLI_REPORT_HTML_H
#define UW_CLI_REPORT_HTML_H

#include <stdio.h>

#include "user/cli/report/incident.h"

/* host: whose recording it is, in words; "" where nobody knows. */
void report_html(FILE *out, const struct incident *incident, const struct incident_sum *sum,
		 const char *host);

#endif
