/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A command is a row: what it is called, what it takes, what its help says and the function that
 * does it. The table stands in commands.c; a new command is a new row and a file.
 */
#ifndef UW_CLI_COMMAND_H
#define UW_CLI_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/base/err.h"
#include "user/cli/options.h"
#include "user/cli/screen.h"

/* Exit status of uwctl. Of `run`, `wait` and `submit --wait`: what the command said, or one of the
 * last five. */
enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,         /* or a wrong configuration */
	CLI_NOT_RUNNING = 3,   /* status: uwd does not run */
	CLI_DEGRADED = 1,      /* check: works, and something is lost */
	CLI_UNSUPPORTED = 2,   /* check */
	CLI_DIFFERENT = 1,     /* config diff: something differs */
	CLI_TIMED_OUT = 124,   /* wait, as of timeout(1) */
	CLI_RUN_FAILED = 125,  /* as of timeout(1) and docker run */
	CLI_CANNOT_EXEC = 126, /* as of sh(1) */
	CLI_NOT_FOUND = 127,
	CLI_SIGNALLED = 128, /* plus the signal */
};

/* One invocation. Everything is borrowed from main. */
struct cli {
	const struct command *command;
	struct options options;
	int argc; /* words after the options */
	char **argv;
	struct screen screen; /* stdout */
};

struct command {
	const char *name;
	const char *brief;   /* one line, no full stop */
	const char *words;   /* what comes after the name, as the help shows it */
	const char *detail;  /* sentences */
	const char *example; /* lines, each a command and what it does */
	uint64_t options;    /* mask of OPTION_BIT */
	int words_min, words_max;
	bool in_order;      /* the first word ends the options ... */
	bool options_again; /* ... and more of them may come behind it */
	bool own_exits;     /* failures of ours are CLI_RUN_FAILED */
	bool shares_stdout; /* with a command that it runs */
	int (*run)(struct cli *cli);
};

extern const struct command commands[];
extern const size_t command_count;

const struct command *command_find(const char *name);
const char *command_suggest(const char *name); /* NULL when nothing is near */

void command_print_overview(const struct screen *screen);
void command_print_help(const struct screen *screen, const struct command *command);

/*
 * Says what went wrong, once, on stderr (and with --json as {"v":1,"error":{...}} on stdout), and
 * returns the exit status for it: CLI_USAGE for -EINVAL, where what was given or configured is
 * wrong, else CLI_FAILED.
 */
int cli_fail(const struct cli *cli, const struct uw_err *err);
int cli_usage(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Prints object, which it steals, with "v": 1 in front. CLI_OK, or CLI_FAILED when it is NULL. */
int cli_print_json(const struct cli *cli, json_t *object);

/* Prints in what file (NULL: what is installed) differs from what uwd goes by. The number of
 * options that do; minus the exit status when it failed, which it has said. */
int config_print_diff(const struct cli *cli, const char *file);

/* The commands, each in the file of its name or of its group. */
int command_check(struct cli *cli);
int command_setup(struct cli *cli);
int command_teardown(struct cli *cli);
int command_run(struct cli *cli);
int command_attach(struct cli *cli);
int command_status(struct cli *cli);
int command_log(struct cli *cli);
int command_why(struct cli *cli);
int command_explain(struct cli *cli);
int command_config(struct cli *cli);
int command_reload(struct cli *cli);
int command_freeze(struct cli *cli);
int command_thaw(struct cli *cli);
int command_reclaim(struct cli *cli);
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
int command_version(struct cli *cli);
int command_help(struct cli *cli);

#endif
