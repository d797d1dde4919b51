// SPDX-License-Identifier: GPL-2.0-or-later
/* The size of the ledger: it grows, is looked at as far as it is used, and takes over a smaller
 * one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "tests/unit/ledger_fixture.h"

/* Room is made before it is needed; who had it mapped before sees what is entered there. */
static void test_ledger_grows_for_who_has_it_mapped_too(void **state)
{
	const struct tmp_pool *pool = *state;
	struct ledger *ledger = open_taken(pool), *guard;
	struct ledger_entry entry = a_freeze;

	assert_int_equal(ledger_open(pool->ledger, false, &guard, NULL), 0);
	assert_int_equal(ledger_reserve(ledger, LEDGER_ENTRIES), 0);
	assert_int_equal(ledger_slots(guard), LEDGER_ENTRIES);
	assert_int_equal(ledger_reserve(ledger, LEDGER_ENTRIES_MAX + 1), -ENOSPC);
	assert_int_equal(ledger_reserve(ledger, LEDGER_ENTRIES + 1), 0);
	assert_int_equal(ledger_slots(guard), 2 * LEDGER_ENTRIES);
	assert_int_equal(ledger_reserve(ledger, LEDGER_ENTRIES_MAX), 0);
	for (entry.cgid = 1; entry.cgid <= LEDGER_ENTRIES_MAX; entry.cgid++)
		assert_int_equal(ledger_enter(ledger, &entry), 0);
	assert_int_equal(ledger_enter(ledger, &entry), -ENOSPC);
	assert_true(ledger_find(guard, LEDGER_FREEZE, LEDGER_ENTRIES_MAX, &entry));
	assert_int_equal(ledger_count(guard), LEDGER_ENTRIES_MAX);
	ledger_close(ledger);
	ledger_close(guard);
	assert_int_equal(ledger_open(pool->ledger, false, &guard, NULL), 0);
	assert_int_equal(ledger_count(guard), LEDGER_ENTRIES_MAX);
	ledger_close(guard);
}

/* Who holds it looks no farther than it has entered, and its slots are those that are free first.
 */
static void test_slots_to_look_at_are_those_in_use(void **state)
{
	const struct tmp_pool *pool = *state;
	struct ledger *ledger = open_taken(pool);
	struct ledger_entry entry = a_freeze;

	assert_int_equal(ledger_slots(ledger), 0);
	for (entry.cgid = 1; entry.cgid <= 10; entry.cgid++)
		assert_int_equal(ledger_enter(ledger, &entry), 0);
	assert_int_equal(ledger_slots(ledger), 10);
	ledger_clear(ledger, LEDGER_FREEZE, 3);
	ledger_clear(ledger, LEDGER_FREEZE, 10);
	assert_int_equal(ledger_slots(ledger), 9);
	assert_int_equal(ledger_enter(ledger, &entry), 0);
	assert_int_equal(ledger_slots(ledger), 9);
	ledger_release(ledger);
	assert_int_equal(ledger_slots(ledger), LEDGER_ENTRIES);
	assert_int_equal(ledger_take(ledger, LEDGER_UWD, 0), 0);
	assert_int_equal(ledger_slots(ledger), 9);
	ledger_close(ledger);
}

/* Of the uwd before, which could not grow it. */
static void test_what_version_4_had_entered_goes_along(void **state)
{
	const struct tmp_pool *pool = *state;
	struct ledger *ledger = open_taken(pool);
	struct ledger_entry entry;

	assert_int_equal(ledger_enter(ledger, &a_freeze), 0);
	assert_int_equal(ledger_enter(ledger, &a_squeeze), 0);
	ledger_set_adopted(ledger);
	ledger_hand_over(ledger, 77);
	ledger->file->version = LEDGER_VERSION_4;
	ledger_close(ledger);
	assert_int_equal(ledger_open(pool->ledger, false, &ledger, NULL), -EUCLEAN);
	ledger = open_taken(pool);
	assert_int_equal(ledger->file->version, LEDGER_VERSION);
	assert_int_equal(ledger_count(ledger), 2);
	assert_true(ledger_find(ledger, LEDGER_FREEZE, 42, &entry));
	assert_memory_equal(&entry, &a_freeze, sizeof(entry));
	assert_true(ledger_is_adopted(ledger));
	assert_true(ledger_is_handed_over(ledger, 76));
	ledger->file->version = LEDGER_VERSION_4;
	ledger->file->boot_id[3] ^= 1; /* of another boot it says nothing */
	ledger_close(ledger);
	ledger = open_taken(pool);
	assert_int_equal(ledger_count(ledger), 0);
	ledger_close(ledger);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_ledger_grows_for_who_has_it_mapped_too),
		TEST(test_slots_to_look_at_are_those_in_use),
		TEST(test_what_version_4_had_entered_goes_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
