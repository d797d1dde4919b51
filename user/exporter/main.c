// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uw-exporter stands between uwd and a monitoring system: HTTP is parsed in this process, which may
 * do nothing but ask, and not in the one that freezes and kills. It serves until it is told to
 * stop, or writes a file every now and then.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/exporter/ask.h"
#include "user/exporter/options.h"
#include "user/exporter/serve.h"
#include "user/exporter/textfile.h"

#define FRESH_US US_PER_SEC

/* Before the first thread, which inherits it. */
static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigprocmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* The one that systemd has opened, or our own. */
static int listen_socket(const struct exporter_options *options, int *ret_fd, struct uw_err *err)
{
	int count = sd_listen_fds(1);

	if (count > 1)
		return err_set(err, -EINVAL, "systemd hands over %d sockets, allowed: one", count);
	if (count == 1) {
		*ret_fd = SD_LISTEN_FDS_START;
		return 0;
	}
	return serve_listen(options->listen, ret_fd, err);
}

static int serve(const struct exporter_options *options, struct ask *ask, const sigset_t *stop,
		 struct uw_err *err)
{
	struct serve *server = NULL;
	int fd, signal, rc;

	rc = listen_socket(options, &fd, err);
	if (!rc)
		rc = serve_start(fd, ask, &server, err);
	if (rc)
		return rc;
	sd_notify(0, "READY=1");
	sigwait(stop, &signal);
	serve_stop(server);
	return 0;
}

/* A file that stays would tell of a uwd that nobody looks at any more. */
static int write_files(const struct exporter_options *options, struct ask *ask,
		       const sigset_t *stop, struct uw_err *err)
{
	const struct timespec pause = {
		.tv_sec = (time_t)(options->every_us / US_PER_SEC),
		.tv_nsec = (long)(options->every_us % US_PER_SEC * NS_PER_US),
	};
	int rc = textfile_write(options->textfile, ask, err);

	if (rc || options->once)
		return rc ? rc : ask->answer ? 0 : ask->err.code;
	sd_notify(0, "READY=1");
	while (sigtimedwait(stop, NULL, &pause) < 0)
		if (errno == EAGAIN && textfile_write(options->textfile, ask, err) < 0)
			log_warning("%s", err->text);
	unlink(options->textfile);
	return 0;
}

int main(int argc, char **argv)
{
	struct exporter_options options;
	struct ask ask = {.fresh_us = FRESH_US};
	struct uw_err err = {0};
	sigset_t stop;
	int rc, status = exporter_read_options(argc, argv, &options);

	if (status >= 0)
		return status;
	block_signals(&stop);
	ask.socket = options.socket;
	ask.timeout_us = options.timeout_us;
	rc = options.textfile ? write_files(&options, &ask, &stop, &err)
			      : serve(&options, &ask, &stop, &err);
	if (rc && err.text[0])
		log_err("%s", err.text);
	ask_done(&ask);
	return rc == -EINVAL ? 2 : rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
