/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a ring asks of the kernel about its clients, without one: who lives goes by the last two
 * bits of a pid. So who scribbles a client into the table costs no look at /proc. To be included
 * before the ring's own file, which takes these names for the kernel's.
 */
#ifndef TESTS_FUZZ_RING_KERNEL_H
#define TESTS_FUZZ_RING_KERNEL_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define KERNEL_SELF 4001 /* a pid that lives */

enum kernel_life {
	LIFE_NONE,
	LIFE_LIVES,
	LIFE_ZOMBIE,
	LIFE_HIDDEN, /* lives, and /proc does not show it */
	LIFE__COUNT
};

static enum kernel_life kernel_life(int pid)
{
	return (enum kernel_life)((unsigned int)pid % LIFE__COUNT);
}

/* A pidfd, and a file of /proc, is the pid. */
static int kernel_open(const char *path)
{
	int pid = atoi(path + strlen("/proc/"));

	errno = ENOENT;
	return kernel_life(pid) == LIFE_LIVES ? pid : -1;
}

static ssize_t kernel_read(void *text, size_t size)
{
	static const char stat[] =
		"1 (a) b) R 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 77 23";
	size_t count = sizeof(stat) - 1 < size ? sizeof(stat) - 1 : size;

	memcpy(text, stat, count);
	return (ssize_t)count;
}

static int kernel_poll(const struct pollfd *asked)
{
	return kernel_life(asked->fd) == LIFE_ZOMBIE;
}

static int kernel_pidfd(int pid)
{
	errno = ESRCH;
	return kernel_life(pid) == LIFE_NONE ? -1 : pid;
}

/* ---- the names ---- */

#define getpid()               KERNEL_SELF
#define open(path, flags)      kernel_open(path)
#define read(fd, text, size)   kernel_read(text, size)
#define close(fd)              ((void)(fd))
#define poll(asked, count, ms) kernel_poll(asked)
#define syscall(call, pid, no) kernel_pidfd(pid)

#endif
