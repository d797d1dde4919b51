/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server of leases with nobody to keep pools. */
#ifndef TESTS_BENCH_NO_KEEPER_H
#define TESTS_BENCH_NO_KEEPER_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

static inline int no_keeper(void *data, uint32_t component, bool start, int *ret_fd)
{
	(void)data;
	(void)component;
	(void)start;
	(void)ret_fd;
	return -ENOENT;
}

#endif
