// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an event costs the admission core with a long queue: fills it with --tasks tasks of --keys
 * keys in 4 components, then times each submit, each start decision (a round of decisions that
 * starts something, over its starts), and each exit, of which every one changes the estimates of
 * its key. One JSON object: p50 and p99 of each in microseconds, and the bytes of the core.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "user/base/units.h"
#include "user/policy/admit/admit.h"

#define COMPONENTS 4
#define BUDGET     (4 * GIB)
#define ROUNDS     20000

struct samples {
	double us[ROUNDS];
	uint32_t count;
};

struct bench {
	struct admit *admit;
	uint64_t now_us, next_id, random;
	uint64_t *started; /* ids, a ring */
	uint32_t first, last;
	uint32_t tasks, keys;
	struct samples submit, start, exit;
};

static double clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static uint64_t draw(struct bench *b, uint64_t below)
{
	uint64_t z = b->random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31)) % below;
}

static void note(struct samples *samples, double us)
{
	if (samples->count < ROUNDS)
		samples->us[samples->count++] = us;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double at(struct samples *samples, double share)
{
	qsort(samples->us, samples->count, sizeof(double), by_value);
	return samples->count ? samples->us[(uint32_t)(share * (samples->count - 1))] : 0;
}

static struct admit_task make_task(struct bench *b)
{
	uint64_t key = draw(b, b->keys) + 1;

	return (struct admit_task){
		.id = ++b->next_id,
		.key = key,
		.submit_us = b->now_us,
		.request_bytes = (32 + key % 97 * 8) * MIB,
		.declared_us = (60 + draw(b, 7200)) * 1000000,
		.component = (uint32_t)(key % COMPONENTS),
		.priority = (uint8_t)(1 + draw(b, 10)),
		.memory_priority = (uint8_t)(1 + draw(b, 10)),
		.flags = ADMIT_FREEZABLE | ADMIT_RESTARTABLE,
	};
}

/* How many were started. */
static uint32_t decide(struct bench *b)
{
	struct admit_decisions got;
	uint32_t starts = 0;

	admit_decide(b->admit, b->now_us, &got);
	for (uint32_t i = 0; i < got.count; i++) {
		if (got.decision[i].verdict != ADMIT_START)
			continue;
		admit_started(b->admit, got.decision[i].id, 0, b->now_us);
		b->started[b->last++ % (b->tasks + ROUNDS)] = got.decision[i].id;
		starts++;
	}
	return starts;
}

static void fill(struct bench *b)
{
	for (uint32_t i = 0; i < b->tasks; i++) {
		struct admit_task task = make_task(b);

		admit_submit(b->admit, &task, b->now_us);
		b->now_us += 10;
	}
	while (decide(b) == ADMIT_DECISIONS_MAX)
		;
}

/* One ends, what fits then starts, one comes: the queue stays as long as it was. */
static void turn_over(struct bench *b)
{
	struct admit_task task = make_task(b);
	uint64_t id = b->started[b->first % (b->tasks + ROUNDS)];
	uint32_t starts;
	double t0, t1;

	b->now_us += 100000;
	if (b->first != b->last) {
		b->first++;
		t0 = clock_us();
		admit_exit(b->admit, id, ADMIT_EXIT_DONE, (16 + draw(b, 256)) * MIB, b->now_us);
		note(&b->exit, clock_us() - t0);
	}
	t0 = clock_us();
	starts = decide(b);
	t1 = clock_us();
	if (starts)
		note(&b->start, (t1 - t0) / starts);
	task.submit_us = b->now_us;
	t0 = clock_us();
	admit_submit(b->admit, &task, b->now_us);
	note(&b->submit, clock_us() - t0);
}

static int run(struct bench *b)
{
	struct admit_limits limits = {.tasks = b->tasks + ROUNDS, .keys = b->keys};
	struct admit_config config = {.component_count = COMPONENTS};
	struct admit_supply supply = {0};

	b->admit = malloc(admit_size(&limits));
	b->started = calloc(limits.tasks, sizeof(*b->started));
	if (!b->admit || !b->started || admit_init(b->admit, &limits, &config) < 0)
		return 1;
	for (int c = 0; c < COMPONENTS; c++)
		supply.component[c].budget_bytes = BUDGET;
	admit_supply(b->admit, &supply, b->now_us);
	fill(b);
	for (uint32_t i = 0; i < ROUNDS; i++)
		turn_over(b);
	printf("{\"tasks\": %u, \"keys\": %u, \"submit_p50_us\": %.2f, \"submit_p99_us\": %.2f, "
	       "\"start_p50_us\": %.2f, \"start_p99_us\": %.2f, \"exit_p50_us\": %.2f, "
	       "\"exit_p99_us\": %.2f, \"starts\": %u, \"core_bytes\": %llu}\n",
	       b->tasks, b->keys, at(&b->submit, .5), at(&b->submit, .99), at(&b->start, .5),
	       at(&b->start, .99), at(&b->exit, .5), at(&b->exit, .99), b->start.count,
	       (unsigned long long)admit_size(&limits));
	free(b->started);
	free(b->admit);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"tasks", required_argument, NULL, 't'},
		{"keys", required_argument, NULL, 'k'},
		{NULL, 0, NULL, 0},
	};
	static struct bench bench = {.tasks = 100000, .keys = 1000};
	int option;

	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		uint32_t value = optarg ? (uint32_t)strtoul(optarg, NULL, 10) : 0;

		if (option == '?' || !value) {
			fprintf(stderr, "usage: admit [--tasks N] [--keys N]\n");
			return 2;
		}
		*(option == 't' ? &bench.tasks : &bench.keys) = value;
	}
	return run(&bench);
}
