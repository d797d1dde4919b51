// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hot - a job of fixed work: fills memory, then touches all of it at random until so many touches
 * are done. Prints how long both took, the longest time for which it got nowhere, and for how long
 * in all it only lacked a processor. Unlike a hog it has an end that more memory cannot postpone,
 * and unlike a job of the real world every page of it is in use throughout, but for those that
 * --cold adds, which are filled and never touched again.
 */
#include "bench.h"

#include <inttypes.h>

#define MB            ((size_t)1 << 20)
#define REPORT_PERIOD 1024 /* touches between two looks at the clock; of the fill, a MB */

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

/* The longest time from one look at the clock to the next, without the sleeps that are meant. */
struct pauses {
	int64_t since_us;
	int64_t longest_us;
};

/* Then sleeps until it is due; to wake late is a pause. */
static void pause_until(struct pauses *pauses, int64_t due_us)
{
	int64_t now_us = bench_now_us();

	if (now_us - pauses->since_us > pauses->longest_us)
		pauses->longest_us = now_us - pauses->since_us;
	pauses->since_us = due_us > now_us ? due_us : now_us;
	if (due_us > now_us)
		bench_sleep_until_us(due_us);
}

/* When so many of what comes at a rate are due: at once, where there is none. */
static int64_t due_us(int64_t start_us, double count, double per_s)
{
	return per_s > 0 ? start_us + (int64_t)(count / per_s * 1e6) : 0;
}

static void fill(char *memory, size_t pages, struct pauses *pauses)
{
	int64_t start_us = pauses->since_us;

	for (size_t page = 0; page < pages && !bench_stopped; page++) {
		*page_at(memory, page) = page;
		if (page % (MB / BENCH_PAGE_BYTES) == 0)
			pause_until(pauses,
				    due_us(start_us, (double)page * BENCH_PAGE_BYTES / (double)MB,
					   rate_mb_per_s));
	}
}

static void work(char *memory, size_t pages, struct pauses *pauses)
{
	struct bench_rng rng = {88172645463325252};
	int64_t start_us = bench_now_us();

	for (long done = 0; !bench_stopped && (!touches || done < touches); done++) {
		(*page_at(memory, bench_rng_below(&rng, pages)))++;
		if (done % REPORT_PERIOD == 0)
			pause_until(pauses, due_us(start_us, (double)done, pace_per_s));
	}
}

/* How long it could have run and had no processor: not the memory's doing. 0 where it is not known.
 */
static int64_t queued_ms(void)
{
	long long on_cpu_ns = 0, queued_ns = 0;
	FILE *stat = fopen("/proc/self/schedstat", "re");

	if (!stat)
		return 0;
	if (fscanf(stat, "%lld %lld", &on_cpu_ns, &queued_ns) != 2)
		queued_ns = 0;
	fclose(stat);
	return queued_ns / 1000000;
}

int main(int argc, char **argv)
{
	size_t pages, all;
	int64_t start_us, full_us, end_us;
	struct pauses pauses = {0};
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
	start_us = pauses.since_us = bench_now_us();
	fill(memory, all, &pauses);
	full_us = bench_now_us();
	work(memory, pages, &pauses);
	end_us = bench_now_us();
	log = fopen(log_path, "ae");
	if (!log)
		bench_fail("%s", log_path);
	fprintf(log,
		"%s size_mb=%ld fill_ms=%" PRId64 " work_ms=%" PRId64 " longest_ms=%" PRId64
		" queued_ms=%" PRId64 "\n",
		bench_stopped ? "STOPPED" : "DONE", size_mb, (full_us - start_us) / 1000,
		(end_us - full_us) / 1000, pauses.longest_us / 1000, queued_ms());
	fclose(log);
	return bench_stopped ? 128 + (int)bench_stopped : 0;
}
