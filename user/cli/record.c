// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl record writes what uwd has recorded to a file: what is on the disk and, of a uwd that runs
 * or was killed, what is in memory still. It reads the files by itself, so uwd need not run.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/cli/command.h"
#include "user/conf/conf.h"
#include "user/record/flight.h"
#include "user/record/load.h"

#define DEFAULT_OUT "uw.recording"

static int export_to(const struct cli *cli, const struct config *config, FILE *out,
		     struct record_export *ret_export, struct uw_err *err)
{
	uint64_t now_us = clock_wall_us(), since_us = 0;

	if (option_given(&cli->options, OPTION_SINCE) && cli->options.since_us < now_us)
		since_us = now_us - cli->options.since_us;
	return record_export(config->record.file, FLIGHT_STAGE, since_us, out, ret_export, err);
}

/* A recording says what ran on the machine: it is for who writes it. A file that is there may be
 * another's, or one that others may read or have open by another name. */
static int claim(int fd, const char *path, struct uw_err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return 0;
	if (st.st_uid != geteuid() || st.st_nlink > 1)
		return err_set(err, -EPERM,
			       "%s: is there and not yours alone; remove it, or name another",
			       path);
	return fchmod(fd, 0600) || ftruncate(fd, 0)
		       ? err_set(err, -errno, "%s: cannot be written: %s", path, strerror(errno))
		       : 0;
}

static FILE *open_out(const char *path, struct uw_err *err)
{
	AUTO_CLOSE int fd =
		open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0600);
	FILE *out;

	if (fd >= 0 && claim(fd, path, err) < 0)
		return NULL;
	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (out)
		(void)TAKE_FD(fd);
	else
		err_set(err, -errno, "%s: cannot be written: %s", path, strerror(errno));
	return out;
}

/* What is of no use; never a device. */
static void take_away(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
		unlink(path);
}

static int say(const struct cli *cli, const char *path, const struct record_export *done)
{
	uint64_t now_us = clock_wall_us(), ago_s = 0;
	char bytes[UNITS_TEXT_LEN], span[UNITS_TEXT_LEN];

	if (cli->options.json)
		return cli_print_json(cli, json_pack("{s:s, s:I, s:I, s:I}", "file", path, "bytes",
						     (json_int_t)done->bytes, "slots",
						     (json_int_t)done->slots, "first_wall_us",
						     (json_int_t)done->first_wall_us));
	if (now_us > done->first_wall_us)
		ago_s = (now_us - done->first_wall_us) / US_PER_SEC;
	units_print_us(ago_s * US_PER_SEC, span);
	fprintf(cli->screen.out, "%s: %s, from %s ago on\n", path,
		units_print_bytes(done->bytes, bytes), span);
	return CLI_OK;
}

int command_record(struct cli *cli)
{
	const char *path = cli->options.out ?: DEFAULT_OUT;
	bool to_stdout = !strcmp(path, "-");
	AUTO_FCLOSE FILE *file = NULL;
	struct record_export done;
	struct config config;
	struct uw_err err = {0};

	if (to_stdout && cli->options.json)
		return cli_usage(cli, "--json and --out - both want standard output");
	if (conf_load(NULL, cli->options.config, &config, &err) < 0)
		return cli_fail(cli, &err);
	if (!to_stdout) {
		file = open_out(path, &err);
		if (!file)
			return cli_fail(cli, &err);
	}
	if (export_to(cli, &config, to_stdout ? cli->screen.out : file, &done, &err) < 0) {
		if (!to_stdout)
			take_away(path);
		return cli_fail(cli, &err);
	}
	return to_stdout ? CLI_OK : say(cli, path, &done);
}
