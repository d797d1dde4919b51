// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes the rows of each view out of its frame: those that pass the filter, worst first or as the
 * person sorted them. A component brings the leaves that there is something to say of: frozen ones,
 * and while it is under pressure its largest. Jobs of an array are one row until it is unfolded.
 */
#include "user/cli/top/rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"

#define LEAVES_SHOWN 4 /* of a component */

static bool passes(const struct top_model *model, const char *text)
{
	return !*model->filter || strcasestr(text, model->filter);
}

static struct model_row *add(struct top_model *model, uint32_t first)
{
	struct model_row *row;

	if (model->row_count == MODEL_ROWS)
		return NULL;
	row = &model->row[model->row_count++];
	*row = (struct model_row){.first = first, .leaf = MODEL_NONE, .count = 1, .why = first};
	return row;
}

static int by_number(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int by_signed(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* ---- components ---- */

static int worse_component(const struct top_component *a, const struct top_component *b)
{
	return by_number(b->level, a->level)
		       ?: by_number(b->some_permyriad, a->some_permyriad)
		       ?: by_number(b->use_permyriad, a->use_permyriad);
}

static int compare_components(const struct top_component *a, const struct top_component *b,
			      enum model_sort sort)
{
	switch (sort) {
	case SORT_NAME:
		return 0;
	case SORT_USED:
		return by_number(b->current_bytes, a->current_bytes);
	case SORT_STALL:
		return by_number(b->some_permyriad, a->some_permyriad);
	case SORT_GROWTH:
		return by_signed(b->growth_bytes_per_s, a->growth_bytes_per_s);
	default:
		return worse_component(a, b);
	}
}

static int order_components(const void *left, const void *right, void *data)
{
	const struct top_model *model = data;
	const struct top_component *a = &model->frame.component[*(const uint32_t *)left];
	const struct top_component *b = &model->frame.component[*(const uint32_t *)right];
	int order =
		compare_components(a, b, model->sort[TOP_COMPONENTS]) ?: strcmp(a->name, b->name);

	return model->reversed[TOP_COMPONENTS] ? -order : order;
}

/* The largest leaf of a component that was not added yet and that is worth a row. */
static uint32_t next_leaf(const struct top_model *model, uint32_t component, bool frozen,
			  const bool *added)
{
	uint32_t best = MODEL_NONE;

	for (uint32_t i = 0; i < model->frame.leaf_count; i++) {
		const struct top_leaf *leaf = &model->frame.leaf[i];

		if (leaf->component != component || leaf->frozen != frozen || added[i])
			continue;
		if (best == MODEL_NONE ||
		    leaf->current_bytes > model->frame.leaf[best].current_bytes)
			best = i;
	}
	return best;
}

static void add_leaf(struct top_model *model, uint32_t component, uint32_t leaf)
{
	struct model_row *row = add(model, component);

	if (row)
		row->leaf = leaf;
}

static void add_leaves(struct top_model *model, uint32_t component)
{
	bool presses = model->frame.component[component].level >= LEVEL_HIGH;
	bool added[TOP_LEAVES_MAX] = {false};
	uint32_t leaf;

	for (int i = 0; i < LEAVES_SHOWN; i++) {
		leaf = next_leaf(model, component, true, added);
		if (leaf == MODEL_NONE && presses) {
			leaf = next_leaf(model, component, false, added);
			presses = false;
		}
		if (leaf == MODEL_NONE)
			return;
		added[leaf] = true;
		add_leaf(model, component, leaf);
	}
}

static void fill_components(struct top_model *model)
{
	uint32_t order[UW_COMPONENTS_MAX], count = 0;

	for (uint32_t i = 0; i < model->frame.component_count; i++) {
		if (passes(model, model->frame.component[i].name))
			order[count++] = i;
	}
	qsort_r(order, count, sizeof(*order), order_components, model);
	for (uint32_t i = 0; i < count; i++) {
		add(model, order[i]);
		add_leaves(model, order[i]);
	}
}

/* ---- jobs ---- */

int rows_job_rank(const struct top_job *job)
{
	static const char *const states[] = {"starting", "running", "queued", "waiting", "held"};

	if (job->at_limit_us != FRAME_ABSENT)
		return 0;
	if (job->late_us != FRAME_ABSENT)
		return 1;
	if (!strcmp(job->state, "frozen"))
		return 2;
	for (int i = 0; i < (int)ARRAY_SIZE(states); i++) {
		if (!strcmp(states[i], job->state))
			return 3 + i;
	}
	return 3 + (int)ARRAY_SIZE(states);
}

static int compare_jobs(const struct top_job *a, const struct top_job *b, enum model_sort sort)
{
	switch (sort) {
	case SORT_NAME:
		return strcmp(a->name, b->name);
	case SORT_USED:
		return by_number(b->used_bytes + 1, a->used_bytes + 1); /* absent is none */
	case SORT_STALL:
	case SORT_GROWTH:
		return by_number(a->end_in_us, b->end_in_us);
	default:
		return rows_job_rank(a) - rows_job_rank(b) ?: by_number(a->position, b->position);
	}
}

static int order_jobs(const void *left, const void *right, void *data)
{
	const struct top_model *model = data;
	const struct top_job *a = &model->frame.job[*(const uint32_t *)left];
	const struct top_job *b = &model->frame.job[*(const uint32_t *)right];
	int order = compare_jobs(a, b, model->sort[TOP_JOBS]) ?: by_number(a->id, b->id);

	return model->reversed[TOP_JOBS] ? -order : order;
}

static struct model_row *folded(struct top_model *model, uint64_t array)
{
	for (uint32_t i = 0; i < model->row_count; i++) {
		if (model->frame.job[model->row[i].first].array == array)
			return &model->row[i];
	}
	return NULL;
}

static bool waits(const struct top_job *job)
{
	return !strcmp(job->state, "queued") || !strcmp(job->state, "waiting");
}

static bool folds(const struct top_model *model, const struct top_job *job)
{
	return job->array != FRAME_ABSENT && job->array != model->unfolded;
}

static void add_job(struct top_model *model, uint32_t at)
{
	const struct top_job *job = &model->frame.job[at];
	struct model_row *row = folds(model, job) ? folded(model, job->array) : NULL;

	if (row)
		row->count++;
	else
		row = add(model, at);
	if (!row)
		return;
	if (waits(job) && !waits(&model->frame.job[row->why]))
		row->why = at;
	row->running += !strcmp(job->state, "running") || !strcmp(job->state, "starting");
	row->frozen += !strcmp(job->state, "frozen");
	row->held += !strcmp(job->state, "held");
	row->used_bytes += job->used_bytes == FRAME_ABSENT ? 0 : job->used_bytes;
	row->reserved_bytes += job->reserved_bytes;
}

static bool job_passes(const struct top_model *model, const struct top_job *job)
{
	char id[24];

	snprintf(id, sizeof(id), "%" PRIu64, job->array == FRAME_ABSENT ? job->id : job->array);
	return passes(model, job->name) || passes(model, job->component) ||
	       passes(model, job->state) || passes(model, id);
}

/* What is folded stands for all of its array, and what is done to it is done to all: one of them
 * that passes brings the others with it. */
static bool array_passes(const struct top_model *model, uint64_t array)
{
	for (uint32_t i = 0; i < model->frame.job_count; i++)
		if (model->frame.job[i].array == array && job_passes(model, &model->frame.job[i]))
			return true;
	return false;
}

static bool is_listed(const struct top_model *model, const struct top_job *job)
{
	return job_passes(model, job) || (folds(model, job) && array_passes(model, job->array));
}

static void fill_jobs(struct top_model *model)
{
	uint32_t order[TOP_JOBS_MAX], count = 0;

	for (uint32_t i = 0; i < model->frame.job_count; i++) {
		if (is_listed(model, &model->frame.job[i]))
			order[count++] = i;
	}
	qsort_r(order, count, sizeof(*order), order_jobs, model);
	for (uint32_t i = 0; i < count; i++)
		add_job(model, order[i]);
}

/* ---- actions and conditions ---- */

static void fill_actions(struct top_model *model)
{
	for (uint32_t i = 0; i < model->record_count; i++) {
		bool newest = !model->reversed[TOP_ACTIONS];
		uint32_t at = newest ? model->record_count - 1 - i : i;
		const struct top_record *record = &model->record[at];

		if (model->paused && !model->replay && record->sequence > model->paused_at)
			continue;
		if (passes(model, record->component) || passes(model, record->what) ||
		    passes(model, record->reason))
			add(model, at);
	}
}

static void fill_conditions(struct top_model *model)
{
	for (uint32_t i = 0; i < model->frame.condition_count; i++) {
		if (passes(model, model->frame.condition[i].name))
			add(model, i);
	}
}

void rows_fill(struct top_model *model)
{
	static void (*const fill[TOP_TABS])(struct top_model * model) = {
		[TOP_COMPONENTS] = fill_components,
		[TOP_JOBS] = fill_jobs,
		[TOP_ACTIONS] = fill_actions,
		[TOP_EXPLAIN] = fill_conditions,
	};

	model->row_count = 0;
	if (model->view < TOP_TABS)
		fill[model->view](model);
}

static const char *job_key(const struct top_model *model, const struct model_row *row, char *buf)
{
	const struct top_job *job = &model->frame.job[row->first];
	bool all = folds(model, job);

	snprintf(buf, MODEL_KEY_LEN, "%s%" PRIu64, all ? "a" : "", all ? job->array : job->id);
	return buf;
}

const char *rows_key(const struct top_model *model, const struct model_row *row,
		     char buf[static MODEL_KEY_LEN])
{
	const struct top_component *component = &model->frame.component[row->first];

	switch (model->view) {
	case TOP_JOBS:
		return job_key(model, row, buf);
	case TOP_ACTIONS:
		snprintf(buf, MODEL_KEY_LEN, "%" PRIu64, model->record[row->first].sequence);
		return buf;
	case TOP_COMPONENTS:
		if (row->leaf == MODEL_NONE)
			snprintf(buf, MODEL_KEY_LEN, "%s", component->name);
		else
			snprintf(buf, MODEL_KEY_LEN, "%s/%s", component->name,
				 model->frame.leaf[row->leaf].name);
		return buf;
	default:
		snprintf(buf, MODEL_KEY_LEN, "%" PRIu32, row->first + 1);
		return buf;
	}
}
