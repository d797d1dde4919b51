// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lists and moves the processes of a group, waits until none is left, and visits the groups below.
 * Moving goes in rounds, because a group can fork while it is emptied.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cgroups/internal.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/dir.h"
#include "user/base/text.h"

#define BATCH       256
#define ROUNDS_MAX  64  /* a group that forks faster than it is moved */
#define POLL_MAX_MS 100 /* a notification lost to a removed file must not hang us */

int cg_procs_read(int dirfd, pid_t *ret_pids, int max)
{
	int fd = openat(dirfd, "cgroup.procs", O_RDONLY | O_CLOEXEC), count = 0, pid;
	AUTO_FCLOSE FILE *procs = fd < 0 ? NULL : fdopen(fd, "r");

	if (!procs) {
		int ret = -errno;

		if (fd >= 0)
			close(fd);
		return ret;
	}
	while (count < max && fscanf(procs, "%d", &pid) == 1)
		ret_pids[count++] = pid;
	return count;
}

static int move_one(int to_dirfd, pid_t pid)
{
	char text[16];
	int ret;

	snprintf(text, sizeof(text), "%d", (int)pid);
	ret = text_write_at(to_dirfd, "cgroup.procs", text);
	return ret == -ESRCH ? 0 : ret;
}

int cg_procs_move(int from_dirfd, int to_dirfd)
{
	pid_t pids[BATCH] = {0};

	for (int round = 0; round < ROUNDS_MAX; round++) {
		int count = cg_procs_read(from_dirfd, pids, BATCH);

		if (count <= 0)
			return count;
		for (int i = 0; i < count; i++) {
			int ret = move_one(to_dirfd, pids[i]);

			if (ret)
				return ret;
		}
	}
	return -EBUSY;
}

bool cg_populated(int dirfd)
{
	char text[128];
	bool populated = true, frozen;
	long len = text_read_at(dirfd, "cgroup.events", text, sizeof(text));

	if (len == -ENOENT || len == -ENODEV)
		return false; /* removed by another meanwhile, as a scope by systemd */
	if (len >= 0)
		cg_parse_state(text, &populated, &frozen);
	return populated;
}

int cg_procs_wait_empty(int dirfd, int timeout_ms)
{
	AUTO_CLOSE int fd = openat(dirfd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	uint64_t end_us = clock_now_us() + (unsigned int)timeout_ms * US_PER_MS;
	struct pollfd events = {.fd = fd, .events = POLLPRI};
	char text[128];
	bool populated, frozen;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	for (;;) {
		long len = text_pread(fd, text, sizeof(text));

		if (len == -ENODEV)
			return 0;
		if (len < 0)
			return (int)len;
		if (!cg_parse_state(text, &populated, &frozen) && !populated)
			return 0;
		if (clock_now_us() >= end_us)
			return -ETIMEDOUT;
		poll(&events, 1, POLL_MAX_MS);
	}
}

int cg_each_child(int dirfd, cg_leaf_fn fn, void *data)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0;
	AUTO_CLOSEDIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!dir) {
		ret = -errno;
		if (fd >= 0)
			close(fd);
		return ret;
	}
	while (!ret && (entry = dir_next(dir)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			ret = fn(data, entry->d_name);
	return ret ? (ret < 0 ? ret : 0) : -errno;
}

int cg_leaf_each(int component_dirfd, cg_leaf_fn fn, void *data)
{
	return cg_each_child(component_dirfd, fn, data);
}
