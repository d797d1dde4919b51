/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of uw-exporter. */
#ifndef UW_EXPORTER_OPTIONS_H
#define UW_EXPORTER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* 9100 to 9999, which Prometheus keeps for exporters, are all taken. */
#define EXPORTER_ADDRESS "127.0.0.1:19847"

struct exporter_options {
	const char *listen;
	const char *socket;
	const char *textfile; /* NULL: HTTP is served */
	uint64_t timeout_us;
	uint64_t every_us;
	bool once;
};

/* Returns -1 to go on, else the exit status: 0 after --help, 2 for what the user has to change. */
int exporter_read_options(int argc, char **argv, struct exporter_options *ret_options);

#endif
