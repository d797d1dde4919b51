// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A segment in the memory of the process itself: its pages are charged to the cgroup that it runs
 * in. With a handle there is a lease of the whole size besides, so that uwd has promised the room
 * before anything is in it; that ends with the segment.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "user/lib/segment/segment.h"
#include "user/lib/uw.h"

static int local_commit(struct segment *segment, uint64_t offset, uint64_t bytes)
{
	/* What a tmpfs of its own limit says, and what others must not be told. */
	if (fallocate(segment->fd, 0, (off_t)offset, (off_t)bytes) < 0)
		return errno == ENOSPC ? -ENOMEM : -errno;
	return 0;
}

static int local_punch(struct segment *segment, uint64_t offset, uint64_t bytes)
{
	const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	return fallocate(segment->fd, mode, (off_t)offset, (off_t)bytes) < 0 ? -errno : 0;
}

static void local_close(struct segment *segment)
{
	struct uw_lease *lease = segment->own;

	if (lease)
		uw_lease_end(lease);
	free(lease);
}

static int lease_all(struct segment *segment, struct uw *uw, const char *component,
		     const char *name)
{
	struct uw_request request = {
		.size = sizeof(request),
		.component = component,
		.description = name,
		.bytes = segment->bytes,
	};
	struct uw_grant grant = {.size = sizeof(grant)};
	struct uw_lease *lease = calloc(1, sizeof(*lease));
	int rc = lease ? uw_alloc(uw, &request, &grant, NULL) : -ENOMEM;

	if (rc) {
		free(lease);
		return rc > 0 ? -ENOMEM : rc;
	}
	*lease = (struct uw_lease){uw, grant.id};
	segment->own = lease;
	return 0;
}

int segment_back_local(struct segment *segment, struct uw *uw, const char *component,
		       const char *name)
{
	static const struct segment_backend backend = {
		.commit = local_commit,
		.punch = local_punch,
		.close = local_close,
	};
	int rc = uw ? lease_all(segment, uw, component, name) : 0;

	if (!rc)
		segment->backend = &backend;
	return rc;
}
