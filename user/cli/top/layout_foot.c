// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The last row: what may be pressed here, what is asked, or what came of it. An action that waits
 * for y stands above it with each write that it would be. Help covers the view.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/cli/top/columns.h"
#include "user/cli/top/layout_inside.h"

#define WRITES_SHOWN 6

/* Columns that one of the KEY WORD pairs takes, which two blanks part. */
static int pair_length(const char *text)
{
	const char *end = strstr(text, "  ");

	return end ? (int)(end - text) : (int)strlen(text);
}

/* "Enter why  e explain": keys are said strong. One blank parts them where two find no room. */
static void draw_keys(struct canvas *canvas, int x, const char *text)
{
	int gap = x + (int)strlen(text) <= canvas->width ? 2 : 1, y = canvas->height - 1;

	while (*text) {
		int key = (int)strcspn(text, " "), length = pair_length(text);

		if (x + length > canvas->width)
			return;
		canvas_printf(canvas, x, y, key, STYLE_STRONG, "%.*s", key, text);
		canvas_printf(canvas, x + key, y, length - key, PAINT_DIM, "%.*s", length - key,
			      text + key);
		x += length + gap;
		text += length;
		text += strspn(text, " ");
	}
}

static const char *keys_of(const struct top_model *model)
{
	if (model->replay)
		return model->paused
			       ? "Left Right frame  [ ] action  { } 5 min  g time  Space play  ? help  "
				 "q quit"
			       : "Space stop  + faster  - slower  ? help  q quit";
	switch (model->view) {
	case TOP_COMPONENTS:
		return model->may_act
			       ? "Enter why  e explain  f freeze  t thaw  r reclaim  s sort  / filter  "
				 "? help  q quit  c columns"
			       : "Enter why  e explain  s sort  / filter  ? help  q quit  c columns";
	case TOP_JOBS:
		return model->may_change_jobs
			       ? "Enter steps  l output  h hold  x cancel  s sort  / filter  ? help  "
				 "q quit"
			       : "Enter steps  l output  s sort  / filter  ? help  q quit";
	case TOP_ACTIONS:
		return "S oldest first  / filter  ? help  q quit";
	case TOP_EXPLAIN:
		return "n next component  N the one before  Enter why  / filter  ? help  q quit";
	case TOP_WHY:
		return "Esc back  e explain  n next component  ? help  q quit";
	case TOP_STEPS:
		return "Esc back  l output  ? help  q quit";
	default:
		return "Esc back  ? help  q quit";
	}
}

static void draw_box_line(struct canvas *canvas, int y, unsigned int style, const char *text)
{
	for (int x = 0; x < canvas->width; x++)
		canvas_put(canvas, x, y, style, ' ');
	canvas_text(canvas, 1, y, canvas->width - 2, style, text);
}

/* The writes, above the question. */
static void draw_writes(const struct top_model *model, struct canvas *canvas)
{
	char text[CANVAS_WIDTH_MAX], write[CANVAS_WIDTH_MAX];
	uint32_t count = 0, shown;
	int y;

	while (act_write(&model->act, &model->frame, model->mount, count, write, sizeof(write)))
		count++;
	shown = count < WRITES_SHOWN ? count : WRITES_SHOWN;
	y = canvas->height - 2 - (int)shown - (count > shown);
	draw_box_line(canvas, y++, STYLE_REVERSE,
		      model->act.kind >= TOP_ACT_HOLD
			      ? "uwd changes its queue, and no file of a cgroup"
		      : count ? "would write:"
			      : "there is nothing to write now; uwd may still see some");
	for (uint32_t i = 0; i < shown; i++) {
		act_write(&model->act, &model->frame, model->mount, i, write, sizeof(write));
		draw_box_line(canvas, y++, PAINT_PLAIN, write);
	}
	if (count <= shown)
		return;
	snprintf(text, sizeof(text), "and %" PRIu32 " more", count - shown);
	draw_box_line(canvas, y, PAINT_DIM, text);
}

/* "b BUDGET l LENT", those that are off in parentheses, from x in row y on; where they end. */
static int draw_some_columns(const struct top_model *model, struct canvas *canvas, int x, int y,
			     int *next)
{
	for (; *next < COLUMN__COUNT; ++*next) {
		const struct top_column *column = &columns_of_components[*next];
		bool off = model->columns_off & 1U << *next;
		int length = (int)strlen(column->title) + 2;

		if (!column->letter)
			continue;
		if (x + length > canvas->width)
			break;
		canvas_put(canvas, x, y, STYLE_STRONG, (uint16_t)column->letter);
		x = canvas_printf(canvas, x + 1, y, length, off ? PAINT_DIM : PAINT_PLAIN,
				  off ? "(%s)" : " %s", column->title) +
		    1;
	}
	return x;
}

static void draw_columns(const struct top_model *model, struct canvas *canvas)
{
	int y = canvas->height - 2, next = 0;

	draw_box_line(canvas, y, PAINT_PLAIN, "");
	draw_some_columns(model, canvas,
			  canvas_text(canvas, 1, y, canvas->width, STYLE_REVERSE, "columns") + 1, y,
			  &next);
	draw_some_columns(model, canvas, 1, y + 1, &next);
}

static void draw_prompt(const struct top_model *model, struct canvas *canvas)
{
	int y = canvas->height - 1;
	char text[128];

	switch (model->prompt) {
	case PROMPT_TIME:
		canvas_printf(canvas, 1, y, canvas->width - 1, PAINT_PLAIN,
			      "go to (22:18, 22:18:30, or -3m before the end): %s_", model->text);
		break;
	case PROMPT_FILTER:
		canvas_printf(canvas, 1, y, canvas->width - 1, PAINT_PLAIN, "/%s_", model->text);
		break;
	case PROMPT_BYTES:
		canvas_printf(canvas, 1, y, canvas->width - 1, PAINT_PLAIN,
			      "reclaim how much of %s (like 64M): %s_", model->act.component,
			      model->text);
		break;
	case PROMPT_COLUMNS:
		draw_columns(model, canvas);
		break;
	default:
		draw_writes(model, canvas);
		act_text(&model->act, text, sizeof(text));
		canvas_printf(canvas, 1, y, canvas->width - 1, STYLE_STRONG,
			      "%s? y does it, any other key does not", text);
	}
}

void layout_foot(const struct top_model *model, struct canvas *canvas)
{
	int y = canvas->height - 1;

	for (int x = 0; x < canvas->width; x++)
		canvas_put(canvas, x, y, PAINT_PLAIN, ' ');
	if (model->prompt != PROMPT_NONE)
		draw_prompt(model, canvas);
	else if (*model->message)
		canvas_text(canvas, 1, y, canvas->width - 1, STYLE_STRONG, model->message);
	else if (*model->away)
		canvas_text(canvas, 1, y, canvas->width - 1, PAINT_WARN, model->away);
	else
		draw_keys(canvas, 1, keys_of(model));
}

void layout_help(const struct top_model *model, struct canvas *canvas)
{
	static const char *const lines[] = {
		"1-4 Tab      Components, Jobs, Actions, Explain",
		"Up Down j k  choose; PgUp PgDn Home End. Home keeps to the worst",
		"Enter        why; of a job its steps, of an array its jobs",
		"e n N        explain what is chosen; the next component, the one before",
		"s S          sort by the next; turn the order round",
		"/ Esc        show what has this in its name; show all, go back",
		"c            columns off and on",
		"l            the end of what a job has written",
		"Space        pause; + - faster, slower",
		"Left Right   a frame back, a frame on; Space plays a second each turn",
		"[ ] { } g    the action before, the next; five minutes; to a time",
		"f t r        freeze, thaw, reclaim: shows the writes, asks for y",
		"h x          hold or release, cancel a job: asks for y",
		"q            quit",
		"",
		"USE [###|..] used of what is in force; | is memory.high",
		"5 MIN        use, the oldest at the left; blank where nobody looked",
		"frozen*      by somebody else, who thaws it",
	};
	int y = HEAD_HEIGHT;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		if (!model->replay &&
		    (!strncmp(lines[i], "Left", 4) || !strncmp(lines[i], "[ ]", 3)))
			continue;
		if (!model->may_act && !strncmp(lines[i], "f t r", 5))
			continue;
		if (!model->may_change_jobs && !strncmp(lines[i], "h x", 3))
			continue;
		draw_box_line(canvas, y++, PAINT_PLAIN, lines[i]);
	}
	while (y < canvas->height - 1)
		draw_box_line(canvas, y++, PAINT_PLAIN, "");
}
