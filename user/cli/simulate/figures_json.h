/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Figures of a schedule as JSON: times in whole microseconds, ratios as they are.
 */
#ifndef UW_CLI_SIMULATE_FIGURES_JSON_H
#define UW_CLI_SIMULATE_FIGURES_JSON_H

#include <jansson.h>

#include "user/cli/simulate/figures.h"

json_int_t figures_us(double s);

/* NULL: out of memory. */
json_t *figures_times_json(const struct figures_spread *spread);
json_t *figures_ratios_json(const struct figures_spread *spread);

#endif
