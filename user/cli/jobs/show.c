// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Shows one job at length: its state and why, what it asked for and used, its times and its
 * command. Below that stands step by step what happened to it.
 */
#include "user/cli/jobs/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/cli/jobs/job_text.h"
#include "user/cli/jobs/pick.h"
#include "user/cli/remote.h"
#include "user/model/job.h"

#define LABEL_WIDTH 11
#define STEP_WIDTH  11
#define STEP_INDENT 34
#define WHEN_LEN    24

static const char *when(const json_t *object, const char *key, char buf[static WHEN_LEN])
{
	uint64_t wall_us = json_get_u64(object, key);
	time_t seconds = (time_t)(wall_us / US_PER_SEC);
	struct tm local = {0};

	if (wall_us == UINT64_MAX)
		return "-";
	localtime_r(&seconds, &local);
	strftime(buf, WHEN_LEN, "%Y-%m-%d %H:%M:%S", &local);
	return buf;
}

static void line(const struct screen *screen, const char *label, const char *text)
{
	int at = fprintf(screen->out, "  ");

	if (screen->colour)
		screen_paint(screen, PAINT_DIM, "%-*s", LABEL_WIDTH, label);
	else
		fprintf(screen->out, "%-*s", LABEL_WIDTH, label);
	screen_wrap(screen, PAINT_PLAIN, at + LABEL_WIDTH, at + LABEL_WIDTH, text);
}

static void print_head(const struct screen *screen, const json_t *job)
{
	const char *state = json_get_text(job, "state");
	char id[JOB_TEXT_LEN], user[JOB_TEXT_LEN], text[256];

	screen_paint(screen, PAINT_BOLD, "job %s", job_text_id(job, id));
	fprintf(screen->out, "  ");
	screen_paint(screen, job_text_paint(state), "%s", state);
	snprintf(text, sizeof(text), "%s, in %s, of %s", json_get_text(job, "name"),
		 json_get_text(job, "component"), job_text_user(job, user));
	fprintf(screen->out, "  %s\n", screen_clean(text));
}

static void print_command(const struct screen *screen, const json_t *answer, const json_t *job)
{
	const json_t *argument, *argv = json_object_get(answer, "argv");
	char text[1024] = "";
	size_t i, at = 0;

	json_array_foreach (argv, i, argument) {
		const char *word = json_string_value(argument);

		if (at < sizeof(text))
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i ? " " : "",
					       word ? word : "");
	}
	line(screen, "command", json_array_size(argv) ? text : json_get_text(job, "command"));
	if (*json_get_text(answer, "cwd"))
		line(screen, "directory", json_get_text(answer, "cwd"));
}

static void print_words(const struct screen *screen, const json_t *job)
{
	const json_t *tag;
	char text[512];
	size_t i, at = 0;

	if (*json_get_text(job, "key"))
		line(screen, "key", json_get_text(job, "key"));
	text[0] = '\0';
	json_array_foreach (json_object_get(job, "tags"), i, tag) {
		const char *word = json_string_value(tag);

		if (at < sizeof(text))
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i ? " " : "",
					       word ? word : "");
	}
	if (at)
		line(screen, "tags", text);
}

static void print_memory(const struct screen *screen, const json_t *job)
{
	char asked[VALUE_LEN], given[VALUE_LEN], used[VALUE_LEN], peak[VALUE_LEN], text[160];
	bool runs = json_get_u64(job, "current_bytes") != UINT64_MAX;
	bool peaked = json_get_u64(job, "peak_bytes") != UINT64_MAX;

	snprintf(text, sizeof(text), "%s asked, %s given%s%s%s%s",
		 value_bytes(job, "memory_bytes", asked), value_bytes(job, "reserved_bytes", given),
		 runs ? ", uses " : "", runs ? value_bytes(job, "current_bytes", used) : "",
		 peaked ? ", peak " : "", peaked ? value_bytes(job, "peak_bytes", peak) : "");
	line(screen, "memory", text);
}

/* One that ended well, or otherwise, may have lost some of its processes. */
static void print_killed(const struct screen *screen, const json_t *job)
{
	uint64_t kills = json_get_u64_or(job, "oom_kills", 0);
	char text[96];

	snprintf(text, sizeof(text), "the kernel killed %" PRIu64 " of its tasks, out of memory",
		 kills);
	if (kills)
		line(screen, "killed", text);
}

static void print_priority(const struct screen *screen, const json_t *job)
{
	uint64_t priority = json_get_u64_or(job, "priority", 0);
	char text[96];

	snprintf(text, sizeof(text), "%" PRIu64 " (%s), memory priority %" PRIu64 ", %" PRIu64 "%s",
		 priority, job_class_name(job_class_of((uint32_t)priority)),
		 json_get_u64_or(job, "memory_priority", 0), json_get_u64_or(job, "attempts", 0),
		 json_get_u64_or(job, "attempts", 0) == 1 ? " start" : " starts");
	line(screen, "priority", text);
}

/* Where nothing is known of who promised no time, nobody knows when it ends, and so of who waits
 * for that when it starts. */
static void print_expected(const struct screen *screen, const json_t *job)
{
	char time[JOB_TEXT_LEN], text[128];
	uint64_t position = json_get_u64(job, "position");

	if (json_get_u64(job, "start_in_us") != UINT64_MAX && position != UINT64_MAX) {
		snprintf(text, sizeof(text), "to start in about %s, at position %" PRIu64,
			 job_text_time(job, "start_in_us", time), position);
		line(screen, "expected", text);
	} else if (position != UINT64_MAX) {
		snprintf(text, sizeof(text), "nobody knows when, at position %" PRIu64, position);
		line(screen, "expected", text);
	} else if (json_get_u64(job, "end_in_us") != UINT64_MAX) {
		snprintf(text, sizeof(text), "to end in about %s%s",
			 job_text_time(job, "end_in_us", time),
			 json_get_u64(job, "time_us") == UINT64_MAX ? ", as others of its key"
								    : "");
		line(screen, "expected", text);
	}
}

/* The words of PredictedBy, as one says them. */
static const char *predictor_text(const char *word)
{
	static const char *const rows[][2] = {
		{"peaks", "its key's last peaks"},
		{"input", "the size of its input"},
		{"near", "runs with as much input"},
		{"last", "its key's last peak"},
		{"request", "what was asked"},
		{"running", "one of its key that runs"},
		{"recent", "its key's last two runs"},
		{"share", "its key's share of the declared time"},
		{"declared", "what was declared"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(rows[i][0], word))
			return rows[i][1];
	return word;
}

static void print_predictor(const struct screen *screen, const json_t *by, const char *what,
			    const char *off)
{
	uint64_t permyriad = json_get_u64(by, off);
	char text[160], percent[VALUE_LEN];
	int at = snprintf(text, sizeof(text), "%s by %s", what,
			  predictor_text(json_get_text(by, what)));

	if (permyriad != UINT64_MAX)
		snprintf(text + at, sizeof(text) - (size_t)at, ", %s off over %" PRIu64 " run%s",
			 value_percent(by, off, percent), json_get_u64_or(by, "runs", 0),
			 json_get_u64_or(by, "runs", 0) == 1 ? "" : "s");
	line(screen, "predicted", text);
}

static void print_input(const struct screen *screen, const json_t *answer, const json_t *job)
{
	const json_t *by = json_object_get(answer, "predicted_by");
	char text[VALUE_LEN];

	if (json_get_u64(job, "input_bytes") != UINT64_MAX)
		line(screen, "input", value_bytes(job, "input_bytes", text));
	if (!json_is_object(by))
		return;
	print_predictor(screen, by, "memory", "memory_off_permyriad");
	print_predictor(screen, by, "time", "time_off_permyriad");
}

static void print_times(const struct screen *screen, const json_t *job)
{
	char then[WHEN_LEN], wait[JOB_TEXT_LEN], run[JOB_TEXT_LEN], cpu[JOB_TEXT_LEN], text[160];

	line(screen, "submitted", when(job, "submit_wall_us", then));
	if (json_get_u64(job, "start_wall_us") != UINT64_MAX)
		line(screen, "started", when(job, "start_wall_us", then));
	if (json_get_u64(job, "end_wall_us") == UINT64_MAX)
		return;
	snprintf(text, sizeof(text), "%s, code %" PRIu64 "; waited %s, ran %s, CPU %s",
		 when(job, "end_wall_us", then), json_get_u64_or(job, "code", 0),
		 job_text_time(job, "wait_us", wait), job_text_time(job, "run_us", run),
		 job_text_time(job, "cpu_us", cpu));
	line(screen, "ended", text);
}

static void print_step(const struct screen *screen, const json_t *step)
{
	uint64_t before = json_get_u64(step, "before_bytes");
	uint64_t after = json_get_u64(step, "after_bytes");
	char then[WHEN_LEN], from[VALUE_LEN], to[VALUE_LEN], text[512], name[JOB_TEXT_LEN],
		clause[TABLE_CELL_LEN];
	int at = fprintf(screen->out, "  %s  ", when(step, "wall_us", then));

	snprintf(name, sizeof(name), "%.*s", JOB_TEXT_LEN - 1, json_get_text(step, "step"));
	screen_paint(screen, PAINT_BOLD, "%-*s", STEP_WIDTH, screen_clean(name));
	*text = '\0';
	if (!before && after != UINT64_MAX)
		snprintf(text, sizeof(text), "%s: ", units_print_bytes(after, to));
	else if (before != UINT64_MAX && after != UINT64_MAX && before != after)
		snprintf(text, sizeof(text), "%s to %s: ", units_print_bytes(before, from),
			 units_print_bytes(after, to));
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s",
		 job_text_clause(step, clause));
	screen_wrap(screen, PAINT_PLAIN, at + STEP_WIDTH, STEP_INDENT, text);
}

void show_print(const struct screen *screen, const json_t *answer)
{
	const json_t *queued = json_object_get(answer, "queued");
	const json_t *job = json_is_object(queued) ? queued : json_object_get(answer, "ended");
	char clause[TABLE_CELL_LEN];
	const json_t *step;
	size_t i;

	print_head(screen, job);
	line(screen, "why", job_text_clause(job, clause));
	print_expected(screen, job);
	print_memory(screen, job);
	print_input(screen, answer, job);
	print_killed(screen, job);
	print_priority(screen, job);
	print_times(screen, job);
	print_words(screen, job);
	print_command(screen, answer, job);
	if (json_array_size(json_object_get(answer, "steps")))
		fputc('\n', screen->out);
	json_array_foreach (json_object_get(answer, "steps"), i, step)
		print_step(screen, step);
}

int show_job(const struct cli *cli, const char *word)
{
	AUTO_JSON json_t *answer = NULL;
	struct uw_err err = {0};
	json_t *range;

	if (pick_range(word, &range, &err) < 0)
		return cli_fail(cli, &err);
	if (remote_call_queue(cli, IPC_JOB, json_pack("{s:o}", "job", range), &answer, &err) < 0)
		return cli_fail(cli, &err);
	if (cli->options.json)
		return cli_print_json(cli, TAKE(answer));
	show_print(&cli->screen, answer);
	return CLI_OK;
}
