// SPDX-License-Identifier: GPL-2.0-or-later
/* Edges that follow where the use of a component begins to hurt others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "tests/unit/policy_fixture.h"
#include "user/daemon/thresholds_file.h"
#include "user/policy/conditions.h"
#include "user/policy/thresholds.h"

/* Hours at use_pct of the budget, 10 s a frame; in one look in stalled_each who stalls does for 2
 * s. */
static void live_beside(struct fixture *f, uint64_t use_pct, unsigned int hours,
			unsigned int stalled_each, uint32_t who)
{
	fixture_use(f, REDIS, f->config.component[REDIS].budget_bytes / 100 * use_pct + MIB / 4);
	for (unsigned int i = 0; i < hours * 360; i++) {
		if (stalled_each && i % stalled_each == 0)
			f->frame.component[who].psi_some_us += 2 * US_PER_SEC;
		fixture_next(f, 10 * US_PER_SEC);
	}
}

static void live_on(struct fixture *f, uint64_t use_pct, unsigned int hours,
		    unsigned int stalled_each)
{
	live_beside(f, use_pct, hours, stalled_each, HOG);
}

static int32_t shift_of(struct fixture *f)
{
	return f->state->component[REDIS].thresholds.shift_permyriad;
}

static int setup(void **data)
{
	struct fixture *f;

	fixture_setup(data);
	f = *data;
	f->config.policy.edges_adapt = true;
	fixture_step(f);
	return 0;
}

static void test_stalls_below_the_knee_move_the_edges_down(void **data)
{
	struct fixture *f = *data;

	live_on(f, 84, 1, 10);
	live_on(f, 84, 1, 10);
	assert_in_range(shift_of(f) + 1000, 900, 950);
	live_on(f, 84, 20, 10);
	assert_int_equal(shift_of(f), -600); /* 82, 83 and 84 speak together: 82 - 88 */
}

/* That is full and waits for its own pages, which harms nobody: it may be full. */
static void test_its_own_stalls_move_nothing_down(void **data)
{
	struct fixture *f = *data;

	live_beside(f, 84, 20, 3, REDIS);
	assert_int_equal(shift_of(f), 0);
	live_beside(f, 89, 20, 3, REDIS);
	assert_int_equal(shift_of(f), THRESHOLDS_SHIFT_MAX);
}

static void test_who_stalls_at_its_own_limit_is_not_hurt(void **data)
{
	struct fixture *f = *data;
	struct component_sample *hog = &f->frame.component[HOG];

	hog->valid |= SAMPLE_LIMITS;
	hog->high_bytes = hog->current_bytes + MIB;
	for (int i = 0; i < 5; i++) { /* let it be written, and keep it there */
		fixture_next(f, 10 * US_PER_SEC);
		hog->high_bytes = hog->current_bytes + MIB;
	}
	f->config.component[HOG].budget_bytes = hog->current_bytes + MIB;
	live_on(f, 84, 20, 3);
	assert_int_equal(shift_of(f), 0);
}

/* Others that stall whatever it uses are hurt by somebody else. */
static void test_stalls_that_are_as_many_below_move_nothing(void **data)
{
	struct fixture *f = *data;

	for (int hour = 0; hour < 20; hour++) {
		live_on(f, 40, 1, 5);
		live_on(f, 84, 1, 5);
	}
	assert_int_equal(shift_of(f), 0);
	for (int hour = 0; hour < 20; hour++) {
		live_on(f, 40, 1, 0);
		live_on(f, 84, 1, 5);
	}
	assert_true(shift_of(f) < 0);
}

static void test_forgotten_is_where_the_configuration_has_it(void **data)
{
	struct fixture *f = *data;

	live_on(f, 84, 20, 5);
	assert_true(shift_of(f) < 0);
	f->frame.request[0] = (struct frame_request){.kind = REQUEST_FORGET, .component = REDIS};
	f->frame.request_count = 1;
	fixture_next(f, US_PER_SEC);
	f->frame.request_count = 0;
	assert_int_equal(shift_of(f), 0);
	assert_int_equal(fixture_view(f, REDIS).edge_shift_permyriad, 0);
	live_on(f, 30, 2, 0); /* and of before nothing is known */
	assert_int_equal(shift_of(f), 0);
}

static void test_half_a_point_an_hour_is_the_fastest(void **data)
{
	struct fixture *f = *data;
	int32_t before = 0;

	for (int hour = 0; hour < 30; hour++) {
		live_on(f, 71, 1, 5);
		assert_in_range(before - shift_of(f), 0, THRESHOLDS_HOUR_MAX);
		before = shift_of(f);
	}
	assert_int_equal(before, THRESHOLDS_SHIFT_MIN);
}

static void test_calm_up_there_moves_the_edges_up(void **data)
{
	struct fixture *f = *data;

	live_on(f, 89, 20, 0);
	assert_int_equal(shift_of(f), THRESHOLDS_SHIFT_MAX);
	assert_int_equal(thresholds_of(&(struct step){.state = f->state,
						      .config = &f->config,
						      .frame = &f->frame,
						      .plan = &f->plan},
				       REDIS, LEVEL_EMERGENCY),
			 9800);
	assert_int_equal(fixture_view(f, REDIS).edge_shift_permyriad, THRESHOLDS_SHIFT_MAX);
}

static void test_rare_stalls_are_no_edge(void **data)
{
	struct fixture *f = *data;

	live_on(f, 89, 20, 40);
	assert_int_equal(shift_of(f), THRESHOLDS_SHIFT_MAX);
}

static void test_use_that_never_gets_there_says_nothing(void **data)
{
	struct fixture *f = *data;

	live_on(f, 75, 5, 0);
	live_on(f, 30, 5, 3);
	assert_int_equal(shift_of(f), 0);
}

static void test_without_leave_nothing_moves(void **data)
{
	struct fixture *f = *data;

	f->config.policy.edges_adapt = false;
	live_on(f, 84, 5, 5);
	assert_int_equal(fixture_view(f, REDIS).edge_shift_permyriad, 0);
	assert_int_equal(thresholds_of(&(struct step){.state = f->state,
						      .config = &f->config,
						      .frame = &f->frame,
						      .plan = &f->plan},
				       REDIS, LEVEL_HIGH),
			 8500);
}

static void test_restored_shift_is_held_to_its_range(void **data)
{
	struct fixture *f = *data;

	policy_restore_thresholds(f->state, &f->config, REDIS, -350);
	fixture_next(f, US_PER_SEC);
	assert_int_equal(fixture_view(f, REDIS).edge_shift_permyriad, -350);
	policy_restore_thresholds(f->state, &f->config, REDIS, -5000);
	assert_int_equal(shift_of(f), THRESHOLDS_SHIFT_MIN);
	policy_restore_thresholds(f->state, &f->config, REDIS, 5000);
	assert_int_equal(shift_of(f), THRESHOLDS_SHIFT_MAX);
}

static void test_explain_says_how_far_edges_have_moved(void **data)
{
	struct fixture *f = *data;
	struct component_view view;
	struct conditions all;

	policy_restore_thresholds(f->state, &f->config, REDIS, -350);
	fixture_next(f, US_PER_SEC);
	view = fixture_view(f, REDIS);
	conditions_of(&f->config.policy, &f->config.component[REDIS], &view, f->frame.now_us, &all);
	assert_int_equal(all.condition[LEVEL_HIGH - 1].threshold, 8150);
	assert_non_null(strstr(all.condition[LEVEL_HIGH - 1].text, "; moved by -3.50 points"));
	view.edge_shift_permyriad = 0;
	conditions_of(&f->config.policy, &f->config.component[REDIS], &view, f->frame.now_us, &all);
	assert_null(strstr(all.condition[LEVEL_HIGH - 1].text, "moved"));
}

/* ---- what the daemon keeps of it ---- */

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void test_shifts_outlive_the_daemon(void **data)
{
	struct fixture *f = *data;
	char directory[] = "/tmp/uw-edges-XXXXXX", path[64];
	struct daemon *daemon = calloc(1, sizeof(*daemon));

	assert_non_null(daemon);
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/state/edges", directory);
	daemon->config = f->config;
	daemon->policy = f->state;
	daemon->component[REDIS].view.edge_shift_permyriad = -250;
	daemon->component[REDIS].view.level = LEVEL_HIGH;
	thresholds_file_save(daemon, path, false);
	assert_int_equal(access(path, F_OK), -1); /* not while it presses, */
	daemon->thresholds.asked = true;          /* but for who has been told that it is done */
	thresholds_file_save(daemon, path, false);
	thresholds_file_save(daemon, path, true);
	assert_int_equal(unlink(path), 0);
	daemon->component[REDIS].shift_kept_permyriad = 0;
	thresholds_file_save(daemon, path, false);
	assert_int_equal(access(path, F_OK), -1);
	daemon->component[REDIS].view.level = LEVEL_NORMAL;
	thresholds_file_save(daemon, path, false);
	thresholds_file_save(daemon, path, true); /* waits */
	thresholds_file_load(daemon, path);
	assert_int_equal(shift_of(f), -250);
	assert_int_equal(daemon->component[REDIS].shift_kept_permyriad, -250);

	write_file(path, "redis\nhog 99999999999999999999\nnobody 10\n\xff\xff 3\nredis -125 x\n");
	thresholds_file_load(daemon, path);
	assert_int_equal(shift_of(f), -125);
	assert_in_range(f->state->component[HOG].thresholds.shift_permyriad + 1000, 200, 1300);

	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	rmdir(directory);
	free(daemon);
}

#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_stalls_below_the_knee_move_the_edges_down),
		FIXTURE_TEST(test_its_own_stalls_move_nothing_down),
		FIXTURE_TEST(test_who_stalls_at_its_own_limit_is_not_hurt),
		FIXTURE_TEST(test_stalls_that_are_as_many_below_move_nothing),
		FIXTURE_TEST(test_forgotten_is_where_the_configuration_has_it),
		FIXTURE_TEST(test_half_a_point_an_hour_is_the_fastest),
		FIXTURE_TEST(test_calm_up_there_moves_the_edges_up),
		FIXTURE_TEST(test_rare_stalls_are_no_edge),
		FIXTURE_TEST(test_use_that_never_gets_there_says_nothing),
		FIXTURE_TEST(test_without_leave_nothing_moves),
		FIXTURE_TEST(test_restored_shift_is_held_to_its_range),
		FIXTURE_TEST(test_explain_says_how_far_edges_have_moved),
		FIXTURE_TEST(test_shifts_outlive_the_daemon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
