// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a program does to have a child do a task, and what a case in the guest has it do:
 *
 *	uw_task COMPONENT MIB [WORD[=NUMBER]]...
 *
 * Words: use=MIB (that the child touches) deaf (it ignores SIGTERM) leaves (it leaves a process
 * behind) key=NAME input=MIB (the size of what it reads) priority=N ends (once it has touched all).
 * The child says where it is as the first thing that it does; the parent, when the memory was
 * there. Then each line of the input is one of: status, cancel MS, end; at its end the program
 * exits, and the child stays.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "user/lib/uw.h"

#define MIB (1ULL << 20)

struct task_wish {
	struct uw_task task;
	uint64_t use_mib;
	int deaf, leaves, ends;
};

static const char *const states[] = {"queued", "ready",     "running", "frozen",
				     "over",   "cancelled", "lost"};

static uint64_t wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int read_word(struct task_wish *wish, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : strlen(word);
	uint64_t number = equals ? strtoull(equals + 1, NULL, 10) : 1;

	if (!strncmp(word, "use", length))
		wish->use_mib = number;
	else if (!strncmp(word, "priority", length))
		wish->task.priority = (uint8_t)number;
	else if (!strncmp(word, "key", length) && equals)
		wish->task.key = equals + 1;
	else if (!strncmp(word, "input", length))
		wish->task.input_bytes = number * MIB;
	else if (!strncmp(word, "deaf", length))
		wish->deaf = 1;
	else if (!strncmp(word, "leaves", length))
		wish->leaves = 1;
	else if (!strncmp(word, "ends", length))
		wish->ends = 1;
	else
		return -EINVAL;
	return 0;
}

/* ---- the child ---- */

static void read_line(const char *path, char *buf, size_t size)
{
	FILE *file = fopen(path, "re");

	if (!file || !fgets(buf, (int)size, file))
		snprintf(buf, size, "?");
	if (file)
		fclose(file);
	buf[strcspn(buf, "\n")] = '\0';
}

static void say_where(void)
{
	char cgroup[512], path[600], high[64];

	read_line("/proc/self/cgroup", cgroup, sizeof(cgroup));
	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.high",
		 strchr(cgroup, '/') ? strchr(cgroup, '/') : "");
	read_line(path, high, sizeof(high));
	printf("child pid=%d in=%s high=%s\n", getpid(), strrchr(cgroup, '/'), high);
	fflush(stdout);
}

static void work(const struct task_wish *wish)
{
	volatile char *at = malloc(wish->use_mib * MIB); /* else the stores are left out */

	for (uint64_t i = 0; at && i < wish->use_mib * MIB; i += 4096)
		at[i] = 1;
	printf("touched %d\n", at != NULL);
	fflush(stdout);
}

static _Noreturn void child(const struct task_wish *wish, const int gate[2])
{
	char byte;

	close(gate[1]);
	close(STDIN_FILENO);
	if (wish->deaf)
		signal(SIGTERM, SIG_IGN);
	if (read(gate[0], &byte, 1) != 1)
		_exit(1); /* its parent has ended before it began */
	say_where();
	if (wish->leaves && !fork())
		pause();
	work(wish);
	if (!wish->ends)
		pause();
	_exit(0);
}

/* ---- the parent ---- */

static int begin(struct uw *uw, uint64_t id, const struct task_wish *wish, pid_t *ret_pid)
{
	int gate[2], pidfd, rc;

	if (pipe(gate))
		return -errno;
	*ret_pid = fork();
	if (!*ret_pid)
		child(wish, gate);
	close(gate[0]);
	pidfd = (int)syscall(SYS_pidfd_open, *ret_pid, 0);
	rc = uw_task_begin(uw, id, pidfd);
	close(pidfd);
	if (!rc && write(gate[1], "", 1) != 1)
		rc = -errno;
	close(gate[1]);
	return rc;
}

static void say_status(struct uw *uw, uint64_t id)
{
	struct uw_task_status status = {.size = sizeof(status)};
	int rc = uw_task_status(uw, id, 0, &status);

	if (rc)
		printf("status rc=%d\n", rc);
	else
		printf("status %s ending=%u bytes=%llu used=%llu peak=%llu throttled=%d\n",
		       states[status.state], status.flags & UW_TASK_ENDING,
		       (unsigned long long)(status.bytes / MIB),
		       (unsigned long long)(status.used / MIB),
		       (unsigned long long)(status.peak / MIB), status.throttled > 0);
	fflush(stdout);
}

static void obey(struct uw *uw, uint64_t id)
{
	char line[64];

	while (fgets(line, sizeof(line), stdin)) {
		if (!strncmp(line, "status", 6))
			say_status(uw, id);
		else if (!strncmp(line, "cancel", 6))
			printf("cancelled %d\n",
			       uw_task_cancel(uw, id, strtoull(line + 6, NULL, 10) * 1000));
		else if (!strncmp(line, "end", 3))
			printf("ended %d\n", uw_task_end(uw, id));
		fflush(stdout);
	}
}

static int run(struct uw *uw, const struct task_wish *wish)
{
	struct uw_task_status status = {.size = sizeof(status)};
	struct uw_denial denial = {.size = sizeof(denial)};
	uint64_t id = 0;
	uint64_t ready_ms;
	pid_t pid;
	int rc = uw_task_submit(uw, &wish->task, &id, &denial);

	if (!rc)
		rc = uw_task_status(uw, id, 0, &status);
	if (!rc && status.state == UW_TASK_QUEUED) {
		printf("queued %s\n", status.reason);
		fflush(stdout);
		rc = uw_task_status(uw, id, 600000000, &status);
	}
	ready_ms = wall_ms();
	if (!rc && status.state == UW_TASK_READY)
		rc = begin(uw, id, wish, &pid);
	printf("%s %s bytes=%llu at=%llu\n", rc ? "not-begun" : "begun",
	       rc < 0 ? strerrorname_np(-rc)
	       : rc   ? denial.reason
		      : "0",
	       (unsigned long long)(status.bytes / MIB), (unsigned long long)ready_ms);
	fflush(stdout);
	if (rc)
		return 1;
	signal(SIGCHLD, SIG_IGN);
	obey(uw, id);
	return 0;
}

int main(int argc, char **argv)
{
	struct task_wish wish = {.task = {.size = sizeof(wish.task), .name = "uw_task"}};
	struct uw *uw = NULL;
	int rc = uw_open(NULL, &uw);

	for (int i = 3; i < argc && !rc; i++)
		rc = read_word(&wish, argv[i]);
	if (rc || argc < 3) {
		printf("error %d\n", rc);
		return 2;
	}
	wish.task.component = argv[1];
	wish.task.bytes = strtoull(argv[2], NULL, 10) * MIB;
	rc = run(uw, &wish);
	uw_close(uw);
	return rc;
}
