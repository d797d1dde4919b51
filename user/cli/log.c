// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl log and why show what uwd did. log prints uwd's last records or, with --follow, each one as
 * it comes: a record that was printed as begun is printed again only with its end, and a uwd that
 * is restarted is followed again. why prints a component as it is now, and its last actions with
 * their reasons.
 */
#include "user/cli/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/cli/actions.h"
#include "user/cli/command.h"
#include "user/cli/debts.h"
#include "user/cli/gate.h"
#include "user/cli/payoff.h"
#include "user/cli/remote.h"

#define SHOWN_MAX 512U /* actions that are under way at a time are far fewer */

/* Of one run of log. */
struct follow {
	const struct cli *cli;
	struct action_lines lines;
	uint64_t since_wall_us;    /* older ones are left out */
	uint64_t last;             /* sequence that came last */
	uint64_t lost_us;          /* when it was heard last; 0: never, or still */
	bool announced;            /* that it did */
	uint64_t begun[SHOWN_MAX]; /* sequences of records that were printed before they ended */
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
		action_print_end(screen, &follow->lines, record);
	else
		action_print(screen, &follow->lines, record);
	follow->begun[sequence % SHOWN_MAX] = ended ? 0 : sequence;
}

/* uwd sends followers everything. */
static bool is_wanted(const struct follow *follow, const json_t *record)
{
	const struct cli *cli = follow->cli;

	return (!cli->argc || !strcmp(cli->argv[0], json_get_text(record, "component"))) &&
	       json_get_u64_or(record, "wall_us", 0) >= follow->since_wall_us;
}

static json_t *wanted_records(struct follow *follow, const json_t *answer)
{
	json_t *list = json_array(), *record;
	size_t i;

	json_array_foreach (json_object_get(answer, "records"), i, record) {
		follow->last = json_get_u64_or(record, "sequence", follow->last);
		if (is_wanted(follow, record))
			json_array_append(list, record);
	}
	return list;
}

static void print_records(struct follow *follow, const json_t *records)
{
	const struct cli *cli = follow->cli;
	const json_t *record;
	size_t i;

	action_lines_fit(&follow->lines, records);
	json_array_foreach (records, i, record) {
		if (cli->options.json)
			cli_print_json_line(cli, json_pack("{s:O}", "record", record));
		else
			print_record(follow, record);
	}
	fflush(cli->screen.out);
}

static json_t *log_parameters(const struct cli *cli)
{
	uint64_t count = cli->options.count ?: cli->options.since_us ? SHOWN_MAX : 0;
	json_t *parameters = remote_component(cli);

	if (count)
		json_object_set_new(parameters, "count", json_integer((json_int_t)count));
	return parameters;
}

/* A uwd that began after the last one went counts its records anew: all of them are news. */
static int parameters_again(struct follow *follow, struct ipc_client *client,
			    json_t **ret_parameters, struct uw_err *err)
{
	AUTO_JSON json_t *status = NULL;
	json_t *parameters;
	uint64_t up_us;
	int r = ipc_client_call(client, IPC_STATUS, NULL, REMOTE_TIMEOUT_US, &status, err);

	if (r < 0)
		return r;
	up_us = json_get_u64_or(json_object_get(status, "daemon"), "up_us", 0);
	if (up_us <= clock_now_us() - follow->lost_us) {
		memset(follow->begun, 0, sizeof(follow->begun));
		follow->last = 0;
	}
	parameters = remote_component(follow->cli);
	json_object_set_new(parameters, "count", json_integer(SHOWN_MAX));
	json_object_set_new(parameters, "after", json_integer((json_int_t)follow->last));
	*ret_parameters = parameters;
	return 0;
}

/* What one uwd says, until it goes away. */
static int follow_one(struct follow *follow, struct uw_err *err)
{
	struct ipc_client client = {.fd = -1};
	json_t *parameters = NULL;
	bool heard = false;
	int r = remote_open(follow->cli, &client, err);

	if (r >= 0 && follow->lost_us)
		r = parameters_again(follow, &client, &parameters, err);
	else if (r >= 0)
		parameters = log_parameters(follow->cli);
	if (r >= 0)
		r = ipc_client_send(&client, IPC_LOG, parameters, true, err);
	while (r >= 0) {
		AUTO_JSON json_t *answer = NULL, *records = NULL;

		r = ipc_client_next(&client, UINT64_MAX, &answer, err);
		if (r < 0)
			break;
		follow->announced = false;
		heard = true;
		records = wanted_records(follow, answer);
		print_records(follow, records);
		if (r == 0)
			r = err_set(err, -EPIPE, "uwd ended its answer");
	}
	if (heard)
		follow->lost_us = clock_now_us();
	ipc_client_close(&client);
	return r;
}

/* Until it is interrupted: a uwd that is restarted is followed again. */
static int log_follow(struct follow *follow)
{
	struct uw_err err = {0};
	int r;

	for (;;) {
		r = follow_one(follow, &err);
		if (!follow->lost_us || !remote_is_passing(r))
			break;
		remote_await(follow->cli, REMOTE_RETRY_US, &follow->announced);
	}
	return cli_fail(follow->cli, &err);
}

/* The journal has what uwd did before it was restarted, uwd itself does not. */
static void print_nothing(const struct follow *follow)
{
	FILE *out = follow->cli->screen.out;

	if (follow->last)
		fprintf(out, "nothing of that was done\n");
	else
		fprintf(out, "nothing was done since uwd was started; 'journalctl -u uwd' has what "
			     "was before\n");
}

int command_log(struct cli *cli)
{
	AUTO_JSON json_t *answer = NULL, *records = NULL;
	struct follow follow = {.cli = cli};
	struct uw_err err = {0};

	if (cli->options.since_us)
		follow.since_wall_us = options_since(&cli->options, clock_wall_us());
	if (cli->options.follow)
		return log_follow(&follow);
	if (remote_call(cli, IPC_LOG, log_parameters(cli), &answer, &err) < 0)
		return cli_fail(cli, &err);
	records = wanted_records(&follow, answer);
	if (cli->options.json)
		return cli_print_json(cli, json_pack("{s:O}", "records", records));
	if (!json_array_size(records))
		print_nothing(&follow);
	print_records(&follow, records);
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
	gate_print(screen, component);
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

void why_print(const struct screen *screen, const json_t *answer)
{
	const json_t *records = json_object_get(answer, "records"), *record;
	struct action_lines lines = {0};
	size_t i;

	print_now(screen, json_object_get(answer, "component"));
	json_array_foreach (records, i, record)
		action_print_long(screen, &lines, record);
	if (!json_array_size(records))
		fprintf(screen->out, "nothing was done to it yet\n");
	json_array_foreach (json_object_get(answer, "leases"), i, record)
		print_lease_news(screen, record);
}

int command_why(struct cli *cli)
{
	AUTO_JSON json_t *answer = NULL;
	struct uw_err err = {0};

	if (remote_call(cli, IPC_WHY, log_parameters(cli), &answer, &err) < 0)
		return cli_fail(cli, &err);
	if (cli->options.json)
		return cli_print_json(cli, TAKE(answer));
	why_print(&cli->screen, answer);
	return CLI_OK;
}
