/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text format of Prometheus, held against its rules: names, label names and escapes, a value
 * that is a number, each family in one piece with HELP and TYPE once and before its samples,
 * counters that end in _total, no sample twice, and histograms that rise up to +Inf and _count.
 */
#ifndef UW_TESTS_METRICS_CHECKER_H
#define UW_TESTS_METRICS_CHECKER_H

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAMILIES_MAX 128
#define SAMPLES_MAX  4096
#define NAME_LEN     96
#define SERIES_LEN   256

struct checker {
	const char *error;
	char family[FAMILIES_MAX][NAME_LEN];
	uint32_t families;
	char type[16];
	bool has_type;
	char series[SAMPLES_MAX][SERIES_LEN];
	uint32_t samples;
	double bucket; /* of the histogram that is being read */
	bool has_inf;
};

static size_t name_length(const char *text)
{
	size_t n = 0;

	while (isalnum((unsigned char)text[n]) || text[n] == '_' || text[n] == ':')
		n++;
	return n && !isdigit((unsigned char)*text) ? n : 0;
}

static bool begin_family(struct checker *c, const char *line)
{
	size_t n = name_length(line);

	if (!n || n >= NAME_LEN || line[n] != ' ')
		return false;
	for (uint32_t i = 0; i < c->families; i++)
		if (strlen(c->family[i]) == n && !strncmp(c->family[i], line, n))
			return false; /* twice, or in two pieces */
	snprintf(c->family[c->families++], NAME_LEN, "%.*s", (int)n, line);
	c->has_type = false;
	return true;
}

static bool read_type(struct checker *c, const char *line)
{
	const char *family = c->families ? c->family[c->families - 1] : "";
	size_t n = strlen(family), end;

	if (!n || c->has_type || strncmp(line, family, n) != 0 || line[n] != ' ')
		return false;
	snprintf(c->type, sizeof(c->type), "%s", line + n + 1);
	c->has_type = true;
	end = n > 6 ? n - 6 : 0;
	if (!strcmp(c->type, "counter"))
		return !strcmp(family + end, "_total");
	return !strcmp(c->type, "gauge") || !strcmp(c->type, "histogram");
}

/* The labels behind '{', up to behind '}'; NULL where they are wrong. */
static const char *skip_labels(const char *at)
{
	while (*at != '}') {
		size_t n = name_length(at);

		if (!n || strncmp(at + n, "=\"", 2) != 0)
			return NULL;
		for (at += n + 2; *at && *at != '"'; at++)
			if (*at == '\\' && !strchr("\\\"n", *++at))
				return NULL;
		if (*at++ != '"' || (*at != ',' && *at != '}'))
			return NULL;
		at += *at == ',';
	}
	return at + 1;
}

static bool is_new(struct checker *c, const char *line, size_t length)
{
	for (uint32_t i = 0; i < c->samples; i++)
		if (strlen(c->series[i]) == length && !strncmp(c->series[i], line, length))
			return false;
	if (length >= SERIES_LEN || c->samples == SAMPLES_MAX)
		return false;
	snprintf(c->series[c->samples++], SERIES_LEN, "%.*s", (int)length, line);
	return true;
}

static bool check_histogram(struct checker *c, const char *suffix, const char *line, double value)
{
	if (!strncmp(suffix, "_bucket{", 8)) {
		bool rises = value >= c->bucket && !c->has_inf;

		c->has_inf = strstr(line, "le=\"+Inf\"") != NULL;
		c->bucket = value;
		return rises && strstr(line, "le=\"");
	}
	if (!strncmp(suffix, "_sum", 4))
		return c->has_inf;
	if (strncmp(suffix, "_count", 6) != 0 || !c->has_inf || value != c->bucket)
		return false;
	c->has_inf = false;
	c->bucket = 0;
	return true;
}

static bool read_sample(struct checker *c, const char *line)
{
	const char *family = c->families ? c->family[c->families - 1] : "";
	size_t n = name_length(line), length = strlen(family);
	const char *at = line + n;
	char *end;
	double value;

	if (!n || !c->has_type || strncmp(line, family, length) != 0)
		return false;
	at = *at == '{' ? skip_labels(at + 1) : at;
	if (!at || *at != ' ' || !is_new(c, line, (size_t)(at - line)))
		return false;
	value = strtod(at + 1, &end);
	if (end == at + 1 || *end || (value < 0 && strcmp(c->type, "gauge") != 0))
		return false;
	return strcmp(c->type, "histogram") ? n == length
					    : check_histogram(c, line + length, line, value);
}

static bool read_line(struct checker *c, const char *line)
{
	if (!strncmp(line, "# HELP ", 7))
		return begin_family(c, line + 7) && strlen(line + 7) > NAME_LEN / 8;
	if (!strncmp(line, "# TYPE ", 7))
		return read_type(c, line + 7);
	return read_sample(c, line);
}

/* The first line that is wrong, or NULL. Cuts text into lines. */
static inline const char *wrong_line(char *text, struct checker *c)
{
	*c = (struct checker){0};
	if (!*text || text[strlen(text) - 1] != '\n')
		return "no line feed at the end";
	for (char *line = text, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		*end = '\0';
		if (!read_line(c, line))
			return line;
	}
	return NULL;
}

#endif
