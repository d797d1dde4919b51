/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uw-shim: the parent of one queued job. It starts the command as the submitter in the job's
 * leaf, writes its output to files up to a limit, and keeps its end in a slot (shim/slots.h), so
 * that jobs outlive uwd. It stands outside of the job's leaf, in holder/jobs of the pool: freezing
 * and killing the leaf do not reach it, and its memory (about 0.3 MB) is not the job's.
 *
 * It stays root, without capabilities but CAP_KILL, so that the submitter can neither forge nor
 * hide an exit status. The command runs as the submitter: user, groups, directory, umask,
 * environment; limits and OOM score as of a login, not those of uwd. What the account and
 * limits.conf say is asked by uw-login (user/login) on the way there. no_new_privs is not set: a
 * job may do what its submitter may do in a shell, as with cron and at.
 *
 * When the command has ended, the job has: what it left behind in the leaf is uwd's to kill.
 * SIGTERM to the shim goes on to the command's session, and SIGUSR1 as SIGKILL: also where the
 * command has left its leaf, which uwd kills as a whole.
 */
#ifndef UW_SHIM_SHIM_H
#define UW_SHIM_SHIM_H

#include <stdint.h>

#include "user/base/err.h"

/* What it is started with: uw-shim SLOT LOG-LIMIT-BYTES, and these file descriptors. */
enum shim_fd {
	SHIM_FD_SPEC = 3, /* a file of job_pack with the environment */
	SHIM_FD_SLOTS,    /* its own description, with the slot locked */
	SHIM_FD_LEAF,     /* the leaf's directory; a description of anything else: no cgroup */
	SHIM_FD_OUT,
	SHIM_FD_ERR,
	SHIM_FD__END
};

struct shim_options {
	uint32_t slot;
	uint64_t log_limit_bytes; /* of each of the two files: the first half and the end */
	const char *login;  /* the program uw-login; NULL: the user is taken as it was at submit */
	const char *submit; /* for it: who may submit to the job's component */
};

/* Runs the job whose slot that is until it has ended. 0 when its end is on disk. */
int shim_run(const struct shim_options *options, struct uw_err *err);

#endif
