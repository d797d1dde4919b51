// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An entry is its fields as lines, put together in the caller's memory. As no value keeps a line
 * feed, none needs the form with a length. The datagram is sent without waiting: a journal that
 * does not take it must not hold up who frees memory.
 */
#include "user/base/journal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "user/base/text.h"

#define TEXT_LEN 1024

/* sd_id128_new(1) made them. */
static const char *const ids[MESSAGE__COUNT] = {
	[MESSAGE_KILL] = "810796f01bc54bbea43f65ee41ba3fff",
	[MESSAGE_FREEZE] = "eb9381a6a38e4095bce64de2e7858663",
	[MESSAGE_THAW] = "dc4830cee09b469aa5ad574cc67540ed",
	[MESSAGE_RECLAIM] = "c015602b5031462b8f29881bc6f03822",
	[MESSAGE_LIMIT] = "7de27550855f473eaed3bbe98bdcb2b6",
	[MESSAGE_TIERS_EXHAUSTED] = "db0f3602b8414fbc9d883306fe0c24db",
	[MESSAGE_NOTICE] = "592d0dd3d3364d28a9195c8294493688",
	[MESSAGE_GUARD] = "b09d69fa60ed4b30af0f6b018dc59313",
	[MESSAGE_READY] = "a0b4d9a210bf484785734f251729ffe4",
	[MESSAGE_RELOAD_REFUSED] = "11438cb3aa80443e9ea74b72d340fff1",
	[MESSAGE_SENSOR_OFF] = "8bdb80f07d294b1198c3a596cff55389",
	[MESSAGE_EVENTS_DROPPED] = "8699a9baee8a4b7aad3b9920a52a6e79",
	[MESSAGE_POOL_MENDED] = "4ada59e82bb94386bc3d587745d149a8",
	[MESSAGE_JOB] = "d2e9a791bbaf43b2852ddbb2457a2a78",
	[MESSAGE_JOB_FAILED] = "d956094af79b4b808b0fb3928859e560",
	[MESSAGE_JOB_AT_LIMIT] = "0eb7093ee8654bb28ad795bc4819ccac",
	[MESSAGE_JOB_CANNOT_START] = "693e1990323940c8ad7761e1b6464597",
	[MESSAGE_STORE_UNWRITABLE] = "b3f1df5e95ff497d9ae37047b775a349",
	[MESSAGE_REFUSED] = "d7cb4d66886a4a2c84758a632ab3b2e4",
};

static int journal_fd = -1;
static struct sockaddr_un journal_address;

const char *journal_message_id(enum message message)
{
	return ids[message];
}

int journal_open(const char *path)
{
	journal_close();
	journal_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (!text_copy(journal_address.sun_path, sizeof(journal_address.sun_path), path))
		return -ENAMETOOLONG;
	journal_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return journal_fd < 0 ? -errno : 0;
}

void journal_close(void)
{
	if (journal_fd >= 0)
		close(journal_fd);
	journal_fd = -1;
}

bool journal_is_open(void)
{
	return journal_fd >= 0;
}

/* Bytes of the character that begins here, 0 when it is no UTF-8. Some that are too long or are
 * halves of others pass: the journal takes them. */
static size_t character_at(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t length = *at < 0x80   ? 1
			: *at < 0xc2 ? 0
			: *at < 0xe0 ? 2
			: *at < 0xf0 ? 3
			: *at < 0xf5 ? 4
				     : 0;

	for (size_t i = 1; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

/* What could begin another field, or steer a terminal. */
static void make_plain(char *text)
{
	while (*text) {
		size_t length = character_at(text);

		if (!length)
			*text = '?';
		else if (length == 1 && ((unsigned char)*text < 0x20 || *text == 0x7f))
			*text = ' ';
		text += length ? length : 1;
	}
}

static void add_field(struct journal_entry *entry, const char *name, const char *fmt, va_list args)
{
	char value[TEXT_LEN];
	size_t room = sizeof(entry->bytes) - entry->size;
	int size;

	if (vsnprintf(value, sizeof(value), fmt, args) < 0)
		return;
	make_plain(value);
	size = snprintf(entry->bytes + entry->size, room, "%s=%s\n", name, value);
	if (size > 0 && (size_t)size < room)
		entry->size += (size_t)size;
}

void journal_add(struct journal_entry *entry, const char *name, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_field(entry, name, fmt, args);
	va_end(args);
}

void journal_begin(struct journal_entry *entry, enum log_level level, enum message message)
{
	entry->level = level;
	entry->size = 0;
	journal_add(entry, "MESSAGE_ID", "%s", ids[message]);
	journal_add(entry, "PRIORITY", "%d", log_level_priority(level));
	journal_add(entry, "SYSLOG_IDENTIFIER", "%s", program_invocation_short_name);
}

static bool send_entry(const struct journal_entry *entry)
{
	return journal_fd >= 0 &&
	       sendto(journal_fd, entry->bytes, entry->size, MSG_DONTWAIT | MSG_NOSIGNAL,
		      (const struct sockaddr *)&journal_address, sizeof(journal_address)) >= 0;
}

static void send_with(struct journal_entry *entry, const char *text)
{
	int saved_errno = errno;

	if (!log_is_logged(entry->level))
		return;
	journal_add(entry, "MESSAGE", "%s", text);
	if (!send_entry(entry))
		log_line(entry->level, "%s", text);
	errno = saved_errno;
}

void journal_send(struct journal_entry *entry, const char *fmt, ...)
{
	char text[TEXT_LEN];
	va_list args;

	va_start(args, fmt);
	if (vsnprintf(text, sizeof(text), fmt, args) < 0)
		text[0] = '\0';
	va_end(args);
	send_with(entry, text);
}

void journal_say(enum log_level level, enum message message, const char *fmt, ...)
{
	struct journal_entry entry;
	char text[TEXT_LEN];
	va_list args;

	va_start(args, fmt);
	if (vsnprintf(text, sizeof(text), fmt, args) < 0)
		text[0] = '\0';
	va_end(args);
	journal_begin(&entry, level, message);
	send_with(&entry, text);
}
