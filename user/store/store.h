/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The queue, the history and what was learned, on disk: one SQLite database in WAL mode. A struct
 * store is for one thread, the recorder; a struct store_reader is a connection that only reads, for
 * another thread, and sees what is committed. Nothing is kept here that the database does not say.
 *
 * Durable means: after store_commit returned 0 it survives kill -9 and power loss (synchronous =
 * FULL: one fdatasync of the log a commit, whatever is in it).
 *
 * A full disk: a reserve file of reserve_bytes stands beside the database. A commit that finds no
 * room gives the reserve up and says -ENOSPC; from then on store_is_full() until store_mend() got
 * the reserve back. The caller refuses what is new meanwhile; ends of jobs still find room.
 *
 * Measured in 100,000 jobs with 3 KiB of environment (tests/bench/queue): see README.
 */
#ifndef UW_STORE_STORE_H
#define UW_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "user/base/err.h"
#include "user/model/job.h"

#define STORE_FILE          "jobs.db"
#define STORE_RESERVE_FILE  "reserve"
#define STORE_RESERVE_BYTES (8ULL << 20) /* ends of about 10,000 jobs */

struct store;
struct store_reader;

struct store_options {
	const char *dir;        /* is there; root's alone */
	const char *vfs;        /* NULL: SQLite's own */
	uint64_t reserve_bytes; /* 0: STORE_RESERVE_BYTES */
};

/*
 * Opens or makes the database. STORE_SET_ASIDE: the one that was there is damaged; it was renamed,
 * a new one made, and err says so in one line. -EPROTONOSUPPORT: it is of a newer uwd, which may
 * come back, and was left as it is. -EIO: its disk fails, which says nothing of what is on it.
 * -ENOSPC, -EACCES, -EBUSY: as it says in err.
 */
#define STORE_SET_ASIDE 1
int store_open(const struct store_options *options, struct store **ret_store, struct uw_err *err);
void store_close(struct store *store); /* NULL is fine; what is not committed is gone */

/* HASH_SECRET_LEN bytes that only root knows, and that stay the same as long as the database. */
const uint8_t *store_secret(const struct store *store);

/* The next store_open reads all of it and sets it aside if it is damaged. What meets damage while
 * it writes does this by itself. */
void store_doubt(struct store *store);

/* When all of it was last found sound, on the wall clock; 0: look again soon, store_reader_check.
 * store_open does so only at the first start of a boot, when the file is not as it was left, and
 * in doubt. */
uint64_t store_checked_us(const struct store *store);

/*
 * All that writes happens between begin and commit. After any error of a write or of commit the
 * whole transaction is undone: call store_rollback. -ENOSPC, -EIO, -EROFS, -EUCLEAN (damaged),
 * -ENOMEM.
 */
int store_begin(struct store *store);
int store_commit(struct store *store);
void store_rollback(struct store *store);

bool store_is_full(const struct store *store);

/* Tries to get the reserve back; 0 or -ENOSPC. Cheap: call it each few seconds while full. */
int store_mend(struct store *store);

/* What the last error was, in SQLite's words. */
const char *store_error(const struct store *store);

/* ---- writing ---- */

/* A new job; pack is of job_pack without the environment. Equal environments are kept once. */
struct store_new {
	const struct job *job;
	const char *component, *key;
	const char *pack;
	unsigned long pack_size;
	struct job_block env;
};
int store_add(struct store *store, const struct store_new *new);

/* State, flags, queued_us, times, reservation, reason, attempts, retries of a job that is there.
 * slot is where its shim writes (slots.h), boot the boot it belongs to. -ENOENT. */
int store_update(struct store *store, const struct job *job, uint32_t slot, const char *boot);

int store_add_event(struct store *store, uint64_t id, const struct job_event *event);

/* How near predictions came: predicted by actual, in permyriad, up to each bound, and above all. */
enum store_predicted {
	STORE_PREDICTED_MEMORY, /* what an attempt started with, by its peak */
	STORE_PREDICTED_TIME,   /* of those that ended well */
	STORE_PREDICTED__COUNT
};
#define STORE_BOUNDS 10
extern const uint32_t store_bounds_permyriad[STORE_BOUNDS];

/* An attempt is over, or a job that never ran: a row of the history of runs, and the totals of its
 * component and class. */
struct store_run {
	const struct job *job; /* state: that of the job now, which may be queued again */
	const char *component, *key;
	const struct job_result *result;
	uint64_t reserved_first_bytes; /* what it started with */
	uint64_t predicted_us;         /* its run time at its start; 0: not known */
	bool has_run;                  /* else only the job's end counts */
	bool outgrew; /* ended for want of memory: its peak is less than it needed */
	bool no_job;  /* somebody else's start, of a key: in no totals */
};
int store_add_run(struct store *store, const struct store_run *run);

/* The job has ended; its row becomes history. */
int store_end(struct store *store, const struct job *job, const struct job_result *result);

/* What the estimator knows of a key, as it wants it kept. */
int store_put_key(struct store *store, uint64_t key, uint64_t used_us, const void *bytes,
		  unsigned long size);

struct store_keep {
	uint32_t jobs;                            /* ended ones that are kept at most */
	uint32_t runs_last;                       /* runs that are kept, whatever their key */
	uint32_t runs_a_key;                      /* older ones of one user's key that are */
	uint64_t bytes;                           /* of the database; 0: any size */
	uint64_t oldest_us;                       /* wall clock: what ended before is forgotten */
	void (*forget)(void *data, uint64_t job); /* told of each job first; may be NULL */
	void *data;
};

/* Forgets at most about batch jobs; 1 when there is more to forget, 0 when not. Call it in a
 * transaction of its own. */
int store_forget(struct store *store, const struct store_keep *keep, uint32_t batch);

/* The oldest time that store_forget goes by, of jobs, runs and keys; wall clock, INT64_MAX: there
 * is none. */
int store_oldest(struct store *store, uint64_t *ret_us);

/* Of the database, without what is free in it. About 10 us. */
uint64_t store_used_bytes(struct store *store);

/* ---- reading back at start ---- */

struct store_live {
	struct job job; /* key, tags, command and component are not set */
	const char *key;
	uint32_t slot;
	const char *boot;
	uint64_t env, env_bytes; /* which it is on disk, and of what size */
	struct job_spec spec;    /* without environment; lives as long as the call */
};

/* Each job that has not ended, in the order of ids; one whose row makes no sense is logged and left
 * out. A negative return of fn ends it. */
typedef int (*store_live_fn)(void *data, const struct store_live *live);
int store_each_live(struct store *store, store_live_fn fn, void *data);

/* What was learned, of the max keys that were used last; the last one last. */
typedef int (*store_key_fn)(void *data, const void *bytes, unsigned long size);
int store_each_key(struct store *store, uint32_t max, store_key_fn fn, void *data);

/* The highest id ever given, 0 when none was. */
int store_last_id(struct store *store, uint64_t *ret_id);

/* When a job ended, 0 while it has not. -ENOENT. */
int store_find_end(struct store *store, uint64_t id, uint64_t *ret_us);

/* A job as submitted with its environment, packed; malloced. -ENOENT. */
int store_read_pack(struct store *store, uint64_t id, char **ret_pack, unsigned long *ret_size);

#endif
