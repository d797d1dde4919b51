// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From root to the submitter's command. What needs memory or may fail is made before the fork: the
 * argument vector and the environment. The child then takes on the submitter's limits and outputs,
 * goes through uw-login, which asks what the user may now, and there takes on groups, ids and
 * directory, in an order in which each step is still allowed, and executes; where it cannot, it
 * reports through a pipe at which step and why.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/shim/internal.h"

#define OWN_VARIABLES 6
#define VARIABLE_LEN  64
#define EXIT_NOT_RUN  127

/* ---- what is made before the fork ---- */

static char **list_of(const struct job_block *block, uint32_t more)
{
	uint32_t count = job_block_count(block), at = 0;
	char **list = calloc((size_t)count + more + 1, sizeof(*list));

	if (!list)
		return NULL;
	for (const char *text = job_block_next(block, NULL); text;
	     text = job_block_next(block, text))
		list[at++] = (char *)text;
	return list;
}

/* Ours replace what the submitter had of these names, as a job may submit jobs. */
static bool is_ours(const char *variable)
{
	static const char *const prefixes[] = {"UW_JOB_", "UW_COMPONENT="};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(variable, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static void drop_ours(char **env)
{
	char **to = env;

	for (char **from = env; *from; from++)
		if (!is_ours(*from))
			*to++ = *from;
	*to = NULL;
}

static void add_ours(char **env, const struct job_spec *spec, const struct slot_record *slot)
{
	static char text[OWN_VARIABLES][VARIABLE_LEN];
	int at = 0;

	while (*env)
		env++;
	snprintf(text[at++], VARIABLE_LEN, "UW_JOB_ID=%" PRIu64, slot->job);
	snprintf(text[at++], VARIABLE_LEN, "UW_JOB_ATTEMPT=%" PRIu32, slot->attempt);
	snprintf(text[at++], VARIABLE_LEN, "UW_JOB_MEMORY=%" PRIu64, spec->memory_bytes);
	snprintf(text[at++], VARIABLE_LEN, "UW_COMPONENT=%s", spec->component);
	if (spec->index != JOB_NO_INDEX)
		snprintf(text[at++], VARIABLE_LEN, "UW_JOB_INDEX=%" PRIu32, spec->index);
	for (int i = 0; i < at; i++)
		env[i] = text[i];
	env[at] = NULL;
}

int command_make(const struct job_spec *spec, const struct slot_record *slot,
		 struct job_command *ret_command)
{
	char **argv = list_of(&spec->argv, 0), **env = list_of(&spec->env, OWN_VARIABLES);

	if (!argv || !env) {
		free(argv);
		free(env);
		return -ENOMEM;
	}
	drop_ours(env);
	add_ours(env, spec, slot);
	*ret_command = (struct job_command){.spec = spec, .argv = argv, .env = env, .report = -1};
	return 0;
}

/* ---- in the child ---- */

/*
 * uw-launcher may have them higher; a job gets what a login would have: files that select(2) can
 * hold, and but for root the 8 MiB of locked memory that the kernel gives since 5.16.
 */
#define FILES_SOFT   1024U
#define LOCKED_BYTES (8U << 20)

static int lower(int resource, rlim_t soft, bool hard_too)
{
	struct rlimit now;

	if (getrlimit((__rlimit_resource_t)resource, &now) || now.rlim_cur <= soft)
		return 0;
	now.rlim_cur = soft;
	if (hard_too)
		now.rlim_max = soft;
	return setrlimit((__rlimit_resource_t)resource, &now) ? -errno : 0;
}

static int set_limits(uint32_t uid)
{
	int rc = lower(RLIMIT_NOFILE, FILES_SOFT, false);

	return rc || !uid ? rc : lower(RLIMIT_MEMLOCK, LOCKED_BYTES, true);
}

/* Written with root's rights it also becomes the least that the job may choose. */
static int set_oom_score(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, "0", 1) != 1 && !geteuid()) /* else it has one that is not ours */
		rc = -errno;
	close(fd);
	return rc;
}

static void reset_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* To open /dev/stdout is to open the pipe anew, which is the submitter's to do. */
static int give_pipes(const struct job_command *command)
{
	const struct job_spec *spec = command->spec;

	if (geteuid())
		return 0; /* a test: made by the submitter */
	return fchown(command->out, spec->uid, spec->gid) ||
			       fchown(command->err, spec->uid, spec->gid)
		       ? -errno
		       : 0;
}

static int set_files(const struct job_command *command)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(command->out, STDOUT_FILENO) < 0 ||
	    dup2(command->err, STDERR_FILENO) < 0)
		return -errno;
	return close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) ? -errno : 0;
}

/* A session keyring of its own, as a login has: that of uw-launcher all jobs would share. */
static int join_keyring(void)
{
	return syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS
		       ? -errno
		       : 0;
}

/* Groups before user: afterwards there is no right to. What is not ours to change as no root (a
 * test) must be so already. */
static int become(const struct job_spec *spec)
{
	gid_t groups[JOB_GROUPS_MAX];

	for (uint32_t i = 0; i < spec->group_count; i++)
		groups[i] = spec->group[i];
	if (geteuid() && geteuid() == spec->uid)
		return 0;
	if (setgroups(spec->group_count, groups) || setresgid(spec->gid, spec->gid, spec->gid) ||
	    setresuid(spec->uid, spec->uid, spec->uid))
		return -errno;
	if (spec->uid && !setresuid(0, 0, 0))
		return -EPERM; /* it must not be possible to come back */
	return join_keyring();
}

static int prepare(const struct job_command *command)
{
	const struct job_spec *spec = command->spec;
	int rc;

	if (setsid() < 0)
		return -errno;
	reset_signals();
	rc = set_oom_score();
	if (!rc)
		rc = set_limits(spec->uid);
	if (!rc)
		rc = give_pipes(command);
	if (!rc)
		rc = set_files(command);
	return rc;
}

int command_finish(const struct job_command *command, uint32_t *ret_failed)
{
	const struct job_spec *spec = command->spec;
	int rc;

	*ret_failed = JOB_START_ANYTHING;
	/* What modules of uw-login have opened as root, and left. */
	if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC))
		return -errno;
	*ret_failed = JOB_START_USER;
	rc = become(spec);
	if (rc)
		return rc;
	umask(spec->umask);
	/* As the submitter, so that nothing opens up that is closed to them. */
	*ret_failed = JOB_START_DIRECTORY;
	if (chdir(spec->cwd))
		return -errno;
	environ = command->env; /* its PATH is the one that is searched */
	*ret_failed = JOB_START_COMMAND;
	execvp(command->argv[0], command->argv);
	return -errno;
}

/* What it reads is open there; nothing of the submitter's environment is, as it is root. */
static int exec_login(const struct job_command *command)
{
	const int kept[] = {SHIM_FD_SPEC, SHIM_FD_SLOTS, command->report};
	char slot[16], report[16];
	char *argv[] = {(char *)"uw-login", slot, report, (char *)command->submit, NULL},
	     *env[] = {NULL};

	snprintf(slot, sizeof(slot), "%" PRIu32, command->slot);
	snprintf(report, sizeof(report), "%d", command->report);
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (fcntl(kept[i], F_SETFD, 0))
			return -errno;
	execve(command->login, argv, env);
	return -errno;
}

void command_give_up(const struct job_command *command, uint32_t failed, int rc)
{
	const struct command_report report = {.error = -rc, .failed = failed};

	_exit(write(command->report, &report, sizeof(report)) < 0 ? EXIT_FAILURE : EXIT_NOT_RUN);
}

void command_exec(const struct job_command *command)
{
	uint32_t failed = JOB_START_ANYTHING;
	int rc = prepare(command);

	if (!rc && command->login && !geteuid()) {
		failed = JOB_START_ACCOUNT;
		rc = exec_login(command);
	} else if (!rc) {
		rc = command_finish(command, &failed);
	}
	command_give_up(command, failed, rc);
}
