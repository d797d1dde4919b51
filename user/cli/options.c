// SPDX-License-Identifier: GPL-2.0-or-later
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
	TYPE_TEXT,
	TYPE_LEAF_NAME,
	TYPE_COUNT,
	TYPE_DURATION,
	TYPE__COUNT
};

#define COUNT_MAX 512 /* as many records as uwd keeps */

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
	[OPTION_DRY_RUN] = {{"dry-run", 'n', NULL, "print the exact writes and do nothing"},
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
	[OPTION_WATCH] = {{"watch", 'w', NULL, "print it again each second until interrupted"},
			  TYPE_FLAG,
			  offsetof(struct options, watch)},
	[OPTION_FOLLOW] = {{"follow", 'f', NULL, "go on printing records as they come"},
			   TYPE_FLAG,
			   offsetof(struct options, follow)},
	[OPTION_COUNT] = {{"lines", 'n', "N", "how many records, 1 to 512"},
			  TYPE_COUNT,
			  offsetof(struct options, count)},
	[OPTION_FOR] = {{"for", 0, "TIME", "at most for so long: 500ms, 30s, 2min"},
			TYPE_DURATION,
			offsetof(struct options, for_us)},
	[OPTION_POLICY] = {{"policy", 0, "NAME", "fcfs, easy, uw (the default) or oracle"},
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
	[OPTION_HTML] = {{"html", 0, "FILE", "the schedule of the first run as a picture"},
			 TYPE_TEXT,
			 offsetof(struct options, html)},
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

static const struct type_row {
	int (*set)(void *place, const char *text);
	const char *allowed;
} types[TYPE__COUNT] = {
	[TYPE_FLAG] = {set_flag, ""},
	[TYPE_TEXT] = {set_text, "some text"},
	[TYPE_LEAF_NAME] = {set_leaf_name,
			    "1 to 31 of a-z 0-9 _ -, the first one a letter or a digit"},
	[TYPE_COUNT] = {set_count, "a number from 1 to 512"},
	[TYPE_DURATION] = {set_duration, "a time with its unit: 500ms, 30s, 2min"},
};

static int option_set(const struct option_full *option, const char *text, struct options *options,
		      struct uw_err *err)
{
	const struct type_row *type = &types[option->type];
	int r = type->set((char *)options + option->offset, text);

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

static void getopt_fill(uint32_t mask, bool in_order, struct getopt_tables *tables)
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
static const struct option_full *option_of(int value, uint32_t mask)
{
	if (value >= 256 && value < 256 + OPTION__COUNT)
		return &table[value - 256];
	for (int id = 0; id < OPTION__COUNT; id++) {
		if (mask & OPTION_BIT(id) && value && table[id].row.letter == value)
			return &table[id];
	}
	return NULL;
}

static int unknown_option(const char *word, const struct getopt_tables *tables, struct uw_err *err)
{
	const char *names[OPTION__COUNT];
	const char *near = NULL;
	char bare[32];
	size_t count = 0;

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
static int refused(int value, char **argv, uint32_t mask, const struct getopt_tables *tables,
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

int options_parse(int argc, char **argv, uint32_t mask, bool in_order, struct options *options,
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
