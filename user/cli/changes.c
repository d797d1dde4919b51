// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Prints, or collects for --json, each change that a command makes to the system. cgroups/ tells
 * every change before it makes it, in a dry run too, so both say the same. Paths below the cgroup
 * mount are made whole here.
 */
#include "user/cli/changes.h"

#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"

/* What cgroups/ does to a path below the cgroup2 mount; the rest of its verbs name other things. */
static bool is_path_verb(const char *verb)
{
	static const char *const verbs[] = {"mkdir", "rmdir", "write", "keep",
					    "mark",  "move",  "kill"};

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (!strcmp(verbs[i], verb))
			return true;
	}
	return false;
}

static void note(void *data, const char *verb, const char *where, const char *value)
{
	struct changes *changes = data;
	const struct screen *screen = &changes->cli->screen;
	char full[2 * CG_PATH_LEN];
	const char *path = where;

	if (is_path_verb(verb) && *where != '/') {
		snprintf(full, sizeof(full), "%s/%s", changes->mount, where);
		path = full;
	}
	changes->count++;
	if (changes->cli->options.json) {
		json_array_append_new(changes->list, json_pack("{s:s, s:s, s:s?}", "verb", verb,
							       "path", path, "value", value));
		return;
	}
	screen_paint(screen, PAINT_DIM, "%s %s%s%s", verb, path, value ? " " : "",
		     value ? value : "");
	fputc('\n', screen->out);
}

void changes_init(struct changes *changes, const struct cli *cli, const char *mount)
{
	*changes = (struct changes){
		.cli = cli,
		.mount = mount,
		.change = {.dry_run = cli->options.dry_run, .note = note, .data = changes},
		.list = json_array(),
	};
}

void changes_done(struct changes *changes)
{
	json_decref(changes->list);
}

void changes_note(struct changes *changes, const char *verb, const char *what, const char *value)
{
	note(changes, verb, what, value);
}

json_t *changes_json(const struct changes *changes)
{
	return json_incref(changes->list);
}
