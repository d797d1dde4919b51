// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads the options, each a word with two dashes, and says what is wrong with one and what is
 * allowed. What goes together only in one of the two ways to run is checked at the end.
 */
#include "user/exporter/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/ipc/interface.h"

#define EXIT_USAGE     2
#define TIMEOUT_US     (2 * US_PER_SEC) /* Prometheus waits for 10 s as a rule */
#define TIMEOUT_MAX_US (60 * US_PER_SEC)
#define EVERY_US       (15 * US_PER_SEC)
#define EVERY_MAX_US   (3600 * US_PER_SEC)

static const char help[] =
	"uw-exporter - metrics of uwd for Prometheus\n"
	"\n"
	"  uw-exporter [--listen ADDRESS:PORT] [--socket PATH] [--timeout TIME]\n"
	"  uw-exporter --textfile FILE [--every TIME | --once] [--socket PATH] [--timeout TIME]\n"
	"\n"
	"Serves /metrics over HTTP until SIGTERM, or writes the same to a file for the textfile\n"
	"collector of node_exporter. Runs as a user who may talk to uwd.\n"
	"\n"
	"  --listen ADDRESS:PORT  where to serve, in numbers (default " EXPORTER_ADDRESS ");\n"
	"                         a socket of systemd comes first\n"
	"  --socket PATH          where uwd listens (default " IPC_SOCKET_PATH ")\n"
	"  --timeout TIME         how long uwd may take to answer, up to 1min (default 2s)\n"
	"  --textfile FILE        write FILE, by renaming, instead of serving\n"
	"  --every TIME           how often, 1s to 1h (default 15s)\n"
	"  --once                 write it once; exit status 1 when uwd does not answer\n"
	"  --version, --help\n"
	"\n"
	"Example: uw-exporter --textfile /var/lib/prometheus/node-exporter/uw.prom\n"
	"See uw-exporter(8).\n";

enum {
	OPTION_LISTEN = 256,
	OPTION_SOCKET,
	OPTION_TIMEOUT,
	OPTION_TEXTFILE,
	OPTION_EVERY,
	OPTION_ONCE,
	OPTION_VERSION,
	OPTION_HELP
};

static const struct option long_options[] = {
	{"listen", required_argument, NULL, OPTION_LISTEN},
	{"socket", required_argument, NULL, OPTION_SOCKET},
	{"timeout", required_argument, NULL, OPTION_TIMEOUT},
	{"textfile", required_argument, NULL, OPTION_TEXTFILE},
	{"every", required_argument, NULL, OPTION_EVERY},
	{"once", no_argument, NULL, OPTION_ONCE},
	{"version", no_argument, NULL, OPTION_VERSION},
	{"help", no_argument, NULL, OPTION_HELP},
	{0},
};

static int read_time(const char *name, const char *text, uint64_t least_us, uint64_t most_us,
		     uint64_t *ret_us)
{
	char least[UNITS_TEXT_LEN], most[UNITS_TEXT_LEN];
	uint64_t us;

	if (units_parse_us(text, &us) < 0 || us < least_us || us > most_us) {
		fprintf(stderr, "uw-exporter: --%s %s: allowed is a time from %s to %s\n", name,
			text, units_print_us(least_us, least), units_print_us(most_us, most));
		return EXIT_USAGE;
	}
	*ret_us = us;
	return -1;
}

static int read_option(int option, struct exporter_options *options)
{
	switch (option) {
	case OPTION_LISTEN:
		options->listen = optarg;
		return -1;
	case OPTION_SOCKET:
		options->socket = optarg;
		return -1;
	case OPTION_TIMEOUT:
		return read_time("timeout", optarg, US_PER_MS, TIMEOUT_MAX_US,
				 &options->timeout_us);
	case OPTION_TEXTFILE:
		options->textfile = optarg;
		return -1;
	case OPTION_EVERY:
		return read_time("every", optarg, US_PER_SEC, EVERY_MAX_US, &options->every_us);
	case OPTION_ONCE:
		options->once = true;
		return -1;
	case OPTION_VERSION:
		puts("uw-exporter " UW_VERSION);
		return EXIT_SUCCESS;
	case OPTION_HELP:
		fputs(help, stdout);
		return EXIT_SUCCESS;
	default:
		return EXIT_USAGE;
	}
}

static int check(const struct exporter_options *options, int rest)
{
	if (rest > 0)
		fprintf(stderr, "uw-exporter: takes options only; see uw-exporter --help\n");
	else if (options->once && !options->textfile)
		fprintf(stderr, "uw-exporter: --once is of --textfile\n");
	else
		return -1;
	return EXIT_USAGE;
}

int exporter_read_options(int argc, char **argv, struct exporter_options *ret_options)
{
	struct exporter_options options = {
		.listen = EXPORTER_ADDRESS,
		.socket = IPC_SOCKET_PATH,
		.timeout_us = TIMEOUT_US,
		.every_us = EVERY_US,
	};
	int option, status = -1;

	while (status < 0 && (option = getopt_long(argc, argv, "", long_options, NULL)) >= 0)
		status = read_option(option, &options);
	if (status < 0)
		status = check(&options, argc - optind);
	*ret_options = options;
	return status;
}
