// SPDX-License-Identifier: GPL-2.0-or-later
/* uwctl replay of a recording that somebody else made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/cli_fixture.h"
#include "user/record/fields.h"
#include "user/record/writer.h"

static const char config[] = "[component ml]\nshare = 10%\n";

/* Of one frame, and a plan that no policy makes of it. */
static void record_hostile(const char *path)
{
	static uint64_t bytes[(RECORD_HEAD_BYTES + RECORD_SLOT_BYTES) / 8];
	static struct record_writer writer;
	static struct plan plan;
	static const struct frame frame = {
		.now_us = US_PER_SEC, .sequence = 1, .component_count = 1};
	struct record_head head = {.version = RECORD_VERSION, .slot_bytes = RECORD_SLOT_BYTES};
	struct record_begin about = {.wall_us = 1, .version = "\033]0;mine\a"};
	struct record_leaf leaf = {.cgid = 7, .name = "\033[2Jleaf\xff"};
	char schema[RECORD_SCHEMA_MAX];
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	about.schema_bytes = record_schema_print(schema, sizeof(schema));
	memcpy(head.magic, RECORD_MAGIC, sizeof(head.magic));
	memcpy(bytes, &head, sizeof(head));
	plan.action_count = 1;
	plan.action[0] = (struct action){.kind = ACTION_FREEZE, .leaf = 7};
	record_slot_begin(&writer, bytes + RECORD_HEAD_BYTES / 8, RECORD_SLOT_BYTES, 1, 0, 1);
	assert_true(record_put_begin(&writer, &about, schema));
	assert_true(record_put_config(&writer, 1ULL << 30, config, sizeof(config) - 1));
	assert_true(record_put_leaf(&writer, &leaf));
	assert_true(record_put_frame(&writer, &frame, 9));
	assert_true(record_put_plan(&writer, &plan));
	assert_int_equal(fwrite(bytes, sizeof(bytes), 1, file), 1);
	assert_int_equal(fclose(file), 0);
}

static void test_what_a_recording_says_cannot_steer_the_terminal(void **state)
{
	const struct fake *fake = *state;
	AUTO_FREE char *text = NULL, *json = NULL, *said = NULL, *said_again = NULL;
	char path[80], conf[80];
	FILE *file;

	snprintf(path, sizeof(path), "%s/recording", fake->folder);
	snprintf(conf, sizeof(conf), "%s/conf", fake->folder);
	file = fopen(conf, "w");
	assert_non_null(file);
	fputs(config, file);
	assert_int_equal(fclose(file), 0);
	record_hostile(path);
	assert_int_equal(UWCTL_LINE(80, &text, &said, "replay", path, "--config", conf),
			 CLI_DIFFERENT);
	UWCTL_LINE(0, &json, &said_again, "replay", path, "--config", conf, "--json");
	unlink(path);
	unlink(conf);
	assert_non_null(strstr(text, "freeze ml/?[2Jleaf?"));
	assert_non_null(strstr(text, "(?]0;mine?)"));
	assert_null(strpbrk(text, "\033\a\xff"));
	assert_non_null(strstr(json, "freeze ml/?[2Jleaf?"));
}

static json_t *leaf_of(const json_t *root, uint64_t cgid)
{
	const json_t *leaves = json_object_get(json_object_get(root, "effect"), "leaves");
	json_t *leaf;
	size_t i;

	json_array_foreach (leaves, i, leaf) {
		if (json_integer_value(json_object_get(leaf, "cgid")) == (json_int_t)cgid)
			return leaf;
	}
	fail_msg("no leaf %llu", (unsigned long long)cgid);
	return NULL;
}

/* The recorded machine again, beside a simulated one with more swap. */
static void test_effect_is_shown_beside_what_was_recorded(void **state)
{
	static const char golden[] = "tests/sim/golden/turns.recording";
	AUTO_FREE char *text = NULL, *json = NULL, *said = NULL, *said_again = NULL;
	AUTO_JSON json_t *root = NULL;
	json_t *leaf;
	json_int_t stood_us = 0;

	(void)state;
	assert_int_equal(UWCTL_LINE(80, &text, &said, "replay", golden, "--swap", "4G"), CLI_OK);
	assert_non_null(strstr(text, "otherwise"));
	assert_non_null(strstr(text, "ml/leaf0  stood frozen"));
	assert_int_equal(
		UWCTL_LINE(0, &json, &said_again, "replay", golden, "--swap", "4G", "--json"),
		CLI_OK);
	root = json_loads(json, 0, NULL);
	leaf = leaf_of(root, 1000);
	assert_string_equal(json_string_value(json_object_get(leaf, "name")), "leaf0");
	assert_string_equal(json_string_value(json_object_get(leaf, "component")), "ml");
	assert_int_equal(json_unpack(leaf, "{s:{s:I}}", "recorded", "stood_us", &stood_us), 0);
	assert_true(stood_us > 5 * 1000 * 1000);
}

static void put_frame(struct record_writer *writer, uint64_t at_us)
{
	static const struct plan nothing;
	static struct frame frame;

	frame = (struct frame){.kind = FRAME_FULL,
			       .now_us = at_us,
			       .sequence = at_us / US_PER_SEC,
			       .component_count = 1};
	frame.host = (struct host_sample){
		.valid = true, .total_bytes = 1ULL << 30, .available_bytes = 1ULL << 29};
	frame.leaves_valid = true;
	for (uint32_t i = 0; i < 2; i++)
		frame.leaf[frame.leaf_count++] = (struct leaf_sample){
			.cgid = 7 + i, .populated = true, .current_bytes = 64 << 20};
	assert_true(record_put_frame(writer, &frame, at_us));
	assert_true(record_put_plan(writer, &nothing));
}

/* Two leaves of one name for five seconds, and one frame by another configuration. */
static void record_reload(const char *path)
{
	static uint64_t bytes[(RECORD_HEAD_BYTES + RECORD_SLOT_BYTES) / 8];
	static const char reloaded[] = "[component ml]\nshare = 20%\n";
	static struct record_writer writer;
	struct record_head head = {.version = RECORD_VERSION, .slot_bytes = RECORD_SLOT_BYTES};
	struct record_begin about = {.wall_us = 1, .version = "test"};
	char schema[RECORD_SCHEMA_MAX];
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	about.schema_bytes = record_schema_print(schema, sizeof(schema));
	memcpy(head.magic, RECORD_MAGIC, sizeof(head.magic));
	memcpy(bytes, &head, sizeof(head));
	record_slot_begin(&writer, bytes + RECORD_HEAD_BYTES / 8, RECORD_SLOT_BYTES, 1, 0, 1);
	assert_true(record_put_begin(&writer, &about, schema));
	assert_true(record_put_config(&writer, (1ULL << 30), config, sizeof(config) - 1));
	for (uint64_t cgid = 7; cgid <= 8; cgid++)
		assert_true(record_put_leaf(&writer,
					    &(struct record_leaf){.cgid = cgid, .name = "job"}));
	for (uint64_t at_us = US_PER_SEC; at_us <= 5 * US_PER_SEC; at_us += US_PER_SEC)
		put_frame(&writer, at_us);
	assert_true(record_put_config(&writer, (1ULL << 30), reloaded, sizeof(reloaded) - 1));
	put_frame(&writer, 6 * US_PER_SEC);
	assert_int_equal(fwrite(bytes, sizeof(bytes), 1, file), 1);
	assert_int_equal(fclose(file), 0);
}

/* A configuration that was reloaded just before the copy leaves what was before to be told. */
static void test_effect_is_of_the_last_stretch_that_tells_something(void **state)
{
	const struct fake *fake = *state;
	AUTO_FREE char *json = NULL, *said = NULL;
	AUTO_JSON json_t *root = NULL;
	char path[80];

	snprintf(path, sizeof(path), "%s/recording", fake->folder);
	record_reload(path);
	UWCTL_LINE(0, &json, &said, "replay", path, "--effect", "--json");
	unlink(path);
	assert_string_equal(said, "");
	root = json_loads(json, 0, NULL);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(root, "effect"), "span_us")),
		4 * US_PER_SEC);
}

static void test_leaves_of_one_name_are_told_apart(void **state)
{
	const struct fake *fake = *state;
	AUTO_FREE char *text = NULL, *json = NULL, *said = NULL, *said_again = NULL;
	AUTO_JSON json_t *root = NULL;
	char path[80];

	snprintf(path, sizeof(path), "%s/recording", fake->folder);
	record_reload(path);
	UWCTL_LINE(80, &text, &said, "replay", path, "--effect");
	UWCTL_LINE(0, &json, &said_again, "replay", path, "--effect", "--json");
	unlink(path);
	assert_non_null(strstr(text, "ml/job (7)"));
	assert_non_null(strstr(text, "ml/job (8)"));
	root = json_loads(json, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(leaf_of(root, 7), "name")), "job");
	assert_string_equal(json_string_value(json_object_get(leaf_of(root, 8), "name")), "job");
}

static void test_swap_is_a_size(void **state)
{
	AUTO_FREE char *text = NULL, *said = NULL;

	(void)state;
	assert_int_equal(UWCTL_LINE(80, &text, &said, "replay", "tests/sim/golden/turns.recording",
				    "--swap", "much"),
			 CLI_USAGE);
	assert_non_null(strstr(said, "--swap: 'much' is not a size from"));
	assert_string_equal(text, "");
}

struct export
{
	char recording[80], conf[80], out[80], other[80];
};

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

/* What there is to export, and a file in the place of the export, that everybody may read. */
static void make_export(const struct fake *fake, struct export *ret)
{
	char text[160];

	snprintf(ret->recording, sizeof(ret->recording), "%s/recording", fake->folder);
	snprintf(ret->conf, sizeof(ret->conf), "%s/conf", fake->folder);
	snprintf(ret->out, sizeof(ret->out), "%s/out", fake->folder);
	snprintf(ret->other, sizeof(ret->other), "%s/other", fake->folder);
	record_hostile(ret->recording);
	snprintf(text, sizeof(text), "%s[record]\nfile = %s\n", config, ret->recording);
	write_text(ret->conf, text);
	write_text(ret->out, "as it was");
	assert_int_equal(chmod(ret->out, 0644), 0);
}

static int export_it(const struct export *export)
{
	AUTO_FREE char *text = NULL, *said = NULL;

	return UWCTL_LINE(80, &text, &said, "record", "--out", export->out, "--config",
			  export->conf);
}

static void expect_as_it_was(const struct export *export)
{
	char text[32] = "";
	FILE *file = fopen(export->out, "r");

	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	assert_string_equal(text, "as it was");
}

static void test_recording_is_not_written_into_what_others_have(void **state)
{
	const struct fake *fake = *state;
	struct export export;

	make_export(fake, &export);
	assert_int_equal(link(export.out, export.other), 0);
	assert_int_not_equal(export_it(&export), 0);
	expect_as_it_was(&export);
	assert_int_equal(unlink(export.other), 0);
	if (geteuid())
		skip(); /* no right to make a file of another */
	assert_int_equal(chown(export.out, 12345, 12345), 0);
	assert_int_not_equal(export_it(&export), 0);
	expect_as_it_was(&export);
}

static void test_recording_is_for_who_writes_it_whatever_was_there(void **state)
{
	const struct fake *fake = *state;
	struct export export;
	struct stat st;

	make_export(fake, &export);
	assert_int_equal(export_it(&export), 0);
	assert_int_equal(stat(export.out, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(st.st_size > 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_a_recording_says_cannot_steer_the_terminal),
		TEST(test_effect_is_shown_beside_what_was_recorded),
		TEST(test_effect_is_of_the_last_stretch_that_tells_something),
		TEST(test_leaves_of_one_name_are_told_apart),
		TEST(test_swap_is_a_size),
		TEST(test_recording_is_not_written_into_what_others_have),
		TEST(test_recording_is_for_who_writes_it_whatever_was_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
