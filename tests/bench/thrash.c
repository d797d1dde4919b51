// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * thrash - reads blocks of a file at random, of which the page cache shall hold more than there is
 * room for: a job of fixed work without memory of its own. The file is a hole, so that a miss costs
 * a page and no disk. Exit status 0 and DONE in the log mean that all was read.
 */
#include "bench.h"

#include <fcntl.h>
#include <inttypes.h>

#define MB          ((off_t)1 << 20)
#define BLOCK_BYTES 65536

static long size_mb = 800;
static long reads = 100000;
static const char *file_path = "thrash.file";
static const char *log_path = "/dev/stderr";

static const struct bench_option options[] = {
	{"size", BENCH_LONG, &size_mb, "MB of the file"},
	{"reads", BENCH_LONG, &reads, "the work, in blocks of 64 kB"},
	{"file", BENCH_TEXT, &file_path, "the file; it is made anew, and removed"},
	{"log", BENCH_TEXT, &log_path, "file for START, DONE and SIG lines"},
	{NULL, BENCH_FLAG, NULL, NULL},
};

static void log_line(const char *word, long done)
{
	FILE *log = fopen(log_path, "ae");

	if (!log)
		bench_fail("%s", log_path);
	fprintf(log, "%s reads=%ld at_ms=%" PRId64 "\n", word, done, bench_now_us() / 1000);
	fclose(log);
}

/* Of the same name afterwards there is no file: its pages go with it. */
static int open_file(void)
{
	int fd = open(file_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || unlink(file_path) || ftruncate(fd, (off_t)size_mb * MB))
		bench_fail("%s", file_path);
	posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	return fd;
}

int main(int argc, char **argv)
{
	static char block[BLOCK_BYTES];
	struct bench_rng rng = {88172645463325252};
	long done = 0;
	char word[16];
	int fd;

	bench_parse_options(argc, argv, "thrash [OPTION]...", options);
	bench_catch_stop();
	log_line("START", 0);
	fd = open_file();
	for (; done < reads && !bench_stopped; done++) {
		uint64_t blocks = (uint64_t)(size_mb * MB / BLOCK_BYTES);
		off_t at = (off_t)bench_rng_below(&rng, blocks) * BLOCK_BYTES;

		if (pread(fd, block, sizeof(block), at) != (ssize_t)sizeof(block) && errno != EINTR)
			bench_fail("%s", file_path);
	}
	close(fd);
	snprintf(word, sizeof(word), bench_stopped ? "SIG%d" : "DONE", (int)bench_stopped);
	log_line(word, done);
	return bench_stopped ? 128 + (int)bench_stopped : 0;
}
