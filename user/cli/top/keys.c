// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two tables of keys: those that do the same in every view, and those of one. While something is
 * asked at the bottom of the screen keys belong to that prompt. An action is put together here,
 * with its target as it was chosen at that moment, and goes out only after y.
 */
#include "user/cli/top/keys.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/cli/top/columns.h"

static void say(struct top_model *model, const char *text)
{
	text_copy(model->message, sizeof(model->message), text);
}

/* ---- everywhere ---- */

static enum keys_intent quit(struct top_model *model, int key)
{
	(void)model, (void)key;
	return KEYS_QUIT;
}

static enum keys_intent tab(struct top_model *model, int key)
{
	enum top_view at = model->view < TOP_TABS ? model->view : model->under;

	model_show(model, key == KEYS_TAB ? (at + 1) % TOP_TABS : (enum top_view)(key - '1'));
	return KEYS_ASK;
}

static enum keys_intent back(struct top_model *model, int key)
{
	(void)key;
	if (model->view >= TOP_TABS)
		model_show(model, model->view == TOP_OUTPUT ? TOP_JOBS : model->under);
	else
		model->filter[0] = '\0';
	model_arrange(model);
	return KEYS_ASK;
}

static enum keys_intent move(struct top_model *model, int key)
{
	int page = (int)model->page;

	model_move(model, key == KEYS_UP || key == 'k'     ? -1
			  : key == KEYS_DOWN || key == 'j' ? 1
			  : key == KEYS_PAGE_UP            ? -page
			  : key == KEYS_PAGE_DOWN          ? page
			  : key == KEYS_HOME               ? -(int)MODEL_ROWS
							   : (int)MODEL_ROWS);
	return KEYS_STAY;
}

static enum keys_intent stand_still(struct top_model *model, int key)
{
	uint32_t count = model->record_count;

	(void)key;
	model->paused = !model->paused;
	model->paused_at = count ? model->record[count - 1].sequence : 0;
	model_arrange(model);
	return model->paused ? KEYS_STAY : KEYS_ASK;
}

static enum keys_intent pace(struct top_model *model, int key)
{
	uint64_t period_us = key == '+' ? model->period_us / 2 : model->period_us * 2;

	if (period_us >= MODEL_PERIOD_MIN_US && period_us <= MODEL_PERIOD_MAX_US)
		model->period_us = period_us;
	return KEYS_STAY;
}

static enum keys_intent sort(struct top_model *model, int key)
{
	static const char *const names[SORT__COUNT] = {"worst first", "by name", "by use",
						       "by stalls", "by growth"};
	static const char *const of_jobs[SORT__COUNT] = {"worst first", "by name", "by use",
							 "by end", "by end"};
	enum model_sort *by = &model->sort[model->view];
	bool jobs = model->view == TOP_JOBS;

	if (model->view >= TOP_ACTIONS && key == 's')
		return KEYS_STAY;
	if (key == 's')
		*by = (*by + 1) % (jobs ? SORT_GROWTH : SORT__COUNT);
	else
		model->reversed[model->view] = !model->reversed[model->view];
	snprintf(model->message, sizeof(model->message), "sorted %s%s",
		 model->view == TOP_ACTIONS ? "by time"
		 : jobs                     ? of_jobs[*by]
					    : names[*by],
		 model->reversed[model->view] ? ", reversed" : "");
	model_arrange(model);
	return KEYS_STAY;
}

static enum keys_intent help(struct top_model *model, int key)
{
	(void)key;
	model->help = true;
	return KEYS_STAY;
}

static void ask(struct top_model *model, enum model_prompt prompt)
{
	model->prompt = prompt;
	model->text[0] = '\0';
}

static enum keys_intent filter(struct top_model *model, int key)
{
	(void)key;
	ask(model, PROMPT_FILTER);
	text_copy(model->text, sizeof(model->text), model->filter);
	return KEYS_STAY;
}

static enum keys_intent columns(struct top_model *model, int key)
{
	(void)key;
	ask(model, PROMPT_COLUMNS);
	return KEYS_STAY;
}

/* ---- of one view ---- */

static enum keys_intent look_at(struct top_model *model, enum top_view view)
{
	const struct top_component *component = model_chosen_component(model);

	if (component)
		text_copy(model->component, sizeof(model->component), component->name);
	model_show(model, view);
	return KEYS_ASK;
}

static enum keys_intent why(struct top_model *model, int key)
{
	(void)key;
	return model_chosen(model) ? look_at(model, TOP_WHY) : KEYS_STAY;
}

static enum keys_intent explain(struct top_model *model, int key)
{
	(void)key;
	return look_at(model, TOP_EXPLAIN);
}

/* The component before or behind the one that is explained. */
static enum keys_intent next_component(struct top_model *model, int key)
{
	uint32_t count = model->frame.component_count, at = 0;

	while (at < count && strcmp(model->frame.component[at].name, model->component) != 0)
		at++;
	if (!count)
		return KEYS_STAY;
	at = at == count ? 0 : (at + (key == 'n' ? 1 : count - 1)) % count;
	text_copy(model->component, sizeof(model->component), model->frame.component[at].name);
	return KEYS_ASK;
}

static const struct top_job *chosen_job(const struct top_model *model)
{
	const struct model_row *row = model_chosen(model);

	return row && model->view == TOP_JOBS ? &model->frame.job[row->first] : NULL;
}

/* Of a folded array, its jobs; of a job, what happened to it. */
static enum keys_intent enter_job(struct top_model *model, int key)
{
	const struct model_row *row = model_chosen(model);
	const struct top_job *job = chosen_job(model);

	(void)key;
	if (!job)
		return KEYS_STAY;
	if (row->count > 1) {
		model->unfolded = job->array;
		model_arrange(model);
		return KEYS_STAY;
	}
	model->job = job->id;
	model_show(model, TOP_STEPS);
	return KEYS_ASK;
}

static enum keys_intent output(struct top_model *model, int key)
{
	const struct top_job *job = chosen_job(model);

	(void)key;
	if (job)
		model->job = job->id;
	if (!job && model->view != TOP_STEPS)
		return KEYS_STAY;
	model_show(model, TOP_OUTPUT);
	return KEYS_ASK;
}

static enum keys_intent confirm(struct top_model *model, enum top_act_kind kind)
{
	model->act.kind = kind;
	model->prompt = PROMPT_CONFIRM;
	return KEYS_STAY;
}

static enum keys_intent act_on_component(struct top_model *model, int key)
{
	const struct top_component *component = model_chosen_component(model);
	const struct model_row *row = model_chosen(model);

	if (!component)
		return KEYS_STAY;
	model->act = (struct top_act){0};
	text_copy(model->act.component, sizeof(model->act.component), component->name);
	if (row->leaf != MODEL_NONE && key != 'r')
		text_copy(model->act.leaf, sizeof(model->act.leaf),
			  model->frame.leaf[row->leaf].name);
	if (key != 'r')
		return confirm(model, key == 'f' ? TOP_ACT_FREEZE : TOP_ACT_THAW);
	ask(model, PROMPT_BYTES);
	return KEYS_STAY;
}

static enum keys_intent act_on_job(struct top_model *model, int key)
{
	const struct model_row *row = model_chosen(model);
	const struct top_job *job = chosen_job(model);

	if (!job)
		return KEYS_STAY;
	model->act = (struct top_act){.job = row->count > 1 ? job->array : job->id};
	if (key == 'x')
		return confirm(model, TOP_ACT_CANCEL);
	return confirm(model, row->held == row->count ? TOP_ACT_RELEASE : TOP_ACT_HOLD);
}

/* ---- of a replay ---- */

static enum keys_intent travel(struct top_model *model, int key)
{
	static const struct {
		int key;
		enum model_travel travel;
		int by;
	} trips[] = {
		{KEYS_LEFT, TRAVEL_FRAME, -1}, {KEYS_RIGHT, TRAVEL_FRAME, 1},
		{'[', TRAVEL_ACTION, -1},      {']', TRAVEL_ACTION, 1},
		{'{', TRAVEL_TIME, -300},      {'}', TRAVEL_TIME, 300},
	};

	for (size_t i = 0; i < ARRAY_SIZE(trips); i++)
		if (trips[i].key == key) {
			model->travel = trips[i].travel;
			model->travel_by = trips[i].by;
		}
	return KEYS_TRAVEL;
}

static enum keys_intent ask_time(struct top_model *model, int key)
{
	(void)key;
	ask(model, PROMPT_TIME);
	return KEYS_STAY;
}

#define VIEW(view) (1U << (view))
#define ALL        (VIEW(TOP_VIEW__COUNT) - 1)

static const struct key_row {
	const char *keys;
	unsigned int views;
	size_t if_may; /* the offset of what must be true of the model; 0: nothing */
	enum keys_intent (*press)(struct top_model *model, int key);
} rows[] = {
	{"q", ALL, 0, quit},
	{"1234\t", ALL, 0, tab},
	{"\x1b", ALL, 0, back},
	{"kj", ALL, 0, move},
	{" ", ALL, 0, stand_still},
	{"+-", ALL, 0, pace},
	{"?", ALL, 0, help},
	{"sS", VIEW(TOP_COMPONENTS) | VIEW(TOP_JOBS) | VIEW(TOP_ACTIONS), 0, sort},
	{"/", VIEW(TOP_TABS) - 1, 0, filter},
	{"c", VIEW(TOP_COMPONENTS), 0, columns},
	{"\n", VIEW(TOP_COMPONENTS), 0, why},
	{"e", VIEW(TOP_COMPONENTS) | VIEW(TOP_WHY), 0, explain},
	{"\n", VIEW(TOP_EXPLAIN), 0, why},
	{"nN", VIEW(TOP_EXPLAIN) | VIEW(TOP_WHY), 0, next_component},
	{"\n", VIEW(TOP_JOBS), 0, enter_job},
	{"l", VIEW(TOP_JOBS) | VIEW(TOP_STEPS), 0, output},
	{"ftr", VIEW(TOP_COMPONENTS), offsetof(struct top_model, may_act), act_on_component},
	{"[]{}", ALL, offsetof(struct top_model, replay), travel},
	{"g", ALL, offsetof(struct top_model, replay), ask_time},
	{"hx", VIEW(TOP_JOBS), offsetof(struct top_model, may_change_jobs), act_on_job},
};

static bool is_of(const struct key_row *row, const struct top_model *model, int key)
{
	bool may = !row->if_may || *(const bool *)((const char *)model + row->if_may);

	return row->views & VIEW(model->view) && may && key && strchr(row->keys, key);
}

static enum keys_intent press(struct top_model *model, int key)
{
	if (key == KEYS_BACKSPACE)
		key = KEYS_ESCAPE;
	if (key == KEYS_LEFT || key == KEYS_RIGHT)
		return model->replay ? travel(model, key) : KEYS_STAY;
	if (key >= KEYS_UP)
		return move(model, key);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (is_of(&rows[i], model, key))
			return rows[i].press(model, key);
	}
	return KEYS_STAY;
}

/* ---- prompts ---- */

static void type(struct top_model *model, int key)
{
	size_t length = strlen(model->text);

	if (key == KEYS_BACKSPACE && length) {
		model->text[length - 1] = '\0';
	} else if (key >= ' ' && key <= '~' && length + 1 < sizeof(model->text)) {
		/* Behind it may be what was typed at an earlier prompt. */
		model->text[length] = (char)key;
		model->text[length + 1] = '\0';
	}
}

static enum keys_intent press_filter(struct top_model *model, int key)
{
	if (key == KEYS_ESCAPE)
		model->text[0] = '\0';
	type(model, key);
	if (key == KEYS_ENTER || key == KEYS_ESCAPE)
		model->prompt = PROMPT_NONE;
	text_copy(model->filter, sizeof(model->filter), model->text);
	model_arrange(model);
	return KEYS_STAY;
}

static enum keys_intent press_bytes(struct top_model *model, int key)
{
	if (key == KEYS_ESCAPE)
		model->prompt = PROMPT_NONE;
	if (key != KEYS_ENTER) {
		type(model, key);
		return KEYS_STAY;
	}
	model->prompt = PROMPT_NONE;
	if (units_parse_bytes(model->text, &model->act.bytes) >= 0 && model->act.bytes &&
	    model->act.bytes <= INT64_MAX)
		return confirm(model, TOP_ACT_RECLAIM);
	say(model, "that is no number of bytes with its unit, like 64M");
	return KEYS_STAY;
}

static enum keys_intent press_time(struct top_model *model, int key)
{
	if (key == KEYS_ESCAPE || key == KEYS_ENTER)
		model->prompt = PROMPT_NONE;
	type(model, key);
	model->travel = TRAVEL_TO;
	return key == KEYS_ENTER ? KEYS_TRAVEL : KEYS_STAY;
}

static enum keys_intent press_columns(struct top_model *model, int key)
{
	int column = columns_by_letter(key);

	if (column >= 0)
		model->columns_off ^= 1U << column;
	else
		model->prompt = PROMPT_NONE;
	return KEYS_STAY;
}

static enum keys_intent press_confirm(struct top_model *model, int key)
{
	model->prompt = PROMPT_NONE;
	if (key == 'y')
		return KEYS_ACT;
	say(model, "nothing was done");
	return KEYS_STAY;
}

enum keys_intent keys_press(struct top_model *model, int key)
{
	static enum keys_intent (*const prompts[])(struct top_model * model, int key) = {
		[PROMPT_NONE] = press,
		[PROMPT_TIME] = press_time,
		[PROMPT_FILTER] = press_filter,
		[PROMPT_BYTES] = press_bytes,
		[PROMPT_COLUMNS] = press_columns,
		[PROMPT_CONFIRM] = press_confirm,
	};

	model->message[0] = '\0';
	if (model->help) {
		model->help = false;
		return key == 'q' ? KEYS_QUIT : KEYS_STAY;
	}
	return prompts[model->prompt](model, key);
}
