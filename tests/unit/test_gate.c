// SPDX-License-Identifier: GPL-2.0-or-later
/* What a component with refuse may still have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/base/cleanup.h"
#include "user/base/units.h"
#include "user/daemon/gate.h"
#include "user/ipc/json.h"

static const struct {
	const char *what;
	struct gate_claim claim;
	uint64_t room_bytes;
} rows[] = {
	{"its budget, less what it uses",
	 {.budget_bytes = 200 * MIB, .in_force_bytes = 200 * MIB, .current_bytes = 50 * MIB},
	 150 * MIB},
	{"what reclaim finds is room",
	 {.budget_bytes = 200 * MIB,
	  .in_force_bytes = 200 * MIB,
	  .current_bytes = 190 * MIB,
	  .reclaimable_bytes = 100 * MIB},
	 110 * MIB},
	{"more reclaimable than there is: figures of two moments",
	 {.budget_bytes = 200 * MIB, .current_bytes = 10 * MIB, .reclaimable_bytes = 12 * MIB},
	 200 * MIB},
	{"over its budget there is none",
	 {.budget_bytes = 200 * MIB, .in_force_bytes = 200 * MIB, .current_bytes = 201 * MIB},
	 0},
	{"what it has lent comes back",
	 {.budget_bytes = 200 * MIB, .in_force_bytes = 80 * MIB, .current_bytes = 50 * MIB},
	 150 * MIB},
	{"what it was lent counts",
	 {.budget_bytes = 200 * MIB,
	  .in_force_bytes = 300 * MIB,
	  .current_bytes = 210 * MIB,
	  .borrows = true},
	 90 * MIB},
	{"who borrows may have all that is free",
	 {.budget_bytes = 200 * MIB,
	  .in_force_bytes = 200 * MIB,
	  .current_bytes = 200 * MIB,
	  .free_bytes = 70 * MIB,
	  .borrows = true},
	 70 * MIB},
	{"and keeps its right where less is free",
	 {.budget_bytes = 200 * MIB,
	  .in_force_bytes = 200 * MIB,
	  .current_bytes = 50 * MIB,
	  .free_bytes = 70 * MIB,
	  .borrows = true},
	 150 * MIB},
	{"who does not borrow has nothing of it",
	 {.budget_bytes = 200 * MIB,
	  .in_force_bytes = 200 * MIB,
	  .current_bytes = 200 * MIB,
	  .free_bytes = 70 * MIB},
	 0},
	{"before the first frame: its budget", {.budget_bytes = 200 * MIB}, 200 * MIB},
};

static void test_room_is_what_it_may_still_have(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (gate_room(&rows[i].claim) != rows[i].room_bytes)
			fail_msg("%s: %llu M", rows[i].what,
				 (unsigned long long)(gate_room(&rows[i].claim) / MIB));
}

static void test_status_shows_a_gate_only_where_one_is_configured(void **state)
{
	static struct daemon daemon; /* large */
	AUTO_JSON json_t *none = NULL, *shut = NULL, *open = NULL;

	(void)state;
	daemon.config.component_count = 1;
	none = gate_encode(&daemon, 0);
	assert_true(json_is_null(none));
	daemon.config.component[0].refuse_bytes = 32 * MIB;
	shut = gate_encode(&daemon, 0);
	assert_true(json_is_null(json_object_get(shut, "room_bytes")));
	assert_true(json_is_null(json_object_get(shut, "last")));
	daemon.component[0].gate = (struct component_gate){
		.is_open = true,
		.room_bytes = MIB,
		.refused = {.count = 2,
			    .bytes = 3,
			    .last_bytes = 5,
			    .last_comm = "a name of 16 ch"},
	};
	open = gate_encode(&daemon, 0);
	assert_int_equal(json_integer_value(json_object_get(open, "room_bytes")), MIB);
	assert_int_equal(json_integer_value(json_object_get(open, "refused")), 2);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(open, "last"), "comm")),
		"a name of 16 ch");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_room_is_what_it_may_still_have),
		cmocka_unit_test(test_status_shows_a_gate_only_where_one_is_configured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
