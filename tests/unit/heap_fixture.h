/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A heap over a segment, and what it ought to hold: whom each unit of 16 bytes belongs to, and what
 * each allocation is filled with. Whatever the heap hands out is checked against that.
 */
#ifndef TESTS_UNIT_HEAP_FIXTURE_H
#define TESTS_UNIT_HEAP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/sim/random.h"
#include "user/lib/heap/heap.h"
#include "user/lib/segment/segment.h"
#include "user/lib/uw.h"

#define MODEL_UNIT 16U
#define MODEL_KIB  1024ULL
#define MODEL_MIB  (1024ULL * 1024)
#define MODEL_FROM 65536ULL /* where the heap begins: the segment's first part is somebody's */

struct model_allocation {
	uint64_t id, bytes; /* id 0: none */
	struct heap_span span;
	uint32_t flags, pins;
	uint64_t fill;
};

struct heap_model {
	struct segment *segment;
	struct heap *heap;
	uint32_t *owner; /* of each unit: 0, or 1 + the index of the allocation */
	uint64_t units;
	struct model_allocation *allocation;
	uint32_t count; /* of allocation */
	struct random random;
};

static inline void model_open(struct heap_model *model, uint64_t bytes, uint32_t count,
			      uint64_t seed)
{
	*model = (struct heap_model){.units = (MODEL_FROM + bytes) / MODEL_UNIT, .count = count};
	model->random.state = seed * 0x9e3779b97f4a7c15ULL | 1;
	assert_int_equal(segment_create(NULL, NULL, "test", MODEL_FROM + bytes, &model->segment),
			 0);
	assert_int_equal(heap_new(model->segment, MODEL_FROM, &model->heap), 0);
	model->owner = calloc(model->units, sizeof(*model->owner));
	model->allocation = calloc(count, sizeof(*model->allocation));
	assert_non_null(model->owner);
	assert_non_null(model->allocation);
}

static inline void model_close(struct heap_model *model)
{
	heap_free_all(model->heap);
	segment_close(model->segment);
	free(model->owner);
	free(model->allocation);
}

static inline uint64_t model_there(const struct heap_model *model)
{
	struct stat st;

	assert_int_equal(fstat(segment_fd(model->segment), &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static inline struct heap_stats model_stats(const struct heap_model *model)
{
	struct heap_stats stats;

	heap_get_stats(model->heap, &stats);
	return stats;
}

/* ---- contents: the first and the last bytes, and one a page, which is where others would begin
 * ---- */

static inline uint64_t model_next_word(uint64_t at, uint64_t bytes)
{
	uint64_t next = at + 4096 < bytes ? at + 4096 : bytes - 8;

	return at + 8 >= bytes ? bytes : next;
}

static inline void model_fill(struct model_allocation *a, uint64_t fill)
{
	a->fill = fill;
	for (uint64_t at = 0; at + 8 <= a->span.bytes; at = model_next_word(at, a->span.bytes))
		memcpy((uint8_t *)a->span.memory + at, &fill, 8);
}

static inline void model_check_fill(const struct model_allocation *a)
{
	for (uint64_t at = 0; at + 8 <= a->span.bytes; at = model_next_word(at, a->span.bytes)) {
		uint64_t word;

		memcpy(&word, (const uint8_t *)a->span.memory + at, 8);
		assert_int_equal(word, a->fill);
	}
}

/* ---- places ---- */

static inline void model_own(struct heap_model *model, const struct heap_span *span, uint32_t from,
			     uint32_t to)
{
	uint64_t first = span->offset / MODEL_UNIT,
		 last = (span->offset + span->bytes) / MODEL_UNIT;

	assert_true(last <= model->units);
	for (uint64_t i = first; i < last; i++) {
		if (model->owner[i] != from)
			fail_msg("unit %lu is %u's", (unsigned long)i, model->owner[i]);
		model->owner[i] = to;
	}
}

static inline void model_check_span(const struct heap_model *model,
				    const struct model_allocation *a)
{
	uint32_t align = a->flags & HEAP_ALIGN_64 ? 64 : 16;

	assert_true(a->span.bytes >= a->bytes);
	assert_true(a->span.bytes <= a->bytes + a->bytes / 8 + 1024 + 64);
	assert_true(a->span.offset >= MODEL_FROM);
	assert_int_equal(a->span.offset % align, 0);
	assert_ptr_equal(a->span.memory, (uint8_t *)segment_base(model->segment) + a->span.offset);
}

static inline int model_alloc(struct heap_model *model, uint32_t index, uint64_t bytes,
			      uint32_t flags)
{
	struct model_allocation *a = &model->allocation[index];
	int rc;

	assert_int_equal(a->id, 0);
	*a = (struct model_allocation){.bytes = bytes, .flags = flags};
	rc = heap_alloc(model->heap, bytes, flags, &a->id, &a->span);
	if (rc) {
		a->id = 0;
		return rc;
	}
	assert_int_not_equal(a->id, 0);
	model_check_span(model, a);
	model_own(model, &a->span, 0, index + 1);
	model_fill(a, roll(&model->random, UINT64_MAX));
	return 0;
}

static inline void model_free(struct heap_model *model, uint32_t index)
{
	struct model_allocation *a = &model->allocation[index];
	uint64_t id = a->id;

	model_check_fill(a);
	model_own(model, &a->span, index + 1, 0);
	a->id = 0;
	assert_int_equal(heap_free(model->heap, id), 0);
	assert_int_equal(heap_free(model->heap, id), UW_STALE);
}

static inline void model_free_all(struct heap_model *model)
{
	for (uint32_t i = 0; i < model->count; i++)
		if (model->allocation[i].id)
			model_free(model, i);
}

/* As many small as large ones: the size's logarithm is even. */
static inline uint64_t model_size(struct heap_model *model, uint32_t log_min, uint32_t log_max)
{
	uint64_t log = log_min + roll(&model->random, log_max - log_min);

	return (1ULL << log) + roll(&model->random, 1ULL << log);
}

#endif
