/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cgfile.h - one number out of a cgroup or /proc file, by a kept descriptor: a pread and a scan, no
 * open and no allocation for each sample. A file that does not exist yet is looked for again at
 * each reading.
 */
#ifndef UW_BENCH_CGFILE_H
#define UW_BENCH_CGFILE_H

#include "bench.h"

#include <fcntl.h>

#define CGFILE_TEXT_BYTES 8192
#define CGFILE_ABSENT     (-1)

struct cgfile {
	const char *directory;
	const char *name;
	int fd; /* -1 = not open */
};

/* The file's text in a buffer that the next call overwrites; NULL when it cannot be read. */
static inline const char *cgfile_read(struct cgfile *file)
{
	static char text[CGFILE_TEXT_BYTES];
	ssize_t got = -1;

	if (file->fd < 0) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", file->directory, file->name);
		file->fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (file->fd >= 0)
		got = pread(file->fd, text, sizeof(text) - 1, 0);
	if (got < 0 && file->fd >= 0) {
		close(file->fd);
		file->fd = -1;
	}
	if (got < 0)
		return NULL;
	text[got] = '\0';
	return text;
}

/* The number after `key` at the start of a line; the whole file's number for an empty key; "max" is
 * absent. */
static inline int64_t cgfile_find(const char *text, const char *key)
{
	size_t bytes = strlen(key);
	const char *line = text;

	while (line && *line && strncmp(line, key, bytes) != 0) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (!line || !*line)
		return CGFILE_ABSENT;
	line += bytes;
	line += strspn(line, " :");
	return *line >= '0' && *line <= '9' ? strtoll(line, NULL, 10) : CGFILE_ABSENT;
}

/* The total of the `some` or `full` line of a pressure file, in us. */
static inline int64_t cgfile_find_stall_us(const char *text, const char *kind)
{
	const char *line = strstr(text, kind);
	const char *total = line ? strstr(line, "total=") : NULL;

	return total ? strtoll(total + strlen("total="), NULL, 10) : CGFILE_ABSENT;
}

#endif
