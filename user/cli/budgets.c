// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Has hot_sets.c go through what uwd has recorded, and prints a row for each component with what it
 * worked on and the share that would have held it, then what all worked on at the same time: where
 * the shares add up to more than the pool it is this that says whether the pool is too small.
 */
#include "user/cli/budgets.h"

#include <inttypes.h>
#include <stdio.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/cli/flight_copy.h"
#include "user/cli/hot_sets.h"
#include "user/cli/remote.h"

#define MEDIAN 5000 /* permyriad of the time */
#define MOST   9500

static json_t *known_json(uint64_t value, bool known)
{
	return known ? json_integer((json_int_t)value) : json_null();
}

static json_t *set_json(const struct hot_sets *sets, const struct hot_set *set)
{
	bool seen = set->seen_us;

	return json_pack("{s:I, s:I, s:o, s:o, s:o, s:o, s:b}", "seen_us", (json_int_t)set->seen_us,
			 "aged_us", (json_int_t)set->aged_us, "p50_bytes",
			 known_json(hot_sets_quantile(sets, set, MEDIAN), seen), "p95_bytes",
			 known_json(hot_sets_quantile(sets, set, MOST), seen), "max_bytes",
			 known_json(set->most_bytes, seen), "wanted_permyriad",
			 known_json(hot_sets_share(sets, set), seen), "at_least",
			 hot_sets_is_at_least(set));
}

static json_t *component_json(const struct hot_sets *sets, uint32_t i)
{
	const struct component *c = &sets->config.component[i];
	const struct hot_set *set = &sets->component[i];
	json_t *json = set_json(sets, set);

	json_object_set_new(json, "component", json_string(c->name));
	json_object_set_new(json, "budget_bytes", json_integer((json_int_t)c->budget_bytes));
	json_object_set_new(json, "share_permyriad",
			    json_integer((json_int_t)(c->budget_bytes * PERMYRIAD_ONE /
						      sets->config.usable_bytes)));
	return json;
}

static uint64_t wanted_by_all(const struct hot_sets *sets)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < sets->config.component_count; i++)
		if (sets->component[i].seen_us)
			sum += hot_sets_share(sets, &sets->component[i]);
	return sum;
}

static json_t *budgets_json(const struct hot_sets *sets)
{
	json_t *components = json_array();

	for (uint32_t i = 0; i < sets->config.component_count; i++)
		json_array_append_new(components, component_json(sets, i));
	return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o}", "from_wall_us",
			 (json_int_t)sets->from_us, "to_wall_us", (json_int_t)sets->to_us,
			 "usable_bytes", (json_int_t)sets->config.usable_bytes, "wanted_permyriad",
			 (json_int_t)wanted_by_all(sets), "together",
			 set_json(sets, &sets->together), "budgets", components);
}

/* ---- for people ---- */

static void print_row(struct table *table, const json_t *row)
{
	uint64_t seen_us = json_get_u64_or(row, "seen_us", 0);
	uint64_t aged_us = json_get_u64_or(row, "aged_us", 0);
	const char *mark = json_get_bool(row, "at_least") ? ">=" : "";
	char text[VALUE_LEN];

	table_cell(table, PAINT_PLAIN, "%s", json_get_text(row, "component"));
	table_cell(table, PAINT_PLAIN, "%s",
		   units_print_us(seen_us / US_PER_SEC * US_PER_SEC, text));
	table_cell(table, PAINT_PLAIN, "%" PRIu64 "%%", seen_us ? aged_us * 100 / seen_us : 0);
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(row, "p50_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s%s", mark, value_bytes(row, "p95_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(row, "max_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_bytes(row, "budget_bytes", text));
	table_cell(table, PAINT_PLAIN, "%s", value_percent(row, "share_permyriad", text));
	table_cell(table, PAINT_BOLD, "%s%s", mark, value_percent(row, "wanted_permyriad", text));
}

static void print_table(const struct screen *screen, const json_t *answer)
{
	static const struct column columns[] = {
		{"COMPONENT", false, 0}, {"SEEN", true, 3},  {"AGED", true, 4},
		{"P50", true, 2},        {"P95", true, 0},   {"MAX", true, 1},
		{"BUDGET", true, 3},     {"SHARE", true, 0}, {"WANTS", true, 0},
	};
	struct table table;
	const json_t *row;
	size_t i;

	table_init(&table, columns, ARRAY_SIZE(columns));
	json_array_foreach (json_object_get(answer, "budgets"), i, row)
		print_row(&table, row);
	table_print(&table, screen);
	table_done(&table);
}

/* What the sum of the shares means. */
static const char *verdict(const json_t *answer)
{
	const json_t *together = json_object_get(answer, "together");

	if (json_get_u64_or(answer, "wanted_permyriad", 0) <= PERMYRIAD_ONE)
		return "they fit the pool";
	if (json_get_u64_or(together, "wanted_permyriad", 0) <= PERMYRIAD_ONE)
		return "they are more than the pool, but were not all wanted at one time: with lend "
		       "and borrow it holds them";
	return "the pool is too small to hold what is in use at one time below level medium";
}

static void print_sum(const struct screen *screen, const json_t *answer)
{
	const json_t *together = json_object_get(answer, "together");
	char text[512], p95[VALUE_LEN], most[VALUE_LEN], usable[VALUE_LEN], wanted[VALUE_LEN];

	if (!json_get_u64_or(together, "seen_us", 0))
		return;
	snprintf(text, sizeof(text),
		 "all at one time: %s%s in 95 %% of it and %s at most, of %s. The shares add up "
		 "to %s: %s.",
		 json_get_bool(together, "at_least") ? ">=" : "",
		 value_bytes(together, "p95_bytes", p95), value_bytes(together, "max_bytes", most),
		 value_bytes(answer, "usable_bytes", usable),
		 value_percent(answer, "wanted_permyriad", wanted), verdict(answer));
	fputc('\n', screen->out);
	screen_wrap(screen, PAINT_PLAIN, 0, 0, text);
}

static int say(const struct cli *cli, json_t *answer)
{
	AUTO_JSON json_t *held = answer;

	if (cli->options.json)
		return cli_print_json(cli, json_incref(held));
	print_table(&cli->screen, held);
	print_sum(&cli->screen, held);
	return CLI_OK;
}

int budgets_print(struct cli *cli)
{
	struct flight_copy copy;
	AUTO_FREE struct hot_sets *sets = NULL;
	struct uw_err err = {0};
	int r = flight_copy_open(&copy, cli->options.recording, &err);

	if (!r)
		r = hot_sets_gather(copy.recording, cli->options.since_us, &sets, &err);
	flight_copy_done(&copy);
	return r ? cli_fail(cli, &err) : say(cli, budgets_json(sets));
}
