// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl explain prints each condition of the policy, for the host and for each component, with its
 * live value, the threshold it is held against and how far it is from firing. uwd does the sums;
 * here is the table of them.
 */
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/cli/command.h"
#include "user/cli/remote.h"

static void add_row(struct table *table, const json_t *condition)
{
	const char *unit = json_get_text(condition, "unit");
	const char *tier = json_get_text(condition, "tier");
	bool at_most = !strcmp(json_get_text(condition, "op"), "at_most");
	enum paint paint = json_get_bool(condition, "met") ? PAINT_WARN : PAINT_PLAIN;
	char text[VALUE_LEN];

	table_cell(table, paint, "%s", json_get_text(condition, "name"));
	table_cell(table, paint, "%s", value_in_unit(condition, "observed", unit, text));
	table_cell(table, paint, "%s %s",
		   at_most ? "<=" : ">=", value_in_unit(condition, "threshold", unit, text));
	table_cell(table, paint, "%s", json_get_bool(condition, "met") ? "yes" : "no");
	table_cell(table, paint, "%s", json_get_text(condition, "leads_to"));
	table_cell(table, paint, "%s", strcmp(tier, "none") ? tier : "");
	table_cell(table, PAINT_PLAIN, "%s", json_get_text(condition, "text"));
}

static void print_allowed(const struct screen *screen, const json_t *tiers)
{
	char text[256] = "tiers that its configuration allows:";
	size_t at = strlen(text), i;
	const json_t *tier;

	json_array_foreach (tiers, i, tier) {
		if (at < sizeof(text))
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s %s", i ? "," : "",
					       json_string_value(tier));
	}
	screen_wrap(screen, PAINT_DIM, 0, 2, text);
}

static void print_conditions(const struct screen *screen, const json_t *conditions)
{
	static const struct column columns[] = {
		{"CONDITION", false, 0},
		{"NOW", true, 0},
		{"FIRES AT", true, 0},
		{"MET", false, 0},
		{"LEADS TO", false, 0},
		{"TIER", false, 0},
		{"DISTANCE", false, COLUMN_WRAPS},
	};
	const json_t *condition;
	struct table table;
	size_t i;

	table_init(&table, columns, ARRAY_SIZE(columns));
	json_array_foreach (conditions, i, condition)
		add_row(&table, condition);
	table_print(&table, screen);
	table_done(&table);
}

static void print_explanation(const struct screen *screen, const json_t *explanation)
{
	const char *level = json_get_text(explanation, "level");

	screen_paint(screen, PAINT_BOLD, "%s", json_get_text(explanation, "component"));
	fprintf(screen->out, ": level ");
	screen_paint(screen, level_paint(level), "%s", level);
	fprintf(screen->out, ", tier %s\n", json_get_text(explanation, "tier"));
	print_allowed(screen, json_object_get(explanation, "allowed"));
	print_conditions(screen, json_object_get(explanation, "conditions"));
}

/* Of all components it comes first; of one where the host has to do with what is done to it. */
static bool print_host(const struct screen *screen, const json_t *host, bool is_asked)
{
	const char *stage = json_get_text(host, "stage");
	bool calm = !strcmp(stage, "calm");

	if (!json_array_size(json_object_get(host, "conditions")) || (calm && !is_asked))
		return false;
	screen_paint(screen, PAINT_BOLD, "host");
	fprintf(screen->out, ": stage ");
	screen_paint(screen, calm ? PAINT_PLAIN : PAINT_WARN, "%s", stage);
	fputc('\n', screen->out);
	print_conditions(screen, json_object_get(host, "conditions"));
	return true;
}

int command_explain(struct cli *cli)
{
	AUTO_JSON json_t *answer = NULL;
	struct uw_err err = {0};
	const json_t *explanation;
	bool has_host;
	size_t i;

	if (remote_call(cli, IPC_EXPLAIN, remote_component(cli), &answer, &err) < 0)
		return cli_fail(cli, &err);
	if (cli->options.json)
		return cli_print_json(cli, TAKE(answer));
	has_host = print_host(&cli->screen, json_object_get(answer, "host"), !cli->argc);
	json_array_foreach (json_object_get(answer, "components"), i, explanation) {
		if (i || has_host)
			fputc('\n', cli->screen.out);
		print_explanation(&cli->screen, explanation);
	}
	return CLI_OK;
}
