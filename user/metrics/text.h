/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two text formats that Prometheus reads: its own, 0.0.4, and OpenMetrics 1.0. A family begins
 * with its head and ends with the next one's. Whoever writes keeps names and label names to
 * [a-z0-9_]; values of labels may be anything and are escaped here.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 * https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
 */
#ifndef UW_METRICS_TEXT_H
#define UW_METRICS_TEXT_H

#include <stdint.h>
#include <stdio.h>

enum metrics_format {
	METRICS_TEXT,
	METRICS_OPEN,
	METRICS_FORMAT__COUNT
};

enum metric_type {
	METRIC_GAUGE,
	METRIC_COUNTER, /* its name ends in _total */
	METRIC_HISTOGRAM
};

enum metric_unit {
	METRIC_ONE,
	METRIC_US,       /* as seconds */
	METRIC_PERMYRIAD /* as a ratio */
};

struct metric_label {
	const char *name, *value; /* value NULL: there is none */
};

#define METRIC_LABELS_MAX 3

/* Where it goes to; open lines belong to nobody else meanwhile. */
struct metrics_text {
	FILE *out;
	enum metrics_format format;
};

/* help is one sentence without a line feed. */
void text_head(const struct metrics_text *text, const char *name, enum metric_type type,
	       const char *help);

/* labels: METRIC_LABELS_MAX of them, or NULL. */
void text_sample(const struct metrics_text *text, const char *name,
		 const struct metric_label *labels, int64_t value, enum metric_unit unit);

/* One series of a histogram: counts[i] up to bounds[i], one more above the last, not added up. */
struct metric_histogram {
	uint32_t bounds;
	const int64_t *bound, *count;
	int64_t sum;
	enum metric_unit unit; /* of bounds and sum */
};
void text_histogram(const struct metrics_text *text, const char *name,
		    const struct metric_label *label, const struct metric_histogram *histogram);

/* Nothing may come after it. */
void text_end(const struct metrics_text *text);

/* The value of Content-Type. */
const char *text_content_type(enum metrics_format format);

#endif
