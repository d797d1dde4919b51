// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads the maps of a process and asks for each private anonymous mapping with
 * process_madvise(MADV_WILLNEED), 2 MiB a call, so that the caller can stop in between. The kernel
 * starts to read what is in swap and passes over what is there. Measured with a frozen job of which
 * 240 MB were out: .9 to 1.1 s, where the same pages took 52 s to come back fault by fault.
 *
 * What is read so stands in memory and in swap until somebody touches it, which a program may never
 * do: swap stayed full of what was in memory, and nothing could go out for anybody. So each such
 * page is touched here where swap is more than half full, the piece before while the next one is
 * read: its slot is free then (mm/memory.c, should_try_to_free_swap).
 */
#include "user/act/page_in.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/units.h"

#define PIECE_BYTES (2 * MIB)
#define PAGES_MAX   (PIECE_BYTES / 4096)
/* In pagemap (Documentation/admin-guide/mm/pagemap.rst): it is somewhere else, by its type in an
 * area of swap; the highest types are memory of devices, and what is on its way (swapops.h). */
#define SWAPPED     (UINT64_C(1) << 62)
#define TYPE_OF(at) ((at)&0x1f)
#define SWAP_TYPES  20
#define MAPS_BUF \
	2048 /* a line is an address range, and a path of which the rest is not looked at */

/* "55d0c0a3e000-55d0c0a5f000 rw-p 00000000 00:00 0    [heap]" */
bool page_in_parse(const char *line, uint64_t *ret_start, uint64_t *ret_end, bool *ret_anonymous)
{
	char *at;
	const char *mode;
	uint64_t inode;

	*ret_start = strtoull(line, &at, 16);
	if (at == line || *at != '-')
		return false;
	line = at + 1;
	*ret_end = strtoull(line, &at, 16);
	if (at == line || *at != ' ' || *ret_end <= *ret_start || strnlen(at, 6) < 6)
		return false;
	mode = at + 1;
	at = strchr(at + 6, ' '); /* behind the offset */
	at = at ? strchr(at + 1, ' ') : NULL;
	if (!at)
		return false;
	inode = strtoull(at, &at, 10);
	at += strspn(at, " ");
	*ret_anonymous = mode[0] == 'r' && mode[1] == 'w' && mode[3] == 'p' && !inode &&
			 strncmp(at, "[v", 2) != 0; /* vdso, vvar, vsyscall */
	return true;
}

/* Files of one process; without mem and pagemap nothing is touched. */
struct process {
	int pidfd, maps, pagemap, mem;
	uint64_t page_bytes;
};

static bool swap_is_half_full(void)
{
	struct sysinfo info;

	return !sysinfo(&info) && info.freeswap * 2 < info.totalswap;
}

static bool is_in_swap(uint64_t at)
{
	return at & SWAPPED && TYPE_OF(at) < SWAP_TYPES;
}

static void touch(const struct process *process, uint64_t start, uint64_t end, page_in_over over,
		  void *data)
{
	uint64_t at[PAGES_MAX], page = process->page_bytes;
	ssize_t got = 0;
	char byte;

	if (start < end && swap_is_half_full())
		got = pread(process->pagemap, at, (end - start) / page * sizeof(at[0]),
			    (off_t)(start / page * sizeof(at[0])));
	for (ssize_t i = 0; i < got / (ssize_t)sizeof(at[0]); i++)
		if (is_in_swap(at[i]) &&
		    (over(data) ||
		     pread(process->mem, &byte, 1, (off_t)(start + (uint64_t)i * page)) < 0))
			return; /* enough, or it is gone, or is not ours to touch */
}

static int ask_for(const struct process *process, uint64_t start, uint64_t end, page_in_over over,
		   void *data)
{
	uint64_t before = start;

	while (start < end) {
		uint64_t bytes = end - start < PIECE_BYTES ? end - start : PIECE_BYTES;
		struct iovec piece = {.iov_base = (void *)(uintptr_t)start, .iov_len = bytes};

		if (over(data))
			return -ECANCELED;
		/* A mapping may have gone meanwhile, or its pages: the next is tried all the same.
		 */
		if (syscall(SYS_process_madvise, process->pidfd, &piece, 1, MADV_WILLNEED, 0) < 0 &&
		    errno != ENOMEM && errno != EINVAL && errno != EAGAIN)
			return -errno;
		touch(process, before, start, over, data);
		before = start;
		start += bytes;
	}
	touch(process, before, end, over, data);
	return 0;
}

static int ask_for_line(const struct process *process, const char *line, page_in_over over,
			void *data)
{
	uint64_t start, end;
	bool anonymous;

	if (!page_in_parse(line, &start, &end, &anonymous) || !anonymous)
		return 0;
	return ask_for(process, start, end, over, data);
}

/* Whole lines of buf, of which used bytes are taken; moves what is left of the last one up. */
static int take_lines(const struct process *process, char *buf, size_t *used, page_in_over over,
		      void *data)
{
	char *line = buf, *end;
	int rc = 0;

	while (!rc && (end = memchr(line, '\n', *used - (size_t)(line - buf)))) {
		*end = '\0';
		rc = ask_for_line(process, line, over, data);
		line = end + 1;
	}
	/* A line longer than the buffer ends in a path that nobody reads. */
	if (line == buf && *used == MAPS_BUF)
		*used = 0;
	*used -= (size_t)(line - buf);
	memmove(buf, line, *used);
	return rc;
}

static int ask_for_all(const struct process *process, page_in_over over, void *data)
{
	char buf[MAPS_BUF];
	size_t used = 0;
	ssize_t got;
	int rc = 0;

	while (!rc && (got = read(process->maps, buf + used, sizeof(buf) - used)) > 0) {
		used += (size_t)got;
		rc = take_lines(process, buf, &used, over, data);
	}
	return rc;
}

static int open_of(pid_t pid, const char *name)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int page_in_process(pid_t pid, page_in_over over, void *data)
{
	AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), maps = -1, pagemap = -1,
		       mem = -1;
	struct pollfd ended = {.events = POLLIN};
	struct process process;

	if (pidfd < 0)
		return -errno;
	maps = open_of(pid, "maps");
	if (maps < 0)
		return -errno;
	pagemap = open_of(pid, "pagemap");
	mem = open_of(pid, "mem");
	ended.fd = pidfd;
	if (poll(&ended, 1, 0))
		return -ESRCH; /* and these may be of another one */
	process = (struct process){
		.pidfd = pidfd,
		.maps = maps,
		.pagemap = pagemap,
		.mem = mem,
		.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
	};
	return ask_for_all(&process, over, data);
}
