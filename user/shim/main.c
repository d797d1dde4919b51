// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uw-shim: the parent of one queued job, started by uw-launcher. It reads its arguments, finds
 * uw-login and goes on in shim.c.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/shim/shim.h"
#include "user/shim/slots.h"

static const char usage[] =
	"Usage: uw-shim SLOT LOG-LIMIT-BYTES SUBMIT\n"
	"Started by uw-launcher for each queued job, never by hand: it starts the\n"
	"job's command as its submitter and keeps its exit status.\n";

/* Beside this program, wherever that is. NULL: it cannot be said where. */
static const char *find_login(char *path, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", path, size - 1);
	char *name;

	if (len < 0)
		return NULL;
	path[len] = '\0';
	name = strrchr(path, '/') + 1;
	return text_copy(name, size - (size_t)(name - path), "uw-login") ? path : NULL;
}

int main(int argc, char **argv)
{
	char login[PATH_MAX];
	struct shim_options options = {.login = find_login(login, sizeof(login))};
	struct uw_err err = {0};
	uint64_t slot;

	if (argc == 2 && !strcmp(argv[1], "--help"))
		return write(STDOUT_FILENO, usage, sizeof(usage) - 1) < 0 ? EXIT_FAILURE
									  : EXIT_SUCCESS;
	if (argc != 4 || units_parse_uint(argv[1], 1, SLOTS_COUNT, &slot) ||
	    units_parse_uint(argv[2], 0, UINT64_MAX, &options.log_limit_bytes)) {
		if (write(STDERR_FILENO, usage, sizeof(usage) - 1) < 0)
			return EXIT_FAILURE;
		return 2;
	}
	if (!options.login) {
		log_err("uw-shim: it cannot be said where uw-login is");
		return EXIT_FAILURE;
	}
	options.slot = (uint32_t)slot;
	options.submit = argv[3];
	if (shim_run(&options, &err)) {
		log_err("%s", err.text);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
