// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Draws Components: a row a component, below it those of its leaves that matter now. Each column
 * has a function that draws its cell. On a large screen a component has two lines, with its use and
 * its stalls of the last five minutes.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/cli/screen.h"
#include "user/cli/top/bars.h"
#include "user/cli/top/columns.h"
#include "user/cli/top/layout_inside.h"

#define TALL            40 /* rows of a screen from which on components may have two lines */
#define WIDE            120
#define STALLS          100 /* permyriad from which on a stall is coloured */
#define LEAF_SHIFT      2
#define SOON_US         600000000ULL /* a limit that is further away is none for NOW */
#define REFUSED_NEWS_US 60000000ULL  /* a mapping that was refused longer ago neither */

struct cell_place {
	struct canvas *canvas;
	int x, y, width;
};

static enum paint paint_of(enum level level)
{
	static const enum paint paints[LEVEL__COUNT] = {
		[LEVEL_NORMAL] = PAINT_GOOD,  [LEVEL_LOW] = PAINT_NOTE,
		[LEVEL_MEDIUM] = PAINT_NOTE,  [LEVEL_HIGH] = PAINT_WARN,
		[LEVEL_CRITICAL] = PAINT_BAD, [LEVEL_EMERGENCY] = PAINT_BAD,
	};

	return paints[level];
}

/* The worst two are seen without colours too. */
static const char *level_word(enum level level, char buf[static 16])
{
	size_t i = 0;

	for (const char *name = level_name(level); *name && i < 15; name++)
		buf[i++] = (char)(level >= LEVEL_CRITICAL ? toupper(*name) : *name);
	buf[i] = '\0';
	return buf;
}

static void right(const struct cell_place *at, unsigned int style, const char *text)
{
	canvas_right(at->canvas, at->x, at->y, at->width, style, text);
}

static void bytes(const struct cell_place *at, uint64_t value)
{
	char text[UNITS_TEXT_LEN];

	right(at, value ? PAINT_PLAIN : PAINT_DIM, layout_bytes(value, text));
}

static void rate(const struct cell_place *at, int64_t bytes_per_s)
{
	uint64_t size = bytes_per_s < 0 ? (uint64_t)-bytes_per_s : (uint64_t)bytes_per_s;
	char text[UNITS_TEXT_LEN], buf[UNITS_TEXT_LEN + 4];

	snprintf(buf, sizeof(buf), "%c%s/s", bytes_per_s < 0 ? '-' : '+',
		 units_print_bytes(size, text));
	right(at, size < MIB ? PAINT_DIM : PAINT_PLAIN, size < 4096 ? "0" : buf);
}

static void draw_name(const struct cell_place *at, const struct top_component *component)
{
	canvas_text(at->canvas, at->x, at->y, at->width, STYLE_STRONG, component->name);
}

static void draw_level(const struct cell_place *at, const struct top_component *component)
{
	char word[16];

	canvas_text(at->canvas, at->x, at->y, at->width, paint_of(component->level),
		    level_word(component->level, word));
}

/* What is lent is said in the bar, as that part is not its own now. */
static void draw_use(const struct cell_place *at, const struct top_component *component)
{
	bool marked = component->high_bytes != FRAME_ABSENT &&
		      component->high_bytes < component->in_force_bytes;
	char size[UNITS_TEXT_LEN], text[UNITS_TEXT_LEN + 8];
	int length;

	bars_draw(at->canvas, at->x, at->y, at->width, paint_of(component->level),
		  component->current_bytes, component->in_force_bytes,
		  marked ? component->high_bytes : BARS_NO_MARK);
	if (component->lent_bytes == FRAME_ABSENT || !component->lent_bytes)
		return;
	length = snprintf(text, sizeof(text), "lent %s",
			  units_print_bytes(component->lent_bytes, size));
	if (length + 4 <= at->width)
		canvas_text(at->canvas, at->x + at->width - 2 - length, at->y, length, PAINT_NOTE,
			    text);
}

static void draw_of(const struct cell_place *at, const struct top_component *component)
{
	char text[LAYOUT_PAIR_LEN];

	right(at, PAINT_PLAIN,
	      layout_pair(component->current_bytes, component->in_force_bytes, text));
}

static void draw_budget(const struct cell_place *at, const struct top_component *component)
{
	bytes(at, component->budget_bytes);
}

static void draw_lent(const struct cell_place *at, const struct top_component *component)
{
	bytes(at, component->lent_bytes);
}

static void draw_borrowed(const struct cell_place *at, const struct top_component *component)
{
	bytes(at, component->borrowed_bytes);
}

static void draw_set(const struct cell_place *at, const struct top_component *component)
{
	bytes(at, component->working_set_bytes);
}

static void draw_swap(const struct cell_place *at, const struct top_component *component)
{
	bytes(at, component->swap_bytes);
}

static void draw_stall(const struct cell_place *at, const struct top_component *component)
{
	bool stalls =
		component->some_permyriad != FRAME_ABSENT && component->some_permyriad >= STALLS;
	char text[UNITS_TEXT_LEN];

	right(at, stalls ? PAINT_WARN | STYLE_STRONG : PAINT_PLAIN,
	      layout_percent(component->some_permyriad, text));
}

static void draw_growth(const struct cell_place *at, const struct top_component *component)
{
	rate(at, component->growth_bytes_per_s);
}

static void draw_full(const struct cell_place *at, const struct top_component *component)
{
	char text[UNITS_TEXT_LEN];

	right(at, PAINT_PLAIN,
	      component->time_to_limit_us == FRAME_ABSENT
		      ? "never"
		      : layout_time(component->time_to_limit_us, text));
}

static void draw_promised(const struct cell_place *at, const struct top_component *component)
{
	bytes(at, component->promised_bytes);
}

static void draw_refused(const struct cell_place *at, const struct top_component *component)
{
	bytes(at, component->refused_bytes);
}

static bool is_frozen(const struct top_component *component)
{
	return component->frozen_leaves && component->frozen_leaves != FRAME_ABSENT;
}

/* What is done about it, or what it does; the first that holds. */
static void now_text(const struct top_component *component, char *buf, size_t size)
{
	char text[UNITS_TEXT_LEN];

	*buf = '\0';
	if (is_frozen(component))
		snprintf(buf, size, "freeze %s", layout_time(component->thaw_in_us, text));
	else if (*component->tier && strcmp(component->tier, "none") != 0)
		snprintf(buf, size, "%s", component->tier);
	else if (component->owed_bytes)
		snprintf(buf, size, "owes %s", units_print_bytes(component->owed_bytes, text));
	else if (component->squeezed)
		snprintf(buf, size, "squeezed");
	else if (component->refused_ago_us < REFUSED_NEWS_US)
		snprintf(buf, size, "refused %s",
			 units_print_bytes(component->refused_last_bytes, text));
	else if (component->time_to_limit_us < SOON_US)
		snprintf(buf, size, "full %s", layout_time(component->time_to_limit_us, text));
}

static void draw_now(const struct cell_place *at, const struct top_component *component)
{
	char text[2 * UNITS_TEXT_LEN];

	now_text(component, text, sizeof(text));
	canvas_text(at->canvas, at->x, at->y, at->width,
		    is_frozen(component) ? PAINT_NOTE : PAINT_WARN, text);
}

static void (*const draw_cell[COLUMN__COUNT])(const struct cell_place *at,
					      const struct top_component *component) = {
	[COLUMN_NAME] = draw_name,         [COLUMN_LEVEL] = draw_level,
	[COLUMN_USE] = draw_use,           [COLUMN_OF] = draw_of,
	[COLUMN_BUDGET] = draw_budget,     [COLUMN_LENT] = draw_lent,
	[COLUMN_BORROWED] = draw_borrowed, [COLUMN_SET] = draw_set,
	[COLUMN_SWAP] = draw_swap,         [COLUMN_STALL] = draw_stall,
	[COLUMN_GROWTH] = draw_growth,     [COLUMN_FULL] = draw_full,
	[COLUMN_PROMISED] = draw_promised, [COLUMN_REFUSED] = draw_refused,
	[COLUMN_NOW] = draw_now,
};

static void draw_leaf(const struct top_leaf *leaf, struct cell_place at, int column)
{
	const char *state = leaf->by_other    ? "frozen*"
			    : leaf->frozen    ? "frozen"
			    : leaf->populated ? "running"
					      : "empty";

	switch (column) {
	case COLUMN_NAME:
		canvas_text(at.canvas, at.x + LEAF_SHIFT, at.y, at.width - LEAF_SHIFT, PAINT_PLAIN,
			    leaf->name);
		break;
	case COLUMN_LEVEL:
		canvas_text(at.canvas, at.x, at.y, at.width, leaf->frozen ? PAINT_NOTE : PAINT_DIM,
			    state);
		break;
	case COLUMN_OF:
		bytes(&at, leaf->current_bytes);
		break;
	case COLUMN_GROWTH:
		rate(&at, leaf->growth_bytes_per_s);
		break;
	default:
		break;
	}
}

/* Without a column of its own, growth of a leaf stands where its component has its history. */
static void draw_leaf_growth(const struct top_leaf *leaf, struct cell_place at)
{
	if (at.width < 10)
		at.width = 10;
	if (leaf->growth_bytes_per_s >= (int64_t)MIB || leaf->growth_bytes_per_s <= -(int64_t)MIB)
		rate(&at, leaf->growth_bytes_per_s);
}

static void draw_history(const struct top_model *model, const struct top_component *component,
			 const struct cell_place *at)
{
	bool two = at->canvas->height >= TALL && at->canvas->width >= WIDE;

	bars_spark(at->canvas, at->x, at->y, at->width, paint_of(component->level), &model->history,
		   component->name, HISTORY_USE, model->frame.at_us);
	if (!two)
		return;
	canvas_right(at->canvas, at->x - 8, at->y + 1, 7, PAINT_DIM, "stalls");
	bars_spark(at->canvas, at->x, at->y + 1, at->width, PAINT_WARN, &model->history,
		   component->name, HISTORY_STALL, model->frame.at_us);
}

static void draw_row(const struct top_model *model, struct canvas *canvas, int y,
		     const struct model_row *row, const int *width)
{
	const struct top_component *component = &model->frame.component[row->first];
	struct cell_place at = {.canvas = canvas, .x = LAYOUT_MARGIN, .y = y};

	for (int i = 0; i < COLUMN__COUNT; i++) {
		at.width = width[i];
		if (!at.width)
			continue;
		if (row->leaf != MODEL_NONE && i == COLUMN_USE && !width[COLUMN_GROWTH])
			draw_leaf_growth(&model->frame.leaf[row->leaf], at);
		else if (row->leaf != MODEL_NONE)
			draw_leaf(&model->frame.leaf[row->leaf], at, i);
		else if (i == COLUMN_HISTORY)
			draw_history(model, component, &at);
		else
			draw_cell[i](&at, component);
		at.x += width[i] + 1;
	}
}

static int longest_name(const struct top_model *model)
{
	int longest = 0;

	for (uint32_t i = 0; i < model->row_count; i++) {
		const struct model_row *row = &model->row[i];
		int length = row->leaf == MODEL_NONE
				     ? (int)strlen(model->frame.component[row->first].name)
				     : (int)strlen(model->frame.leaf[row->leaf].name) + LEAF_SHIFT;

		longest = length > longest ? length : longest;
	}
	return longest < UW_NAME_LEN - 1 ? longest : UW_NAME_LEN - 1;
}

/* A column that nobody has anything in is no use. */
static uint32_t columns_off(const struct top_model *model)
{
	for (uint32_t i = 0; i < model->frame.component_count; i++)
		if (model->frame.component[i].refused_bytes != FRAME_ABSENT)
			return model->columns_off;
	return model->columns_off | 1U << COLUMN_REFUSED;
}

void layout_components(struct top_model *model, struct canvas *canvas, int y, int height)
{
	bool two = canvas->height >= TALL && canvas->width >= WIDE;
	int width[COLUMNS_MAX];

	columns_fit(columns_of_components, COLUMN__COUNT, longest_name(model), columns_off(model),
		    canvas->width - LAYOUT_MARGIN, width);
	layout_titles(canvas, y, columns_of_components, COLUMN__COUNT, width);
	layout_rows(model, canvas, y + 1, height - 1, two ? 2 : 1, draw_row, width);
}
