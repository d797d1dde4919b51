// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads an Accept header one media range after the other and remembers the highest weight of each
 * format. Whoever does not name OpenMetrics gets the older text, which everything reads; a header
 * that makes no sense is such a one.
 */
#include "user/exporter/accept.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define Q_ONE 1000U /* a weight has three digits at most */

struct word {
	const char *at;
	size_t length;
};

/* Up to one of ends, without the blanks around it. */
static struct word next_word(const char **text, const char *ends)
{
	struct word word;

	*text += strspn(*text, " \t");
	word = (struct word){*text, strcspn(*text, ends)};
	*text += word.length;
	while (word.length && strchr(" \t", word.at[word.length - 1]))
		word.length--;
	return word;
}

static bool is(const struct word *word, const char *text)
{
	return word->length == strlen(text) && !strncasecmp(word->at, text, word->length);
}

/* "0.75" as 750; what is no weight is 0. */
static uint32_t read_q(const struct word *word)
{
	uint32_t q = 0, scale = Q_ONE;

	for (size_t i = 0; i < word->length; i++) {
		char c = word->at[i];

		if (i == 1 && c == '.')
			continue;
		if (c < '0' || c > '9' || i > 4)
			return 0;
		q += (uint32_t)(c - '0') * scale;
		scale /= 10;
	}
	return q < Q_ONE ? q : Q_ONE;
}

struct range {
	struct word type, version;
	uint32_t q;
};

static struct range next_range(const char **text)
{
	struct range range = {.q = Q_ONE};

	range.type = next_word(text, ";,");
	while (**text == ';') {
		struct word name, value;

		++*text;
		name = next_word(text, "=;,");
		if (**text != '=')
			continue;
		++*text;
		value = next_word(text, ";,");
		if (is(&name, "q"))
			range.q = read_q(&value);
		else if (is(&name, "version"))
			range.version = value;
	}
	*text += **text == ',';
	return range;
}

static bool is_version(const struct range *range, const char *version)
{
	return !range->version.length || is(&range->version, version);
}

static bool is_open(const struct range *range)
{
	return is(&range->type, "application/openmetrics-text") && is_version(range, "1.0.0");
}

static bool is_text(const struct range *range)
{
	return is(&range->type, "text/plain") && is_version(range, "0.0.4");
}

enum metrics_format accept_format(const char *accept)
{
	uint32_t q[METRICS_FORMAT__COUNT] = {0};

	while (accept && *accept) {
		struct range range = next_range(&accept);
		enum metrics_format format = is_open(&range) ? METRICS_OPEN : METRICS_TEXT;

		if ((format == METRICS_OPEN || is_text(&range)) && range.q > q[format])
			q[format] = range.q;
	}
	return q[METRICS_OPEN] && q[METRICS_OPEN] >= q[METRICS_TEXT] ? METRICS_OPEN : METRICS_TEXT;
}
