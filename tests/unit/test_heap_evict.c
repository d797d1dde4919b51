// SPDX-License-Identifier: GPL-2.0-or-later
/* Pins, and what goes when there is no room: the oldest first, never what is pinned. */
#include "tests/unit/heap_fixture.h"

#include <errno.h>

#define SMALL 1000U
#define LARGE 50000U

struct evictions {
	struct heap_model model;
	uint64_t id[4096];
	uint32_t count;
	int nested; /* what an allocation in the callback said */
};

static void on_evict(void *data, uint64_t id, uint64_t tag, const struct heap_span *span)
{
	struct evictions *e = data;
	struct heap_span other;
	uint64_t word;

	(void)tag;
	memcpy(&word, span->memory, sizeof(word));
	assert_int_equal(word, id); /* the contents are there */
	assert_int_equal(heap_get(e->model.heap, id, &other), UW_STALE);
	e->id[e->count++] = id;
}

static void start(struct evictions *e, uint64_t bytes)
{
	memset(e, 0, sizeof(*e));
	model_open(&e->model, bytes, 4096, 1);
	heap_on_evict(e->model.heap, on_evict, e);
}

/* Filled with its id, and unpinned. */
static int cache_in(struct evictions *e, uint64_t bytes, uint64_t *ret_id)
{
	struct heap_span span;
	int rc = heap_alloc(e->model.heap, bytes, HEAP_EVICTABLE, ret_id, &span);

	if (rc)
		return rc;
	memcpy(span.memory, ret_id, sizeof(*ret_id));
	assert_int_equal(heap_unpin(e->model.heap, *ret_id), 0);
	return 0;
}

static void fill(struct evictions *e, uint64_t bytes, uint64_t *id, uint32_t *ret_count)
{
	while (!e->count)
		assert_int_equal(cache_in(e, bytes, &id[(*ret_count)++]), 0);
}

static void oldest_go_first(uint64_t bytes)
{
	static struct evictions e;
	static uint64_t id[5000];
	uint32_t count = 0, order = 0;
	struct heap_span span;

	start(&e, 2 * MODEL_MIB);
	fill(&e, bytes, id, &count);
	assert_int_equal(e.id[0], id[0]);
	/* used again: now these are the newest */
	for (uint32_t i = 1; i < count / 2; i++)
		assert_int_equal(heap_get(e.model.heap, id[i], &span), 0);
	heap_evict(e.model.heap, 0);
	for (uint32_t i = count / 2 > 1 ? count / 2 : 1; i < count; i++)
		order += e.id[1 + order] == id[i];
	for (uint32_t i = 1; i < count / 2; i++)
		order += e.id[1 + order] == id[i];
	assert_int_equal(order, count - 1);
	assert_int_equal(model_stats(&e.model).evictions, count);
	assert_int_equal(model_stats(&e.model).used_bytes, 0);
	model_close(&e.model);
}

static void test_least_recently_used_goes_first(void **data)
{
	(void)data;
	oldest_go_first(SMALL);
	oldest_go_first(LARGE);
}

static void pinned_stay(uint64_t bytes)
{
	static struct evictions e;
	struct heap_span span;
	uint64_t kept, plain, id;

	start(&e, MODEL_MIB);
	assert_int_equal(cache_in(&e, bytes, &kept), 0);
	assert_int_equal(heap_pin(e.model.heap, kept, &span), 0);
	assert_int_equal(heap_alloc(e.model.heap, bytes, 0, &plain, &span), 0);
	for (uint32_t i = 0; i < 3000; i++)
		assert_int_equal(cache_in(&e, bytes, &id), 0);
	assert_true(e.count > 1000);
	heap_evict(e.model.heap, 0);
	assert_int_equal(heap_get(e.model.heap, kept, &span), 0);
	assert_int_equal(heap_get(e.model.heap, plain, &span), 0);
	memcpy(&id, (heap_get(e.model.heap, kept, &span), span.memory), 8);
	assert_int_equal(id, kept);
	assert_int_equal(model_stats(&e.model).evictable_bytes, 0);
	assert_int_equal(heap_unpin(e.model.heap, kept), 0);
	assert_true(model_stats(&e.model).evictable_bytes >= bytes);
	heap_evict(e.model.heap, 0);
	assert_int_equal(e.id[e.count - 1], kept);
	assert_int_equal(heap_get(e.model.heap, plain, &span), 0);
	model_close(&e.model);
}

static void test_pinned_and_plain_ones_stay(void **data)
{
	(void)data;
	pinned_stay(SMALL);
	pinned_stay(LARGE);
}

/* Pinned from the start: else another thread's allocation could take it while it is being filled.
 */
static void test_evictable_one_is_made_with_a_pin(void **data)
{
	static struct evictions e;
	struct heap_span span;
	uint64_t id[2];

	(void)data;
	start(&e, MODEL_MIB);
	assert_int_equal(heap_alloc(e.model.heap, SMALL, HEAP_EVICTABLE, &id[0], &span), 0);
	assert_int_equal(heap_alloc(e.model.heap, LARGE, HEAP_EVICTABLE, &id[1], &span), 0);
	heap_evict(e.model.heap, 0);
	assert_int_equal(e.count, 0);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(heap_unpin(e.model.heap, id[i]), 0);
		assert_int_equal(heap_unpin(e.model.heap, id[i]), UW_STALE);
		assert_int_equal(heap_free(e.model.heap, id[i]), 0);
	}
	heap_evict(e.model.heap, 0);
	assert_int_equal(e.count, 0);
	model_close(&e.model);
}

static void freed_while_pinned(uint64_t bytes, uint32_t flags)
{
	struct heap_model model;
	struct heap_span span, other;
	uint64_t id, next;

	model_open(&model, MODEL_MIB, 1, 1);
	assert_int_equal(heap_alloc(model.heap, bytes, flags, &id, &span), 0);
	assert_int_equal(heap_pin(model.heap, id, &span), 0);
	if (!(flags & HEAP_EVICTABLE))
		assert_int_equal(heap_pin(model.heap, id, &span), 0);
	assert_int_equal(heap_free(model.heap, id), 0);
	assert_int_equal(heap_free(model.heap, id), UW_STALE);
	assert_int_equal(heap_get(model.heap, id, &span), UW_STALE);
	assert_int_equal(heap_pin(model.heap, id, &span), UW_STALE);
	assert_int_equal(model_stats(&model).zombie_bytes, span.bytes);
	heap_evict(model.heap, 0);
	while (!heap_alloc(model.heap, bytes, 0, &next, &other))
		assert_int_not_equal(other.offset, span.offset);
	assert_int_equal(heap_unpin(model.heap, id), 0);
	assert_int_equal(model_stats(&model).zombie_bytes, span.bytes);
	assert_int_equal(heap_unpin(model.heap, id), 0);
	assert_int_equal(heap_unpin(model.heap, id), UW_STALE);
	assert_int_equal(model_stats(&model).zombie_bytes, 0);
	assert_int_equal(heap_alloc(model.heap, bytes, 0, &next, &other), 0);
	assert_int_equal(other.offset, span.offset);
	model_close(&model);
}

static void test_freed_while_pinned_is_kept_until_the_last_unpin(void **data)
{
	(void)data;
	freed_while_pinned(SMALL, 0);
	freed_while_pinned(LARGE, 0);
	freed_while_pinned(SMALL, HEAP_EVICTABLE);
	freed_while_pinned(LARGE, HEAP_EVICTABLE);
}

static void test_pins_of_a_small_one_are_counted_to_their_end(void **data)
{
	static const uint32_t kinds[] = {0, HEAP_EVICTABLE};

	(void)data;
	for (uint32_t k = 0; k < 2; k++) {
		struct heap_model model;
		struct heap_span span;
		uint64_t id;

		model_open(&model, MODEL_MIB, 1, 1);
		assert_int_equal(heap_alloc(model.heap, SMALL, kinds[k], &id, &span), 0);
		for (uint32_t i = k; i < 1023; i++)
			assert_int_equal(heap_pin(model.heap, id, &span), 0);
		assert_int_equal(heap_pin(model.heap, id, &span), -EOVERFLOW);
		for (uint32_t i = 0; i < 1023; i++)
			assert_int_equal(heap_unpin(model.heap, id), 0);
		assert_int_equal(heap_unpin(model.heap, id), UW_STALE);
		assert_int_equal(heap_free(model.heap, id), 0);
		model_close(&model);
	}
}

static void allocate_inside(void *data, uint64_t id, uint64_t tag, const struct heap_span *span)
{
	struct evictions *e = data;
	struct heap_span other;

	(void)span, (void)tag;
	e->count++;
	e->nested = heap_alloc(e->model.heap, LARGE, 0, &id, &other);
}

/* The callback may call; what it allocates evicts nothing more. */
static void test_callback_that_allocates_evicts_nothing(void **data)
{
	static struct evictions e;
	uint64_t id;

	(void)data;
	start(&e, MODEL_MIB);
	heap_on_evict(e.model.heap, allocate_inside, &e);
	while (!e.count)
		assert_int_equal(cache_in(&e, LARGE, &id), 0);
	assert_int_equal(e.nested, UW_FULL);
	assert_int_equal(e.count, 1);
	model_close(&e.model);
}

static void test_all_pinned_is_full(void **data)
{
	static struct evictions e;
	struct heap_span span;
	uint64_t id;
	int rc;

	(void)data;
	start(&e, MODEL_MIB);
	while (!(rc = heap_alloc(e.model.heap, LARGE, HEAP_EVICTABLE, &id, &span)))
		;
	assert_int_equal(rc, UW_FULL);
	assert_int_equal(e.count, 0);
	model_close(&e.model);
}

/* A large one where there are only small ones: these go until a run is free. */
static void test_small_ones_make_room_for_a_large_one(void **data)
{
	static struct evictions e;
	struct heap_span span;
	uint64_t id;

	(void)data;
	start(&e, MODEL_MIB);
	while (!e.count)
		assert_int_equal(cache_in(&e, SMALL, &id), 0);
	assert_int_equal(heap_alloc(e.model.heap, MODEL_MIB / 2, 0, &id, &span), 0);
	model_close(&e.model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_least_recently_used_goes_first),
		cmocka_unit_test(test_pinned_and_plain_ones_stay),
		cmocka_unit_test(test_evictable_one_is_made_with_a_pin),
		cmocka_unit_test(test_freed_while_pinned_is_kept_until_the_last_unpin),
		cmocka_unit_test(test_pins_of_a_small_one_are_counted_to_their_end),
		cmocka_unit_test(test_callback_that_allocates_evicts_nothing),
		cmocka_unit_test(test_all_pinned_is_full),
		cmocka_unit_test(test_small_ones_make_room_for_a_large_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
