// SPDX-License-Identifier: GPL-2.0-or-later
/* Pools of objects: got and put, in one thread and many, twice, by others, at the end of a thread
 * and across fork. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/lib/objects/inside.h"
#include "user/lib/uw.h"

static struct uw_objects *make(uint32_t max, uint64_t bytes)
{
	struct uw_objects_options options = {
		.size = sizeof(options), .max = max, .object_bytes = bytes};
	struct uw_objects *pool = NULL;

	assert_int_equal(uw_objects_new(&options, &pool), 0);
	return pool;
}

static uint64_t use_of(const struct uw_object *object)
{
	return (uint64_t)object->generation << 32 | object->index;
}

static struct uw_objects_stats stats_of(struct uw_objects *pool)
{
	struct uw_objects_stats stats = {.size = sizeof(stats)};

	assert_int_equal(uw_objects_stats(pool, &stats), 0);
	return stats;
}

static void test_objects_are_distinct_zero_and_aligned(void **data)
{
	static const uint64_t sizes[] = {1, 16, 40, 64, 100, 5000};

	(void)data;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct uw_objects *pool = make(1000, sizes[i]);
		struct uw_object object[1000];

		for (int at = 0; at < 1000; at++) {
			assert_int_equal(uw_objects_get(pool, &object[at]), 0);
			assert_int_equal((uintptr_t)object[at].bytes % (sizes[i] < 64 ? 16 : 64),
					 0);
			for (uint64_t byte = 0; byte < sizes[i]; byte++)
				assert_int_equal(((uint8_t *)object[at].bytes)[byte], 0);
			memset(object[at].bytes, 1 + at % 255, sizes[i]);
		}
		for (int at = 0; at < 1000; at++) {
			assert_int_equal(((uint8_t *)object[at].bytes)[sizes[i] - 1], 1 + at % 255);
			assert_int_equal(uw_objects_put(pool, &object[at]), 0);
		}
		uw_objects_free(pool);
	}
	uw_objects_free(NULL);
}

static void test_no_more_than_max_are_in_use(void **data)
{
	static const uint32_t sizes[] = {1, 7, 8, 100, 1000};

	(void)data;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct uw_objects *pool = make(sizes[i], 8);
		struct uw_object object[1000], more;

		for (int round = 0; round < 3; round++) {
			for (uint32_t at = 0; at < sizes[i]; at++)
				assert_int_equal(uw_objects_get(pool, &object[at]), 0);
			assert_int_equal(uw_objects_get(pool, &more), -EAGAIN);
			assert_int_equal(stats_of(pool).in_use, sizes[i]);
			for (uint32_t at = 0; at < sizes[i]; at++)
				assert_int_equal(uw_objects_put(pool, &object[at]), 0);
			assert_int_equal(stats_of(pool).in_use, 0);
			assert_in_range(stats_of(pool).at_hand, 0, sizes[i] / 4);
		}
		uw_objects_free(pool);
	}
}

static void test_second_put_is_stale_even_when_it_is_in_use_again(void **data)
{
	struct uw_objects *pool = make(100, 8);
	struct uw_object first, again;

	(void)data;
	assert_int_equal(uw_objects_get(pool, &first), 0);
	assert_int_equal(uw_objects_put(pool, &first), 0);
	assert_int_equal(uw_objects_put(pool, &first), UW_STALE);
	assert_int_equal(uw_objects_get(pool, &again), 0);
	assert_ptr_equal(again.bytes, first.bytes); /* the last one first */
	assert_int_equal(uw_objects_put(pool, &first), UW_STALE);
	assert_int_equal(uw_objects_put(pool, &again), 0);
	uw_objects_free(pool);
}

static void test_what_is_not_of_the_pool_is_refused(void **data)
{
	struct uw_objects *pool = make(100, 8);
	struct uw_object object, wrong;

	(void)data;
	assert_int_equal(uw_objects_get(pool, &object), 0);
	wrong = object;
	wrong.index = 100;
	assert_int_equal(uw_objects_put(pool, &wrong), -EINVAL);
	wrong.index = 50;
	assert_int_equal(uw_objects_put(pool, &wrong), -EINVAL);
	wrong = object;
	wrong.bytes = &wrong;
	assert_int_equal(uw_objects_put(pool, &wrong), -EINVAL);
	wrong = object;
	wrong.generation++;
	assert_int_equal(uw_objects_put(pool, &wrong), -EINVAL);
	wrong = (struct uw_object){.index = 7, .generation = 1};
	assert_int_equal(uw_objects_put(pool, &wrong), -EINVAL);
	wrong = (struct uw_object){NULL, 0, 0};
	assert_int_equal(uw_objects_put(pool, &wrong), -EINVAL);
	wrong = (struct uw_object){.index = 1U << 31};
	assert_int_equal(uw_objects_put(pool, &wrong), -EINVAL);
	assert_int_equal(uw_objects_put(pool, &object), 0);
	uw_objects_free(pool);
}

static void *nothing(void *data)
{
	return data;
}

static void test_wrong_options_are_refused(void **data)
{
	static void (*const end)(void *data, void *object) = (void (*)(void *, void *))(void *)free;
	const struct uw_objects_options wrong[] = {
		{.size = 4, .max = 1, .object_bytes = 1},
		{.size = sizeof(wrong[0]), .object_bytes = 1},
		{.size = sizeof(wrong[0]), .max = (1U << 30) + 1, .object_bytes = 1},
		{.size = sizeof(wrong[0]), .max = 1},
		{.size = sizeof(wrong[0]), .max = 1, .object_bytes = 1, .create = nothing},
		{.size = sizeof(wrong[0]), .max = 1, .object_bytes = 1, .destroy = end},
		{.size = sizeof(wrong[0]), .max = 1, .object_bytes = 2ULL << 30},
	};

	(void)data;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct uw_objects *pool = NULL;

		assert_int_equal(uw_objects_new(&wrong[i], &pool), -EINVAL);
		assert_null(pool);
	}
}

/* ---- callbacks ---- */

struct factory {
	int created, destroyed, reset, limit;
};

static void *create(void *data)
{
	struct factory *factory = data;

	if (factory->created == factory->limit)
		return NULL;
	factory->created++;
	return calloc(1, 32);
}

static void destroy(void *data, void *object)
{
	((struct factory *)data)->destroyed++;
	free(object);
}

static void reset(void *data, void *object)
{
	((struct factory *)data)->reset++;
	memset(object, 0, 32);
}

static void test_callbacks_create_reset_and_destroy(void **data)
{
	struct factory factory = {.limit = 10};
	struct uw_objects_options options = {.size = sizeof(options),
					     .max = 20,
					     .create = create,
					     .destroy = destroy,
					     .reset = reset,
					     .data = &factory};
	struct uw_objects *pool = NULL;
	struct uw_object object[11];

	(void)data;
	assert_int_equal(uw_objects_new(&options, &pool), 0);
	assert_int_equal(factory.created, 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(uw_objects_get(pool, &object[i]), 0);
		memset(object[i].bytes, 'x', 32);
	}
	assert_int_equal(uw_objects_get(pool, &object[10]), -ENOMEM);
	assert_int_equal(uw_objects_put(pool, &object[3]), 0);
	assert_int_equal(uw_objects_put(pool, &object[3]), UW_STALE);
	assert_int_equal(factory.reset, 1);
	factory.limit = 11;
	assert_int_equal(uw_objects_get(pool, &object[3]), 0);
	assert_int_equal(*(char *)object[3].bytes, 0);
	assert_int_equal(uw_objects_get(pool, &object[10]), 0);
	assert_int_equal(factory.created, 11);
	for (int i = 0; i < 5; i++)
		assert_int_equal(uw_objects_put(pool, &object[i]), 0);
	uw_objects_free(pool);
	assert_int_equal(factory.destroyed, 11);
	assert_int_equal(factory.reset, 6);
}

/* ---- threads ---- */

#define ROUNDS 20000

struct shared {
	struct uw_objects *pool;
	_Atomic uint64_t stale, in_use;
	_Atomic bool bad;
	struct uw_object object[1024];
};

/* Each writes its own number into what it has: two that have one see it. */
static void *churn(void *data)
{
	struct shared *shared = data;
	struct uw_object object[150];
	unsigned seed = (unsigned)(uintptr_t)&object;
	int count = 0;

	for (int i = 0; i < ROUNDS; i++) {
		if (count < 150 && rand_r(&seed) % 2) {
			if (uw_objects_get(shared->pool, &object[count]))
				continue;
			*(uint64_t *)object[count].bytes = (uintptr_t)&object[count];
			count++;
		} else if (count) {
			int at = rand_r(&seed) % count;
			const uint64_t *is = object[at].bytes;

			if (*is != (uintptr_t)&object[at])
				atomic_store(&shared->bad, true);
			if (uw_objects_put(shared->pool, &object[at]))
				atomic_store(&shared->bad, true);
			object[at] = object[--count];
			if (at < count)
				*(uint64_t *)object[at].bytes = (uintptr_t)&object[at];
		}
	}
	while (count)
		if (uw_objects_put(shared->pool, &object[--count]))
			atomic_store(&shared->bad, true);
	return NULL;
}

static void run_threads(struct shared *shared, void *(*work)(void *), int count)
{
	pthread_t thread[8];

	for (int i = 0; i < count; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, work, shared), 0);
	for (int i = 0; i < count; i++)
		pthread_join(thread[i], NULL);
}

static void test_threads_share_no_object_and_give_all_back(void **data)
{
	struct shared shared = {.pool = make(700, 32)};
	struct uw_object object;

	(void)data;
	for (int round = 0; round < 5; round++) {
		run_threads(&shared, churn, 6);
		assert_false(shared.bad);
		assert_int_equal(stats_of(shared.pool).in_use, 0);
		assert_int_equal(stats_of(shared.pool).at_hand, 0);
		assert_int_equal(stats_of(shared.pool).free, stats_of(shared.pool).made);
	}
	for (int i = 0; i < 700; i++)
		assert_int_equal(uw_objects_get(shared.pool, &object), 0);
	uw_objects_free(shared.pool);
}

static void *put_all(void *data)
{
	struct shared *shared = data;

	for (int i = 0; i < 1024; i++)
		if (uw_objects_put(shared->pool, &shared->object[i]) == UW_STALE)
			atomic_fetch_add(&shared->stale, 1);
	return NULL;
}

/* Nobody gets what another one has, whoever put it as well. */
static void test_puts_of_many_threads_double_no_object(void **data)
{
	static struct shared shared;

	(void)data;
	shared = (struct shared){.pool = make(1024, 16)};
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 1024; i++) {
			assert_int_equal(uw_objects_get(shared.pool, &shared.object[i]), 0);
			*(int *)shared.object[i].bytes = i;
		}
		for (int i = 0; i < 1024; i++)
			assert_int_equal(*(int *)shared.object[i].bytes, i);
		run_threads(&shared, put_all, 4);
	}
	assert_true(shared.stale > 0);
	uw_objects_free(shared.pool);
}

static void test_a_thread_knows_many_pools(void **data)
{
	struct uw_objects *pool[40];
	struct uw_object object[40];

	(void)data;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 40; i++)
			pool[i] = make(600, 16);
		for (int use = 0; use < 100; use++)
			for (int i = 0; i < 40; i++) {
				assert_int_equal(uw_objects_get(pool[i], &object[i]), 0);
				if (use % 2)
					assert_int_equal(uw_objects_put(pool[i], &object[i]), 0);
			}
		for (int i = 0; i < 40; i++) {
			assert_int_equal(stats_of(pool[i]).in_use, 50);
			uw_objects_free(pool[i]);
		}
	}
}

/* A thread that uses one pool, and after its end another one, which may have its number. */
struct two_pools {
	struct uw_objects *pool;
	pthread_barrier_t turn;
	struct uw_object object[2];
};

static void *use_both(void *data)
{
	struct two_pools *two = data;

	for (int i = 0; i < 2; i++) {
		struct uw_object put;

		if (uw_objects_get(two->pool, &put) || uw_objects_put(two->pool, &put) ||
		    uw_objects_get(two->pool, &two->object[i]))
			two->object[i].bytes = NULL;
		if (uw_objects_get(two->pool, &put) || uw_objects_put(two->pool, &put))
			two->object[i].bytes = NULL;
		pthread_barrier_wait(&two->turn); /* used */
		pthread_barrier_wait(&two->turn); /* another one is there */
	}
	return NULL;
}

static void test_threads_have_nothing_of_a_pool_that_was_there_before(void **data)
{
	struct two_pools two = {.pool = make(600, 64)};
	pthread_t thread;

	(void)data;
	pthread_barrier_init(&two.turn, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, use_both, &two), 0);
	for (int i = 0; i < 2; i++) {
		pthread_barrier_wait(&two.turn);
		assert_non_null(two.object[i].bytes);
		assert_int_equal(stats_of(two.pool).in_use, 1);
		assert_int_equal(uw_objects_put(two.pool, &two.object[i]), 0);
		uw_objects_free(two.pool);
		two.pool = make(600, 64);
		pthread_barrier_wait(&two.turn);
	}
	pthread_join(thread, NULL);
	assert_int_equal(stats_of(two.pool).at_hand, 0);
	uw_objects_free(two.pool);
	pthread_barrier_destroy(&two.turn);
}

static pthread_key_t late_key;
static struct uw_objects *late_pool;
static _Atomic int late_rounds;

/* In the last round ThreadSanitizer has ended for the thread, and crashes in a lock. */
#ifdef __SANITIZE_THREAD__
#define LATE_ROUNDS PTHREAD_DESTRUCTOR_ITERATIONS
#else
#define LATE_ROUNDS 100
#endif

/* In each round of destructors that there is. */
static void use_late(void *data)
{
	struct uw_object object;

	if (!uw_objects_get(late_pool, &object) && !uw_objects_put(late_pool, &object))
		late_rounds++;
	if (late_rounds < LATE_ROUNDS)
		pthread_setspecific(late_key, data);
}

static void *use_early_and_late(void *data)
{
	pthread_setspecific(late_key, data);
	use_late(data);
	return NULL;
}

static void test_thread_that_ends_keeps_nothing_even_of_its_last_calls(void **data)
{
	pthread_t thread;

	(void)data;
	late_pool = make(600, 64);
	late_rounds = 0;
	assert_int_equal(pthread_key_create(&late_key, use_late), 0);
	assert_int_equal(pthread_create(&thread, NULL, use_early_and_late, &late_rounds), 0);
	pthread_join(thread, NULL);
	pthread_key_delete(late_key);
	assert_in_range(late_rounds, 2, 100);
	assert_int_equal(stats_of(late_pool).at_hand, 0);
	assert_int_equal(stats_of(late_pool).free, stats_of(late_pool).made);
	uw_objects_free(late_pool);
}

/* ---- fork ---- */

static _Atomic bool stops;

static void *churn_until_told(void *data)
{
	while (!stops)
		churn(data);
	return NULL;
}

/* All that is not in use can be got, each once, whatever the other threads were about. */
static bool has_all(struct uw_objects *pool, uint32_t in_use)
{
	struct uw_object object;
	uint32_t got = 0;

	while (uw_objects_get(pool, &object) == 0)
		if (++got > 2000 || (*(uint64_t *)object.bytes)++ == UINT64_MAX)
			return false;
	return got == 2000 - in_use;
}

static void test_child_finds_what_other_threads_had(void **data)
{
	struct shared shared = {.pool = make(2000, 16)};
	struct uw_object mine[10];
	pthread_t other[3];

	(void)data;
	stops = false;
	for (int i = 0; i < 10; i++)
		assert_int_equal(uw_objects_get(shared.pool, &mine[i]), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&other[i], NULL, churn_until_told, &shared), 0);
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();
		int status;

		if (!pid) {
			struct uw_objects_stats stats = stats_of(shared.pool);
			bool right = stats.at_hand == 0 && stats.in_use <= 10 + 3 * 150 &&
				     has_all(shared.pool, stats.in_use) &&
				     uw_objects_put(shared.pool, &mine[3]) == 0 &&
				     uw_objects_put(shared.pool, &mine[3]) == UW_STALE &&
				     uw_objects_get(shared.pool, &mine[4]) == 0 &&
				     mine[4].bytes == mine[3].bytes;

			_exit(right ? 0 : 1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	stops = true;
	for (int i = 0; i < 3; i++)
		pthread_join(other[i], NULL);
	assert_false(shared.bad);
	assert_int_equal(stats_of(shared.pool).in_use, 10);
	uw_objects_free(shared.pool);
}

/* As two puts at once leave it, and a get since: what is in use stands in the depot. */
static void test_one_that_is_there_twice_costs_no_other(void **data)
{
	static struct uw_object object[300];
	struct uw_objects *pool = make(300, 8);
	uint32_t at_hand;

	(void)data;
	for (int i = 0; i < 300; i++)
		assert_int_equal(uw_objects_get(pool, &object[i]), 0);
	for (int i = 1; i < 300; i++)
		assert_int_equal(uw_objects_put(pool, &object[i]), 0);
	at_hand = stats_of(pool).at_hand;
	for (uint32_t i = 1; i <= at_hand; i++)
		assert_int_equal(uw_objects_get(pool, &object[i]), 0);
	objects_give(pool, use_of(&object[0]) - UW_OBJECTS_TURN);
	for (uint32_t i = at_hand + 1; i < 300; i++)
		assert_int_equal(uw_objects_get(pool, &object[i]), 0);
	assert_int_equal(stats_of(pool).in_use, 300);
	uw_objects_free(pool);
}

/* Each was put twice at once and got since: the depot is full of what is in use. */
static void test_depot_full_of_twins_loses_no_object(void **data)
{
	static struct uw_object object[300];
	struct uw_objects *pool = make(300, 8);

	(void)data;
	for (int i = 0; i < 300; i++)
		assert_int_equal(uw_objects_get(pool, &object[i]), 0);
	for (int i = 0; i < 300; i++)
		objects_give(pool, use_of(&object[i]) - UW_OBJECTS_TURN);
	for (int i = 0; i < 300; i++)
		assert_int_equal(uw_objects_put(pool, &object[i]), 0);
	for (int i = 0; i < 300; i++)
		objects_give(pool, use_of(&object[i]) + UW_OBJECTS_TURN);
	for (int i = 0; i < 300; i++)
		assert_int_equal(uw_objects_get(pool, &object[i]), 0);
	assert_int_equal(stats_of(pool).in_use, 300);
	assert_int_equal(uw_objects_get(pool, &object[0]), -EAGAIN);
	uw_objects_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_objects_are_distinct_zero_and_aligned),
		cmocka_unit_test(test_no_more_than_max_are_in_use),
		cmocka_unit_test(test_second_put_is_stale_even_when_it_is_in_use_again),
		cmocka_unit_test(test_what_is_not_of_the_pool_is_refused),
		cmocka_unit_test(test_wrong_options_are_refused),
		cmocka_unit_test(test_callbacks_create_reset_and_destroy),
		cmocka_unit_test(test_threads_share_no_object_and_give_all_back),
		cmocka_unit_test(test_puts_of_many_threads_double_no_object),
		cmocka_unit_test(test_one_that_is_there_twice_costs_no_other),
		cmocka_unit_test(test_depot_full_of_twins_loses_no_object),
		cmocka_unit_test(test_a_thread_knows_many_pools),
		cmocka_unit_test(test_threads_have_nothing_of_a_pool_that_was_there_before),
		cmocka_unit_test(test_thread_that_ends_keeps_nothing_even_of_its_last_calls),
		cmocka_unit_test(test_child_finds_what_other_threads_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
