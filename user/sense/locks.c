// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds out whether somebody waits for a lock that a frozen leaf holds. /proc/locks, which a thread
 * reads between two frames, says who waits for whom by pid; whose pids they are is looked up in
 * cgroup.procs, and only when anybody waits at all. A pid below a leaf's own subgroups, one among
 * more than fit into a text, and the holder of an open file description lock, which the kernel does
 * not name, are not known: for them a frozen leaf has its breaths. Nothing is read unless it was
 * asked for.
 */
#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/sense/internal.h"
#include "user/sense/parse.h"

#define RECENT_US (5 * US_PER_SEC)

/* By index into the frame's leaves, or NOBODY. */
#define NOBODY UINT32_MAX

struct lock_owners {
	uint32_t holder[PARSE_LOCK_WAITS], waiter[PARSE_LOCK_WAITS];
};

/* pids is a text of one a line. */
static bool has_pid(const char *pids, int64_t pid)
{
	while (*pids) {
		char *end;

		if (strtol(pids, &end, 10) == pid)
			return true;
		if (end == pids)
			return false;
		pids = end + (*end == '\n');
	}
	return false;
}

static void find_owners(const char *pids, uint32_t leaf, const struct lock_waits *waits,
			struct lock_owners *owners)
{
	for (uint32_t i = 0; i < waits->count; i++) {
		if (has_pid(pids, waits->wait[i].holder))
			owners->holder[i] = leaf;
		if (has_pid(pids, waits->wait[i].waiter))
			owners->waiter[i] = leaf;
	}
}

static bool is_asked_about(const struct sense_leaf *leaf, uint64_t now_us)
{
	return leaf->frozen || (leaf->frozen_us && now_us - leaf->frozen_us < RECENT_US);
}

static void match(struct sense *sense, struct frame *frame, const struct lock_waits *waits)
{
	struct lock_owners owners;

	memset(&owners, 0xff, sizeof(owners));
	for (uint32_t i = 0; i < frame->leaf_count; i++) {
		uint32_t at = sense_leaf_at(sense, frame->leaf[i].cgid);

		if (at != LEAF_NONE && is_asked_about(&sense->leaf[at], frame->now_us) &&
		    text_read_at(sense->leaf[at].group.dir, "cgroup.procs", sense->text,
				 sizeof(sense->text)) >= 0)
			find_owners(sense->text, i, waits, &owners);
	}
	for (uint32_t i = 0; i < waits->count; i++) {
		uint32_t holder = owners.holder[i], waiter = owners.waiter[i];
		bool waiter_runs = waiter == NOBODY || !frame->leaf[waiter].frozen;

		if (holder != NOBODY && waiter != holder && waiter_runs)
			frame->leaf[holder].lock_waiters++;
	}
}

void sense_read_locks(struct sense *sense, struct frame *frame, uint32_t looks)
{
	struct lock_waits waits = {0};

	frame->locks_valid = looks & PLAN_LOOK_LOCKS && locks_thread_ask(&sense->locks, &waits);
	if (waits.count)
		match(sense, frame, &waits);
}
