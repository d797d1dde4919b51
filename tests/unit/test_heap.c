// SPDX-License-Identifier: GPL-2.0-or-later
/* The allocator of pools: random sequences against a model of who owns which bytes, threads, fork.
 */
#include "tests/unit/heap_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/lib/heap/classes.h"

#define SEEDS 3U

static void test_classes_are_an_eighth_apart_at_most(void **data)
{
	uint32_t last = 0;

	(void)data;
	for (uint32_t bytes = 1; bytes <= CLASS_BYTES_MAX; bytes++) {
		uint32_t class = class_of(bytes), room = class_bytes(class);

		assert_true(class < CLASS_COUNT);
		assert_true(class == last || class == last + 1);
		assert_true(room >= bytes);
		assert_true(room <= bytes + bytes / 8 + 15);
		if (bytes % 64 == 0)
			assert_int_equal(room % 64, 0);
		last = class;
	}
	assert_int_equal(last, CLASS_COUNT - 1);
}

/* One free block, and nothing there, as in the beginning. */
static void empty_again(const struct heap_model *model)
{
	struct heap_stats stats;

	heap_trim(model->heap);
	stats = model_stats(model);
	assert_int_equal(stats.used_bytes, 0);
	assert_int_equal(stats.zombie_bytes, 0);
	assert_int_equal(stats.evictable_bytes, 0);
	assert_int_equal(stats.free_bytes, stats.bytes);
	assert_int_equal(stats.largest_bytes, stats.bytes);
	assert_int_equal(stats.allocations, stats.frees);
	assert_int_equal(stats.committed_bytes, 0);
	assert_int_equal(model_there(model), 0);
}

struct load {
	uint64_t bytes;
	uint32_t count, log_min, log_max;
};

static void check_figures(const struct heap_model *model)
{
	struct heap_stats stats = model_stats(model);
	uint64_t used = 0;

	for (uint32_t i = 0; i < model->count; i++)
		used += model->allocation[i].id ? model->allocation[i].span.bytes : 0;
	assert_int_equal(stats.used_bytes, used);
	assert_int_equal(stats.committed_bytes, model_there(model));
	assert_true(stats.largest_bytes <= stats.free_bytes);
}

static void run_load(const struct load *load, uint64_t seed)
{
	struct heap_model model;

	model_open(&model, load->bytes, load->count, seed);
	for (uint32_t i = 0; i < 4000; i++) {
		uint32_t at = (uint32_t)roll(&model.random, load->count);
		uint32_t flags = roll(&model.random, 4) ? 0 : HEAP_ALIGN_64;

		if (model.allocation[at].id)
			model_free(&model, at);
		else
			assert_in_range(
				model_alloc(&model, at,
					    model_size(&model, load->log_min, load->log_max),
					    flags),
				0, UW_FULL);
		if (i % 500 == 0)
			heap_trim(model.heap);
		if (i % 400 == 0)
			check_figures(&model);
	}
	model_free_all(&model);
	empty_again(&model);
	model_close(&model);
}

static void test_random_loads_never_overlap_and_leave_nothing(void **data)
{
	static const struct load loads[] = {
		{64 * MODEL_MIB, 400, 4, 22},  /* mixed */
		{16 * MODEL_MIB, 4000, 4, 12}, /* small */
		{8 * MODEL_MIB, 300, 10, 20},  /* full all the time */
		{128 * MODEL_KIB, 200, 4, 13}, /* less than a chunk */
		{64 * MODEL_KIB, 100, 4, 9},   /* one slab */
	};

	(void)data;
	for (uint32_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
		for (uint64_t seed = 1; seed <= SEEDS; seed++)
			run_load(&loads[i], seed);
}

/* ---- limits ---- */

static void test_all_of_a_heap_can_be_had_and_no_more(void **data)
{
	struct heap_model model;

	(void)data;
	model_open(&model, 4 * MODEL_MIB, 3, 1);
	assert_int_equal(model_alloc(&model, 0, 4 * MODEL_MIB, 0), 0);
	assert_int_equal(model_alloc(&model, 1, 1, 0), UW_FULL);
	assert_int_equal(model_alloc(&model, 1, 4 * MODEL_MIB + 1, 0), UW_FULL);
	assert_int_equal(model_alloc(&model, 1, UINT64_MAX, HEAP_ALIGN_64), UW_FULL);
	assert_int_equal(model_alloc(&model, 1, 0, 0), -EINVAL);
	assert_int_equal(model_alloc(&model, 1, 1, 1U << 7), -EINVAL);
	model_free_all(&model);
	empty_again(&model);
	model_close(&model);
}

/* What was kept for small ones must not stand in the way of a large one. */
static void test_empty_slabs_make_room_for_a_large_one(void **data)
{
	struct heap_model model;
	uint32_t count = 0;

	(void)data;
	model_open(&model, 4 * MODEL_MIB, 5000, 1);
	while (!model_alloc(&model, count, 1000, 0))
		count++;
	assert_in_range(count, 3700, 4100);
	model_free_all(&model);
	assert_int_equal(model_alloc(&model, 0, 4 * MODEL_MIB, 0), 0);
	model_free_all(&model);
	empty_again(&model);
	model_close(&model);
}

static void test_heap_needs_room_and_a_place(void **data)
{
	struct segment *segment = NULL;
	struct heap *heap = NULL;

	(void)data;
	assert_int_equal(segment_create(NULL, NULL, "test", MODEL_MIB, &segment), 0);
	assert_int_equal(heap_new(segment, 4096, &heap), -EINVAL);
	assert_int_equal(heap_new(segment, MODEL_MIB, &heap), -EINVAL);
	assert_null(heap);
	segment_close(segment);
	heap_free_all(NULL);
}

/* ---- ids ---- */

static void test_ids_of_nothing_are_stale(void **data)
{
	struct heap_model model, other;
	struct heap_span span;

	(void)data;
	model_open(&model, MODEL_MIB * 4, 64, 1);
	model_open(&other, MODEL_MIB * 4, 64, 2);
	for (uint32_t i = 0; i < 64; i++)
		assert_int_equal(model_alloc(&model, i, i % 2 ? 40000 : 100, 0), 0);
	for (uint32_t i = 0; i < 64; i++) {
		uint64_t id = model.allocation[i].id;

		assert_int_equal(heap_free(other.heap, id), UW_STALE);
		/* a unit within an allocation, and another generation */
		assert_int_equal(heap_get(model.heap, id + (i % 2 ? 1000 : 1), &span), UW_STALE);
		assert_int_equal(heap_get(model.heap, id + (1ULL << 41), &span), UW_STALE);
		assert_int_equal(heap_get(model.heap, id ^ 1ULL << 63, &span), UW_STALE);
	}
	for (uint32_t i = 0; i < 100000; i++) {
		uint64_t id = roll(&model.random, UINT64_MAX);

		assert_int_equal(heap_get(model.heap, id, &span), UW_STALE);
	}
	assert_int_equal(heap_free(model.heap, 0), UW_STALE);
	assert_int_equal(heap_free(model.heap, UINT64_MAX), UW_STALE);
	model_free_all(&model);
	model_close(&model);
	model_close(&other);
}

/* Also when a slab became one of another class in between. */
static void test_id_stays_stale_when_its_place_is_used_again(void **data)
{
	struct heap_model model;
	uint64_t old[256];

	(void)data;
	model_open(&model, MODEL_MIB, 256, 1);
	for (uint32_t round = 0; round < 50; round++) {
		for (uint32_t i = 0; i < 256; i++) {
			assert_int_equal(model_alloc(&model, i, 64 + 64 * (round % 20), 0), 0);
			old[i] = model.allocation[i].id;
		}
		model_free_all(&model);
		if (round % 2)
			heap_trim(model.heap);
		for (uint32_t i = 0; i < 256; i++)
			assert_int_equal(model_alloc(&model, i, 2000 - 16 * round, 0), 0);
		for (uint32_t i = 0; i < 256; i++)
			assert_int_equal(heap_free(model.heap, old[i]), UW_STALE);
		model_free_all(&model);
	}
	model_close(&model);
}

/* ---- places ---- */

/* Of two free blocks whose sizes differ by less than a sixty-fourth, whichever was freed last. All
 * pages are there. */
static void smaller_of_two_is_taken(bool smaller_first)
{
	struct heap_model model;
	uint64_t offset;

	model_open(&model, 8 * MODEL_MIB, 5, 1);
	assert_int_equal(heap_keep_all(model.heap), 0);
	assert_int_equal(model_alloc(&model, 0, 1000000, 0), 0);
	assert_int_equal(model_alloc(&model, 1, 65536, 0), 0);
	assert_int_equal(model_alloc(&model, 2, 1003000, 0), 0);
	assert_int_equal(model_alloc(&model, 3, 65536, 0), 0);
	offset = model.allocation[0].span.offset;
	model_free(&model, smaller_first ? 0 : 2);
	model_free(&model, smaller_first ? 2 : 0);
	assert_int_equal(model_alloc(&model, 4, 990000, 0), 0);
	assert_int_equal(model.allocation[4].span.offset, offset);
	model_free_all(&model);
	heap_keep_less(model.heap);
	empty_again(&model);
	model_close(&model);
}

static void test_smallest_of_those_that_fit_is_taken(void **data)
{
	(void)data;
	smaller_of_two_is_taken(true);
	smaller_of_two_is_taken(false);
}

/* The smaller one fits better, and has no pages any more. */
static void test_block_with_pages_is_taken_before_a_smaller_one(void **data)
{
	struct heap_model model;
	uint64_t offset;

	(void)data;
	model_open(&model, 8 * MODEL_MIB, 5, 1);
	assert_int_equal(model_alloc(&model, 0, 600000, 0), 0);
	assert_int_equal(model_alloc(&model, 1, 65536, 0), 0);
	assert_int_equal(model_alloc(&model, 2, 700000, 0), 0);
	assert_int_equal(model_alloc(&model, 3, 65536, 0), 0);
	offset = model.allocation[2].span.offset;
	model_free(&model, 0);
	assert_true(heap_trim(model.heap) > 0);
	model_free(&model, 2);
	assert_int_equal(model_alloc(&model, 4, 590000, 0), 0);
	assert_int_equal(model.allocation[4].span.offset, offset);
	model_free_all(&model);
	empty_again(&model);
	model_close(&model);
}

/* ---- pages that nobody uses ---- */

#define COARSE_US 10000 /* a step of CLOCK_MONOTONIC_COARSE at 100 Hz */

static struct heap_stats free_half(struct heap_model *model)
{
	struct heap_stats stats;

	for (uint32_t i = 0; i < 32; i++)
		assert_int_equal(model_alloc(model, i, MODEL_MIB - 4096, 0), 0);
	for (uint32_t i = 0; i < 32; i += 2)
		model_free(model, i);
	heap_get_stats(model->heap, &stats);
	return stats;
}

/* 2 MiB at once, and more with time: not all that is free. */
static void test_pages_beyond_a_tenth_go_unasked(void **data)
{
	struct heap_model model;
	struct heap_stats stats;
	uint64_t spare = 16 * (MODEL_MIB - 4096) / 10, began_us, most;

	(void)data;
	model_open(&model, 32 * MODEL_MIB, 32, 1);
	began_us = clock_now_us();
	stats = free_half(&model);
	most = 2 * MODEL_MIB + 96 * (clock_now_us() - began_us + COARSE_US);
	assert_in_range(stats.trimmed_bytes, 2 * MODEL_MIB, most);
	assert_true(stats.committed_bytes >= stats.used_bytes + spare);
	assert_int_equal(model_there(&model), stats.committed_bytes);
	model_free_all(&model);
	model_close(&model);
}

static void test_pages_that_are_kept_do_not_go(void **data)
{
	struct heap_model model;

	(void)data;
	model_open(&model, 32 * MODEL_MIB, 32, 1);
	assert_int_equal(heap_keep_all(model.heap), 0);
	assert_int_equal(free_half(&model).trimmed_bytes, 0);
	assert_int_equal(model_there(&model), 32 * MODEL_MIB);
	model_free_all(&model);
	model_close(&model);
}

/* ---- trim ---- */

static void test_trim_gives_back_what_lies_between(void **data)
{
	struct heap_model model;
	struct heap_stats stats;
	uint64_t before, given;

	(void)data;
	model_open(&model, 32 * MODEL_MIB, 32, 1);
	free_half(&model);
	before = model_there(&model);
	given = heap_trim(model.heap);
	assert_int_equal(model_there(&model), before - given);
	heap_get_stats(model.heap, &stats);
	assert_true(given > 0);
	assert_true(stats.trimmed_bytes >= 16 * (MODEL_MIB - 3 * 4096));
	assert_int_equal(heap_trim(model.heap), 0);
	check_figures(&model);
	for (uint32_t i = 0; i < 32; i += 2)
		assert_int_equal(model_alloc(&model, i, MODEL_MIB - 4096, 0), 0);
	model_free_all(&model);
	model_close(&model);
}

/* ---- threads ---- */

struct worker {
	struct heap *heap;
	struct random random;
	_Atomic uint64_t *shared; /* ids that anybody may free */
	_Atomic int *failed;
};

#define SHARED 64U

/* Its own word at both ends; and ids that threads take from each other, sometimes twice. */
static void *work(void *data)
{
	struct worker *worker = data;
	struct heap_span span;

	for (uint32_t i = 0; i < 30000; i++) {
		uint32_t at = (uint32_t)roll(&worker->random, SHARED);
		uint64_t bytes = 16ULL << roll(&worker->random, i % 16 ? 9 : 14), id, old;

		if (heap_alloc(worker->heap, bytes, 0, &id, &span))
			continue;
		memcpy(span.memory, &id, 8);
		memcpy((uint8_t *)span.memory + span.bytes - 8, &id, 8);
		old = atomic_exchange(&worker->shared[at], id);
		if (!old || heap_pin(worker->heap, old, &span))
			continue;
		if (memcmp(span.memory, &old, 8) ||
		    memcmp((uint8_t *)span.memory + span.bytes - 8, &old, 8))
			*worker->failed = 1;
		if (heap_free(worker->heap, old) || heap_free(worker->heap, old) != UW_STALE ||
		    heap_unpin(worker->heap, old) || heap_unpin(worker->heap, old) != UW_STALE)
			*worker->failed = 2;
	}
	return NULL;
}

static void test_threads_free_what_others_allocated(void **data)
{
	static _Atomic uint64_t shared[SHARED];
	struct worker worker[4];
	pthread_t thread[4];
	struct heap_model model;
	_Atomic int failed = 0;

	(void)data;
	model_open(&model, 64 * MODEL_MIB, 1, 1);
	for (uint32_t i = 0; i < 4; i++) {
		worker[i] = (struct worker){model.heap, {i + 1}, shared, &failed};
		assert_int_equal(pthread_create(&thread[i], NULL, work, &worker[i]), 0);
	}
	for (uint32_t i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(failed, 0);
	for (uint32_t i = 0; i < SHARED; i++)
		assert_int_equal(heap_free(model.heap, shared[i]), 0);
	empty_again(&model);
	model_close(&model);
}

/* Two threads free every id: exactly one is told that it did. */
struct racer {
	struct heap *heap;
	const uint64_t *id;
	pthread_barrier_t *start;
	uint32_t freed;
};

#define RACED 20000U

static void *race(void *data)
{
	struct racer *racer = data;

	pthread_barrier_wait(racer->start);
	for (uint32_t i = 0; i < RACED; i++)
		racer->freed += heap_free(racer->heap, racer->id[i]) == 0;
	return NULL;
}

static void test_double_free_by_two_threads_frees_once(void **data)
{
	static uint64_t id[RACED];
	struct racer racer[2];
	pthread_t thread[2];
	pthread_barrier_t start;
	struct heap_model model;
	struct heap_span span;

	(void)data;
	model_open(&model, 64 * MODEL_MIB, 1, 1);
	pthread_barrier_init(&start, NULL, 2);
	for (uint32_t i = 0; i < RACED; i++)
		assert_int_equal(heap_alloc(model.heap, i % 50 ? 64 : 9000, 0, &id[i], &span), 0);
	for (uint32_t i = 0; i < 2; i++) {
		racer[i] = (struct racer){model.heap, id, &start, 0};
		pthread_create(&thread[i], NULL, race, &racer[i]);
	}
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);
	assert_int_equal(racer[0].freed + racer[1].freed, RACED);
	empty_again(&model);
	pthread_barrier_destroy(&start);
	model_close(&model);
}

static void *use_and_end(void *data)
{
	struct heap_span span;
	uint64_t id;

	for (uint32_t i = 0; i < 100; i++)
		if (heap_alloc(data, 16 + i * 50, 0, &id, &span) || heap_free(data, id))
			return data;
	return NULL;
}

/* What it kept at hand does not stay with it, nor does a heap that ended before it. */
static void test_thread_that_ends_gives_back_what_it_kept(void **data)
{
	struct heap_model model;
	pthread_t thread;
	void *failed = NULL;

	(void)data;
	for (uint32_t i = 0; i < 20; i++) {
		model_open(&model, 16 * MODEL_MIB, 1, 1);
		assert_int_equal(pthread_create(&thread, NULL, use_and_end, model.heap), 0);
		pthread_join(thread, &failed);
		assert_null(failed);
		assert_null(use_and_end(model.heap));
		assert_int_equal(model_stats(&model).allocations, 200);
		empty_again(&model);
		model_close(&model);
	}
}

/* ---- fork ---- */

static void in_child(struct heap_model *model)
{
	struct heap_span span;
	uint64_t id = model->allocation[0].id, other;

	if (heap_alloc(model->heap, 100, 0, &other, &span) != -ECHILD ||
	    heap_free(model->heap, id) != -ECHILD || heap_get(model->heap, id, &span) != -ECHILD ||
	    heap_pin(model->heap, id, &span) != -ECHILD || heap_unpin(model->heap, id) != -ECHILD ||
	    heap_trim(model->heap) || !heap_is_forked(model->heap))
		_exit(1);
	model_close(model);
	_exit(0);
}

static void test_child_is_refused_and_harms_nothing(void **data)
{
	struct heap_model model;
	int status = -1;
	pid_t child;

	(void)data;
	model_open(&model, MODEL_MIB, 2, 1);
	assert_int_equal(model_alloc(&model, 0, 100, 0), 0);
	assert_int_equal(model_alloc(&model, 1, 20000, 0), 0);
	child = fork();
	if (!child)
		in_child(&model);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	model_free_all(&model);
	empty_again(&model);
	model_close(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes_are_an_eighth_apart_at_most),
		cmocka_unit_test(test_random_loads_never_overlap_and_leave_nothing),
		cmocka_unit_test(test_all_of_a_heap_can_be_had_and_no_more),
		cmocka_unit_test(test_empty_slabs_make_room_for_a_large_one),
		cmocka_unit_test(test_heap_needs_room_and_a_place),
		cmocka_unit_test(test_ids_of_nothing_are_stale),
		cmocka_unit_test(test_id_stays_stale_when_its_place_is_used_again),
		cmocka_unit_test(test_smallest_of_those_that_fit_is_taken),
		cmocka_unit_test(test_block_with_pages_is_taken_before_a_smaller_one),
		cmocka_unit_test(test_pages_beyond_a_tenth_go_unasked),
		cmocka_unit_test(test_pages_that_are_kept_do_not_go),
		cmocka_unit_test(test_trim_gives_back_what_lies_between),
		cmocka_unit_test(test_threads_free_what_others_allocated),
		cmocka_unit_test(test_double_free_by_two_threads_frees_once),
		cmocka_unit_test(test_thread_that_ends_gives_back_what_it_kept),
		cmocka_unit_test(test_child_is_refused_and_harms_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
