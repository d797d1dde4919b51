/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A command is a row: what it is called, what it takes, what its help says and the function that
 * does it. All rows stand in commands.c; a new command is a new row, a line at the end of this
 * header and a file. This is the one header that every command includes, and no contract of a part
 * of its own.
 */
#ifndef UW_CLI_COMMAND_H
#define UW_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/cli/cli.h"

struct command {
	const char *name;
	const char *brief;   /* one line, no full stop */
	const char *words;   /* what comes after the name, as the help shows it */
	const char *detail;  /* sentences */
	const char *example; /* lines, each a command and what it does */
	option_mask options; /* mask of OPTION_BIT */
	int words_min, words_max;
	bool in_order;      /* the first word ends the options ... */
	bool options_again; /* ... and more of them may come behind it */
	bool own_exits;     /* failures of ours are CLI_RUN_FAILED */
	bool shares_stdout; /* with a command that it runs */
	bool hidden;        /* for programs: help does not list it */
	int (*run)(struct cli *cli);
};

struct command_table {
	const struct command *row;
	size_t count;
};

const struct command *command_find(const struct command_table *table, const char *name);

/* The command that was meant by a name that there is not; NULL when nothing is near. */
const char *command_suggest(const struct command_table *table, const char *name);

/* Prints in what file (NULL: what is installed) differs from what uwd goes by. The number of
 * options that do; minus the exit status when it failed, which it has said. */
int config_print_diff(const struct cli *cli, const char *file);

/* The commands, each in the file of its name or of its group. */
int command_check(struct cli *cli);
int command_setup(struct cli *cli);
int command_teardown(struct cli *cli);
int command_run(struct cli *cli);
int command_attach(struct cli *cli);
int command_enter(struct cli *cli);
int command_status(struct cli *cli);
int command_top(struct cli *cli);
int command_log(struct cli *cli);
int command_why(struct cli *cli);
int command_explain(struct cli *cli);
int command_config(struct cli *cli);
int command_reload(struct cli *cli);
int command_freeze(struct cli *cli);
int command_thaw(struct cli *cli);
int command_reclaim(struct cli *cli);
int command_forget(struct cli *cli);
int command_lease(struct cli *cli);
int command_pool(struct cli *cli);
int command_simulate(struct cli *cli);
int command_submit(struct cli *cli);
int command_queue(struct cli *cli);
int command_wait(struct cli *cli);
int command_cancel(struct cli *cli);
int command_hold(struct cli *cli);
int command_release(struct cli *cli);
int command_requeue(struct cli *cli);
int command_logs(struct cli *cli);
int command_history(struct cli *cli);
int command_recommend(struct cli *cli);
int command_export(struct cli *cli);
int command_record(struct cli *cli);
int command_replay(struct cli *cli);
int command_report(struct cli *cli);
int command_complete(struct cli *cli);
int command_version(struct cli *cli);
int command_help(struct cli *cli);

#endif
