// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uw_maps - asks the kernel for memory in each of the ways that are named, without touching it:
 *	uw_maps MB WAY...
 * prints "WAY ok", or "WAY ENOMEM", a line each, and gives it back. fork maps and touches first, so
 * that its child has as much once more promised to it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/cleanup.h"

#define RW (PROT_READ | PROT_WRITE)

/* 0 or errno. */
static int map(size_t bytes, int prot, int flags, int fd)
{
	void *at = mmap(NULL, bytes, prot, flags, fd, 0);

	if (at == MAP_FAILED)
		return errno;
	return munmap(at, bytes) ? errno : 0;
}

static int map_private(size_t bytes)
{
	return map(bytes, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static int map_shared(size_t bytes)
{
	return map(bytes, RW, MAP_SHARED | MAP_ANONYMOUS, -1);
}

static int map_none(size_t bytes)
{
	return map(bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static int map_noreserve(size_t bytes)
{
	return map(bytes, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
}

static int map_file(size_t bytes)
{
	char path[] = "/tmp/uw_maps.XXXXXX";
	AUTO_CLOSE int fd = mkstemp(path);

	if (fd < 0 || unlink(path) || ftruncate(fd, (off_t)bytes))
		return errno;
	return map(bytes, RW, MAP_PRIVATE, fd);
}

/* As in C: the last way that the allocator tries counts. */
static int by_malloc(size_t bytes)
{
	char *volatile at = malloc(bytes);

	if (!at)
		return errno;
	free(at);
	return 0;
}

static int by_brk(size_t bytes)
{
	if (sbrk((intptr_t)bytes) == (void *)-1)
		return errno;
	return sbrk(-(intptr_t)bytes) == (void *)-1 ? errno : 0;
}

static int by_mremap(size_t bytes)
{
	char *at = mmap(NULL, 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *grown = mremap(at, 4096, bytes, MREMAP_MAYMOVE);

	if (grown == MAP_FAILED)
		return errno;
	return munmap(grown, bytes) ? errno : 0;
}

static int by_mprotect(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int code = at == MAP_FAILED || mprotect(at, bytes, RW) ? errno : 0;

	munmap(at, bytes);
	return code;
}

static int by_fork(size_t bytes)
{
	char *at = mmap(NULL, bytes, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status = 0;
	pid_t child;

	if (at == MAP_FAILED)
		return errno;
	memset(at, 1, bytes);
	sleep(2); /* until uwd has looked: less is left than the child is promised */
	child = fork();
	if (child < 0)
		return errno;
	if (!child) {
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	return waitpid(child, &status, 0) == child && !status ? 0 : ECHILD;
}

static const struct {
	const char *name;
	int (*try)(size_t bytes);
} ways[] = {
	{"mmap", map_private},     {"shared", map_shared},
	{"none", map_none},        {"noreserve", map_noreserve},
	{"file", map_file},        {"malloc", by_malloc},
	{"brk", by_brk},           {"mremap", by_mremap},
	{"mprotect", by_mprotect}, {"fork", by_fork},
};

static int try_way(const char *name, size_t bytes)
{
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		int code;

		if (strcmp(ways[i].name, name))
			continue;
		code = ways[i].try(bytes);
		printf("%s %s\n", name, code ? strerrorname_np(code) : "ok");
		return 0;
	}
	fprintf(stderr, "uw_maps: no way '%s'\n", name);
	return 2;
}

int main(int argc, char **argv)
{
	int code = argc < 3 ? 2 : 0;

	for (int i = 2; i < argc && !code; i++)
		code = try_way(argv[i], strtoul(argv[1], NULL, 10) << 20);
	return code;
}
