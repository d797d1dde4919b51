// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Holds the table of options, and reads a command line with it. Each option has a type, which says
 * how its value is checked, and a place in struct options. getopt gets only the options that the
 * command takes; what it refuses is explained with what is allowed or was probably meant.
 */
#include "user/cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/cli/suggest.h"

enum option_type {
	TYPE_FLAG,
	TYPE_COLOUR,
	TYPE_TEXT,
	TYPE_LEAF_NAME,
	TYPE_COUNT,
	TYPE_DURATION,
	TYPE_LINES,
	TYPE_FRAMES,
	TYPE_DELAY,
	TYPE_ID,
	TYPE_TASK, /* kept as it is, read by user/conf */
	TYPE__COUNT
};

#define LINES_MAX    10000000
#define DELAY_MIN_US 100000 /* a tick of uwd */
#define DELAY_MAX_US 60000000
#define COUNT_MAX    512 /* as many records as uwd keeps */

static const struct option_full {
	struct option_row row;
	enum option_type type;
	size_t offset; /* into struct options */
} table[OPTION__COUNT] = {
	[OPTION_HELP] = {{"help", 'h', NULL, "print this text"},
			 TYPE_FLAG,
			 offsetof(struct options, help)},
	[OPTION_JSON] = {{"json", 'j', NULL, "print one JSON object with \"v\": 1"},
			 TYPE_FLAG,
			 offsetof(struct options, json)},
	[OPTION_COLOR] = {{"color", 0, "WHEN", "auto (the default), always or never"},
			  TYPE_COLOUR,
			  offsetof(struct options, colour)},
	[OPTION_DRY_RUN] = {{"dry-run", 'n', NULL,
			     "say exactly what would be done, and do nothing"},
			    TYPE_FLAG,
			    offsetof(struct options, dry_run)},
	[OPTION_CONFIG] = {{"config", 'c', "FILE", "read FILE and no drop-ins"},
			   TYPE_TEXT,
			   offsetof(struct options, config)},
	[OPTION_SOCKET] = {{"socket", 's', "PATH", "where uwd listens (/run/uw/uwd.sock)"},
			   TYPE_TEXT,
			   offsetof(struct options, socket)},
	[OPTION_NAME] = {{"name", 'N', "NAME", "name of the leaf: a-z 0-9 _ -, at most 31"},
			 TYPE_LEAF_NAME,
			 offsetof(struct options, name)},
	[OPTION_KILL] = {{"kill", 0, NULL, "kill what runs in the pool"},
			 TYPE_FLAG,
			 offsetof(struct options, kill)},
	[OPTION_KEEP_RUNNING] = {{"keep-running", 0, NULL,
				  "move what runs in the pool to the group above it"},
				 TYPE_FLAG,
				 offsetof(struct options, keep_running)},
	[OPTION_TRY] = {{"try", 0, NULL, "where it cannot enter, run the command all the same"},
			TYPE_FLAG,
			offsetof(struct options, try)},
	[OPTION_TREE] = {{"tree", 0, NULL, "with its children and theirs"},
			 TYPE_FLAG,
			 offsetof(struct options, tree)},
	[OPTION_WATCH] = {{"watch", 'w', NULL, "print it again each second until interrupted"},
			  TYPE_FLAG,
			  offsetof(struct options, watch)},
	[OPTION_FOLLOW] = {{"follow", 'f', NULL, "go on printing what comes"},
			   TYPE_FLAG,
			   offsetof(struct options, follow)},
	[OPTION_COUNT] = {{"lines", 'l', "N", "how many records, 1 to 512"},
			  TYPE_COUNT,
			  offsetof(struct options, count)},
	[OPTION_FOR] = {{"for", 0, "TIME", "at most for so long: 500ms, 30s, 2min"},
			TYPE_DURATION,
			offsetof(struct options, for_us)},
	[OPTION_FORCE] = {{"force", 0, NULL, "even where uw.conf has freeze = no"},
			  TYPE_FLAG,
			  offsetof(struct options, force)},
	[OPTION_POLICY] = {{"policy", 0, "NAME",
			    "fcfs, easy, easy-learned, uw (the default) or oracle"},
			   TYPE_TEXT,
			   offsetof(struct options, policy)},
	[OPTION_CAPACITY] = {{"capacity", 0, "SIZE", "memory to give out (20G)"},
			     TYPE_TEXT,
			     offsetof(struct options, capacity)},
	[OPTION_STRETCH] = {{"stretch", 0, "TIMES", "submit times multiplied: 0.001 to 1000 (1)"},
			    TYPE_TEXT,
			    offsetof(struct options, stretch)},
	[OPTION_JITTER] = {{"jitter", 0, "TIME", "submit times moved by up to that, both ways (0)"},
			   TYPE_TEXT,
			   offsetof(struct options, jitter)},
	[OPTION_RAMP] = {{"ramp", 0, "PERCENT",
			  "of its run in which a job reaches its peak (100%)"},
			 TYPE_TEXT,
			 offsetof(struct options, ramp)},
	[OPTION_SEED] = {{"seed", 0, "N", "of the jitter, of the first run (1)"},
			 TYPE_TEXT,
			 offsetof(struct options, seed)},
	[OPTION_RUNS] = {{"runs", 0, "N", "so many runs, seeds counting up, and their mean (1)"},
			 TYPE_TEXT,
			 offsetof(struct options, runs)},
	[OPTION_NODES] = {{"nodes", 0, "N", "a cluster of Slurm with so many nodes of --capacity"},
			  TYPE_TEXT,
			  offsetof(struct options, nodes)},
	[OPTION_PLACEMENT] = {{"placement", 0, "RULE",
			       "with --nodes: first (the default) with room, or least loaded"},
			      TYPE_TEXT,
			      offsetof(struct options, placement)},
	[OPTION_HTML] = {{"html", 0, "FILE", "the schedule of the first run as a picture"},
			 TYPE_TEXT,
			 offsetof(struct options, html)},
	[OPTION_FILE] = {{"file", 'F', "TASKS",
			  "submit the tasks of this file; - is standard input"},
			 TYPE_TEXT,
			 offsetof(struct options, file)},
	[OPTION_WAIT] = {{"wait", 'w', NULL, "wait for the end, exit with its status"},
			 TYPE_FLAG,
			 offsetof(struct options, wait)},
	[OPTION_NO_ENV] = {{"no-env", 0, NULL,
			    "pass on --env, PATH, HOME, USER, LOGNAME, SHELL, LANG and TZ only"},
			   TYPE_FLAG,
			   offsetof(struct options, no_env)},
	[OPTION_TIMEOUT] = {{"timeout", 0, "TIME", "give up after so long, with exit status 124"},
			    TYPE_DURATION,
			    offsetof(struct options, timeout_us)},
	[OPTION_ANY] = {{"any", 0, NULL, "until one of them has ended"},
			TYPE_FLAG,
			offsetof(struct options, any)},
	[OPTION_GRACE] = {{"grace", 0, "TIME",
			   "from SIGTERM to SIGKILL (kill-grace); 0 kills at once"},
			  TYPE_DURATION,
			  offsetof(struct options, grace_us)},
	[OPTION_ERR] = {{"err", 'e', NULL, "what it wrote to standard error"},
			TYPE_FLAG,
			offsetof(struct options, err)},
	[OPTION_SINCE] = {{"since", 0, "TIME", "within this time: 30min, 1h, 7d"},
			  TYPE_DURATION,
			  offsetof(struct options, since_us)},
	[OPTION_JOBS] = {{"jobs", 0, NULL, "the queue: figures by class and component"},
			 TYPE_FLAG,
			 offsetof(struct options, jobs)},
	[OPTION_OF_COMPONENT] = {{"component", 'c', "NAME", "of this component"},
				 TYPE_TEXT,
				 offsetof(struct options, component)},
	[OPTION_OF_KEY] = {{"key", 'k', "KEY", "with this key"},
			   TYPE_TEXT,
			   offsetof(struct options, key)},
	[OPTION_OF_TAG] = {{"tag", 'T', "TAG", "with this tag"},
			   TYPE_TEXT,
			   offsetof(struct options, tag)},
	[OPTION_STATE] = {{"state", 'S', "STATE,...", "in one of these states"},
			  TYPE_TEXT,
			  offsetof(struct options, state)},
	[OPTION_MINE] = {{"mine", 0, NULL, "of one's own, where root would see all"},
			 TYPE_FLAG,
			 offsetof(struct options, mine)},
	[OPTION_LINES] = {{"lines", 'l', "N", "how many; 0 is all"},
			  TYPE_LINES,
			  offsetof(struct options, lines)},
	[OPTION_OUT] = {{"out", 'o', "FILE", "where to (uw.recording); - is standard output"},
			TYPE_TEXT,
			offsetof(struct options, out)},
	[OPTION_OUTPUT] = {{"output", 'o', "COL,...", "these columns, in this order: id,name,why"},
			   TYPE_TEXT,
			   offsetof(struct options, output)},
	[OPTION_SORT] = {{"sort", 0, "COL", "by this column; -COL from the largest on"},
			 TYPE_TEXT,
			 offsetof(struct options, sort)},
	[OPTION_JOB_NAME] = {{"name", 'N', "NAME", "what queue shows (the command's own)"},
			     TYPE_TEXT,
			     offsetof(struct options, name)},
	[OPTION_BATCH] = {{"batch", 'b', NULL, "print the screen as text, again and again"},
			  TYPE_FLAG,
			  offsetof(struct options, batch)},
	[OPTION_FRAMES] = {{"frames", 'n', "N", "end after so many"},
			   TYPE_FRAMES,
			   offsetof(struct options, frames)},
	[OPTION_DELAY] = {{"delay", 'd', "TIME", "from one to the next: 2, 0.5, 500ms (1s)"},
			  TYPE_DELAY,
			  offsetof(struct options, delay_us)},
	[OPTION_READ_ONLY] = {{"read-only", 0, NULL, "offer nothing that changes anything"},
			      TYPE_FLAG,
			      offsetof(struct options, read_only)},
	[OPTION_REPLAY] = {{"replay", 0, NULL, "what was recorded: in FILE, or else here"},
			   TYPE_FLAG,
			   offsetof(struct options, replay)},
	[OPTION_AT] = {{"at", 0, "TIME", "from there on: 22:18, or -3m before its end"},
		       TYPE_TEXT,
		       offsetof(struct options, at)},
	[OPTION_EFFECT] = {{"effect", 0, NULL,
			    "and what it would have come to, on a simulated machine"},
			   TYPE_FLAG,
			   offsetof(struct options, effect)},
	[OPTION_SWAP] = {{"swap", 0, "SIZE", "with so much swap there; as --effect"},
			 TYPE_TEXT,
			 offsetof(struct options, swap)},
	[OPTION_PAGE] = {{"html", 0, "FILE", "write it as a page of its own to FILE"},
			 TYPE_TEXT,
			 offsetof(struct options, html)},
	[OPTION_AROUND] = {{"around", 0, "ID",
			    "two minutes before this action and three after it; its id as in "
			    "log --json"},
			   TYPE_ID,
			   offsetof(struct options, around)},
	[OPTION_RECORDING] = {{"recording", 0, "FILE", "of this copy (what is recorded here)"},
			      TYPE_TEXT,
			      offsetof(struct options, recording)},
	[OPTION_REDACT] = {{"redact", 0, NULL, "without names, users and paths"},
			   TYPE_FLAG,
			   offsetof(struct options, redact)},
	[OPTION_BUDGETS] = {{"budgets", 0, NULL,
			     "the shares that what was in use of late would have wanted"},
			    TYPE_FLAG,
			    offsetof(struct options, budgets)},
	[OPTION_SLURM] = {{"slurm", 0, NULL,
			   "what jobs of Slurm should ask for, by what FILEs of all nodes say"},
			  TYPE_FLAG,
			  offsetof(struct options, slurm)},
	[OPTION_INTERFACE] = {{"interface", 0, NULL,
			       "what uwd's socket speaks, as Varlink describes it"},
			      TYPE_FLAG,
			      offsetof(struct options, interface)},
	[OPTION_COMPONENT] = {{"component", 'c', "NAME", "the component it runs in"}, TYPE_TASK, 0},
	[OPTION_MEMORY] = {{"memory", 'm', "SIZE",
			    "what it needs at most (what its key has learned)"},
			   TYPE_TASK,
			   0},
	[OPTION_TIME] = {{"time", 't', "TIME", "how long it takes, as far as one knows"},
			 TYPE_TASK,
			 0},
	[OPTION_TIME_LIMIT] = {{"time-limit", 0, "TIME",
				"ended when it has run for so long, pauses left out"},
			       TYPE_TASK,
			       0},
	[OPTION_PRIORITY] = {{"priority", 'p', "PRIO",
			      "critical, high, normal, low, deferred, or 10 to 1 (normal)"},
			     TYPE_TASK,
			     0},
	[OPTION_MEMORY_PRIORITY] = {{"memory-priority", 0, "PRIO",
				     "10 to 1: goes a minute a step before its like (5)"},
				    TYPE_TASK,
				    0},
	[OPTION_KEY] = {{"key", 'k', "KEY",
			 "jobs of a key learn from each other "
			 "(COMPONENT/COMMAND)"},
			TYPE_TASK,
			0},
	[OPTION_TAG] = {{"tag", 'T', "TAG", "a word to find it by; up to 8 of them"}, TYPE_TASK, 0},
	[OPTION_AFTER] = {{"after", 'a', "ID", "once this job has ended well; up to 32 of them"},
			  TYPE_TASK,
			  0},
	[OPTION_AFTER_ANY] = {{"after-any", 0, NULL, "however those have ended"}, TYPE_TASK, 0},
	[OPTION_FREEZABLE] = {{"freezable", 0, NULL, "it takes no harm from standing still"},
			      TYPE_TASK,
			      0},
	[OPTION_RETRIES] = {{"retries", 0, "N",
			     "try so often again after it failed or was lost (0)"},
			    TYPE_TASK,
			    0},
	[OPTION_RERUN] = {{"rerun", 0, NULL,
			   "it may run again from its start, so that it may get what was learned"},
			  TYPE_TASK,
			  0},
	[OPTION_HOLD] = {{"hold", 0, NULL, "do not start it before 'uwctl release'"}, TYPE_TASK, 0},
	[OPTION_ARRAY] = {{"array", 0, "INDICES", "one job for each: 0-9 or 1,3,7"}, TYPE_TASK, 0},
	[OPTION_ENV] = {{"env", 'E', "NAME[=VALUE]", "a variable; without =, its value here"},
			TYPE_TASK,
			0},
	[OPTION_INPUT] = {{"input", 'i', "PATH|SIZE",
			   "what it reads (the files that the command names)"},
			  TYPE_TASK,
			  0},
	[OPTION_CWD] = {{"cwd", 'D', "DIR", "the directory it runs in (this one)"}, TYPE_TASK, 0},
};

const struct option_row *option_row(enum option_id id)
{
	return &table[id].row;
}

static int set_flag(void *place, const char *text)
{
	(void)text;
	*(bool *)place = true;
	return 0;
}

static int set_colour(void *place, const char *text)
{
	int found = screen_colour_find(text);

	if (found >= 0)
		*(enum screen_colour *)place = (enum screen_colour)found;
	return found < 0 ? -EINVAL : 0;
}

static int set_text(void *place, const char *text)
{
	*(const char **)place = text;
	return *text ? 0 : -EINVAL;
}

static int set_leaf_name(void *place, const char *text)
{
	*(const char **)place = text;
	return text_is_name(text) ? 0 : -EINVAL;
}

static int set_count(void *place, const char *text)
{
	return units_parse_uint(text, 1, COUNT_MAX, place);
}

static int set_duration(void *place, const char *text)
{
	return units_parse_us(text, place);
}

static int set_lines(void *place, const char *text)
{
	return units_parse_uint(text, 0, LINES_MAX, place);
}

static int set_frames(void *place, const char *text)
{
	return units_parse_uint(text, 1, LINES_MAX, place);
}

static int set_id(void *place, const char *text)
{
	return units_parse_uint(text, 1, UINT32_MAX, place);
}

/* As of top(1): a number alone is seconds. */
static int set_delay(void *place, const char *text)
{
	char seconds[32];
	uint64_t us;
	int r = units_parse_us(text, &us);

	if (r == -ENOKEY && snprintf(seconds, sizeof(seconds), "%ss", text) < (int)sizeof(seconds))
		r = units_parse_us(seconds, &us);
	if (r < 0 || us < DELAY_MIN_US || us > DELAY_MAX_US)
		return -EINVAL;
	*(uint64_t *)place = us;
	return 0;
}

static const struct type_row {
	int (*set)(void *place, const char *text);
	const char *allowed;
} types[TYPE__COUNT] = {
	[TYPE_FLAG] = {set_flag, ""},
	[TYPE_COLOUR] = {set_colour, "auto, always or never"},
	[TYPE_TEXT] = {set_text, "a word or more"},
	[TYPE_LEAF_NAME] = {set_leaf_name,
			    "1 to 31 of a-z 0-9 _ -, the first one a letter or a digit"},
	[TYPE_COUNT] = {set_count, "a number from 1 to 512"},
	[TYPE_DURATION] = {set_duration, "a time with its unit: 500ms, 30s, 2min"},
	[TYPE_LINES] = {set_lines, "a number from 0 to 10000000"},
	[TYPE_FRAMES] = {set_frames, "a number from 1 to 10000000"},
	[TYPE_DELAY] = {set_delay, "a time from 100ms to 1min: 2, 0.5, 500ms"},
	[TYPE_ID] = {set_id, "a number from 1 to 4294967295"},
	[TYPE_TASK] = {NULL, "a value"},
};

static int keep_setting(const struct option_full *option, const char *text, struct options *options,
			struct uw_err *err)
{
	if (options->setting_count == OPTION_SETTINGS_MAX)
		return err_set(err, -EINVAL, "--%s: too many options, allowed: %d",
			       option->row.name, OPTION_SETTINGS_MAX);
	options->setting[options->setting_count++] = (struct option_setting){
		.id = (enum option_id)(option - table),
		.value = option->row.value ? text : "yes",
	};
	return 0;
}

static int option_set(const struct option_full *option, const char *text, struct options *options,
		      struct uw_err *err)
{
	const struct type_row *type = &types[option->type];
	int r;

	options->given |= OPTION_BIT(option - table);
	if (option->type == TYPE_TASK)
		return keep_setting(option, text, options, err);
	r = type->set((char *)options + option->offset, text);

	if (r < 0)
		return err_set(err, -EINVAL, "--%s: '%s' is not %s", option->row.name, text,
			       type->allowed);
	return 0;
}

/* What getopt wants, made from the rows of a mask. */
struct getopt_tables {
	struct option longs[OPTION__COUNT + 1];
	char shorts[2 * OPTION__COUNT + 3];
};

static void getopt_fill(option_mask mask, bool in_order, struct getopt_tables *tables)
{
	char *shorts = tables->shorts;
	int count = 0;

	memset(tables, 0, sizeof(*tables));
	if (in_order)
		*shorts++ = '+';
	*shorts++ = ':';
	for (int id = 0; id < OPTION__COUNT; id++) {
		const struct option_row *row = &table[id].row;

		if (!(mask & OPTION_BIT(id)))
			continue;
		tables->longs[count++] = (struct option){
			.name = row->name,
			.has_arg = row->value ? required_argument : no_argument,
			.val = 256 + id,
		};
		if (row->letter) {
			*shorts++ = row->letter;
			if (row->value)
				*shorts++ = ':';
		}
	}
}

/* A letter means one option of a command, and may mean another of another command. */
static const struct option_full *option_of(int value, option_mask mask)
{
	if (value >= 256 && value < 256 + OPTION__COUNT)
		return &table[value - 256];
	for (int id = 0; id < OPTION__COUNT; id++) {
		if (mask & OPTION_BIT(id) && value && table[id].row.letter == value)
			return &table[id];
	}
	return NULL;
}

static bool has_name(const struct getopt_tables *tables, const char *name)
{
	for (const struct option *option = tables->longs; option->name; option++) {
		if (!strcmp(option->name, name))
			return true;
	}
	return false;
}

/* -n is a dry run wherever there is one; tail(1) and journalctl(1) have it for lines. */
static int unknown_option(const char *word, const struct getopt_tables *tables, struct uw_err *err)
{
	const char *names[OPTION__COUNT];
	const char *near = NULL;
	char bare[32];
	size_t count = 0;

	if (optopt == 'n' && has_name(tables, "lines"))
		return err_set(err, -EINVAL, "unknown option '-n': did you mean '--lines'?");
	if (optopt)
		return err_set(err, -EINVAL, "unknown option '-%c'", optopt);
	while (tables->longs[count].name) {
		names[count] = tables->longs[count].name;
		count++;
	}
	snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	near = suggest_nearest(bare, names, count);
	if (near)
		return err_set(err, -EINVAL, "unknown option '--%s': did you mean '--%s'?", bare,
			       near);
	return err_set(err, -EINVAL, "unknown option '--%s'", bare);
}

/* What went wrong with the option that getopt_long has just refused. */
static int refused(int value, char **argv, option_mask mask, const struct getopt_tables *tables,
		   struct uw_err *err)
{
	const struct option_full *option = option_of(optopt, mask);

	if (value == ':')
		return err_set(err, -EINVAL, "--%s needs a value: %s", option->row.name,
			       types[option->type].allowed);
	if (option && optopt >= 256)
		return err_set(err, -EINVAL, "--%s takes no value", option->row.name);
	return unknown_option(argv[optind - 1], tables, err);
}

int options_parse(int argc, char **argv, option_mask mask, bool in_order, struct options *options,
		  int *ret_first, struct uw_err *err)
{
	struct getopt_tables tables;
	int value, r;

	getopt_fill(mask, in_order, &tables);
	optind = 0; /* glibc: start anew, with the order of this call */
	opterr = 0;
	while ((value = getopt_long(argc, argv, tables.shorts, tables.longs, NULL)) != -1) {
		if (value == '?' || value == ':')
			return refused(value, argv, mask, &tables, err);
		r = option_set(option_of(value, mask), optarg ? optarg : "", options, err);
		if (r < 0)
			return r;
	}
	*ret_first = optind;
	return 0;
}
