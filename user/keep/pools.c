// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pools of a keeper: their memfds, made, taken over, and committed a piece at a time, which
 * charges the component (keep_pools_commit). memory.low of the leaf is its limit, so that what is
 * reclaimed of the component is what its programs use besides: pools are made smaller by who owns
 * them. The limit is raised before a pool comes and lowered after it went; it is not lowered below
 * what the leaf has, as writing that would have the kernel reclaim, and what is there may be pools
 * of an earlier keeper that nobody has handed over yet.
 */
#include "user/keep/pools.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/memfd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* include/uapi/linux/memfd.h, 6.3 */
#endif

/* ---- the limit ---- */

static uint64_t limit_of(const struct keep_pools *pools)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < pools->count; i++)
		sum += pools->pool[i].bytes;
	return sum + sum / KEEP_NODES_SHARE + KEEP_OWN_BYTES;
}

static uint64_t read_bytes(int group, const char *file)
{
	char text[32];

	if (text_read_at(group, file, text, sizeof(text)) <= 0)
		return 0;
	return text[0] == 'm' ? UINT64_MAX : strtoull(text, NULL, 10);
}

static int set_limit(const struct keep_pools *pools)
{
	uint64_t bytes = limit_of(pools);
	char text[32];

	if (pools->group < 0 || read_bytes(pools->group, "memory.max") == bytes ||
	    read_bytes(pools->group, "memory.current") > bytes)
		return 0;
	snprintf(text, sizeof(text), "%" PRIu64 "\n", bytes);
	text_write_at(pools->group, "memory.low", text);
	return text_write_at(pools->group, "memory.max", text);
}

/* ---- the table ---- */

struct keep_pool *keep_pools_find(struct keep_pools *pools, uint64_t id)
{
	for (uint32_t i = 0; i < pools->count; i++)
		if (pools->pool[i].id == id)
			return &pools->pool[i];
	return NULL;
}

static int add(struct keep_pools *pools, uint64_t id, uint64_t bytes, int fd)
{
	int rc;

	if (pools->count == KEEP_POOLS)
		return -ENFILE;
	pools->pool[pools->count++] = (struct keep_pool){id, bytes, fd};
	rc = set_limit(pools);
	if (rc)
		pools->count--;
	return rc;
}

/* Where vm.memfd_noexec asks for it, it must be said; kernels before 6.3 do not know it. */
static int make_memfd(void)
{
	int fd = memfd_create("uw-pool", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("uw-pool", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

int keep_pools_make(struct keep_pools *pools, uint64_t id, uint64_t bytes, int *ret_fd)
{
	AUTO_CLOSE int fd = -1;
	int rc;

	if (!id || !bytes || keep_pools_find(pools, id))
		return id && bytes ? -EEXIST : -EINVAL;
	fd = make_memfd();
	if (fd < 0)
		return fd;
	if (ftruncate(fd, (off_t)bytes) < 0 || fchmod(fd, 0600) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	rc = add(pools, id, bytes, fd);
	if (!rc)
		*ret_fd = TAKE_FD(fd);
	return rc;
}

int keep_pools_take(struct keep_pools *pools, uint64_t id, uint64_t bytes, int fd)
{
	AUTO_CLOSE int file = fd;
	int rc;

	if (!id || !bytes || file < 0)
		return -EINVAL;
	if (keep_pools_find(pools, id))
		return 0;
	rc = add(pools, id, bytes, file);
	if (!rc)
		(void)TAKE_FD(file);
	return rc;
}

void keep_pools_drop(struct keep_pools *pools, uint64_t id)
{
	struct keep_pool *pool = keep_pools_find(pools, id);

	if (!pool)
		return;
	close(pool->fd);
	*pool = pools->pool[--pools->count];
	set_limit(pools); /* one that is too high hurts nobody */
}

int keep_pools_commit(const struct keep_pool *pool, uint64_t at, uint64_t end, uint64_t *ret_at)
{
	uint64_t stop = (at / KEEP_PIECE_BYTES + 1) * KEEP_PIECE_BYTES;

	if (stop > end)
		stop = end;
	while (fallocate(pool->fd, 0, (off_t)at, (off_t)(stop - at)) < 0)
		if (errno != EINTR)
			return errno == ENOSPC ? -ENOMEM : -errno;
	*ret_at = stop;
	return 0;
}
