// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A segment in the memory of the process itself: its pages are charged to the cgroup that it runs
 * in, and nobody else knows of it.
 */
#include <errno.h>
#include <fcntl.h>

#include "user/lib/segment/file.h"
#include "user/lib/segment/segment.h"

static int local_commit(struct segment *segment, uint64_t offset, uint64_t bytes)
{
	/* What a tmpfs of its own limit says, and what others must not be told. */
	if (fallocate(segment->fd, 0, (off_t)offset, (off_t)bytes) < 0)
		return errno == ENOSPC ? -ENOMEM : -errno;
	return 0;
}

int segment_back_local(struct segment *segment, const char *name)
{
	static const struct segment_backend backend = {.commit = local_commit};
	int rc = segment->fd = segment_file_make(name ? name : "uw", segment->bytes);

	if (rc < 0)
		return rc;
	segment->backend = &backend;
	return 0;
}
