// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mapping - the cost of an anonymous mmap and its munmap, of which nothing is touched, in
 * time-stamp ticks: instructions in a VM that counts them, as of fault. Each round is a line, the
 * mean of its pairs; the reader takes the median.
 */
#include "bench.h"

#include <x86intrin.h>

static long size_kb = 65536;
static long pairs = 20; /* few, so that most rounds hold no timer tick */
static long rounds = 100;
static double settle_s = 2;

static const struct bench_option options[] = {
	{"kb", BENCH_LONG, &size_kb, "KB of one mapping"},
	{"pairs", BENCH_LONG, &pairs, "mappings in one round"},
	{"rounds", BENCH_LONG, &rounds, "rounds to measure, after one that is thrown away"},
	{"settle", BENCH_DOUBLE, &settle_s, "seconds to wait before the first round"},
	{NULL, BENCH_FLAG, NULL, NULL},
};

static void map_once(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		bench_fail("mmap %zu KB", bytes >> 10);
	munmap(at, bytes);
}

static double measure_round(size_t bytes)
{
	uint64_t before = __rdtsc();

	for (long i = 0; i < pairs; i++)
		map_once(bytes);
	return (double)(__rdtsc() - before) / (double)pairs;
}

int main(int argc, char **argv)
{
	bench_parse_options(argc, argv, "mapping [OPTION]...", options);
	bench_sleep_until_us(bench_now_us() + (int64_t)(settle_s * 1e6));
	measure_round((size_t)size_kb << 10);
	for (long i = 0; i < rounds; i++)
		printf("%.2f\n", measure_round((size_t)size_kb << 10));
	return 0;
}
