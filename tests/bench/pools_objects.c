// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pools of objects of 256 bytes beside malloc(3) of glibc and boost::pool: a random
 * one of a thousand is put and another one got, in one thread; and batches that one thread gets and
 * another one puts, both on one processor and each on its own ("_apart"), where what both write to
 * crosses. Prints "NAME VALUE" lines, ratios of medians of processor time; a bound is what a bare
 * stack of pointers in each thread takes.
 */
#include "pools.h"

#include <stdatomic.h>

#include "user/lib/uw.h"

#define BATCH   1024
#define BATCHES 256

/* ---- one thread ---- */

static struct uw_objects *make_pool(void)
{
	struct uw_objects_options options = {
		.size = sizeof(options), .max = 1 << 16, .object_bytes = POOLS_OBJECT};
	struct uw_objects *pool = NULL;

	pools_require(!uw_objects_new(&options, &pool), "no pool");
	return pool;
}

static double uw_alone(void)
{
	static struct uw_object object[POOLS_LIVE];
	struct uw_objects *pool = make_pool();
	unsigned at = 1;
	double ns;

	for (int i = 0; i < POOLS_LIVE; i++)
		pools_require(!uw_objects_get(pool, &object[i]), "no object");
	ns = pools_now_ns();
	for (unsigned i = 0; i < POOLS_OBJECT_OPS; i++) {
		struct uw_object *one;

		at = at * 1103515245 + 12345;
		one = &object[(at >> 16) % POOLS_LIVE];
		uw_objects_put(pool, one);
		uw_objects_get(pool, one);
		*(volatile uint64_t *)one->bytes = i;
	}
	ns = pools_now_ns() - ns;
	uw_objects_free(pool);
	return ns / POOLS_OBJECT_OPS;
}

/* What choosing an object and writing to it takes of the figures of all. */
static double loop_alone(void)
{
	static uint64_t memory[POOLS_LIVE][POOLS_OBJECT / sizeof(uint64_t)];
	static void *object[POOLS_LIVE];
	unsigned at = 1;
	double ns;

	for (int i = 0; i < POOLS_LIVE; i++)
		object[i] = memory[i];
	ns = pools_now_ns();
	for (unsigned i = 0; i < POOLS_OBJECT_OPS; i++) {
		at = at * 1103515245 + 12345;
		*(volatile uint64_t *)object[(at >> 16) % POOLS_LIVE] = i;
	}
	return (pools_now_ns() - ns) / POOLS_OBJECT_OPS;
}

static double glibc_alone(void)
{
	static void *object[POOLS_LIVE];
	unsigned at = 1;
	double ns;

	for (int i = 0; i < POOLS_LIVE; i++)
		object[i] = malloc(POOLS_OBJECT);
	ns = pools_now_ns();
	for (unsigned i = 0; i < POOLS_OBJECT_OPS; i++) {
		void **one;

		at = at * 1103515245 + 12345;
		one = &object[(at >> 16) % POOLS_LIVE];
		free(*one);
		*one = malloc(POOLS_OBJECT);
		*(volatile uint64_t *)*one = i;
	}
	ns = pools_now_ns() - ns;
	for (int i = 0; i < POOLS_LIVE; i++)
		free(object[i]);
	return ns / POOLS_OBJECT_OPS;
}

/* ---- bounds: what no pool with something at hand in each thread can leave out ---- */

#define BARE_MAGAZINE 64

/* A stack of pointers in the thread's memory, no more: nothing tells a double put. */
static __thread struct bare_stack {
	uint32_t count;
	void *object[2 * BARE_MAGAZINE];
} bare;

static double stack_alone(void)
{
	static uint64_t memory[POOLS_LIVE][POOLS_OBJECT / sizeof(uint64_t)];
	static void *object[POOLS_LIVE];
	unsigned at = 1;
	double ns;

	for (int i = 0; i < POOLS_LIVE; i++)
		object[i] = memory[i];
	ns = pools_now_ns();
	for (unsigned i = 0; i < POOLS_OBJECT_OPS; i++) {
		void **one;

		at = at * 1103515245 + 12345;
		one = &object[(at >> 16) % POOLS_LIVE];
		if (bare.count < 2 * BARE_MAGAZINE)
			bare.object[bare.count++] = *one;
		__asm__ volatile("" ::: "memory"); /* put and get are two calls */
		if (bare.count)
			*one = bare.object[--bare.count];
		*(volatile uint64_t *)*one = i;
	}
	return (pools_now_ns() - ns) / POOLS_OBJECT_OPS;
}

/* A magazine crosses at a time, under a lock. */
struct bare_shelf {
	pthread_mutex_t lock;
	uint32_t count;
	void *depot[BATCH], *object[BATCH];
};

static void *bare_take_batch(void *data)
{
	struct bare_shelf *shelf = data;

	for (int i = 0; i < BATCH; i++) {
		if (!bare.count) {
			pthread_mutex_lock(&shelf->lock);
			shelf->count -= BARE_MAGAZINE;
			bare.count = BARE_MAGAZINE;
			for (int j = 0; j < BARE_MAGAZINE; j++)
				bare.object[j] = shelf->depot[shelf->count + (uint32_t)j];
			pthread_mutex_unlock(&shelf->lock);
		}
		shelf->object[i] = bare.object[--bare.count];
		*(volatile uint64_t *)shelf->object[i] = 1;
	}
	return NULL;
}

static void *bare_put_batch(void *data)
{
	struct bare_shelf *shelf = data;

	for (int i = 0; i < BATCH; i++) {
		bare.object[bare.count++] = shelf->object[i];
		if (bare.count < BARE_MAGAZINE)
			continue;
		pthread_mutex_lock(&shelf->lock);
		for (int j = 0; j < BARE_MAGAZINE; j++)
			shelf->depot[shelf->count + (uint32_t)j] = bare.object[j];
		shelf->count += BARE_MAGAZINE;
		pthread_mutex_unlock(&shelf->lock);
		bare.count = 0;
	}
	return NULL;
}

static double bare_elsewhere(int apart)
{
	static uint64_t memory[BATCH][POOLS_OBJECT / sizeof(uint64_t)];
	static struct bare_shelf shelf = {.lock = PTHREAD_MUTEX_INITIALIZER};

	for (shelf.count = 0; shelf.count < BATCH; shelf.count++)
		shelf.depot[shelf.count] = memory[shelf.count];
	return pools_hand_over(bare_take_batch, bare_put_batch, apart, &shelf);
}

/* ---- two threads ---- */

/* Whose turn it is with the batch. */
struct turns {
	void *(*take)(void *data);
	void *(*put)(void *data);
	void *data;
	atomic_int full;
	_Atomic uint64_t busy_ns;
};

static double thread_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Only what the calls take counts, not the waiting for the other thread. */
static void take_turns(struct turns *turns, int full, void *(*work)(void *data))
{
	for (int i = 0; i < BATCHES; i++) {
		unsigned tries = 0;
		double began_ns;

		while (atomic_load_explicit(&turns->full, memory_order_acquire) != full)
			pools_wait(&tries);
		began_ns = thread_ns();
		work(turns->data);
		atomic_fetch_add(&turns->busy_ns, (uint64_t)(thread_ns() - began_ns));
		atomic_store_explicit(&turns->full, !full, memory_order_release);
	}
}

static void *taker(void *data)
{
	struct turns *turns = data;

	take_turns(turns, 0, turns->take);
	return NULL;
}

static void *putter(void *data)
{
	struct turns *turns = data;

	take_turns(turns, 1, turns->put);
	return NULL;
}

double pools_hand_over(pools_work take, pools_work put, int apart, void *data)
{
	struct turns turns = {.take = take, .put = put, .data = data};

	pools_run(taker, putter, 1, apart, &turns); /* never both at once */
	return (double)turns.busy_ns / (BATCH * (double)BATCHES);
}

struct uw_shelf {
	struct uw_objects *pool;
	struct uw_object object[BATCH];
};

static void *uw_take_batch(void *data)
{
	struct uw_shelf *shelf = data;

	for (int i = 0; i < BATCH; i++) {
		uw_objects_get(shelf->pool, &shelf->object[i]);
		*(volatile uint64_t *)shelf->object[i].bytes = 1;
	}
	return NULL;
}

static void *uw_put_batch(void *data)
{
	struct uw_shelf *shelf = data;

	for (int i = 0; i < BATCH; i++)
		uw_objects_put(shelf->pool, &shelf->object[i]);
	return NULL;
}

static double uw_elsewhere(int apart)
{
	static struct uw_shelf shelf;
	double ns;

	shelf.pool = make_pool();
	ns = pools_hand_over(uw_take_batch, uw_put_batch, apart, &shelf);
	uw_objects_free(shelf.pool);
	return ns;
}

static void *object[BATCH];

static void *glibc_take_batch(void *data)
{
	for (int i = 0; i < BATCH; i++) {
		object[i] = malloc(POOLS_OBJECT);
		*(volatile uint64_t *)object[i] = 1;
	}
	return data;
}

static void *glibc_put_batch(void *data)
{
	for (int i = 0; i < BATCH; i++)
		free(object[i]);
	return data;
}

static double glibc_elsewhere(int apart)
{
	return pools_hand_over(glibc_take_batch, glibc_put_batch, apart, NULL);
}

static double bare_together(void)
{
	return bare_elsewhere(0);
}

static double bare_apart(void)
{
	return bare_elsewhere(1);
}

static double uw_together(void)
{
	return uw_elsewhere(0);
}

static double uw_apart(void)
{
	return uw_elsewhere(1);
}

static double boost_together(void)
{
	return boost_pool_elsewhere(0);
}

static double boost_apart(void)
{
	return boost_pool_elsewhere(1);
}

static double glibc_together(void)
{
	return glibc_elsewhere(0);
}

static double glibc_apart(void)
{
	return glibc_elsewhere(1);
}

/* ---- all of them ---- */

static void print_ratio(const char *name, const struct pools_contender *ours,
			const struct pools_contender *peer)
{
	printf("%s %.3f\n", name, ours->ns[0] / peer->ns[0]);
}

int main(void)
{
	struct pools_contender alone[] = {{"alone uw", uw_alone, {0}},
					  {"alone glibc", glibc_alone, {0}},
					  {"alone boost", boost_pool_alone, {0}},
					  {"alone loop", loop_alone, {0}},
					  {"alone stack", stack_alone, {0}}};
	struct pools_contender elsewhere[] = {
		{"elsewhere uw", uw_together, {0}},       {"elsewhere boost", boost_together, {0}},
		{"elsewhere glibc", glibc_together, {0}}, {"apart uw", uw_apart, {0}},
		{"apart boost", boost_apart, {0}},        {"apart glibc", glibc_apart, {0}},
		{"elsewhere bare", bare_together, {0}},   {"apart bare", bare_apart, {0}}};

	pools_take_turns(alone, 5, pools_median);
	print_ratio("get_put_over_glibc", &alone[0], &alone[1]);
	print_ratio("get_put_over_boost_pool", &alone[0], &alone[2]);
	printf("get_put_less_the_loop_over_glibc %.3f\n",
	       (alone[0].ns[0] - alone[3].ns[0]) / (alone[1].ns[0] - alone[3].ns[0]));
	print_ratio("get_put_bound_over_glibc", &alone[4], &alone[1]);
	pools_take_turns(elsewhere, 8, pools_median);
	print_ratio("put_elsewhere_over_boost_pool", &elsewhere[0], &elsewhere[1]);
	print_ratio("put_elsewhere_over_glibc", &elsewhere[0], &elsewhere[2]);
	print_ratio("put_elsewhere_bound_over_boost_pool", &elsewhere[6], &elsewhere[1]);
	print_ratio("put_elsewhere_apart_bound_over_boost_pool", &elsewhere[7], &elsewhere[4]);
	print_ratio("put_elsewhere_apart_over_boost_pool", &elsewhere[3], &elsewhere[4]);
	print_ratio("put_elsewhere_apart_over_glibc", &elsewhere[3], &elsewhere[5]);
	return 0;
}
