// SPDX-License-Identifier: GPL-2.0-or-later
/* Heaps whose threads go on between any two instructions of who counts what they use. */
#include "tests/unit/heap_fixture.h"

#include <pthread.h>
#include <semaphore.h>

#include "tests/unit/any_step.h"

#define PASSED 20U   /* fewer than a thread has at hand after its first allocation */
#define BYTES  64U   /* of each */
#define STRIDE 127U  /* instructions between two tries */
#define MOST   50000 /* no call takes so many */

enum task {
	ALLOCATE,
	FREE,
	END
};

/* A thread that allocates what another one frees. */
struct side {
	struct heap *heap;
	uint64_t *id;
	pthread_t thread;
	sem_t begin, done;
	enum task task;
	bool failed;
};

struct pair {
	struct heap_model model;
	struct side side[2];
	uint64_t id[PASSED];
	uint32_t giver; /* of the two */
};

static void *be_side(void *data)
{
	struct side *side = data;
	struct heap_span span;

	for (sem_wait(&side->begin); side->task != END; sem_wait(&side->begin)) {
		for (uint32_t i = 0; i < PASSED; i++)
			side->failed |=
				side->task == ALLOCATE
					? heap_alloc(side->heap, BYTES, 0, &side->id[i], &span) != 0
					: heap_free(side->heap, side->id[i]) != 0;
		sem_post(&side->done);
	}
	return NULL;
}

static void tell(struct side *side, enum task task)
{
	side->task = task;
	sem_post(&side->begin);
	while (task != END && sem_wait(&side->done))
		continue;
}

static void pass(void *data)
{
	struct pair *pair = data;

	tell(&pair->side[pair->giver], ALLOCATE);
	tell(&pair->side[!pair->giver], FREE);
}

static void pass_back(struct pair *pair)
{
	tell(&pair->side[!pair->giver], ALLOCATE);
	tell(&pair->side[pair->giver], FREE);
}

/* Each has some at hand, so that neither needs the heap's lock. */
static void open_pair(struct pair *pair, uint32_t giver)
{
	*pair = (struct pair){.giver = giver};
	model_open(&pair->model, MODEL_MIB, 4, 1);
	for (uint32_t i = 0; i < 2; i++) {
		struct side *side = &pair->side[i];

		side->heap = pair->model.heap;
		side->id = pair->id;
		sem_init(&side->begin, 0, 0);
		sem_init(&side->done, 0, 0);
		assert_int_equal(pthread_create(&side->thread, NULL, be_side, side), 0);
		tell(side, ALLOCATE);
		tell(side, FREE);
	}
}

static void close_pair(struct pair *pair)
{
	for (uint32_t i = 0; i < 2; i++) {
		struct side *side = &pair->side[i];

		tell(side, END);
		pthread_join(side->thread, NULL);
		assert_false(side->failed);
		sem_destroy(&side->begin);
		sem_destroy(&side->done);
	}
	model_close(&pair->model);
}

static bool count_cut(struct pair *pair, unsigned steps)
{
	struct heap_stats stats;
	bool came;

	any_step_begin(steps, pass, pair);
	heap_get_stats(pair->model.heap, &stats);
	came = any_step_end();
	assert_true(stats.used_bytes <= (uint64_t)PASSED * BYTES);
	assert_true(stats.frees <= stats.allocations);
	stats = model_stats(&pair->model);
	assert_int_equal(stats.used_bytes, 0);
	assert_int_equal(stats.frees, stats.allocations);
	return came;
}

static void test_used_is_possible_at_any_instruction_and_exact_at_rest(void **data)
{
	static struct pair pair;

	(void)data;
	for (uint32_t giver = 0; giver < 2; giver++) {
		bool came = true;

		open_pair(&pair, giver);
		for (unsigned steps = 1; came; steps += STRIDE) {
			assert_true(steps < MOST);
			came = count_cut(&pair, steps);
			pass_back(&pair);
		}
		close_pair(&pair);
	}
}

/* It looks at what is used. */
static void test_nothing_is_evicted_that_need_not_be(void **data)
{
	static struct pair pair;

	(void)data;
	for (uint32_t giver = 0; giver < 2; giver++) {
		bool came = true;

		open_pair(&pair, giver);
		assert_int_equal(model_alloc(&pair.model, 0, 100, HEAP_EVICTABLE), 0);
		assert_int_equal(heap_unpin(pair.model.heap, pair.model.allocation[0].id), 0);
		for (unsigned steps = 1; came; steps += STRIDE) {
			any_step_begin(steps, pass, &pair);
			heap_evict(pair.model.heap, PASSED * BYTES + 128);
			came = any_step_end();
			pass_back(&pair);
			assert_int_equal(model_stats(&pair.model).evictions, 0);
		}
		model_free_all(&pair.model);
		close_pair(&pair);
	}
}

static int skip_elsewhere(void **state)
{
	(void)state;
	if (!ANY_STEP)
		print_message("no instruction is stepped on this processor\n");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_used_is_possible_at_any_instruction_and_exact_at_rest),
		cmocka_unit_test(test_nothing_is_evicted_that_need_not_be),
	};

	return cmocka_run_group_tests(tests, skip_elsewhere, NULL);
}
