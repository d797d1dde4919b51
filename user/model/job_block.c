// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Arguments and environments are strings that stand one after the other, each with its terminator.
 * This counts them and goes from one to the next; it stands apart because uw-shim needs it and no
 * more of the model.
 */
#include <string.h>

#include "user/model/job.h"

uint32_t job_block_count(const struct job_block *block)
{
	uint32_t count = 0;

	if (block->size && block->data[block->size - 1])
		return UINT32_MAX;
	for (const char *at = job_block_next(block, NULL); at; at = job_block_next(block, at))
		count++;
	return count;
}

const char *job_block_next(const struct job_block *block, const char *at)
{
	const char *next = at ? at + strlen(at) + 1 : block->data;

	return block->size && next < block->data + block->size ? next : NULL;
}
