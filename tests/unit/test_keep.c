// SPDX-License-Identifier: GPL-2.0-or-later
/* The keeper of pools, in a process of its own, as uwd speaks to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/fast_clock.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/keep/keep.h"
#include "user/keep/message.h"

#define POOL 0x100000007ULL

static char dir[32];
static struct sockaddr_un address;
static pid_t keeper;
static int uwd = -1;

static void write_file(const char *name, const char *text)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static uint64_t read_file(const char *name)
{
	char path[64], text[64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_true(text_read_at(AT_FDCWD, path, text, sizeof(text)) > 0);
	return strtoull(text, NULL, 10);
}

static int call_keeper(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* The files of a cgroup stand in a folder. */
static int setup(void **state)
{
	struct keep_options options;

	(void)state;
	strcpy(dir, "/tmp/uw-keep-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	write_file("memory.max", "max\n");
	write_file("memory.low", "0\n");
	write_file("memory.current", "1000\n");
	write_file("memory.oom.group", "1\n");
	address.sun_family = AF_UNIX;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/keep.sock", dir);
	options.listen = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	options.group = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (bind(options.listen, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(options.listen, 4))
		return -1;
	keeper = fork();
	if (!keeper) {
		struct uw_err err = {0};

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fclose(stderr); /* it has no right to be spared here */
		_exit(keep_run(&options, &err) ? 1 : 0);
	}
	close(options.listen);
	close(options.group);
	uwd = call_keeper();
	return 0;
}

static int teardown(void **state)
{
	static const char *const files[] = {"memory.max", "memory.low", "memory.current",
					    "memory.oom.group", "keep.sock"};
	char path[64];

	(void)state;
	kill(keeper, SIGKILL);
	waitpid(keeper, NULL, 0);
	if (uwd >= 0)
		close(uwd);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	return rmdir(dir);
}

static struct keep_message hear(int *ret_fd)
{
	struct pollfd ready = {.fd = uwd, .events = POLLIN};
	struct keep_message message;

	assert_int_equal(poll(&ready, 1, 10000), 1);
	*ret_fd = -1;
	assert_int_equal(keep_receive(uwd, &message, ret_fd), 0);
	return message;
}

static void tell(enum keep_op op, uint64_t pool, uint64_t offset, uint64_t bytes, int fd)
{
	struct keep_message message = {
		.magic = KEEP_MAGIC,
		.op = op,
		.cookie = 40 + pool,
		.pool = pool,
		.offset = offset,
		.bytes = bytes,
	};

	assert_int_equal(keep_send(uwd, &message, fd), 0);
}

static struct keep_message ask(enum keep_op op, uint64_t pool, uint64_t offset, uint64_t bytes,
			       int *ret_fd)
{
	struct keep_message message;

	tell(op, pool, offset, bytes, -1);
	message = hear(ret_fd);
	assert_int_equal(message.op, op);
	assert_int_equal(message.cookie, 40 + pool);
	return message;
}

static int make(uint64_t pool, uint64_t bytes)
{
	int fd;

	assert_int_equal(ask(KEEP_MAKE, pool, 0, bytes, &fd).result, 0);
	assert_true(fd >= 0);
	return fd;
}

static uint64_t memory_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static uint64_t limit_for(uint64_t bytes)
{
	return bytes + bytes / KEEP_NODES_SHARE + KEEP_OWN_BYTES;
}

static void test_pool_has_no_memory_before_it_is_committed(void **state)
{
	int none, fd = make(POOL, 8 * MIB);
	struct keep_message done;

	(void)state;
	assert_int_equal(memory_of(fd), 0);
	done = ask(KEEP_COMMIT, POOL, MIB, 4 * MIB, &none);
	assert_int_equal(done.result, 0);
	assert_int_equal(done.bytes, 4 * MIB);
	assert_int_equal(memory_of(fd), 4 * MIB);
	close(fd);
}

static void test_pool_can_neither_be_resized_nor_sealed_nor_opened_by_others(void **state)
{
	int fd = make(POOL, MIB);
	struct stat st;

	(void)state;
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(ftruncate(fd, 2 * MIB), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
	/* Giving memory back stays possible. */
	assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
	close(fd);
}

static void test_limit_of_the_leaf_follows_the_pools(void **state)
{
	int none, one = make(POOL, 100 * MIB), other;

	(void)state;
	assert_int_equal(read_file("memory.oom.group"), 0);
	assert_int_equal(read_file("memory.max"), limit_for(100 * MIB));
	assert_int_equal(read_file("memory.low"), limit_for(100 * MIB));
	other = make(POOL + 1, 28 * MIB);
	assert_int_equal(read_file("memory.max"), limit_for(128 * MIB));
	ask(KEEP_DROP, POOL, 0, 0, &none);
	assert_int_equal(read_file("memory.max"), limit_for(28 * MIB));
	/* Somebody's memory is there still: writing less would reclaim it. */
	write_file("memory.current", "20000000\n");
	ask(KEEP_DROP, POOL + 1, 0, 0, &none);
	assert_int_equal(read_file("memory.max"), limit_for(28 * MIB));
	close(one);
	close(other);
}

static void test_what_does_not_fit_a_pool_is_refused(void **state)
{
	int none, fd = make(POOL, 4 * MIB);

	(void)state;
	assert_int_equal(ask(KEEP_MAKE, POOL, 0, MIB, &none).result, -EEXIST);
	assert_int_equal(ask(KEEP_MAKE, POOL + 1, 0, 0, &none).result, -EINVAL);
	assert_int_equal(ask(KEEP_COMMIT, POOL, 0, 4 * MIB + 4096, &none).result, -EINVAL);
	assert_int_equal(ask(KEEP_COMMIT, POOL, 0, 0, &none).result, -EINVAL);
	assert_int_equal(ask(KEEP_COMMIT, POOL + 1, 0, MIB, &none).result, -ENOENT);
	assert_int_equal(ask(KEEP_TAKE, POOL + 1, 0, MIB, &none).result, -EINVAL);
	assert_int_equal(memory_of(fd), 0);
	close(fd);
}

static void test_small_commit_overtakes_a_large_one(void **state)
{
	int none, large = make(POOL, 256 * MIB), small = make(POOL + 1, 2 * MIB);

	(void)state;
	tell(KEEP_COMMIT, POOL, 0, 256 * MIB, -1);
	tell(KEEP_COMMIT, POOL + 1, 0, 2 * MIB, -1);
	assert_int_equal(hear(&none).pool, POOL + 1);
	assert_true(memory_of(large) < 256 * MIB);
	assert_int_equal(hear(&none).pool, POOL);
	assert_int_equal(memory_of(large), 256 * MIB);
	close(large);
	close(small);
}

static void test_dropped_pool_ends_its_commits(void **state)
{
	int none, fd = make(POOL, 256 * MIB);
	struct keep_message first, second;

	(void)state;
	tell(KEEP_COMMIT, POOL, 0, 256 * MIB, -1);
	tell(KEEP_DROP, POOL, 0, 0, -1);
	first = hear(&none);
	second = hear(&none);
	assert_int_equal(first.op, KEEP_COMMIT);
	assert_int_equal(first.result, -ECANCELED);
	assert_true(first.bytes < 256 * MIB);
	assert_int_equal(second.op, KEEP_DROP);
	close(fd);
}

static void test_next_uwd_gets_the_pools_back(void **state)
{
	int fd = make(POOL, 4 * MIB), again;
	struct stat one, other;
	struct keep_message message;

	(void)state;
	assert_int_equal(fstat(fd, &one), 0);
	close(fd);
	close(uwd);
	uwd = call_keeper();
	tell(KEEP_LIST, 0, 0, 0, -1);
	message = hear(&again);
	assert_int_equal(message.pool, POOL);
	assert_int_equal(message.bytes, 4 * MIB);
	assert_int_equal(fstat(again, &other), 0);
	assert_int_equal(one.st_ino, other.st_ino);
	close(again);
	message = hear(&again);
	assert_int_equal(message.pool, 0);
	assert_int_equal(again, -1);
}

static void test_pool_of_an_earlier_keeper_is_taken(void **state)
{
	int none, fd = memfd_create("pool", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(ftruncate(fd, 2 * MIB), 0);
	tell(KEEP_TAKE, POOL, 0, 2 * MIB, fd);
	assert_int_equal(hear(&none).result, 0);
	assert_int_equal(ask(KEEP_COMMIT, POOL, 0, 2 * MIB, &none).result, 0);
	assert_int_equal(memory_of(fd), 2 * MIB);
	tell(KEEP_TAKE, POOL, 0, 2 * MIB, fd); /* it has it */
	assert_int_equal(hear(&none).result, 0);
	close(fd);
}

static void test_bad_packet_ends_the_connection_and_no_pool(void **state)
{
	int fd = make(POOL, MIB), none;
	struct keep_message bad = {.magic = KEEP_MAGIC + 1, .op = KEEP_LIST};
	char end;

	(void)state;
	assert_int_equal(keep_send(uwd, &bad, -1), 0);
	assert_int_equal(recv(uwd, &end, 1, 0), 0);
	close(uwd);
	uwd = call_keeper();
	tell(KEEP_LIST, 0, 0, 0, -1);
	assert_int_equal(hear(&none).pool, POOL);
	close(none);
	close(fd);
}

static int setup_fast(void **state)
{
	fast_clock_rate = 20;
	return setup(state);
}

static int teardown_fast(void **state)
{
	fast_clock_rate = 1;
	return teardown(state);
}

/* An uwd that restarts comes back within that time. */
static void test_keeper_without_pools_and_uwd_ends(void **state)
{
	int status, fd = make(POOL, MIB), none;
	uint64_t began_us;

	(void)state;
	ask(KEEP_DROP, POOL, 0, 0, &none);
	close(fd);
	began_us = clock_now_us();
	close(uwd);
	uwd = -1;
	assert_int_equal(waitpid(keeper, &status, 0), keeper);
	assert_true(clock_now_us() - began_us >= (KEEP_LONELY_MS - 100) * US_PER_MS);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
}

static void limit_files_of_keeper(rlim_t count)
{
	const struct rlimit limit = {count, 1024};

	assert_int_equal(prlimit(keeper, RLIMIT_NOFILE, &limit, NULL), 0);
}

/* It has what must not be lost: where it cannot take the next uwd, it can later. */
static void test_keeper_without_a_free_file_outlasts_that(void **state)
{
	const struct timespec while_it_lasts = {.tv_nsec = 50 * 1000 * 1000};
	int fd = make(POOL, MIB), none;

	(void)state;
	limit_files_of_keeper(2); /* which are taken; poll(2) asks for as many */
	close(uwd);
	uwd = call_keeper();
	nanosleep(&while_it_lasts, NULL);
	assert_int_equal(waitpid(keeper, NULL, WNOHANG), 0);
	limit_files_of_keeper(1024);
	assert_int_equal(ask(KEEP_MAKE, POOL, 0, MIB, &none).result, -EEXIST);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pool_has_no_memory_before_it_is_committed),
		TEST(pool_can_neither_be_resized_nor_sealed_nor_opened_by_others),
		TEST(limit_of_the_leaf_follows_the_pools),
		TEST(what_does_not_fit_a_pool_is_refused),
		TEST(small_commit_overtakes_a_large_one),
		TEST(dropped_pool_ends_its_commits),
		TEST(next_uwd_gets_the_pools_back),
		TEST(pool_of_an_earlier_keeper_is_taken),
		TEST(bad_packet_ends_the_connection_and_no_pool),
		cmocka_unit_test_setup_teardown(test_keeper_without_pools_and_uwd_ends, setup_fast,
						teardown_fast),
		TEST(keeper_without_a_free_file_outlasts_that),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
