// SPDX-License-Identifier: GPL-2.0-or-later
/* Clients that wait while others want the processor, in a loop of sd-event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/daemon/loop.h"
#include "user/daemon/ration.h"

static struct daemon daemon_of_test;
static uint32_t turns;
static int fd;

static void use_cpu_us(uint64_t us)
{
	uint64_t until_us = urgency_used_us() + us;

	while (urgency_used_us() < until_us)
		;
}

/* There is always something more to be read. */
static int on_client(sd_event_source *source, int ready, uint32_t revents, void *data)
{
	const struct daemon *daemon = data;
	uint64_t began_us = ration_begin(data);

	(void)source, (void)ready, (void)revents;
	assert_int_equal(began_us != 0, clock_now_us() < daemon->urgency.rationed_until_us);
	turns++;
	use_cpu_us(2000);
	ration_end(data, began_us);
	return 0;
}

static int setup(void **state)
{
	struct daemon *daemon = &daemon_of_test;

	log_set_level(LOG_LEVEL_ERR);
	*daemon = (struct daemon){0};
	turns = 0;
	fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	*state = daemon;
	return fd < 0 || sd_event_new(&daemon->event) < 0 ||
	       loop_add_io(daemon->event, fd, EPOLLIN, on_client, daemon, LOOP_CLIENTS,
			   &daemon->client_source) < 0 ||
	       ration_watch(daemon) < 0;
}

static int teardown(void **state)
{
	struct daemon *daemon = *state;

	ration_unwatch(daemon);
	sd_event_source_disable_unref(daemon->client_source);
	sd_event_unref(daemon->event);
	return close(fd);
}

static void run_for_us(struct daemon *daemon, uint64_t us)
{
	uint64_t until_us = clock_now_us() + us;

	while (clock_now_us() < until_us)
		assert_true(sd_event_run(daemon->event, 1000) >= 0);
}

static void test_clients_have_all_turns_while_nobody_waits(void **state)
{
	struct daemon *daemon = *state;

	for (int i = 0; i < 20; i++)
		assert_true(sd_event_run(daemon->event, 0) > 0);
	assert_int_equal(turns, 20);
}

/* And whenever they have waited they have another one. */
static void test_clients_wait_while_others_want_the_processor(void **state)
{
	struct daemon *daemon = *state;

	daemon->urgency.rationed_until_us = clock_now_us() + 60 * US_PER_SEC;
	run_for_us(daemon, 200 * US_PER_MS);
	assert_in_range(turns, 2, 200 / 16 + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_clients_have_all_turns_while_nobody_waits,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_clients_wait_while_others_want_the_processor,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
