/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An admission core with two components of 100 MiB at 1000 s, and short words for what tests do. */
#ifndef UW_TESTS_UNIT_ADMIT_FIXTURE_H
#define UW_TESTS_UNIT_ADMIT_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/policy/admit/admit.h"

#define S(n) ((uint64_t)(n)*US_PER_SEC)
#define M(n) ((uint64_t)(n)*MIB)

struct fixture {
	struct admit *admit;
	struct admit_config config;
	struct admit_supply supply;
	struct admit_decisions got;
	uint64_t now_us;
};

static const struct admit_limits limits = {.tasks = 64, .keys = 4};

static inline int setup(void **data)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->admit = malloc(admit_size(&limits));
	assert_non_null(f->admit);
	f->config.component_count = 2;
	f->supply.component[0].budget_bytes = M(100);
	f->supply.component[1].budget_bytes = M(100);
	f->now_us = S(1000);
	assert_int_equal(admit_init(f->admit, &limits, &f->config), 0);
	admit_supply(f->admit, &f->supply, f->now_us);
	*data = f;
	return 0;
}

static inline int teardown(void **data)
{
	struct fixture *f = *data;

	free(f->admit);
	free(f);
	return 0;
}

static inline void configure(struct fixture *f)
{
	assert_int_equal(admit_configure(f->admit, &f->config), 0);
}

static inline struct admit_task task(uint64_t id, uint64_t mib, uint64_t run_s)
{
	return (struct admit_task){
		.id = id,
		.request_bytes = M(mib),
		.declared_us = S(run_s),
		.priority = 5,
		.flags = ADMIT_FREEZABLE | ADMIT_RESTARTABLE,
	};
}

static inline void submit(struct fixture *f, struct admit_task t)
{
	if (!t.submit_us)
		t.submit_us = f->now_us;
	assert_int_equal(admit_submit(f->admit, &t, f->now_us), 0);
}

static inline void decide(struct fixture *f)
{
	admit_decide(f->admit, f->now_us, &f->got);
	assert_false(f->got.more);
}

static inline const struct admit_decision *find(const struct fixture *f, enum admit_verdict verdict,
						uint64_t id)
{
	for (uint32_t i = 0; i < f->got.count; i++)
		if (f->got.decision[i].verdict == verdict && f->got.decision[i].id == id)
			return &f->got.decision[i];
	return NULL;
}

static inline const struct admit_decision *must(const struct fixture *f, enum admit_verdict verdict,
						uint64_t id)
{
	const struct admit_decision *decision = find(f, verdict, id);

	assert_non_null(decision);
	return decision;
}

/* Decides, and takes every START as carried out. */
static inline void step(struct fixture *f)
{
	decide(f);
	for (uint32_t i = 0; i < f->got.count; i++)
		if (f->got.decision[i].verdict == ADMIT_START)
			assert_int_equal(
				admit_started(f->admit, f->got.decision[i].id, 0, f->now_us), 0);
}

static inline struct admit_view view(const struct fixture *f, uint64_t id)
{
	struct admit_view v;

	assert_int_equal(admit_view(f->admit, id, f->now_us, &v), 0);
	return v;
}

static inline void end_task(struct fixture *f, uint64_t id, uint64_t peak_mib)
{
	assert_int_equal(admit_exit(f->admit, id, ADMIT_EXIT_DONE, M(peak_mib), f->now_us),
			 ADMIT_GONE);
}

/* Key 1 has `runs` runs of that peak and 100 s behind it. */
static inline void teach(struct fixture *f, uint32_t runs, uint64_t peak_mib, uint64_t asked_mib)
{
	struct admit_key key;

	admit_key_init(&key, 1);
	for (uint32_t i = 0; i < runs; i++)
		admit_key_learn(&key, &(struct admit_run){.peak_kib = (uint32_t)peak_mib * 1024,
							  .run_ms = 100000,
							  .asked_kib = (uint32_t)asked_mib * 1024});
	assert_int_equal(admit_key_import(f->admit, &key), 0);
}

static inline struct admit_task keyed(uint64_t id, uint64_t mib, uint64_t run_s)
{
	struct admit_task t = task(id, mib, run_s);

	t.key = 1;
	return t;
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

#endif
