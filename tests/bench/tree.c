// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tree - a job of many processes, as a build is: each fills its memory at a rate and then starts
 * two more, until there are so many; the last ones hold what they have, and who started others
 * waits for them. A process that is lost takes those that it started along. Exit status 0 and DONE
 * in the log mean that all came to their end; else the status is how many were lost.
 */
#include "bench.h"

#include <inttypes.h>
#include <sys/wait.h>

#define MB          ((size_t)1 << 20)
#define STATUS_MOST 255
#define CHILDREN    2

static long processes = 63;
static long size_mb = 15;
static double rate_mb_per_s = 8;
static double hold_s = 5;
static const char *log_path = "/dev/stderr";

static const struct bench_option options[] = {
	{"processes", BENCH_LONG, &processes, "how many in all"},
	{"size", BENCH_LONG, &size_mb, "MB of each"},
	{"rate", BENCH_DOUBLE, &rate_mb_per_s, "MB/s that each fills its memory by"},
	{"hold", BENCH_DOUBLE, &hold_s, "seconds that the last ones hold it"},
	{"log", BENCH_TEXT, &log_path, "file for START, DONE and LOST lines"},
	{NULL, BENCH_FLAG, NULL, NULL},
};

static void log_line(const char *word, long lost)
{
	FILE *log = fopen(log_path, "ae");

	if (!log)
		bench_fail("%s", log_path);
	fprintf(log, "%s lost=%ld at_ms=%" PRId64 "\n", word, lost, bench_now_us() / 1000);
	fclose(log);
}

/* Of process `n` and of all that it starts in the end. */
static long count_below(long n)
{
	long count = 1;

	if (n >= processes)
		return 0;
	for (long i = 1; i <= CHILDREN; i++)
		count += count_below(n * CHILDREN + i);
	return count;
}

static void fill(void)
{
	char *memory = mmap(NULL, (size_t)size_mb * MB, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int64_t start_us = bench_now_us();

	if (memory == MAP_FAILED)
		bench_fail("mmap %ld MB", size_mb);
	madvise(memory, (size_t)size_mb * MB, MADV_NOHUGEPAGE);
	for (size_t at = 0; at < (size_t)size_mb * MB; at += BENCH_PAGE_BYTES) {
		memory[at] = 1;
		if (at % (MB / 4) == 0)
			bench_sleep_until_us(start_us + (int64_t)((double)at / (double)MB /
								  rate_mb_per_s * 1e6));
	}
}

static long lost_of(long n, int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : count_below(n);
}

static long run(long n);

static pid_t start(long n)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);

	long lost = run(n);

	_exit(lost < STATUS_MOST ? (int)lost : STATUS_MOST);
}

/* How many were lost of process `n` and those that it started. */
static long run(long n)
{
	pid_t pids[CHILDREN] = {0};
	long lost = 0;

	fill();
	if (n * CHILDREN + 1 >= processes)
		bench_sleep_until_us(bench_now_us() + (int64_t)(hold_s * 1e6));
	for (long i = 0; i < CHILDREN && n * CHILDREN + 1 + i < processes; i++)
		pids[i] = start(n * CHILDREN + 1 + i);
	for (long i = 0; i < CHILDREN; i++) {
		long child = n * CHILDREN + 1 + i;
		int status = 0;

		if (pids[i] < 0)
			lost += count_below(child);
		else if (pids[i] > 0 && waitpid(pids[i], &status, 0) == pids[i])
			lost += lost_of(child, status);
	}
	return lost;
}

int main(int argc, char **argv)
{
	long lost;

	bench_parse_options(argc, argv, "tree [OPTION]...", options);
	log_line("START", 0);
	lost = run(0);
	log_line(lost ? "LOST" : "DONE", lost);
	return lost < STATUS_MOST ? (int)lost : STATUS_MOST;
}
