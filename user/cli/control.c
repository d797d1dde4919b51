// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl freeze, thaw, reclaim and reload are requests to uwd. uwd takes a request up with its next
 * tick, so the command follows uwd's log until every action that came of it has ended, and prints
 * these. A dry run asks uwd what is there and says the writes that would be made.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cgroups/cgroups.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/cli/actions.h"
#include "user/cli/changes.h"
#include "user/cli/command.h"
#include "user/cli/remote.h"

#define BEGIN_US (3 * US_PER_SEC)  /* a request is taken up by the next tick */
#define END_US   (60 * US_PER_SEC) /* the longest reclaim that uwd does at a time */

/* "ml_models/train" */
struct control_target {
	char component[CG_NAME_LEN];
	const char *leaf; /* NULL: all of them */
};

static int target_parse(const char *word, struct control_target *ret_target, struct uw_err *err)
{
	const char *slash = strchr(word, '/');
	size_t length = slash ? (size_t)(slash - word) : strlen(word);
	struct control_target target = {.leaf = slash ? slash + 1 : NULL};

	if (length < sizeof(target.component))
		memcpy(target.component, word, length);
	if (!text_is_name(target.component) ||
	    (target.leaf && (!*target.leaf || strchr(target.leaf, '/'))))
		return err_set(err, -EINVAL, "'%s' is not COMPONENT or COMPONENT/LEAF", word);
	*ret_target = target;
	return 0;
}

static json_t *target_json(const struct control_target *target)
{
	return json_pack("{s:s, s:s*}", "component", target->component, "leaf", target->leaf);
}

/* ---- waiting for what comes of a request ---- */

struct requested {
	const char *component;
	const char *action;  /* that it leads to */
	uint64_t want_bytes; /* reclaimed in several actions; 0 for others */
	uint64_t done_bytes;
	json_t *records; /* of this request, by sequence */
	size_t under_way;
};

/* Keeps the newest state of each action that the request led to. */
static void requested_take(struct requested *requested, const json_t *answer)
{
	json_t *record, *kept;
	size_t i;
	const char *key;

	json_array_foreach (json_object_get(answer, "records"), i, record) {
		char sequence[24];

		if (strcmp(json_get_text(record, "component"), requested->component) != 0 ||
		    strcmp(json_get_text(record, "action"), requested->action) != 0)
			continue;
		snprintf(sequence, sizeof(sequence), "%" PRIu64,
			 json_get_u64_or(record, "sequence", 0));
		json_object_set(requested->records, sequence, record);
	}
	requested->under_way = 0;
	requested->done_bytes = 0;
	json_object_foreach (requested->records, key, kept) {
		requested->under_way += !*json_get_text(kept, "result");
		requested->done_bytes += json_get_u64_or(kept, "done_bytes", 0);
	}
}

/* uwd takes no less at a time (user/policy/reclaim.c: ACTION_MIN_BYTES), and no more. */
#define PIECE_MIN_BYTES (1ULL << 20)
#define PIECE_MAX_BYTES (64ULL << 20)

/* Of the whole component uwd asks for what it can find, so that a piece of less than was left, and
 * not as large as a piece may be, is the last. */
static bool was_last_piece(const struct requested *requested)
{
	uint64_t left = requested->want_bytes;
	const json_t *record;
	const char *key;

	json_object_foreach (requested->records, key, record) {
		uint64_t amount = json_get_u64_or(record, "amount_bytes", 0);
		uint64_t done = json_get_u64_or(record, "done_bytes", 0);

		if (!*json_get_text(record, "leaf") && amount < PIECE_MAX_BYTES &&
		    amount + PIECE_MIN_BYTES <= left)
			return true;
		left = left > done ? left - done : 0;
	}
	return left < PIECE_MIN_BYTES;
}

static bool requested_done(const struct requested *requested)
{
	return json_object_size(requested->records) && !requested->under_way &&
	       (!requested->want_bytes || was_last_piece(requested));
}

/* Follows the log from after until every action of the request has ended. What was reclaimed in
 * part may go on in the next tick, and ends when nothing more comes. */
static int await(struct ipc_client *client, json_int_t after, struct requested *requested,
		 struct uw_err *err)
{
	uint64_t deadline_us = clock_now_us() + BEGIN_US;
	int r = ipc_client_send(
		client, IPC_LOG,
		json_pack("{s:I, s:s}", "after", after, "component", requested->component), true,
		err);

	while (r >= 0 && !requested_done(requested)) {
		AUTO_JSON json_t *answer = NULL;
		uint64_t now_us = clock_now_us();

		r = now_us < deadline_us
			    ? ipc_client_next(client, deadline_us - now_us, &answer, err)
			    : -ETIMEDOUT;
		if (r == -ETIMEDOUT && json_object_size(requested->records) &&
		    !requested->under_way)
			return 0;
		if (r < 0)
			return r;
		requested_take(requested, answer);
		deadline_us = clock_now_us() + (requested->under_way ? END_US : BEGIN_US);
	}
	return r < 0 ? r : 0;
}

static bool any_failed(const struct requested *requested)
{
	json_t *record;
	const char *key;

	json_object_foreach (requested->records, key, record) {
		const char *result = json_get_text(record, "result");

		if (!strcmp(result, "failed") || !strcmp(result, "gone"))
			return true;
	}
	return false;
}

static int report(const struct cli *cli, const struct requested *requested)
{
	int status = any_failed(requested) ? CLI_FAILED : CLI_OK;
	struct action_lines lines = {.undated = true};
	json_t *record, *list;
	const char *key;
	size_t i;

	list = json_array();
	json_object_foreach (requested->records, key, record)
		json_array_append(list, record);
	if (!cli->options.json) {
		action_lines_fit(&lines, list);
		json_array_foreach (list, i, record)
			action_print_end(&cli->screen, &lines, record);
		json_decref(list);
		return status;
	}
	return cli_print_json(cli, json_pack("{s:o}", "records", list)) == CLI_OK ? status
										  : CLI_FAILED;
}

static int nothing_came(const struct requested *requested, struct uw_err *err)
{
	if (requested->want_bytes)
		return err_set_as(
			err, "nothing-to-reclaim", -ENODATA,
			"%s has nothing that uwd would reclaim: under 1 MiB of it is cold, "
			"or there is no swap for the rest",
			requested->component);
	return err_set_as(err, "not-done", -ETIMEDOUT,
			  "uwd took the request, and did not act on it in time; 'uwctl why %s' and "
			  "'uwctl log' say what it does instead",
			  requested->component);
}

/* A freeze is for as long as was asked for, or for as long as uw.conf allows. */
static void say_cut(const struct cli *cli, const json_t *answer)
{
	uint64_t granted_us = json_get_u64_or(answer, "for_us", UINT64_MAX);
	char asked[UNITS_TEXT_LEN], text[UNITS_TEXT_LEN];

	if (cli->options.for_us > granted_us)
		fprintf(stderr, "uwctl %s: for %s, not %s: freeze-max in uw.conf allows no more\n",
			cli->command->name, units_print_us(granted_us, text),
			units_print_us(cli->options.for_us, asked));
}

/* Asks for a change and says what came of it. Steals parameters. */
static int request(const struct cli *cli, enum ipc_method method, struct requested requested,
		   json_t *parameters)
{
	AUTO_JSON json_t *answer = NULL, *records = json_object();
	struct ipc_client client = {.fd = -1};
	struct uw_err err = {0};
	int r = remote_open(cli, &client, &err);

	requested.records = records;
	if (r < 0)
		json_decref(parameters);
	else
		r = ipc_client_call(&client, method, parameters, REMOTE_TIMEOUT_US, &answer, &err);
	if (r >= 0)
		say_cut(cli, answer);
	if (r >= 0)
		r = await(&client, json_get_i64(answer, "after"), &requested, &err);
	if (r == -ETIMEDOUT && !json_object_size(records))
		r = nothing_came(&requested, &err);
	ipc_client_close(&client);
	return r < 0 ? cli_fail(cli, &err) : report(cli, &requested);
}

/* ---- dry runs: the exact writes, from what uwd says is there ---- */

struct dry {
	struct changes changes;
	struct cg_host host;
	char base[CG_PATH_LEN + CG_NAME_LEN]; /* of the component, relative to the mount */
};

static int dry_begin(const struct cli *cli, const char *component, struct dry *dry,
		     json_t **ret_component, struct uw_err *err)
{
	AUTO_JSON json_t *status = NULL;
	int r = cg_host_probe(&dry->host, err);

	if (r >= 0)
		r = remote_call(cli, IPC_STATUS, json_pack("{s:s}", "component", component),
				&status, err);
	if (r < 0)
		return r;
	snprintf(dry->base, sizeof(dry->base), "%s/%s",
		 json_get_text(json_object_get(status, "pool"), "root"), component);
	*ret_component = json_incref(json_array_get(json_object_get(status, "components"), 0));
	changes_init(&dry->changes, cli, dry->host.mount);
	return 0;
}

static int dry_end(const struct cli *cli, struct dry *dry)
{
	int status = CLI_OK;

	if (cli->options.json)
		status = cli_print_json(cli, json_pack("{s:b, s:o}", "dry_run", true, "changes",
						       changes_json(&dry->changes)));
	else if (!dry->changes.count)
		fprintf(cli->screen.out, "nothing would be written\n");
	changes_done(&dry->changes);
	return status;
}

static int dry_freezer(const struct cli *cli, const struct control_target *target,
		       const char *value)
{
	AUTO_JSON json_t *component = NULL;
	char path[2 * CG_PATH_LEN];
	struct uw_err err = {0};
	const json_t *leaf;
	struct dry dry;
	size_t i;

	if (dry_begin(cli, target->component, &dry, &component, &err) < 0)
		return cli_fail(cli, &err);
	json_array_foreach (json_object_get(component, "leaves"), i, leaf) {
		const char *name = json_get_text(leaf, "name");

		if (!json_get_bool(leaf, "populated") ||
		    (target->leaf && strcmp(target->leaf, name)))
			continue;
		snprintf(path, sizeof(path), "%s/%s/cgroup.freeze", dry.base, name);
		changes_note(&dry.changes, "write", path, value);
	}
	return dry_end(cli, &dry);
}

static int dry_reclaim(const struct cli *cli, const char *component_name, uint64_t bytes)
{
	AUTO_JSON json_t *component = NULL;
	char path[2 * CG_PATH_LEN], value[24];
	struct uw_err err = {0};
	struct dry dry;

	if (dry_begin(cli, component_name, &dry, &component, &err) < 0)
		return cli_fail(cli, &err);
	snprintf(path, sizeof(path), "%s/memory.reclaim", dry.base);
	snprintf(value, sizeof(value), "%" PRIu64, bytes);
	changes_note(&dry.changes, "write", path, value);
	return dry_end(cli, &dry);
}

/* ---- the commands ---- */

int command_freeze(struct cli *cli)
{
	struct control_target target = {0};
	struct uw_err err = {0};
	json_t *parameters;

	if (target_parse(cli->argv[0], &target, &err) < 0)
		return cli_usage(cli, "%s", err.text);
	if (cli->options.dry_run)
		return dry_freezer(cli, &target, "1");
	parameters = target_json(&target);
	if (cli->options.for_us)
		json_object_set_new(parameters, "for_us",
				    json_integer((json_int_t)cli->options.for_us));
	if (cli->options.force)
		json_object_set_new(parameters, "force", json_true());
	return request(cli, IPC_FREEZE,
		       (struct requested){.component = target.component, .action = "freeze"},
		       parameters);
}

int command_thaw(struct cli *cli)
{
	struct control_target target = {0};
	struct uw_err err = {0};

	if (target_parse(cli->argv[0], &target, &err) < 0)
		return cli_usage(cli, "%s", err.text);
	if (cli->options.dry_run)
		return dry_freezer(cli, &target, "0");
	return request(cli, IPC_THAW,
		       (struct requested){.component = target.component, .action = "thaw"},
		       target_json(&target));
}

int command_reclaim(struct cli *cli)
{
	const char *component = cli->argv[0], *size = cli->argv[1];
	uint64_t bytes;

	if (units_parse_bytes(size, &bytes) < 0 || !bytes || bytes > INT64_MAX)
		return cli_usage(cli,
				 "'%s' is not a number of bytes with its unit, like 256M or "
				 "1.5G",
				 size);
	if (cli->options.dry_run)
		return dry_reclaim(cli, component, bytes);
	return request(cli, IPC_RECLAIM,
		       (struct requested){
			       .component = component, .action = "reclaim", .want_bytes = bytes},
		       json_pack("{s:s, s:I}", "component", component, "bytes", (json_int_t)bytes));
}

int command_reload(struct cli *cli)
{
	AUTO_JSON json_t *answer = NULL;
	struct uw_err err = {0};
	const json_t *change;
	size_t i;

	if (cli->options.dry_run) {
		int count = config_print_diff(cli, NULL);

		return count < 0 ? -count : CLI_OK;
	}
	if (remote_call(cli, IPC_RELOAD, NULL, &answer, &err) < 0)
		return cli_fail(cli, &err);
	if (cli->options.json)
		return cli_print_json(cli, TAKE(answer));
	json_array_foreach (json_object_get(answer, "changes"), i, change)
		fprintf(cli->screen.out, "%s\n", json_string_value(change));
	if (!json_array_size(json_object_get(answer, "changes")))
		fprintf(cli->screen.out, "read again; nothing differs\n");
	return CLI_OK;
}
