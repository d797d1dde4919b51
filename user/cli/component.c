// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Prints one component for status: a sentence on what goes on with it where anything does, and
 * every value of it with its debts and its leaves.
 */
#include "user/cli/component.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/cli/debts.h"
#include "user/cli/gate.h"
#include "user/cli/payoff.h"
#include "user/cli/remote.h"

static bool is_frozen_by_other(const json_t *leaf)
{
	return json_get_bool(leaf, "frozen") && !strcmp(json_get_text(leaf, "frozen_by"), "other");
}

static uint64_t frozen_by_other(const json_t *component)
{
	const json_t *leaf;
	uint64_t count = 0;
	size_t i;

	json_array_foreach (json_object_get(component, "leaves"), i, leaf)
		count += is_frozen_by_other(leaf);
	return count;
}

/* What stands still does not look well, whatever its level. */
enum paint component_paint(const json_t *component)
{
	bool frozen = json_get_u64_or(component, "frozen_leaves", 0) || frozen_by_other(component);
	enum paint paint = level_paint(json_get_text(component, "level"));

	return frozen && paint == PAINT_GOOD ? PAINT_WARN : paint;
}

static const char *leaves_word(uint64_t count)
{
	return count == 1 ? "leaf" : "leaves";
}

/* "; 1 leaf frozen, thawed within 12s; 1 leaf frozen, by other; memory.high squeezed to 600M" or ""
 */
static void state_text(const json_t *component, char *buf, size_t size)
{
	uint64_t frozen = json_get_u64_or(component, "frozen_leaves", 0);
	uint64_t others = frozen_by_other(component);
	char text[VALUE_LEN];
	size_t at = 0;

	*buf = '\0';
	if (frozen)
		at = (size_t)snprintf(buf, size, "; %" PRIu64 " %s frozen, thawed within %s",
				      frozen, leaves_word(frozen),
				      value_us(component, "thaw_in_us", text));
	if (others && at < size)
		at += (size_t)snprintf(buf + at, size - at, "; %" PRIu64 " %s frozen, by other",
				       others, leaves_word(others));
	if (json_get_bool(component, "squeezed") && at < size)
		snprintf(buf + at, size - at, "; memory.high squeezed to %s",
			 value_limit(component, "high_bytes", text));
}

bool component_is_remarkable(const json_t *component)
{
	return strcmp(json_get_text(component, "level"), "normal") != 0 ||
	       strcmp(json_get_text(component, "tier"), "none") != 0 ||
	       json_get_u64_or(component, "frozen_leaves", 0) || frozen_by_other(component) ||
	       json_get_bool(component, "squeezed");
}

void component_print_remark(const struct screen *screen, const json_t *component)
{
	const char *level = json_get_text(component, "level");
	const json_t *why = json_object_get(component, "why");
	bool normal = !strcmp(level, "normal");
	char text[512], state[160], time[VALUE_LEN];
	int at;

	if (!component_is_remarkable(component))
		return;
	state_text(component, state, sizeof(state));
	snprintf(text, sizeof(text), "%s for %s%s%s%s", level,
		 value_us(component, "level_for_us", time), normal ? "" : ": ",
		 normal ? "" : json_get_text(why, "text"), state);
	at = fprintf(screen->out, "%s:", json_get_text(component, "name"));
	screen_wrap(screen, component_paint(component), at, 2, text);
}

#define HEAD_WORDS 42 /* letters of "  priority 10, level  for 23h 59min, tier " */

struct component_line {
	const char *label, *key;
	const char *(*text)(const json_t *object, const char *key, char buf[static VALUE_LEN]);
};

static const char *value_ago(const json_t *object, const char *key, char buf[static VALUE_LEN])
{
	uint64_t us = json_get_u64(object, key);
	char text[UNITS_TEXT_LEN];

	if (us == UINT64_MAX)
		return "-";
	snprintf(buf, VALUE_LEN, "%.20s ago", units_print_us(us, text));
	return buf;
}

static const struct component_line fields[] = {
	{"used", "current_bytes", value_bytes},
	{"working set", "working_set_bytes", value_bytes},
	{"in use", "hot_bytes", value_bytes},
	{"cold", "cold_bytes", value_bytes},
	{"idle 1 min", "idle_bytes", value_bytes},
	{"looked at", "looked_us", value_ago},
	{"budget", "budget_bytes", value_bytes},
	{"in force", "in_force_bytes", value_bytes},
	{"borrowed", "borrowed_bytes", value_bytes},
	{"lent", "lent_bytes", value_bytes},
	{"use", "use_permyriad", value_permyriad},
	{"edges moved", "edge_shift_permyriad", value_points},
	{"swap", "swap_bytes", value_bytes},
	{"growth", "growth_bytes_per_s", value_rate},
	{"limit in", "time_to_limit_us", value_us},
	{"some stalled", "some_permyriad", value_permyriad},
	{"all stalled", "full_permyriad", value_permyriad},
	{"memory.min", "min_bytes", value_limit},
	{"memory.low", "low_bytes", value_limit},
	{"memory.high", "high_bytes", value_limit},
	{"leased", "leased_bytes", value_bytes},
	{"in pools", "pool_bytes", value_bytes},
	{"not yet used", "promised_bytes", value_bytes},
};

static const char *leaf_state(const json_t *leaf)
{
	if (is_frozen_by_other(leaf))
		return "frozen, by other";
	if (json_get_bool(leaf, "frozen"))
		return "frozen";
	return json_get_bool(leaf, "populated") ? "running" : "empty";
}

static void print_leaves(const struct screen *screen, const json_t *leaves)
{
	static const struct column columns[] = {
		{"LEAF", false, 0}, {"STATE", false, 0}, {"USED", true, 0},      {"COLD", true, 1},
		{"SWAP", true, 1},  {"AGE", true, 2},    {"CGROUP ID", true, 3},
	};
	const json_t *leaf;
	struct table table;
	size_t i;

	table_init(&table, columns, ARRAY_SIZE(columns));
	json_array_foreach (leaves, i, leaf) {
		bool frozen = json_get_bool(leaf, "frozen");
		char text[VALUE_LEN];

		table_cell(&table, PAINT_BOLD, "%s", json_get_text(leaf, "name"));
		table_cell(&table, frozen ? PAINT_WARN : PAINT_PLAIN, "%s", leaf_state(leaf));
		table_cell(&table, PAINT_PLAIN, "%s", value_bytes(leaf, "current_bytes", text));
		table_cell(&table, PAINT_PLAIN, "%s", value_bytes(leaf, "cold_bytes", text));
		table_cell(&table, PAINT_PLAIN, "%s", value_bytes(leaf, "swap_bytes", text));
		table_cell(&table, PAINT_PLAIN, "%s", value_us(leaf, "age_us", text));
		table_cell(&table, PAINT_DIM, "%" PRIu64, json_get_u64_or(leaf, "id", 0));
	}
	if (table.rows) {
		fputc('\n', screen->out);
		table_print(&table, screen);
	}
	table_done(&table);
}

void component_print(const struct screen *screen, const json_t *component)
{
	const char *level = json_get_text(component, "level");
	const char *name = json_get_text(component, "name");
	const char *tier = json_get_text(component, "tier");
	char text[VALUE_LEN];
	bool narrow = screen->width && strlen(name) + strlen(level) + strlen(tier) + HEAD_WORDS >
					       (size_t)screen->width;

	screen_paint(screen, PAINT_BOLD, "%s", name);
	fprintf(screen->out, "%spriority %" PRIu64 ", level ", narrow ? "\n  " : "  ",
		json_get_u64_or(component, "priority", 0));
	screen_paint(screen, component_paint(component), "%s", level);
	fprintf(screen->out, " for %s, tier %s\n\n", value_us(component, "level_for_us", text),
		tier);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		fprintf(screen->out, "%*s", i % 2 ? 4 : 2, "");
		screen_paint(screen, PAINT_DIM, "%-13s", fields[i].label);
		fprintf(screen->out, "%10s%s", fields[i].text(component, fields[i].key, text),
			i % 2 ? "\n" : "");
	}
	if (ARRAY_SIZE(fields) % 2)
		fputc('\n', screen->out);
	debts_print(screen, component);
	payoff_print(screen, component);
	gate_print(screen, component);
	print_leaves(screen, json_object_get(component, "leaves"));
	if (component_is_remarkable(component))
		fputc('\n', screen->out);
	component_print_remark(screen, component);
}
