/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libuw against a server of leases, for what happens after seconds: by a clock that runs faster. */
#ifndef TESTS_UNIT_UW_FAST_H
#define TESTS_UNIT_UW_FAST_H

#include "tests/unit/fast_clock.h"
#include "tests/unit/uw_fixture.h"

static inline int uw_fast_setup(void **data)
{
	fast_clock_rate = 10;
	return uw_fixture_setup(data);
}

static inline int uw_fast_teardown(void **data)
{
	int rc = uw_fixture_teardown(data);

	fast_clock_rate = 1;
	return rc;
}

#endif
