/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading what is committed, on a connection of its own: in WAL mode it neither waits for the
 * recorder nor holds it up. Strings of a row live until the next call. A row costs about 3 us; what
 * is asked for is bounded by the caller. 0 or a negative errno as in store.h.
 */
#ifndef UW_STORE_HISTORY_H
#define UW_STORE_HISTORY_H

#include "user/store/store.h"

int store_reader_open(const struct store_options *options, struct store_reader **ret_reader,
		      struct uw_err *err);
void store_reader_close(struct store_reader *reader); /* NULL is fine */

/* Reads all of it: 0; -ECANCELED when interrupted; -EUCLEAN with what is wrong in err, then the
 * next store_open sets it aside. dir is that of the options. About 0.5 s for each 100 MB, and the
 * disk. */
int store_reader_check(struct store_reader *reader, const char *dir, struct uw_err *err);

/* What it reads now ends with an error. Of any thread, while it is open. */
void store_reader_interrupt(struct store_reader *reader);

/* A job, whatever its state. */
struct store_row {
	struct job job; /* key, tags, command, component: below */
	const char *component, *key;
	struct job_result result; /* of one that has ended */
	struct job_spec spec;     /* without environment */
};

/* -ENOENT. */
int store_find(struct store_reader *reader, uint64_t id, struct store_row *ret_row);

/* How much of the disk its spec takes, and its environment, which others may share. -ENOENT. */
int store_find_size(struct store_reader *reader, uint64_t id, uint64_t *ret_spec_bytes,
		    uint64_t *ret_env_bytes);

/* What was learned of a key; lives until the next call. -ENOENT. */
int store_find_key(struct store_reader *reader, uint64_t key, const void **ret_bytes,
		   unsigned long *ret_size);

/* A positive return ends it with 0, a negative one is passed up. */
typedef int (*store_row_fn)(void *data, const struct store_row *row);

/* The first count of those from id first on, in the order of ids, which is that of the table: what
 * is looked at is what is given. */
int store_each_from(struct store_reader *reader, uint64_t first, uint32_t count, store_row_fn fn,
		    void *data);

/* Where a walk through those that have ended stands: behind the job that ended then. */
struct store_past {
	uint64_t end_us, id;
};

/* Those that have ended since since_us, the last one first; past: what comes after that, NULL: from
 * the last on. Each costs the same, however far back. */
int store_each_ended(struct store_reader *reader, uint64_t since_us, const struct store_past *past,
		     store_row_fn fn, void *data);

/* A job, and where it is the first of an array all of that; as quick for a large one as for a
 * small one. */
struct store_awaited {
	uint64_t on;
	uint64_t live;   /* the last that has not ended; 0: all have */
	bool known, bad; /* bad: one has ended otherwise than well */
};
int store_find_awaited(struct store_reader *reader, uint64_t on, struct store_awaited *ret_awaited);

/* The last 64 steps of a job, oldest first. */
typedef int (*store_event_fn)(void *data, const struct job_event *event);
int store_each_event(struct store_reader *reader, uint64_t id, store_event_fn fn, void *data);

/* Attempts that are over. */
struct store_run_row {
	const char *key, *component;
	uint32_t uid;
	bool outgrew; /* ended for want of memory: its peak is less than it needed */
	enum job_state state;
	uint64_t asked_bytes, reserved_first_bytes, peak_bytes;
	uint64_t run_us, end_us;
};
typedef int (*store_run_fn)(void *data, const struct store_run_row *run);

/* A user's key in a component. */
struct store_key_at {
	char key[JOB_KEY_LEN], component[UW_NAME_LEN];
	uint32_t uid;
};

/* Those with a key, by key, component and user, and then by time. after: of keys behind that one;
 * NULL: from the first. component, uid NULL: of all. */
int store_each_run(struct store_reader *reader, const struct store_key_at *after,
		   const char *component, const uint32_t *uid, store_run_fn fn, void *data);

/* The last count of them, whatever their key, by time. */
int store_each_late_run(struct store_reader *reader, uint32_t count, store_run_fn fn, void *data);

/* Sums since the first day, by component, class and how it ended; state JOB_QUEUED: attempts after
 * which the job was queued again, which count as runs but not as jobs. */
struct store_total {
	const char *component;
	enum job_class class;
	enum job_state state;
	uint64_t jobs, runs, sufficed;
	uint64_t wait_us, wait_max_us, run_us;
	double asked_bytes, reserved_bytes, peak_bytes;
};
typedef int (*store_total_fn)(void *data, const struct store_total *total);
int store_each_total(struct store_reader *reader, store_total_fn fn, void *data);

/* Of a component, how many predictions lay in bucket: up to its bound (store.h) and above the one
 * before; and the sum of their ratios. */
struct store_prediction {
	const char *component;
	enum store_predicted what;
	uint32_t bucket;
	uint64_t count, sum_permyriad;
};
typedef int (*store_prediction_fn)(void *data, const struct store_prediction *prediction);
int store_each_prediction(struct store_reader *reader, store_prediction_fn fn, void *data);

#endif
