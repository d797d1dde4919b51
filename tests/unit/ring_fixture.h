/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ring of either kind, and records in it that say which they are. */
#ifndef UW_RING_FIXTURE_H
#define UW_RING_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/lib/ring/inside.h"
#include "user/lib/uw.h"

#define MANY UW_RING_MANY
#define DROP UW_RING_DROP_OLDEST

/* The records of many may have 112 bytes. */
static inline struct uw_ring *ring_make(uint32_t flags, uint64_t bytes)
{
	struct uw_ring_options options = {
		.size = sizeof(options),
		.flags = flags,
		.name = "test",
		.bytes = bytes,
		.record_bytes = flags & MANY ? 112 : 0,
	};
	struct uw_ring *ring = NULL;

	assert_int_equal(uw_ring_create(NULL, &options, &ring), 0);
	return ring;
}

static inline struct uw_ring *ring_attach(const struct uw_ring *to, uint32_t access)
{
	struct uw_ring *ring = NULL;

	assert_int_equal(uw_ring_attach_fd(uw_ring_fd(to), access, &ring), 0);
	return ring;
}

/* A record of its number, again and again: a torn one is seen. 0, or what reserve or commit say. */
static inline int ring_put(struct uw_ring *ring, uint64_t number, uint64_t words)
{
	struct uw_record record = {.length = (uint32_t)words * 8};
	int rc = uw_ring_reserve(ring, &record, 1);

	if (rc != 1)
		return rc;
	for (uint64_t i = 0; i < words; i++)
		((uint64_t *)record.bytes)[i] = number;
	return uw_ring_commit(ring, &record, 1);
}

/* False when its words differ. */
static inline bool ring_is_whole(const struct uw_record *record)
{
	const uint64_t *word = record->bytes;

	for (uint32_t i = 1; i < record->length / 8; i++)
		if (word[i] != word[0])
			return false;
	return record->length >= 8 && record->length % 8 == 0;
}

/* The next record's number; 0 or what peek or release say. */
static inline int ring_take(struct uw_ring *ring, uint64_t *ret_number)
{
	struct uw_record record;
	uint64_t number;
	bool whole;
	int rc = uw_ring_peek(ring, &record, 1);

	if (rc != 1)
		return rc;
	number = *(const uint64_t *)record.bytes;
	whole = ring_is_whole(&record);
	rc = uw_ring_release(ring, &record, 1);
	if (rc)
		return rc;
	assert_true(whole);
	*ret_number = number;
	return 0;
}

static inline struct uw_ring_stats ring_stats(const struct uw_ring *ring)
{
	struct uw_ring_stats stats = {.size = sizeof(stats)};

	assert_int_equal(uw_ring_stats(ring, &stats), 0);
	return stats;
}

#endif
