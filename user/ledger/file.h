/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger as it lies in the file. Private to ledger*.c and their tests. Each line of peers has
 * one writer; slots are written by the holder of the lock. A change of anything here is a new
 * LEDGER_VERSION.
 */
#ifndef UW_LEDGER_FILE_H
#define UW_LEDGER_FILE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "user/ledger/ledger.h"

#define LEDGER_MAGIC       "uwledger"
#define LEDGER_VERSION     5
#define LEDGER_VERSION_4   4 /* the same, with LEDGER_ENTRIES slots for good */
#define LEDGER_BOOT_ID_LEN 40

enum ledger_state {
	LEDGER_FREE,
	LEDGER_HELD,
};

struct ledger_slot {
	_Atomic uint32_t state; /* stored last, with release order */
	uint32_t kind;
	uint64_t cgid;
	uint64_t old_value; /* never changes while held */
	_Atomic uint64_t new_value;
	uint64_t at_us;
	_Atomic uint64_t deadline_us;
	char path[LEDGER_PATH_LEN];
};

struct ledger_line {
	_Atomic int64_t pid;
	_Atomic uint64_t start_ticks;
	_Atomic uint64_t beat_us;
	_Atomic uint32_t sequence; /* how often the role was taken; a futex */
	uint32_t pad32;
	uint64_t pad[4];
};

struct ledger_file {
	char magic[8];
	uint32_t version;
	_Atomic uint32_t entries; /* slots that the file has; stored once they are there */
	char boot_id[LEDGER_BOOT_ID_LEN];
	_Atomic uint32_t
		adopted; /* a uwd has looked at all that was frozen when this file was new */
	uint32_t pad[1];
	union {
		pthread_mutex_t lock; /* robust, process-shared */
		char lock_room[64];
	};
	struct ledger_line line[2]; /* LEDGER_UWD, LEDGER_GUARD */
	_Atomic uint64_t takeovers, hangs, undone, failed, last_at_us, last_took_us; /* guard's */
	_Atomic uint64_t handed_until_us; /* 0 = not handed over */
	uint64_t stats_pad[1];
	char pool[LEDGER_POOL_LEN];
	struct ledger_slot slot[LEDGER_ENTRIES_MAX];
};

/* Of a file with so many slots. What is mapped behind them must not be touched. */
#define LEDGER_BYTES(entries) \
	(offsetof(struct ledger_file, slot) + (size_t)(entries) * sizeof(struct ledger_slot))

_Static_assert(sizeof(pthread_mutex_t) <= 64, "the lock's room is part of the layout");
_Static_assert(sizeof(struct ledger_slot) == 224, "a slot is part of the layout");
_Static_assert(offsetof(struct ledger_file, slot) == 832, "the header is part of the layout");

struct ledger {
	int fd;
	bool taken;
	uint32_t end; /* while it is taken: all slots from here on are free */
	struct ledger_file *file;
};

/* Of who has just taken it (entry.c). */
void ledger_find_end(struct ledger *ledger);

#endif
