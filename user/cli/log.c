// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl log and why show what uwd did. log prints uwd's last records or, with --follow, each one as
 * it comes: a record that was printed as begun is printed again only with its end. why prints a
 * component as it is now, and its last actions with their reasons.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/cli/actions.h"
#include "user/cli/command.h"
#include "user/cli/debts.h"
#include "user/cli/payoff.h"
#include "user/cli/remote.h"

#define SHOWN_MAX 512U /* actions that are under way at a time are far fewer */

/* Sequences of records that were printed before they ended. */
struct follow {
	const struct cli *cli;
	uint64_t begun[SHOWN_MAX];
};

static bool was_begun(const struct follow *follow, uint64_t sequence)
{
	return follow->begun[sequence % SHOWN_MAX] == sequence;
}

static void print_record(struct follow *follow, const json_t *record)
{
	const struct screen *screen = &follow->cli->screen;
	uint64_t sequence = json_get_u64_or(record, "sequence", 0);
	bool ended = *json_get_text(record, "result");

	if (ended && was_begun(follow, sequence))
		action_print_end(screen, record);
	else
		action_print(screen, record);
	follow->begun[sequence % SHOWN_MAX] = ended ? 0 : sequence;
}

/* uwd sends followers everything. */
static bool is_wanted(const struct cli *cli, const json_t *record)
{
	return !cli->argc || !strcmp(cli->argv[0], json_get_text(record, "component"));
}

static void print_line_json(const struct cli *cli, const json_t *record)
{
	AUTO_JSON json_t *all = json_pack("{s:i, s:O}", "v", 1, "record", record);

	json_dumpf(all, cli->screen.out, JSON_COMPACT);
	fputc('\n', cli->screen.out);
}

static void print_records(struct follow *follow, json_t *answer)
{
	const struct cli *cli = follow->cli;
	const json_t *record;
	size_t i;

	json_array_foreach (json_object_get(answer, "records"), i, record) {
		if (!is_wanted(cli, record))
			continue;
		if (cli->options.json)
			print_line_json(cli, record);
		else
			print_record(follow, record);
	}
	fflush(cli->screen.out);
}

static json_t *log_parameters(const struct cli *cli)
{
	json_t *parameters = remote_component(cli);

	if (cli->options.count)
		json_object_set_new(parameters, "count",
				    json_integer((json_int_t)cli->options.count));
	return parameters;
}

static int log_follow(const struct cli *cli)
{
	struct ipc_client client = {.fd = -1};
	struct follow follow = {.cli = cli};
	struct uw_err err = {0};
	int r = remote_open(cli, &client, &err);

	if (r >= 0)
		r = ipc_client_send(&client, IPC_LOG, log_parameters(cli), true, &err);
	while (r >= 0) {
		AUTO_JSON json_t *answer = NULL;

		r = ipc_client_next(&client, UINT64_MAX, &answer, &err);
		if (r < 0)
			break;
		print_records(&follow, answer);
		if (r == 0)
			break;
	}
	ipc_client_close(&client);
	return r < 0 ? cli_fail(cli, &err) : CLI_OK;
}

int command_log(struct cli *cli)
{
	AUTO_JSON json_t *answer = NULL;
	struct follow follow = {.cli = cli};
	struct uw_err err = {0};

	if (cli->options.follow)
		return log_follow(cli);
	if (remote_call(cli, IPC_LOG, log_parameters(cli), &answer, &err) < 0)
		return cli_fail(cli, &err);
	if (cli->options.json)
		return cli_print_json(cli, TAKE(answer));
	if (!json_array_size(json_object_get(answer, "records")))
		fprintf(cli->screen.out, "nothing was done yet\n");
	print_records(&follow, answer);
	return CLI_OK;
}

static void print_now(const struct screen *screen, const json_t *component)
{
	const char *level = json_get_text(component, "level");
	const char *why = json_get_text(json_object_get(component, "why"), "text");
	bool normal = !strcmp(level, "normal");
	char time[VALUE_LEN], set[VALUE_LEN], force[VALUE_LEN], use[VALUE_LEN], rate[VALUE_LEN],
		limit[VALUE_LEN], text[512];

	screen_paint(screen, PAINT_BOLD, "%s", json_get_text(component, "name"));
	fprintf(screen->out, "  level ");
	screen_paint(screen, level_paint(level), "%s", level);
	fprintf(screen->out, " for %s, tier %s\n", value_us(component, "level_for_us", time),
		json_get_text(component, "tier"));
	if (!normal)
		screen_wrap(screen, PAINT_PLAIN, 0, 2, why);
	snprintf(text, sizeof(text), "working set %s of %s in force (%s), growth %s, full in %s",
		 value_bytes(component, "working_set_bytes", set),
		 value_bytes(component, "in_force_bytes", force),
		 value_permyriad(component, "use_permyriad", use),
		 value_rate(component, "growth_bytes_per_s", rate),
		 value_us(component, "time_to_limit_us", limit));
	screen_wrap(screen, PAINT_PLAIN, 0, 2, text);
	debts_print(screen, component);
	payoff_print(screen, component);
	fputc('\n', screen->out);
}

static size_t print_holder(char *buf, size_t size, const json_t *holder, bool first)
{
	char bytes[VALUE_LEN];

	return (size_t)snprintf(buf, size, "%s%s of %s by pid %" PRIu64,
				first ? ", most of it " : ", ", value_bytes(holder, "bytes", bytes),
				json_get_text(holder, "component"),
				json_get_u64_or(holder, "pid", 0));
}

/* "denied (budget) 5s ago: pid 7 asked for 100M, 50M were available, 350M spoken for, ..." */
static void print_lease_news(const struct screen *screen, const json_t *news)
{
	bool denied = json_get_u64(news, "asked_bytes") != UINT64_MAX;
	uint64_t times = json_get_u64_or(news, "times", 1);
	char ago[VALUE_LEN], asked[VALUE_LEN], there[VALUE_LEN], held[VALUE_LEN], text[768];
	const json_t *holder;
	size_t at, i;

	at = (size_t)snprintf(text, sizeof(text), "lease %s (%s) %s ago: pid %" PRIu64,
			      json_get_text(news, "kind"), json_get_text(news, "reason"),
			      value_us(news, "ago_us", ago), json_get_u64_or(news, "pid", 0));
	if (denied)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
				       " asked for %s, %s available, %s spoken for",
				       value_bytes(news, "asked_bytes", asked),
				       value_bytes(news, "available_bytes", there),
				       value_bytes(news, "held_bytes", held));
	else
		at += (size_t)snprintf(text + at, sizeof(text) - at, " lost %s of lease %" PRIu64,
				       value_bytes(news, "held_bytes", held),
				       json_get_u64_or(news, "id", 0));
	json_array_foreach (json_object_get(news, "holders"), i, holder)
		if (at < sizeof(text))
			at += print_holder(text + at, sizeof(text) - at, holder, !i);
	if (times > 1 && at < sizeof(text))
		snprintf(text + at, sizeof(text) - at, "; %" PRIu64 " times", times);
	screen_wrap(screen, PAINT_PLAIN, 0, 2, text);
}

int command_why(struct cli *cli)
{
	AUTO_JSON json_t *answer = NULL;
	struct uw_err err = {0};
	const json_t *record;
	size_t i;

	if (remote_call(cli, IPC_WHY, log_parameters(cli), &answer, &err) < 0)
		return cli_fail(cli, &err);
	if (cli->options.json)
		return cli_print_json(cli, TAKE(answer));
	print_now(&cli->screen, json_object_get(answer, "component"));
	json_array_foreach (json_object_get(answer, "records"), i, record)
		action_print_long(&cli->screen, record);
	if (!json_array_size(json_object_get(answer, "records")))
		fprintf(cli->screen.out, "nothing was done to it yet\n");
	json_array_foreach (json_object_get(answer, "leases"), i, record)
		print_lease_news(&cli->screen, record);
	return CLI_OK;
}
