// SPDX-License-Identifier: GPL-2.0-or-later
/* libuw: leases, waits, threads, fork, and an uwd that is killed under it. */
#include "tests/unit/uw_fast.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

static void test_without_uwd_nothing_opens(void **data)
{
	struct uw *uw = NULL;

	(void)data;
	assert_int_equal(uw_open("/nonexistent/lease.sock", &uw), -ENOTCONN);
	assert_null(uw);
	uw_close(NULL);
}

static void test_lease_is_allocated_resized_renewed_and_freed(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = uw_fixture_open(f);
	struct uw_grant grant = {.size = sizeof(grant)};
	uint64_t id = uw_get(uw, 100);

	assert_int_equal(uw_fixture_leases(f), 1);
	assert_int_equal(uw_resize(uw, id, 150 * MIB, &grant, NULL), 0);
	assert_int_equal(grant.bytes, 150 * MIB);
	assert_int_equal(uw_renew(uw, id, US_PER_SEC), 0);
	assert_int_equal(uw_free(uw, id), 0);
	assert_int_equal(uw_free(uw, id), UW_STALE);
	assert_int_equal(uw_resize(uw, id, MIB, NULL, NULL), UW_STALE);
	assert_int_equal(uw_renew(uw, id, 0), UW_STALE);
	assert_int_equal(uw_fixture_leases(f), 0);
	uw_close(uw);
}

static void test_denial_says_why(void **data)
{
	struct uw *uw = uw_fixture_open(*data);
	struct uw_request request = uw_wish(300);
	struct uw_grant grant = {.size = sizeof(grant)};
	struct uw_denial denial = {.size = sizeof(denial)};

	uw_get(uw, 400);
	assert_int_equal(uw_alloc(uw, &request, &grant, &denial), UW_DENIED);
	assert_int_equal(grant.id, 0);
	assert_string_equal(denial.reason, "budget");
	assert_int_equal(denial.asked, 300 * MIB);
	assert_int_equal(denial.held, 400 * MIB);
	assert_int_equal(denial.available, 200 * MIB);
	assert_int_equal(denial.holder_count, 1);
	assert_int_equal(denial.holder[0].pid, getpid());
	request.timeout_us = 50 * US_PER_MS;
	assert_int_equal(uw_alloc(uw, &request, &grant, NULL), UW_TIMED_OUT);
	uw_close(uw);
}

static void test_wrong_requests_are_errors(void **data)
{
	struct uw *uw = uw_fixture_open(*data);
	struct uw_request request = uw_wish(1);
	struct uw_grant grant = {.size = sizeof(grant)};

	request.component = "nowhere";
	assert_int_equal(uw_alloc(uw, &request, &grant, NULL), -ENOENT);
	request.component = "a name that is far longer than any component can have";
	assert_int_equal(uw_alloc(uw, &request, &grant, NULL), -ENOENT);
	request = uw_wish(0);
	assert_int_equal(uw_alloc(uw, &request, &grant, NULL), -EINVAL);
	request = uw_wish(1);
	request.flags = 1U << 9;
	assert_int_equal(uw_alloc(uw, &request, &grant, NULL), -EINVAL);
	request = uw_wish(1);
	request.size = 8;
	assert_int_equal(uw_alloc(uw, &request, &grant, NULL), -EINVAL);
	request = uw_wish(1);
	assert_int_equal(uw_alloc(uw, &request, NULL, NULL), -EINVAL);
	uw_close(uw);
}

/* A caller of a later or an earlier version. */
static void test_structs_are_read_and_written_as_far_as_they_go(void **data)
{
	struct uw *uw = uw_fixture_open(*data);
	struct uw_request request = uw_wish(1);
	struct uw_grant grant = {.size = offsetof(struct uw_grant, bytes), .bytes = 77};

	assert_int_equal(uw_alloc(uw, &request, &grant, NULL), 0);
	assert_int_not_equal(grant.id, 0);
	assert_int_equal(grant.bytes, 77);
	assert_int_equal(grant.size, offsetof(struct uw_grant, bytes));
	uw_close(uw);
}

static void test_adaptive_and_first_of_a_list(void **data)
{
	struct uw *uw = uw_fixture_open(*data);
	struct uw_request requests[3] = {uw_wish(900), uw_wish(700), uw_wish(50)};
	struct uw_grant grant = {.size = sizeof(grant)};
	struct uw_denial denial = {.size = sizeof(denial)};
	uint32_t which = 99;

	assert_int_equal(uw_alloc_adaptive(uw, &requests[0], &grant, NULL), 0);
	assert_in_range(grant.bytes, 399 * MIB, 400 * MIB);
	assert_int_equal(uw_alloc_first(uw, requests, 3, &which, &grant, &denial), 0);
	assert_int_equal(which, 2);
	assert_int_equal(grant.bytes, 50 * MIB);
	assert_int_equal(uw_alloc_first(uw, requests, 2, &which, &grant, &denial), UW_DENIED);
	assert_int_equal(which, 1);
	assert_int_equal(denial.asked, 700 * MIB);
	assert_int_equal(uw_alloc_first(uw, requests, 0, &which, &grant, &denial), -EINVAL);
	uw_close(uw);
}

static void test_lease_ends_with_its_scope_and_all_with_the_handle(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = uw_fixture_open(f);

	{
		UW_AUTO_LEASE struct uw_lease lease = {uw, uw_get(uw, 1)};

		assert_int_equal(uw_fixture_leases(f), 1);
	}
	assert_int_equal(uw_fixture_leases(f), 0);
	uw_get(uw, 1);
	uw_close(uw);
	for (int i = 0; i < 1000 && uw_fixture_leases(f); i++)
		usleep(1000);
	assert_int_equal(uw_fixture_leases(f), 0);
}

static void test_report_is_text(void **data)
{
	struct uw *uw = uw_fixture_open(*data);
	char *text = NULL;

	assert_int_equal(uw_report(uw, &text), 0);
	assert_string_equal(text, "{\"v\":1}");
	free(text);
	uw_close(uw);
}

/* ---- threads ---- */

#define THREADS 8
#define ROUNDS  300

static void *get_and_free(void *data)
{
	struct uw *uw = data;

	for (int i = 0; i < ROUNDS; i++) {
		struct uw_request request = uw_wish(1 + (uint64_t)i % 7);
		struct uw_grant grant = {.size = sizeof(grant)};

		if (uw_alloc(uw, &request, &grant, NULL) || grant.bytes != request.bytes ||
		    uw_free(uw, grant.id))
			return data;
	}
	return NULL;
}

static void test_threads_share_a_handle(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = uw_fixture_open(f);
	pthread_t thread[THREADS];
	void *failed;

	assert_int_equal(uw_start_thread(uw), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, get_and_free, uw), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &failed);
		assert_null(failed);
	}
	uw_fixture_await(f, 0);
	uw_close(uw);
}

struct patient {
	struct uw *uw;
	int rc;
	uint64_t id;
};

static void *wait_for_much(void *data)
{
	struct patient *patient = data;
	struct uw_request request = uw_wish(500);
	struct uw_grant grant = {.size = sizeof(grant)};

	request.timeout_us = 60 * US_PER_SEC;
	patient->rc = uw_alloc(patient->uw, &request, &grant, NULL);
	patient->id = grant.id;
	return NULL;
}

static void test_who_waits_holds_up_no_other_thread(void **data)
{
	struct uw *uw = uw_fixture_open(*data);
	struct patient patient = {.uw = uw};
	uint64_t id = uw_get(uw, 400);
	pthread_t thread;

	pthread_create(&thread, NULL, wait_for_much, &patient);
	usleep(50 * 1000);
	for (int i = 0; i < 100; i++) {
		struct uw_request request = uw_wish(1);
		struct uw_grant grant = {.size = sizeof(grant)};

		request.component = "trading_data";
		assert_int_equal(uw_alloc(uw, &request, &grant, NULL), 0);
		assert_int_equal(uw_free(uw, grant.id), 0);
	}
	assert_int_equal(uw_free(uw, id), 0);
	pthread_join(thread, NULL);
	assert_int_equal(patient.rc, 0);
	assert_int_equal(uw_free(uw, patient.id), 0);
	uw_close(uw);
}

/* ---- fork ---- */

static void test_child_has_no_leases_and_the_parent_keeps_them(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = uw_fixture_open(f), *own = NULL;
	uint64_t id = uw_get(uw, 100);
	int status;
	pid_t pid;

	assert_int_equal(uw_start_thread(uw), 0);
	pid = fork();
	if (!pid) {
		int bad = uw_free(uw, id) != -ECHILD || uw_dispatch(uw) != -ECHILD ||
			  uw_open(f->socket, &own);

		uw_close(uw);
		bad = bad || uw_free(own, id) != UW_STALE;
		uw_get(own, 1);
		uw_close(own);
		_exit(bad);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_int_equal(uw_free(uw, id), 0);
	uw_close(uw);
}

/* ---- uwd is killed ---- */

static void test_leases_outlive_an_uwd_that_is_killed(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = uw_fixture_open(f), *other = uw_fixture_open(f);
	uint64_t id = uw_get(uw, 100), quiet = uw_get(other, 10);

	assert_int_equal(uw_start_thread(uw), 0);
	for (int i = 0; i < 5; i++) {
		uw_fixture_kill(f);
		uw_fixture_start(f);
		assert_int_equal(uw_resize(uw, id, (110 + (uint64_t)i) * MIB, NULL, NULL), 0);
	}
	assert_int_equal(uw_free(other, quiet), 0); /* this one had noticed nothing */
	assert_int_equal(uw_fixture_leases(f), 1);
	assert_int_equal(uw_free(uw, id), 0);
	uw_close(uw);
	uw_close(other);
}

struct freeing {
	struct uw *uw;
	uint64_t id;
	int rc;
};

static void *free_one(void *data)
{
	struct freeing *freeing = data;

	freeing->rc = uw_free(freeing->uw, freeing->id);
	return NULL;
}

static void test_call_waits_for_an_uwd_that_restarts(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = uw_fixture_open(f);
	struct patient patient = {.uw = uw};
	struct freeing freeing = {uw, uw_get(uw, 400), -1};
	pthread_t thread, other;

	pthread_create(&thread, NULL, wait_for_much, &patient);
	usleep(50 * 1000);
	uw_fixture_kill(f);
	pthread_create(&other, NULL, free_one, &freeing);
	usleep(300 * 1000);
	uw_fixture_start(f); /* by this thread: the server ends with who started it */
	pthread_join(other, NULL);
	pthread_join(thread, NULL);
	assert_int_equal(freeing.rc, 0);
	assert_int_equal(patient.rc, 0); /* its wait was asked for again */
	assert_int_equal(uw_fixture_leases(f), 1);
	uw_close(uw);
}

static void test_call_gives_up_after_five_seconds(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = uw_fixture_open(f);
	uint64_t id = uw_get(uw, 1), began_us = clock_now_us();

	uw_fixture_kill(f);
	assert_int_equal(uw_free(uw, id), -ENOTCONN);
	assert_in_range(clock_now_us() - began_us, 4900000, 20000000);
	uw_fixture_start(f);
	uw_fixture_leases(f); /* it listens */
	assert_int_equal(uw_free(uw, id), 0);
	uw_close(uw);
}

#define AGAIN_US 20000 /* LIB_AGAIN_US */

static _Atomic uint32_t tries;

int connect(int fd, const struct sockaddr *address, socklen_t size)
{
	tries++;
	return (int)syscall(SYS_connect, fd, address, size);
}

/* Each that finds none wakes the others. */
static void test_threads_without_uwd_look_for_it_as_seldom_as_one(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = uw_fixture_open(f);
	struct freeing freeing[4];
	uint64_t began_us;
	pthread_t thread[4];

	for (int i = 0; i < 4; i++)
		freeing[i] = (struct freeing){uw, uw_get(uw, 1), 0};
	uw_fixture_kill(f);
	tries = 0;
	began_us = clock_now_us();
	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, free_one, &freeing[i]);
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		assert_int_equal(freeing[i].rc, -ENOTCONN);
	}
	assert_in_range(tries, 1, (clock_now_us() - began_us) / AGAIN_US + 1);
	uw_fixture_start(f);
	uw_close(uw);
}

static void *get_all_the_time(void *data)
{
	struct patient *patient = data;

	for (int i = 0; i < 400; i++) {
		struct uw_request request = uw_wish(1);
		struct uw_grant grant = {.size = sizeof(grant)};

		patient->rc = uw_alloc(patient->uw, &request, &grant, NULL);
		if (patient->rc || (patient->rc = uw_free(patient->uw, grant.id)))
			break;
	}
	return NULL;
}

static void test_nothing_is_lost_or_doubled_by_kills(void **data)
{
	struct uw_fixture *f = *data;
	struct patient patient[4];
	pthread_t thread[4];

	for (int i = 0; i < 4; i++) {
		patient[i] = (struct patient){.uw = uw_fixture_open(f)};
		pthread_create(&thread[i], NULL, get_all_the_time, &patient[i]);
	}
	for (int i = 0; i < 10; i++) {
		usleep(3000);
		uw_fixture_kill(f);
		uw_fixture_start(f);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		assert_int_equal(patient[i].rc, 0);
	}
	assert_int_equal(uw_fixture_leases(f), 0);
	for (int i = 0; i < 4; i++)
		uw_close(patient[i].uw);
}

/* ---- pressure ---- */

struct heard {
	_Atomic uint32_t count, level;
	struct uw *uw;
	uint64_t handle;
};

static void hear(void *data, const struct uw_pressure *pressure)
{
	struct heard *heard = data;

	if (strcmp(pressure->component, "ml_models") != 0)
		return;
	heard->level = pressure->level;
	heard->count++;
}

static void await_level(struct heard *heard, uint32_t level)
{
	for (int i = 0; i < 5000 && heard->level != level; i++)
		usleep(1000);
	assert_int_equal(heard->level, level);
}

static void test_levels_reach_the_thread_and_survive_a_restart(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = uw_fixture_open(f);
	struct heard heard = {.level = 99}, all = {.level = 99};
	uint64_t handle, handle_all;

	assert_int_equal(uw_start_thread(uw), 0);
	assert_int_equal(uw_on_pressure(uw, "nowhere", hear, &heard, &handle), -ENOENT);
	assert_int_equal(uw_on_pressure(uw, "ml_models", hear, &heard, &handle), 0);
	assert_int_equal(uw_on_pressure(uw, NULL, hear, &all, &handle_all), 0);
	await_level(&heard, UW_LEVEL_NORMAL);
	await_level(&all, UW_LEVEL_NORMAL);
	uw_fixture_say(f, LEVEL_CRITICAL);
	await_level(&heard, UW_LEVEL_CRITICAL);
	await_level(&all, UW_LEVEL_CRITICAL);
	uw_fixture_kill(f);
	uw_fixture_start(f);
	await_level(&heard, UW_LEVEL_NORMAL); /* which it is told anew */
	assert_int_equal(uw_off(uw, handle), 0);
	assert_int_equal(uw_off(uw, handle), -ENOENT);
	uw_fixture_say(f, LEVEL_HIGH);
	await_level(&all, UW_LEVEL_HIGH);
	assert_int_equal(heard.level, UW_LEVEL_NORMAL);
	uw_close(uw);
}

static void hear_once(void *data, const struct uw_pressure *pressure)
{
	struct heard *heard = data;

	hear(data, pressure);
	if (heard->count == 2)
		uw_off(heard->uw, heard->handle);
}

static void test_own_loop_hears_the_latest_level(void **data)
{
	struct uw_fixture *f = *data;
	struct uw *uw = uw_fixture_open(f);
	struct heard heard = {.uw = uw};
	struct pollfd ready = {.events = POLLIN};

	ready.fd = uw_fd(uw);
	assert_true(ready.fd >= 0);
	assert_int_equal(uw_on_pressure(uw, "ml_models", hear_once, &heard, &heard.handle), 0);
	while (!heard.count) {
		assert_int_equal(poll(&ready, 1, 5000), 1);
		assert_true(uw_dispatch(uw) >= 0);
	}
	for (int i = 0; i < 1000; i++)
		uw_fixture_say(f, (uint8_t)(1 + i % 3));
	uw_fixture_say(f, LEVEL_EMERGENCY);
	uw_free(uw, 12345); /* a call takes what came, and the loop still hears of it */
	assert_int_equal(poll(&ready, 1, 5000), 1);
	while (heard.level != UW_LEVEL_EMERGENCY) {
		poll(&ready, 1, 1000);
		assert_true(uw_dispatch(uw) >= 0);
	}
	assert_in_range(heard.count, 2, 20);
	uw_fixture_say(f, LEVEL_LOW);
	usleep(20 * 1000);
	assert_int_equal(uw_dispatch(uw), 0); /* it has gone by itself */
	uw_close(uw);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, uw_fixture_setup, uw_fixture_teardown)
#define FAST(name) cmocka_unit_test_setup_teardown(name, uw_fast_setup, uw_fast_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_without_uwd_nothing_opens),
		TEST(test_lease_is_allocated_resized_renewed_and_freed),
		TEST(test_denial_says_why),
		TEST(test_wrong_requests_are_errors),
		TEST(test_structs_are_read_and_written_as_far_as_they_go),
		TEST(test_adaptive_and_first_of_a_list),
		TEST(test_lease_ends_with_its_scope_and_all_with_the_handle),
		TEST(test_report_is_text),
		TEST(test_threads_share_a_handle),
		TEST(test_who_waits_holds_up_no_other_thread),
		TEST(test_child_has_no_leases_and_the_parent_keeps_them),
		TEST(test_leases_outlive_an_uwd_that_is_killed),
		TEST(test_call_waits_for_an_uwd_that_restarts),
		FAST(test_call_gives_up_after_five_seconds),
		FAST(test_threads_without_uwd_look_for_it_as_seldom_as_one),
		TEST(test_nothing_is_lost_or_doubled_by_kills),
		TEST(test_levels_reach_the_thread_and_survive_a_restart),
		TEST(test_own_loop_hears_the_latest_level),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
