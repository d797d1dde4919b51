/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench.h - what the workload programs share: the clock, seeded random numbers, options as data,
 * and the latency record. Header only, so that each program stays one static binary. Nothing here
 * allocates after start: a program that measures memory pressure must not wait for memory itself.
 */
#ifndef UW_BENCH_H
#define UW_BENCH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define BENCH_PAGE_BYTES 4096
#define BENCH_LOST       (-1) /* latency of a request that never got its answer */

__attribute__((noreturn, format(printf, 1, 2))) static inline void bench_fail(const char *format,
									      ...)
{
	const char *why = errno ? strerror(errno) : "";
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "%s%s\n", *why ? ": " : "", why);
	exit(1);
}

static inline int64_t bench_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Returns early, without complaint, when a signal comes: callers look at bench_stopped. */
static inline void bench_sleep_until_us(int64_t at_us)
{
	struct timespec at = {.tv_sec = at_us / 1000000, .tv_nsec = (at_us % 1000000) * 1000};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static volatile sig_atomic_t bench_stopped; /* the number of the signal that asked for the end */

static inline void bench_note_stop(int signal_number)
{
	bench_stopped = signal_number;
}

static inline void bench_catch_stop(void)
{
	struct sigaction stop = {.sa_handler = bench_note_stop};

	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* For programs that measure: never paged out, and woken without the kernel's 50 us of timer slack.
 */
static inline void bench_lock_memory(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		bench_fail("mlockall");
	prctl(PR_SET_TIMERSLACK, 1);
}

/* Anonymous zeroed memory that is in place before the measurement starts. */
static inline void *bench_reserve(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED)
		bench_fail("mmap %zu bytes", bytes);
	return memory;
}

/* splitmix64: one word of state, passes BigCrush (Steele, Lea, Flood: OOPSLA 2014). */
struct bench_rng {
	uint64_t state;
};

static inline uint64_t bench_rng_next(struct bench_rng *rng)
{
	uint64_t mixed = rng->state += 0x9E3779B97F4A7C15u;

	mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
	mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
	return mixed ^ (mixed >> 31);
}

static inline uint64_t bench_rng_below(struct bench_rng *rng, uint64_t limit)
{
	return bench_rng_next(rng) % limit;
}

/* Uniform in (0, 1]: never 0, so that its logarithm exists. */
static inline double bench_rng_unit(struct bench_rng *rng)
{
	return (double)((bench_rng_next(rng) >> 11) + 1) * 0x1p-53;
}

static inline double bench_rng_exponential(struct bench_rng *rng, double rate)
{
	return -log(bench_rng_unit(rng)) / rate;
}

enum bench_type {
	BENCH_LONG,
	BENCH_DOUBLE,
	BENCH_TEXT,
	BENCH_FLAG
};

struct bench_option {
	const char *name; /* without the dashes; NULL ends a table */
	enum bench_type type;
	void *value; /* long, double, const char *, or bool */
	const char *help;
};

__attribute__((noreturn)) static inline void bench_print_usage(const char *synopsis,
							       const struct bench_option *options)
{
	printf("usage: %s\n", synopsis);
	for (const struct bench_option *option = options; option->name; option++)
		printf("  --%-12s %s\n", option->name, option->help);
	exit(0);
}

static inline void bench_set_option(const struct bench_option *option, const char *text)
{
	char *end = NULL;

	if (option->type == BENCH_TEXT) {
		*(const char **)option->value = text;
		return;
	}
	errno = 0;
	if (option->type == BENCH_LONG)
		*(long *)option->value = strtol(text, &end, 10);
	else
		*(double *)option->value = strtod(text, &end);
	if (errno || end == text || *end)
		bench_fail("--%s: not a number: %s", option->name, text);
}

/* Reads `--name value` and `--flag` pairs; returns the index of the first other word, or past a
 * `--`. */
static inline int bench_parse_options(int argc, char **argv, const char *synopsis,
				      const struct bench_option *options)
{
	int at = 1;

	while (at < argc && strncmp(argv[at], "--", 2) == 0) {
		const char *name = argv[at++] + 2;
		const struct bench_option *option = options;

		if (*name == '\0')
			break;
		while (option->name && strcmp(option->name, name) != 0)
			option++;
		if (!option->name)
			bench_print_usage(synopsis, options);
		if (option->type == BENCH_FLAG)
			*(bool *)option->value = true;
		else if (at < argc)
			bench_set_option(option, argv[at++]);
		else
			bench_fail("--%s wants a value", name);
	}
	return at;
}

/* Latency from the intended start, so that a stalled server cannot hide the requests it held up. */
struct bench_sample {
	int64_t due_us;
	int64_t latency_us;
};

struct bench_record {
	struct bench_sample *samples;
	size_t count;
	size_t capacity;
};

static inline void bench_record_init(struct bench_record *record, size_t capacity)
{
	record->samples = bench_reserve(capacity * sizeof(*record->samples));
	record->capacity = capacity;
	record->count = 0;
}

static inline void bench_record_add(struct bench_record *record, int64_t due_us, int64_t latency_us)
{
	if (record->count < record->capacity)
		record->samples[record->count++] = (struct bench_sample){due_us, latency_us};
}

static inline void bench_record_write(const struct bench_record *record, const char *path)
{
	FILE *out = fopen(path, "we");

	if (!out)
		bench_fail("%s", path);
	fputs("due_ms,latency_us\n", out);
	for (size_t i = 0; i < record->count; i++)
		fprintf(out, "%.3f,%lld\n", (double)record->samples[i].due_us / 1e3,
			(long long)record->samples[i].latency_us);
	if (fclose(out))
		bench_fail("%s", path);
}

#endif
