// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The command line of uwd and its exit status: 2 for what the user has to change - the options, the
 * configuration or the host - and 1 for what failed.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "user/base/journal.h"
#include "user/base/log.h"
#include "user/daemon/daemon.h"
#include "user/daemon/memory.h"
#include "user/daemon/state.h"

#define EXIT_USAGE       2
#define EXIT_UNSUPPORTED 2

static const char help[] =
	"uwd - memory control daemon of uwctl\n"
	"\n"
	"  uwd [--config FILE] [--root PATH] [--dry-run] [--log-level LEVEL]\n"
	"\n"
	"Runs in the foreground, logs to stderr, stops on SIGTERM, reloads on SIGHUP. Makes the\n"
	"component cgroups if `uwctl setup` has not. Talk to it with `uwctl status`.\n"
	"\n"
	"  --config FILE       this file alone, not /etc/uw/uw.conf and its drop-ins\n"
	"  --root PATH         the pool's cgroup, relative to the cgroup2 mount (default: auto)\n"
	"  --dry-run           decide and say what would be done, write nothing\n"
	"  --log-level LEVEL   err, warning, notice, info (default) or debug\n"
	"  --version, --help\n"
	"\n"
	"Example: uwd --config ./uw.conf --log-level debug\n"
	"See uwd(8), uw.conf(5).\n";

enum {
	OPTION_VERSION = 256
};

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"root", required_argument, NULL, 'r'},
	{"dry-run", no_argument, NULL, 'n'},
	{"log-level", required_argument, NULL, 'l'},
	{"version", no_argument, NULL, OPTION_VERSION},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static int set_log_level(const char *name)
{
	enum log_level level;

	if (log_level_from_name(name, &level) < 0) {
		fprintf(stderr, "uwd: --log-level %s: one of err, warning, notice, info, debug\n",
			name);
		return -EINVAL;
	}
	log_set_level(level);
	return 0;
}

static char config_path[PATH_MAX];

/* Returns -1 to go on, else the exit status. */
static int read_options(int argc, char **argv, struct daemon_options *options)
{
	int c;

	while ((c = getopt_long(argc, argv, "c:r:nl:h", long_options, NULL)) >= 0) {
		switch (c) {
		case 'c':
			/* Told to clients, who stand elsewhere. One that is not there is
			 * complained about when it is read. */
			options->config_file = realpath(optarg, config_path) ?: optarg;
			break;
		case 'r':
			options->root = optarg;
			break;
		case 'n':
			options->dry_run = true;
			break;
		case 'l':
			if (set_log_level(optarg) < 0)
				return EXIT_USAGE;
			break;
		case OPTION_VERSION:
			puts("uwd " UW_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			fputs(help, stdout);
			return EXIT_SUCCESS;
		default:
			fputs("uwd: see uwd --help\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "uwd: %s: takes no arguments; see uwd --help\n", argv[optind]);
		return EXIT_USAGE;
	}
	return -1;
}

static struct daemon the_daemon; /* too large for a stack, and locked in memory */

int main(int argc, char **argv)
{
	struct daemon_options options = {0};
	struct uw_err err = {0};
	int rc = read_options(argc, argv, &options);

	if (rc >= 0)
		return rc;
	memory_begin();
	if (log_goes_to_journal())
		journal_open(JOURNAL_SOCKET); /* where that fails stderr goes on */
	rc = daemon_open(&the_daemon, &options, &err);
	if (rc >= 0)
		rc = daemon_run(&the_daemon, &err);
	daemon_close(&the_daemon);
	if (rc < 0)
		log_err("%s", err.text);
	if (rc == -EINVAL)
		return EXIT_USAGE;
	return rc == -EOPNOTSUPP ? EXIT_UNSUPPORTED : rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
