/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One invocation of uwctl: what was given on the command line, where output goes, and how a command
 * ends. Every command gets a struct cli, and says what went wrong, or prints JSON, by these
 * functions alone.
 */
#ifndef UW_CLI_CLI_H
#define UW_CLI_CLI_H

#include <jansson.h>

#include "user/base/err.h"
#include "user/cli/options.h"
#include "user/cli/screen.h"

struct command;
struct command_table;

/* Exit status of uwctl. Of `run`, `wait` and `submit --wait`: what the command said, or one of the
 * last five. */
enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,         /* or a wrong configuration */
	CLI_NOT_RUNNING = 3,   /* uwd does not run, or does not answer */
	CLI_NO_COMPONENT = 4,  /* or leaf */
	CLI_NO_JOB = 5,        /* or lease */
	CLI_REFUSED = 6,       /* no right to it, no room for it now, or forbidden */
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
	const struct command *command;        /* NULL before one was found */
	const struct command_table *commands; /* all there are */
	struct options options;
	int argc; /* words after the options */
	char **argv;
	struct screen screen; /* stdout */
};

/*
 * Says what went wrong, once, on stderr (and with --json as {"v":1,"error":{...}} on stdout), and
 * returns the exit status that belongs to it; cli_usage the same of a wrong command line.
 */
int cli_fail(const struct cli *cli, const struct uw_err *err);
int cli_usage(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* That a command could not be run, for the errno of execvp(3): as of sh(1). */
int cli_exec_failed(const struct cli *cli, const char *command, int error);

/* Prints object, which it steals, with "v": 1 in front. CLI_OK, or CLI_FAILED when it is NULL. */
int cli_print_json(const struct cli *cli, json_t *object);

/* The same in one line, of several objects that follow each other. */
int cli_print_json_line(const struct cli *cli, json_t *object);

#endif
