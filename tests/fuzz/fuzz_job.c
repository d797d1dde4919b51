// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as a packed submission. What is taken packs to bytes that are taken and pack to the
 * same again, and are the same if they were not of an older form; what also passes the checks of a
 * submission can be made a job and shown.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/model/job.h"

#define OLDER_LACKS sizeof(uint64_t) /* the size of the input */

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
	size_t room = len + OLDER_LACKS;
	AUTO_FREE char *own = malloc(len + 1), *again = malloc(room), *third = malloc(room);
	struct job_spec spec, same;
	struct uw_err err;
	size_t size;

	if (!own || !again || !third)
		return 0;
	memcpy(own, bytes, len); /* to its exact end */
	if (job_unpack(own, len, &spec) < 0)
		return 0;
	size = job_pack(&spec, true, again, room);
	require(size == len || size == room, "another size");
	require(size == room || !memcmp(own, again, len), "other bytes");
	require(job_unpack(again, size, &same) == 0, "not taken again");
	require(job_pack(&same, true, third, room) == size, "another size again");
	require(!memcmp(again, third, size), "other bytes again");
	if (job_spec_check(&spec, &err) == 0)
		show(&spec);
	return 0;
}
