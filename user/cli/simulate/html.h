/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A replayed schedule as one HTML page with pictures in it: memory over time by class, what waited,
 * and the slowdown of the jobs. Nothing is fetched; no script is needed to see it.
 */
#ifndef UW_CLI_SIMULATE_HTML_H
#define UW_CLI_SIMULATE_HTML_H

#include "user/cli/simulate/figures.h"

/* A negative errno; title is escaped. */
int html_write(const char *path, const char *title, const struct trace *trace,
	       const struct replay *replay, const struct figures *figures, struct uw_err *err);

#endif
