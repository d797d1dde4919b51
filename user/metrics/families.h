/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Families as rows of a table: where in an object of the answer a sample comes from, and under
 * which name and label it goes. Rows of one name stand together.
 */
#ifndef UW_METRICS_FAMILIES_H
#define UW_METRICS_FAMILIES_H

#include <jansson.h>
#include <stddef.h>

#include "user/metrics/text.h"

struct metric_row {
	const char *name;
	enum metric_type type;
	const char *help; /* of the first row of its name */
	const char *key;  /* of the object: an integer or a truth; anything else is no sample */
	enum metric_unit unit;
	struct metric_label label; /* beside the object's own */
};

/* What tells the objects of a list apart: labels, and the key of each one's value. */
struct metric_own {
	struct {
		const char *label, *key;
	} by[METRIC_LABELS_MAX - 1];
};

/* Of one object, without labels of its own. */
void families_print(const struct metrics_text *text, const struct metric_row *rows, size_t count,
		    const json_t *object);

/* Each family with its samples of all objects in list. */
void families_print_list(const struct metrics_text *text, const struct metric_row *rows,
			 size_t count, const struct metric_own *own, const json_t *list);

/* A family whose samples are in lists: each component has one under list_key. */
void families_print_nested(const struct metrics_text *text, const struct metric_row *row,
			   const struct metric_own *own, const json_t *components,
			   const char *list_key);

/* One series of a histogram: an object with its bounds and its sum, whose keys end in their unit,
 * _us or _permyriad, and counts. One that does not go together has no samples. */
void families_print_histogram(const struct metrics_text *text, const char *name,
			      const struct metric_label *label, const json_t *object,
			      enum metric_unit unit);

#endif
