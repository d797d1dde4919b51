// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl logs prints what a job wrote. uwd says in which file that is, and the file is read here;
 * with --follow uwd is asked now and then whether the job still runs. A hole in the file is the
 * middle of an output that was too long, and said so. Others' output cannot steer the terminal.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/cli/command.h"
#include "user/cli/jobs/pick.h"
#include "user/cli/remote.h"
#include "user/model/job.h"

#define CHUNK         16384
#define POLL_US       200000ULL     /* for new output */
#define ASK_US        (5 * POLL_US) /* uwd, whether the job still runs */
#define PATH_TEXT_LEN 512

struct tail {
	const struct cli *cli;
	char path[PATH_TEXT_LEN];
	int fd;
	bool plain; /* what could steer the terminal is shown as '?' */
};

/* Of one's own output one knows what it does to the terminal. Files are root's, and an access list
 * (shown in the group's bits) lets one user in, so only root comes to those of others. */
static bool is_foreign(const struct screen *screen, int fd)
{
	struct stat st;

	if (!screen->width)
		return false;
	return fstat(fd, &st) < 0 || (st.st_uid && st.st_uid != getuid()) ||
	       (!getuid() && st.st_mode & S_IRGRP);
}

static void make_plain(char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		unsigned char c = (unsigned char)bytes[i];
		bool c1 = i && (unsigned char)bytes[i - 1] == 0xc2 && c >= 0x80 && c < 0xa0;

		if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f || c1)
			bytes[i] = '?';
	}
}

/* Marks the middle of an output that was too long: a hole in its file (user/shim/pump.c). */
static void skip_hole(const struct tail *tail)
{
	off_t at = lseek(tail->fd, 0, SEEK_CUR), data;
	char text[VALUE_LEN];

	if (at < 0)
		return; /* no file: it has no holes */
	data = lseek(tail->fd, at, SEEK_DATA);
	if (data > at)
		fprintf(tail->cli->screen.out, "\n[... %s left out ...]\n",
			units_print_bytes((uint64_t)(data - at), text));
	else if (data < 0)
		lseek(tail->fd, at, SEEK_SET);
}

/* How far it may be read before the next hole. */
static size_t before_hole(const struct tail *tail, size_t most)
{
	off_t at = lseek(tail->fd, 0, SEEK_CUR);
	off_t hole = at < 0 ? -1 : lseek(tail->fd, at, SEEK_HOLE);

	if (at >= 0)
		lseek(tail->fd, at, SEEK_SET);
	return hole > at && (uint64_t)(hole - at) < most ? (size_t)(hole - at) : most;
}

static ssize_t read_data(const struct tail *tail, char *bytes, size_t size)
{
	skip_hole(tail);
	return read(tail->fd, bytes, before_hole(tail, size));
}

/* Prints what is there. How many bytes, or a negative errno. */
static ssize_t tail_copy(struct tail *tail)
{
	FILE *out = tail->cli->screen.out;
	char bytes[CHUNK];
	ssize_t all = 0, count;

	while ((count = read_data(tail, bytes, sizeof(bytes))) > 0) {
		if (tail->plain)
			make_plain(bytes, (size_t)count);
		if (fwrite(bytes, 1, (size_t)count, out) != (size_t)count)
			return -EIO;
		all += count;
	}
	fflush(out);
	return count < 0 ? -errno : all;
}

static int tail_open(struct tail *tail, const json_t *file, struct uw_err *err)
{
	const char *path = json_get_text(file, "path");
	int fd;

	if (tail->fd >= 0 && !strcmp(path, tail->path))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return 0; /* it has not started, or was started again */
	if (fd < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (tail->fd >= 0)
		close(tail->fd);
	tail->fd = fd;
	tail->plain = is_foreign(&tail->cli->screen, fd);
	text_copy(tail->path, sizeof(tail->path), path);
	return 0;
}

static void say_dropped(const json_t *file)
{
	uint64_t dropped = json_get_u64_or(file, "dropped_bytes", 0);
	char kept[VALUE_LEN], lost[VALUE_LEN];

	if (dropped)
		fprintf(stderr,
			"uwctl logs: %s more were written and not kept, output-limit is "
			"%s\n",
			units_print_bytes(dropped, lost), value_limit(file, "limit_bytes", kept));
}

static int check_removed(const json_t *answer, const json_t *file, struct uw_err *err)
{
	char total[VALUE_LEN];

	if (!json_is_true(json_object_get(file, "removed")))
		return 0;
	return err_set(err, -ENOENT,
		       "job %" PRIu64
		       ": its output was removed for want of room, output-total is %s",
		       json_get_u64_or(answer, "id", 0), value_limit(answer, "total_bytes", total));
}

static int ask(const struct cli *cli, json_t **ret_answer, struct uw_err *err)
{
	json_t *range;
	int r = pick_range(cli->argv[0], &range, err);

	return r < 0 ? r
		     : remote_call_queue(cli, IPC_LOGS, json_pack("{s:o}", "job", range),
					 ret_answer, err);
}

static const json_t *file_of(const struct cli *cli, const json_t *answer)
{
	return json_object_get(answer, cli->options.err ? "err" : "out");
}

static bool has_ended(const json_t *answer)
{
	int state = job_state_find(json_get_text(answer, "state"));

	return state >= 0 && job_state_is_end((enum job_state)state);
}

static void sleep_us(uint64_t us)
{
	struct timespec time = {.tv_nsec = (long)(us * NS_PER_US)};

	nanosleep(&time, NULL);
}

/* What comes until it is time to ask again; of a job that has ended, what is left. */
static int tail_watch(struct tail *tail, bool ended, struct uw_err *err)
{
	for (uint64_t us = 0; us < ASK_US; us += POLL_US) {
		ssize_t count = tail->fd >= 0 ? tail_copy(tail) : 0;

		if (count < 0)
			return err_set(err, (int)count, "%s: %s", tail->path,
				       strerror((int)-count));
		if (ended)
			return 0;
		sleep_us(POLL_US);
	}
	return 0;
}

/* A uwd that restarts or is crowded answers soon, and the files are there meanwhile. */
static bool is_away(int r)
{
	return remote_is_absent(r) || r == -EPIPE || r == -EBUSY;
}

/* Prints until the job has ended. */
static int tail_follow(struct tail *tail, struct uw_err *err)
{
	bool ended = false;
	int r = 0;

	while (r >= 0 && !ended) {
		AUTO_JSON json_t *answer = NULL;

		r = ask(tail->cli, &answer, err);
		if (r < 0 && !is_away(r))
			return r;
		ended = answer && has_ended(answer);
		if (ended && tail->fd < 0) {
			r = check_removed(answer, file_of(tail->cli, answer), err);
			if (r < 0)
				return r;
		}
		r = answer ? tail_open(tail, file_of(tail->cli, answer), err) : 0;
		if (r >= 0)
			r = tail_watch(tail, ended, err);
		if (r >= 0 && ended)
			say_dropped(file_of(tail->cli, answer));
	}
	return r;
}

static int print_once(struct tail *tail, const json_t *answer, struct uw_err *err)
{
	const json_t *file = file_of(tail->cli, answer);
	ssize_t count = 0;
	int r = check_removed(answer, file, err);

	if (r >= 0)
		r = tail_open(tail, file, err);
	if (r < 0)
		return r;
	if (tail->fd >= 0)
		count = tail_copy(tail);
	if (count < 0)
		return err_set(err, (int)count, "%s: %s", tail->path, strerror((int)-count));
	say_dropped(file);
	return 0;
}

int command_logs(struct cli *cli)
{
	AUTO_JSON json_t *answer = NULL;
	struct tail tail = {.cli = cli, .fd = -1};
	struct uw_err err = {0};
	int r = ask(cli, &answer, &err);

	if (r >= 0 && cli->options.json)
		return cli_print_json(cli, TAKE(answer));
	if (r >= 0)
		r = cli->options.follow ? tail_follow(&tail, &err)
					: print_once(&tail, answer, &err);
	if (tail.fd >= 0)
		close(tail.fd);
	return r < 0 ? cli_fail(cli, &err) : CLI_OK;
}
