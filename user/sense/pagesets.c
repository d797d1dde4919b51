// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads /proc/zoneinfo in pieces, of which the kernel gives a page at a time, and adds up the page
 * sets of all processors and zones. It has five lines for each of them and costs as much as two
 * memory.stat, so that it is not read more often than who asks wants it.
 */
#include "user/sense/pagesets.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "user/base/clock.h"

#define PIECE_BYTES 4096

/* "              count:    423" */
static void take_line(struct pagesets_reader *reader)
{
	static const char count[] = "count:";
	const char *at = reader->line + strspn(reader->line, " ");
	uint64_t pages = 0;

	if (strncmp(at, count, sizeof(count) - 1) != 0)
		return;
	at += sizeof(count) - 1;
	for (at += strspn(at, " "); *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(pages, 10U, &pages) ||
		    __builtin_add_overflow(pages, (uint64_t)(*at - '0'), &pages))
			return;
	if (!*at && __builtin_add_overflow(reader->pages, pages, &pages) == 0)
		reader->pages = pages;
}

void pagesets_feed(struct pagesets_reader *reader, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] != '\n') {
			if (reader->used < sizeof(reader->line) - 1)
				reader->line[reader->used++] = text[i];
			continue;
		}
		reader->line[reader->used] = '\0';
		reader->used = 0;
		take_line(reader);
	}
}

void pagesets_open(struct pagesets *pagesets)
{
	*pagesets = (struct pagesets){
		.fd = open("/proc/zoneinfo", O_RDONLY | O_CLOEXEC),
		.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
	};
}

void pagesets_close(struct pagesets *pagesets)
{
	if (pagesets->fd >= 0)
		close(pagesets->fd);
}

static uint64_t read_pages(int fd)
{
	struct pagesets_reader reader = {0};
	char piece[PIECE_BYTES];
	ssize_t got;

	if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return 0;
	while ((got = read(fd, piece, sizeof(piece))) > 0)
		pagesets_feed(&reader, piece, (size_t)got);
	return reader.pages;
}

uint64_t pagesets_bytes(struct pagesets *pagesets, uint64_t now_us, uint64_t fresh_us)
{
	if (!pagesets->read_us || now_us - pagesets->read_us >= fresh_us) {
		if (__builtin_mul_overflow(read_pages(pagesets->fd), pagesets->page_bytes,
					   &pagesets->bytes))
			pagesets->bytes = 0;
		pagesets->read_us = now_us;
	}
	return pagesets->bytes;
}
