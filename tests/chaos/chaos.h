/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faults by number. A driver does something real; the supervisor counts the system calls of it and
 * of what it starts, and lets the n-th one fail, kills who makes it, or cuts the power there. Then
 * the driver is asked whether what must hold still holds.
 *
 * A driver runs in a process of its own: prepare, then act with faults, then - where it lives - act
 * again without any, which must succeed; check is another process, which finds what was left. What
 * they say to each other lies in struct chaos, which is shared memory.
 */
#ifndef UW_TESTS_CHAOS_CHAOS_H
#define UW_TESTS_CHAOS_CHAOS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "user/base/err.h"

#define CHAOS_NOTES 64

enum chaos_how {
	CHAOS_COUNT, /* nothing happens */
	CHAOS_FAIL,  /* the call fails, or does half of what it was asked for */
	CHAOS_LACK,  /* so do the next ones that can: of disk, files, memory or processes is no more
		      */
	CHAOS_KILL,  /* whoever calls is killed before the call */
	CHAOS_POWER, /* all are killed, and what was not synced is gone or half there */
	CHAOS__COUNT
};

struct chaos {
	char dir[64];   /* for this run alone */
	char disk[80];  /* below it: what a cut of power takes from. Flat */
	bool faulty;    /* a call may fail now: an error is an answer */
	uint32_t round; /* of act: 0, then 1 without faults */
	enum chaos_how how;
	bool died;           /* the driver's process itself was killed, and nobody else */
	atomic_int listener; /* run.c's */
	atomic_uint violations;
	char violation[256];        /* the first */
	char said[512];             /* what the driver last heard of an error */
	uint64_t note[CHAOS_NOTES]; /* the driver's own */
};

struct chaos_driver {
	const char *name;
	unsigned int how;                 /* mask of 1U << enum chaos_how */
	void (*prepare)(struct chaos *c); /* NULL: nothing */
	void (*act)(struct chaos *c);     /* closes what it opened */
	void (*check)(struct chaos *c);
};

#define CHAOS_ONE   (1U << CHAOS_FAIL)
#define CHAOS_FAILS (CHAOS_ONE | 1U << CHAOS_LACK)
#define CHAOS_KILLS (1U << CHAOS_KILL)
#define CHAOS_CUTS  (1U << CHAOS_POWER)

extern const struct chaos_driver *const chaos_driver[];
extern const uint32_t chaos_drivers;

/* What must hold does not. */
__attribute__((format(printf, 2, 3))) void chaos_violate(struct chaos *c, const char *format, ...);

/* True when rc is no error. One must be of a call that may fail, and say what and where in a line.
 */
bool chaos_ok(struct chaos *c, const char *what, int rc, const struct uw_err *err);

/* As chaos_ok, of a call that has no text. */
bool chaos_done(struct chaos *c, const char *what, int rc);

/* Around what is only looked at in between: no fault falls there. */
void chaos_pause(struct chaos *c);
void chaos_go_on(struct chaos *c);

#endif
