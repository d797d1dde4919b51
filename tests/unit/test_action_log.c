// SPDX-License-Identifier: GPL-2.0-or-later
/* What is counted of actions that ended, by component. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "user/daemon/action_log.h"

static struct action_entry ended(const char *component, enum action_kind kind,
				 enum outcome_result result, uint64_t done)
{
	struct action_entry entry = {
		.action.kind = kind,
		.ended = true,
		.outcome = {.kind = kind, .result = result, .done = done},
	};

	strcpy(entry.component, component);
	return entry;
}

static void test_ends_are_counted_by_component_and_kind(void **state)
{
	static struct action_log log;
	static const struct {
		const char *component;
		enum action_kind kind;
		enum outcome_result result;
		uint64_t done;
	} rows[] = {
		{"cache", ACTION_RECLAIM, OUTCOME_DONE, 100},
		{"cache", ACTION_RECLAIM, OUTCOME_SHORT, 30},
		{"cache", ACTION_RECLAIM, OUTCOME_FAILED, 0},
		{"ml_models", ACTION_RECLAIM, OUTCOME_DONE, 7},
		{"ml_models", ACTION_FREEZE, OUTCOME_DONE, 5},
		{"ml_models", ACTION_FREEZE, OUTCOME_GONE, 0},
		{"", ACTION_NOTICE, OUTCOME_DONE, 0},
	};

	(void)state;
	action_log_init(&log);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct action_entry entry =
			ended(rows[i].component, rows[i].kind, rows[i].result, rows[i].done);

		action_log_count(&log, &entry);
	}
	assert_int_equal(action_log_counted(&log, "cache", ACTION_RECLAIM, OUTCOME_DONE), 1);
	assert_int_equal(action_log_reclaimed(&log, "cache"), 130);
	assert_int_equal(action_log_counted(&log, "ml_models", ACTION_FREEZE, OUTCOME_DONE), 1);
	assert_int_equal(action_log_counted(&log, "ml_models", ACTION_FREEZE, OUTCOME_GONE), 1);
	assert_int_equal(action_log_counted(&log, "cache", ACTION_RECLAIM, OUTCOME_SHORT), 1);
	assert_int_equal(action_log_counted(&log, "cache", ACTION_RECLAIM, OUTCOME_FAILED), 1);
	assert_int_equal(action_log_reclaimed(&log, "ml_models"), 7);
	assert_int_equal(action_log_counted(&log, "database", ACTION_RECLAIM, OUTCOME_DONE), 0);
	assert_int_equal(action_log_reclaimed(&log, "database"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends_are_counted_by_component_and_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
