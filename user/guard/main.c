// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uw-guard keeps the pool's scope alive and undoes what uwd leaves behind. Here its options are
 * read; then the loop of guard.c runs or, with --undo, one undoing.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/journal.h"
#include "user/base/log.h"
#include "user/base/urgency.h"
#include "user/guard/guard.h"
#include "user/ledger/ledger.h"

static const char usage[] =
	"Usage: uw-guard [--pool DIR] [--ledger FILE] [--undo]\n"
	"Watches uwd; when it dies or hangs, thaws and restores what the ledger holds.\n"
	"  --pool DIR     cgroup directory of the pool (default: the one the ledger names)\n"
	"  --ledger FILE  default " LEDGER_PATH "\n"
	"  --undo         undo what a dead uwd left, once, and exit\n"
	"Exit status: 0 done, 1 failure, 2 usage.\n"
	"Example: uw-guard --undo\n";

static const struct option long_options[] = {
	{"pool", required_argument, NULL, 'p'},
	{"ledger", required_argument, NULL, 'l'},
	{"undo", no_argument, NULL, 'u'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static int print_usage(int fd, int status)
{
	return write(fd, usage, sizeof(usage) - 1) < 0 ? EXIT_FAILURE : status;
}

int main(int argc, char **argv)
{
	struct guard_options options = {.ledger = LEDGER_PATH};
	struct urgency urgency;
	struct uw_err err = {0};
	bool once = false;
	int option;

	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (option) {
		case 'p':
			options.pool = optarg;
			break;
		case 'l':
			options.ledger = optarg;
			break;
		case 'u':
			once = true;
			break;
		case 'h':
			return print_usage(STDOUT_FILENO, EXIT_SUCCESS);
		default:
			return print_usage(STDERR_FILENO, 2);
		}
	}
	if (optind != argc)
		return print_usage(STDERR_FILENO, 2);
	if (log_goes_to_journal())
		journal_open(JOURNAL_SOCKET); /* where that fails stderr goes on */
	urgency_begin(&urgency, URGENCY_GUARD, clock_now_us());
	if (once ? guard_undo_once(&options, &err) : guard_run(&options, &err)) {
		log_err("%s", err.text);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
