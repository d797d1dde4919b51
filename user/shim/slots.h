/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where running jobs stand: one file of fixed slots, shared by uwd and the shims of its jobs, and
 * all of it allocated beforehand, so that the end of a job finds its place on a full disk too. The
 * database says which slot an attempt has; the slot says how far the attempt came.
 *
 * A slot is locked (an OFD lock, fcntl(2) F_OFD_SETLK) from before its shim is made until the shim
 * has ended, however it ends: uwd takes the lock on a description of its own, which the shim
 * inherits. So whoever finds a slot unlocked knows that nothing writes to it any more, and that
 * what it says is final. This is what keeps a job from running twice.
 *
 * A record is 256 bytes within one sector, with a checksum; the other half of the sector is uwd's,
 * for a note. Nothing here allocates: uw-shim uses it.
 */
#ifndef UW_SHIM_SLOTS_H
#define UW_SHIM_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "user/base/clock.h"
#include "user/base/err.h"

#define SLOTS_FILE  "slots"
#define SLOTS_COUNT 4096U /* jobs that run at a time; slot 0 is the file's head */
#define SLOT_SIZE   512U
#define SLOT_NONE   0U

enum slot_phase {
	SLOT_EMPTY,
	SLOT_TAKEN,   /* for an attempt whose shim is about to be made: its command has not run */
	SLOT_SHIM,    /* the shim runs; its command has not */
	SLOT_RUN,     /* on disk before the command's first instruction: it has run */
	SLOT_ENDED,   /* how is on disk */
	SLOT_NOT_RUN, /* the command could not be executed; error says why */
	SLOT_PHASE__COUNT
};

struct slot_record {
	uint64_t job;
	uint32_t attempt;
	uint32_t phase; /* enum slot_phase */
	char boot[CLOCK_BOOT_ID_LEN + 3];
	int32_t shim_pid, child_pid;
	int32_t status, signal;    /* as in struct job_result */
	int32_t error;             /* errno of NOT_RUN ... */
	uint32_t failed;           /* ... and at what, enum job_start */
	uint64_t start_us, end_us; /* wall clock, for who reads it */
	uint64_t cpu_us;           /* of the command and of those it waited for */
	uint64_t max_rss_bytes;
	uint64_t out_bytes, err_bytes;     /* in the log files */
	uint64_t out_dropped, err_dropped; /* beyond their limit, or that found no room */
	uint64_t began_us;                 /* CLOCK_MONOTONIC of that boot; 0: an older shim's */
	uint64_t ran_us;                   /* by the same clock, of ENDED and NOT_RUN */
};

/* What uwd says to the uwd after it of an attempt that runs. It is worth something in this boot
 * only, so it is never synced. */
struct slot_note {
	uint64_t job;
	uint32_t attempt;
	uint32_t reserved;
	uint64_t frozen_us; /* how long it has stood still, in all ... */
	uint64_t seen_us;   /* ... until then, when it still did; CLOCK_MONOTONIC, 0: it moves */
};

/* Opens dir/slots or makes it; a file of another layout is refused with -EUCLEAN. The caller closes
 * the fd. -ENOSPC when it cannot be allocated in full. */
int slots_open(const char *dir, int *ret_fd, struct uw_err *err);

/* Another description of the same file, for a lock of its own. A negative errno. */
int slots_reopen(const char *dir);

/* The highest id that was given, kept beside the database against its loss. */
int slots_read_last_id(int fd, uint64_t *ret_id);
int slots_write_last_id(int fd, uint64_t id);
int slots_sync(int fd); /* it is on disk */

/* -ENODATA: never written; -EUCLEAN: torn, for the moment while another one writes it. Then
 * *ret_slot is empty. */
int slot_read(int fd, uint32_t index, struct slot_record *ret_slot);

/* The same for who cannot come back: one that is torn is read again for a tenth of a second. */
int slot_read_again(int fd, uint32_t index, struct slot_record *ret_slot);

/* With sync it is on disk when this returns. */
int slot_write(int fd, uint32_t index, const struct slot_record *slot, bool sync);

/* As slot_read and slot_write, of the note beside the record. */
int slot_read_note(int fd, uint32_t index, struct slot_note *ret_note);
int slot_write_note(int fd, uint32_t index, const struct slot_note *note);

/* On the description that fd is. -EAGAIN when another one has it. */
int slot_lock(int fd, uint32_t index);
void slot_unlock(int fd, uint32_t index);

/* True when a description other than fd's holds it. */
bool slot_is_locked(int fd, uint32_t index);

#endif
