// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a leaf holds of files that were used once, are on the disk and not mapped: by its
 * memory.stat, which the kernel first has to add up, so that only those of the components that were
 * asked about are read, and of them those that hold something and have changed.
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
#define ASKED_US    (10 * US_PER_SEC)

void sense_close_spare(struct sense_leaf *leaf)
{
	if (leaf->stat >= 0)
		close(leaf->stat);
	leaf->stat = -1;
	leaf->spare_us = 0;
}

static bool is_due(const struct sense_leaf *leaf, uint64_t now_us)
{
	uint64_t was = leaf->spare_current_bytes, is = leaf->current_bytes;

	return !leaf->spare_us || now_us - leaf->spare_us >= AGAIN_US ||
	       (is > was ? is - was : was - is) >= MOVED_BYTES;
}

static bool renew(struct sense *sense, struct sense_leaf *leaf, uint64_t now_us)
{
	struct component_sample stat = {0};
	uint64_t kept;

	if (leaf->stat < 0)
		leaf->stat = openat(leaf->group.dir, "memory.stat", O_RDONLY | O_CLOEXEC);
	if (leaf->stat < 0 || text_pread(leaf->stat, sense->text, sizeof(sense->text)) < 0 ||
	    !parse_memory_stat(sense->text, &stat))
		return false;
	kept = stat.dirty_bytes + stat.writeback_bytes;
	if (stat.mapped_bytes > stat.active_file_bytes)
		kept += stat.mapped_bytes - stat.active_file_bytes;
	leaf->spare_bytes = stat.inactive_file_bytes > kept ? stat.inactive_file_bytes - kept : 0;
	leaf->spare_current_bytes = leaf->current_bytes;
	leaf->spare_us = now_us;
	return true;
}

void sense_read_spare(struct sense *sense, struct sense_leaf *leaf, uint64_t now_us,
		      struct leaf_sample *sample)
{
	if (!(sense->ages_wanted >> leaf->component & 1)) {
		if (now_us - leaf->spare_asked_us >= ASKED_US)
			sense_close_spare(leaf);
		return;
	}
	leaf->spare_asked_us = now_us;
	if (leaf->current_bytes < (leaf->spare_bytes ? KEPT_BYTES : LEAST_BYTES))
		leaf->spare_bytes = 0;
	else if (is_due(leaf, now_us) && !renew(sense, leaf, now_us))
		return;
	sample->spare_valid = true;
	sample->spare_bytes = leaf->spare_bytes;
}
