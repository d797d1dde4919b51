// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The rows at the top of every view: uwd and whether what is shown is live, the host's memory, the
 * queue, the tabs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/cli/top/bars.h"
#include "user/cli/top/layout_inside.h"

#define BAR_WIDTH 22
#define BAR_ROOM  70 /* a screen that is narrower has none */

static void period_text(const struct top_model *model, char *buf, size_t size)
{
	uint64_t ms = model->period_us / US_PER_MS;

	if (*model->away)
		snprintf(buf, size, "uwd is away, waiting");
	else if (model->replay)
		snprintf(buf, size, "REPLAY%s", model->paused ? "" : " >");
	else if (model->paused)
		snprintf(buf, size, "PAUSED");
	else if (ms % 1000)
		snprintf(buf, size, "LIVE %" PRIu64 "ms", ms);
	else
		snprintf(buf, size, "LIVE %" PRIu64 "s", ms / 1000);
}

static void draw_uwd(const struct top_model *model, struct canvas *canvas)
{
	const struct top_head *head = &model->frame.head;
	bool blind = head->sensors_on < head->sensors_wanted || !head->sensors_on;
	char text[UNITS_TEXT_LEN], live[32];
	int right = canvas->width - 9, x;

	canvas_text(canvas, right + 1, 0, 8, PAINT_DIM, head->clock);
	period_text(model, live, sizeof(live));
	x = right - (int)strlen(live) - 1;
	canvas_text(canvas, x > 0 ? x : 0, 0, (int)strlen(live),
		    *model->away                     ? PAINT_BAD | STYLE_REVERSE
		    : model->paused || model->replay ? STYLE_REVERSE
						     : PAINT_GOOD,
		    live);
	right = x - 1;
	if (!model->has_frame)
		return;
	x = canvas_printf(canvas, 0, 0, right, STYLE_STRONG, "uwd %s", head->version);
	if (model->replay) {
		canvas_printf(canvas, x, 0, right - x, PAINT_PLAIN, " on %s", head->date);
		return;
	}
	x = canvas_printf(canvas, x, 0, right - x, PAINT_PLAIN, " up %s",
			  layout_time(head->up_us, text));
	x = canvas_printf(canvas, x + 2, 0, right - x - 2,
			  head->guard_pid ? PAINT_PLAIN : PAINT_WARN, "guard %s",
			  head->guard_pid ? "ok" : "none");
	x = canvas_printf(canvas, x + 2, 0, right - x - 2, blind ? PAINT_WARN : PAINT_PLAIN,
			  "sensors %u/%u", head->sensors_on, head->sensors_wanted);
	if (head->dropped)
		canvas_printf(canvas, x + 2, 0, right - x - 2, PAINT_WARN, "dropped %" PRIu64,
			      head->dropped);
}

static enum paint share_paint(uint64_t part, uint64_t whole)
{
	if (!whole || part >= whole / 100 * 95)
		return PAINT_BAD;
	return part >= whole / 100 * 80 ? PAINT_WARN : PAINT_GOOD;
}

static void draw_host(const struct top_model *model, struct canvas *canvas)
{
	const struct top_head *head = &model->frame.head;
	uint64_t swap = head->swap_total_bytes == FRAME_ABSENT
				? FRAME_ABSENT
				: head->swap_total_bytes - head->swap_free_bytes;
	bool stalls = model->stall_permyriad != FRAME_ABSENT && model->stall_permyriad >= 100;
	char text[UNITS_TEXT_LEN], pair[LAYOUT_PAIR_LEN];
	uint64_t usable = head->usable_bytes;
	int width = canvas->width, x;

	x = canvas_printf(canvas, 0, 1, width, PAINT_PLAIN, "usable %s",
			  layout_bytes(usable, text)) +
	    1;
	if (usable != FRAME_ABSENT && width >= BAR_ROOM) {
		bars_draw(canvas, x, 1, BAR_WIDTH, share_paint(head->used_bytes, usable),
			  head->used_bytes, usable, BARS_NO_MARK);
		x += BAR_WIDTH + 1;
	}
	if (usable && usable != FRAME_ABSENT)
		x = canvas_printf(canvas, x, 1, width - x, PAINT_PLAIN, "%" PRIu64 "%%",
				  head->used_bytes / (usable / 100 + 1)) +
		    2;
	x = canvas_printf(canvas, x, 1, width - x, PAINT_PLAIN, "avail %s",
			  layout_bytes(head->available_bytes, text)) +
	    2;
	x = canvas_printf(canvas, x, 1, width - x, PAINT_PLAIN, "swap %s",
			  layout_pair(swap, head->swap_total_bytes, pair)) +
	    2;
	canvas_printf(canvas, x, 1, width - x, stalls ? PAINT_WARN : PAINT_PLAIN, "stall %s",
		      layout_percent(model->stall_permyriad, text));
}

/* "jobs 4 run 12 wait 1 held" */
static void draw_queue(const struct top_model *model, struct canvas *canvas)
{
	const struct top_head *head = &model->frame.head;
	const struct {
		uint64_t count;
		const char *words;
		enum paint paint;
	} counts[] = {
		{head->running, "run", PAINT_GOOD},
		{head->frozen, "frozen", PAINT_NOTE},
		{head->queued + head->waiting, "wait", PAINT_PLAIN},
		{head->held, "held", PAINT_PLAIN},
	};
	char text[UNITS_TEXT_LEN];
	int x, width = canvas->width, none;

	if (!head->has_queue)
		return;
	none = x = canvas_text(canvas, 0, 2, width, PAINT_PLAIN, "jobs");
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		if (counts[i].count)
			x = canvas_printf(canvas, x + 1, 2, width - x, counts[i].paint,
					  "%" PRIu64 " %s", counts[i].count, counts[i].words);
	}
	if (x == none)
		x = canvas_text(canvas, x + 1, 2, width - x, PAINT_DIM, "none");
	x = canvas_printf(canvas, x + 2, 2, width - x - 2, PAINT_PLAIN, "reserved %s",
			  layout_bytes(head->reserved_bytes, text));
	x = canvas_printf(canvas, x + 2, 2, width - x - 2, PAINT_PLAIN, "free %s",
			  layout_bytes(head->free_bytes, text));
	if (head->next_start_in_us != FRAME_ABSENT)
		canvas_printf(canvas, x + 2, 2, width - x - 2, PAINT_PLAIN, "next %s",
			      layout_time(head->next_start_in_us, text));
}

static void draw_tabs(const struct top_model *model, struct canvas *canvas)
{
	static const char *const names[TOP_TABS] = {"1 Components", "2 Jobs", "3 Actions",
						    "4 Explain"};
	static const char *const longs[TOP_VIEW__COUNT] = {
		[TOP_WHY] = "Why", [TOP_STEPS] = "Job", [TOP_OUTPUT] = "Output of job"};
	enum top_view shown = model->view < TOP_TABS ? model->view : model->under;
	int x = 1;

	for (int i = 0; i < TOP_TABS; i++) {
		unsigned int style = i == (int)shown ? STYLE_REVERSE | STYLE_STRONG : PAINT_DIM;

		x = canvas_text(canvas, x, 3, canvas->width - x, style, names[i]) + 2;
	}
	if (model->view == TOP_WHY)
		x = canvas_printf(canvas, x, 3, canvas->width - x, STYLE_STRONG, "> %s %s",
				  longs[model->view], model->component) +
		    2;
	else if (model->view >= TOP_TABS)
		x = canvas_printf(canvas, x, 3, canvas->width - x, STYLE_STRONG, "> %s %" PRIu64,
				  longs[model->view], model->job) +
		    2;
	if (*model->filter)
		canvas_printf(canvas, x, 3, canvas->width - x, PAINT_NOTE, "/%s", model->filter);
}

void layout_head(const struct top_model *model, struct canvas *canvas)
{
	draw_uwd(model, canvas);
	if (model->has_frame) {
		draw_host(model, canvas);
		draw_queue(model, canvas);
	}
	draw_tabs(model, canvas);
}
