// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rings between threads and processes: nothing is lost, doubled or torn, who sleeps is woken, and
 * clients that are killed at any instruction hold up nobody.
 */
#include "tests/unit/ring_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/unit/hang_guard.h"

#define RECORDS 200000ULL
#define KILLS   120
#define STEPS   800 /* instructions until then: several batches */
/* What is promised is 100 ms; the rest is for a machine on which nobody gets a processor. */
#define STUCK_US 5000000ULL
/* Who is in the way is looked at after each wait: at the end of a long one once for all below. */
#define LOOK_US 3000ULL

/* ---- threads ---- */

struct crowd {
	struct uw_ring *ring;
	uint64_t writers, readers;
	_Atomic uint64_t next_writer, taken, sum;
	_Atomic bool bad;
};

static void put_waiting(struct uw_ring *ring, uint64_t number, uint64_t words)
{
	while (ring_put(ring, number, words) == -EAGAIN)
		uw_ring_wait(ring, UW_RING_WRITE, HANG_GUARD_US);
}

/* Number in the low 40 bits, writer above. */
static void *write_share(void *data)
{
	struct crowd *crowd = data;
	uint64_t writer = atomic_fetch_add(&crowd->next_writer, 1);

	for (uint64_t i = 0; i < RECORDS / crowd->writers; i++)
		put_waiting(crowd->ring, writer << 40 | i, 1 + i % 5);
	return NULL;
}

/* Of each writer numbers only grow. */
static void check_order(struct crowd *crowd, uint64_t *last, uint64_t number)
{
	uint64_t *of = &last[number >> 40 & 7], at = number & ((1ULL << 40) - 1);

	if (*of > at)
		atomic_store(&crowd->bad, true);
	*of = at + 1;
	atomic_fetch_add(&crowd->sum, at);
	atomic_fetch_add(&crowd->taken, 1);
}

static void *read_share(void *data)
{
	struct crowd *crowd = data;
	uint64_t last[8] = {0}, number = 0, all = RECORDS / crowd->writers * crowd->writers;

	while (atomic_load(&crowd->taken) < all) {
		if (ring_take(crowd->ring, &number) == 0)
			check_order(crowd, last, number);
		else
			uw_ring_wait(crowd->ring, UW_RING_READ, 1000);
	}
	return NULL;
}

static void run_crowd(uint32_t flags, uint64_t writers, uint64_t readers)
{
	struct crowd crowd = {
		.ring = ring_make(flags, 1 << 14), .writers = writers, .readers = readers};
	uint64_t each = RECORDS / writers;
	pthread_t threads[8];
	size_t count = 0;

	for (uint64_t i = 0; i < writers; i++)
		assert_int_equal(pthread_create(&threads[count++], NULL, write_share, &crowd), 0);
	for (uint64_t i = 0; i < readers; i++)
		assert_int_equal(pthread_create(&threads[count++], NULL, read_share, &crowd), 0);
	while (count)
		pthread_join(threads[--count], NULL);
	assert_false(crowd.bad);
	assert_int_equal(crowd.taken, each * writers);
	assert_int_equal(crowd.sum, each * (each - 1) / 2 * writers);
	assert_int_equal(ring_stats(crowd.ring).torn, 0);
	uw_ring_close(crowd.ring);
}

static void test_threads_lose_nothing(void **data)
{
	(void)data;
	run_crowd(0, 1, 1);
	run_crowd(MANY, 1, 1);
	run_crowd(MANY, 4, 1);
	run_crowd(MANY, 1, 4);
	run_crowd(MANY, 3, 3);
}

/* Readers and writers of a ring that drops: all that is read is whole, in order, and what was lost
 * is counted. */
static void *write_dropping(void *data)
{
	struct crowd *crowd = data;

	for (uint64_t i = 0; i < RECORDS; i++)
		while (ring_put(crowd->ring, i, 1 + i % 14) == -EAGAIN)
			continue;
	atomic_store(&crowd->next_writer, 1);
	return NULL;
}

static void test_overtaken_reader_reads_nothing_torn(void **data)
{
	(void)data;
	for (uint32_t many = 0; many < 2; many++) {
		struct crowd crowd = {.ring = ring_make(DROP | (many ? MANY : 0), 4096)};
		uint64_t last = 0, number = 0, read = 0, overtaken = 0;
		pthread_t writer;
		bool ended;
		int rc;

		assert_int_equal(pthread_create(&writer, NULL, write_dropping, &crowd), 0);
		do {
			ended = atomic_load(&crowd.next_writer);
			rc = ring_take(crowd.ring, &number);
			assert_int_not_equal(rc, -EBADMSG);
			overtaken += rc == UW_STALE;
			if (rc)
				continue;
			assert_true(!read || number > last);
			last = number;
			read++;
		} while (!ended || rc != -EAGAIN);
		pthread_join(writer, NULL);
		assert_int_equal(last, RECORDS - 1);
		assert_int_equal(read + overtaken + ring_stats(crowd.ring).lost,
				 RECORDS + (many ? overtaken : 0));
		uw_ring_close(crowd.ring);
	}
}

static void *put_one_later(void *data)
{
	struct uw_ring *ring = data;

	usleep(20000);
	assert_int_equal(ring_put(ring, 77, 1), 0);
	return NULL;
}

static void *take_one_later(void *data)
{
	uint64_t number;

	usleep(20000);
	assert_int_equal(ring_take(data, &number), 0);
	return NULL;
}

static void test_who_sleeps_is_woken(void **data)
{
	(void)data;
	for (uint32_t many = 0; many < 2; many++) {
		struct uw_ring *ring = ring_make(many ? MANY : 0, 4096);
		uint64_t number = 0;
		pthread_t other;

		assert_int_equal(pthread_create(&other, NULL, put_one_later, ring), 0);
		assert_int_equal(uw_ring_wait(ring, UW_RING_READ, UINT64_MAX), 0);
		pthread_join(other, NULL);
		assert_int_equal(ring_take(ring, &number), 0);
		while (ring_put(ring, 1, 14) == 0)
			continue;
		assert_int_equal(pthread_create(&other, NULL, take_one_later, ring), 0);
		assert_int_equal(uw_ring_wait(ring, UW_RING_WRITE, UINT64_MAX), 0);
		pthread_join(other, NULL);
		uw_ring_close(ring);
	}
}

/* ---- processes ---- */

static void send_fd(int over, int fd)
{
	char byte = 0;
	struct iovec from = {&byte, 1};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct msghdr message = {.msg_iov = &from,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	assert_int_equal(sendmsg(over, &message, 0), 1);
}

static int receive_fd(int over)
{
	char byte;
	struct iovec to = {&byte, 1};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = {.msg_iov = &to,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(over, &message, 0) == 1 && CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

static void test_ring_is_passed_over_a_socket(void **data)
{
	struct uw_ring *ring = ring_make(0, 1 << 16), *theirs = NULL;
	int ends[2], status;
	uint64_t number = 0;
	pid_t pid;

	(void)data;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	pid = fork();
	if (!pid) {
		int fd = receive_fd(ends[1]);

		if (uw_ring_attach_fd(fd, UW_READ_WRITE, &theirs))
			_exit(1);
		for (uint64_t i = 0; i < 1000; i++)
			put_waiting(theirs, i, 20);
		_exit(0);
	}
	send_fd(ends[0], uw_ring_fd(ring));
	for (uint64_t i = 0; i < 1000; i++) {
		while (ring_take(ring, &number) == -EAGAIN)
			assert_int_equal(uw_ring_wait(ring, UW_RING_READ, HANG_GUARD_US), 0);
		assert_int_equal(number, i);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(ends[0]);
	close(ends[1]);
	uw_ring_close(ring);
}

/* ---- death ---- */

static volatile sig_atomic_t steps_left;

static void count_step(int signal_number)
{
	(void)signal_number;
	if (--steps_left <= 0)
		kill(getpid(), SIGKILL);
}

/* From here on the processor traps after each instruction: death may come between any two. */
static void die_after(unsigned steps)
{
	struct sigaction trap = {.sa_handler = count_step};

	steps_left = (sig_atomic_t)steps;
	sigaction(SIGTRAP, &trap, NULL);
#ifdef __x86_64__ /* elsewhere only in work */
	__asm__ volatile("leaq -128(%%rsp), %%rsp; pushfq; orq $0x100, (%%rsp); popfq;"
			 "leaq 128(%%rsp), %%rsp" ::
				 : "memory", "cc");
#endif
}

/* Writes, or reads, one batch. */
static int work(struct uw_ring *ring, bool writes, uint64_t number)
{
	struct uw_record records[8];
	uint32_t count = 1 + (uint32_t)number % 8;
	uint32_t words = steps_left > 0 ? 3 : 14; /* in steps, those of libuw are what counts */
	int rc;

	for (uint32_t i = 0; i < count; i++)
		records[i].length = 8 * (1 + (uint32_t)(number + i) % words);
	rc = writes ? uw_ring_reserve(ring, records, count) : uw_ring_peek(ring, records, count);
	for (int i = 0; writes && i < rc; i++)
		for (uint32_t word = 0; word < records[i].length / 8; word++)
			((uint64_t *)records[i].bytes)[word] = number;
	if (steps_left > 0)
		count_step(0);
	if (rc > 0 && writes)
		uw_ring_commit(ring, records, (uint32_t)rc);
	else if (rc > 0)
		uw_ring_release(ring, records, (uint32_t)rc);
	return rc;
}

/* A process that works until it is killed, or for so many steps. */
__attribute__((noreturn)) static void live(int fd, bool writes, unsigned seed, unsigned steps)
{
	struct uw_ring *ring = NULL;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (uw_ring_attach_fd(fd, UW_READ_WRITE, &ring))
		_exit(1);
	if (steps)
		die_after(steps);
	for (uint64_t number = seed;; number++) {
		int rc = work(ring, writes, number);

		if (rc == -EAGAIN && !steps)
			uw_ring_wait(ring, writes ? UW_RING_WRITE : UW_RING_READ, 1000000);
		else if (rc < 0 && rc != -EAGAIN && rc != -EBUSY)
			_exit(2);
	}
}

static pid_t spawn(const struct uw_ring *ring, bool writes, unsigned seed, unsigned steps)
{
	int fd = dup(uw_ring_fd(ring));
	pid_t pid = fork();

	if (!pid)
		live(fd, writes, seed, steps);
	close(fd);
	return pid;
}

static void await_death(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status)); /* and did not give up by itself */
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* Reads, or writes, one record; returns how long that took. */
static uint64_t step(struct uw_ring *ring, bool reads, uint64_t *ret_number)
{
	uint64_t began_us = clock_now_us();

	for (;;) {
		int rc = reads ? ring_take(ring, ret_number) : ring_put(ring, 1ULL << 60, 9);
		uint64_t took_us = clock_now_us() - began_us;

		if (!rc)
			return took_us;
		assert_true(rc == -EAGAIN);
		assert_true(took_us < STUCK_US);
		uw_ring_wait(ring, reads ? UW_RING_READ : UW_RING_WRITE, LOOK_US);
	}
}

/* What many may do after any death: a ring's worth of records comes through. */
static uint64_t pass_some(struct uw_ring *ring)
{
	uint64_t number = 0, took_us, longest_us = 0;

	for (int i = 0; i < 40; i++) {
		uint64_t began_us = clock_now_us();

		/* Behind what others left, which may fill the ring. */
		while (ring_put(ring, 1ULL << 61, 3) == -EAGAIN) {
			assert_true(clock_now_us() - began_us < STUCK_US);
			if (ring_take(ring, &number) == -EAGAIN)
				uw_ring_wait(ring, UW_RING_WRITE, LOOK_US);
		}
		do {
			took_us = step(ring, true, &number);
			longest_us = took_us > longest_us ? took_us : longest_us;
		} while (number != 1ULL << 61);
	}
	return longest_us;
}

/* Clients of the other side die one after another, each after a number of instructions. */
static void die_again_and_again(uint32_t flags, bool reads)
{
	struct uw_ring *ring = ring_make(flags, 4096);
	uint64_t longest_us = 0, number = 0;

	srandom(flags * 2 + reads);
	for (unsigned i = 0; i < KILLS / 4; i++) {
		if (!reads)
			for (int many = 0; many < 20; many++)
				ring_put(ring, 1ULL << 60, 5);
		await_death(spawn(ring, reads, i, 1 + (unsigned)random() % STEPS));
		if (flags & MANY) {
			uint64_t took_us = pass_some(ring);

			longest_us = took_us > longest_us ? took_us : longest_us;
		}
		while (reads && ring_take(ring, &number) == 0)
			continue;
	}
	print_message("flags %u, %s die: %llu abandoned, %llu us at most\n", flags,
		      reads ? "writers" : "readers", (unsigned long long)ring_stats(ring).abandoned,
		      (unsigned long long)longest_us);
#ifdef __x86_64__
	if (flags & MANY)
		assert_true(ring_stats(ring).abandoned > 0);
#endif
	assert_int_equal(ring_stats(ring).torn, 0);
	uw_ring_close(ring);
}

static void test_writers_die_at_any_instruction(void **data)
{
	(void)data;
	die_again_and_again(0, true);
	die_again_and_again(MANY, true);
}

static void test_readers_die_at_any_instruction(void **data)
{
	(void)data;
	die_again_and_again(0, false);
	die_again_and_again(MANY, false);
}

/* Two live on the other side, and one of them is killed and replaced while all are at work. */
static void test_others_are_killed_at_work(void **data)
{
	(void)data;
	for (uint32_t reads = 0; reads < 2; reads++) {
		struct uw_ring *ring = ring_make(MANY, 4096);
		pid_t stays = spawn(ring, reads, 3, 0);
		uint64_t number = 0;

		srandom(reads);
		for (unsigned i = 0; i < KILLS / 8; i++) {
			pid_t pid = spawn(ring, reads, i, 0);

			for (long left = random() % 300; left >= 0; left--)
				step(ring, reads, &number);
			assert_int_equal(kill(pid, SIGKILL), 0);
			await_death(pid);
		}
		step(ring, reads, &number);
		assert_int_equal(kill(stays, SIGKILL), 0);
		await_death(stays);
		assert_int_equal(ring_stats(ring).torn, 0);
		uw_ring_close(ring);
	}
}

/* One that is killed with a claim, for certain: what comes behind it is read. */
static void test_claim_of_a_dead_process_is_buried(void **data)
{
	struct uw_ring *ring = ring_make(MANY, 4096);
	int fd = dup(uw_ring_fd(ring)), status;
	uint64_t number = 0;
	pid_t pid = fork();

	(void)data;
	if (!pid) {
		struct uw_record record = {.length = 8};
		struct uw_ring *theirs = NULL;

		if (uw_ring_attach_fd(fd, UW_READ_WRITE, &theirs) ||
		    uw_ring_reserve(theirs, &record, 1) != 1)
			_exit(1);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(ring_put(ring, 8, 1), 0);
	while (ring_take(ring, &number) == -EAGAIN)
		assert_int_equal(uw_ring_wait(ring, UW_RING_READ, HANG_GUARD_US), 0);
	assert_int_equal(number, 8);
	assert_int_equal(ring_stats(ring).abandoned, 1);
	close(fd);
	uw_ring_close(ring);
}

/* And one that is alive keeps its claim, however long it takes. */
static void test_claim_of_a_live_process_stands(void **data)
{
	struct uw_ring *ring = ring_make(MANY, 4096), *other = ring_attach(ring, UW_READ_WRITE);
	struct uw_record record = {.length = 8};
	uint64_t number = 0;

	(void)data;
	assert_int_equal(uw_ring_reserve(other, &record, 1), 1);
	assert_int_equal(ring_put(ring, 8, 1), 0);
	assert_int_equal(uw_ring_wait(ring, UW_RING_READ, 100000), UW_TIMED_OUT);
	assert_int_equal(ring_take(ring, &number), -EAGAIN);
	*(uint64_t *)record.bytes = 7;
	assert_int_equal(uw_ring_commit(other, &record, 1), 0);
	assert_int_equal(ring_take(ring, &number), 0);
	assert_int_equal(number, 7);
	uw_ring_close(other);
	uw_ring_close(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads_lose_nothing),
		cmocka_unit_test(test_overtaken_reader_reads_nothing_torn),
		cmocka_unit_test(test_who_sleeps_is_woken),
		cmocka_unit_test(test_ring_is_passed_over_a_socket),
		cmocka_unit_test(test_writers_die_at_any_instruction),
		cmocka_unit_test(test_readers_die_at_any_instruction),
		cmocka_unit_test(test_others_are_killed_at_work),
		cmocka_unit_test(test_claim_of_a_dead_process_is_buried),
		cmocka_unit_test(test_claim_of_a_live_process_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
