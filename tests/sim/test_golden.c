// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Recordings of episodes that are kept: each has to decide as it did when it was made. One that
 * does not shows a change of the policy; when that is meant, GOLDEN=write makes them anew, and what
 * they decide now is looked at with uwctl replay of the old ones first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/recorded.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/cli/redo.h"
#include "user/record/load.h"

#define FOLDER        "tests/sim/golden"
#define BYTES_MAX_ALL (100 * 1024) /* of all of them: they are part of the source */

/* A job that grows beside a service, until it is frozen. */
static void freeze_episode(struct plant *plant)
{
	struct plant_leaf *hog;

	plant_add_leaf(plant, 0, 274 * MIB);
	plant_run(plant, 4 * US_PER_SEC);
	hog = plant_add_leaf(plant, 1, 300 * MIB);
	hog->phase.target_bytes = 2048 * MIB;
	hog->phase.grow_per_s = 100 * MIB;
	plant_run(plant, 9 * US_PER_SEC);
}

/* An owner comes back for what it lent. */
static void payback_episode(struct plant *plant)
{
	struct plant_leaf *owner = plant_add_leaf(plant, 0, 20 * MIB);
	struct plant_leaf *borrower = plant_add_leaf(plant, 1, 4 * MIB);

	borrower->phase.target_bytes = 780 * MIB;
	borrower->phase.grow_per_s = 200 * MIB;
	plant_run(plant, 4 * US_PER_SEC);
	owner->phase.target_bytes = 340 * MIB;
	owner->phase.grow_per_s = 100 * MIB;
	plant_run(plant, 4 * US_PER_SEC);
}

/* Two that are hot, and do not fit together, take turns. */
static void turns_episode(struct plant *plant)
{
	for (int i = 0; i < 2; i++) {
		struct plant_leaf *leaf = plant_add_leaf(plant, 1, 100 * MIB);

		leaf->phase = (struct plant_phase){.target_bytes = 669 * MIB,
						   .grow_per_s = 200 * MIB,
						   .hot_bytes = 669 * MIB,
						   .touches_per_s = 200000};
	}
	plant_run(plant, 7 * US_PER_SEC);
}

static const struct golden {
	const char *name, *config;
	void (*run)(struct plant *plant);
	enum action_kind shows; /* what it is about */
} goldens[] = {
	{"freeze",
	 "[component cache]\nshare = 35%\npriority = 9\nprotect = working-set\n"
	 "[component ml]\nshare = 60%\npriority = 3\nfreeze = yes\nborrow = yes\n",
	 freeze_episode, ACTION_FREEZE},
	{"payback",
	 "[component cache]\nshare = 35%\npriority = 9\nprotect = working-set\nlend = yes\n"
	 "[component ml]\nshare = 60%\npriority = 3\nfreeze = yes\nborrow = yes\n",
	 payback_episode, ACTION_SET_HIGH},
	{"turns",
	 "[component other]\nshare = 10%\n"
	 "[component ml]\nshare = 80%\npriority = 3\nfreeze = yes\nborrow = yes\n",
	 turns_episode, ACTION_FREEZE},
};

static const char *path_of(const struct golden *golden, char buf[static 64])
{
	snprintf(buf, 64, FOLDER "/%s.recording", golden->name);
	return buf;
}

static void make(const struct golden *golden)
{
	struct recorded recorded;
	size_t size;
	AUTO_FREE void *bytes = NULL;
	char path[64];
	FILE *out = fopen(path_of(golden, path), "w");

	assert_non_null(out);
	recorded_init(&recorded);
	recorded_start(&recorded, golden->config, 256 * MIB);
	golden->run(&recorded.plant);
	recorded_stop(&recorded);
	bytes = recorded_export(&recorded, &size);
	assert_int_equal(fwrite(bytes, size, 1, out), 1);
	assert_int_equal(fclose(out), 0);
	recorded_done(&recorded);
}

static uint32_t count_actions(const struct plan *plan, enum action_kind kind)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < plan->action_count; i++)
		count += plan->action[i].kind == kind;
	return count;
}

/* Returns its bytes. */
static size_t decide_again(const struct golden *golden)
{
	AUTO_FREE struct recording *recording = malloc(sizeof(*recording));
	AUTO_FREE void *bytes = NULL;
	struct redo redo;
	struct uw_err err = {0};
	uint32_t shown = 0;
	size_t size;
	char path[64];
	int action, rc;

	assert_int_equal(record_read_file(path_of(golden, path), &bytes, &size, &err), 0);
	assert_int_equal(recording_open(recording, bytes, size, &err), 0);
	assert_int_equal(redo_init(&redo, recording, NULL), 0);
	while ((rc = redo_next(&redo, &err)) > 0) {
		const char *field = record_plan_difference(&recording->plan, &redo.plan, &action);

		if (field)
			fail_msg("%s: frame %llu: %s of action %d differs", path,
				 (unsigned long long)recording->frame.sequence, field, action);
		shown += count_actions(&recording->plan, golden->shows);
	}
	assert_string_equal(err.text, "");
	assert_true(redo.frames > 20);
	assert_true(shown > 0);
	assert_int_equal(recording->torn + recording->refused, 0);
	redo_done(&redo);
	return size;
}

static void test_golden_recordings_decide_the_same_again(void **state)
{
	const char *mode = getenv("GOLDEN");
	size_t bytes = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(goldens); i++) {
		if (mode && !strcmp(mode, "write"))
			make(&goldens[i]);
		bytes += decide_again(&goldens[i]);
	}
	assert_true(bytes < BYTES_MAX_ALL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_recordings_decide_the_same_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
