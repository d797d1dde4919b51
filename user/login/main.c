// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uw-login: a job on its way from uw-shim to its command. It reads the job from what the shim has
 * open, asks what the user may now, and goes on as the shim would have. Standard error is the job's
 * by now, so what PAM says of a refusal stands in the job's output.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/units.h"
#include "user/login/login.h"
#include "user/shim/internal.h"

static const char usage[] = "Usage: uw-login SLOT FD SUBMIT\n"
			    "Started by uw-shim for each queued job, never by hand: it asks what\n"
			    "the job's user may now, and becomes the job's command.\n";

/* The shim has read it already. */
static int read_job(uint32_t number, struct job_spec *ret_spec, struct slot_record *ret_slot)
{
	struct stat file;
	void *bytes;

	if (fstat(SHIM_FD_SPEC, &file) || file.st_size <= 0 || file.st_size > JOB_PACK_MAX)
		return -EBADMSG;
	bytes = mmap(NULL, (size_t)file.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE,
		     SHIM_FD_SPEC, 0);
	if (bytes == MAP_FAILED)
		return -errno;
	if (job_unpack(bytes, (size_t)file.st_size, ret_spec) < 0)
		return -EBADMSG;
	return slot_read_again(SHIM_FD_SLOTS, number, ret_slot);
}

/* No more than what it has from uw-shim is open when the command runs. */
static int close_at_exec(int report)
{
	const int ours[] = {SHIM_FD_SPEC, SHIM_FD_SLOTS, report};

	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (fcntl(ours[i], F_SETFD, FD_CLOEXEC))
			return -errno;
	return 0;
}

static int ask(struct job_spec *spec, const char *submit, uint32_t *ret_failed)
{
	char text[128] = "";
	int rc = login_groups(spec, submit);

	*ret_failed = rc == LOGIN_MAY_NOT_SUBMIT ? JOB_START_SUBMIT : JOB_START_ACCOUNT;
	if (rc == LOGIN_MAY_NOT_SUBMIT)
		return -EPERM;
	if (!rc)
		rc = login_session(spec, NULL, text, sizeof(text));
	if (*text)
		dprintf(STDERR_FILENO, "uwctl: the job was not started: %s\n", text);
	return rc;
}

static _Noreturn void login(uint32_t number, int report, const char *submit)
{
	struct slot_record slot;
	struct job_spec spec;
	struct job_command command = {.report = report};
	uint32_t failed = JOB_START_ANYTHING;
	int rc = close_at_exec(report);

	if (!rc)
		rc = read_job(number, &spec, &slot);
	if (!rc)
		rc = command_make(&spec, &slot, &command);
	command.report = report;
	if (!rc)
		rc = ask(&spec, submit, &failed);
	if (!rc)
		rc = command_finish(&command, &failed);
	command_give_up(&command, failed, rc);
}

int main(int argc, char **argv)
{
	uint64_t slot, report;

	if (argc == 2 && !strcmp(argv[1], "--help"))
		return write(STDOUT_FILENO, usage, sizeof(usage) - 1) < 0 ? EXIT_FAILURE
									  : EXIT_SUCCESS;
	if (argc != 4 || units_parse_uint(argv[1], 1, SLOTS_COUNT, &slot) ||
	    units_parse_uint(argv[2], SHIM_FD_SLOTS + 1, INT32_MAX, &report)) {
		if (write(STDERR_FILENO, usage, sizeof(usage) - 1) < 0)
			return EXIT_FAILURE;
		return 2;
	}
	login((uint32_t)slot, (int)report, argv[3]);
}
