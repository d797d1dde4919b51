// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a leaf holds of files that were used once, are on the disk and not mapped, and what it has
 * in memory and in swap: by its memory.stat, which the kernel first has to add up. Of files only
 * those of the components that were asked about are read, and of them those that hold something and
 * have changed.
 *
 * A page that came back from swap keeps its slot for a while: of a leaf of 195 MB that was brought
 * back as a whole memory.current and memory.swap.current said 288 MB together, which was taken for
 * growth and stopped it again. Of a leaf with anything to speak of in swap both are read at once
 * then, as either moves.
 */
#include <fcntl.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/sense/internal.h"
#include "user/sense/parse.h"

#define LEAST_BYTES (16 * MIB) /* of a leaf: less is not worth a look, */
#define KEPT_BYTES  (4 * MIB)  /* but of one whose files uwd itself has taken */
#define MOVED_BYTES MIB
#define AGAIN_US    US_PER_SEC
#define SEEN_US     (300 * US_PER_MS) /* of who has nothing of it, and runs: it grows otherwise */
#define ASKED_US    (10 * US_PER_SEC)

void sense_close_spare(struct sense_leaf *leaf)
{
	if (leaf->stat >= 0)
		close(leaf->stat);
	leaf->stat = -1;
	leaf->spare_us = 0;
}

/* By what memory.current says. */
static bool moves(const struct sense_leaf *leaf, uint64_t now_us)
{
	bool soon = leaf->spare_bytes || leaf->frozen || now_us - leaf->stat_us >= SEEN_US;

	return sense_has_moved(leaf->current_bytes, leaf->stat_current_bytes,
			       soon ? MOVED_BYTES : LEAST_BYTES);
}

static bool spare_is_due(const struct sense_leaf *leaf, uint64_t now_us)
{
	return !leaf->spare_us || now_us - leaf->spare_us >= AGAIN_US || moves(leaf, now_us);
}

static bool swap_is_due(const struct sense_leaf *leaf, uint64_t now_us)
{
	return leaf->swap_bytes >= MOVED_BYTES &&
	       (sense_has_moved(leaf->swap_bytes, leaf->stat_swap_bytes, MOVED_BYTES) ||
		moves(leaf, now_us));
}

/* With memory.stat, so that both are of the same moment. */
static void renew_swap(struct sense *sense, struct sense_leaf *leaf)
{
	uint64_t bytes;

	if (leaf->swap_bytes &&
	    cg_read_text(&leaf->group, CG_SWAP_CURRENT, sense->text, sizeof(sense->text)) >= 0 &&
	    parse_bytes(sense->text, &bytes))
		leaf->swap_bytes = bytes;
	leaf->stat_swap_bytes = leaf->swap_bytes;
}

static bool renew(struct sense *sense, struct sense_leaf *leaf, uint64_t now_us)
{
	struct component_sample stat = {0};
	uint64_t kept;

	renew_swap(sense, leaf);
	leaf->stat_current_bytes = leaf->current_bytes;
	leaf->stat_us = now_us;
	leaf->swapcached_bytes = 0;
	if (leaf->stat < 0)
		leaf->stat = openat(leaf->group.dir, "memory.stat", O_RDONLY | O_CLOEXEC);
	if (leaf->stat < 0 || text_pread(leaf->stat, sense->text, sizeof(sense->text)) < 0 ||
	    !parse_memory_stat(sense->text, &stat))
		return false;
	kept = stat.dirty_bytes + stat.writeback_bytes;
	if (stat.mapped_bytes > stat.active_file_bytes)
		kept += stat.mapped_bytes - stat.active_file_bytes;
	leaf->spare_bytes = stat.inactive_file_bytes > kept ? stat.inactive_file_bytes - kept : 0;
	text_key_u64(sense->text, "swapcached", &leaf->swapcached_bytes);
	leaf->spare_us = now_us;
	return true;
}

static void read_swap(struct sense *sense, struct sense_leaf *leaf, uint64_t now_us,
		      struct leaf_sample *sample)
{
	uint64_t cached;

	if (swap_is_due(leaf, now_us)) {
		leaf->spare_asked_us = now_us;
		renew(sense, leaf, now_us);
	}
	cached = leaf->swap_bytes >= MOVED_BYTES ? leaf->swapcached_bytes : 0;
	sample->swap_bytes = leaf->swap_bytes > cached ? leaf->swap_bytes - cached : 0;
}

void sense_read_spare(struct sense *sense, struct sense_leaf *leaf, uint64_t now_us,
		      struct leaf_sample *sample)
{
	bool asked = sense->ages_wanted >> leaf->component & 1, known = true;

	if (asked) {
		leaf->spare_asked_us = now_us;
		if (leaf->current_bytes < (leaf->spare_bytes ? KEPT_BYTES : LEAST_BYTES))
			leaf->spare_bytes = 0;
		else if (spare_is_due(leaf, now_us))
			known = renew(sense, leaf, now_us);
	}
	read_swap(sense, leaf, now_us, sample);
	if (!asked && now_us - leaf->spare_asked_us >= ASKED_US)
		sense_close_spare(leaf);
	sample->spare_valid = asked && known;
	sample->spare_bytes = sample->spare_valid ? leaf->spare_bytes : 0;
}
