// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Carries an output of a job from a pipe into its file and keeps the file below a limit. The shim
 * stands between the two because RLIMIT_FSIZE would limit all files of the job. Of too much output
 * the middle is cut out, by a hole that grows behind the first half of the limit, so that the file
 * is right at every instant. A further attempt appends under a limit of its own; at its end all
 * are cut to one limit.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/shim/internal.h"

#define CHUNK      (32U << 10)
#define BLOCK      4096U /* holes are of whole blocks; of larger ones the rest is zeroes */
#define BLOCKS_MIN 8U    /* a limit of fewer leaves no room for a hole */

static char chunk[CHUNK];

int pump_open(struct pump *pump, int to, uint64_t limit_bytes, int *ret_write_end)
{
	struct stat file;
	int ends[2];

	if (fstat(to, &file) || pipe2(ends, O_CLOEXEC) || fcntl(ends[0], F_SETFL, O_NONBLOCK))
		return -errno;
	*pump = (struct pump){
		.from = ends[0],
		.to = to,
		.limit_bytes = limit_bytes,
		.begin = (uint64_t)file.st_size, /* what earlier attempts wrote stays */
		.may_punch = limit_bytes >= BLOCKS_MIN * BLOCK,
	};
	*ret_write_end = ends[1];
	return 0;
}

/* The last 3/8 of the limit stay at the least, and the last half at the most. */
static void punch(struct pump *pump)
{
	uint64_t end = pump->begin + pump->total;
	uint64_t from = (pump->begin + pump->limit_bytes / 2 + BLOCK - 1) / BLOCK * BLOCK;
	uint64_t to = (end - pump->limit_bytes / 8 * 3) / BLOCK * BLOCK;

	from += pump->punched;
	if (to <= from || pump->total - pump->punched <= pump->limit_bytes)
		return;
	if (fallocate(pump->to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from,
		      (off_t)(to - from)))
		pump->may_punch = false;
	else
		pump->punched += to - from;
}

static uint64_t room(const struct pump *pump)
{
	uint64_t kept = pump->total - pump->punched;

	return kept < pump->limit_bytes ? pump->limit_bytes - kept : 0;
}

/* What finds no room is dropped and counted; the job goes on. */
static void pump_write(struct pump *pump, size_t count)
{
	size_t may = count, at = 0;

	if (!pump->may_punch && room(pump) < may)
		may = (size_t)room(pump);
	while (at < may) {
		ssize_t n = write(pump->to, chunk + at, may - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	pump->total += at;
	pump->lost += count - at;
	if (pump->may_punch)
		punch(pump);
}

static uint64_t allocated(const struct pump *pump)
{
	struct stat file;

	return fstat(pump->to, &file) ? 0 : (uint64_t)file.st_blocks * 512;
}

void pump_trim(struct pump *pump)
{
	uint64_t from = (pump->limit_bytes / 2 + BLOCK - 1) / BLOCK * BLOCK;
	uint64_t to = pump->begin + pump->total;
	uint64_t before = pump->begin && pump->may_punch ? allocated(pump) : 0;

	if (before <= pump->limit_bytes || to <= from + pump->limit_bytes / 8 * 3)
		return;
	to = (to - pump->limit_bytes / 8 * 3) / BLOCK * BLOCK;
	if (to > from && !fallocate(pump->to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				    (off_t)from, (off_t)(to - from)))
		pump->trimmed = before - allocated(pump);
}

uint64_t pump_kept(const struct pump *pump)
{
	uint64_t kept = pump->total - pump->punched;
	uint64_t all = pump->trimmed ? allocated(pump) : kept;

	return all < kept ? all : kept;
}

uint64_t pump_dropped(const struct pump *pump)
{
	return pump->punched + pump->lost + pump->trimmed;
}

bool pump_move(struct pump *pump)
{
	ssize_t n = read(pump->from, chunk, sizeof(chunk));

	if (n > 0)
		pump_write(pump, (size_t)n);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

void pump_drain(struct pump *pump)
{
	ssize_t n;

	if (pump->from < 0)
		return;
	/* At most what a pipe may hold, so that a writer cannot keep us here. */
	for (int i = 0; i < 64; i++) {
		n = read(pump->from, chunk, sizeof(chunk));
		if (n <= 0)
			return;
		pump_write(pump, (size_t)n);
	}
}
