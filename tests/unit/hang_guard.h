/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a test waits: for the event or the state that it is about, however long a busy machine takes.
 * Time proves nothing here. Only a test that would hang for good is ended by it, and fails.
 */
#ifndef UW_TEST_HANG_GUARD_H
#define UW_TEST_HANG_GUARD_H

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/base/clock.h"

#define HANG_GUARD_S  60
#define HANG_GUARD_MS (HANG_GUARD_S * 1000)
#define HANG_GUARD_US (HANG_GUARD_S * US_PER_SEC)

/* Until what is true of something that tells nobody when it changes: looks once a millisecond. */
#define UNTIL(what)                                                  \
	do {                                                         \
		uint64_t hangs_us_ = clock_now_us() + HANG_GUARD_US; \
		while (!(what)) {                                    \
			assert_true(clock_now_us() < hangs_us_);     \
			poll(NULL, 0, 1);                            \
		}                                                    \
	} while (0)

/* Until fd is readable. */
static inline void await_readable(int fd)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&readable, 1, HANG_GUARD_MS), 1);
}

#endif
