/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Samples to signals, one component at a time: working set, growth, stall shares, refaults, and
 * whether use stands still under its limit. Decides nothing. O(history) a sample.
 */
#ifndef UW_POLICY_SIGNAL_H
#define UW_POLICY_SIGNAL_H

#include "user/base/clock.h"
#include "user/policy/state.h"

#define SIGNAL_SOME_WINDOW_US (2 * US_PER_SEC) /* in which some_permyriad is a share */
#define SIGNAL_LIVELOCK_PER_S 1000 /* throttled more often without progress: a livelock */

/*
 * Takes what the frame has of one component. event_bytes is the usage that an event of this frame
 * reported, 0 when none did; keeps_files: it is protected, and its files are not dropped while
 * others have something to give. Totals that go back (the group was made anew) start from there.
 */
void signal_update(struct signal *s, const struct component_sample *sample, uint64_t event_bytes,
		   bool keeps_files, uint64_t now_us);

/* What grew was stopped: the trend starts anew from here, so that nobody else is taken for it. */
void signal_forget_trend(struct signal *s, uint64_t now_us);

/* So many bytes of what is used from the next sample on are no growth. */
void signal_discount(struct signal *s, uint64_t bytes);

/* Microseconds until the working set reaches limit; 0 when it has, TTL_NEVER when not growing. */
uint64_t signal_time_to(const struct signal *s, uint64_t limit_bytes, uint64_t budget_bytes);

/* Files that were dropped were read again lately: so many bytes of those that are there are not
 * spare. */
uint64_t signal_missed_files(const struct signal *s, uint64_t now_us);

/* Growing by more than a thousandth of the budget a second, and 1 MiB/s. */
bool signal_is_growing(const struct signal *s, uint64_t budget_bytes);

/* Some task of it stalled within the last third of a second: for more than a hundredth of that. */
bool signal_stalls_now(const struct signal *s);

/* More refaults than the file cache can explain, or reclaim that finds little under stalls. */
bool signal_is_thrashing(const struct signal *s);

/*
 * Throttled by high_bytes without getting anywhere for 5 s: events over SIGNAL_LIVELOCK_PER_S, or
 * all tasks stalled while reclaim frees less than a tenth of what it scans.
 */
bool signal_is_livelocked(const struct signal *s, uint64_t high_bytes, uint64_t now_us);

#endif
