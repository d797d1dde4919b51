/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process that may open so many descriptors more, and then gets EMFILE. */
#ifndef UW_TEST_FEW_FDS_H
#define UW_TEST_FEW_FDS_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static struct rlimit few_fds_before;

/* Right for a process whose descriptors have no holes, as a test's that closes what it opens. */
static inline void few_fds_begin(rlim_t more)
{
	int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct rlimit few;

	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &few_fds_before), 0);
	few = few_fds_before;
	few.rlim_cur = (rlim_t)next + more;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
}

static inline void few_fds_end(void)
{
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few_fds_before), 0);
}

#endif
