// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A file that is read once fills whatever there is, and stays when its reader has gone. At the
 * limit each task of the component has to look for pages before it gets one, among those of all:
 * what it finds are these files, but it ages everybody's memory for that, and holds a processor
 * meanwhile (mm/vmscan.c, walk_pud_range). So they are taken before, of the reader alone, which has
 * next to no other memory to look at, or of all without a look at anonymous memory.
 */
#include "user/policy/files.h"

#include "user/policy/freeze.h"
#include "user/policy/headroom.h"
#include "user/policy/ladder.h"
#include "user/policy/limits.h"
#include "user/policy/num.h"

/* Of such files so many stay, and fewer are not worth a look: kernels without swappiness= (6.1)
 * take anonymous pages too below that, see file_floor in cleanup.c. */
#define FILES_LEAST      (16 * MIB)
#define READER_LEAST     (8 * MIB) /* of those of a reader, of whom all else is next to nothing */
#define READER_KEPT_PART 4         /* of its files, what it is just reading */
#define FILES_ROOM_PART  32        /* of the limit is left free of them, at the least, */
#define FILES_ROOM_MOST  16        /* and at the most */
#define FILES_ROOM_MIN   (8 * MIB)
#define FILES_AHEAD_US   (500 * US_PER_MS) /* of growth: as long as one reclaim of them may take */

/* Who reads most of what nobody misses. */
static const struct leaf_state *reader_of(const struct step *step, uint32_t component)
{
	const struct leaf_state *most = NULL;

	for (uint32_t i = 0; i < step->state->leaf_end; i++) {
		const struct leaf_state *leaf = &step->state->leaf[i];

		if (leaf->cgid && leaf->component == component && leaf->populated &&
		    leaf->cause == FREEZE_NOT && leaf->spare_bytes >= READER_LEAST &&
		    freeze_only_reads_files(leaf) &&
		    (!most || leaf->spare_bytes > most->spare_bytes))
			most = leaf;
	}
	return most;
}

static uint64_t of_reader(const struct leaf_state *leaf)
{
	return leaf ? leaf->spare_bytes - leaf->spare_bytes / READER_KEPT_PART : 0;
}

/* Up to its limit, or to that of the pool, where the kernel asks nobody's leave. */
static uint64_t room_for_files(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];

	return min_u64(sub_sat(limits_high(cs), cs->signal.current_bytes),
		       sub_sat(step->config->usable_bytes, headroom_charged(step)));
}

/* It takes more, files or not, or waits at its limit for more. */
static bool takes_more(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];

	return cs->signal.charged_per_s > (int64_t)MIB ||
	       (limits_is_at_high(cs) && cs->signal.some_permyriad > STALL_SOME_IDLE);
}

/* So much is to be left free of such files. */
static uint64_t files_room_wanted(const struct component_state *cs)
{
	return max_u64(max_u64(cs->in_force_bytes / FILES_ROOM_PART, FILES_ROOM_MIN),
		       min_u64(grown(cs->signal.charged_per_s, FILES_AHEAD_US),
			       cs->in_force_bytes / FILES_ROOM_MOST));
}

bool files_come_near(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];
	uint64_t unseen = grown(cs->signal.charged_per_s, step->config->rest_period_us);

	return !component_is_protected(&step->config->component[component]) &&
	       takes_more(step, component) &&
	       cs->signal.current_bytes - cs->signal.held_bytes >= 2 * FILES_LEAST &&
	       room_for_files(step, component) < files_room_wanted(cs) + unseen;
}

struct reclaim_wish files_wish(const struct step *step, uint32_t component)
{
	const struct component_state *cs = &step->state->component[component];
	uint64_t room = room_for_files(step, component);
	uint64_t wanted = files_room_wanted(cs);
	uint64_t spare = (cs->signal.current_bytes - cs->signal.held_bytes) / 2;
	uint64_t least = FILES_LEAST;
	struct reclaim_wish wish = {
		.tier = TIER_LIGHT, .why = {REASON_FILES, room, wanted}, .files = true};

	if (step->frame->kind != FRAME_FULL || step->now_us < cs->reclaim.files_rest_us ||
	    component_is_protected(&step->config->component[component]) || cs->squeezed ||
	    room >= wanted || !takes_more(step, component))
		return wish;
	wish.leaf = reader_of(step, component);
	wish.bytes = 2 * wanted - room;
	if (wish.leaf && of_reader(wish.leaf) >= min_u64(wish.bytes, spare)) {
		spare = of_reader(wish.leaf);
		least = READER_LEAST;
	} else {
		wish.leaf = NULL;
	}
	wish.bytes = spare >= least ? min_u64(wish.bytes, spare) : 0;
	return wish;
}
