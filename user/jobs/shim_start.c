// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes the shim of one job. All that it is to have is opened first: the job's specification in a
 * memory file, its slot with the lock taken, its leaf, its two output files. The shim that is to
 * have them is a child of uw-launcher, as it may do what uwd itself may not.
 */
#include "user/jobs/shim_start.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/jobs/output_file.h"
#include "user/shim/slots.h"

/* fd may be a negative errno. */
static int keep(struct shim_request *start, enum launcher_fd as, int fd)
{
	start->fd[as] = fd < 0 ? -1 : fd;
	return fd < 0 ? fd : 0;
}

static int make_pack(const struct jobs_launch *launch)
{
	AUTO_CLOSE int fd = memfd_create("uw-job", MFD_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, launch->pack, launch->pack_size);
	if (n < 0)
		return -errno;
	return (unsigned long)n == launch->pack_size ? TAKE_FD(fd) : -EIO;
}

static int lock_slot(const struct launch_place *place, const struct jobs_launch *launch)
{
	AUTO_CLOSE int fd = slots_reopen(place->dir);
	int rc = fd < 0 ? fd : slot_lock(fd, launch->slot);

	return rc ? rc : TAKE_FD(fd);
}

static int open_log(const struct launch_place *place, const struct jobs_launch *launch,
		    bool err_file)
{
	char dir[512], name[OUTPUTS_NAME_LEN];

	snprintf(dir, sizeof(dir), "%s/%s", place->dir, JOBS_LOG_DIR);
	return output_open(dir, outputs_name(launch->id, err_file, name), launch->uid, launch->gid,
			   launch->attempt > 1);
}

static int open_leaf(const struct launch_place *place)
{
	int fd = place->leaf_dirfd >= 0 ? fcntl(place->leaf_dirfd, F_DUPFD_CLOEXEC, 0)
					: open("/dev/null", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int prepare(const struct launch_place *place, const struct jobs_launch *launch,
		   struct shim_request *start)
{
	int rc = keep(start, LAUNCHER_SPEC, make_pack(launch));

	if (!rc)
		rc = keep(start, LAUNCHER_SLOTS, lock_slot(place, launch));
	if (!rc)
		rc = keep(start, LAUNCHER_LEAF, open_leaf(place));
	if (!rc)
		rc = keep(start, LAUNCHER_OUT, open_log(place, launch, false));
	if (!rc)
		rc = keep(start, LAUNCHER_ERR, open_log(place, launch, true));
	start->slot = launch->slot;
	start->log_limit_bytes = place->log_limit_bytes;
	text_copy(start->submit, sizeof(start->submit), launch->submit);
	return rc;
}

static int start_itself(const struct launch_place *place, const struct shim_request *start,
			struct uw_err *err)
{
	int rc = launcher_fork(place->program, start);

	return rc < 0 ? err_set(err, rc, "%s: %s", place->program, strerror(-rc)) : rc;
}

int launch_shim(const struct launch_place *place, const struct jobs_launch *launch,
		struct uw_err *err)
{
	struct shim_request start = {
		.fd = {[LAUNCHER_SPEC... LAUNCHER_ERR] = -1,
		       [LAUNCHER_LOG] = STDERR_FILENO,
		       [LAUNCHER_GROUP] = place->shims_dirfd},
	};
	int rc = prepare(place, launch, &start);

	if (rc)
		err_set(err, rc, "%s", strerror(-rc));
	else
		rc = place->launcher ? launcher_make_shim(place->launcher, &start, err)
				     : start_itself(place, &start, err);
	for (int i = LAUNCHER_SPEC; i <= LAUNCHER_ERR; i++)
		if (start.fd[i] >= 0)
			close(start.fd[i]);
	if (rc < 0)
		err_prefix(err, "start uw-shim for job %" PRIu64, launch->id);
	return rc;
}
