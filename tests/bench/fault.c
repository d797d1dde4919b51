// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fault - the cost of one 4 KiB anonymous page fault in time-stamp ticks. In a VM that counts
 * instructions (scripts/vm --icount, one instruction a nanosecond) the ticks are instructions times
 * the TSC rate, so two runs on one kernel compare to a fraction of a percent. Each round is a line
 * of its own: the reader takes the median, since a round may hold a timer tick or a wakeup of
 * somebody else.
 */
#include "bench.h"

#include <x86intrin.h>

static long round_mb = 8;
static long rounds = 25;
static double settle_s = 2;

static const struct bench_option options[] = {
	{"mb", BENCH_LONG, &round_mb, "MB to touch in one round"},
	{"rounds", BENCH_LONG, &rounds, "rounds to measure, after one that is thrown away"},
	{"settle", BENCH_DOUBLE, &settle_s, "seconds to wait before the first round"},
	{NULL, BENCH_FLAG, NULL, NULL},
};

static uint64_t touch_all(char *memory, size_t bytes)
{
	uint64_t before = __rdtsc();

	for (size_t at = 0; at < bytes; at += BENCH_PAGE_BYTES)
		((volatile char *)memory)[at] = 1;
	return __rdtsc() - before;
}

int main(int argc, char **argv)
{
	bench_parse_options(argc, argv, "fault [OPTION]...", options);

	size_t bytes = (size_t)round_mb << 20;
	char *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		bench_fail("mmap %ld MB", round_mb);
	madvise(memory, bytes, MADV_NOHUGEPAGE);
	bench_sleep_until_us(bench_now_us() + (int64_t)(settle_s * 1e6));
	touch_all(memory, bytes);
	for (long i = 0; i < rounds; i++) {
		madvise(memory, bytes, MADV_DONTNEED);
		printf("%.2f\n",
		       (double)touch_all(memory, bytes) / (double)(bytes / BENCH_PAGE_BYTES));
	}
	return 0;
}
