/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The thread that reads /proc/locks. The kernel takes a lock of all processors for whoever reads
 * that file, and with it a grace period of RCU (locks_start in fs/locks.c): tens of milliseconds at
 * rest, and seconds where what runs leaves its own threads no processor. The thread starts with the
 * first question and sleeps while nobody asks. Nothing is allocated.
 */
#ifndef UW_SENSE_LOCKS_THREAD_H
#define UW_SENSE_LOCKS_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "user/sense/parse.h"

#define LOCKS_FILE "/proc/locks"
/* Full frames come once a second at least: what is older was not asked for by the last one. */
#define LOCKS_FRESH_US 1500000ULL

struct locks_thread {
	const char *path;
	bool runs; /* the loop's own */
	pthread_t thread;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t wake;
	bool asked, closing;
	uint64_t told_us; /* when the answer was read; 0: there is none */
	struct lock_waits told;
};

/* path: LOCKS_FILE, kept. */
void locks_thread_init(struct locks_thread *thread, const char *path);

/* Waits for as long as a reading takes that is under way. */
void locks_thread_done(struct locks_thread *thread);

/* Has it read once more, and fills ret_waits with what was read since the last call; false where
 * nothing was. Never waits. */
bool locks_thread_ask(struct locks_thread *thread, struct lock_waits *ret_waits);

#endif
