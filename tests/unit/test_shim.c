// SPDX-License-Identifier: GPL-2.0-or-later
/* Shims without a cgroup: a slots file, a command, and what the slot says in the end. */
#include <errno.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/unit/hang_guard.h"
#include "tests/unit/tmp_pool.h"
#include "user/base/cleanup.h"
#include "user/base/log.h"
#include "user/model/job.h"
#include "user/shim/internal.h"
#include "user/shim/shim.h"
#include "user/shim/slots.h"

#define SLOT      7U
#define JOB       42U
#define LOG_LIMIT 65536
#define NOBODY    65534U

#define LOGIN "build/uw-login"

static const char *login, *submit = "*"; /* of the next launch */

struct fixture {
	struct tmp_pool pool;
	int slots;
	char out[128], err[128];
};

static int setup(void **state)
{
	static struct fixture f;
	struct uw_err err = {0};

	tmp_pool_init(&f.pool);
	assert_int_equal(slots_open(f.pool.path, &f.slots, &err), 0);
	snprintf(f.out, sizeof(f.out), "%s/out", f.pool.path);
	snprintf(f.err, sizeof(f.err), "%s/err", f.pool.path);
	log_set_level(LOG_LEVEL_ERR);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->slots);
	tmp_pool_done(&f->pool);
	return 0;
}

static const struct job_spec plain = {
	.component = "ml_models",
	.memory_bytes = 1 << 20,
	.priority = 5,
	.memory_priority = 5,
	.index = JOB_NO_INDEX,
	.umask = 022,
	.cwd = "/",
};

/* A spec whose command is sh -c text. */
static void sh(struct job_spec *spec, const char *text, char *buf, size_t size)
{
	*spec = plain;
	spec->uid = getuid();
	spec->gid = getgid();
	spec->argv.data = buf;
	spec->argv.size = (uint32_t)snprintf(buf, size, "sh%c-c%c%s", 0, 0, text) + 1;
	spec->env = (struct job_block){"PATH=/usr/bin:/bin\0UW_JOB_ID=1\0X=y", 35};
}

static void take_fd(int from, int to)
{
	if (dup2(from, to) < 0)
		_exit(99);
}

/* What uwd does: lock on a description of its own, TAKEN, fork. */
static pid_t launch(const struct fixture *f, const struct job_spec *spec)
{
	struct shim_options options = {
		.slot = SLOT, .log_limit_bytes = LOG_LIMIT, .login = login, .submit = submit};
	struct slot_record slot = {.job = JOB, .attempt = 1, .phase = SLOT_TAKEN, .status = -1};
	int own = slots_reopen(f->pool.path), pack = memfd_create("job", MFD_CLOEXEC);
	unsigned long size = job_pack(spec, true, NULL, 0);
	char *bytes = malloc(size);
	int fds[5];
	pid_t pid;

	assert_true(own >= 0 && pack >= 0 && bytes);
	job_pack(spec, true, bytes, size);
	assert_int_equal(write(pack, bytes, size), (ssize_t)size);
	free(bytes);
	assert_int_equal(slot_lock(own, SLOT), 0);
	assert_int_equal(slot_write(f->slots, SLOT, &slot, false), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct uw_err err = {0};

		fds[0] = fcntl(pack, F_DUPFD, 20);
		fds[1] = fcntl(own, F_DUPFD, 20);
		fds[2] = open("/dev/null", O_RDONLY);
		fds[2] = fcntl(fds[2], F_DUPFD, 20);
		fds[3] = fcntl(open(f->out, O_WRONLY | O_CREAT | O_APPEND, 0600), F_DUPFD, 20);
		fds[4] = fcntl(open(f->err, O_WRONLY | O_CREAT | O_APPEND, 0600), F_DUPFD, 20);
		close(f->slots);
		for (int i = 0; i < 5; i++)
			take_fd(fds[i], SHIM_FD_SPEC + i);
		closefrom(SHIM_FD__END);
		_exit(shim_run(&options, &err) ? 1 : 0);
	}
	close(own);
	close(pack);
	return pid;
}

static void wait_for(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static struct slot_record read_slot(const struct fixture *f)
{
	struct slot_record slot;

	assert_int_equal(slot_read(f->slots, SLOT, &slot), 0);
	assert_int_equal(slot.job, JOB);
	return slot;
}

static struct slot_record run_sh(const struct fixture *f, const char *text)
{
	struct job_spec spec;
	char argv[512];

	sh(&spec, text, argv, sizeof(argv));
	wait_for(launch(f, &spec));
	assert_false(slot_is_locked(f->slots, SLOT));
	return read_slot(f);
}

static bool has_child(const struct fixture *f)
{
	struct slot_record slot;

	return !slot_read(f->slots, SLOT, &slot) && slot.phase == SLOT_RUN && slot.child_pid;
}

static bool has_output(const struct fixture *f)
{
	struct stat file;

	return !stat(f->out, &file) && file.st_size > 0;
}

/* The command itself runs then, and not only what becomes it. */
static void wait_output(const struct fixture *f)
{
	UNTIL(has_output(f) && has_child(f));
}

static void assert_file(const char *path, const char *text)
{
	char buf[LOG_LIMIT + 64];

	assert_true(text_read_at(AT_FDCWD, path, buf, sizeof(buf)) >= 0);
	assert_string_equal(buf, text);
}

static void test_exit_status_is_kept(void **state)
{
	struct slot_record slot = run_sh(*state, "exit 7");

	assert_int_equal(slot.phase, SLOT_ENDED);
	assert_int_equal(slot.status, 7);
	assert_int_equal(slot.signal, 0);
	assert_true(slot.end_us >= slot.start_us && slot.start_us);
}

static void test_signal_is_kept(void **state)
{
	struct slot_record slot = run_sh(*state, "kill -SEGV $$");

	assert_int_equal(slot.phase, SLOT_ENDED);
	assert_int_equal(slot.status, -1);
	assert_int_equal(slot.signal, SIGSEGV);
}

static void test_output_goes_to_its_files(void **state)
{
	const struct fixture *f = *state;
	struct slot_record slot = run_sh(f, "echo out; echo err >&2");

	assert_int_equal(slot.status, 0);
	assert_file(f->out, "out\n");
	assert_file(f->err, "err\n");
	assert_int_equal(slot.out_bytes, 4);
}

/* Of 400,000 bytes in lines of 8: the first half of the limit, and the end. */
static void test_output_beyond_its_limit_loses_its_middle(void **state)
{
	const struct fixture *f = *state;
	struct slot_record slot = run_sh(f, "seq -f %07.0f 50000");
	AUTO_CLOSE int fd = open(f->out, O_RDONLY | O_CLOEXEC);
	char first[9] = "", last[9] = "";
	struct stat file;
	off_t hole, data;

	assert_int_equal(slot.status, 0);
	assert_int_equal(slot.out_bytes + slot.out_dropped, 400000);
	assert_true(slot.out_bytes <= LOG_LIMIT);
	assert_true(slot.out_bytes >= LOG_LIMIT / 4 * 3);
	assert_int_equal(fstat(fd, &file), 0);
	assert_int_equal(file.st_size, 400000);
	assert_true(file.st_blocks * 512 <= LOG_LIMIT + 2 * 4096);
	assert_int_equal(pread(fd, first, 8, 0), 8);
	assert_string_equal(first, "0000001\n");
	assert_int_equal(pread(fd, last, 8, 400000 - 8), 8);
	assert_string_equal(last, "0050000\n");
	hole = lseek(fd, 0, SEEK_HOLE);
	data = lseek(fd, hole, SEEK_DATA);
	assert_true(hole >= LOG_LIMIT / 2);
	assert_true(400000 - data >= LOG_LIMIT / 8 * 3);
	assert_int_equal((uint64_t)(data - hole), slot.out_dropped);
}

/* What an attempt before it wrote costs the next one nothing. */
static void test_output_of_each_attempt_has_its_own_limit(void **state)
{
	const struct fixture *f = *state;
	struct slot_record slot = run_sh(f, "head -c 16000 /dev/zero");

	assert_int_equal(slot.out_dropped, 0);
	slot = run_sh(f, "head -c 30000 /dev/zero; echo end");
	assert_int_equal(slot.out_dropped, 0);
	assert_int_equal(slot.out_bytes, 30004);
}

/* Of five attempts there is as much as of one: how the first began and how the last ended. */
static void test_output_of_all_attempts_is_cut_to_the_limit(void **state)
{
	const struct fixture *f = *state;
	char first[9] = "", last[9] = "", text[64];
	struct stat file;
	struct slot_record slot;

	for (int attempt = 1; attempt <= 5; attempt++) {
		AUTO_CLOSE int fd = -1;

		snprintf(text, sizeof(text), "seq -f %%07.0f %d 1 %d", attempt * 10000,
			 attempt * 10000 + 7499);
		slot = run_sh(f, text);
		fd = open(f->out, O_RDONLY | O_CLOEXEC);
		assert_int_equal(fstat(fd, &file), 0);
		assert_int_equal(file.st_size, attempt * 60000);
		assert_true(file.st_blocks * 512 <= LOG_LIMIT + 2 * 4096);
		assert_true(file.st_blocks * 512 >= (attempt > 1 ? LOG_LIMIT / 8 * 7 : 60000));
		assert_int_equal(pread(fd, first, 8, 0), 8);
		assert_string_equal(first, "0010000\n");
		assert_int_equal(pread(fd, last, 8, file.st_size - 8), 8);
		snprintf(text, sizeof(text), "00%05d\n", attempt * 10000 + 7499);
		assert_string_equal(last, text);
		assert_int_equal(slot.out_dropped != 0, attempt > 1);
	}
}

static void test_environment_directory_and_umask_are_the_submitters(void **state)
{
	const struct fixture *f = *state;

	run_sh(f, "echo $X $UW_JOB_ID $UW_JOB_ATTEMPT $UW_COMPONENT; pwd; umask; env | grep -c "
		  "UW_JOB_ID");
	assert_file(f->out, "y 42 1 ml_models\n/\n0022\n1\n");
}

static void test_nothing_of_the_shim_reaches_the_command(void **state)
{
	const struct fixture *f = *state;

	run_sh(f, "ls /proc/self/fd | wc -l; cat /proc/self/oom_score_adj");
	assert_file(f->out, "4\n0\n"); /* 0, 1, 2, and the folder that ls reads */
}

static long session_keyring(void)
{
	return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
}

/* Who shares one may read and revoke what the other has put there. */
static void test_the_command_has_a_session_keyring_of_its_own(void **state)
{
	const struct fixture *f = *state;
	long ours = session_keyring();
	char text[128];
	FILE *out;

	if (getuid() || ours < 0)
		skip(); /* become() is root's, and keys are an option of the kernel */
	snprintf(text, sizeof(text),
		 "python3 -c 'import ctypes; print(ctypes.CDLL(None).syscall(%d, %d, %d, 0))'",
		 SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING);
	run_sh(f, text);
	out = fopen(f->out, "re");
	assert_non_null(out);
	assert_non_null(fgets(text, sizeof(text), out));
	fclose(out);
	assert_true(strtol(text, NULL, 10) > 0);
	assert_int_not_equal(strtol(text, NULL, 10), ours);
}

static void test_a_command_that_is_not_there_has_not_run(void **state)
{
	const struct fixture *f = *state;
	struct job_spec spec = plain;
	struct slot_record slot;

	spec.uid = getuid();
	spec.gid = getgid();
	spec.argv = (struct job_block){"/nowhere/at/all", 16};
	wait_for(launch(f, &spec));
	slot = read_slot(f);
	assert_int_equal(slot.phase, SLOT_NOT_RUN);
	assert_int_equal(slot.error, ENOENT);
	assert_int_equal(slot.failed, JOB_START_COMMAND);
}

static void test_a_directory_that_is_closed_to_the_submitter_is_not_entered(void **state)
{
	const struct fixture *f = *state;
	struct job_spec spec;
	struct slot_record slot;
	char argv[64];

	if (getuid())
		skip(); /* only root can become somebody else */
	sh(&spec, "true", argv, sizeof(argv));
	spec.uid = NOBODY;
	spec.gid = NOBODY;
	spec.cwd = f->pool.path; /* 0700, root's */
	wait_for(launch(f, &spec));
	slot = read_slot(f);
	assert_int_equal(slot.phase, SLOT_NOT_RUN);
	assert_int_equal(slot.error, EACCES);
	assert_int_equal(slot.failed, JOB_START_DIRECTORY);
}

static void test_the_command_is_the_submitter_and_cannot_come_back(void **state)
{
	const struct fixture *f = *state;
	struct job_spec spec;
	char argv[256];

	if (getuid())
		skip(); /* only root can become somebody else */
	sh(&spec,
	   "id -u; id -g; id -G; grep -E '^Cap(Eff|Prm|Inh|Amb)' /proc/self/status | sort -u "
	   "-k2 | wc -l; ulimit -l",
	   argv, sizeof(argv));
	spec.uid = NOBODY;
	spec.gid = NOBODY;
	spec.group_count = 1;
	spec.group[0] = 1234;
	wait_for(launch(f, &spec));
	assert_int_equal(read_slot(f).status, 0);
	assert_file(f->out, "65534\n65534\n65534 1234\n1\n8192\n");
}

/* From build/, where the test is run; in the groups that it was submitted with it would be 1234. */
static void test_the_command_starts_with_the_groups_that_its_user_has_now(void **state)
{
	const struct fixture *f = *state;
	struct job_spec spec;
	char argv[256];

	if (geteuid() || access(LOGIN, X_OK))
		skip(); /* only root can become somebody else */
	sh(&spec, "id -u; id -g; id -G; ls /proc/self/fd | wc -l; echo $X; umask; pwd", argv,
	   sizeof(argv));
	spec.uid = NOBODY;
	spec.gid = 1234;
	spec.group_count = 1;
	spec.group[0] = 1234;
	login = LOGIN;
	wait_for(launch(f, &spec));
	login = NULL;
	assert_int_equal(read_slot(f).status, 0);
	assert_file(f->out, "65534\n65534\n65534\n4\ny\n0022\n/\n");
}

static void test_who_may_not_submit_any_more_starts_nothing(void **state)
{
	const struct fixture *f = *state;
	struct slot_record slot;
	struct job_spec spec;
	char argv[64];

	if (geteuid() || access(LOGIN, X_OK))
		skip(); /* then nobody's account is asked */
	sh(&spec, "true", argv, sizeof(argv));
	spec.uid = spec.gid = NOBODY;
	login = LOGIN;
	submit = "games";
	wait_for(launch(f, &spec));
	login = NULL;
	submit = "*";
	slot = read_slot(f);
	assert_int_equal(slot.phase, SLOT_NOT_RUN);
	assert_int_equal(slot.error, EPERM);
	assert_int_equal(slot.failed, JOB_START_SUBMIT);
}

static void test_a_login_that_is_not_there_starts_nothing(void **state)
{
	const struct fixture *f = *state;
	struct slot_record slot;
	struct job_spec spec;
	char argv[64];

	if (geteuid())
		skip(); /* then nobody's account is asked */
	sh(&spec, "true", argv, sizeof(argv));
	login = "/nowhere/uw-login";
	wait_for(launch(f, &spec));
	login = NULL;
	slot = read_slot(f);
	assert_int_equal(slot.phase, SLOT_NOT_RUN);
	assert_int_equal(slot.error, ENOENT);
	assert_int_equal(slot.failed, JOB_START_ACCOUNT);
}

/* As scripts do that tell what they write where by name. */
static void test_the_command_may_open_its_outputs_by_name(void **state)
{
	const struct fixture *f = *state;
	struct job_spec spec;
	char argv[128];

	if (geteuid())
		skip();
	sh(&spec, "echo said >/dev/stdout; echo so >>/dev/stderr", argv, sizeof(argv));
	spec.uid = spec.gid = NOBODY;
	wait_for(launch(f, &spec));
	assert_int_equal(read_slot(f).status, 0);
	assert_file(f->out, "said\n");
	assert_file(f->err, "so\n");
}

static void test_what_holds_the_output_open_does_not_hold_the_end_up(void **state)
{
	struct slot_record slot = run_sh(*state, "tail -f /dev/null & exit 3");

	assert_int_equal(slot.status, 3);
	kill(-slot.child_pid, SIGKILL);
}

static void test_sigterm_goes_on_to_the_command(void **state)
{
	const struct fixture *f = *state;
	struct job_spec spec;
	char argv[128];
	pid_t shim;

	sh(&spec, "trap 'exit 9' TERM; echo ready; tail -f /dev/null & wait", argv, sizeof(argv));
	shim = launch(f, &spec);
	wait_output(f);
	kill(shim, SIGTERM);
	wait_for(shim);
	assert_int_equal(read_slot(f).status, 9);
}

static void test_a_slot_is_locked_as_long_as_its_shim_lives(void **state)
{
	const struct fixture *f = *state;
	struct job_spec spec;
	char argv[64];
	pid_t shim;
	int status;

	sh(&spec, "echo; exec tail -f /dev/null", argv, sizeof(argv));
	shim = launch(f, &spec);
	wait_output(f);
	assert_true(slot_is_locked(f->slots, SLOT));
	assert_int_equal(read_slot(f).shim_pid, shim);
	kill(shim, SIGKILL);
	assert_int_equal(waitpid(shim, &status, 0), shim);
	/* The command lives on, but it does not hold the lock: the slot is final. */
	assert_false(slot_is_locked(f->slots, SLOT));
	assert_int_equal(read_slot(f).phase, SLOT_RUN);
	kill(-read_slot(f).child_pid, SIGKILL);
}

static void test_a_slot_that_is_not_taken_starts_nothing(void **state)
{
	const struct fixture *f = *state;
	struct slot_record other = {.job = 1, .attempt = 1, .phase = SLOT_ENDED};
	struct shim_options options = {.slot = SLOT + 1};
	struct uw_err err = {0};
	pid_t pid;
	int status;

	assert_int_equal(slot_write(f->slots, SLOT + 1, &other, false), 0);
	pid = fork();
	if (!pid) {
		take_fd(f->slots, SHIM_FD_SLOTS);
		_exit(shim_run(&options, &err) == -EBADMSG ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Of a module of PAM or of names, which uw-login has called as root. */
static void test_what_is_left_open_does_not_reach_the_command(void **state)
{
	struct slot_record slot = {.job = JOB, .attempt = 1};
	struct job_command command;
	struct job_spec spec;
	char argv[64];
	uint32_t failed;
	int status;
	pid_t pid;

	(void)state;
	sh(&spec, "test ! -e /proc/self/fd/70", argv, sizeof(argv));
	assert_int_equal(command_make(&spec, &slot, &command), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		take_fd(open("/dev/null", O_RDONLY), 70);
		command_finish(&command, &failed);
		_exit(98);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	free(command.argv);
	free(command.env);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_exit_status_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signal_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_output_goes_to_its_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_output_of_each_attempt_has_its_own_limit,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_output_of_all_attempts_is_cut_to_the_limit,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_output_beyond_its_limit_loses_its_middle,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_environment_directory_and_umask_are_the_submitters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_of_the_shim_reaches_the_command, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_what_is_left_open_does_not_reach_the_command,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_command_has_a_session_keyring_of_its_own,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_command_that_is_not_there_has_not_run, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			test_a_directory_that_is_closed_to_the_submitter_is_not_entered, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			test_the_command_is_the_submitter_and_cannot_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_what_holds_the_output_open_does_not_hold_the_end_up, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_the_command_starts_with_the_groups_that_its_user_has_now, setup,
			teardown),
		cmocka_unit_test_setup_teardown(test_who_may_not_submit_any_more_starts_nothing,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_login_that_is_not_there_starts_nothing,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_command_may_open_its_outputs_by_name,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_sigterm_goes_on_to_the_command, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_slot_is_locked_as_long_as_its_shim_lives,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_slot_that_is_not_taken_starts_nothing, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
