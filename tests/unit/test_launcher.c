// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uw-launcher by itself and under a queue. A queue has the real program, which is killed between
 * starts and amid them, or one that the test plays over a socket, which dies or hangs at an instant
 * of its choice. Each job runs exactly once all the same.
 */
#include <dirent.h>
#include <pthread.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/jobs_fixture.h"
#include "user/base/cleanup.h"
#include "user/launcher/packet.h"

#define JOBS_MANY   40U
#define PLAYED_MS   50 /* how long uwd waits for one that is played */
#define FILES_OF_IT 16

struct launcher_fixture {
	struct jobs_fixture jobs;
	struct launcher launcher;
	char path[108], program[PATH_MAX];
	int listener;
};

static int setup(void **state)
{
	static struct launcher_fixture f;
	struct jobs_fixture *jobs = &f.jobs;

	memset(&f, 0, sizeof(f));
	jobs_fixture_init(jobs);
	snprintf(f.path, sizeof(f.path), "%s/launcher", jobs->pool.path);
	snprintf(f.program, sizeof(f.program), "%.*s/uw-launcher",
		 (int)(strrchr(jobs->shim, '/') - jobs->shim), jobs->shim);
	f.launcher = (struct launcher){
		.path = f.path, .program = f.program, .answer_ms = LAUNCHER_ANSWER_MS};
	f.listener = -1;
	jobs->launcher = &f.launcher;
	*state = &f;
	return jobs_fixture_begin(jobs);
}

static int teardown(void **state)
{
	struct launcher_fixture *f = *state;

	jobs_fixture_done(&f->jobs);
	launcher_close(&f->launcher);
	if (f->listener >= 0)
		close(f->listener);
	return 0;
}

/* So many have ended; what holds starts back after one that came to nothing is over at once. */
static void await_ended(struct jobs_fixture *f, uint32_t count)
{
	JOBS_UNTIL(f, (f->jobs->held_back_until_us = 0, f->ended == count));
}

static uint32_t open_files(void)
{
	AUTO_CLOSEDIR DIR *dir = opendir("/proc/self/fd");
	uint32_t count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	return count;
}

/* Who serves the connection, which the one that uwd started has made; 0: none does yet. */
static pid_t server_of(const struct launcher_fixture *f)
{
	pid_t maker = __atomic_load_n(&f->launcher.child, __ATOMIC_RELAXED);
	char path[64], text[32] = "";
	AUTO_CLOSE int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", maker, maker);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 ? 0 : (pid_t)atoi(text);
}

/* ---- a queue with the real one ---- */

/* Each of jobs 1 to count has written its number once. */
static void expect_each_once(const struct jobs_fixture *f, uint32_t count)
{
	AUTO_FCLOSE FILE *ran = fopen(f->ran, "re");
	uint32_t times[JOBS_MANY + 1] = {0}, id;

	assert_non_null(ran);
	while (fscanf(ran, "%u", &id) == 1) {
		assert_in_range(id, 1, count);
		times[id]++;
	}
	for (uint32_t i = 1; i <= count; i++)
		assert_int_equal(times[i], 1);
}

static void submit_writers(struct jobs_fixture *f, uint32_t count, const char *then)
{
	struct jobs_range range = {0, count - 1};
	char buf[384], text[256];
	struct jobs_item item;

	snprintf(text, sizeof(text), "echo $UW_JOB_ID >>%s; %s", f->ran, then);
	item = sh_item(text, buf, sizeof(buf));
	item.spec.memory_bytes = 1 << 20;
	item.range = &range;
	item.range_count = count > 1;
	submit(f, &item, 1);
}

static void test_jobs_of_a_launcher_run_and_say_how_they_ended(void **state)
{
	struct launcher_fixture *f = *state;

	submit_writers(&f->jobs, 3, "exit 7");
	await_ended(&f->jobs, 3);
	expect_each_once(&f->jobs, 3);
	assert_int_equal(f->jobs.result.status, 7);
	assert_true(server_of(f) > 0);
}

static void test_a_launcher_that_was_killed_is_another_one_at_the_next_start(void **state)
{
	struct launcher_fixture *f = *state;
	pid_t maker, before;

	submit_writers(&f->jobs, 1, AT_GATE);
	JOBS_UNTIL(&f->jobs, state_of(&f->jobs, 1) == JOB_RUNNING);
	maker = f->launcher.child;
	before = server_of(f);
	assert_int_equal(kill(before, SIGKILL), 0);
	submit_writers(&f->jobs, 1, "exit 3");
	await_ended(&f->jobs, 1);
	assert_int_equal(f->jobs.result.status, 3);
	assert_int_equal(f->launcher.child, maker);
	assert_true(server_of(f) > 0 && server_of(f) != before);
	assert_int_equal(state_of(&f->jobs, 1), JOB_RUNNING);
	open_gate(&f->jobs, 1);
	await_ended(&f->jobs, 2);
	expect_each_once(&f->jobs, 2);
	assert_int_equal(f->jobs.jobs->stats.adopted, 0); /* it was followed all the time */
}

/* In each turn of the loop, wherever the recorder's thread and the launcher are then. */
static void test_kills_of_the_launcher_lose_no_job_and_run_none_twice(void **state)
{
	struct launcher_fixture *f = *state;
	uint64_t hangs_us = clock_now_us() + HANG_GUARD_US;
	uint32_t killed = 0;
	pid_t child;

	submit_writers(&f->jobs, JOBS_MANY, "true");
	while (f->jobs.ended < JOBS_MANY) {
		assert_true(clock_now_us() < hangs_us);
		child = server_of(f);
		if (child > 0 && killed < JOBS_MANY)
			killed += !kill(child, SIGKILL);
		f->jobs.jobs->held_back_until_us = 0;
		jobs_fixture_turn(&f->jobs);
	}
	assert_true(killed > 0);
	expect_each_once(&f->jobs, JOBS_MANY);
}

static void test_with_all_launchers_killed_another_is_started(void **state)
{
	struct launcher_fixture *f = *state;
	pid_t maker;

	submit_writers(&f->jobs, 1, "true");
	await_ended(&f->jobs, 1);
	maker = f->launcher.child;
	assert_int_equal(kill(server_of(f), SIGKILL), 0);
	assert_int_equal(kill(maker, SIGKILL), 0);
	submit_writers(&f->jobs, 1, "exit 3");
	await_ended(&f->jobs, 2);
	assert_int_equal(f->jobs.result.status, 3);
	assert_true(f->launcher.child != maker);
	expect_each_once(&f->jobs, 2);
}

static void test_without_a_launcher_a_start_fails_and_is_tried_again(void **state)
{
	struct launcher_fixture *f = *state;
	char there[sizeof(f->program)];
	struct uw_err err = {0};
	struct shim_request start = {.fd = {0, 0, 0, 0, 0, 0, -1}};

	strcpy(there, f->program);
	strcpy(f->program, "/nowhere/uw-launcher");
	assert_int_equal(launcher_make_shim(&f->launcher, &start, &err), -ENOENT);
	assert_string_equal(err.text, "/nowhere/uw-launcher: No such file or directory; is uwctl "
				      "installed in full?");
	submit_writers(&f->jobs, 1, "true");
	jobs_fixture_go_on(&f->jobs);
	assert_int_equal(state_of(&f->jobs, 1), JOB_QUEUED);
	strcpy(f->program, there);
	await_ended(&f->jobs, 1);
	expect_each_once(&f->jobs, 1);
}

/* What it started would be locked up as it is itself. */
static void test_who_may_not_gain_rights_starts_none_and_names_the_unit(void **state)
{
	struct launcher_fixture *f = *state;
	struct shim_request start = {.fd = {0, 0, 0, 0, 0, 0, -1}};
	struct uw_err err = {0};
	pid_t pid = fork();
	int status;

	if (!pid) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		_exit(launcher_make_shim(&f->launcher, &start, &err) == -ENOENT &&
		      strstr(err.text, "is uw-launcher.socket active?") && !f->launcher.child);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 1);
}

/* uw-shim refuses what it is given and ends, with the copies of files that it was born with. */
static int start_one(struct launcher_fixture *f, struct uw_err *err)
{
	struct shim_request start = {.slot = 17, .fd = {[LAUNCHER_GROUP] = -1}};
	AUTO_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC), pidfd = -1;

	for (int i = 0; i <= LAUNCHER_LOG; i++)
		start.fd[i] = null;
	pidfd = launcher_make_shim(&f->launcher, &start, err);
	if (pidfd >= 0)
		await_readable(pidfd);
	return pidfd < 0 ? pidfd : 0;
}

static bool may_gain_rights(pid_t pid)
{
	char path[64], text[4096] = "";
	AUTO_CLOSE int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return read(fd, text, sizeof(text) - 1) > 0 && strstr(text, "\nNoNewPrivs:\t0\n");
}

/* Until its connection is closed, and whoever it is of sees that. */
static void end(pid_t pid)
{
	int pidfd = pidfd_open(pid, 0);

	kill(pid, SIGKILL);
	await_readable(pidfd);
	close(pidfd);
}

/* As uwd without systemd. */
static int go_on_locked_up(struct launcher_fixture *f)
{
	struct uw_err err = {0};
	pid_t before;

	if (launcher_begin(&f->launcher, &err) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    start_one(f, &err))
		return 1;
	before = server_of(f);
	end(before);
	if (start_one(f, &err) || server_of(f) == before || !may_gain_rights(server_of(f)))
		return 2;
	end(server_of(f));
	end(f->launcher.child);
	return start_one(f, &err) == -EPIPE && strstr(err.text, "restart uwd") ? 0 : 3;
}

static void test_launchers_of_one_begun_before_are_not_locked_up(void **state)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(go_on_locked_up(*state));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- one that the test plays ---- */

static void listen_at(struct launcher_fixture *f)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", f->path);
	f->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(f->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(f->listener, 4), 0);
	f->launcher.answer_ms = PLAYED_MS;
}

/* Takes the first request, which comes while the loop is turned, and no other. */
static int take_request(struct launcher_fixture *f, struct shim_request *start)
{
	struct pollfd waiting = {.fd = f->listener, .events = POLLIN};
	int fd;

	JOBS_UNTIL(&f->jobs, poll(&waiting, 1, 0) == 1);
	fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(packet_receive_request(fd, start), 1);
	close(f->listener);
	f->listener = -1;
	unlink(f->path); /* from now on it is the program */
	return fd;
}

static void test_one_that_died_before_it_forked_costs_nothing(void **state)
{
	struct launcher_fixture *f = *state;
	struct shim_request start;
	int fd;

	listen_at(f);
	submit_writers(&f->jobs, 1, "true");
	fd = take_request(f, &start);
	packet_close_files(&start);
	close(fd);
	await_ended(&f->jobs, 1);
	expect_each_once(&f->jobs, 1);
}

static void test_what_one_forked_before_it_died_is_adopted(void **state)
{
	struct launcher_fixture *f = *state;
	struct shim_request start;
	int fd, pidfd;

	listen_at(f);
	submit_writers(&f->jobs, 1, "exit 5");
	fd = take_request(f, &start);
	pidfd = launcher_fork(f->jobs.shim, &start);
	assert_true(pidfd >= 0);
	close(pidfd);
	packet_close_files(&start);
	close(fd);
	await_ended(&f->jobs, 1);
	assert_int_equal(f->jobs.result.status, 5);
	expect_each_once(&f->jobs, 1);
}

static void test_what_one_that_hung_forks_later_is_adopted(void **state)
{
	struct launcher_fixture *f = *state;
	struct shim_request start;
	int fd, pidfd;

	listen_at(f);
	submit_writers(&f->jobs, 1, AT_GATE "; exit 5");
	fd = take_request(f, &start);
	JOBS_UNTIL(&f->jobs, f->jobs.jobs->unresolved == 1);
	jobs_fixture_go_on(&f->jobs);
	assert_int_equal(state_of(&f->jobs, 1), JOB_STARTING); /* in doubt, and not begun anew */
	pidfd = launcher_fork(f->jobs.shim, &start);
	assert_true(pidfd >= 0);
	packet_close_files(&start);
	assert_int_equal(packet_send_result(fd, pidfd), -EPIPE); /* given up */
	close(pidfd);
	close(fd);
	JOBS_UNTIL(&f->jobs, state_of(&f->jobs, 1) == JOB_RUNNING);
	assert_int_equal(f->jobs.jobs->stats.adopted, 1);
	open_gate(&f->jobs, 1);
	await_ended(&f->jobs, 1);
	assert_int_equal(f->jobs.result.status, 5);
	expect_each_once(&f->jobs, 1);
}

static void test_a_job_in_doubt_that_is_cancelled_ends(void **state)
{
	struct launcher_fixture *f = *state;
	struct shim_request start;
	int fd, pidfd;

	listen_at(f);
	submit_writers(&f->jobs, 1, AT_GATE);
	fd = take_request(f, &start);
	JOBS_UNTIL(&f->jobs, f->jobs.jobs->unresolved == 1);
	assert_int_equal(jobs_cancel(f->jobs.jobs, 1, 0, 0, NULL, NULL), 0);
	pidfd = launcher_fork(f->jobs.shim, &start);
	close(pidfd);
	packet_close_files(&start);
	close(fd);
	await_ended(&f->jobs, 1);
	assert_int_equal(f->jobs.result.state, JOB_CANCELLED);
}

/* ---- the wire ---- */

static void send_raw(int fd, const void *bytes, size_t size, uint32_t files)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(FILES_OF_IT * sizeof(int))];
	} control = {.head = {CMSG_LEN(files * sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec from = {(void *)bytes, size};
	struct msghdr header = {.msg_iov = &from, .msg_iovlen = 1};
	int *at = (int *)CMSG_DATA(&control.head);

	for (uint32_t i = 0; i < files; i++)
		at[i] = STDIN_FILENO;
	if (files) {
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(files * sizeof(int));
	}
	assert_int_equal(sendmsg(fd, &header, 0), (ssize_t)size);
}

static void test_a_request_that_does_not_fit_ends_the_connection(void **state)
{
	static const struct {
		size_t size;
		uint32_t files;
		bool magic, terminated;
	} cases[] = {
		{1, 0, true, true},     {144, 0, true, true},  {144, 5, true, true},
		{143, 7, true, true},   {145, 7, true, true},  {144, 8, true, true},
		{144, 16, true, true},  {144, 7, false, true}, {144, 7, true, false},
		{4096, 16, true, true},
	};
	uint32_t before = open_files();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char bytes[4096] = "uwl1";
		struct uw_err err = {0};
		int ends[2];

		if (!cases[i].magic)
			bytes[0] = 'x';
		if (!cases[i].terminated)
			memset(bytes + 16, 'x', SUBMIT_LEN);
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
		send_raw(ends[0], bytes, cases[i].size, cases[i].files);
		assert_int_equal(launcher_serve(ends[1], "/bin/false", &err), -EBADMSG);
		close(ends[0]);
		close(ends[1]);
		assert_int_equal(open_files(), before);
	}
}

static void test_an_answer_that_does_not_fit_is_none(void **state)
{
	static const struct {
		size_t size;
		uint32_t files;
		int32_t result;
	} cases[] = {{8, 0, 0}, {8, 1, -1}, {8, 2, 0}, {8, 1, 1}, {7, 1, 0}, {9, 1, 0}};
	uint32_t before = open_files();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char bytes[16] = "uwr1";
		int ends[2], result = -77;

		memcpy(bytes + 4, &cases[i].result, sizeof(cases[i].result));
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
		send_raw(ends[0], bytes, cases[i].size, cases[i].files);
		assert_int_equal(packet_receive_result(ends[1], &result), -EBADMSG);
		assert_int_equal(result, -77);
		close(ends[0]);
		close(ends[1]);
		assert_int_equal(open_files(), before);
	}
}

/* ---- the program ---- */

/* Its exit status with such a fd 3, of a user's making. */
static int run_it(const struct launcher_fixture *f, uint32_t uid)
{
	pid_t pid = fork();
	int status, ends[2];

	assert_true(pid >= 0);
	if (!pid) {
		if (!freopen("/dev/null", "w", stderr))
			_exit(97);
		if (seteuid(uid) || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) || seteuid(0) ||
		    dup2(ends[0], LAUNCHER_FD) < 0)
			_exit(99);
		close_range(LAUNCHER_FD + 1, ~0U, 0); /* the other end: nothing more will come */
		execl(f->program, "uw-launcher", NULL);
		_exit(98);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_the_program_serves_nobody_but_root(void **state)
{
	if (geteuid())
		skip();
	assert_int_equal(run_it(*state, 0), 0);
	assert_int_equal(run_it(*state, 65534), 2);
}

/* uw-shim refuses what it is given here before anybody could look at its pid. */
static void test_shims_that_end_at_once_are_followed_all_the_same(void **state)
{
	struct launcher_fixture *f = *state;
	struct shim_request start = {.slot = 17, .fd = {[LAUNCHER_GROUP] = -1}};
	AUTO_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i <= LAUNCHER_LOG; i++)
		start.fd[i] = null;
	for (uint32_t i = 0; i < JOBS_MANY; i++) {
		struct uw_err err = {0};
		AUTO_CLOSE int pidfd = launcher_make_shim(&f->launcher, &start, &err);

		if (pidfd < 0)
			fail_msg("%s", err.text);
		await_readable(pidfd);
	}
}

/* By what a shim of it finds: no file of the launcher, no variable, the root, its own session. */
static void test_a_shim_has_what_it_is_to_have_and_nothing_else(void **state)
{
	struct launcher_fixture *f = *state;
	char script[192], out[192], said[256] = "";
	struct shim_request start = {.slot = 17,
				     .log_limit_bytes = 99,
				     .submit = "root, @adm",
				     .fd = {[LAUNCHER_GROUP] = -1}};
	AUTO_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC), file = -1, pidfd = -1;
	AUTO_FCLOSE FILE *text = NULL;

	snprintf(script, sizeof(script), "%s/script", f->jobs.pool.path);
	snprintf(out, sizeof(out), "%s/said", f->jobs.pool.path);
	text = fopen(script, "we");
	assert_non_null(text);
	fputs("#!/bin/sh\n"
	      "echo \"$1 $2 $3\" >&6; pwd >&6; echo \"env=$HOME$UW_X\" >&6\n"
	      "for i in 3 4 5 7 8 9 10 11 12 63 64 65; do [ -e /proc/self/fd/$i ] && echo $i; done "
	      "| xargs >&6\n"
	      "cut -d' ' -f6 /proc/$$/stat | sed \"s/^$$\\$/own session/\" >&6\n",
	      text);
	fchmod(fileno(text), 0755);
	fclose(TAKE(text));
	file = open(out, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	for (int i = 0; i <= LAUNCHER_LOG; i++)
		start.fd[i] = null;
	start.fd[LAUNCHER_OUT] = file;
	setenv("UW_X", "inherited", 1);
	pidfd = launcher_fork(script, &start);
	assert_true(pidfd >= 0);
	await_readable(pidfd);
	waitid(P_PIDFD, (id_t)pidfd, &(siginfo_t){0}, WEXITED);
	assert_true(pread(file, said, sizeof(said) - 1, 0) > 0);
	assert_string_equal(said, "17 99 root, @adm\n/\nenv=\n3 4 5 7\nown session\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_jobs_of_a_launcher_run_and_say_how_they_ended),
		TEST(test_a_launcher_that_was_killed_is_another_one_at_the_next_start),
		TEST(test_kills_of_the_launcher_lose_no_job_and_run_none_twice),
		TEST(test_with_all_launchers_killed_another_is_started),
		TEST(test_without_a_launcher_a_start_fails_and_is_tried_again),
		TEST(test_who_may_not_gain_rights_starts_none_and_names_the_unit),
		TEST(test_launchers_of_one_begun_before_are_not_locked_up),
		TEST(test_one_that_died_before_it_forked_costs_nothing),
		TEST(test_what_one_forked_before_it_died_is_adopted),
		TEST(test_what_one_that_hung_forks_later_is_adopted),
		TEST(test_a_job_in_doubt_that_is_cancelled_ends),
		TEST(test_a_request_that_does_not_fit_ends_the_connection),
		TEST(test_an_answer_that_does_not_fit_is_none),
		TEST(test_the_program_serves_nobody_but_root),
		TEST(test_shims_that_end_at_once_are_followed_all_the_same),
		TEST(test_a_shim_has_what_it_is_to_have_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
