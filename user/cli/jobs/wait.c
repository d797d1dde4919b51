// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl wait, and submit with --wait, wait until the picked jobs have ended and say of each how.
 * uwd first tells which have ended already and then each end as it comes. When uwd goes away it is
 * called again; the ids that were counted tell a repeated end from a new one.
 */
#include "user/cli/jobs/wait.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/cli/command.h"
#include "user/cli/jobs/job_text.h"
#include "user/cli/jobs/pick.h"
#include "user/cli/remote.h"

struct job_wait {
	const struct cli *cli;
	const json_t *ranges;
	uint64_t deadline_us;
	json_t *ended;   /* by id, so that none is told twice after a reconnection */
	json_t *counted; /* by id: their ends are in what follows, of this connection */
	uint64_t ended_count;
	uint64_t left;
	uint64_t code;  /* the highest */
	bool announced; /* that uwd is away */
};

static void say_end(const struct job_wait *waiting, const json_t *job)
{
	const struct screen *screen = &waiting->cli->screen;
	const char *state = json_get_text(job, "state");
	char id[JOB_TEXT_LEN], text[256], clause[TABLE_CELL_LEN];

	if (waiting->cli->options.json)
		return;
	screen_paint(screen, PAINT_BOLD, "%s", job_text_id(job, id));
	fprintf(screen->out, "  ");
	screen_paint(screen, job_text_paint(state), "%s", state);
	snprintf(text, sizeof(text), "%s", job_text_clause(job, clause));
	fprintf(screen->out, "  %s\n", screen_clean(text));
	fflush(screen->out);
}

/* False when this connection has told its end before. */
static bool count_once(struct job_wait *waiting, const char *id)
{
	if (json_object_get(waiting->counted, id))
		return false;
	json_object_set_new(waiting->counted, id, json_true());
	return true;
}

static bool take_end(struct job_wait *waiting, const json_t *job)
{
	uint64_t code = json_get_u64_or(job, "code", 0);
	char id[JOB_TEXT_LEN];

	snprintf(id, sizeof(id), "%" PRIu64, json_get_u64_or(job, "id", 0));
	if (!count_once(waiting, id))
		return false;
	if (json_object_get(waiting->ended, id))
		return true;
	json_object_set(waiting->ended, id, (json_t *)(uintptr_t)job);
	if (code > waiting->code)
		waiting->code = code;
	say_end(waiting, job);
	return true;
}

/* The first answer: what is so now. */
static void take_state(struct job_wait *waiting, const json_t *answer)
{
	const json_t *job;
	size_t i;

	waiting->left = json_get_u64_or(answer, "left", 0);
	waiting->ended_count = json_get_u64_or(answer, "ended_count", 0);
	json_object_clear(waiting->counted);
	json_array_foreach (json_object_get(answer, "ended"), i, job)
		take_end(waiting, job);
}

/* Later ones: any job of ours, as it ends. */
static void take_news(struct job_wait *waiting, const json_t *answer)
{
	const json_t *job;
	size_t i;

	json_array_foreach (json_object_get(answer, "ended"), i, job) {
		if (!pick_matches(waiting->ranges, job) || !take_end(waiting, job))
			continue;
		waiting->left -= waiting->left > 0;
		waiting->ended_count++;
	}
}

static bool is_over(const struct job_wait *waiting)
{
	return !waiting->left || (waiting->cli->options.any && waiting->ended_count);
}

static uint64_t time_left(const struct job_wait *waiting)
{
	uint64_t now_us = clock_now_us();

	if (waiting->deadline_us == UINT64_MAX)
		return UINT64_MAX;
	return waiting->deadline_us > now_us ? waiting->deadline_us - now_us : 0;
}

/* One connection's worth of waiting. 0 when it is over, else as of ipc_client_next. */
static int wait_connected(struct job_wait *waiting, struct uw_err *err)
{
	struct ipc_client client = {.fd = -1};
	bool first = true;
	int r = remote_open(waiting->cli, &client, err);

	if (r >= 0)
		r = ipc_client_send(
			&client, IPC_WAIT,
			json_pack("{s:O}", "jobs", (json_t *)(uintptr_t)waiting->ranges), true,
			err);
	while (r >= 0 && (first || !is_over(waiting))) {
		AUTO_JSON json_t *answer = NULL;

		r = ipc_client_next(&client, time_left(waiting), &answer, err);
		if (r < 0)
			break;
		if (first)
			take_state(waiting, answer);
		else
			take_news(waiting, answer);
		if (r == 0 && !is_over(waiting))
			r = err_set(err, -EPIPE, "uwd ended its answer");
		first = false;
	}
	ipc_client_close(&client);
	return r < 0 ? r : 0;
}

/* A uwd that restarts knows the jobs again; one that is crowded has room soon. */
static bool is_worth_a_retry(int r, bool reached)
{
	return r == -EBUSY || (reached && (r == -EPIPE || remote_is_absent(r)));
}

static void pause_a_little(struct job_wait *waiting)
{
	uint64_t left_us = time_left(waiting);

	remote_await(waiting->cli, left_us < REMOTE_RETRY_US ? left_us : REMOTE_RETRY_US,
		     &waiting->announced);
}

static int report(const struct job_wait *waiting, int status)
{
	const struct cli *cli = waiting->cli;
	json_t *list, *job;
	const char *id;

	if (!cli->options.json)
		return status;
	list = json_array();
	json_object_foreach (waiting->ended, id, job)
		json_array_append(list, job);
	if (cli_print_json(cli, json_pack("{s:i, s:I, s:o}", "code", status, "left",
					  (json_int_t)waiting->left, "ended", list)) != CLI_OK)
		return CLI_RUN_FAILED;
	return status;
}

static int timed_out(const struct job_wait *waiting)
{
	fprintf(stderr, "uwctl %s: %" PRIu64 " of the jobs %s not ended in time\n",
		waiting->cli->command->name, waiting->left, waiting->left == 1 ? "has" : "have");
	return report(waiting, CLI_TIMED_OUT);
}

int wait_for_jobs(const struct cli *cli, const json_t *ranges, bool known)
{
	AUTO_JSON json_t *ended = json_object(), *counted = json_object();
	uint64_t timeout_us = cli->options.timeout_us;
	struct job_wait waiting = {
		.cli = cli,
		.ranges = ranges,
		.deadline_us = timeout_us ? clock_now_us() + timeout_us : UINT64_MAX,
		.ended = ended,
		.counted = counted,
	};
	struct uw_err err = {0};
	bool reached = known;
	int r;

	for (;;) {
		r = wait_connected(&waiting, &err);
		reached |= waiting.left || waiting.ended_count;
		if (!is_worth_a_retry(r, reached) || !time_left(&waiting))
			break;
		pause_a_little(&waiting);
	}
	if (r == -ETIMEDOUT || (r < 0 && timeout_us && !time_left(&waiting)))
		return timed_out(&waiting);
	return r < 0 ? cli_fail(cli, &err) : report(&waiting, (int)waiting.code);
}

int command_wait(struct cli *cli)
{
	AUTO_JSON json_t *ranges = NULL;
	struct uw_err err = {0};

	if (pick_ranges(cli, &ranges, &err) < 0)
		return cli_fail(cli, &err);
	return wait_for_jobs(cli, ranges, false);
}
