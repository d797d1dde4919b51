// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * churn - a service that allocates and frees all the time, at a steady rate. On SIGUSR1 its blocks
 * become larger: under a memory.high between the two sizes it then stalls, and publishes when. It
 * tells the stall by a sleep while it only touches memory. Reading memory.pressure that often would
 * falsify it: the kernel weighs stalls by whole jiffies between two readings.
 */
#include "growth.h"

#include <sys/resource.h>

static long block_mb = 2;
static long large_mb = 32;
static volatile sig_atomic_t is_large;
static long period_ms = 10;
static const char *growth_path = "/dev/shm/uw-growth";

static const struct bench_option options[] = {
	{"block", BENCH_LONG, &block_mb, "MB to allocate, touch and free each time"},
	{"large", BENCH_LONG, &large_mb, "MB of a block after SIGUSR1"},
	{"publish", BENCH_TEXT, &growth_path, "the trial's growth file, opened at SIGUSR1"},
	{"period", BENCH_LONG, &period_ms, "milliseconds between two blocks"},
	{NULL, BENCH_FLAG, NULL, NULL},
};

static void note_large(int signal_number)
{
	(void)signal_number;
	is_large = 1;
}

/* How often this program slept on its own account. */
static long sleeps(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_nvcsw;
}

static void touch_step(char *memory, struct growth *growth)
{
	int64_t started_us = bench_now_us();
	long before = sleeps();

	for (size_t at = 0; at < GROWTH_STEP_BYTES; at += BENCH_PAGE_BYTES)
		memory[at] = 1;
	if (growth && sleeps() != before && !atomic_load(&growth->stalled_us))
		atomic_store(&growth->stalled_us, started_us);
}

static void churn_once(size_t bytes, struct growth *growth)
{
	char *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (block == MAP_FAILED)
		bench_fail("mmap %zu bytes", bytes);
	madvise(block, bytes, MADV_NOHUGEPAGE);
	for (size_t at = 0; at < bytes; at += GROWTH_STEP_BYTES)
		touch_step(block + at, growth);
	munmap(block, bytes);
}

int main(int argc, char **argv)
{
	struct growth *growth = NULL;

	bench_parse_options(argc, argv, "churn [OPTION]...", options);
	bench_catch_stop();
	signal(SIGUSR1, note_large);
	while (!bench_stopped) {
		int64_t started_us = bench_now_us();
		long mb = is_large ? large_mb : block_mb;

		if (is_large && !growth)
			growth = growth_open(growth_path);
		churn_once((size_t)mb << 20, growth);
		bench_sleep_until_us(started_us + period_ms * 1000);
	}
	return 0;
}
