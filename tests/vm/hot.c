// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hot - a job of fixed work: fills memory, then touches all of it at random until so many touches
 * are done. Prints how long both took. Unlike a hog it has an end that more memory cannot postpone,
 * and unlike a job of the real world every page of it is in use throughout, but for those that
 * --cold adds, which are filled and never touched again.
 */
#include "tests/bench/bench.h"

#include <inttypes.h>

#define MB            ((size_t)1 << 20)
#define REPORT_PERIOD 1024 /* touches between two looks at the clock */

static long size_mb = 100, cold_mb;
static double rate_mb_per_s;
static long touches = 1000000;
static double pace_per_s;
static const char *log_path = "/dev/stdout";

static const struct bench_option options[] = {
	{"size", BENCH_LONG, &size_mb, "MB to fill and work on"},
	{"cold", BENCH_LONG, &cold_mb, "MB more to fill and leave alone"},
	{"rate", BENCH_DOUBLE, &rate_mb_per_s, "MB/s to fill by; 0 = full speed (the default)"},
	{"touches", BENCH_LONG, &touches, "the work; 0 = until it is stopped"},
	{"pace", BENCH_DOUBLE, &pace_per_s,
	 "touches a second at most; 0 = full speed (the default)"},
	{"log", BENCH_TEXT, &log_path, "file for the line at the end"},
	{NULL, BENCH_FLAG, NULL, NULL},
};

static volatile uint64_t *page_at(char *memory, size_t page)
{
	return (volatile uint64_t *)(void *)(memory + page * BENCH_PAGE_BYTES);
}

static void fill(char *memory, size_t pages)
{
	int64_t start_us = bench_now_us();

	for (size_t page = 0; page < pages && !bench_stopped; page++) {
		*page_at(memory, page) = page;
		if (rate_mb_per_s > 0 && page % (MB / BENCH_PAGE_BYTES) == 0)
			bench_sleep_until_us(start_us +
					     (int64_t)((double)page * BENCH_PAGE_BYTES /
						       (double)MB / rate_mb_per_s * 1e6));
	}
}

/* Returns the longest time that REPORT_PERIOD touches took. */
static int64_t work(char *memory, size_t pages)
{
	struct bench_rng rng = {88172645463325252};
	int64_t start_us = bench_now_us(), last_us = start_us, longest_us = 0;

	for (long done = 0; !bench_stopped && (!touches || done < touches); done++) {
		(*page_at(memory, bench_rng_below(&rng, pages)))++;
		if (done % REPORT_PERIOD)
			continue;
		if (bench_now_us() - last_us > longest_us)
			longest_us = bench_now_us() - last_us;
		if (pace_per_s > 0)
			bench_sleep_until_us(start_us + (int64_t)((double)done / pace_per_s * 1e6));
		last_us = bench_now_us();
	}
	return longest_us;
}

int main(int argc, char **argv)
{
	size_t pages, all;
	int64_t start_us, full_us, end_us, longest_us;
	char *memory;
	FILE *log;

	bench_parse_options(argc, argv, "hot [OPTION]...", options);
	bench_catch_stop();
	pages = (size_t)size_mb * MB / BENCH_PAGE_BYTES;
	all = pages + (size_t)cold_mb * MB / BENCH_PAGE_BYTES;
	memory = mmap(NULL, all * BENCH_PAGE_BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		bench_fail("mmap %ld MB", size_mb + cold_mb);
	madvise(memory, all * BENCH_PAGE_BYTES, MADV_NOHUGEPAGE);
	start_us = bench_now_us();
	fill(memory, all);
	full_us = bench_now_us();
	longest_us = work(memory, pages);
	end_us = bench_now_us();
	log = fopen(log_path, "ae");
	if (!log)
		bench_fail("%s", log_path);
	fprintf(log,
		"%s size_mb=%ld fill_ms=%" PRId64 " work_ms=%" PRId64 " longest_ms=%" PRId64 "\n",
		bench_stopped ? "STOPPED" : "DONE", size_mb, (full_us - start_us) / 1000,
		(end_us - full_us) / 1000, longest_us / 1000);
	return bench_stopped ? 128 + (int)bench_stopped : 0;
}
