// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Makes, seals and maps the file of a pool. All of it is mapped at once without access, and opened
 * in steps of two megabytes as pages are committed: a stray access far from any page faults
 * instead of allocating one, and the number of mappings stays small. Committed pages are entered
 * into the page table at once, which costs less than a fault for each.
 */
#include "user/lib/segment/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/memfd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U /* linux/memfd.h, from 6.3 on */
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* asm-generic/mman-common.h, from 5.14 on */
#endif

#define SEALS      (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define LEAST_STEP (64ULL << 10)

/* ---- the file ---- */

static int open_memfd(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

static int make_file(const char *name, uint64_t bytes)
{
	int fd = open_memfd(name), rc = 0;

	if (fd < 0)
		return fd;
	if (ftruncate(fd, (off_t)bytes) < 0 || fchmod(fd, 0600) < 0 ||
	    fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		rc = -errno;
	if (rc)
		close(fd);
	return rc ? rc : fd;
}

static int check_file(int fd, bool writable, uint64_t *ret_bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	int flags = fcntl(fd, F_GETFL), seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (flags < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (seals < 0)
		return -EINVAL;
	if ((seals & SEALS) != SEALS)
		return -EPERM;
	if ((flags & O_ACCMODE) == O_WRONLY || (writable && (flags & O_ACCMODE) != O_RDWR))
		return -EACCES;
	if (st.st_size <= 0 || (uint64_t)st.st_size > SEGMENT_BYTES_MAX ||
	    (uint64_t)st.st_size % page)
		return -EINVAL;
	*ret_bytes = (uint64_t)st.st_size;
	return 0;
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

static int open_step(struct segment *segment, uint64_t step)
{
	uint64_t offset = step * SEGMENT_STEP_BYTES, bytes = segment->bytes - offset;
	int access = segment->writable ? PROT_READ | PROT_WRITE : PROT_READ;

	if (bytes > SEGMENT_STEP_BYTES)
		bytes = SEGMENT_STEP_BYTES;
	if (mprotect(segment->base + offset, bytes, access) < 0)
		return -errno;
	segment->open[step / 64] |= 1ULL << step % 64;
	return 0;
}

static int open_steps(struct segment *segment, uint64_t offset, uint64_t bytes)
{
	uint64_t last = (offset + bytes - 1) / SEGMENT_STEP_BYTES;
	int rc = 0;

	for (uint64_t step = offset / SEGMENT_STEP_BYTES; step <= last && !rc; step++)
		if (!(segment->open[step / 64] >> step % 64 & 1))
			rc = open_step(segment, step);
	return rc;
}

static bool is_within(const struct segment *segment, uint64_t offset, uint64_t bytes)
{
	return bytes && offset < segment->bytes && bytes <= segment->bytes - offset;
}

/* ---- lifetime ---- */

static int create_parts(struct segment *segment, struct uw *uw, const char *component,
			const char *name)
{
	int rc = segment->fd = make_file(name, segment->bytes);

	if (rc >= 0)
		rc = map_file(segment);
	return rc ? rc : segment_back_local(segment, uw, component, name);
}

int segment_create(struct uw *uw, const char *component, const char *name, uint64_t bytes,
		   struct segment **ret_segment)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct segment *segment;
	int rc;

	if (!name || !bytes || bytes > SEGMENT_BYTES_MAX || (uw && !component))
		return -EINVAL;
	segment = calloc(1, sizeof(*segment));
	if (!segment)
		return -ENOMEM;
	segment->fd = -1;
	segment->writable = true;
	segment->bytes = (bytes + page - 1) / page * page;
	rc = create_parts(segment, uw, component, name);
	if (rc) {
		segment_close(segment);
		return rc;
	}
	*ret_segment = segment;
	return 0;
}

int segment_attach(int fd, bool writable, struct segment **ret_segment)
{
	struct segment *segment;
	uint64_t bytes = 0;
	int rc = check_file(fd, writable, &bytes);

	if (rc)
		return rc;
	segment = calloc(1, sizeof(*segment));
	if (!segment)
		return -ENOMEM;
	segment->writable = writable;
	segment->bytes = bytes;
	rc = segment->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	rc = rc < 0 ? -errno : map_file(segment);
	if (rc) {
		segment_close(segment);
		return rc;
	}
	*ret_segment = segment;
	return 0;
}

void segment_forked(struct segment *segment)
{
	segment->forked = true;
}

void segment_close(struct segment *segment)
{
	if (!segment)
		return;
	if (segment->base && !segment->forked)
		munmap(segment->base, segment->bytes);
	if (segment->fd >= 0)
		close(segment->fd);
	if (segment->backend)
		segment->backend->close(segment);
	free(segment->open);
	free(segment);
}

/* ---- pages ---- */

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
				segment_punch(segment, offset, done);
			return rc;
		}
		done += part;
	}
	return 0;
}

int segment_commit(struct segment *segment, uint64_t offset, uint64_t bytes)
{
	int rc;

	if (segment->forked)
		return -ECHILD;
	if (!segment->backend)
		return -EPERM;
	if (!is_within(segment, offset, bytes))
		return -ERANGE;
	rc = open_steps(segment, offset, bytes);
	for (uint64_t done = 0; done < bytes && !rc;) {
		uint64_t part = bytes - done;

		if (part > SEGMENT_STEP_BYTES)
			part = SEGMENT_STEP_BYTES;
		rc = commit_step(segment, offset + done, part);
		if (rc && done)
			segment_punch(segment, offset, done);
		done += part;
	}
	if (!rc)
		madvise(segment->base + offset, bytes, MADV_POPULATE_WRITE);
	return rc;
}

int segment_punch(struct segment *segment, uint64_t offset, uint64_t bytes)
{
	if (segment->forked)
		return -ECHILD;
	if (!segment->backend)
		return -EPERM;
	return is_within(segment, offset, bytes) ? segment->backend->punch(segment, offset, bytes)
						 : -ERANGE;
}

int segment_show(struct segment *segment, uint64_t offset, uint64_t bytes)
{
	if (segment->forked)
		return -ECHILD;
	return is_within(segment, offset, bytes) ? open_steps(segment, offset, bytes) : -ERANGE;
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
