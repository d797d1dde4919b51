/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process that hears of each call before it is made, and says what becomes of it. It serves a
 * process and its descendants until that process ends; what it started may live on, and is served
 * while another is awaited.
 */
#ifndef UW_TESTS_CHAOS_SUPERVISE_H
#define UW_TESTS_CHAOS_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/chaos/chaos.h"
#include "tests/chaos/syscalls.h"

#define CHAOS_CALLS_MAX 20000
#define CHAOS_HANG_MS   60000

struct disk;

struct fault {
	enum chaos_how how;
	uint32_t at; /* the number of the call, from 0 */
	int error;   /* of FAIL and LACK: errno or CHAOS_SHORT; where the call cannot have it, the
			next can */
};

struct supervisor {
	int listener;
	struct fault fault;
	struct disk *disk; /* told of syncs and names; NULL: nobody asks */
	bool armed, hit;
	uint32_t hits;               /* of LACK several */
	bool cut;                    /* there is no power any more */
	uint32_t calls;              /* while armed */
	int16_t nr[CHAOS_CALLS_MAX]; /* of each */
	int hit_nr;
	pid_t hit_pid;
	char where[96]; /* what the call was given: a path, or the file behind the descriptor */
};

/* Serves until pid has ended: its wait status; -ETIMEDOUT when it hangs, and is killed. */
int supervise(struct supervisor *s, pid_t pid);

#endif
