// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Works out "usable = auto": how much of the machine the pool may have. It is what the rest of the
 * machine does not use, less a reserve and within bounds. A value in force that is close enough is
 * kept, so that a second setup has nothing to change.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cgroups/internal.h"
#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/base/units.h"

#define RESERVE_PCT 3
#define NEAR_PCT    2 /* of total: what the rest of a machine uses moves by less all the time */
#define TEXT_LEN    8192

/* Limits are kept in pages: read back, the pool's own is to be what its shares were cut from. */
#define STEP_BYTES (1ULL << 20)

uint64_t cg_usable_of(uint64_t total_bytes, uint64_t available_bytes, uint64_t pool_held_bytes)
{
	uint64_t reserve = total_bytes / 100 * RESERVE_PCT, ceiling = total_bytes / 6 * 5;
	uint64_t floor = total_bytes / 4, outside, usable;

	if (available_bytes > total_bytes)
		available_bytes = total_bytes;
	outside = total_bytes - available_bytes;
	outside = outside > pool_held_bytes ? outside - pool_held_bytes : 0;
	usable = total_bytes > outside + reserve ? total_bytes - outside - reserve : 0;
	if (usable > ceiling)
		usable = ceiling;
	usable = usable > floor ? usable : floor;
	return usable - usable % STEP_BYTES;
}

static uint64_t pool_held(int pool_dirfd)
{
	static const char *const counted[] = {"active_file", "inactive_file", "slab_reclaimable"};
	char text[TEXT_LEN];
	uint64_t held, part;

	if (pool_dirfd < 0 ||
	    text_read_at(pool_dirfd, cg_knob_file(CG_CURRENT), text, sizeof(text)) < 0 ||
	    cg_parse_u64(text, &held) ||
	    text_read_at(pool_dirfd, cg_knob_file(CG_STAT), text, sizeof(text)) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(counted); i++)
		if (!text_key_u64(text, counted[i], &part))
			held -= part < held ? part : held;
	return held;
}

/* What the pool was set up with, when that is still as good as right: a second setup then has
 * nothing to change. */
static uint64_t keep_if_near(int pool_dirfd, uint64_t usable, uint64_t total_bytes)
{
	uint64_t near = total_bytes / 100 * NEAR_PCT, now;
	char text[64];

	if (pool_dirfd < 0 ||
	    text_read_at(pool_dirfd, cg_knob_file(CG_LIMIT), text, sizeof(text)) < 0 ||
	    cg_parse_u64(text, &now) || now == CG_MAX)
		return usable;
	return now + near >= usable && now <= usable + near ? now : usable;
}

int cg_usable_auto(int pool_dirfd, uint64_t *ret_bytes, struct uw_err *err)
{
	char text[TEXT_LEN];
	uint64_t total_kib, available_kib;
	long len = text_read_at(AT_FDCWD, "/proc/meminfo", text, sizeof(text));

	if (len < 0)
		return err_set(err, (int)len, "cgroups: /proc/meminfo: %s", strerror((int)-len));
	if (text_key_u64(text, "MemTotal:", &total_kib) ||
	    text_key_u64(text, "MemAvailable:", &available_kib))
		return err_set(err, -EINVAL,
			       "cgroups: /proc/meminfo names no MemTotal or "
			       "MemAvailable");
	*ret_bytes = keep_if_near(
		pool_dirfd,
		cg_usable_of(total_kib * KIB, available_kib * KIB, pool_held(pool_dirfd)),
		total_kib * KIB);
	return 0;
}
