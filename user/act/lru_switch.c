// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Switches the kernel's multi-generational LRU on and back. What it was goes into a note in /run/uw
 * first, under another name and renamed, so that the note is there whole or not at all. A note that
 * is there already is an earlier uwd's and says what was before that one.
 */
#include "user/act/lru_switch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"

#define NEEDED 3 /* pages of generations, found by walks */

const struct lru_switch lru_switch_here = {
	.file = "/sys/kernel/mm/lru_gen/enabled",
	.note = "/run/uw/lru-gen",
};

static int read_word(const char *file, char ret_text[static LRU_SWITCH_TEXT_LEN])
{
	long len = text_read_at(AT_FDCWD, file, ret_text, LRU_SWITCH_TEXT_LEN);

	if (len < 0)
		return (int)len;
	ret_text[strcspn(ret_text, "\n")] = '\0';
	return *ret_text ? 0 : -EBADMSG;
}

static bool is_on(const char *text)
{
	return (strtoul(text, NULL, 16) & NEEDED) == NEEDED;
}

static int write_note(const struct lru_switch *at, const char *text)
{
	char path[64];
	AUTO_CLOSE int fd = -1;

	if (access(at->note, F_OK) == 0)
		return 0;
	snprintf(path, sizeof(path), "%s.new", at->note);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, strlen(text)) < 0 || rename(path, at->note))
		return -errno;
	return 0;
}

int lru_switch_on(const struct lru_switch *at, struct uw_err *err)
{
	char text[LRU_SWITCH_TEXT_LEN];
	int rc = read_word(at->file, text);

	if (rc < 0)
		return err_set(err, rc, "%s: %s; this kernel has no such LRU", at->file,
			       strerror(-rc));
	if (is_on(text))
		return 0;
	rc = write_note(at, text);
	if (rc < 0)
		return err_set(err, rc, "%s: %s", at->note, strerror(-rc));
	rc = text_write_at(AT_FDCWD, at->file, "y");
	if (rc >= 0)
		rc = read_word(at->file, text);
	if (rc < 0)
		return err_set(err, rc, "%s: %s", at->file, strerror(-rc));
	if (!is_on(text))
		return err_set(err, -EIO, "%s: is %s after 'y': this processor marks no accesses",
			       at->file, text);
	return LRU_SWITCH_CHANGED;
}

void lru_switch_read_note(const struct lru_switch *at, char ret_text[static LRU_SWITCH_TEXT_LEN])
{
	if (read_word(at->note, ret_text) < 0)
		ret_text[0] = '\0';
}

int lru_switch_back(const struct lru_switch *at, struct uw_err *err)
{
	char text[LRU_SWITCH_TEXT_LEN];
	int rc;

	lru_switch_read_note(at, text);
	if (!*text)
		return 0;
	rc = text_write_at(AT_FDCWD, at->file, text);
	if (rc < 0)
		return err_set(err, rc, "%s: %s: %s", at->file, text, strerror(-rc));
	unlink(at->note);
	return LRU_SWITCH_CHANGED;
}
