// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as a packed submission. What is taken packs to the same bytes again; what also passes
 * the checks of a submission can be made a job and shown.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/model/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_job: %s\n", what);
	abort();
}

static void show(const struct job_spec *spec)
{
	char command[JOB_COMMAND_LEN];
	struct job job;

	job_init(&job, spec);
	require(job.name[0], "a job without a name");
	job_command_text(spec, command, sizeof(command));
	for (const char *c = command; *c; c++)
		require(*c >= ' ' && *c <= '~', "a command that is not printable");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	AUTO_FREE char *own = malloc(len + 1), *again = malloc(len + 1); /* exact ends */
	struct job_spec spec;
	struct uw_err err;

	if (!own || !again)
		return 0;
	memcpy(own, bytes, len);
	if (job_unpack(own, len, &spec) < 0)
		return 0;
	require(job_pack(&spec, true, again, len) == len, "another size");
	require(!memcmp(own, again, len), "other bytes");
	if (job_spec_check(&spec, &err) == 0)
		show(&spec);
	return 0;
}
