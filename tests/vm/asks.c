// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * asks - a service that depends on another now and then. Requests come at a fixed rate, whether the
 * one before is done or not; each touches some memory, and every so many a one needs a lock and an
 * answer of the program answers. Writes when each came and how long after that it was done, in us
 * of CLOCK_MONOTONIC, when it is stopped.
 */
#include "tests/bench/bench.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MB       ((size_t)1 << 20)
#define ROWS_MAX 65536

static long size_mb = 32, per_s = 100, every = 25, pages = 100;
static const char *socket_path = "/tmp/answers.sock", *lock_path = "/tmp/answers.lock",
		  *log_path = "/dev/stdout";

static const struct bench_option options[] = {
	{"size", BENCH_LONG, &size_mb, "MB that it has"},
	{"rate", BENCH_LONG, &per_s, "requests a second"},
	{"every", BENCH_LONG, &every, "one of so many depends on the other"},
	{"pages", BENCH_LONG, &pages, "touched in a request"},
	{"socket", BENCH_TEXT, &socket_path, "where the other answers"},
	{"lock", BENCH_TEXT, &lock_path, "the file that both lock"},
	{"log", BENCH_TEXT, &log_path, "file for a line a request"},
	{NULL, BENCH_FLAG, NULL, NULL},
};

static struct {
	int64_t at_us, took_us;
} row[ROWS_MAX];

static int connect_to(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)))
		bench_fail("%s", path);
	return fd;
}

/* False when the other has ended: then nothing is asked any more. */
static bool ask(int fd, int lock_fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char byte = 'a';
	bool answered;

	if (fcntl(lock_fd, F_SETLKW, &lock))
		return false;
	lock.l_type = F_UNLCK;
	fcntl(lock_fd, F_SETLK, &lock);
	answered = write(fd, &byte, 1) == 1 && read(fd, &byte, 1) == 1;
	return answered;
}

static long serve(char *memory, int fd, int lock_fd)
{
	struct bench_rng rng = {88172645463325252};
	int64_t start_us = bench_now_us();
	long count = 0;
	bool asks = true;

	for (; !bench_stopped && count < ROWS_MAX; count++) {
		int64_t at_us = start_us + count * 1000000 / per_s;

		bench_sleep_until_us(at_us);
		if (bench_stopped)
			break;
		for (long i = 0; i < pages; i++)
			((volatile char *)memory)[bench_rng_below(&rng, (size_t)size_mb * 256) *
						  BENCH_PAGE_BYTES]++;
		if (asks && count % every == 0)
			asks = ask(fd, lock_fd);
		row[count].at_us = at_us;
		row[count].took_us = bench_now_us() - at_us;
	}
	return count;
}

int main(int argc, char **argv)
{
	int fd, lock_fd;
	char *memory;
	FILE *log;
	long count;

	bench_parse_options(argc, argv, "asks [OPTION]...", options);
	bench_catch_stop();
	memory = mmap(NULL, (size_t)size_mb * MB, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	lock_fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (memory == MAP_FAILED || lock_fd < 0)
		bench_fail("%s", lock_path);
	fd = connect_to(socket_path);
	count = serve(memory, fd, lock_fd);
	log = fopen(log_path, "we");
	if (!log)
		bench_fail("%s", log_path);
	for (long i = 0; i < count; i++)
		fprintf(log, "%" PRId64 " %" PRId64 "\n", row[i].at_us, row[i].took_us);
	return fclose(log) ? 1 : 0;
}
