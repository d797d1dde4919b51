// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl report tells an incident, or a period, from what uwd has recorded: as an HTML page, or in
 * short on the terminal. It reads a copy that uwctl record made, or what there is on this machine,
 * and needs no uwd. Periods count back from the last frame that was recorded, so that the same
 * recording gives the same report.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/utsname.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/cli/command.h"
#include "user/cli/draw/times.h"
#include "user/cli/flight_copy.h"
#include "user/cli/report/html.h"
#include "user/cli/report/story.h"

#define SINCE_DEFAULT_US (3600 * US_PER_SEC)
#define BEFORE_US        (120 * US_PER_SEC) /* of the action that a report is around */
#define BEHIND_US        (180 * US_PER_SEC)
#define LINES_DEFAULT    20

struct report {
	const struct cli *cli;
	struct flight_copy copy;
	struct incident *incident;
	struct incident_sum sum;
};

/* ---- which time ---- */

static bool has_action(const struct plan *plan, uint64_t id)
{
	for (uint32_t i = 0; i < plan->action_count; i++)
		if (plan->action[i].id == id)
			return true;
	return false;
}

/* Ids begin anew with uwd: the last one that has it is meant. */
static int find_action(struct report *report, uint64_t id, uint64_t *ret_wall_us,
		       struct uw_err *err)
{
	struct recording *r = report->copy.recording;
	bool found = false;

	recording_rewind(r);
	while (recording_next(r))
		if (r->kind == RECORD_PLAN && has_action(&r->plan, id)) {
			*ret_wall_us = r->wall_us;
			found = true;
		}
	return found ? 0
		     : err_set(err, -ENOENT, "--around: no action %" PRIu64 " was recorded", id);
}

static int choose_window(struct report *report, struct series_window *ret_window,
			 struct uw_err *err)
{
	const struct options *options = &report->cli->options;
	struct series_window all, window;
	uint64_t at_us = 0, since_us = options->since_us;
	int r = 0;

	if (!recording_seek(report->copy.recording, UINT64_MAX))
		return err_set(err, -ENODATA, "nothing is recorded");
	all.to_us = report->copy.recording->wall_us + 1;
	recording_seek(report->copy.recording, 0);
	all.from_us = report->copy.recording->wall_us;
	if (all.from_us >= all.to_us)
		return err_set(err, -ENODATA, "the clock was set back from one end to the other");
	window = all;
	if (!since_us && !options->recording)
		since_us = SINCE_DEFAULT_US;
	if (since_us && all.to_us > since_us)
		window.from_us = all.to_us - since_us;
	if (option_given(options, OPTION_AROUND)) {
		r = find_action(report, options->around, &at_us, err);
		window = (struct series_window){at_us - (at_us < BEFORE_US ? at_us : BEFORE_US),
						at_us + BEHIND_US};
	}
	ret_window->from_us = window.from_us > all.from_us ? window.from_us : all.from_us;
	ret_window->to_us = window.to_us < all.to_us ? window.to_us : all.to_us;
	if (!r && ret_window->from_us >= ret_window->to_us)
		r = err_set(err, -ENODATA, "--around: the clock was set back after that action");
	return r;
}

/* ---- what is written ---- */

/* Of the boot that the recording is of, and of no other. */
static void name_host(const struct report *report, char *buf, size_t size)
{
	char boot_id[CLOCK_BOOT_ID_LEN];
	struct utsname name;

	*buf = '\0';
	if (clock_boot_id(boot_id) < 0 || strcmp(boot_id, report->incident->boot_id) != 0 ||
	    uname(&name) < 0)
		return;
	snprintf(buf, size, "%s%s%s %s", report->incident->redact ? "" : name.nodename,
		 report->incident->redact ? "" : ", ", name.sysname, name.release);
}

/* A report says what ran on the machine: it is its owner's. */
static int write_page(const struct report *report, const char *path, struct uw_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0600);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	char host[256];
	int bad;

	if (!out)
		return err_set(err, -errno, "%s: cannot be written: %s", path, strerror(errno));
	name_host(report, host, sizeof(host));
	report_html(out, report->incident, &report->sum, host);
	bad = ferror(out);
	if (fclose(out) != 0 || bad)
		return err_set(err, -EIO, "%s: cannot be written: %s", path, strerror(errno));
	return 0;
}

static void print_actions(const struct report *report)
{
	static const struct column columns[] = {
		{"#", true, 0},
		{"TIME", false, 0},
		{"TARGET", false, 0},
		{"ACTION", false, 0},
		{"EFFECT", false, 2},
		{"TOOK", true, 3},
		{"REASON", false, COLUMN_WRAPS},
	};
	const struct incident *incident = report->incident;
	char cell[STORY_CELL_LEN], when[TIMES_TEXT_LEN];
	struct table table;
	uint32_t shown = 0;

	table_init(&table, columns, ARRAY_SIZE(columns));
	for (uint32_t i = 0; i < incident->action_count && shown < LINES_DEFAULT; i++) {
		const struct incident_action *action = &incident->action[i];

		if (!incident_acts(action->action.kind))
			continue;
		shown++;
		table_cell(&table, PAINT_DIM, "%" PRIu32, i + 1);
		table_cell(&table, PAINT_DIM, "%s", times_clock(action->wall_us, when));
		table_cell(&table, PAINT_BOLD, "%s", story_target(incident, action, cell));
		table_cell(&table, PAINT_PLAIN, "%s", story_what(action, cell));
		table_cell(&table, PAINT_PLAIN, "%s", story_effect(action, cell));
		table_cell(&table, PAINT_PLAIN, "%s", story_took(action, cell));
		table_cell(&table, PAINT_PLAIN, "%s",
			   reason_text(&action->action.why, cell, sizeof(cell)));
	}
	if (shown)
		table_print(&table, &report->cli->screen);
	table_done(&table);
}

static json_t *report_json(const struct report *report, const char *story)
{
	const struct incident_sum *sum = &report->sum;
	json_t *counts = json_object();

	for (int i = 0; i < ACTION__COUNT; i++)
		if (sum->actions[i])
			json_object_set_new(counts, action_name((enum action_kind)i),
					    json_integer((json_int_t)sum->actions[i]));
	return json_pack(
		"{s:s*, s:I, s:I, s:s, s:s*, s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "file",
		report->cli->options.html, "from_wall_us",
		(json_int_t)report->incident->window.from_us, "to_wall_us",
		(json_int_t)report->incident->window.to_us, "text", story, "component",
		sum->subject == INCIDENT_NONE ? NULL
					      : report->incident->component[sum->subject].shown,
		"actions", counts, "failed", (json_int_t)sum->failed, "freed_bytes",
		(json_int_t)sum->freed_bytes, "killed",
		(json_int_t)(sum->killed + sum->killed_by_kernel), "longest_freeze_us",
		(json_int_t)sum->longest_us, "protected_stalled_us", (json_int_t)sum->protected_us,
		"gaps", (json_int_t)report->incident->gap_count);
}

static int say(const struct report *report)
{
	const struct cli *cli = report->cli;
	char story[STORY_LEN];

	story_text(report->incident, &report->sum, story, sizeof(story));
	if (cli->options.json)
		return cli_print_json(cli, report_json(report, screen_clean(story)));
	screen_wrap(&cli->screen, PAINT_PLAIN, 0, 0, story);
	if (cli->options.html)
		fprintf(cli->screen.out, "%s: written\n", cli->options.html);
	else
		print_actions(report);
	return CLI_OK;
}

static int make(struct report *report, struct uw_err *err)
{
	const struct cli *cli = report->cli;
	struct series_window window;
	uint32_t subject = INCIDENT_NONE;
	int r = flight_copy_open(&report->copy, cli->options.recording, err);

	if (!r)
		r = choose_window(report, &window, err);
	if (!r)
		r = incident_gather(report->copy.recording, &window, cli->options.redact,
				    &report->incident, err);
	if (!r && cli->argc) {
		subject = incident_find(report->incident, cli->argv[0]);
		if (subject == INCIDENT_NONE)
			return err_set_as(err, "no-such-component", -ENOENT,
					  "%s: no such component was recorded in that time",
					  cli->argv[0]);
	}
	if (r)
		return r;
	incident_sum(report->incident, subject, &report->sum);
	return cli->options.html ? write_page(report, cli->options.html, err) : 0;
}

int command_report(struct cli *cli)
{
	struct report report = {.cli = cli};
	struct uw_err err = {0};
	int status;

	if (cli->options.since_us && option_given(&cli->options, OPTION_AROUND))
		return cli_usage(cli, "--since and --around are two ways to say when");
	status = make(&report, &err) ? cli_fail(cli, &err) : say(&report);
	incident_free(report.incident);
	flight_copy_done(&report.copy);
	return status;
}
