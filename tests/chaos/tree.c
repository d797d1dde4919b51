// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes groups as folders with the files that act and the guard open, and reads them back. What the
 * kernel would do with a value is not played: only what was written last is there.
 */
#include "tests/chaos/tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"

#define PATH_LEN 256

static const char *const file[][2] = {
	{"memory.current", "367001600"},
	{"memory.swap.current", "0"},
	{"memory.high", "419430400"},
	{"memory.max", "max"},
	{"memory.low", "0"},
	{"memory.min", "0"},
	{"memory.reclaim", ""},
	{"cgroup.freeze", "0"},
	{"cgroup.kill", ""},
	{"cgroup.procs", ""},
	{"cgroup.events", "populated 1\nfrozen 0\n"},
};

static void path_of(const struct chaos *c, const char *group, const char *name, char path[PATH_LEN])
{
	snprintf(path, PATH_LEN, "%s/%s/%s/%s", c->dir, TREE_POOL, group, name);
}

void tree_make(const struct chaos *c, const char *group)
{
	char path[PATH_LEN];

	path_of(c, group, "", path);
	mkdir(path, 0755);
	for (size_t i = 0; i < ARRAY_SIZE(file); i++)
		tree_write(c, group, file[i][0], file[i][1]);
}

int tree_open(const struct chaos *c)
{
	char path[PATH_LEN];

	path_of(c, "", "", path);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void tree_write(const struct chaos *c, const char *group, const char *name, const char *value)
{
	char path[PATH_LEN];
	AUTO_CLOSE int fd = -1;

	path_of(c, group, name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, value, strlen(value)) != (ssize_t)strlen(value))
		perror(path);
}

uint64_t tree_read(const struct chaos *c, const char *group, const char *name)
{
	char path[PATH_LEN], text[64] = "";

	path_of(c, group, name, path);
	text_read_at(AT_FDCWD, path, text, sizeof(text));
	return strncmp(text, "max", 3) ? strtoull(text, NULL, 10) : UINT64_MAX;
}

uint64_t tree_cgid(const struct chaos *c, const char *group)
{
	char path[PATH_LEN];
	struct stat st = {0};

	path_of(c, group, "", path);
	stat(path, &st);
	return st.st_ino;
}

void tree_check_rest(struct chaos *c, const char *when, const char *group)
{
	if (tree_read(c, group, "cgroup.freeze"))
		chaos_violate(c, "%s: %s is frozen", when, group);
	if (tree_read(c, group, "memory.high") < TREE_HIGH)
		chaos_violate(c, "%s: %s is squeezed", when, group);
}
