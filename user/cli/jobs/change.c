// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl cancel, hold, release and requeue are each one call of uwd with the jobs that were picked,
 * and print a line for each job with what became of it. The exit status says whether any was
 * refused.
 */
#include <inttypes.h>
#include <stdio.h>

#include "user/base/cleanup.h"
#include "user/cli/command.h"
#include "user/cli/jobs/job_text.h"
#include "user/cli/jobs/pick.h"
#include "user/cli/remote.h"

static void print_changes(const struct screen *screen, const json_t *answer, const char *done)
{
	const json_t *change;
	uint64_t shown = 0, all = json_get_u64_or(answer, "changed", 0) +
				  json_get_u64_or(answer, "refused", 0);
	size_t i;

	json_array_foreach (json_object_get(answer, "jobs"), i, change) {
		bool changed = json_get_bool(change, "changed");
		char id[JOB_TEXT_LEN], text[256];

		shown++;
		screen_paint(screen, PAINT_BOLD, "%s", job_text_id(change, id));
		snprintf(text, sizeof(text), "%s", json_get_text(change, "text"));
		if (changed)
			fprintf(screen->out, "  %s%s%s\n", done, *text ? ", " : "",
				screen_clean(text));
		else
			fprintf(screen->out, "  left alone: %s\n", screen_clean(text));
	}
	if (all > shown)
		fprintf(screen->out, "and %" PRIu64 " more\n", all - shown);
}

static int change(struct cli *cli, enum ipc_method method, const char *done, const char *would)
{
	AUTO_JSON json_t *answer = NULL;
	struct uw_err err = {0};
	json_t *select, *parameters;

	if (pick_select(cli, true, &select, &err) < 0)
		return cli_fail(cli, &err);
	parameters = json_pack("{s:o}", "select", select);
	if (option_given(&cli->options, OPTION_GRACE))
		json_object_set_new(parameters, "grace_us",
				    json_integer((json_int_t)cli->options.grace_us));
	if (cli->options.dry_run)
		json_object_set_new(parameters, "dry_run", json_true());
	if (remote_call_queue(cli, method, parameters, &answer, &err) < 0)
		return cli_fail(cli, &err);
	if (cli->options.json) {
		int status = json_get_u64_or(answer, "refused", 0) ? CLI_FAILED : CLI_OK;

		return cli_print_json(cli, TAKE(answer)) == CLI_OK ? status : CLI_FAILED;
	}
	print_changes(&cli->screen, answer, cli->options.dry_run ? would : done);
	return json_get_u64_or(answer, "refused", 0) ? CLI_FAILED : CLI_OK;
}

int command_cancel(struct cli *cli)
{
	return change(cli, IPC_CANCEL, "cancelled", "would be cancelled");
}

int command_hold(struct cli *cli)
{
	return change(cli, IPC_HOLD, "held", "would be held");
}

int command_release(struct cli *cli)
{
	return change(cli, IPC_RELEASE, "released", "would be released");
}

int command_requeue(struct cli *cli)
{
	return change(cli, IPC_REQUEUE, "queued again", "would be queued again");
}
