// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rounds - runs one command again and again, and records how long each round took. A round whose
 * command was killed or failed is lost. SIGTERM ends it after the round is stopped; that last round
 * is not recorded.
 */
#include "bench.h"

#include <sys/wait.h>

#define MAX_ROUNDS          4096
#define RETRY_AFTER_LOSS_US 200000

static const char *out_path = "rounds.csv";

static const struct bench_option options[] = {
	{"out", BENCH_TEXT, &out_path,
	 "latency record: due_ms,latency_us (-1 = the round was lost)"},
	{NULL, BENCH_FLAG, NULL, NULL},
};

static pid_t start_command(char **command)
{
	pid_t pid = fork();

	if (pid < 0)
		bench_fail("fork");
	if (pid == 0) {
		execvp(command[0], command);
		_exit(127);
	}
	return pid;
}

/* True when the command ended by itself with status 0. */
static bool wait_for_command(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		if (bench_stopped)
			kill(pid, SIGKILL);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv)
{
	int at = bench_parse_options(argc, argv, "rounds [OPTION]... -- COMMAND...", options);
	struct bench_record record;

	if (at >= argc)
		bench_print_usage("rounds [OPTION]... -- COMMAND...", options);
	bench_catch_stop();
	bench_record_init(&record, MAX_ROUNDS);
	while (!bench_stopped) {
		int64_t started_us = bench_now_us();
		bool finished = wait_for_command(start_command(argv + at));
		int64_t ended_us = bench_now_us();

		if (bench_stopped)
			break;
		bench_record_add(&record, started_us,
				 finished ? ended_us - started_us : BENCH_LOST);
		if (!finished)
			bench_sleep_until_us(ended_us + RETRY_AFTER_LOSS_US);
	}
	bench_record_write(&record, out_path);
	return 0;
}
