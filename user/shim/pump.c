// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Output through us and not straight into the file: RLIMIT_FSIZE would limit every file of the job,
 * and a limit that is looked at now and then does not hold.
 */
#include <errno.h>
#include <unistd.h>

#include "user/shim/internal.h"

#define CHUNK (32U << 10)

static char chunk[CHUNK];

/* What finds no room is dropped and counted; the job goes on. */
static void pump_write(struct pump *pump, size_t count)
{
	size_t may = count, at = 0;

	if (pump->limit_bytes - pump->written < may)
		may = (size_t)(pump->limit_bytes - pump->written);
	while (at < may) {
		ssize_t n = write(pump->to, chunk + at, may - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	pump->written += at;
	pump->dropped += count - at;
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
