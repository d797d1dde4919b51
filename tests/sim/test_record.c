// SPDX-License-Identifier: GPL-2.0-or-later
/* What is recorded of an episode comes back and decides the same, whatever ended the recording. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/random.h"
#include "tests/sim/recorded.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/cli/redo.h"
#include "user/conf/conf.h"

#define KILLS       25
#define STARTS_KEPT 6 /* each has a slot at the least, a fast machine fills more */

static const char two[] = "[component cache]\nshare = 35%\npriority = 9\nprotect = working-set\n"
			  "[component ml]\nshare = 60%\npriority = 3\nfreeze = yes\nborrow = yes\n";

/* A service, and from its 15th second on somebody who grows until there is no room. */
static void run_episode(struct plant *plant, uint64_t us)
{
	struct plant_leaf *hog;

	plant_add_leaf(plant, 0, 274 * MIB);
	plant_run(plant, 15 * US_PER_SEC);
	hog = plant_add_leaf(plant, 1, 4 * MIB);
	hog->phase.target_bytes = 2048 * MIB;
	hog->phase.grow_per_s = 60 * MIB;
	plant_run(plant, us - 15 * US_PER_SEC);
}

struct replayed {
	uint64_t frames, actions, last_sequence;
	uint32_t starts, cold_starts, torn, refused;
	const char *difference;
};

/* Decides all of it again. */
static struct replayed replay(const void *bytes, size_t size, const struct config *other)
{
	AUTO_FREE struct recording *recording = malloc(sizeof(*recording));
	struct replayed result = {0};
	struct redo redo;
	struct uw_err err = {0};
	int action, rc;

	assert_int_equal(recording_open(recording, bytes, size, &err), 0);
	assert_int_equal(redo_init(&redo, recording, other), 0);
	while ((rc = redo_next(&redo, &err)) > 0) {
		const char *field = record_plan_difference(&recording->plan, &redo.plan, &action);

		if (!result.difference)
			result.difference = field;
		result.actions += recording->plan.action_count;
		result.last_sequence = recording->frame.sequence;
	}
	assert_string_equal(err.text, "");
	assert_int_equal(rc, 0);
	result.frames = redo.frames;
	result.starts = redo.starts;
	result.cold_starts = redo.cold_starts;
	result.torn = recording->torn;
	result.refused = recording->refused;
	redo_done(&redo);
	return result;
}

static struct replayed replay_recorded(const struct recorded *recorded)
{
	size_t size;
	AUTO_FREE void *bytes = recorded_export(recorded, &size);

	return replay(bytes, size, NULL);
}

static void test_episode_decides_the_same_again(void **state)
{
	struct recorded recorded;
	struct replayed result;
	uint64_t frames;

	(void)state;
	recorded_init(&recorded);
	recorded_start(&recorded, two, 256 * MIB);
	run_episode(&recorded.plant, 90 * US_PER_SEC);
	assert_true(recorded.plant.counts.actions[ACTION_FREEZE] > 0);
	frames = recorded.plant.counts.frames;
	recorded_stop(&recorded);
	result = replay_recorded(&recorded);
	assert_null(result.difference);
	assert_int_equal(result.frames, frames);
	assert_int_equal(result.starts, 1);
	assert_int_equal(result.cold_starts + result.torn + result.refused, 0);
	assert_true(result.actions > 20);
	recorded_done(&recorded);
}

/* Longer than the file: the oldest slots go, and what is left begins with a state. */
static void test_long_recording_wraps_and_decides_the_same_again(void **state)
{
	struct recorded recorded;
	struct replayed result;
	struct flight_stats stats;
	size_t size;

	(void)state;
	recorded_init(&recorded);
	recorded_start(&recorded, two, 256 * MIB);
	run_episode(&recorded.plant, 40 * US_PER_SEC);
	do {
		plant_run(&recorded.plant, 60 * US_PER_SEC);
		flight_read_stats(recorded.flight, &stats);
	} while (stats.bytes < 20 * MIB);
	assert_int_equal(stats.error, 0);
	recorded_stop(&recorded);
	result = replay_recorded(&recorded);
	free(recorded_export(&recorded, &size));
	assert_null(result.difference);
	assert_true(size <= 8 * MIB + MIB);
	assert_true(result.frames < stats.frames);
	assert_true(result.frames > stats.frames / 8);
	assert_int_equal(result.cold_starts + result.torn + result.refused, 0);
	recorded_done(&recorded);
}

struct thinned {
	uint64_t frames, whole, actions, outcomes, first_us, last_us, full_first_us;
	uint64_t closest_us; /* between two whole ones */
};

static struct thinned count_thinned(const void *bytes, size_t size)
{
	AUTO_FREE struct recording *recording = malloc(sizeof(*recording));
	struct thinned t = {.closest_us = UINT64_MAX};
	uint64_t whole_us = 0;

	assert_int_equal(recording_open(recording, bytes, size, NULL), 0);
	while (recording_next(recording)) {
		const struct frame *frame = &recording->frame;

		if (recording->kind == RECORD_BEGIN)
			whole_us = 0;
		if (recording->kind == RECORD_PLAN && recording->thin)
			t.actions += recording->plan.action_count;
		if (recording->kind != RECORD_FRAME)
			continue;
		if (!recording->thin) {
			t.full_first_us = t.full_first_us ?: frame->now_us;
			continue;
		}
		t.first_us = t.first_us ?: frame->now_us;
		assert_true(frame->now_us > t.last_us);
		t.last_us = frame->now_us;
		t.frames++;
		t.outcomes += frame->outcome_count;
		if (frame->kind != FRAME_FULL)
			continue;
		t.whole++;
		if (whole_us && frame->now_us - whole_us < t.closest_us)
			t.closest_us = frame->now_us - whole_us;
		whole_us = frame->now_us;
	}
	assert_int_equal(recording->torn + recording->refused, 0);
	return t;
}

/* What goes out of the full slots leaves a frame in ten seconds, and all that was done. */
static void test_what_is_older_is_thinner(void **state)
{
	struct recorded recorded;
	struct flight_stats stats;
	struct thinned t;
	size_t size;
	AUTO_FREE void *bytes = NULL;

	(void)state;
	recorded_init(&recorded);
	recorded_start(&recorded, two, 256 * MIB);
	run_episode(&recorded.plant, 40 * US_PER_SEC);
	do {
		plant_run(&recorded.plant, 60 * US_PER_SEC);
		flight_read_stats(recorded.flight, &stats);
	} while (stats.bytes < 8 * MIB);
	recorded_stop(&recorded);
	bytes = recorded_export(&recorded, &size);
	t = count_thinned(bytes, size);
	assert_true(t.first_us < 102 * US_PER_SEC); /* the plant begins at 100 s */
	assert_true(t.last_us < t.full_first_us);
	assert_true(t.full_first_us - t.last_us < 11 * US_PER_SEC);
	assert_in_range(t.closest_us, 10 * US_PER_SEC, 11 * US_PER_SEC);
	assert_in_range(t.whole, (t.last_us - t.first_us) / US_PER_SEC / 12,
			(t.last_us - t.first_us) / US_PER_SEC / 10 + 20);
	assert_true(t.actions > 20 && t.outcomes > 20);
	recorded_done(&recorded);
}

static void record_until_killed(struct recorded *recorded)
{
	recorded_start(recorded, two, 256 * MIB);
	run_episode(&recorded->plant, 20 * US_PER_SEC);
	for (;;)
		plant_run(&recorded->plant, US_PER_SEC);
}

/* Killed at any instant, on the tick or in the thread: all that was done is there. */
static void test_killed_recorder_leaves_all_but_what_it_was_at(void **state)
{
	volatile uint64_t *done =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct recorded recorded;
	struct random random = {1};
	uint32_t starts = 0;

	(void)state;
	recorded_init(&recorded);
	recorded.done = done;
	for (int i = 0; i < KILLS; i++) {
		struct replayed result;
		pid_t pid;

		*done = 0;
		pid = fork();
		if (!pid) {
			record_until_killed(&recorded);
			_exit(1);
		}
		while (!*done)
			usleep(100);
		usleep((useconds_t)roll(&random, 30000));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		result = replay_recorded(&recorded);
		assert_null(result.difference);
		assert_in_range(result.last_sequence, *done, *done + 1);
		assert_int_equal(result.cold_starts + result.torn + result.refused, 0);
		assert_true(result.starts > starts || result.starts >= STARTS_KEPT);
		starts = result.starts;
	}
	munmap((void *)done, 4096);
	recorded_done(&recorded);
}

static void test_another_configuration_decides_otherwise(void **state)
{
	static const char other_text[] =
		"[component cache]\nshare = 35%\npriority = 9\nprotect = working-set\n"
		"[component ml]\nshare = 60%\npriority = 3\nfreeze = no\nborrow = yes\n";
	struct recorded recorded;
	struct config other;
	size_t size;
	AUTO_FREE void *bytes = NULL;

	(void)state;
	recorded_init(&recorded);
	recorded_start(&recorded, two, 256 * MIB);
	run_episode(&recorded.plant, 40 * US_PER_SEC);
	recorded_stop(&recorded);
	bytes = recorded_export(&recorded, &size);
	assert_int_equal(conf_parse_text("t", other_text, strlen(other_text), &other, NULL), 0);
	assert_non_null(replay(bytes, size, &other).difference);
	assert_int_equal(conf_parse_text("t", two, strlen(two), &other, NULL), 0);
	assert_null(replay(bytes, size, &other).difference);
	recorded_done(&recorded);
}

/* Where and whom the first freeze was to stop. */
static uint64_t first_freeze(const void *bytes, size_t size, const struct config *other,
			     const char **ret_component)
{
	AUTO_FREE struct recording *recording = malloc(sizeof(*recording));
	struct redo redo;
	uint64_t sequence = 0;

	assert_int_equal(recording_open(recording, bytes, size, NULL), 0);
	assert_int_equal(redo_init(&redo, recording, other), 0);
	while (!sequence && redo_next(&redo, NULL) > 0)
		for (uint32_t i = 0; i < redo.plan.action_count && !sequence; i++)
			if (redo.plan.action[i].kind == ACTION_FREEZE) {
				sequence = recording->frame.sequence;
				*ret_component = strdup(
					redo.config.component[redo.plan.action[i].component].name);
			}
	redo_done(&redo);
	return sequence;
}

/* Components go by their names: in another order, with one more, it is the same that is stopped. */
static void test_another_order_of_components_decides_the_same(void **state)
{
	static const char swapped[] =
		"[component idle]\nshare = 1%\n"
		"[component ml]\nshare = 60%\npriority = 3\nfreeze = yes\nborrow = yes\n"
		"[component cache]\nshare = 35%\npriority = 9\nprotect = working-set\n";
	struct recorded recorded;
	struct config other;
	size_t size;
	AUTO_FREE void *bytes = NULL;
	const char *was = NULL, *is = NULL;
	uint64_t was_at, is_at;

	(void)state;
	recorded_init(&recorded);
	recorded_start(&recorded, two, 256 * MIB);
	run_episode(&recorded.plant, 40 * US_PER_SEC);
	recorded_stop(&recorded);
	bytes = recorded_export(&recorded, &size);
	assert_int_equal(conf_parse_text("t", swapped, strlen(swapped), &other, NULL), 0);
	was_at = first_freeze(bytes, size, NULL, &was);
	is_at = first_freeze(bytes, size, &other, &is);
	assert_int_not_equal(was_at, 0);
	assert_int_equal(is_at, was_at);
	assert_string_equal(was, "ml");
	assert_string_equal(is, "ml");
	free((char *)was);
	free((char *)is);
	recorded_done(&recorded);
}

/* A bit of it is turned: what was before it stands. */
static void test_damaged_record_ends_its_slot_and_no_more(void **state)
{
	struct recorded recorded;
	struct replayed whole, cut;
	size_t size;
	AUTO_FREE uint8_t *bytes = NULL;

	(void)state;
	recorded_init(&recorded);
	recorded_start(&recorded, two, 256 * MIB);
	run_episode(&recorded.plant, 30 * US_PER_SEC);
	recorded_stop(&recorded);
	bytes = recorded_export(&recorded, &size);
	whole = replay(bytes, size, NULL);
	bytes[size - 100] ^= 4;
	cut = replay(bytes, size, NULL);
	assert_null(cut.difference);
	assert_int_equal(cut.torn, 1);
	assert_in_range(cut.frames, whole.frames - 3, whole.frames - 1);
	recorded_done(&recorded);
}

static void test_seek_finds_the_frame_of_a_time(void **state)
{
	AUTO_FREE struct recording *recording = malloc(sizeof(*recording));
	struct recorded recorded;
	uint64_t first_us, last_us, middle_us, sequence;
	size_t size;
	AUTO_FREE void *bytes = NULL;

	(void)state;
	recorded_init(&recorded);
	recorded_start(&recorded, two, 256 * MIB);
	run_episode(&recorded.plant, 30 * US_PER_SEC);
	recorded_stop(&recorded);
	bytes = recorded_export(&recorded, &size);
	assert_int_equal(recording_open(recording, bytes, size, NULL), 0);
	assert_true(recording_span(recording, &first_us, &last_us));
	assert_true(first_us < last_us);
	middle_us = first_us + (last_us - first_us) / 2;
	assert_true(recording_seek(recording, middle_us));
	assert_int_equal(recording->kind, RECORD_FRAME);
	assert_in_range(recording->wall_us, first_us, middle_us);
	assert_non_null(recording->config);
	sequence = recording->frame.sequence;
	do {
		assert_true(recording_next(recording));
	} while (recording->kind != RECORD_FRAME || recording->frame.kind != FRAME_FULL);
	assert_true(recording->wall_us > middle_us);
	assert_true(recording->frame.sequence > sequence);
	assert_true(recording_seek(recording, 0));
	assert_int_equal(recording->wall_us, first_us);
	assert_true(recording_seek(recording, UINT64_MAX));
	assert_string_equal(recording_leaf_name(recording, 1001), "leaf1");
	recorded_done(&recorded);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_episode_decides_the_same_again),
		cmocka_unit_test(test_long_recording_wraps_and_decides_the_same_again),
		cmocka_unit_test(test_what_is_older_is_thinner),
		cmocka_unit_test(test_killed_recorder_leaves_all_but_what_it_was_at),
		cmocka_unit_test(test_another_configuration_decides_otherwise),
		cmocka_unit_test(test_another_order_of_components_decides_the_same),
		cmocka_unit_test(test_damaged_record_ends_its_slot_and_no_more),
		cmocka_unit_test(test_seek_finds_the_frame_of_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
