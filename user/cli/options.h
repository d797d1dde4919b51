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
#include "user/cli/screen.h"

enum option_id {
	OPTION_HELP,
	OPTION_JSON,
	OPTION_COLOR,
	OPTION_DRY_RUN,
	OPTION_CONFIG,
	OPTION_SOCKET,
	OPTION_NAME,
	OPTION_KILL,
	OPTION_KEEP_RUNNING,
	OPTION_TRY,
	OPTION_TREE,
	OPTION_WATCH,
	OPTION_FOLLOW,
	OPTION_COUNT,
	OPTION_FOR,
	OPTION_FORCE,
	/* Of simulate. */
	OPTION_POLICY,
	OPTION_CAPACITY,
	OPTION_STRETCH,
	OPTION_JITTER,
	OPTION_RAMP,
	OPTION_SEED,
	OPTION_RUNS,
	OPTION_NODES,
	OPTION_PLACEMENT,
	OPTION_HTML,
	OPTION_FILE,
	OPTION_WAIT,
	OPTION_NO_ENV,
	OPTION_TIMEOUT,
	OPTION_ANY,
	OPTION_GRACE,
	OPTION_ERR,
	OPTION_SINCE,
	OPTION_JOBS,
	OPTION_OF_COMPONENT,
	OPTION_OF_KEY,
	OPTION_OF_TAG,
	OPTION_STATE,
	OPTION_MINE,
	OPTION_LINES,
	OPTION_OUT, /* of record */
	OPTION_OUTPUT,
	OPTION_SORT,
	OPTION_JOB_NAME,
	/* Of top. */
	OPTION_BATCH,
	OPTION_FRAMES,
	OPTION_DELAY,
	OPTION_READ_ONLY,
	OPTION_REPLAY,
	OPTION_AT,
	/* Of replay. */
	OPTION_EFFECT,
	OPTION_SWAP,
	/* Of report. */
	OPTION_PAGE,
	OPTION_AROUND,
	OPTION_RECORDING,
	OPTION_REDACT,
	OPTION_BUDGETS,   /* of recommend */
	OPTION_SLURM,     /* of recommend */
	OPTION_INTERFACE, /* of help */
	/* What a task may say: the keys of user/conf/task.c but its command. */
	OPTION_COMPONENT,
	OPTION_MEMORY,
	OPTION_TIME,
	OPTION_TIME_LIMIT,
	OPTION_PRIORITY,
	OPTION_MEMORY_PRIORITY,
	OPTION_KEY,
	OPTION_TAG,
	OPTION_AFTER,
	OPTION_AFTER_ANY,
	OPTION_FREEZABLE,
	OPTION_RETRIES,
	OPTION_RERUN,
	OPTION_HOLD,
	OPTION_ARRAY,
	OPTION_ENV,
	OPTION_INPUT,
	OPTION_CWD,
	OPTION__COUNT
};

#define OPTION_TASK_FIRST OPTION_COMPONENT
#define OPTION_BIT(id)    ((option_mask)1 << (id))

/* Of options: a bit for each. */
typedef unsigned __int128 option_mask;
_Static_assert(OPTION__COUNT <= 128, "a mask has a bit for each option");

#define OPTION_SETTINGS_MAX 256

/* An option that may be given again and again; for a flag value is "yes". */
struct option_setting {
	enum option_id id;
	const char *value;
};

/* What was given; zero where it was not. Texts point into argv. */
struct options {
	option_mask given; /* mask of OPTION_BIT: 0 and "no" say something too */
	bool help, json, dry_run;
	bool kill, keep_running, try, tree, watch, follow, force;
	bool wait, no_env, any, err, jobs, mine;
	enum screen_colour colour;
	const char *config, *socket, *name, *file, *out;
	const char *component, *key, *tag, *state, *output, *sort;
	bool batch, read_only, redact, replay, budgets, slurm, interface, effect;
	const char *policy, *capacity, *stretch, *jitter, *ramp, *seed, *runs, *html, *nodes,
		*placement, *recording, *at, *swap;
	uint64_t count, lines, frames, around;
	uint64_t for_us, timeout_us, grace_us, since_us, delay_us;
	uint32_t setting_count;
	struct option_setting setting[OPTION_SETTINGS_MAX];
};

struct option_row {
	const char *name;
	char letter;       /* 0: none */
	const char *value; /* what the help calls its value; NULL for a flag */
	const char *help;
};

static inline bool option_given(const struct options *options, enum option_id id)
{
	return options->given & OPTION_BIT(id);
}

/* --since as a time of day; before 1970 there was nothing. */
static inline uint64_t options_since(const struct options *options, uint64_t now_wall_us)
{
	return now_wall_us > options->since_us ? now_wall_us - options->since_us : 0;
}

const struct option_row *option_row(enum option_id id);

/*
 * Reads the options of mask out of argv (argv[0] is skipped) into options, which keeps what is not
 * given. Words that are none go to the end of argv, and *ret_first is the index of the first of
 * them; with in_order the first such word ends the options ("run COMPONENT -- CMD" keeps CMD's
 * own). -EINVAL with a text that names the option, what is wrong and what was probably meant.
 */
int options_parse(int argc, char **argv, option_mask mask, bool in_order, struct options *options,
		  int *ret_first, struct uw_err *err);

#endif
