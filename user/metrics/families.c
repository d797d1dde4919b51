// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Walks the rows of a table by families, and for each family the objects, as the formats want all
 * samples of a family in one piece. An object lacks what was not measured: then there is no sample,
 * which is another thing than 0.
 */
#include "user/metrics/families.h"

#include <stdbool.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/ipc/json.h"

#define HISTOGRAM_MAX 32 /* bounds of one in the answer that are read */

static bool read_value(const json_t *object, const char *key, int64_t *ret_value)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value) && !json_is_boolean(value))
		return false;
	*ret_value = json_is_boolean(value) ? json_is_true(value) : json_integer_value(value);
	return true;
}

/* first: the label before the object's own; its name may be NULL. */
static void print_row(const struct metrics_text *text, const struct metric_row *row,
		      const struct metric_label *first, const struct metric_own *own,
		      const json_t *object)
{
	struct metric_label labels[METRIC_LABELS_MAX] = {0};
	size_t count = 0;
	int64_t value;

	if (!read_value(object, row->key, &value))
		return;
	if (first->name)
		labels[count++] = *first;
	for (size_t i = 0; i < ARRAY_SIZE(own->by) && own->by[i].label; i++)
		labels[count++] = (struct metric_label){own->by[i].label,
							json_get_text(object, own->by[i].key)};
	if (row->label.name)
		labels[count] = row->label;
	text_sample(text, row->name, labels, value, row->unit);
}

void families_print_list(const struct metrics_text *text, const struct metric_row *rows,
			 size_t count, const struct metric_own *own, const json_t *list)
{
	static const struct metric_label none = {NULL, NULL};

	for (size_t i = 0, end; i < count; i = end) {
		const json_t *object;
		size_t at;

		text_head(text, rows[i].name, rows[i].type, rows[i].help);
		for (end = i; end < count && !strcmp(rows[end].name, rows[i].name); end++)
			;
		json_array_foreach (list, at, object)
			for (size_t row = i; row < end; row++)
				print_row(text, &rows[row], &none, own, object);
	}
}

void families_print(const struct metrics_text *text, const struct metric_row *rows, size_t count,
		    const json_t *object)
{
	static const struct metric_own none = {0};
	AUTO_JSON json_t *list = json_pack("[O]", (json_t *)(uintptr_t)object);

	families_print_list(text, rows, count, &none, list);
}

void families_print_nested(const struct metrics_text *text, const struct metric_row *row,
			   const struct metric_own *own, const json_t *components,
			   const char *list_key)
{
	const json_t *component, *object;
	size_t at, in;

	text_head(text, row->name, row->type, row->help);
	json_array_foreach (components, at, component) {
		struct metric_label first = {"component", json_get_text(component, "name")};
		const json_t *list = json_object_get(component, list_key);

		json_array_foreach (list, in, object)
			print_row(text, row, &first, own, object);
	}
}

static uint32_t read_numbers(const json_t *list, int64_t *to)
{
	size_t count = json_array_size(list);

	for (size_t i = 0; i < count && i < HISTOGRAM_MAX; i++)
		to[i] = json_integer_value(json_array_get(list, i));
	return count < HISTOGRAM_MAX ? (uint32_t)count : 0;
}

/* Keys of bounds and of the sum end in their unit. */
void families_print_histogram(const struct metrics_text *text, const char *name,
			      const struct metric_label *label, const json_t *object,
			      enum metric_unit unit)
{
	int64_t bound[HISTOGRAM_MAX], count[HISTOGRAM_MAX];
	bool us = unit == METRIC_US;
	struct metric_histogram histogram = {
		.bounds = read_numbers(
			json_object_get(object, us ? "bounds_us" : "bounds_permyriad"), bound),
		.bound = bound,
		.count = count,
		.sum = json_get_i64(object, us ? "sum_us" : "sum_permyriad"),
		.unit = unit,
	};

	if (read_numbers(json_object_get(object, "counts"), count) == histogram.bounds + 1)
		text_histogram(text, name, label, &histogram);
}
