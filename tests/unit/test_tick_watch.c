// SPDX-License-Identifier: GPL-2.0-or-later
/* What the loop watches for the tick, with sensors that have no ring. */
#include <sys/eventfd.h>

#include "tests/unit/act_fixture.h"
#include "user/daemon/tick.h"
#include "user/kern/inside.h"

static struct daemon daemon_of_test;

/* As where every one of them is off: it is started with what it can poll. */
static void test_a_kernel_without_events_is_not_waited_for(void **state)
{
	struct fixture *f = *state;
	struct daemon *daemon = &daemon_of_test;
	struct kern kern = {0};

	daemon->kern = &kern;
	daemon->act = f->act;
	assert_true(sd_event_new(&daemon->event) >= 0);
	assert_int_equal(tick_watch(daemon), 0);
	assert_null(daemon->kern_source);
	assert_non_null(daemon->outcome_source);
	tick_unwatch(daemon);
	sd_event_unref(daemon->event);
}

static void test_the_end_of_a_write_is_urgent(void **state)
{
	struct fixture *f = *state;
	struct daemon *daemon = &daemon_of_test;
	eventfd_t count;

	daemon->kern = NULL;
	daemon->act = f->act;
	assert_false(tick_is_urgent(daemon));
	assert_int_equal(eventfd_write(act_outcomes_fd(f->act), 1), 0);
	assert_true(tick_is_urgent(daemon));
	assert_int_equal(eventfd_read(act_outcomes_fd(f->act), &count), 0);
	assert_false(tick_is_urgent(daemon));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_kernel_without_events_is_not_waited_for),
		TEST(test_the_end_of_a_write_is_urgent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
