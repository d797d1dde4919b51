// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes the log to stderr, a line a call in a single write. Under systemd each line begins with
 * its priority, which the journal takes off; on a terminal a word stands in its place. What could
 * begin another line, or move a cursor, becomes a blank, in the program's name too. Nobody is held
 * up by a reader that is not: what finds no room is left out, and the next line says how many were.
 */
#include "user/base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cleanup.h"

#define LOG_LINE_LEN 1024

static enum log_level log_max = LOG_LEVEL_INFO;
static atomic_uint lost; /* lines that found no room */

/* priority: sd-daemon(3); word: what a terminal shows in its place. */
static const struct {
	const char *name;
	const char *priority;
	const char *word;
} levels[LOG_LEVEL__COUNT] = {
	[LOG_LEVEL_ERR] = {"err", "<3>", "error: "},
	[LOG_LEVEL_WARNING] = {"warning", "<4>", "warning: "},
	[LOG_LEVEL_NOTICE] = {"notice", "<5>", ""},
	[LOG_LEVEL_INFO] = {"info", "<6>", ""},
	[LOG_LEVEL_DEBUG] = {"debug", "<7>", "debug: "},
};

void log_set_level(enum log_level level)
{
	log_max = level;
}

bool log_is_logged(enum log_level level)
{
	return level <= log_max;
}

int log_level_priority(enum log_level level)
{
	return levels[level].priority[1] - '0';
}

int log_level_from_name(const char *name, enum log_level *ret_level)
{
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (strcmp(levels[i].name, name))
			continue;
		*ret_level = (enum log_level)i;
		return 0;
	}
	return -EINVAL;
}

/* systemd names the journal's socket in JOURNAL_STREAM=device:inode; it counts only when stderr is
 * still that socket (systemd.exec(5)). */
bool log_goes_to_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;
	char *end;

	if (!stream)
		return false;
	dev = strtoull(stream, &end, 10);
	if (*end != ':')
		return false;
	ino = strtoull(end + 1, &end, 10);
	return !*end && !fstat(STDERR_FILENO, &st) && st.st_dev == dev && st.st_ino == ino;
}

static size_t add_prefix(char *line, size_t size, enum log_level level)
{
	int len;

	if (log_goes_to_journal())
		len = snprintf(line, size, "%s", levels[level].priority);
	else
		len = snprintf(line, size, "%s: %s", program_invocation_short_name,
			       levels[level].word);
	return len < 0 ? 0 : (size_t)len < size ? (size_t)len : size - 1;
}

/* A pipe or a socket that poll calls writable takes a line without waiting. */
static bool has_room(void)
{
	struct pollfd to = {.fd = STDERR_FILENO, .events = POLLOUT};

	return poll(&to, 1, 0) != 0;
}

/* A log that cannot be written has nowhere to complain. */
static void put(char *line, size_t end)
{
	ssize_t written;

	for (size_t i = 0; i < end; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = ' ';
	line[end++] = '\n';
	written = write(STDERR_FILENO, line, end);
	(void)written;
}

static void tell_lost(void)
{
	unsigned int count = atomic_exchange(&lost, 0);
	char line[LOG_LINE_LEN];
	size_t begin;

	if (!count)
		return;
	begin = add_prefix(line, sizeof(line) - 1, LOG_LEVEL_WARNING);
	snprintf(line + begin, sizeof(line) - 1 - begin,
		 "%u lines were left out, as nobody read the log", count);
	put(line, strlen(line));
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[LOG_LINE_LEN];
	int saved_errno = errno;
	size_t begin;
	va_list args;

	if (level > log_max)
		return;
	/* One byte stays free, so that the newline can take the terminator's place. */
	begin = add_prefix(line, sizeof(line) - 1, level);
	va_start(args, fmt);
	if (vsnprintf(line + begin, sizeof(line) - 1 - begin, fmt, args) < 0)
		line[begin] = '\0';
	va_end(args);
	if (has_room())
		tell_lost();
	if (has_room())
		put(line, strlen(line));
	else
		atomic_fetch_add(&lost, 1);
	errno = saved_errno;
}
