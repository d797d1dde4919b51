// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl attach moves a running process into a leaf of a component, without uwd. Each write that
 * does it is printed, or with --dry-run printed alone. With --tree its children go the same way
 * after it: what it forks from then on is born there, so that no child is missed.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/cgroups.h"
#include "user/base/cleanup.h"
#include "user/base/dir.h"
#include "user/base/units.h"
#include "user/cli/changes.h"
#include "user/cli/command.h"
#include "user/cli/place.h"

#define PID_MAX_LIMIT 4194304U /* include/linux/threads.h */

/* Processes in the order in which they go. */
struct tree {
	pid_t *pid;
	size_t count, room;
};

static int tree_add(struct tree *tree, pid_t pid)
{
	if (tree->count == tree->room) {
		size_t room = tree->room ? 2 * tree->room : 64;
		pid_t *more = reallocarray(tree->pid, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		tree->pid = more;
		tree->room = room;
	}
	tree->pid[tree->count++] = pid;
	return 0;
}

/* What is left of a process, or a thread, that has ended meanwhile: it has no children any more. */
static bool has_ended(int error)
{
	return error == ENOENT || error == ESRCH;
}

static int add_children_of(struct tree *tree, pid_t pid, const char *thread)
{
	char path[64];
	int child, r = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%.20s/children", pid, thread);
	AUTO_FCLOSE FILE *in = fopen(path, "re");

	if (!in)
		return has_ended(errno) ? 0 : -errno;
	while (r >= 0 && fscanf(in, "%d", &child) == 1)
		r = tree_add(tree, child);
	return r >= 0 && ferror(in) && !has_ended(errno) ? -errno : r;
}

static int add_children(struct tree *tree, pid_t pid)
{
	const struct dirent *entry;
	char path[32];
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	AUTO_CLOSEDIR DIR *threads = opendir(path);

	if (!threads)
		return has_ended(errno) ? 0 : -errno;
	while (r >= 0 && (entry = dir_next(threads)))
		if (*entry->d_name != '.')
			r = add_children_of(tree, pid, entry->d_name);
	return r < 0 || has_ended(errno) ? r : -errno;
}

static int add_tree(struct tree *tree, pid_t pid, struct uw_err *err)
{
	int r = add_children(tree, pid);

	return r < 0 ? err_set(err, r, "not all children of process %d can be found: %s", pid,
			       strerror(-r))
		     : 0;
}

static int attach_one(const struct place *place, const struct cli *cli, pid_t pid,
		      const char *component, struct changes *changes, struct uw_err *err)
{
	char path[CG_PATH_LEN + 3 * CG_NAME_LEN], pid_text[16];
	const char *leaf = cli->options.name ?: CG_ADOPTED;

	snprintf(path, sizeof(path), "%s/%s/%s/cgroup.procs", place->root, component, leaf);
	snprintf(pid_text, sizeof(pid_text), "%d", pid);
	changes_note(changes, "write", path, pid_text);
	return cli->options.dry_run ? 0 : cg_attach(place->dir, component, leaf, pid, err);
}

/* A child may end before its turn comes. */
static int attach(const struct place *place, const struct cli *cli, pid_t pid,
		  const char *component, struct changes *changes, struct uw_err *err)
{
	struct tree tree = {0};
	int r = place_find(place, component, err);

	if (r >= 0)
		r = tree_add(&tree, pid);
	for (size_t i = 0; r >= 0 && i < tree.count; i++) {
		r = attach_one(place, cli, tree.pid[i], component, changes, err);
		if (r == -ESRCH && i)
			r = 0;
		else if (r >= 0 && cli->options.tree)
			r = add_tree(&tree, tree.pid[i], err);
	}
	free(tree.pid);
	return r;
}

static int attach_and_say(const struct cli *cli, const struct place *place, pid_t pid,
			  const char *component)
{
	struct changes changes;
	struct uw_err err = {0};
	int status = CLI_OK;

	changes_init(&changes, cli, place->host.mount);
	if (attach(place, cli, pid, component, &changes, &err) < 0)
		status = cli_fail(cli, &err);
	else if (cli->options.json)
		status = cli_print_json(cli, json_pack("{s:b, s:i, s:s, s:s, s:o}", "dry_run",
						       cli->options.dry_run, "pid", (int)pid,
						       "component", component, "leaf",
						       cli->options.name ?: CG_ADOPTED, "changes",
						       changes_json(&changes)));
	changes_done(&changes);
	return status;
}

int command_attach(struct cli *cli)
{
	struct place place = {.dir = -1};
	struct uw_err err = {0};
	uint64_t pid;
	int status;

	if (units_parse_uint(cli->argv[0], 1, PID_MAX_LIMIT, &pid) < 0)
		return cli_usage(cli, "'%s' is not a process id; it is a number from 1 to %u",
				 cli->argv[0], PID_MAX_LIMIT);
	if (place_open(&place, &err) < 0)
		return cli_fail(cli, &err);
	status = attach_and_say(cli, &place, (pid_t)pid, cli->argv[1]);
	place_close(&place);
	return status;
}
