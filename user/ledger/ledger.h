/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger: an mmapped file in /run/uw where every freeze and every changed limit is entered,
 *with the value it had before, *before* it is done, and cleared after it is undone. It holds no
 *policy. uwd and uw-guard map it; entering and clearing are a few stores to locked memory, no
 *system call. It grows ahead of what there is to enter, and never becomes smaller; who has mapped
 *it has mapped all that it may become.
 *
 * Who may write entries: the holder of the ledger's one lock, a robust process-shared mutex. uwd's
 * main thread takes it at its start and keeps it for life. The hand-over is the lock's own: when
 * that thread ends, however it ends, the kernel marks the lock and wakes uw-guard, which waits on
 * it and then owns the ledger. (A pidfd or a file lock would tell only after uwd's last thread has
 * gone, and a killed worker inside memory.reclaim stays for up to seconds.) The guard
 *	1. undoes every entry at once, and keeps the entries,
 *	2. waits for uwd's last thread, undoing every 100 ms: a worker killed on its way into
 *	   memory.high could still have written it,
 *	3. undoes once more, clears what is undone, and releases the lock.
 * A new uwd waits for the lock meanwhile. With the guard gone too, the next to take the lock (a new
 * uwd, or uw-guard --undo) does the same. While uwd lives but its heartbeat is stale, the guard
 * undoes without touching entries, so that there never are two writers of them.
 *
 * Crash consistency: an entry's words are stored first, its state last with release order; clearing
 * is one store. Whichever store was the last one done, each entry is wholly there or wholly not,
 * and undoing looks at the file's value in force, so undoing what was never done, or undoing twice,
 * changes nothing. A file of another version, another boot or with foreign content is replaced by
 * a fresh one (uwd) or left alone (guard).
 */
#ifndef UW_LEDGER_LEDGER_H
#define UW_LEDGER_LEDGER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "user/base/err.h"

#define LEDGER_PATH     "/run/uw/ledger"
#define LEDGER_PATH_LEN 176 /* component/leaf: 31 + 1 + 127 characters, terminated */
#define LEDGER_POOL_LEN 512
#define LEDGER_MAX      UINT64_MAX /* "max" */

/* A fresh one, and the most: four entries of each of 32 components, a freeze and a memory.low of
 * each of 128 leaves, and of 2,048. */
#define LEDGER_ENTRIES     384
#define LEDGER_ENTRIES_MAX 4224

/* uwd beats at least once a second, ten times when pressed; two beats missed is a hang. */
#define LEDGER_STALE_US 2000000ULL

/* In the order of undoing: a raised limit first, since a throttled task does not see a raise for up
 * to 2 s, then what is frozen. */
enum ledger_kind {
	LEDGER_HIGH,
	LEDGER_MIN,
	LEDGER_LOW,
	LEDGER_FREEZE,
	LEDGER__COUNT
};

const char *ledger_kind_name(enum ledger_kind kind); /* the file: "memory.high" */

struct ledger_entry {
	enum ledger_kind kind;
	uint64_t cgid;              /* cgroup id; 0 = not known, undone by path alone */
	uint64_t old_value;         /* before the first change; LEDGER_MAX for "max" */
	uint64_t new_value;         /* of the last change; above old_value it is a loan. Of a
				     * freeze who wanted it, enum ledger_freeze */
	uint64_t at_us;             /* of the first change, CLOCK_MONOTONIC */
	uint64_t deadline_us;       /* 0 = none. A freeze the guard thaws then if nobody has; a
				     * squeezed one runs, and is left to a uwd that lives */
	char path[LEDGER_PATH_LEN]; /* of the cgroup, relative to the pool */
};

/* Anything but 0 is frozen. */
enum ledger_freeze {
	LEDGER_FREEZE_OWN = 1, /* uwd itself */
	LEDGER_FREEZE_ASKED,   /* a client */
};

enum ledger_role {
	LEDGER_UWD,
	LEDGER_GUARD,
	LEDGER_ONESHOT, /* uw-guard --undo: signs nothing */
};

/* Who stands behind a role; pid 0 when nobody signed. */
struct ledger_peer {
	pid_t pid;
	uint64_t start_ticks; /* field 22 of /proc/PID/stat: tells a reused pid apart */
	uint64_t beat_us;     /* last heartbeat, CLOCK_MONOTONIC */
};

/* What uw-guard did, for status; it survives uwd. */
struct ledger_guard_stats {
	uint64_t takeovers;    /* uwd found dead */
	uint64_t hangs;        /* stale heartbeats acted on */
	uint64_t undone;       /* freezes thawed and limits restored */
	uint64_t failed;       /* writes that failed and were tried again */
	uint64_t last_at_us;   /* of the last undoing */
	uint64_t last_took_us; /* from noticing to everything undone */
};

struct ledger;

/*
 * Maps the file at path, made when missing. A file that is not ours, of another version or of an
 * earlier boot is replaced when replace is set, else -EUCLEAN; what version 4 had entered in this
 * boot goes along. *ret_ledger is the caller's, to be
 * closed. Also -errno of open, fallocate, mmap.
 */
int ledger_open(const char *path, bool replace, struct ledger **ret_ledger, struct uw_err *err);

/* Whether path still leads to this one: it may have been removed, or replaced. */
bool ledger_is_at(const struct ledger *ledger, const char *path);

/* Releases the lock if it is held by us and unmaps. NULL is fine. */
void ledger_close(struct ledger *ledger);

#define LEDGER_TAKEN_OVER 1

/*
 * Takes the lock within timeout_us (0 = only if it is free). The calling thread has it until
 * ledger_release or until it ends. 0, or LEDGER_TAKEN_OVER when the last holder died with it;
 * -EBUSY: another holds it; -ESTALE: the file was replaced, open again (never told to a guard). As
 * LEDGER_UWD it signs the header with this process.
 */
int ledger_take(struct ledger *ledger, enum ledger_role role, uint64_t timeout_us);
void ledger_release(struct ledger *ledger);

/* Releases, and returns when a uwd has taken it, after timeout_us, or on a signal. */
void ledger_release_and_wait(struct ledger *ledger, uint64_t timeout_us);
bool ledger_is_taken(const struct ledger *ledger); /* by us */

/* Another file, or none, has the name by now. A guard stays with the old one as long as its uwd. */
bool ledger_is_replaced(const struct ledger *ledger);

/* Whether a uwd that had this file has dealt with what it found frozen. Until then the file, being
 * new, says nothing of what an earlier uwd did. The lock's holder sets it. */
bool ledger_is_adopted(const struct ledger *ledger);
void ledger_set_adopted(struct ledger *ledger);

/*
 * A uwd that ends for the next one to go on leaves its freezes standing: until then nobody undoes
 * one before its deadline, and the guard undoes all after that. 0 ends it. The lock's holder
 * writes it.
 */
void ledger_hand_over(struct ledger *ledger, uint64_t until_us);
bool ledger_is_handed_over(const struct ledger *ledger, uint64_t now_us);

/* The guard has no lock in normal times: it signs by this. -EBUSY when another guard lives. */
int ledger_sign_guard(struct ledger *ledger);

/*
 * The pool's directory, told by uwd for those who were not given it (uw-guard --undo). The lock's
 * holder writes it; "" when nobody has. -errno of readlink.
 */
int ledger_write_pool(struct ledger *ledger, int pool_dirfd);
void ledger_read_pool(const struct ledger *ledger, char ret_path[static LEDGER_POOL_LEN]);

/* One relaxed store. */
void ledger_beat(struct ledger *ledger, enum ledger_role role, uint64_t now_us);

void ledger_read_peer(const struct ledger *ledger, enum ledger_role role,
		      struct ledger_peer *ret_peer);

/* A pidfd of the peer, readable once its last thread has gone. -ESRCH when it is dead already; any
 * other error says nothing of it. */
int ledger_open_peer(const struct ledger *ledger, enum ledger_role role, int *ret_pidfd);

/* ---- entries; the lock's holder only ---- */

/*
 * Enters, to be called before the change. An entry of the same kind and cgid (path when that is 0)
 * keeps old_value and at_us and takes new_value and deadline_us. -ENOSPC: the change must not be
 * made. O(ledger_slots).
 */
int ledger_enter(struct ledger *ledger, const struct ledger_entry *entry);

/* Room for so many, before they are needed. -ENOSPC beyond LEDGER_ENTRIES_MAX, or where the file
 * cannot grow, or what fallocate says: there is as much as there was. */
int ledger_reserve(struct ledger *ledger, uint32_t entries);

/* Clears, after the change was undone. No such entry is fine. */
void ledger_clear(struct ledger *ledger, enum ledger_kind kind, uint64_t cgid);
void ledger_clear_slot(struct ledger *ledger, uint32_t slot);

/* ---- entries; anybody ---- */

/* The entry of that kind and cgid; false when there is none. */
bool ledger_find(const struct ledger *ledger, enum ledger_kind kind, uint64_t cgid,
		 struct ledger_entry *ret_entry);

/* Slots to look at: those behind them are free. */
uint32_t ledger_slots(const struct ledger *ledger);

/* The entry in slot (below ledger_slots); false when it is free or not plausible. */
bool ledger_read(const struct ledger *ledger, uint32_t slot, struct ledger_entry *ret_entry);

uint32_t ledger_count(const struct ledger *ledger);

/* ---- undoing (undo.c) ---- */

enum ledger_undo {
	LEDGER_UNDO_KEEP,  /* leave entries as they are: uwd may live */
	LEDGER_UNDO_CLEAR, /* clear what is undone or gone; the lock's holder only */
};

struct ledger_undone {
	uint32_t changed; /* writes that were needed */
	uint32_t gone;    /* the cgroup is no longer there */
	uint32_t failed;  /* to be tried again; the entry stays */
	int error;        /* of the last failure */
};

/*
 * Undoes each entry whose deadline is at or before before_us (UINT64_MAX: all, with or without a
 * deadline): limits below their old value are restored, cgroups thawed, in three passes: raise what
 * is squeezed, without ever waiting for reclaim; thaw; set the exact old values, bounded in time by
 * an interval timer. Loans are left as they are and keep their entries, for the next uwd to adopt.
 * kinds is a mask of 1U << enum ledger_kind. Uses SIGALRM; a process that calls it has no other use
 * of that signal.
 */
void ledger_undo(struct ledger *ledger, int pool_dirfd, enum ledger_undo how, uint32_t kinds,
		 uint64_t before_us, struct ledger_undone *ret_undone);

/* The same for all entries of the cgroup called group, relative to the pool, and of those below. */
void ledger_undo_group(struct ledger *ledger, int pool_dirfd, enum ledger_undo how,
		       const char *group, struct ledger_undone *ret_undone);

#define LEDGER_KINDS_ALL ((1U << LEDGER__COUNT) - 1)

/* The guard's record; added to by note, read by anybody. */
void ledger_note_undone(struct ledger *ledger, const struct ledger_undone *undone, uint64_t took_us,
			bool hang);
void ledger_read_stats(const struct ledger *ledger, struct ledger_guard_stats *ret_stats);

#endif
