/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries with fields for systemd's journal, in its native protocol
 * (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): made on the caller's stack, sent as one datagram
 * that is not waited for. Where stderr is not the journal, or it takes none, the text alone goes to
 * stderr as a line of log.h. Never allocates.
 */
#ifndef UW_BASE_JOURNAL_H
#define UW_BASE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "user/base/log.h"

#define JOURNAL_SOCKET    "/run/systemd/journal/socket"
#define JOURNAL_ENTRY_MAX 4096

/* What happens that somebody may look for: MESSAGE_ID, explained in scripts/uw.catalog. */
enum message {
	MESSAGE_KILL,
	MESSAGE_FREEZE,
	MESSAGE_THAW,
	MESSAGE_RECLAIM,
	MESSAGE_LIMIT,
	MESSAGE_TIERS_EXHAUSTED,
	MESSAGE_NOTICE, /* another one */
	MESSAGE_GUARD,
	MESSAGE_READY,
	MESSAGE_RELOAD_REFUSED,
	MESSAGE_SENSOR_OFF,
	MESSAGE_EVENTS_DROPPED,
	MESSAGE_POOL_MENDED,
	MESSAGE_JOB,
	MESSAGE_JOB_FAILED,
	MESSAGE_JOB_AT_LIMIT,
	MESSAGE_JOB_CANNOT_START,
	MESSAGE_STORE_UNWRITABLE,
	MESSAGE_REFUSED,
	MESSAGE__COUNT
};

/* 32 hexadecimal digits. */
const char *journal_message_id(enum message message);

/* From now on entries go to the socket at path. 0 or a negative errno: then as before. */
int journal_open(const char *path);
void journal_close(void);
bool journal_is_open(void);

struct journal_entry {
	enum log_level level;
	size_t size;
	char bytes[JOURNAL_ENTRY_MAX];
};

void journal_begin(struct journal_entry *entry, enum log_level level, enum message message);

/* name: [A-Z_]. What of the value could end the field or is no UTF-8 is replaced; a field that does
 * not fit is left out. */
void journal_add(struct journal_entry *entry, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Sends it with this text, if its level is one that is logged. */
void journal_send(struct journal_entry *entry, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* An entry without fields of its own. */
void journal_say(enum log_level level, enum message message, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
