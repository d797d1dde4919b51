// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The new page is written to a file beside the one that is read, under a name that does not end in
 * .prom, so that the collector leaves it alone; the rename is what puts it in place. It is not
 * forced to the disk, as there is another one soon.
 */
#include "user/exporter/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cleanup.h"

static int write_all(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t count = write(fd, text, size);

		if (count < 0 && errno != EINTR)
			return -errno;
		if (count < 0)
			continue;
		text += count;
		size -= (size_t)count;
	}
	return 0;
}

static int write_beside(char *beside, const struct page *page)
{
	AUTO_CLOSE int fd = mkostemp(beside, O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	rc = write_all(fd, page->text, page->size);
	if (!rc && fchmod(fd, 0644) < 0)
		rc = -errno;
	if (rc)
		unlink(beside);
	return rc;
}

int textfile_write(const char *path, struct ask *ask, struct uw_err *err)
{
	AUTO_FREE char *text = NULL;
	char beside[PATH_MAX];
	struct page page;
	int rc;

	if (snprintf(beside, sizeof(beside), "%s.XXXXXX", path) >= (int)sizeof(beside))
		return err_set(err, -ENAMETOOLONG, "%s: %s", path, strerror(ENAMETOOLONG));
	ask_page(ask, METRICS_TEXT, &page);
	text = page.text;
	if (!text)
		return err_set(err, -ENOMEM, "%s: %s", path, strerror(ENOMEM));
	rc = write_beside(beside, &page);
	if (!rc && rename(beside, path) < 0) {
		rc = -errno;
		unlink(beside);
	}
	return rc ? err_set(err, rc, "%s: cannot be written: %s", path, strerror(-rc)) : 0;
}
