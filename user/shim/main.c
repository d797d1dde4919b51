// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uw-shim: the parent of one queued job, started by uwd. It reads its two arguments and goes on in
 * shim.c.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/base/units.h"
#include "user/shim/shim.h"
#include "user/shim/slots.h"

static const char usage[] = "Usage: uw-shim SLOT LOG-LIMIT-BYTES\n"
			    "Started by uwd for each queued job, never by hand: it starts the\n"
			    "job's command as its submitter and keeps its exit status.\n";

int main(int argc, char **argv)
{
	struct shim_options options = {0};
	struct uw_err err = {0};
	uint64_t slot;

	if (argc == 2 && !strcmp(argv[1], "--help"))
		return write(STDOUT_FILENO, usage, sizeof(usage) - 1) < 0 ? EXIT_FAILURE
									  : EXIT_SUCCESS;
	if (argc != 3 || units_parse_uint(argv[1], 1, SLOTS_COUNT, &slot) ||
	    units_parse_uint(argv[2], 0, UINT64_MAX, &options.log_limit_bytes)) {
		if (write(STDERR_FILENO, usage, sizeof(usage) - 1) < 0)
			return EXIT_FAILURE;
		return 2;
	}
	options.slot = (uint32_t)slot;
	if (shim_run(&options, &err)) {
		log_err("%s", err.text);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
