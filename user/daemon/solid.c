// SPDX-License-Identifier: GPL-2.0-or-later
/* Kept apart from who is spoken for, as those who reserve go by it too. */
#include "user/daemon/solid.h"

uint64_t solid_reclaimable(const struct component_sample *sample)
{
	return sample->active_file_bytes + sample->inactive_file_bytes +
	       sample->slab_reclaimable_bytes;
}

uint64_t solid_bytes(const struct component_sample *sample, uint64_t bytes)
{
	uint64_t room = solid_reclaimable(sample);

	if (!sample->current_bytes || room >= sample->current_bytes)
		return room ? 0 : bytes;
	return bytes - (uint64_t)((unsigned __int128)bytes * room / sample->current_bytes);
}
