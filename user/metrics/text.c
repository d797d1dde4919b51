// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes heads and samples as lines. The formats differ little: OpenMetrics calls a counter's
 * family by its name without _total, tells units in a line of their own and ends with # EOF.
 * Numbers are put together from integers, so that none depends on a locale or is rounded; bounds
 * of buckets are written alike in both formats, or they would be other series.
 */
#include "user/metrics/text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "user/base/cleanup.h"

static const char *const type_names[] = {
	[METRIC_GAUGE] = "gauge",
	[METRIC_COUNTER] = "counter",
	[METRIC_HISTOGRAM] = "histogram",
};

static bool ends_in(const char *name, size_t length, const char *suffix)
{
	size_t n = strlen(suffix);

	return length > n && !strncmp(name + length - n, suffix, n);
}

/* Of the family's name. */
static const char *unit_of(const char *name, size_t length)
{
	static const char *const units[] = {"seconds", "bytes", "ratio"};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		size_t n = strlen(units[i]);

		if (ends_in(name, length, units[i]) && name[length - n - 1] == '_')
			return units[i];
	}
	return NULL;
}

void text_head(const struct metrics_text *text, const char *name, enum metric_type type,
	       const char *help)
{
	bool open = text->format == METRICS_OPEN;
	size_t length = strlen(name);
	const char *unit;

	if (open && type == METRIC_COUNTER)
		length -= strlen("_total");
	fprintf(text->out, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int)length, name, help, (int)length,
		name, type_names[type]);
	unit = open ? unit_of(name, length) : NULL;
	if (unit)
		fprintf(text->out, "# UNIT %.*s %s\n", (int)length, name, unit);
}

/* Backslash, quote and line feed are escaped. */
static void print_label(FILE *out, char before, const struct metric_label *label)
{
	fprintf(out, "%c%s=\"", before, label->name);
	for (const char *at = label->value; *at; at++) {
		if (*at == '\n')
			fputs("\\n", out);
		else if (*at == '\\' || *at == '"')
			fprintf(out, "\\%c", *at);
		else
			fputc(*at, out);
	}
	fputc('"', out);
}

static void print_labels(FILE *out, const struct metric_label *labels)
{
	char before = '{';

	for (int i = 0; labels && i < METRIC_LABELS_MAX; i++) {
		if (!labels[i].name || !labels[i].value)
			continue;
		print_label(out, before, &labels[i]);
		before = ',';
	}
	if (before == ',')
		fputc('}', out);
}

static const char *number(int64_t value, enum metric_unit unit, char buf[static 32])
{
	uint64_t size = value < 0 ? (uint64_t)-value : (uint64_t)value;
	const char *sign = value < 0 ? "-" : "";

	if (unit == METRIC_US)
		snprintf(buf, 32, "%s%" PRIu64 ".%06" PRIu64, sign, size / 1000000, size % 1000000);
	else if (unit == METRIC_PERMYRIAD)
		snprintf(buf, 32, "%s%" PRIu64 ".%04" PRIu64, sign, size / 10000, size % 10000);
	else
		snprintf(buf, 32, "%" PRId64, value);
	return buf;
}

void text_sample(const struct metrics_text *text, const char *name,
		 const struct metric_label *labels, int64_t value, enum metric_unit unit)
{
	char buf[32];

	fputs(name, text->out);
	print_labels(text->out, labels);
	fprintf(text->out, " %s\n", number(value, unit, buf));
}

/* As short as can be with one digit after the point: "0.25", "60.0". */
static const char *bound_text(int64_t bound, enum metric_unit unit, char buf[static 32])
{
	size_t length;

	number(bound, unit, buf);
	length = strlen(buf);
	while (length > 2 && buf[length - 1] == '0' && buf[length - 2] != '.')
		buf[--length] = '\0';
	return buf;
}

void text_histogram(const struct metrics_text *text, const char *name,
		    const struct metric_label *label, const struct metric_histogram *histogram)
{
	struct metric_label labels[METRIC_LABELS_MAX] = {*label, {"le", NULL}};
	char part[128], bound[32];
	int64_t count = 0;

	snprintf(part, sizeof(part), "%s_bucket", name);
	for (uint32_t i = 0; i <= histogram->bounds; i++) {
		count += histogram->count[i];
		labels[1].value = i < histogram->bounds
					  ? bound_text(histogram->bound[i], histogram->unit, bound)
					  : "+Inf";
		text_sample(text, part, labels, count, METRIC_ONE);
	}
	labels[1].value = NULL;
	snprintf(part, sizeof(part), "%s_sum", name);
	text_sample(text, part, labels, histogram->sum, histogram->unit);
	snprintf(part, sizeof(part), "%s_count", name);
	text_sample(text, part, labels, count, METRIC_ONE);
}

void text_end(const struct metrics_text *text)
{
	if (text->format == METRICS_OPEN)
		fputs("# EOF\n", text->out);
}

const char *text_content_type(enum metrics_format format)
{
	static const char *const types[METRICS_FORMAT__COUNT] = {
		[METRICS_TEXT] = "text/plain; version=0.0.4; charset=utf-8",
		[METRICS_OPEN] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
	};

	return types[format];
}
