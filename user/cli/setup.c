// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl setup and teardown make the pool of the configuration, or remove it. A uwd that runs takes
 * the configuration over first and makes the pool itself, so that it never stands against what uwd
 * goes by; teardown is refused beside it. What is done is listed as it is done, and then the
 * budgets are shown.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/cgroups.h"
#include "user/act/lru_switch.h"
#include "user/act/setup.h"
#include "user/base/cleanup.h"
#include "user/base/units.h"
#include "user/cli/changes.h"
#include "user/cli/command.h"
#include "user/cli/remote.h"
#include "user/ipc/json.h"
#include "user/kern/kern.h"

static void add_row(struct table *table, const struct component *component)
{
	char share[UNITS_TEXT_LEN], budget[UNITS_TEXT_LEN];

	table_cell(table, PAINT_BOLD, "%s", component->name);
	table_cell(table, PAINT_PLAIN, "%s",
		   component->share_permyriad
			   ? units_print_permyriad(component->share_permyriad, share)
			   : "-");
	table_cell(table, PAINT_PLAIN, "%s", units_print_bytes(component->budget_bytes, budget));
	table_cell(table, PAINT_PLAIN, "%u", component->priority);
	table_cell(table, PAINT_PLAIN, "%s", protect_name(component->protect));
	table_cell(table, PAINT_PLAIN, "%s", component->freeze ? "yes" : "no");
	table_cell(table, PAINT_PLAIN, "%s", kill_rule_name(component->kill));
	table_cell(table, PAINT_PLAIN, "%s", component->lend ? "yes" : "no");
	table_cell(table, PAINT_PLAIN, "%s", component->borrow ? "yes" : "no");
}

static void print_budgets(const struct cli *cli, const struct config *config, const char *root)
{
	static const struct column columns[] = {
		{"COMPONENT", false, 0}, {"SHARE", true, 3},    {"BUDGET", true, 0},
		{"PRIORITY", true, 1},   {"PROTECT", false, 2}, {"FREEZE", false, 4},
		{"KILL", false, 5},      {"LEND", false, 7},    {"BORROW", false, 6},
	};
	char usable[UNITS_TEXT_LEN];
	struct table table;

	fprintf(cli->screen.out, "pool %s: %s usable%s\n\n", root,
		units_print_bytes(config->usable_bytes, usable),
		config->usable_conf_bytes ? "" : " (auto)");
	table_init(&table, columns, ARRAY_SIZE(columns));
	for (uint32_t i = 0; i < config->component_count; i++)
		add_row(&table, &config->component[i]);
	table_print(&table, &cli->screen);
	table_done(&table);
}

static json_t *budgets_json(const struct config *config)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < config->component_count; i++) {
		const struct component *component = &config->component[i];

		json_array_append_new(
			list, json_pack("{s:s, s:i, s:I, s:i, s:s, s:b, s:s, s:s, s:s, s:b, s:b}",
					"name", component->name, "share_permyriad",
					(int)component->share_permyriad, "budget_bytes",
					(json_int_t)component->budget_bytes, "priority",
					(int)component->priority, "protect",
					protect_name(component->protect), "freeze",
					component->freeze, "kill", kill_rule_name(component->kill),
					"type", component_type_name(component->type), "clean",
					clean_rule_name(component->clean), "lend", component->lend,
					"borrow", component->borrow));
	}
	return list;
}

static int report(const struct cli *cli, const struct config *config, const struct cg_pool *pool,
		  const struct changes *changes, bool told)
{
	if (cli->options.json)
		return cli_print_json(
			cli, json_pack("{s:b, s:s, s:I, s:o, s:o, s:i, s:b}", "dry_run",
				       cli->options.dry_run, "root", pool->root, "usable_bytes",
				       (json_int_t)config->usable_bytes, "components",
				       budgets_json(config), "changes", changes_json(changes),
				       "guard_pid", (int)pool->guard_pid, "uwd_reloaded", told));
	if (changes->count)
		fputc('\n', cli->screen.out);
	print_budgets(cli, config, pool->root);
	fprintf(cli->screen.out, "\n%s\n",
		cli->options.dry_run ? "dry run: nothing was changed"
		: told               ? "done; uwd, which runs, has taken it over"
		: changes->count     ? "done; 'uwd' watches over it, 'uwctl run' starts work in it"
				     : "nothing to do: it is all as it should be");
	return CLI_OK;
}

/* ---- a uwd that runs ---- */

/* The same file, or both the installed ones (""). */
static bool is_same_source(const char *ours, const char *uwds)
{
	AUTO_FREE char *real_ours = realpath(ours, NULL);
	AUTO_FREE char *real_uwds = realpath(uwds, NULL);

	if (!*ours || !*uwds || !real_ours || !real_uwds)
		return !strcmp(ours, uwds);
	return !strcmp(real_ours, real_uwds);
}

/* A uwd that goes by another file would set what that one says at its next look. */
static int check_source(const struct cli *cli, struct uw_err *err)
{
	AUTO_JSON json_t *answer = NULL;
	const char *ours = cli->options.config ?: "", *uwds;
	int r = remote_call(cli, IPC_CONFIG, NULL, &answer, err);

	if (r < 0)
		return r;
	uwds = json_get_text(answer, "path");
	if (is_same_source(ours, uwds))
		return 0;
	return err_set(err, -EBUSY,
		       "uwd runs and goes by %s, not by %s: change that and run 'uwctl reload', or "
		       "stop uwd first",
		       *uwds ? uwds : "the installed files", *ours ? ours : "the installed files");
}

/*
 * A uwd that runs takes the configuration over first: it makes the tree itself and keeps it, so
 * that at no time the one stands and the other goes by something else. 0 also without a uwd.
 */
static int tell_uwd(const struct cli *cli, bool *ret_told, struct uw_err *err)
{
	AUTO_JSON json_t *answer = NULL;
	struct uw_err ignored = {0};
	struct ipc_client client = {.fd = -1};
	int r = remote_open(cli, &client, &ignored);

	if (remote_is_absent(r))
		return 0;
	ipc_client_close(&client);
	r = check_source(cli, err);
	if (r >= 0 && !cli->options.dry_run)
		r = remote_call(cli, IPC_RELOAD, NULL, &answer, err);
	if (r < 0)
		return r;
	*ret_told = !cli->options.dry_run && json_array_size(json_object_get(answer, "changes"));
	return 0;
}

int command_setup(struct cli *cli)
{
	struct cg_pool pool = {.dir = -1, .guard = -1};
	struct cg_host host;
	struct config config;
	struct changes changes;
	struct uw_err err = {0};
	bool told = false;
	int status;

	if (cg_host_probe(&host, &err) < 0 ||
	    setup_read_config(&host, cli->options.config, NULL, &config, &err) < 0 ||
	    tell_uwd(cli, &told, &err) < 0)
		return cli_fail(cli, &err);
	changes_init(&changes, cli, host.mount);
	if (setup_pool(&host, &config, &changes.change, &pool, &err) < 0)
		status = cli_fail(cli, &err);
	else
		status = report(cli, &config, &pool, &changes, told);
	cg_pool_close(&pool);
	changes_done(&changes);
	return status;
}

static enum cg_teardown teardown_how(const struct options *options)
{
	if (options->kill)
		return CG_TEARDOWN_KILL;
	return options->keep_running ? CG_TEARDOWN_KEEP_RUNNING : CG_TEARDOWN_REFUSE;
}

/* uwd would make the tree anew at once. */
static int refuse_beside_uwd(struct uw_err *err)
{
	struct ipc_client client = {.fd = -1};

	if (ipc_client_open(IPC_SOCKET_PATH, &client, NULL) < 0)
		return 0;
	ipc_client_close(&client);
	return err_set(err, -EBUSY,
		       "uwd runs and would make the pool anew; stop it first: "
		       "'systemctl stop uwd', or 'kill PID' where there is no systemd");
}

static int unpin(const struct cli *cli, struct changes *changes, struct uw_err *err)
{
	if (access(KERN_PIN_DIR, F_OK) < 0)
		return 0;
	changes_note(changes, "unpin", KERN_PIN_DIR, NULL);
	return cli->options.dry_run ? 0 : kern_unpin(err);
}

/* A uwd that was killed has not put it back. */
static int put_lru_back(const struct cli *cli, struct changes *changes, struct uw_err *err)
{
	char text[LRU_SWITCH_TEXT_LEN];

	lru_switch_read_note(&lru_switch_here, text);
	if (!*text)
		return 0;
	changes_note(changes, "write", lru_switch_here.file, text);
	return cli->options.dry_run ? 0 : lru_switch_back(&lru_switch_here, err);
}

static int teardown(const struct cli *cli, const struct cg_host *host, struct changes *changes,
		    bool *ret_found, struct uw_err *err)
{
	char root[CG_PATH_LEN];
	int r = refuse_beside_uwd(err);

	if (r < 0)
		return r;
	r = cg_tree_find(host, root, sizeof(root));
	*ret_found = r != -ENOENT;
	if (r < 0 && r != -ENOENT)
		return err_set(err, r, "the pool cannot be found: %s", strerror(-r));
	if (*ret_found) {
		r = cg_tree_teardown(host, root, teardown_how(&cli->options), &changes->change,
				     err);
		if (r < 0)
			return r;
	}
	r = put_lru_back(cli, changes, err);
	return r < 0 ? r : unpin(cli, changes, err);
}

int command_teardown(struct cli *cli)
{
	struct changes changes;
	struct cg_host host;
	struct uw_err err = {0};
	bool found = false;
	int status = CLI_OK;

	if (cli->options.kill && cli->options.keep_running)
		return cli_usage(cli, "--kill and --keep-running exclude each other");
	if (cg_host_probe(&host, &err) < 0)
		return cli_fail(cli, &err);
	changes_init(&changes, cli, host.mount);
	if (teardown(cli, &host, &changes, &found, &err) < 0)
		status = cli_fail(cli, &err);
	else if (cli->options.json)
		status = cli_print_json(cli, json_pack("{s:b, s:b, s:o}", "dry_run",
						       cli->options.dry_run, "found", found,
						       "changes", changes_json(&changes)));
	else if (!changes.count)
		fprintf(cli->screen.out, "nothing to do: there is no pool\n");
	else if (cli->options.dry_run)
		fprintf(cli->screen.out, "\ndry run: nothing was changed\n");
	changes_done(&changes);
	return status;
}
