// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * answers - a job that grows, and that somebody depends on: it answers each byte on a socket, and
 * has a lock on a file for a part of the time. All by one thread, so that whatever stops its growth
 * stops its answers too. Ends when it has grown, and has then gone on for a while.
 */
#include "tests/bench/bench.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MB       ((size_t)1 << 20)
#define ROUND_US 2000 /* between two looks at the socket */
#define LOCKED   5    /* rounds with the lock, of */
#define ROUNDS   25   /* which take 50 ms */
#define HOT_MB   8    /* of it is touched in each round, the rest never again */

static long size_mb = 100;
static double rate_mb_per_s = 60, after_s, hold_s = 5;
static const char *socket_path = "/tmp/answers.sock", *lock_path = "/tmp/answers.lock",
		  *log_path = "/dev/stdout";

static const struct bench_option options[] = {
	{"size", BENCH_LONG, &size_mb, "MB to grow to"},
	{"rate", BENCH_DOUBLE, &rate_mb_per_s, "MB/s to grow by"},
	{"after", BENCH_DOUBLE, &after_s, "seconds until it grows"},
	{"hold", BENCH_DOUBLE, &hold_s, "seconds that it goes on when it has grown"},
	{"socket", BENCH_TEXT, &socket_path, "where it answers"},
	{"lock", BENCH_TEXT, &lock_path, "the file that it locks"},
	{"log", BENCH_TEXT, &log_path, "file for the line at the end"},
	{NULL, BENCH_FLAG, NULL, NULL},
};

static int listen_at(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 1))
		bench_fail("%s", path);
	return fd;
}

static void set_lock(int fd, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET};

	while (fcntl(fd, F_SETLKW, &lock) && !bench_stopped)
		if (errno != EINTR)
			bench_fail("lock");
}

/* Waits for the round's end, answering meanwhile. */
static void answer_until(int listener, int *client, int64_t end_us)
{
	int64_t left_us;

	while ((left_us = end_us - bench_now_us()) > 0) {
		struct pollfd at = {.fd = *client < 0 ? listener : *client, .events = POLLIN};
		struct timespec wait = {.tv_nsec = left_us * 1000};
		char byte;

		if (ppoll(&at, 1, &wait, NULL) <= 0)
			continue;
		if (*client < 0)
			*client = accept(listener, NULL, NULL);
		else if (read(*client, &byte, 1) != 1 || write(*client, &byte, 1) != 1)
			close(*client), *client = -1;
	}
}

static void touch(char *memory, size_t from, size_t to)
{
	for (size_t at = from; at < to; at += BENCH_PAGE_BYTES)
		((volatile char *)memory)[at]++;
}

/* Bytes that it should have by now. */
static size_t grown(int64_t us)
{
	double mb = us > 0 ? (double)us / 1e6 * rate_mb_per_s : 0;
	size_t bytes = (HOT_MB + (size_t)mb) * MB;

	return bytes < (size_t)size_mb * MB ? bytes : (size_t)size_mb * MB;
}

/* Growth is paced by the rounds that it was given, as work is. */
static int64_t work(char *memory, int listener, int lock_fd)
{
	int64_t us = (int64_t)(-after_s * 1e6), end_us = -1;
	size_t has = 0;
	int client = -1;

	for (long round = 0; !bench_stopped && (end_us < 0 || us < end_us); round++) {
		int64_t began_us = bench_now_us();

		if (round % ROUNDS == 0)
			set_lock(lock_fd, F_WRLCK);
		else if (round % ROUNDS == LOCKED)
			set_lock(lock_fd, F_UNLCK);
		touch(memory, 0, HOT_MB * MB < has ? HOT_MB * MB / 16 : has);
		touch(memory, has, grown(us));
		has = grown(us);
		if (has == (size_t)size_mb * MB && end_us < 0)
			end_us = us + (int64_t)(hold_s * 1e6);
		answer_until(listener, &client, began_us + ROUND_US);
		us += ROUND_US;
	}
	return us;
}

int main(int argc, char **argv)
{
	int64_t start_us = bench_now_us();
	int listener, lock_fd;
	char *memory;
	FILE *log;

	bench_parse_options(argc, argv, "answers [OPTION]...", options);
	bench_catch_stop();
	memory = mmap(NULL, (size_t)size_mb * MB, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	lock_fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (memory == MAP_FAILED || lock_fd < 0)
		bench_fail("%s", lock_path);
	madvise(memory, (size_t)size_mb * MB, MADV_NOHUGEPAGE);
	listener = listen_at(socket_path);
	work(memory, listener, lock_fd);
	log = fopen(log_path, "ae");
	if (!log)
		bench_fail("%s", log_path);
	fprintf(log, "%s ms=%lld\n", bench_stopped ? "STOPPED" : "DONE",
		(long long)(bench_now_us() - start_us) / 1000);
	fclose(log);
	return bench_stopped ? 128 + (int)bench_stopped : 0;
}
