// SPDX-License-Identifier: GPL-2.0-or-later
/* What a reload does with all that is kept by the index of a component. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "user/daemon/reload.h"

enum {
	A,
	B,
	C
};

static void name_components(struct config *config, const char *const *names, uint32_t count)
{
	config->component_count = count;
	for (uint32_t i = 0; i < count; i++)
		snprintf(config->component[i].name, sizeof(config->component[i].name), "%s",
			 names[i]);
}

static int setup(void **data)
{
	static const char *const names[] = {"a", "b", "c"};
	struct daemon *daemon = calloc(1, sizeof(*daemon));

	assert_non_null(daemon);
	name_components(&daemon->config, names, 3);
	for (uint32_t i = 0; i < 3; i++)
		daemon->component[i] = (struct daemon_component){
			.view.use_permyriad = 100 + i,
			.stalls = 200 + i,
			.allow.uid_count = 1 + i,
			.shift_kept_permyriad = -(int32_t)(300 + i),
		};
	*data = daemon;
	return 0;
}

static int teardown(void **data)
{
	free(*data);
	return 0;
}

/* Still all that the component which stood at index from had. */
static void assert_is_of(const struct daemon_component *component, uint32_t from)
{
	assert_int_equal(component->view.use_permyriad, 100 + from);
	assert_int_equal(component->stalls, 200 + from);
	assert_int_equal(component->allow.uid_count, 1 + from);
	assert_int_equal(component->shift_kept_permyriad, -(int32_t)(300 + from));
}

static void assert_is_fresh(const struct daemon_component *component)
{
	static const struct daemon_component fresh;

	assert_memory_equal(component, &fresh, sizeof(fresh));
}

static void test_components_that_move_keep_all_of_theirs(void **data)
{
	static const char *const names[] = {"c", "new", "a"};
	static struct config next;
	struct daemon *daemon = *data;

	name_components(&next, names, 3);
	reload_renumber(daemon, &next);
	assert_is_of(&daemon->component[0], C);
	assert_is_fresh(&daemon->component[1]);
	assert_is_of(&daemon->component[2], A);
}

static void test_a_component_that_goes_leaves_nothing_to_the_next(void **data)
{
	static const char *const names[] = {"b"};
	static struct config next;
	struct daemon *daemon = *data;

	name_components(&next, names, 1);
	reload_renumber(daemon, &next);
	assert_is_of(&daemon->component[0], B);
	assert_is_fresh(&daemon->component[1]);
	assert_is_fresh(&daemon->component[2]);
}

static void test_requests_and_leaves_follow_their_component(void **data)
{
	static const char *const names[] = {"c", "b"};
	static struct config next;
	struct daemon *daemon = *data;

	name_components(&next, names, 2);
	daemon->request_count = 3;
	daemon->frame.leaf_count = 3;
	for (uint32_t i = 0; i < 3; i++) {
		daemon->request[i] = (struct frame_request){.component = i, .leaf = 10 + i};
		daemon->frame.leaf[i] = (struct leaf_sample){.component = i, .cgid = 20 + i};
	}
	reload_renumber(daemon, &next);
	assert_int_equal(daemon->request_count, 2);
	assert_int_equal(daemon->request[0].component, 1);
	assert_int_equal(daemon->request[0].leaf, 10 + B);
	assert_int_equal(daemon->request[1].component, 0);
	assert_int_equal(daemon->request[1].leaf, 10 + C);
	assert_int_equal(daemon->frame.leaf_count, 2);
	assert_int_equal(daemon->frame.leaf[0].component, 1);
	assert_int_equal(daemon->frame.leaf[0].cgid, 20 + B);
	assert_int_equal(daemon->frame.leaf[1].component, 0);
	assert_int_equal(daemon->frame.leaf[1].cgid, 20 + C);
}

#define RELOAD_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RELOAD_TEST(test_components_that_move_keep_all_of_theirs),
		RELOAD_TEST(test_a_component_that_goes_leaves_nothing_to_the_next),
		RELOAD_TEST(test_requests_and_leaves_follow_their_component),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
