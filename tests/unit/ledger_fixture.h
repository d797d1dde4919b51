/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ledger in a folder of its own, and two entries to write into it. */
#ifndef TESTS_UNIT_LEDGER_FIXTURE_H
#define TESTS_UNIT_LEDGER_FIXTURE_H

#include "tests/unit/tmp_pool.h"
#include "user/ledger/file.h"

#define OLD_HIGH 400000000ULL

static inline int setup(void **state)
{
	static struct tmp_pool pool;

	tmp_pool_init(&pool);
	*state = &pool;
	return 0;
}

static inline int teardown(void **state)
{
	tmp_pool_done(*state);
	return 0;
}

static inline struct ledger *open_taken(const struct tmp_pool *pool)
{
	struct ledger *ledger;

	assert_int_equal(ledger_open(pool->ledger, true, &ledger, NULL), 0);
	assert_int_equal(ledger_take(ledger, LEDGER_UWD, 0), 0);
	return ledger;
}

static const struct ledger_entry a_freeze = {
	.kind = LEDGER_FREEZE,
	.cgid = 42,
	.new_value = 1,
	.at_us = 7,
	.deadline_us = 9,
	.path = "jobs/train",
};

static const struct ledger_entry a_squeeze = {
	.kind = LEDGER_HIGH,
	.cgid = 43,
	.old_value = OLD_HIGH,
	.new_value = 300,
	.at_us = 8,
	.path = "jobs",
};

#endif
