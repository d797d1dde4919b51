// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Three columns: as it was recorded, the simulated machine by the recorded configuration, and by
 * the other one. The first two tell how far the simulation is to be believed, the last two what the
 * change does.
 */
#include "user/cli/effect/effect.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/units.h"
#include "user/cli/effect/machine.h"

enum {
	RECORDED,
	SIMULATED,
	OTHERWISE,
	WAYS
};

static const char *const way_name[WAYS] = {"recorded", "simulated", "otherwise"};

struct view {
	struct demand demand;
	struct effect simulated, otherwise;
	const struct effect *way[WAYS];
	int ways; /* to be shown: nothing is otherwise where no change was asked about */
};

/* Of the recorded machine. */
static uint64_t usable_of(const struct demand *demand, const struct config *config)
{
	if (config->usable_conf_permyriad && demand->total_bytes)
		return config_share(demand->total_bytes, config->usable_conf_permyriad);
	return demand->usable_bytes;
}

static int run_both(struct view *view, const struct config *other, uint64_t swap_bytes,
		    struct uw_err *err)
{
	struct demand *demand = &view->demand;
	struct machine_options options = {&demand->config, demand->usable_bytes,
					  demand->swap_bytes};
	int rc = machine_run(demand, &options, &view->simulated, err);

	view->ways = other || swap_bytes ? WAYS : OTHERWISE;
	view->way[RECORDED] = &demand->came;
	view->way[SIMULATED] = &view->simulated;
	view->way[OTHERWISE] = &view->otherwise;
	if (rc || view->ways < WAYS)
		return rc;
	options.config = other ? other : &demand->config;
	options.usable_bytes = usable_of(demand, options.config);
	options.swap_bytes = swap_bytes ? swap_bytes : demand->swap_bytes;
	return machine_run(demand, &options, &view->otherwise, err);
}

/* ---- as text ---- */

#define COLUMNS_OF_LEAF 2

static const struct column column[COLUMNS_OF_LEAF + WAYS] = {
	{"what", false, 0},     {"of", false, 0},       {"recorded", true, 0},
	{"simulated", true, 0}, {"otherwise", true, 0},
};

static void cell_seconds(struct table *table, uint64_t us)
{
	table_cell(table, us ? PAINT_PLAIN : PAINT_DIM, "%.1f s", (double)us / 1e6);
}

static void cell_bytes(struct table *table, uint64_t bytes)
{
	char text[UNITS_TEXT_LEN];

	units_print_bytes(bytes, text);
	table_cell(table, bytes ? PAINT_PLAIN : PAINT_DIM, "%s", text);
}

static void rows_of_component(const struct view *view, struct table *table, uint32_t i)
{
	const char *name = view->demand.config.component[i].name;

	table_cell(table, PAINT_PLAIN, "%s", name);
	table_cell(table, PAINT_PLAIN, "waited for memory");
	for (int way = 0; way < view->ways; way++)
		cell_seconds(table, view->way[way]->component[i].stalled_us);
	table_cell(table, PAINT_PLAIN, "%s", name);
	table_cell(table, PAINT_PLAIN, "in swap at most");
	for (int way = 0; way < view->ways; way++)
		cell_bytes(table, view->way[way]->component[i].swapped_bytes);
}

static void cell_end(struct table *table, const struct effect_leaf *leaf)
{
	if (leaf->killed)
		table_cell(table, PAINT_BAD, "killed");
	else if (leaf->ended_us)
		cell_seconds(table, leaf->ended_us);
	else
		table_cell(table, PAINT_DIM, "-");
}

static const char *component_of(const struct view *view, uint32_t i)
{
	return view->demand.config.component[view->demand.leaf[i].component].name;
}

/* Who is started again under its name is another leaf. */
static bool has_namesake(const struct view *view, uint32_t i)
{
	const struct demand *demand = &view->demand;

	for (uint32_t k = 0; k < demand->leaves; k++)
		if (k != i && demand->leaf[k].component == demand->leaf[i].component &&
		    !strcmp(demand->leaf[k].name, demand->leaf[i].name))
			return true;
	return false;
}

static void leaf_text(const struct view *view, uint32_t i, char *buf, size_t size)
{
	const struct demand_leaf *leaf = &view->demand.leaf[i];

	if (!*leaf->name)
		snprintf(buf, size, "%s/%" PRIu64, component_of(view, i), leaf->cgid);
	else if (has_namesake(view, i))
		snprintf(buf, size, "%s/%s (%" PRIu64 ")", component_of(view, i), leaf->name,
			 leaf->cgid);
	else
		snprintf(buf, size, "%s/%s", component_of(view, i), leaf->name);
}

static void cell_work(struct table *table, const struct effect_leaf *leaf)
{
	cell_seconds(table, leaf->done_us);
}

static void cell_stood(struct table *table, const struct effect_leaf *leaf)
{
	cell_seconds(table, leaf->stood_us);
}

/* Nobody needs to be told of a leaf that it never stood still. */
static bool was_stopped(const struct view *view, uint32_t i)
{
	for (int way = 0; way < view->ways; way++)
		if (view->way[way]->leaf[i].stood_us)
			return true;
	return false;
}

static bool has_ended(const struct view *view, uint32_t i)
{
	for (int way = 0; way < view->ways; way++)
		if (view->way[way]->leaf[i].ended_us || view->way[way]->leaf[i].killed)
			return true;
	return false;
}

static void row_of_leaf(const struct view *view, struct table *table, uint32_t i, const char *of,
			void (*cell)(struct table *table, const struct effect_leaf *leaf))
{
	char name[TABLE_CELL_LEN];

	leaf_text(view, i, name, sizeof(name));
	table_cell(table, PAINT_PLAIN, "%s", name);
	table_cell(table, PAINT_PLAIN, "%s", of);
	for (int way = 0; way < view->ways; way++)
		cell(table, &view->way[way]->leaf[i]);
}

static void rows_of_leaf(const struct view *view, struct table *table, uint32_t i)
{
	row_of_leaf(view, table, i, "work done", cell_work);
	if (was_stopped(view, i))
		row_of_leaf(view, table, i, "stood frozen", cell_stood);
	if (has_ended(view, i))
		row_of_leaf(view, table, i, "ended after", cell_end);
}

static void print_table(const struct cli *cli, const struct view *view)
{
	const struct demand *demand = &view->demand;
	char size[UNITS_TEXT_LEN];
	struct table table;

	units_print_bytes(demand->total_bytes, size);
	fprintf(cli->screen.out,
		"\nThe last %.1f s that are recorded in full, on a simulated machine of %s:\n",
		(double)(demand->last_us - demand->first_us) / 1e6, size);
	table_init(&table, column, COLUMNS_OF_LEAF + view->ways);
	for (uint32_t i = 0; i < demand->config.component_count; i++)
		rows_of_component(view, &table, i);
	for (uint32_t i = 0; i < demand->leaves; i++)
		rows_of_leaf(view, &table, i);
	table_print(&table, &cli->screen);
	table_done(&table);
	if (demand->left_out)
		fprintf(cli->screen.out, "note: %u leaves are left out, for want of room\n",
			demand->left_out);
	screen_wrap(&cli->screen, PAINT_DIM, 0, 0,
		    "What a leaf wants is taken from the recording, by its own time; what it would "
		    "have gone on to is not known. Where 'simulated' is far from 'recorded', do "
		    "not believe 'otherwise'.");
}

/* ---- as JSON ---- */

static json_t *component_json(const struct effect_component *c)
{
	return json_pack("{s:I, s:I}", "stalled_us", (json_int_t)c->stalled_us, "swapped_bytes",
			 (json_int_t)c->swapped_bytes);
}

static json_t *leaf_json(const struct effect_leaf *leaf)
{
	return json_pack("{s:I, s:I, s:I, s:b}", "done_us", (json_int_t)leaf->done_us, "stood_us",
			 (json_int_t)leaf->stood_us, "ended_us", (json_int_t)leaf->ended_us,
			 "killed", leaf->killed);
}

/* An entry of a list, and not by its name: there may be two of one name. */
static json_t *entry_json(const struct view *view, uint32_t i)
{
	const struct demand_leaf *leaf = &view->demand.leaf[i];
	char name[RECORD_LEAF_LEN];
	json_t *entry;

	snprintf(name, sizeof(name), "%s", leaf->name);
	entry = json_pack("{s:s, s:s, s:I}", "component", component_of(view, i), "name",
			  screen_clean(name), "cgid", (json_int_t)leaf->cgid);
	for (int way = 0; way < view->ways; way++)
		json_object_set_new(entry, way_name[way], leaf_json(&view->way[way]->leaf[i]));
	return entry;
}

static json_t *make_json(const struct view *view)
{
	const struct demand *demand = &view->demand;
	json_t *components = json_object(), *leaves = json_array();

	for (uint32_t i = 0; i < demand->config.component_count; i++) {
		json_t *ways = json_object();

		for (int way = 0; way < view->ways; way++)
			json_object_set_new(ways, way_name[way],
					    component_json(&view->way[way]->component[i]));
		json_object_set_new(components, demand->config.component[i].name, ways);
	}
	for (uint32_t i = 0; i < demand->leaves; i++)
		json_array_append_new(leaves, entry_json(view, i));
	return json_pack("{s:I, s:o, s:o, s:I}", "span_us",
			 (json_int_t)(demand->last_us - demand->first_us), "components", components,
			 "leaves", leaves, "left_out", (json_int_t)demand->left_out);
}

int effect_show(const struct cli *cli, struct recording *recording, const struct config *other,
		uint64_t swap_bytes, json_t **ret_json, struct uw_err *err)
{
	AUTO_FREE struct view *view = calloc(1, sizeof(*view));
	int rc;

	if (!view)
		return err_set(err, -ENOMEM, "out of memory");
	rc = demand_read(&view->demand, recording, err);
	if (!rc)
		rc = run_both(view, other, swap_bytes, err);
	if (!rc && ret_json)
		*ret_json = make_json(view);
	else if (!rc)
		print_table(cli, view);
	demand_done(&view->demand);
	return rc;
}
