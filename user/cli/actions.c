// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Prints the records of what uwd did, as uwctl log and why show them. A record, one JSON object,
 * becomes one line, or three where its reason is asked for. The words follow the kind of action: a
 * limit with its new value, a reclaim with how much was freed.
 */
#include "user/cli/actions.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/cli/remote.h"
#include "user/model/component.h"

#define TIME_LEN    32
#define NAME_WIDTH  12
#define LINE_INDENT 14

static struct tm local_time(const json_t *record)
{
	time_t seconds = (time_t)(json_get_u64_or(record, "wall_us", 0) / US_PER_SEC);
	struct tm local = {0};

	localtime_r(&seconds, &local);
	return local;
}

static const char *record_time(const json_t *record, bool dated, char buf[static TIME_LEN])
{
	uint64_t wall_us = json_get_u64_or(record, "wall_us", 0);
	struct tm local = local_time(record);
	size_t at = dated ? strftime(buf, TIME_LEN, "%Y-%m-%d %H:%M:%S", &local)
			  : strftime(buf, TIME_LEN, "%H:%M:%S", &local);

	snprintf(buf + at, TIME_LEN - at, ".%03u", (unsigned int)(wall_us / 1000 % 1000));
	return buf;
}

const char *action_what(const json_t *record, char *buf, size_t size)
{
	static const struct {
		const char *action, *words;
		bool amount;
	} rows[] = {
		{"set-min", "memory.min =", true},
		{"set-low", "memory.low =", true},
		{"set-high", "memory.high =", true},
		{"reclaim", "reclaim", true},
	};
	const char *action = json_get_text(record, "action");
	const char *leaf = json_get_text(record, "leaf");
	char amount[VALUE_LEN];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strcmp(rows[i].action, action) != 0)
			continue;
		snprintf(buf, size, "%s%s%s %s", leaf, *leaf ? " " : "", rows[i].words,
			 value_limit(record, "amount_bytes", amount));
		return buf;
	}
	snprintf(buf, size, "%s%s%s", action, *leaf ? " " : "", leaf);
	return buf;
}

const char *action_effect(const json_t *record, char *buf, size_t size)
{
	const char *result = json_get_text(record, "result");
	const char *error = json_get_text(record, "error");
	char done[VALUE_LEN], asked[VALUE_LEN], took_text[VALUE_LEN];
	const char *took = value_us(record, "took_us", took_text);

	if (!*result)
		snprintf(buf, size, "%s",
			 strcmp(json_get_text(record, "action"), "notice") ? "under way" : "");
	else if (*error)
		snprintf(buf, size, "%s: %s", result, error);
	else if (!strcmp(json_get_text(record, "action"), "reclaim"))
		snprintf(buf, size, "freed %s of %s in %s", value_bytes(record, "done_bytes", done),
			 value_bytes(record, "amount_bytes", asked), took);
	else if (!strcmp(json_get_text(record, "action"), "freeze"))
		snprintf(buf, size, "%s in %s, thaws within %s", result, took,
			 value_us(record, "within_us", asked));
	else
		snprintf(buf, size, "%s in %s", result, took);
	return buf;
}

/* Wrapped for a person, one line for a program. */
static void print_rest(const struct screen *screen, int at, int indent, char *text)
{
	if (screen->width)
		screen_wrap(screen, PAINT_PLAIN, at, indent, text);
	else
		fprintf(screen->out, " %s\n", screen_clean(text));
}

void action_lines_fit(struct action_lines *lines, const json_t *records)
{
	const json_t *record;
	size_t i;

	if (lines->name_width < NAME_WIDTH)
		lines->name_width = NAME_WIDTH;
	json_array_foreach (records, i, record) {
		int width = (int)strlen(json_get_text(record, "component"));

		if (width > lines->name_width)
			lines->name_width = width;
	}
}

static void print_new_day(const struct screen *screen, struct action_lines *lines,
			  const json_t *record)
{
	struct tm local = local_time(record);
	char date[TIME_LEN];

	if (lines->undated || lines->day == local.tm_yday + 1)
		return;
	lines->day = local.tm_yday + 1;
	strftime(date, sizeof(date), "%Y-%m-%d", &local);
	screen_paint(screen, PAINT_DIM, "%s", date);
	fputc('\n', screen->out);
}

/* How far the line is then. */
static int print_when_and_whom(const struct screen *screen, struct action_lines *lines,
			       const json_t *record)
{
	char when[TIME_LEN], component[UW_NAME_LEN];

	snprintf(component, sizeof(component), "%.*s", UW_NAME_LEN - 1,
		 json_get_text(record, "component"));
	if (screen->width)
		print_new_day(screen, lines, record);
	screen_paint(screen, PAINT_DIM, "%s", record_time(record, !screen->width, when));
	fprintf(screen->out, "  ");
	screen_paint(screen, PAINT_BOLD, "%-*s", lines->name_width,
		     *component ? screen_clean(component) : "host");
	return LINE_INDENT + lines->name_width;
}

void action_print(const struct screen *screen, struct action_lines *lines, const json_t *record)
{
	const json_t *why = json_object_get(record, "why");
	char what[128], effect[128], text[512];
	int at = print_when_and_whom(screen, lines, record);

	action_effect(record, effect, sizeof(effect));
	snprintf(text, sizeof(text), "%s: %s%s%s", action_what(record, what, sizeof(what)),
		 json_get_text(why, "text"), *effect ? "; " : "", effect);
	print_rest(screen, at, LINE_INDENT, text);
}

void action_print_end(const struct screen *screen, struct action_lines *lines, const json_t *record)
{
	char what[128], effect[128], text[512];
	int at = print_when_and_whom(screen, lines, record);

	snprintf(text, sizeof(text), "%s: %s", action_what(record, what, sizeof(what)),
		 action_effect(record, effect, sizeof(effect)));
	print_rest(screen, at, LINE_INDENT, text);
}

static void print_labelled(const struct screen *screen, const char *label, const char *text)
{
	fprintf(screen->out, "%*s", LINE_INDENT, "");
	screen_paint(screen, PAINT_DIM, "%-9s", label);
	screen_wrap(screen, PAINT_PLAIN, LINE_INDENT + 9, LINE_INDENT + 9, text);
}

/* Behind what was done, or below it where there is no room. at is how far the line is. */
static void print_tier(const struct screen *screen, int at, const json_t *record)
{
	const char *level = json_get_text(record, "level");
	char tier[64];
	int length =
		snprintf(tier, sizeof(tier), "  tier %s, at level ", json_get_text(record, "tier"));

	if (screen->width && at + length + (int)strlen(level) > screen->width)
		fprintf(screen->out, "\n%*s", LINE_INDENT - 2, "");
	fputs(screen_clean(tier), screen->out);
	screen_paint(screen, level_paint(level), "%s", level);
	fputc('\n', screen->out);
}

void action_print_long(const struct screen *screen, struct action_lines *lines,
		       const json_t *record)
{
	const json_t *why = json_object_get(record, "why");
	char what[128], text[512], when[TIME_LEN];
	int at;

	if (screen->width)
		print_new_day(screen, lines, record);
	record_time(record, !screen->width, when);
	at = (int)strlen(when) + 2;
	screen_paint(screen, PAINT_DIM, "%s", when);
	fprintf(screen->out, "  ");
	action_what(record, what, sizeof(what));
	at += (int)strlen(what);
	screen_paint(screen, PAINT_BOLD, "%s", screen_clean(what));
	print_tier(screen, at, record);
	snprintf(text, sizeof(text), "%s: %s", json_get_text(why, "reason"),
		 json_get_text(why, "text"));
	print_labelled(screen, "reason", text);
	if (*action_effect(record, text, sizeof(text)))
		print_labelled(screen, "effect", text);
}
