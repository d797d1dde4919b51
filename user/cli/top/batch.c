// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * top for scripts: after each round the screen is printed as lines of text, as high as it needs to
 * be and as wide as COLUMNS or the terminal says; or what uwd told, one JSON object a line. While
 * uwd is away, which is said once, nothing is printed.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/cli/remote.h"
#include "user/cli/top/layout.h"
#include "user/cli/top/terminal.h"
#include "user/cli/top/top.h"

#define WIDTH_DEFAULT 80

static int wanted_width(const struct cli *cli)
{
	const char *columns = getenv("COLUMNS");
	uint64_t width;

	if (columns && units_parse_uint(columns, 20, CANVAS_WIDTH_MAX, &width) >= 0)
		return (int)width;
	return cli->screen.width ?: WIDTH_DEFAULT;
}

/* Goes on with the round until it is over. 0 or a negative errno. */
static int finish_round(struct top_source *source, struct uw_err *err)
{
	int r = 0;

	while (r == 0) {
		struct pollfd fd = {.fd = source_fd(source), .events = POLLIN};

		poll(&fd, 1, (int)(REMOTE_TIMEOUT_US / US_PER_MS));
		r = source_turn(source, err);
	}
	return r < 0 ? r : 0;
}

static int round_of(struct top *top, int width, struct uw_err *err)
{
	struct top_want want = top_want(top->model, width);
	int r = source_begin(&top->source, &want, err);

	return r < 0 ? r : finish_round(&top->source, err);
}

static void print_text(struct top *top, struct canvas *canvas)
{
	FILE *out = top->cli->screen.out;
	char row[CANVAS_ROW_LEN];
	bool is_blank = false; /* the row before; of several one is printed */

	if (canvas_resize(canvas, canvas->width, layout_height_of_all(top->model)) < 0)
		return;
	layout_draw(top->model, canvas);
	/* The last one has keys, which nobody presses. */
	for (int y = 0; y < canvas->height - 1; y++) {
		canvas_row_text(canvas, y, row);
		if (*row || !is_blank)
			fprintf(out, "%s\n", row);
		is_blank = !*row;
	}
	if (!is_blank)
		fputc('\n', out);
}

static void print_line(const struct top *top, json_t *object)
{
	AUTO_JSON json_t *line = object;
	FILE *out = top->cli->screen.out;

	json_dumpf(line, out, JSON_COMPACT | (top->cli->screen.width ? JSON_ENSURE_ASCII : 0U));
	fputc('\n', out);
}

/* Frame after frame, a second apart, to its end. */
static int run_tape(struct top *top, struct canvas *canvas)
{
	uint64_t frames = top->frames;

	do {
		tape_show(top->tape, top->model);
		print_text(top, canvas);
		if (fflush(top->cli->screen.out) != 0)
			return CLI_FAILED;
	} while ((frames == UINT64_MAX || --frames) && tape_play(top->tape, US_PER_SEC));
	return CLI_OK;
}

static void show(struct top *top, struct canvas *canvas)
{
	model_take(top->model, source_frame(&top->source));
	if (top->cli->options.json)
		print_line(top, source_json(&top->source));
	else
		print_text(top, canvas);
}

/* Said once. */
static void show_away(struct top *top, const char *why)
{
	bool known = *top->model->away;

	model_set_away(top->model, why);
	if (known)
		return;
	if (top->cli->options.json)
		print_line(top, json_pack("{s:i, s:s}", "v", 1, "away", why));
	else
		fprintf(top->cli->screen.out, "uwd is away, waiting: %s\n\n", why);
}

static void rest(uint64_t us)
{
	struct timespec nap = {.tv_sec = (time_t)(us / US_PER_SEC),
			       .tv_nsec = (long)(us % US_PER_SEC * NS_PER_US)};

	while (nanosleep(&nap, &nap) < 0 && errno == EINTR)
		continue;
}

int batch_run(struct top *top)
{
	struct canvas canvas = {.utf8 = terminal_has_utf8()};
	struct uw_err err = {0};
	int r, status = CLI_OK;

	canvas.width = wanted_width(top->cli);
	if (top->tape) {
		status = run_tape(top, &canvas);
		canvas_done(&canvas);
		return status;
	}
	while (status == CLI_OK) {
		r = round_of(top, canvas.width, &err);
		if (r == -EACCES || r == -EPERM)
			status = cli_fail(top->cli, &err);
		else if (r < 0)
			show_away(top, screen_clean(err.text));
		else
			show(top, &canvas);
		if (fflush(top->cli->screen.out) != 0)
			status = CLI_FAILED;
		if (r >= 0 && top->frames != UINT64_MAX && !--top->frames)
			break;
		if (status == CLI_OK)
			rest(r < 0 ? top_retry_us(top->model) : top->model->period_us);
	}
	canvas_done(&canvas);
	return status;
}
