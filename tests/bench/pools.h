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

#define POOLS_ROUNDS 7

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

/* How every contender waits for the other side. */
static inline void pools_wait(unsigned *tries)
{
	if (++*tries % 64 == 0)
		sched_yield();
	else
		__builtin_ia32_pause();
}

typedef void *(*pools_work)(void *data);

/* So many threads of each, all of them; returns how long that took. */
static inline double pools_run(pools_work first, pools_work second, int of_each, void *data)
{
	pthread_t thread[16];
	double began_ns = pools_now_ns();

	for (int i = 0; i < 2 * of_each; i++)
		pools_require(!pthread_create(&thread[i], NULL, i % 2 ? second : first, data),
			      "no thread");
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

/* In turns, so that what else the machine does falls on all alike. */
static inline void pools_take_turns(struct pools_contender *contender, int count)
{
	for (int round = 0; round < POOLS_ROUNDS; round++)
		for (int i = 0; i < count; i++)
			contender[i].ns[round] = contender[i].turn();
	for (int i = 0; i < count; i++) {
		contender[i].ns[0] = pools_median(contender[i].ns);
		if (getenv("POOLS_NS"))
			fprintf(stderr, "%s %.2f ns\n", contender[i].name, contender[i].ns[0]);
	}
}

/* ---- pools_ring_boost.cc, pools_objects_boost.cc ---- */

#define POOLS_ITEMS      (1U << 19)
#define POOLS_SLOTS      4096
#define POOLS_RECORD     128
#define POOLS_OBJECT     256
#define POOLS_LIVE       1000
#define POOLS_OBJECT_OPS (1U << 20)

double boost_spsc(void);
double boost_queue(void);
double boost_message_queue(void);
double boost_pool_alone(void);
double boost_pool_elsewhere(void);

/* ---- pools_objects.c ---- */

/* Batches that one thread takes and another one puts: ns of both for each object. */
double pools_hand_over(pools_work take, pools_work put, void *data);

#ifdef __cplusplus
}
#endif

#endif
