// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The loop on a terminal. It waits for keys, for uwd's answers and for signals in one poll(2),
 * whose timeout is the next round's. uwd that goes away is said and looked for again. Signals that
 * end a program end the loop, which gives the terminal back, and then the program as they would
 * have.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/cli/remote.h"
#include "user/cli/top/keys.h"
#include "user/cli/top/layout.h"
#include "user/cli/top/terminal.h"
#include "user/cli/top/top.h"

#define IDLE_US (60 * US_PER_SEC)

struct watch {
	struct top *top;
	struct canvas canvas;
	int signal_fd;
	int signalled;    /* the signal that ended it, 0: none */
	uint64_t next_us; /* when a round is due */
	bool done, redraw;
	struct uw_err err;
	int failed; /* a negative errno that ends it */
};

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

static void watched_signals(sigset_t *ret_set)
{
	sigemptyset(ret_set);
	sigaddset(ret_set, SIGWINCH);
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
		sigaddset(ret_set, ending[i]);
}

/* What became of an order, until the next key. */
static void tell(struct watch *watch)
{
	struct top_source *source = &watch->top->source;

	if (*source->said)
		text_copy(watch->top->model->message, sizeof(watch->top->model->message),
			  source->said);
	source->said[0] = '\0';
}

static void away(struct watch *watch, int r)
{
	struct top_model *model = watch->top->model;

	/* What no waiting helps against. */
	if (r == -EACCES || r == -EPERM) {
		watch->failed = r;
		watch->done = true;
		return;
	}
	model_set_away(model, watch->err.text);
	tell(watch);
	watch->next_us = clock_now_us() + top_retry_us(model);
	watch->redraw = true;
}

/* A second of it each period while it plays; else it stays where it is until a key. */
static void play(struct watch *watch)
{
	struct top_model *model = watch->top->model;

	if (!model->paused && !tape_play(watch->top->tape, US_PER_SEC)) {
		model->paused = true;
		text_copy(model->message, sizeof(model->message), "that is its end");
	}
	tape_show(watch->top->tape, model);
	watch->next_us = clock_now_us() + (model->paused ? IDLE_US : model->period_us);
	watch->redraw = true;
}

static void begin_round(struct watch *watch)
{
	struct top_model *model = watch->top->model;
	struct top_want want = top_want(model, watch->canvas.width);
	int r = source_begin(&watch->top->source, &want, &watch->err);

	watch->next_us = clock_now_us() + model->period_us;
	if (r < 0)
		away(watch, r);
}

static void end_round(struct watch *watch)
{
	model_take(watch->top->model, source_frame(&watch->top->source));
	tell(watch);
	watch->redraw = true;
	watch->done |= watch->top->frames != UINT64_MAX && !--watch->top->frames;
}

static void on_answer(struct watch *watch)
{
	int r = source_turn(&watch->top->source, &watch->err);

	if (r < 0)
		away(watch, r);
	else if (r > 0)
		end_round(watch);
}

static void on_keys(struct watch *watch)
{
	struct top_model *model = watch->top->model;
	int key;

	while (!watch->done && (key = terminal_key())) {
		switch (keys_press(model, key)) {
		case KEYS_QUIT:
			watch->done = true;
			break;
		case KEYS_ACT:
			source_order(&watch->top->source, &model->act);
			watch->next_us = 0;
			break;
		case KEYS_TRAVEL:
			tape_travel(watch->top->tape, model);
			/* fall through */
		case KEYS_ASK:
			watch->next_us = 0;
			break;
		case KEYS_STAY:
			break;
		}
		watch->redraw = true;
	}
}

static void on_signal(struct watch *watch)
{
	struct signalfd_siginfo info;

	if (read(watch->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo != SIGWINCH) {
		watch->signalled = (int)info.ssi_signo;
		watch->done = true;
		return;
	}
	if (terminal_fit(&watch->canvas) < 0)
		watch->done = true;
	watch->redraw = true;
}

/* Until the next round, or until uwd has not answered for too long. */
static int timeout_ms(const struct watch *watch)
{
	const struct top_source *source = &watch->top->source;
	uint64_t now_us = clock_now_us(), until_us = watch->next_us;

	if (!watch->top->tape && source_fd(source) >= 0)
		until_us = source->sent_us + REMOTE_TIMEOUT_US;
	return until_us > now_us ? (int)((until_us - now_us) / US_PER_MS + 1) : 0;
}

static void turn(struct watch *watch)
{
	struct pollfd fd[] = {
		{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = watch->signal_fd, .events = POLLIN},
		{.fd = watch->top->tape ? -1 : source_fd(&watch->top->source), .events = POLLIN},
	};
	bool waits = fd[2].fd >= 0;
	int ready = poll(fd, ARRAY_SIZE(fd), timeout_ms(watch));

	if (ready < 0 && errno != EINTR)
		watch->done = true;
	if (fd[1].revents)
		on_signal(watch);
	if (fd[0].revents & POLLIN)
		on_keys(watch);
	/* The terminal is gone; one that hung up is readable too, and has nothing more. */
	if (fd[0].revents & ~POLLIN)
		watch->done = true;
	if (!watch->done && waits && (fd[2].revents || !ready))
		on_answer(watch);
}

static void draw(struct watch *watch)
{
	layout_draw(watch->top->model, &watch->canvas);
	terminal_draw(&watch->canvas);
	watch->redraw = false;
}

static void loop(struct watch *watch)
{
	watch->redraw = true;
	while (!watch->done) {
		if (watch->top->tape && clock_now_us() >= watch->next_us)
			play(watch);
		else if (!watch->top->tape && source_fd(&watch->top->source) < 0 &&
			 clock_now_us() >= watch->next_us)
			begin_round(watch);
		if (watch->redraw && !watch->done)
			draw(watch);
		if (!watch->done)
			turn(watch);
	}
}

/* With the terminal given back, and as if nobody had caught it. */
static void die_of(int signal_number, const sigset_t *before)
{
	signal(signal_number, SIG_DFL);
	sigprocmask(SIG_SETMASK, before, NULL);
	raise(signal_number);
}

int watch_run(struct top *top)
{
	struct watch watch = {.top = top, .signal_fd = -1};
	sigset_t set, before;
	int r;

	watched_signals(&set);
	sigprocmask(SIG_BLOCK, &set, &before);
	watch.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	r = terminal_open(top->cli->options.colour, &watch.err);
	if (r >= 0) {
		watch.canvas.utf8 = terminal_has_utf8();
		r = terminal_fit(&watch.canvas);
	}
	if (r >= 0)
		loop(&watch);
	terminal_close();
	canvas_done(&watch.canvas);
	close(watch.signal_fd);
	if (watch.signalled)
		die_of(watch.signalled, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (r < 0 || watch.failed)
		return cli_fail(top->cli, &watch.err);
	return CLI_OK;
}
