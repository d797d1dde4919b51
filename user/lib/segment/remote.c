// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A segment that stands on a component. uwd has a keeper there make the file and give memory to its
 * parts, so that the pages are charged to the component, whoever touches them first. The file is
 * the same as a local one otherwise, and what of it is given back needs nobody's leave. While uwd
 * is away nothing is committed: taking pages here would have them charged to the wrong cgroup
 * for as long as they are there.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "user/lib/pools.h"
#include "user/lib/segment/file.h"
#include "user/lib/segment/segment.h"
#include "user/lib/uw.h"

#define NAME_TRIES 8
#define BUSY_TRIES 1000 /* each of BUSY_NS: a handle has more calls under way than uwd takes */
#define BUSY_NS    1000000L

/* ---- commit ---- */

static int ask(const struct segment *segment, uint64_t offset, uint64_t bytes)
{
	static const struct timespec pause = {.tv_nsec = BUSY_NS};
	int rc = -EAGAIN;

	for (int i = 0; i < BUSY_TRIES && rc == -EAGAIN; i++) {
		if (i)
			nanosleep(&pause, NULL);
		rc = lib_pool_commit(segment->pool, offset, bytes);
	}
	return rc == UW_STALE ? -ESTALE : rc;
}

static int remote_commit(struct segment *segment, uint64_t offset, uint64_t bytes)
{
	const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	int rc = ask(segment, offset, bytes);

	/* The keeper leaves what it came to. */
	if (rc && fallocate(segment->fd, punch, (off_t)offset, (off_t)bytes) < 0)
		return -errno;
	return rc;
}

/* ---- lifetime ---- */

static void remote_leave(struct segment *segment)
{
	lib_pool_close(segment->pool);
}

/* Nobody has to know it; that nobody of this user has it already is most likely. */
static void make_up_name(char *buf, size_t size)
{
	uint32_t number = 0;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) < 0)
		number = (uint32_t)(uintptr_t)buf;
	snprintf(buf, size, "pool-%d-%08" PRIx32, (int)getpid(), number);
}

static int create(struct segment *segment, struct uw *uw, const char *component, const char *name)
{
	char made_up[UW_NAME_MAX];
	int rc = -EEXIST;

	if (name)
		return lib_pool_create(uw, component, name, segment->bytes, &segment->pool, NULL);
	for (int i = 0; i < NAME_TRIES && rc == -EEXIST; i++) {
		make_up_name(made_up, sizeof(made_up));
		rc = lib_pool_create(uw, component, made_up, segment->bytes, &segment->pool, NULL);
	}
	return rc;
}

/* A descriptor of the segment's own, as the pool's is closed with it. */
static int take_file(struct segment *segment, bool writable)
{
	uint64_t bytes = 0;
	int rc = segment->fd = fcntl(segment->pool->fd, F_DUPFD_CLOEXEC, 3);

	rc = rc < 0 ? -errno : segment_file_check(segment->fd, writable, &bytes);
	return rc || bytes == segment->bytes ? rc : -EPROTO;
}

int segment_back_remote(struct segment *segment, struct uw *uw, const char *component,
			const char *name)
{
	static const struct segment_backend backend = {.commit = remote_commit,
						       .leave = remote_leave};
	int rc = create(segment, uw, component, name);

	if (rc)
		return rc > 0 ? -ENOMEM : rc; /* it is denied */
	segment->backend = &backend;
	return take_file(segment, true);
}

int segment_join_remote(struct segment *segment, struct lib_pool *pool)
{
	static const struct segment_backend backend = {.leave = remote_leave};

	segment->pool = pool;
	segment->backend = &backend;
	segment->bytes = pool->bytes;
	return take_file(segment, segment->writable);
}

const char *segment_name(const struct segment *segment)
{
	return segment->pool ? segment->pool->name : NULL;
}

bool segment_is_orphan(const struct segment *segment)
{
	return segment->pool && segment->pool->gone;
}
