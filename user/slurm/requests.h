/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What jobs of a user's key should ask for, as uwctl recommend --slurm --json says, and what
 * becomes of a job that asks for more. Nothing here is of Slurm.
 */
#ifndef UW_SLURM_REQUESTS_H
#define UW_SLURM_REQUESTS_H

#include <jansson.h>
#include <stdint.h>

#include "user/base/err.h"

#define SLURM_KEY_LEN 64 /* JOB_KEY_LEN, whose header has names that slurm.h has too */

/* What a job that says no size asks for: all of a node, or what slurm.conf has. */
#define SLURM_ASKS_NOTHING UINT64_MAX

struct slurm_request {
	char key[SLURM_KEY_LEN];
	uint32_t uid;
	uint64_t runs, mem_mib;
};

struct slurm_requests {
	uint32_t count;
	struct slurm_request *at; /* by key and user */
};

void slurm_requests_done(struct slurm_requests *requests);

/* What nothing is recommended for is left out. -EINVAL: it is nothing that uwctl has printed;
 * -ENOMEM. */
int slurm_requests_read(const json_t *answer, struct slurm_requests *ret_requests,
			struct uw_err *err);

/* NULL: asked_mib or less is recommended for no job of that key, or it is not known. Valid as long
 * as requests are. */
const struct slurm_request *slurm_request_for(const struct slurm_requests *requests, uint32_t uid,
					      const char *key, uint64_t asked_mib);

/* What the job's comment says of it. */
#define SLURM_COMMENT_LEN 192
const char *slurm_request_comment(const struct slurm_request *request, uint64_t asked_mib,
				  char buf[static SLURM_COMMENT_LEN]);

#endif
