// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * churn - a service that allocates and frees all the time, at a steady rate. It enters direct
 * reclaim as soon as memory is short, so its cgroup shows the first stall of a protected task at a
 * known cause.
 */
#include "bench.h"

static long block_mb = 2;
static long large_mb = 32;
static volatile sig_atomic_t is_large;
static long period_ms = 10;

static const struct bench_option options[] = {
	{"block", BENCH_LONG, &block_mb, "MB to allocate, touch and free each time"},
	{"large", BENCH_LONG, &large_mb, "MB of a block after SIGUSR1"},
	{"period", BENCH_LONG, &period_ms, "milliseconds between two blocks"},
	{NULL, BENCH_FLAG, NULL, NULL},
};

static void note_large(int signal_number)
{
	(void)signal_number;
	is_large = 1;
}

static void churn_once(size_t bytes)
{
	char *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (block == MAP_FAILED)
		bench_fail("mmap %zu bytes", bytes);
	madvise(block, bytes, MADV_NOHUGEPAGE);
	for (size_t at = 0; at < bytes; at += BENCH_PAGE_BYTES)
		block[at] = 1;
	munmap(block, bytes);
}

int main(int argc, char **argv)
{
	bench_parse_options(argc, argv, "churn [OPTION]...", options);
	bench_catch_stop();
	signal(SIGUSR1, note_large);
	while (!bench_stopped) {
		int64_t started_us = bench_now_us();

		churn_once((size_t)(is_large ? large_mb : block_mb) << 20);
		bench_sleep_until_us(started_us + period_ms * 1000);
	}
	return 0;
}
