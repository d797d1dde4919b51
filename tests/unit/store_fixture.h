/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A folder for a database, with a reserve that is small. */
#ifndef UW_TEST_STORE_FIXTURE_H
#define UW_TEST_STORE_FIXTURE_H

#include "tests/unit/tmp_pool.h"
#include "user/store/history.h"
#include "user/store/store.h"

#define SMALL_RESERVE (64U << 10)

struct fixture {
	struct tmp_pool pool;
	struct store_options options;
	char path[128]; /* of the database */
};

static inline int setup(void **state)
{
	static struct fixture f;

	tmp_pool_init(&f.pool);
	f.options = (struct store_options){.dir = f.pool.path, .reserve_bytes = SMALL_RESERVE};
	snprintf(f.path, sizeof(f.path), "%s/%s", f.pool.path, STORE_FILE);
	*state = &f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	tmp_pool_done(&f->pool);
	return 0;
}

static inline struct store *open_store(const struct fixture *f)
{
	struct store *store = NULL;
	struct uw_err err = {0};

	assert_int_equal(store_open(&f->options, &store, &err), 0);
	return store;
}

static inline struct store_reader *open_reader(const struct fixture *f)
{
	struct store_reader *reader = NULL;
	struct uw_err err = {0};

	assert_int_equal(store_reader_open(&f->options, &reader, &err), 0);
	return reader;
}

#endif
