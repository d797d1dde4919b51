// SPDX-License-Identifier: GPL-2.0-or-later
/* A heap of which most is free, and that is called seldom. */
#include "tests/unit/heap_fixture.h"

#include <unistd.h>

#include "user/lib/heap/inside.h"

#define COARSE_US 10000 /* a step of CLOCK_MONOTONIC_COARSE at 100 Hz */

/* What is there goes by blocks of a MiB, none of them beside another. */
static void free_half(struct heap_model *model)
{
	for (uint32_t i = 0; i < 32; i++)
		assert_int_equal(model_alloc(model, i, MODEL_MIB - 4096, 0), 0);
	for (uint32_t i = 0; i < 32; i += 2)
		model_free(model, i);
}

/* Some two MiB each time: what the pause before has earned, and no block that is freed has any. */
static void free_calmly(struct heap_model *model, uint64_t bytes, uint32_t turns)
{
	struct heap_stats stats;

	for (uint32_t i = 0; i < turns; i++) {
		uint64_t id;
		struct heap_span span;

		assert_int_equal(heap_alloc(model->heap, bytes, 0, &id, &span), 0);
		usleep(2 * COARSE_US + 2000000 / 96);
		assert_int_equal(heap_free(model->heap, id), 0);
	}
	heap_get_stats(model->heap, &stats);
	assert_int_equal(model_there(model), stats.committed_bytes);
	assert_true(stats.committed_bytes <= stats.used_bytes * 11 / 10 + MODEL_MIB + 65536);
}

static void test_calm_heap_comes_down_to_a_tenth(void **data)
{
	struct heap_model model;

	(void)data;
	model_open(&model, 32 * MODEL_MIB, 32, 1);
	free_half(&model);
	free_calmly(&model, 16384, 12);
	for (uint32_t i = 1; i < 32; i += 2)
		model_free(&model, i);
	free_calmly(&model, 16384, 12);
	model_free_all(&model);
	model_close(&model);
}

/* More than stay at the thread's hand. */
static void test_calm_heap_of_small_ones_comes_down_too(void **data)
{
	uint64_t id[160], spare_us = 2 * COARSE_US + 2000000 / 96;
	struct heap_model model;
	struct heap_span span;
	struct heap_stats stats;

	(void)data;
	model_open(&model, 32 * MODEL_MIB, 32, 1);
	free_half(&model);
	for (uint32_t turn = 0; turn < 12; turn++) {
		for (uint32_t i = 0; i < 160; i++)
			assert_int_equal(heap_alloc(model.heap, 64, 0, &id[i], &span), 0);
		usleep((useconds_t)spare_us);
		for (uint32_t i = 0; i < 160; i++)
			assert_int_equal(heap_free(model.heap, id[i]), 0);
	}
	heap_get_stats(model.heap, &stats);
	assert_true(stats.committed_bytes <= stats.used_bytes * 11 / 10 + 2 * MODEL_MIB);
	model_free_all(&model);
	model_close(&model);
}

/* Blocks of 80 KiB that have nothing left, and small ones that are there and give nothing: they are
 * not gone through at each free, but as often as time buys it. */
static void test_what_cannot_be_given_back_is_not_looked_for_at_each_free(void **data)
{
	uint64_t large[100], small[100], kept[200], id;
	struct heap_model model;
	struct heap_span span;

	(void)data;
	model_open(&model, 32 * MODEL_MIB, 1, 1);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(heap_alloc(model.heap, 80 << 10, 0, &large[i], &span), 0);
		assert_int_equal(heap_alloc(model.heap, 16384, 0, &kept[i], &span), 0);
		assert_int_equal(heap_alloc(model.heap, 48 << 10, 0, &small[i], &span), 0);
		assert_int_equal(heap_alloc(model.heap, 16384, 0, &kept[100 + i], &span), 0);
	}
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(heap_free(model.heap, small[i]), 0);
		assert_int_equal(heap_free(model.heap, large[i]), 0);
	}
	for (uint32_t turn = 0; turn < 12; turn++) {
		assert_int_equal(heap_alloc(model.heap, 16384, 0, &id, &span), 0);
		usleep(2 * COARSE_US + 2000000 / 96);
		assert_int_equal(heap_free(model.heap, id), 0);
	}
	assert_true(model.heap->pages.committed_bytes > model.heap->end - model.heap->from -
								model.heap->tlsf.free_bytes +
								2 * MODEL_MIB);
	assert_true(model.heap->purge.bytes < 65536);
	for (uint32_t i = 0; i < 200; i++)
		assert_int_equal(heap_free(model.heap, kept[i]), 0);
	model_close(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_cannot_be_given_back_is_not_looked_for_at_each_free),
		cmocka_unit_test(test_calm_heap_comes_down_to_a_tenth),
		cmocka_unit_test(test_calm_heap_of_small_ones_comes_down_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
