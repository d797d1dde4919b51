// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds a command in the table by its name. For a name that there is not, it finds the one that was
 * probably meant.
 */
#include "user/cli/command.h"

#include <string.h>

#include "user/base/cleanup.h"
#include "user/cli/suggest.h"

#define COMMANDS_MAX 64

const struct command *command_find(const struct command_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++) {
		if (!strcmp(table->row[i].name, name))
			return &table->row[i];
	}
	return NULL;
}

/* What other programs of this trade call it. */
static const char *const synonyms[][2] = {
	{"jobs", "queue"},    {"list", "queue"},  {"squeue", "queue"},   {"ps", "status"},
	{"stats", "status"},  {"kill", "cancel"}, {"stop", "cancel"},    {"rm", "cancel"},
	{"unfreeze", "thaw"}, {"exec", "run"},    {"add", "submit"},     {"sbatch", "submit"},
	{"tail", "logs"},     {"output", "logs"}, {"metrics", "export"}, {"init", "setup"},
};

static const char *synonym_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(synonyms); i++) {
		if (!strcmp(synonyms[i][0], name))
			return synonyms[i][1];
	}
	return NULL;
}

const char *command_suggest(const struct command_table *table, const char *name)
{
	const char *names[COMMANDS_MAX];
	size_t count = table->count < COMMANDS_MAX ? table->count : COMMANDS_MAX;

	for (size_t i = 0; i < count; i++)
		names[i] = table->row[i].name;
	return synonym_of(name) ?: suggest_nearest(name, names, count);
}
