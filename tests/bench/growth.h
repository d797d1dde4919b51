/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * growth.h - the file in shared memory where a hog publishes how far it has grown, and when it
 * reached each step. A reader thus knows the instant of any crossing to one step, without sampling.
 * The reader creates the file and touches all of it first: its pages are charged to the reader, and
 * the hog never waits for them.
 */
#ifndef UW_BENCH_GROWTH_H
#define UW_BENCH_GROWTH_H

#include "bench.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>

#define GROWTH_STEP_BYTES (16 * BENCH_PAGE_BYTES)
#define GROWTH_MAX_STEPS  32768 /* 2 GiB in steps of 64 KiB */

struct growth {
	_Atomic uint32_t ready; /* the hog waits for go */
	_Atomic uint32_t go;
	_Atomic uint64_t bytes;
	_Atomic int64_t
		stalled_us; /* when the service of a trial (churn) first stalled; 0 = not yet */
	_Atomic int64_t at_us[GROWTH_MAX_STEPS]; /* when step i was complete, CLOCK_MONOTONIC */
};

static inline struct growth *growth_map(int fd)
{
	void *memory = mmap(NULL, sizeof(struct growth), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_POPULATE, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* For the reader: creates or empties the file. */
static inline struct growth *growth_create(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	struct growth *growth = NULL;

	if (fd < 0 || ftruncate(fd, sizeof(struct growth)) || !(growth = growth_map(fd)))
		bench_fail("%s", path);
	close(fd);
	memset(growth, 0, sizeof(*growth));
	return growth;
}

/* For the hog: NULL when nobody created the file. */
static inline struct growth *growth_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct growth *growth = NULL;
	struct stat status;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &status) && status.st_size >= (off_t)sizeof(struct growth))
		growth = growth_map(fd);
	close(fd);
	return growth;
}

/* To be called at every multiple of GROWTH_STEP_BYTES. */
static inline void growth_publish(struct growth *growth, uint64_t bytes)
{
	uint64_t step = bytes / GROWTH_STEP_BYTES;

	if (step > 0 && step <= GROWTH_MAX_STEPS)
		atomic_store_explicit(&growth->at_us[step - 1], bench_now_us(),
				      memory_order_relaxed);
	atomic_store_explicit(&growth->bytes, bytes, memory_order_release);
}

/* The instant at which the hog had grown to `bytes`; 0 when it has not yet. */
static inline int64_t growth_reached_us(struct growth *growth, uint64_t bytes)
{
	uint64_t step = (bytes + GROWTH_STEP_BYTES - 1) / GROWTH_STEP_BYTES;

	if (step == 0 || step > GROWTH_MAX_STEPS)
		return 0;
	return atomic_load_explicit(&growth->at_us[step - 1], memory_order_relaxed);
}

#endif
