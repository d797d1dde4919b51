// SPDX-License-Identifier: GPL-2.0-or-later
/* libuw: small leases without asking. What crosses is told apart by a server that stands still. */
#include "tests/unit/hang_guard.h"
#include "tests/unit/uw_fast.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

static int get_kib(struct uw *uw, uint64_t kib, uint32_t flags, uint64_t *ret_id)
{
	struct uw_request request = uw_wish(0);
	struct uw_grant grant = {.size = sizeof(grant)};
	int rc;

	request.bytes = kib * KIB;
	request.flags = flags;
	rc = uw_alloc(uw, &request, &grant, NULL);
	*ret_id = grant.id;
	return rc ? rc : (grant.bytes == request.bytes ? 0 : -EIO);
}

/* Asks for it where there is none, as it may have gone back before one looked. */
static bool has_credit_alone(const struct uw_fixture *f, struct uw *uw)
{
	uint32_t leases = uw_fixture_leases(f);
	uint64_t id;

	if (!leases) {
		assert_int_equal(get_kib(uw, 4, 0, &id), 0);
		assert_int_equal(uw_free(uw, id), 0);
	}
	return leases == 1;
}

/* A handle that has credit, and no lease but that. */
static struct uw *open_with_credit(const struct uw_fixture *f)
{
	struct uw *uw = uw_fixture_open(f);

	assert_int_equal(uw_start_thread(uw), 0);
	UNTIL(has_credit_alone(f, uw));
	return uw;
}

static uint64_t leased(const struct uw_fixture *f)
{
	return uw_fixture_say(f, LEVEL__COUNT).leased_bytes[MODELS];
}

static void test_small_lease_does_not_cross(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = open_with_credit(f);
	uint64_t id, other;

	kill(f->server, SIGSTOP);
	assert_int_equal(get_kib(uw, 2048, 0, &id), 0);
	assert_int_equal(get_kib(uw, 1, 0, &other), 0);
	assert_int_equal(uw_free(uw, other), 0);
	assert_int_equal(uw_free(uw, other), UW_STALE);
	kill(f->server, SIGCONT);
	uw_fixture_await(f, 2); /* it is told of the one that is still there */
	assert_int_equal(leased(f), LEASE_CREDIT_BYTES);
	assert_int_equal(uw_free(uw, id), 0);
	assert_int_equal(uw_free(uw, id), UW_STALE);
	/* Later, where the library has not read yet under which id uwd knows it. */
	UNTIL(leased(f) == LEASE_CREDIT_BYTES - 2 * MIB);
	uw_close(uw);
}

static void test_what_is_too_large_or_not_to_be_crosses(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = open_with_credit(f);
	struct uw_request request = uw_wish(1);
	struct uw_grant grant = {.size = sizeof(grant)};
	uint64_t id;

	assert_int_equal(get_kib(uw, 2049, 0, &id), 0);
	assert_int_equal(uw_fixture_leases(f), 2);
	assert_int_equal(get_kib(uw, 1, UW_NO_CREDIT, &id), 0);
	assert_int_equal(uw_fixture_leases(f), 3);
	request.ttl_us = 60 * US_PER_SEC;
	assert_int_equal(uw_alloc(uw, &request, &grant, NULL), 0);
	assert_int_equal(uw_fixture_leases(f), 4);
	request = uw_wish(1);
	request.priority = 11;
	assert_int_equal(uw_alloc(uw, &request, &grant, NULL), -EINVAL);
	uw_close(uw);
}

/* Nobody would tell uwd in time, nor give the credit back. */
static void test_without_a_loop_there_is_no_credit(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = uw_fixture_open(f);
	uint64_t id;

	for (uint32_t i = 1; i <= 3; i++) {
		assert_int_equal(get_kib(uw, 1, 0, &id), 0);
		assert_int_equal(uw_fixture_leases(f), i);
	}
	uw_close(uw);
}

static void test_idle_credit_goes_back(void **data)
{
	struct uw_fixture *f = *data;
	uint64_t began_us = clock_now_us();
	struct uw *uw = open_with_credit(f);

	uw_fixture_await(f, 0);
	assert_true(clock_now_us() - began_us >= 900 * US_PER_MS);
	assert_int_equal(leased(f), 0);
	UNTIL(has_credit_alone(f, uw)); /* and is there again when it is wanted */
	uw_close(uw);
}

static void *get_one(void *data)
{
	uint64_t id = 0;

	return get_kib(data, 4, 0, &id) || uw_free(data, id) ? data : NULL;
}

/* uwd is held up for longer than anything is looked at that is not there. */
static void test_credit_that_comes_late_goes_back_too(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = uw_fixture_open(f);
	void *failed = NULL;
	pthread_t thread;

	assert_int_equal(uw_start_thread(uw), 0);
	kill(f->server, SIGSTOP);
	assert_int_equal(pthread_create(&thread, NULL, get_one, uw), 0);
	usleep(2200 * 1000 / (useconds_t)fast_clock_rate);
	kill(f->server, SIGCONT);
	pthread_join(thread, &failed);
	assert_null(failed);
	uw_fixture_await(f, 0);
	uw_close(uw);
}

static void test_more_than_the_credit_is_asked_for(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = open_with_credit(f);
	uint64_t id[200];

	for (int i = 0; i < 200; i++)
		assert_int_equal(get_kib(uw, 2048, 0, &id[i]), 0);
	assert_in_range(leased(f), 400 * MIB, 408 * MIB);
	for (int i = 0; i < 200; i++)
		assert_int_equal(uw_free(uw, id[i]), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(get_kib(uw, 1, 0, &id[i % 200]), 0);
	uw_fixture_await(f, 1001);
	uw_close(uw);
}

static void test_ids_never_come_again(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = open_with_credit(f);
	uint64_t before = 0, id, low = UINT64_MAX;

	for (int i = 0; i < 700000; i++) { /* more than the lower part of a serial number holds */
		assert_int_equal(get_kib(uw, 1, 0, &id), 0);
		assert_int_not_equal(id, before);
		if (before && before != low)
			assert_int_equal(uw_free(uw, before), i == 0 ? 0 : UW_STALE);
		assert_int_equal(uw_free(uw, id), 0);
		before = id;
	}
	uw_close(uw);
}

static void test_lease_out_of_credit_is_resized_and_renewed(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = open_with_credit(f);
	uint64_t id;

	assert_int_equal(get_kib(uw, 1024, 0, &id), 0);
	assert_int_equal(uw_resize(uw, id, 20 * MIB, NULL, NULL), 0);
	assert_int_equal(leased(f), 27 * MIB);
	assert_int_equal(uw_renew(uw, id, US_PER_SEC), 0);
	assert_int_equal(uw_free(uw, id), 0);
	assert_int_equal(uw_resize(uw, id, MIB, NULL, NULL), UW_STALE);
	assert_int_equal(uw_renew(uw, id, 0), UW_STALE);
	uw_close(uw);
}

static void test_own_loop_tells_in_time(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = uw_fixture_open(f);
	struct pollfd ready = {.fd = uw_fd(uw), .events = POLLIN};
	uint64_t id;

	assert_int_equal(get_kib(uw, 4, 0, &id), 0);
	while (uw_fixture_leases(f) < 2) {
		poll(&ready, 1, 1000);
		assert_true(uw_dispatch(uw) >= 0);
	}
	assert_int_equal(get_kib(uw, 4, 0, &id), 0);
	assert_int_equal(uw_fixture_leases(f), 2);
	assert_int_equal(poll(&ready, 1, 1000), 1);
	assert_true(uw_dispatch(uw) >= 0);
	uw_fixture_await(f, 3);
	uw_close(uw);
}

static void test_many_in_a_packet_are_decided_one_by_one(void **data)
{
	struct uw *uw = uw_fixture_open(*data);
	struct uw_request request[3] = {uw_wish(300), uw_wish(400), uw_wish(200)};
	struct uw_grant grant[3] = {{.size = sizeof(grant[0])}};
	int outcome[3];

	request[1].timeout_us = 60 * US_PER_SEC;
	assert_int_equal(uw_alloc_many(uw, request, 3, grant, outcome), 0);
	assert_int_equal(outcome[0], 0);
	assert_int_equal(outcome[1], UW_DENIED);
	assert_int_equal(outcome[2], 0);
	assert_int_equal(grant[2].bytes, 200 * MIB);
	assert_int_equal(uw_free(uw, grant[0].id), 0);
	assert_int_equal(uw_alloc_many(uw, request, 0, grant, outcome), -EINVAL);
	request[1].component = "a name that is far longer than any component can have";
	assert_int_equal(uw_alloc_many(uw, request, 3, grant, outcome), -ENOENT);
	uw_close(uw);
}

static void test_many_of_credit_are_freed_told_or_not(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = open_with_credit(f);
	uint64_t id[100];
	int outcome[100];

	for (int i = 0; i < 50; i++)
		assert_int_equal(get_kib(uw, 64, 0, &id[i]), 0);
	uw_fixture_await(f, 51); /* of these it was told */
	for (int i = 50; i < 100; i++)
		assert_int_equal(get_kib(uw, 64, 0, &id[i]), 0);
	assert_int_equal(uw_free_many(uw, id, 100, outcome), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(outcome[i], 0);
	assert_int_equal(uw_free_many(uw, id, 100, outcome), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(outcome[i], UW_STALE);
	uw_fixture_await(f, 1);
	uw_close(uw);
}

/* Asked for, freed before, none at all. */
static void test_many_are_freed_in_a_packet(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = uw_fixture_open(f);
	uint64_t id[4];
	int outcome[4];

	id[0] = uw_get(uw, 100);
	id[1] = uw_get(uw, 200);
	id[2] = id[0];
	id[3] = 12345;
	assert_int_equal(uw_free_many(uw, id, 4, outcome), 0);
	assert_int_equal(outcome[0], 0);
	assert_int_equal(outcome[1], 0);
	assert_int_equal(outcome[2], UW_STALE);
	assert_int_equal(outcome[3], UW_STALE);
	assert_int_equal(uw_fixture_leases(f), 0);
	assert_int_equal(uw_free_many(uw, id, 0, outcome), -EINVAL);
	assert_int_equal(uw_free_many(uw, id, 513, outcome), -EINVAL);
	assert_int_equal(uw_free_many(uw, id, 4, NULL), -EINVAL);
	uw_fixture_kill(f);
	assert_int_equal(uw_free_many(uw, id, 2, outcome), 0);
	assert_int_equal(outcome[1], -ENOTCONN);
	uw_fixture_start(f);
	uw_close(uw);
}

/* ---- processes ---- */

static void test_dead_client_has_nothing(void **data)
{
	struct uw_fixture *f = *data;
	int fds[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		struct uw *uw = open_with_credit(f);
		uint64_t id;

		for (int i = 0; i < 20; i++)
			get_kib(uw, 10, 0, &id);
		if (write(fds[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(fds[0], &byte, 1), 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	uw_fixture_await(f, 0);
	assert_int_equal(leased(f), 0);
}

static void test_child_of_fork_has_no_credit(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = open_with_credit(f);
	uint64_t id, own;
	int status;
	pid_t pid;

	assert_int_equal(get_kib(uw, 1, 0, &id), 0);
	pid = fork();
	if (!pid) {
		int bad = uw_free(uw, id) != -ECHILD || get_kib(uw, 1, 0, &own) != -ECHILD ||
			  uw_resize(uw, id, MIB, NULL, NULL) != -ECHILD;

		uw_close(uw);
		_exit(bad);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_int_equal(uw_free(uw, id), 0);
	uw_close(uw);
}

/* ---- threads, and an uwd that is killed under them ---- */

#define THREADS 4
#define KEPT    32

struct worker {
	struct uw *uw;
	unsigned int seed;
	int rc;
	uint64_t kept[KEPT], kib[KEPT];
	_Atomic bool *stop;
};

static int turn(struct worker *worker)
{
	int at = rand_r(&worker->seed) % KEPT, rc = 0;

	if (worker->kept[at])
		rc = uw_free(worker->uw, worker->kept[at]);
	worker->kept[at] = 0;
	worker->kib[at] = 1 + (uint64_t)rand_r(&worker->seed) % 100;
	return rc ? rc : get_kib(worker->uw, worker->kib[at], 0, &worker->kept[at]);
}

static void *work(void *data)
{
	struct worker *worker = data;

	while (!worker->rc && !*worker->stop)
		worker->rc = turn(worker);
	return NULL;
}

static uint32_t kept_by(const struct worker *worker, uint64_t *bytes)
{
	uint32_t count = 0;

	for (int i = 0; i < KEPT; i++) {
		count += worker->kept[i] != 0;
		*bytes += worker->kept[i] ? worker->kib[i] * KIB : 0;
	}
	return count;
}

static void run_workers(struct uw_fixture *f, int kills)
{
	struct uw *uw = open_with_credit(f);
	struct worker worker[THREADS];
	_Atomic bool stop = false;
	pthread_t thread[THREADS];
	uint64_t bytes = 0;
	uint32_t count = 0;

	for (unsigned int i = 0; i < THREADS; i++) {
		worker[i] = (struct worker){.uw = uw, .seed = i, .stop = &stop};
		pthread_create(&thread[i], NULL, work, &worker[i]);
	}
	for (int i = 0; i < kills; i++) {
		usleep(7000);
		uw_fixture_kill(f);
		uw_fixture_start(f);
	}
	usleep(200 * 1000);
	stop = true;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		assert_int_equal(worker[i].rc, 0);
		count += kept_by(&worker[i], &bytes);
	}
	/* The credit has gone back, and all that is held was told: with one of them untold the
	 * credit makes up the number. */
	for (int i = 0; i < 10000 && (uw_fixture_leases(f) != count || leased(f) != bytes); i++)
		usleep(1000);
	assert_int_equal(uw_fixture_leases(f), count);
	assert_int_equal(leased(f), bytes);
	for (int i = 0; i < THREADS; i++)
		for (int k = 0; k < KEPT; k++)
			if (worker[i].kept[k])
				assert_int_equal(uw_free(uw, worker[i].kept[k]), 0);
	assert_int_equal(leased(f), 0);
	uw_close(uw);
}

static void test_threads_share_the_credit(void **data)
{
	run_workers(*data, 0);
}

static void test_nothing_is_lost_when_uwd_is_killed(void **data)
{
	run_workers(*data, 12);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, uw_fixture_setup, uw_fixture_teardown)
#define FAST(name) cmocka_unit_test_setup_teardown(name, uw_fast_setup, uw_fast_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_small_lease_does_not_cross),
		TEST(test_what_is_too_large_or_not_to_be_crosses),
		TEST(test_without_a_loop_there_is_no_credit),
		FAST(test_idle_credit_goes_back),
		FAST(test_credit_that_comes_late_goes_back_too),
		TEST(test_more_than_the_credit_is_asked_for),
		TEST(test_ids_never_come_again),
		TEST(test_lease_out_of_credit_is_resized_and_renewed),
		TEST(test_own_loop_tells_in_time),
		TEST(test_many_in_a_packet_are_decided_one_by_one),
		TEST(test_many_of_credit_are_freed_told_or_not),
		FAST(test_many_are_freed_in_a_packet),
		TEST(test_dead_client_has_nothing),
		TEST(test_child_of_fork_has_no_credit),
		FAST(test_threads_share_the_credit),
		TEST(test_nothing_is_lost_when_uwd_is_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
