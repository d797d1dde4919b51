// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Maps the file of a pool. All of it is mapped at once without access, and opened in steps of two
 * megabytes as pages are committed: a stray access far from any page faults instead of allocating
 * one, and the number of mappings stays small. Committed pages are entered
 * into the page table at once, which costs less than a fault for each.
 */
#include "user/lib/segment/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user/lib/pools.h"
#include "user/lib/segment/file.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* asm-generic/mman-common.h, from 5.14 on */
#endif

#define LEAST_STEP (64ULL << 10)
#define LOOKS      64 /* pages; a quarter of a millionth of a second each */
#define LOOKS_FAR  16 /* of a range with more pages than that */

/* ---- fork: a child has none of the mappings ---- */

static pthread_mutex_t segments_lock = PTHREAD_MUTEX_INITIALIZER;
static struct segment *segments;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void before_fork(void)
{
	pthread_mutex_lock(&segments_lock);
	for (struct segment *segment = segments; segment; segment = segment->next)
		pthread_mutex_lock(&segment->lock);
}

static void after_fork(void)
{
	for (struct segment *segment = segments; segment; segment = segment->next)
		pthread_mutex_unlock(&segment->lock);
	pthread_mutex_unlock(&segments_lock);
}

/* A file that uwd knows is its owner's: one that a child kept open would keep the component's
 * memory when the owner has ended, and nobody would know of it. */
static void in_child(void)
{
	for (struct segment *segment = segments; segment; segment = segment->next) {
		segment->forked = true;
		pthread_mutex_init(&segment->lock, NULL);
		if (segment->pool && segment->fd >= 0) {
			close(segment->fd);
			segment->fd = -1;
		}
	}
	pthread_mutex_init(&segments_lock, NULL);
}

/* Who waits for uwd on behalf of a segment holds its lock, and takes the handle's: fork has to do
 * so too, and what was registered first it does last. */
static void watch_forks(void)
{
	lib_watch_forks();
	pthread_atfork(before_fork, after_fork, in_child);
}

static void enter_list(struct segment *segment)
{
	pthread_once(&fork_once, watch_forks);
	pthread_mutex_lock(&segments_lock);
	segment->next = segments;
	segments = segment;
	pthread_mutex_unlock(&segments_lock);
}

/* With its file, which a child of fork would not know of any more. */
static void leave_list(const struct segment *segment)
{
	pthread_mutex_lock(&segments_lock);
	for (struct segment **at = &segments; *at; at = &(*at)->next)
		if (*at == segment) {
			*at = segment->next;
			break;
		}
	if (segment->fd >= 0)
		close(segment->fd);
	pthread_mutex_unlock(&segments_lock);
}

/* ---- the mapping ---- */

static int map_file(struct segment *segment)
{
	uint64_t steps = (segment->bytes + SEGMENT_STEP_BYTES - 1) / SEGMENT_STEP_BYTES;
	void *base;

	segment->open = calloc((steps + 63) / 64, sizeof(*segment->open));
	if (!segment->open)
		return -ENOMEM;
	base = mmap(NULL, segment->bytes, PROT_NONE, MAP_SHARED, segment->fd, 0);
	if (base == MAP_FAILED)
		return -errno;
	segment->base = base;
	return madvise(base, segment->bytes, MADV_DONTFORK) < 0 ? -errno : 0;
}

static bool is_open(const struct segment *segment, uint64_t step)
{
	return segment->open[step / 64] >> step % 64 & 1;
}

static bool are_open(const struct segment *segment, uint64_t offset, uint64_t bytes)
{
	uint64_t step = offset / SEGMENT_STEP_BYTES;
	uint64_t last = (offset + bytes - 1) / SEGMENT_STEP_BYTES;

	while (step <= last && is_open(segment, step))
		step++;
	return step > last;
}

static int open_range(struct segment *segment, uint64_t first, uint64_t end)
{
	uint64_t offset = first * SEGMENT_STEP_BYTES, bytes = (end - first) * SEGMENT_STEP_BYTES;
	int access = segment->writable ? PROT_READ | PROT_WRITE : PROT_READ;

	if (bytes > segment->bytes - offset)
		bytes = segment->bytes - offset;
	if (mprotect(segment->base + offset, bytes, access) < 0)
		return -errno;
	for (uint64_t step = first; step < end; step++)
		segment->open[step / 64] |= 1ULL << step % 64;
	return 0;
}

/* Those in a row at once. */
static int open_steps(struct segment *segment, uint64_t offset, uint64_t bytes)
{
	uint64_t end = (offset + bytes - 1) / SEGMENT_STEP_BYTES + 1, next;
	int rc = 0;

	for (uint64_t step = offset / SEGMENT_STEP_BYTES; step < end && !rc; step = next) {
		bool closed = !is_open(segment, step);

		for (next = step + 1; next < end && is_open(segment, next) != closed;)
			next++;
		if (closed)
			rc = open_range(segment, step, next);
	}
	return rc;
}

static bool is_within(const struct segment *segment, uint64_t offset, uint64_t bytes)
{
	return bytes && offset < segment->bytes && bytes <= segment->bytes - offset;
}

/* ---- lifetime ---- */

static struct segment *new_segment(uint64_t bytes, bool writable)
{
	struct segment *segment = calloc(1, sizeof(*segment));

	if (!segment)
		return NULL;
	segment->fd = -1;
	segment->bytes = bytes;
	segment->writable = writable;
	pthread_mutex_init(&segment->lock, NULL);
	enter_list(segment);
	return segment;
}

/* Segments are handed out whole. */
static int hand_out(struct segment *segment, int rc, struct segment **ret_segment)
{
	if (!rc)
		rc = map_file(segment);
	if (rc) {
		segment_close(segment);
		return rc;
	}
	*ret_segment = segment;
	return 0;
}

int segment_create(struct uw *uw, const char *component, const char *name, uint64_t bytes,
		   struct segment **ret_segment)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct segment *segment;

	if (!bytes || bytes > SEGMENT_BYTES_MAX || (uw && !component))
		return -EINVAL;
	segment = new_segment((bytes + page - 1) / page * page, true);
	if (!segment)
		return -ENOMEM;
	return hand_out(segment,
			uw ? segment_back_remote(segment, uw, component, name)
			   : segment_back_local(segment, name),
			ret_segment);
}

int segment_attach(int fd, bool writable, struct segment **ret_segment)
{
	struct segment *segment;
	uint64_t bytes = 0;
	int rc = segment_file_check(fd, writable, &bytes);

	if (rc)
		return rc;
	segment = new_segment(bytes, writable);
	if (!segment)
		return -ENOMEM;
	rc = segment->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return hand_out(segment, rc < 0 ? -errno : 0, ret_segment);
}

int segment_attach_named(struct uw *uw, const char *name, bool writable,
			 struct segment **ret_segment)
{
	struct segment *segment = new_segment(0, writable);
	struct lib_pool *pool = NULL;
	int rc;

	if (!segment)
		return -ENOMEM;
	rc = lib_pool_attach(uw, name, writable, &pool);
	if (!rc)
		rc = segment_join_remote(segment, pool);
	return hand_out(segment, rc, ret_segment);
}

int segment_share(const struct segment *segment, uint32_t uid, uint32_t gid, uint32_t mode)
{
	if (segment->forked)
		return -ECHILD;
	if (!segment->pool || segment->pool->attached)
		return -EPERM;
	return lib_pool_share(segment->pool, uid, gid, mode);
}

void segment_leave(struct segment *segment)
{
	const struct segment_backend *backend;

	pthread_mutex_lock(&segment->lock);
	backend = segment->backend;
	segment->backend = NULL;
	pthread_mutex_unlock(&segment->lock);
	if (backend && backend->leave)
		backend->leave(segment);
	segment->pool = NULL;
}

void segment_close(struct segment *segment)
{
	if (!segment)
		return;
	leave_list(segment);
	if (segment->base && !segment->forked)
		munmap(segment->base, segment->bytes);
	segment_leave(segment);
	pthread_mutex_destroy(&segment->lock);
	free(segment->open);
	free(segment);
}

/* ---- pages ---- */

static int punch_file(const struct segment *segment, uint64_t offset, uint64_t bytes)
{
	const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	return fallocate(segment->fd, mode, (off_t)offset, (off_t)bytes) < 0 ? -errno : 0;
}

/* Less at a time after a signal, so that a program whose timer fires all the time gets on. */
static int commit_step(struct segment *segment, uint64_t offset, uint64_t bytes)
{
	uint64_t step = bytes;

	for (uint64_t done = 0; done < bytes;) {
		uint64_t part = step < bytes - done ? step : bytes - done;
		int rc = segment->backend->commit(segment, offset + done, part);

		if (rc == -EINTR) {
			step = step / 2 > LEAST_STEP ? step / 2 : LEAST_STEP;
			continue;
		}
		if (rc) {
			if (done)
				punch_file(segment, offset, done);
			return rc;
		}
		done += part;
	}
	return 0;
}

static int commit_steps(struct segment *segment, uint64_t offset, uint64_t bytes)
{
	int rc = open_steps(segment, offset, bytes);

	for (uint64_t done = 0; done < bytes && !rc;) {
		uint64_t part = bytes - done;

		if (part > SEGMENT_STEP_BYTES)
			part = SEGMENT_STEP_BYTES;
		rc = commit_step(segment, offset + done, part);
		if (rc && done)
			punch_file(segment, offset, done);
		done += part;
	}
	return rc;
}

/* Why nothing can be committed or punched there; 0 when it can. With the lock. */
static int refusal(const struct segment *segment, uint64_t offset, uint64_t bytes)
{
	if (!segment->backend || !segment->backend->commit)
		return -EPERM;
	return is_within(segment, offset, bytes) ? 0 : -ERANGE;
}

int segment_commit(struct segment *segment, uint64_t offset, uint64_t bytes)
{
	int rc;

	if (segment->forked)
		return -ECHILD;
	pthread_mutex_lock(&segment->lock);
	rc = refusal(segment, offset, bytes);
	if (!rc)
		rc = commit_steps(segment, offset, bytes);
	pthread_mutex_unlock(&segment->lock);
	if (!rc)
		madvise(segment->base + offset, bytes, MADV_POPULATE_WRITE);
	return rc;
}

int segment_punch(struct segment *segment, uint64_t offset, uint64_t bytes)
{
	int rc;

	if (segment->forked)
		return -ECHILD;
	pthread_mutex_lock(&segment->lock);
	rc = refusal(segment, offset, bytes);
	if (!rc)
		rc = punch_file(segment, offset, bytes);
	pthread_mutex_unlock(&segment->lock);
	return rc;
}

static bool page_is_there(const struct segment *segment, uint64_t at)
{
	return (uint64_t)lseek(segment->fd, (off_t)at, SEEK_DATA) == at;
}

/* What is given out was committed in one, and whoever may write the file can punch any of it the
 * moment after. So this finds what never was there: to ask for each page of much, or for the next
 * hole, has the kernel walk over all of them. The last page and some far apart are asked for, and
 * of little all. */
static bool is_there(const struct segment *segment, uint64_t offset, uint64_t bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), last = (offset + bytes - 1) / page * page;
	uint64_t stride = bytes > LOOKS * page ? bytes / LOOKS_FAR / page * page : page;

	for (uint64_t at = offset / page * page; at < last; at += stride)
		if (!page_is_there(segment, at))
			return false;
	return page_is_there(segment, last);
}

static int show_steps(struct segment *segment, uint64_t offset, uint64_t bytes)
{
	if (are_open(segment, offset, bytes))
		return 0;
	if (!is_there(segment, offset, bytes))
		return -ENODATA;
	return open_steps(segment, offset, bytes);
}

int segment_show(struct segment *segment, uint64_t offset, uint64_t bytes)
{
	int rc;

	if (segment->forked)
		return -ECHILD;
	if (!is_within(segment, offset, bytes))
		return -ERANGE;
	pthread_mutex_lock(&segment->lock);
	rc = show_steps(segment, offset, bytes);
	pthread_mutex_unlock(&segment->lock);
	return rc;
}

bool segment_is_forked(const struct segment *segment)
{
	return segment->forked;
}

void *segment_base(const struct segment *segment)
{
	return segment->base;
}

int segment_fd(const struct segment *segment)
{
	return segment->fd;
}

uint64_t segment_bytes(const struct segment *segment)
{
	return segment->bytes;
}

bool segment_is_writable(const struct segment *segment)
{
	return segment->writable;
}
