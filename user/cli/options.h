/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options as data: one table of every option that any command takes, with its type, its place in
 * struct options and its help. A command names the ones it takes by a mask.
 */
#ifndef UW_CLI_OPTIONS_H
#define UW_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "user/base/err.h"

enum option_id {
	OPTION_HELP,
	OPTION_JSON,
	OPTION_DRY_RUN,
	OPTION_CONFIG,
	OPTION_SOCKET,
	OPTION_NAME,
	OPTION_KILL,
	OPTION_KEEP_RUNNING,
	OPTION_WATCH,
	OPTION_FOLLOW,
	OPTION_COUNT,
	OPTION_FOR,
	/* Of simulate. */
	OPTION_POLICY,
	OPTION_CAPACITY,
	OPTION_STRETCH,
	OPTION_JITTER,
	OPTION_RAMP,
	OPTION_SEED,
	OPTION_RUNS,
	OPTION_HTML,
	OPTION__COUNT
};

#define OPTION_BIT(id) (1U << (id))

/* What was given; zero where it was not. Texts point into argv. */
struct options {
	bool help, json, dry_run;
	bool kill, keep_running, watch, follow;
	const char *config, *socket, *name;
	const char *policy, *capacity, *stretch, *jitter, *ramp, *seed, *runs, *html;
	uint64_t count;
	uint64_t for_us;
};

struct option_row {
	const char *name;
	char letter;       /* 0: none */
	const char *value; /* what the help calls its value; NULL for a flag */
	const char *help;
};

const struct option_row *option_row(enum option_id id);

/*
 * Reads the options of mask out of argv (argv[0] is skipped) into options, which keeps what is not
 * given. Words that are none go to the end of argv, and *ret_first is the index of the first of
 * them; with in_order the first such word ends the options ("run COMPONENT -- CMD" keeps CMD's
 * own). -EINVAL with a text that names the option, what is wrong and what was probably meant.
 */
int options_parse(int argc, char **argv, uint32_t mask, bool in_order, struct options *options,
		  int *ret_first, struct uw_err *err);

#endif
