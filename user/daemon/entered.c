// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A user cannot leave more of them than the list lets one have. A uwd that is started anew finds
 * them again by notes on the leaf, which are there before anybody runs in it, and what is reserved
 * by the leaf's limit, which is the same.
 */
#include "user/daemon/entered.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/daemon/leaf_files.h"
#include "user/daemon/solid.h"
#include "user/model/leaf_index.h"

#define ROOM_STEP 64U

/* From the end of the last one to the word of slurmstepd, which reaps it: some milliseconds, under
 * load a second. Where it could not reach uwd none comes. */
#define WORD_US (5 * US_PER_SEC)

struct entered_list {
	uint32_t count, room;
	struct entered at[];
};

/* ---- the list ---- */

struct entered *entered_find(struct daemon *daemon, const char *component, const char *leaf)
{
	struct entered_list *list = daemon->entered;

	for (uint32_t i = 0; list && i < list->count; i++)
		if (!strcmp(list->at[i].leaf, leaf) && !strcmp(list->at[i].component, component))
			return &list->at[i];
	return NULL;
}

static bool counts_for(const struct entered *at, uid_t uid)
{
	return (at->uid == uid && !at->by_root) ||
	       (at->coming && at->comer == uid && !at->comer_by_root);
}

uint32_t entered_count(const struct daemon *daemon, uid_t uid, uint32_t *ret_all)
{
	const struct entered_list *list = daemon->entered;
	uint32_t count = 0;

	*ret_all = list ? list->count : 0;
	for (uint32_t i = 0; i < *ret_all; i++)
		count += counts_for(&list->at[i], uid);
	return count;
}

/* For one more. */
static struct entered_list *need_room(struct daemon *daemon)
{
	struct entered_list *list = daemon->entered;
	uint32_t count = list ? list->count : 0;

	if (count == ENTERED_MAX)
		return NULL;
	if (list && count < list->room)
		return list;
	list = realloc(list, sizeof(*list) + (count + ROOM_STEP) * sizeof(*list->at));
	if (!list)
		return NULL;
	list->count = count;
	list->room = count + ROOM_STEP;
	daemon->entered = list;
	return list;
}

struct entered *entered_add(struct daemon *daemon, const struct entered *place)
{
	struct entered_list *list = need_room(daemon);

	if (!list)
		return NULL;
	list->at[list->count] = *place;
	return &list->at[list->count++];
}

void entered_forget(struct daemon *daemon, struct entered *entered)
{
	struct entered_list *list = daemon->entered;

	*entered = list->at[--list->count];
}

/* ---- those of a uwd before ---- */

struct entered_scan {
	struct daemon *daemon;
	const char *component;
	int dir; /* of it */
};

/* "max" is no number. */
static uint64_t read_limit(int leaf)
{
	char text[32];

	return text_read_at(leaf, cg_knob_file(CG_HIGH), text, sizeof(text)) > 0
		       ? strtoull(text, NULL, 10)
		       : 0;
}

static int find_entered(void *data, const char *name)
{
	const struct entered_scan *scan = data;
	AUTO_CLOSE int leaf = openat(scan->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct entered place = {0};
	struct stat st;

	if (leaf < 0 || cg_leaf_read_entered(leaf, &place.uid) || fstat(leaf, &st) ||
	    !text_copy(place.leaf, sizeof(place.leaf), name))
		return 0;
	text_copy(place.component, sizeof(place.component), scan->component);
	place.cgid = st.st_ino;
	place.bytes = read_limit(leaf);
	(void)cg_leaf_read_said(leaf, &place.said); /* of most nothing is */
	place.by_root =
		place.bytes || !strncmp(name, ENTERED_SLURM_PREFIX, strlen(ENTERED_SLURM_PREFIX));
	/* The rest is entered again, or found by the next uwd. */
	return entered_add(scan->daemon, &place) ? 0 : -ENOSPC;
}

void entered_find_again(struct daemon *daemon)
{
	if (daemon->options.dry_run)
		return;
	for (uint32_t i = 0; i < daemon->config.component_count; i++) {
		const char *name = daemon->config.component[i].name;
		AUTO_CLOSE int dir =
			openat(daemon->pool.dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct entered_scan scan = {daemon, name, dir};

		if (dir >= 0)
			cg_leaf_each(dir, find_entered, &scan);
	}
}

/* ---- those that were left ---- */

static void build_index(const struct frame *frame, struct leaf_index *index)
{
	leaf_index_build(index, LEAF_IDS(frame->leaf, cgid), frame->leaf_count, frame->leaf_count);
}

static const struct leaf_sample *sample_of(const struct frame *frame,
					   const struct leaf_index *index, uint64_t cgid)
{
	uint32_t at = cgid ? leaf_index_find(index, LEAF_IDS(frame->leaf, cgid), cgid) : LEAF_NONE;

	return at == LEAF_NONE ? NULL : &frame->leaf[at];
}

/* 0: one ended badly, none has ended as far as was said, or it began under a uwd before. */
static uint64_t run_us(const struct entered *entered, uint64_t now_us)
{
	bool well = entered->ended_well && !entered->ended_badly && entered->began_us;
	uint64_t left_us = entered->left_us ? entered->left_us : now_us;

	return well ? left_us - entered->began_us : 0;
}

/* The kernel has the last word: it refuses to remove it while somebody is there. */
static int end_of(struct daemon *daemon, const struct entered *entered, uint64_t now_us)
{
	uint64_t ran_us = run_us(entered, now_us);
	struct jobs_run run = {.asked_bytes = entered->bytes, .run_us = ran_us, .ran_us = ran_us};
	int rc;

	if (*entered->key)
		leaf_read_run(daemon, entered->component, entered->leaf, &run);
	rc = cg_leaf_remove(daemon->pool.dir, entered->component, entered->leaf);
	if (!rc && daemon->jobs && run.peak_bytes)
		jobs_learn(daemon->jobs, entered->component, entered->uid, entered->key, &run);
	return rc;
}

/* The last frame may be older than a job that has already left. */
static bool is_over(struct entered *entered, const struct leaf_sample *sample, uint64_t now_us)
{
	if (entered->coming || (sample && sample->populated)) {
		entered->left_us = 0;
		return false;
	}
	if (!entered->left_us)
		entered->left_us = now_us;
	return !*entered->key || !entered->unheard || now_us - entered->left_us >= WORD_US;
}

void entered_keep_house(struct daemon *daemon, uint64_t now_us)
{
	struct entered_list *list = daemon->entered;
	struct leaf_index index;

	if (!list || !list->count)
		return;
	build_index(&daemon->frame, &index);
	for (uint32_t i = list->count; i-- > 0;) {
		struct entered *entered = &list->at[i];

		if (is_over(entered, sample_of(&daemon->frame, &index, entered->cgid), now_us) &&
		    end_of(daemon, entered, now_us) != -EBUSY)
			entered_forget(daemon, entered);
	}
}

/* Of one that others are on their way into the next call sees more. */
uint32_t entered_vacate(struct daemon *daemon, const char *leaf, entered_end_fn end)
{
	struct entered_list *list = daemon->entered;
	uint32_t left = 0;

	for (uint32_t i = list ? list->count : 0; i-- > 0;) {
		struct entered *entered = &list->at[i];

		if (!entered->by_root || strcmp(entered->leaf, leaf) != 0)
			continue;
		if (!entered->coming && end_of(daemon, entered, clock_now_us()) != -EBUSY) {
			entered_forget(daemon, entered);
			continue;
		}
		left++;
		if (entered->coming)
			continue;
		entered->bytes = 0;
		*entered->key = '\0'; /* its use is no longer the job's */
		end(daemon, entered->component, leaf);
	}
	return left;
}

/* ---- what is reserved ---- */

uint64_t entered_reserved_in(const struct daemon *daemon, uint64_t cgid)
{
	const struct entered_list *list = daemon->entered;

	for (uint32_t i = 0; cgid && list && i < list->count; i++)
		if (list->at[i].cgid == cgid)
			return list->at[i].bytes;
	return 0;
}

void entered_tell_leaves(struct daemon *daemon)
{
	const struct entered_list *list = daemon->entered;
	struct frame *frame = &daemon->frame;
	struct leaf_index index;

	if (!list || !list->count)
		return;
	build_index(frame, &index);
	for (uint32_t i = 0; i < list->count; i++) {
		uint64_t cgid = list->at[i].cgid;
		uint32_t at = cgid ? leaf_index_find(&index, LEAF_IDS(frame->leaf, cgid), cgid)
				   : LEAF_NONE;

		if (at == LEAF_NONE)
			continue;
		frame->leaf[at].leased_bytes = list->at[i].bytes;
		frame->leaf[at].priority = list->at[i].said.priority;
		frame->leaf[at].freezable = list->at[i].said.freezable;
	}
}

void entered_promised(const struct daemon *daemon, uint64_t ret_bytes[static UW_COMPONENTS_MAX])
{
	const struct entered_list *list = daemon->entered;
	struct leaf_index index;

	memset(ret_bytes, 0, UW_COMPONENTS_MAX * sizeof(*ret_bytes));
	if (!list || !list->count)
		return;
	build_index(&daemon->frame, &index);
	for (uint32_t i = 0; i < list->count; i++) {
		const struct entered *entered = &list->at[i];
		int component =
			entered->bytes ? config_find(&daemon->config, entered->component) : -1;
		const struct leaf_sample *sample;
		uint64_t used;

		if (component < 0)
			continue;
		sample = sample_of(&daemon->frame, &index, entered->cgid);
		used = sample ? solid_bytes(&daemon->frame.component[component],
					    sample->current_bytes)
			      : 0;
		ret_bytes[component] += entered->bytes > used ? entered->bytes - used : 0;
	}
}
