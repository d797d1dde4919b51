// SPDX-License-Identifier: GPL-2.0-or-later
/* What uwctl recommend --budgets makes of recordings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "tests/unit/cli_fixture.h"
#include "tests/unit/report_fixture.h"
#include "user/cli/flight_copy.h"
#include "user/cli/hot_sets.h"

#define FOLDER   "build/report"
#define RECORDED FOLDER "/hot-sets.recording"
#define MIB      (1ULL << 20)
#define USABLE   (1000 * MIB)
#define EVERY    (10 * US_PER_SEC)

static const char two[] = "[component a]\nshare = 50%\n[component b]\nshare = 40%\n";
static const char swapped[] = "[component b]\nshare = 40%\n[component a]\nshare = 50%\n";

struct scene {
	struct made made;
	struct frame frame;
	uint64_t wall_us;
};

static void begin(struct scene *scene, const char *config)
{
	*scene = (struct scene){.wall_us = MADE_WALL_US};
	made_begin(&scene->made, RECORDED, config, strlen(config), USABLE);
	scene->frame = (struct frame){
		.now_us = 100 * US_PER_SEC, .kind = FRAME_FULL, .component_count = 2};
	for (int i = 0; i < 2; i++)
		scene->frame.component[i] = (struct component_sample){
			.valid = SAMPLE_USAGE | SAMPLE_STAT | SAMPLE_PSI, .psi_some_us = 1};
}

static void use(struct scene *scene, uint32_t component, uint64_t hot_mib)
{
	struct component_sample *c = &scene->frame.component[component];

	c->inactive_file_bytes = 20 * MIB;
	c->current_bytes = hot_mib * MIB + c->inactive_file_bytes;
}

static void frames(struct scene *scene, uint32_t count, uint64_t every_us)
{
	for (uint32_t i = 0; i < count; i++) {
		made_frame(&scene->made, &scene->frame, scene->wall_us);
		scene->wall_us += every_us;
		scene->frame.now_us += every_us;
		scene->frame.sequence++;
	}
}

/* Ends the recording, and gathers it; to be freed. */
static struct hot_sets *gather(struct scene *scene, uint64_t since_us)
{
	struct hot_sets *sets = NULL;
	struct flight_copy copy;
	struct uw_err err = {0};

	made_end(&scene->made);
	assert_int_equal(flight_copy_open(&copy, RECORDED, &err), 0);
	assert_int_equal(hot_sets_gather(copy.recording, since_us, &sets, &err), 0);
	flight_copy_done(&copy);
	return sets;
}

static void test_parts_of_the_time_say_how_much_is_wanted(void **state)
{
	AUTO_FREE struct hot_sets *sets = NULL;
	const struct hot_set *a;
	struct scene scene;

	(void)state;
	begin(&scene, two);
	use(&scene, 0, 100);
	frames(&scene, 80, EVERY);
	use(&scene, 0, 200);
	frames(&scene, 16, EVERY);
	use(&scene, 0, 600); /* three of a hundred */
	frames(&scene, 4, EVERY);
	sets = gather(&scene, 0);
	a = &sets->component[0];
	assert_int_equal(a->seen_us, 99 * EVERY);
	assert_int_equal(hot_sets_quantile(sets, a, 5000), 100 * MIB);
	assert_int_equal(hot_sets_quantile(sets, a, 9500), 200 * MIB);
	assert_int_equal(a->most_bytes, 600 * MIB);
	assert_int_equal(hot_sets_share(sets, a), 2500); /* of which 200 are 80 % */
	assert_false(hot_sets_is_at_least(a));
	assert_int_equal(a->aged_us, 0);
	assert_int_equal(sets->to_us - sets->from_us, 99 * EVERY);
}

static void test_ages_go_before_the_working_set(void **state)
{
	AUTO_FREE struct hot_sets *sets = NULL;
	struct scene scene;

	(void)state;
	begin(&scene, two);
	use(&scene, 0, 400);
	scene.frame.component[0].ages = (struct ages_sample){.valid = true, .hot_bytes = 150 * MIB};
	frames(&scene, 5, EVERY);
	scene.frame.component[0].ages.valid = false;
	frames(&scene, 5, EVERY);
	sets = gather(&scene, 0);
	assert_int_equal(sets->component[0].aged_us, 5 * EVERY);
	assert_int_equal(hot_sets_quantile(sets, &sets->component[0], 5000), 150 * MIB);
	assert_int_equal(hot_sets_quantile(sets, &sets->component[0], 9500), 400 * MIB);
}

static void test_what_was_not_wanted_at_one_time_is_not_added_up(void **state)
{
	AUTO_FREE struct hot_sets *sets = NULL;
	struct scene scene;

	(void)state;
	begin(&scene, two);
	for (int i = 0; i < 4; i++) {
		use(&scene, 0, i % 2 ? 700 : 100);
		use(&scene, 1, i % 2 ? 100 : 700);
		frames(&scene, 5, EVERY);
	}
	sets = gather(&scene, 0);
	assert_int_equal(hot_sets_quantile(sets, &sets->component[0], 9500), 700 * MIB);
	assert_int_equal(hot_sets_quantile(sets, &sets->component[1], 9500), 700 * MIB);
	assert_int_equal(hot_sets_quantile(sets, &sets->together, 9500), 800 * MIB);
}

/* Where uwd did not run nobody knows; a reboot begins the clock anew. */
static void test_time_without_frames_is_not_counted(void **state)
{
	AUTO_FREE struct hot_sets *sets = NULL;
	struct scene scene;

	(void)state;
	begin(&scene, two);
	use(&scene, 0, 100);
	frames(&scene, 3, EVERY);
	scene.wall_us += 3600 * US_PER_SEC;
	scene.frame.now_us += 3600 * US_PER_SEC;
	frames(&scene, 3, EVERY);
	scene.frame.now_us = 5 * US_PER_SEC;
	frames(&scene, 3, EVERY);
	sets = gather(&scene, 0);
	assert_int_equal(sets->component[0].seen_us, 6 * EVERY);
}

static void test_an_earlier_configuration_counts_by_name(void **state)
{
	AUTO_FREE struct hot_sets *sets = NULL;
	struct scene scene;

	(void)state;
	begin(&scene, swapped);
	use(&scene, 0, 300); /* b */
	use(&scene, 1, 100); /* a */
	frames(&scene, 4, EVERY);
	assert_true(record_put_config(&scene.made.writer, USABLE, two, strlen(two)));
	use(&scene, 0, 100);
	use(&scene, 1, 300);
	frames(&scene, 4, EVERY);
	sets = gather(&scene, 0);
	assert_string_equal(sets->config.component[0].name, "a");
	assert_int_equal(hot_sets_quantile(sets, &sets->component[0], 9900), 100 * MIB);
	assert_int_equal(hot_sets_quantile(sets, &sets->component[1], 100), 300 * MIB);
	assert_int_equal(sets->component[1].seen_us, 6 * EVERY);
}

static void test_who_was_held_back_may_have_wanted_more(void **state)
{
	for (int frozen = 0; frozen < 2; frozen++) {
		AUTO_FREE struct hot_sets *sets = NULL;
		struct scene scene;

		(void)state;
		begin(&scene, two);
		use(&scene, 0, 100);
		use(&scene, 1, 100);
		frames(&scene, 40, EVERY);
		scene.frame.leaf_count = 1;
		scene.frame.leaf[0] = (struct leaf_sample){.cgid = 7, .frozen = frozen};
		for (int i = 0; i < 3; i++) {
			scene.frame.component[0].psi_some_us += frozen ? 0 : 2 * US_PER_SEC;
			frames(&scene, 1, EVERY);
		}
		sets = gather(&scene, 0);
		assert_true(hot_sets_is_at_least(&sets->component[0]));
		assert_false(hot_sets_is_at_least(&sets->component[1]));
	}
}

static void test_table_and_json_say_the_same(void **state)
{
	AUTO_FREE char *text = NULL, *json = NULL, *said = NULL, *said_too = NULL;
	AUTO_JSON json_t *answer = NULL;
	const json_t *row;
	struct scene scene;

	(void)state;
	begin(&scene, two);
	use(&scene, 0, 600);
	use(&scene, 1, 300);
	frames(&scene, 10, EVERY);
	made_end(&scene.made);
	assert_int_equal(UWCTL_LINE(0, &text, &said, "recommend", "--budgets", "--recording",
				    RECORDED, "--color=never"),
			 CLI_OK);
	assert_non_null(strstr(text,
			       "a          1min 30s    0%  600M  600M  600M    500M    50%    "
			       "75%\n"));
	assert_non_null(strstr(text, "900M in 95 % of it and 900M at most, of 1000M."));
	assert_non_null(strstr(text, "112.5%: the pool is too small to"));
	assert_int_equal(UWCTL_LINE(0, &json, &said_too, "recommend", "--budgets", "--recording",
				    RECORDED, "--json"),
			 CLI_OK);
	answer = json_loads(json, 0, NULL);
	assert_int_equal(json_get_u64(json_object_get(answer, "together"), "max_bytes"), 900 * MIB);
	row = json_array_get(json_object_get(answer, "budgets"), 0);
	assert_string_equal(json_get_text(row, "component"), "a");
	assert_int_equal(json_get_u64(row, "wanted_permyriad"), 7500);
	assert_int_equal(json_get_u64(row, "p95_bytes"), 600 * MIB);
	assert_int_equal(json_get_u64(answer, "wanted_permyriad"), 11250);
}

/* What adds up to more than the pool may still never have been wanted at one time. */
static void test_verdict_is_of_what_was_wanted_at_one_time(void **state)
{
	AUTO_FREE char *text = NULL, *said = NULL;
	struct scene scene;

	(void)state;
	begin(&scene, two);
	for (int i = 0; i < 10; i++) {
		use(&scene, 0, i % 2 ? 600 : 100);
		use(&scene, 1, i % 2 ? 100 : 600);
		frames(&scene, 1, EVERY);
	}
	made_end(&scene.made);
	assert_int_equal(
		UWCTL_LINE(0, &text, &said, "recommend", "--budgets", "--recording", RECORDED),
		CLI_OK);
	assert_non_null(strstr(text, "150%: they are more than the pool"));
}

static void test_since_counts_back_from_the_end(void **state)
{
	AUTO_FREE struct hot_sets *sets = NULL;
	struct scene scene;

	(void)state;
	begin(&scene, two);
	use(&scene, 0, 600);
	frames(&scene, 20, EVERY);
	use(&scene, 0, 100);
	frames(&scene, 20, EVERY);
	sets = gather(&scene, 5 * EVERY);
	assert_int_equal(sets->component[0].seen_us, 5 * EVERY);
	assert_int_equal(sets->component[0].most_bytes, 100 * MIB);
}

static void test_what_is_of_the_other_table_is_refused(void **state)
{
	static const char *const lines[][4] = {
		{"--budgets", "--key", "a/b"},
		{"--budgets", "--component", "a"},
		{"--budgets", "--lines", "3"},
		{"--since", "1h"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		AUTO_FREE char *text = NULL, *said = NULL;

		assert_int_equal(UWCTL_LINE(0, &text, &said, "recommend", lines[i][0], lines[i][1],
					    lines[i][2]),
				 CLI_USAGE);
		assert_non_null(strstr(said, "--budgets"));
	}
}

static int folder_setup(void **state)
{
	mkdir("build", 0755);
	mkdir(FOLDER, 0755);
	return fake_setup(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_parts_of_the_time_say_how_much_is_wanted),
		TEST(test_ages_go_before_the_working_set),
		TEST(test_what_was_not_wanted_at_one_time_is_not_added_up),
		TEST(test_time_without_frames_is_not_counted),
		TEST(test_an_earlier_configuration_counts_by_name),
		TEST(test_who_was_held_back_may_have_wanted_more),
		TEST(test_table_and_json_say_the_same),
		TEST(test_verdict_is_of_what_was_wanted_at_one_time),
		TEST(test_since_counts_back_from_the_end),
		TEST(test_what_is_of_the_other_table_is_refused),
	};

	return cmocka_run_group_tests_name("hot sets", tests, NULL, NULL);
}
