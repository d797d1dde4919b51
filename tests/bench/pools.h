/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pools.h - what the benches of pools share: processor time, threads on two sides, rounds in
 * which each contender has its turn, and ratios of their medians. For C and C++.
 */
#ifndef UW_BENCH_POOLS_H
#define UW_BENCH_POOLS_H

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#define POOLS_ROUNDS 15

static inline double pools_rusage_ns(int who)
{
	struct rusage used;

	getrusage(who, &used);
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e9 +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e3;
}

/* Processor time of all threads and of children that have ended: what else runs is left out. */
static inline double pools_now_ns(void)
{
	return pools_rusage_ns(RUSAGE_SELF) + pools_rusage_ns(RUSAGE_CHILDREN);
}

static inline void pools_require(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "pools: %s\n", what);
	exit(1);
}

/* How every contender waits for the other side. Who is kept waiting for long, because that one is
 * displaced, sleeps: it is not the contender that takes this time. */
static inline void pools_wait(unsigned *tries)
{
	static const struct timespec displaced = {0, 100000};

	if (++*tries % 64)
		__builtin_ia32_pause();
	else if (*tries < 4096)
		sched_yield();
	else
		nanosleep(&displaced, NULL);
}

/*
 * Has the calling thread run on the processor of a side, 0 or 1, or on any again: what is measured
 * is what crosses between two processors, and not how often the scheduler puts both sides on one,
 * where nothing does.
 */
#define POOLS_ANY (-1)

static inline void pools_take_side(int side)
{
	static cpu_set_t all;
	cpu_set_t one;
	size_t cpu = 0;

	if (!CPU_COUNT(&all))
		pools_require(!sched_getaffinity(0, sizeof(all), &all), "no processors");
	for (int before = side % CPU_COUNT(&all);; cpu++)
		if (CPU_ISSET(cpu, &all) && before-- <= 0)
			break;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), side == POOLS_ANY ? &all : &one);
}

typedef void *(*pools_work)(void *data);

struct pools_side {
	pools_work work;
	void *data;
	int side;
};

static inline void *pools_start(void *data)
{
	const struct pools_side *side = (const struct pools_side *)data;

	pools_take_side(side->side);
	return side->work(side->data);
}

/* So many threads of each, all of them; returns how long that took. Not apart, all are on one
 * processor. Apart, one of each have a processor each; of more, pairs have: who publishes in order,
 * as ck_ring does, would spin where the one before it waits for the same processor. */
static inline double pools_run(pools_work first, pools_work second, int of_each, int apart,
			       void *data)
{
	struct pools_side side[16];
	pthread_t thread[16];
	double began_ns = pools_now_ns();

	pools_take_side(POOLS_ANY);
	for (int i = 0; i < 2 * of_each; i++) {
		side[i].work = i % 2 ? second : first;
		side[i].data = data;
		side[i].side = apart ? (of_each == 1 ? i : i / 2) % 2 : 0;
		pools_require(!pthread_create(&thread[i], NULL, pools_start, &side[i]),
			      "no thread");
	}
	for (int i = 0; i < 2 * of_each; i++)
		pthread_join(thread[i], NULL);
	return pools_now_ns() - began_ns;
}

/* One contender's turn: ns for each item. */
struct pools_contender {
	const char *name;
	double (*turn)(void);
	double ns[POOLS_ROUNDS];
};

static inline int pools_compare(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;

	return (one > other) - (one < other);
}

static inline double pools_median(double *ns)
{
	qsort(ns, POOLS_ROUNDS, sizeof(*ns), pools_compare);
	return ns[POOLS_ROUNDS / 2];
}

static inline double pools_least(double *ns)
{
	qsort(ns, POOLS_ROUNDS, sizeof(*ns), pools_compare);
	return ns[0];
}

/* In turns, so that what else the machine does falls on all alike; ns[0] is what figure makes of
 * them: the median, or the least, where one side waits for the other while that is displaced, which
 * only adds. */
static inline void pools_take_turns(struct pools_contender *contender, int count,
				    double (*figure)(double *ns))
{
	for (int round = 0; round < POOLS_ROUNDS; round++)
		for (int i = 0; i < count; i++)
			contender[i].ns[round] = contender[i].turn();
	for (int i = 0; i < count; i++) {
		contender[i].ns[0] = figure(contender[i].ns);
		if (getenv("POOLS_NS"))
			fprintf(stderr, "%s %.2f ns\n", contender[i].name, contender[i].ns[0]);
	}
}

/* ---- pools_ring_boost.cc, pools_objects_boost.cc ---- */

#define POOLS_ITEMS      (1U << 18)
#define POOLS_SLOTS      4096
#define POOLS_RECORD     128
#define POOLS_OBJECT     256
#define POOLS_LIVE       1000
#define POOLS_OBJECT_OPS (1U << 20)

double boost_spsc(void);
double boost_queue(void);
double boost_message_queue(void);
double boost_pool_alone(void);
double boost_pool_elsewhere(int apart);

/* ---- pools_objects.c ---- */

/* Batches that one thread takes and another one puts, on one processor or apart: ns of both for
 * each object. */
double pools_hand_over(pools_work take, pools_work put, int apart, void *data);

#ifdef __cplusplus
}
#endif

#endif
