/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The thread that reads lru_gen and has the kernel look at pages anew, which takes half a second
 * for 20 GB and so is never done on the loop. It only reads and ages: nothing is evicted by it.
 * While nobody is asked about it sleeps. Its CPU time is held to AGES_DUTY_PART of one processor.
 * Nothing is allocated after ages_thread_new.
 */
#ifndef UW_SENSE_AGES_THREAD_H
#define UW_SENSE_AGES_THREAD_H

#include <stdint.h>

#include "user/base/err.h"
#include "user/sense/ages.h"

/* What uwd may cost at rest is less; this is while somebody lacks memory. */
#define AGES_DUTY_PART 100
/* Of fewer processors than these a smaller part: what the kernel looks through it does not leave
 * for others (walk_pud_range asks once a GB whether it is to), 61 ms for 330 MB at 250 million
 * instructions a second, and of one in a hundred requests nobody is to wait for that. */
#define AGES_PROCESSORS 4

struct ages_thread;

/* LRU_GEN_FILE and LRU_GEN_SWITCH. While that says off nothing is read and nothing told. */
struct ages_files {
	const char *ages, *on;
};

struct ages_stats {
	bool on;
	uint64_t readings, agings; /* agings: commands that the kernel took */
	uint64_t cpu_us;           /* of the thread, for both */
	uint64_t aging_us;         /* of it for agings */
};

/*
 * Opens the files and starts the thread; root as for ages_init. -ENOENT without them or debugfs,
 * -EPERM under lockdown or not as root.
 */
int ages_thread_new(const struct ages_files *files, const char *root,
		    struct ages_thread **ret_thread, struct uw_err *err);

/* Waits for as long as an aging takes that is under way. NULL is fine. */
void ages_thread_free(struct ages_thread *thread);

/* About these from now on; none: rest. Neither this nor the next ever waits for the thread: what
 * finds it at its lists is done with the next frame. */
void ages_thread_ask(struct ages_thread *thread, const struct ages_wish *wish, uint32_t count);

/* Fills ages of each leaf: what was known of it lately, invalid where nothing is, or nothing newer
 * than AGES_FRESH_US. */
void ages_thread_tell(struct ages_thread *thread, struct leaf_sample *leaf, uint32_t count,
		      uint64_t now_us);

void ages_thread_read_stats(struct ages_thread *thread, struct ages_stats *ret_stats);

#endif
