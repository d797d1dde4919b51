// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fills the lines of a frame with one thing at length. A component and a job are printed by who
 * prints them for `uwctl why` and `uwctl queue ID`, into memory; the output of a job is the end of
 * its file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/cli/jobs/show.h"
#include "user/cli/log.h"
#include "user/cli/top/read.h"
#include "user/ipc/json.h"

#define TAIL_BYTES (16L << 10)

static void add_line(struct top_frame *frame, const char *text, size_t length)
{
	struct top_line *line = &frame->line[frame->line_count];

	if (frame->line_count == TOP_LINES_MAX)
		return;
	if (length >= sizeof(line->text))
		length = sizeof(line->text) - 1;
	memcpy(line->text, text, length);
	line->text[length] = '\0';
	frame->line_count++;
}

static void add_lines(struct top_frame *frame, const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		add_line(frame, text, length);
		text += length + (text[length] == '\n');
	}
}

static void read_printed(void (*print)(const struct screen *screen, const json_t *answer),
			 const json_t *answer, int width, struct top_frame *frame)
{
	struct screen screen = {.width = width < TOP_LINE_LEN ? width : TOP_LINE_LEN - 1};
	AUTO_FREE char *text = NULL;
	size_t size = 0;

	screen.out = open_memstream(&text, &size);
	if (!screen.out)
		return;
	print(&screen, answer);
	if (fclose(screen.out) == 0)
		add_lines(frame, text);
}

void read_why(const json_t *answer, int width, struct top_frame *frame)
{
	read_printed(why_print, answer, width, frame);
}

void read_steps(const json_t *answer, int width, struct top_frame *frame)
{
	read_printed(show_print, answer, width, frame);
}

/* Where the last lines begin, at most so many of them. */
static char *last_lines(char *bytes, size_t count, uint32_t most)
{
	size_t at = count && bytes[count - 1] == '\n' ? count - 1 : count;

	while (at && (bytes[at - 1] != '\n' || --most))
		at--;
	return bytes + at;
}

/* 0 or a negative errno. */
static int read_tail(const char *path, struct top_frame *frame)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	AUTO_FREE char *bytes = calloc(1, TAIL_BYTES + 1);
	struct stat st;
	ssize_t count;

	if (!bytes)
		return -ENOMEM;
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	count = pread(fd, bytes, TAIL_BYTES, st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0);
	if (count < 0)
		return -errno;
	for (ssize_t i = 0; i < count; i++) {
		if (!bytes[i] || bytes[i] == '\t')
			bytes[i] = ' ';
	}
	add_lines(frame, last_lines(bytes, (size_t)count, TOP_LINES_MAX));
	return 0;
}

void read_output(const json_t *answer, struct top_frame *frame)
{
	const char *path = json_get_text(json_object_get(answer, "out"), "path");
	int r = read_tail(path, frame);

	if (r < 0)
		snprintf(frame->refused, sizeof(frame->refused), "%s: %s", path, strerror(-r));
	else if (!frame->line_count)
		text_copy(frame->refused, sizeof(frame->refused), "it has written nothing yet");
}
