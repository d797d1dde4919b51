// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a program does to hear of pressure: uw_watch COMPONENT prints each level as it comes, and
 * how long after uwd had seen it the callback ran. It does so in a loop of its own; with "thread"
 * behind the component in the library's.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/lib/uw.h"

static void print_level(void *data, const struct uw_pressure *pressure)
{
	struct timespec now;
	uint64_t now_us;

	(void)data;
	clock_gettime(CLOCK_MONOTONIC, &now);
	now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	printf("%s level=%u after_us=%llu\n", pressure->component, pressure->level,
	       (unsigned long long)(now_us - pressure->at_us));
	fflush(stdout);
}

static int loop(struct uw *uw)
{
	struct pollfd ready = {.fd = uw_fd(uw), .events = POLLIN};

	while (ready.fd >= 0 && poll(&ready, 1, -1) > 0)
		if (uw_dispatch(uw) < 0)
			return 1;
	return 2;
}

int main(int argc, char **argv)
{
	struct uw *uw = NULL;

	if (argc < 2 || uw_open(NULL, &uw) || uw_on_pressure(uw, argv[1], print_level, NULL, NULL))
		return 2;
	if (argc == 2)
		return loop(uw);
	if (uw_start_thread(uw))
		return 2;
	pause();
	return 0;
}
