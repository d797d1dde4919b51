// SPDX-License-Identifier: GPL-2.0-or-later
/* What a line of plugstack.conf may say, which component a step goes to by it, what uwd is asked
 * and what its answers are to a step, and which step it is not asked for. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/cleanup.h"
#include "user/base/units.h"
#include "user/ipc/json.h"
#include "user/ipc/server.h"
#include "user/slurm/defaults.h"
#include "user/slurm/place.h"
#include "user/slurm/tracked.h"

#define WORDS_MAX 40

static int read_line(int argc, char *const *argv, struct slurm_defaults *defaults,
		     struct uw_err *err)
{
	*err = (struct uw_err){0};
	return slurm_defaults_read(argc, argv, "/run/uwd.sock", defaults, err);
}

static void test_an_empty_line_leaves_steps_alone(void **state)
{
	struct slurm_defaults defaults;
	struct uw_err err;

	(void)state;
	assert_int_equal(read_line(0, NULL, &defaults, &err), 0);
	assert_string_equal(defaults.socket, "/run/uwd.sock");
	assert_string_equal(slurm_component_of(&defaults, NULL, NULL), "");
	assert_string_equal(slurm_component_of(&defaults, NULL, "debug"), "");
	assert_string_equal(slurm_component_of(&defaults, "batch", "debug"), "batch");
}

static void test_what_is_asked_for_goes_before_the_partition_and_that_before_the_default(
	void **state)
{
	static char *const words[] = {"partition=debug:services", "component=batch",
				      "partition=gpu:ml", "socket=/tmp/uwd.sock"};
	static const struct {
		const char *asked, *partition, *component;
	} rows[] = {
		{NULL, NULL, "batch"},       {NULL, "", "batch"},      {NULL, "long", "batch"},
		{NULL, "debug", "services"}, {NULL, "gpu", "ml"},      {NULL, "gp", "batch"},
		{"cache", "gpu", "cache"},   {"cache", NULL, "cache"},
	};
	struct slurm_defaults defaults;
	struct uw_err err;

	(void)state;
	assert_int_equal(read_line(ARRAY_SIZE(words), words, &defaults, &err), 0);
	assert_string_equal(defaults.socket, "/tmp/uwd.sock");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(slurm_component_of(&defaults, rows[i].asked, rows[i].partition),
				    rows[i].component);
}

static void test_a_key_is_what_one_of_a_job_is(void **state)
{
	char longest[65] = "";
	struct uw_err err;

	(void)state;
	memset(longest, 'k', 63);
	assert_int_equal(slurm_check_key(longest, &err), 0);
	assert_int_equal(slurm_check_key("model-v2.1:fold", &err), 0);
	longest[63] = 'k';
	assert_int_equal(slurm_check_key(longest, &err), -EINVAL);
	assert_int_equal(slurm_check_key("", &err), -EINVAL);
	assert_int_equal(slurm_check_key(NULL, &err), -EINVAL);
	assert_int_equal(slurm_check_key("a b", &err), -EINVAL);
	assert_string_equal(err.text, "key 'a b': want 1 to 63 letters, digits and _-.:@/+");
}

static void test_who_asks_for_more_than_is_allowed_is_refused_or_lowered(void **state)
{
	static char *const words[] = {"max-priority=4"};
	struct slurm_defaults defaults;
	struct uw_err err;

	(void)state;
	assert_int_equal(read_line(ARRAY_SIZE(words), words, &defaults, &err), 0);
	assert_int_equal(slurm_check_priority(&defaults, 4, &err), 0);
	assert_int_equal(slurm_check_priority(&defaults, 5, &err), -EINVAL);
	assert_string_equal(err.text, "priority '5': 4 is the largest that may be asked for here");
	assert_int_equal(slurm_priority_of(&defaults, 3), 3);
	assert_int_equal(slurm_priority_of(&defaults, 9), 4);
	assert_int_equal(slurm_priority_of(&defaults, 0), 4); /* which would be 5 */
}

static void test_without_a_bound_what_is_said_is_what_uwd_hears(void **state)
{
	struct slurm_defaults defaults;
	struct uw_err err;

	(void)state;
	assert_int_equal(read_line(0, NULL, &defaults, &err), 0);
	assert_int_equal(slurm_check_priority(&defaults, 10, &err), 0);
	assert_int_equal(slurm_priority_of(&defaults, 10), 10);
	assert_int_equal(slurm_priority_of(&defaults, 0), 0);
}

/* Each in one line that names the word; what was read before it is not given out. */
static void test_a_bad_word_is_refused_in_a_line(void **state)
{
	static const struct {
		const char *word, *text;
	} rows[] = {
		{"", "'': there are component=NAME"},
		{"batch", "'batch': there are component=NAME"},
		{"Component=batch", "'Component=batch': there are"},
		{"component", "'component': there are"},
		{"component=", "component '': want the name of a component"},
		{"component=Batch", "component 'Batch': want"},
		{"component=a/b", "component 'a/b': want"},
		{"component=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "want the name of a component"},
		{"partition=debug", "partition=debug: want PARTITION:COMPONENT"},
		{"partition=:batch", "partition=:batch: want PARTITION:COMPONENT"},
		{"partition=debug:", "partition=debug:: component '': want"},
		{"partition=debug:a b", "partition=debug:a b: component 'a b': want"},
		{"max-priority=", "max-priority: priority '': want 1 to 10"},
		{"max-priority=0", "max-priority: priority '0': want 1 to 10"},
		{"max-priority=11", "max-priority: priority '11': want 1 to 10"},
		{"socket=uwd.sock", "socket=uwd.sock: want a path from /"},
		{"socket=", "socket=: want a path from /"},
	};
	struct slurm_defaults defaults = {.component = "as-it-was"};
	struct uw_err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *words[] = {"component=good", (char *)(uintptr_t)rows[i].word};

		assert_int_equal(read_line(2, words, &defaults, &err), -EINVAL);
		assert_non_null(strstr(err.text, rows[i].text));
		assert_ptr_equal(strstr(err.text, "plugstack.conf: spank_uw.so: "), err.text);
		assert_null(strchr(err.text, '\n'));
		assert_string_equal(defaults.component, "as-it-was");
	}
}

static void test_words_that_are_too_long_or_too_many_are_refused(void **state)
{
	char path[256] = "socket=/", partition[256] = "partition=", text[WORDS_MAX][32];
	char *words[WORDS_MAX], *one[1];
	struct slurm_defaults defaults;
	struct uw_err err;

	(void)state;
	memset(path + 8, 'x', SLURM_SOCKET_LEN - 2);
	one[0] = path;
	assert_int_equal(read_line(1, one, &defaults, &err), 0);
	path[8 + SLURM_SOCKET_LEN - 2] = 'x';
	assert_int_equal(read_line(1, one, &defaults, &err), -EINVAL);
	memset(partition + 10, 'p', SLURM_PARTITION_LEN);
	strcpy(partition + 10 + SLURM_PARTITION_LEN, ":batch");
	one[0] = partition;
	assert_int_equal(read_line(1, one, &defaults, &err), -EINVAL);
	memmove(partition + 10, partition + 11, strlen(partition + 10));
	assert_int_equal(read_line(1, one, &defaults, &err), 0);
	for (unsigned int i = 0; i < WORDS_MAX; i++) {
		snprintf(text[i], sizeof(text[i]), "partition=p%u:c%u", i, i);
		words[i] = text[i];
	}
	assert_int_equal(read_line(SLURM_PARTITIONS_MAX, words, &defaults, &err), 0);
	assert_string_equal(slurm_component_of(&defaults, NULL, "p31"), "c31");
	assert_int_equal(read_line(SLURM_PARTITIONS_MAX + 1, words, &defaults, &err), -EINVAL);
	assert_non_null(strstr(err.text, "partition=p32:c32: 32 have a component already"));
}

static void test_a_priority_is_a_number_of_one_to_ten(void **state)
{
	static const char *const none[] = {NULL, "",   "0",    "11",        "-1",
					   "5x", " 5", "high", "4294967298"};
	uint8_t priority = 0;
	struct uw_err err;

	(void)state;
	assert_int_equal(slurm_read_priority("1", &priority, &err), 0);
	assert_int_equal(priority, 1);
	assert_int_equal(slurm_read_priority("10", &priority, &err), 0);
	assert_int_equal(priority, 10);
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		assert_int_equal(slurm_read_priority(none[i], &priority, &err), -EINVAL);
		assert_non_null(strstr(err.text, "want 1 to 10"));
	}
	assert_int_equal(priority, 10);
}

static void expect_parameters(const struct slurm_task *task, const char *text)
{
	AUTO_JSON json_t *parameters = slurm_place_parameters(task);
	AUTO_FREE char *got = json_dumps(parameters, JSON_SORT_KEYS);

	assert_string_equal(got, text);
}

/* A size that Slurm does not know is none, rather than all there is. */
static void test_uwd_is_asked_for_the_jobs_user_and_size(void **state)
{
	static const gid_t groups[] = {100, 4294967294};
	struct slurm_task task = {.component = "batch", .job = 7, .uid = 4711, .gid = 100};

	(void)state;
	expect_parameters(&task,
			  "{\"component\": \"batch\", \"join\": true, \"leaf\": \"slurm-7\", "
			  "\"user\": {\"gid\": 100, \"groups\": [], \"uid\": 4711}}");
	task.priority = 2;
	task.freezable = true;
	expect_parameters(&task, "{\"component\": \"batch\", \"freezable\": true, \"join\": true, "
				 "\"leaf\": \"slurm-7\", \"priority\": 2, "
				 "\"user\": {\"gid\": 100, \"groups\": [], \"uid\": 4711}}");
	task.priority = 0;
	task.freezable = false;
	task.job = UINT32_MAX;
	task.group = groups;
	task.group_count = 2;
	task.mem_mib = 100;
	expect_parameters(&task, "{\"bytes\": 104857600, \"component\": \"batch\", \"join\": true, "
				 "\"leaf\": \"slurm-4294967295\", \"user\": {\"gid\": 100, "
				 "\"groups\": [100, 4294967294], \"uid\": 4711}}");
	task.mem_mib = UINT64_MAX - 1; /* NO_VAL64 */
	task.group_count = 0;
	task.job = 7;
	task.key = "fold";
	expect_parameters(&task, "{\"component\": \"batch\", \"join\": true, \"key\": \"fold\", "
				 "\"leaf\": \"slurm-7\", "
				 "\"user\": {\"gid\": 100, \"groups\": [], \"uid\": 4711}}");
	task.key = NULL;
	expect_parameters(&task,
			  "{\"component\": \"batch\", \"join\": true, \"leaf\": \"slurm-7\", "
			  "\"user\": {\"gid\": 100, \"groups\": [], \"uid\": 4711}}");
}

static void test_a_uwd_that_is_away_is_no_refusal(void **state)
{
	const struct slurm_task task = {.component = "batch", .job = 7};
	struct uw_err err = {0};

	(void)state;
	assert_int_equal(slurm_place("/nonexistent/uwd.sock", &task, &err), SLURM_PLACE_AWAY);
	assert_non_null(strstr(err.text, "uwd is not running"));
}

/* ---- what uwd answers ---- */

struct uwd {
	char folder[32], path[64];
	int listen;
};

static int setup_uwd(void **state)
{
	struct uwd *uwd = calloc(1, sizeof(*uwd));
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(uwd->folder, sizeof(uwd->folder), "/tmp/uw-test-XXXXXX");
	assert_non_null(mkdtemp(uwd->folder));
	snprintf(uwd->path, sizeof(uwd->path), "%s/uwd.sock", uwd->folder);
	strcpy(address.sun_path, uwd->path);
	uwd->listen = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(uwd->listen, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(uwd->listen, 4), 0);
	*state = uwd;
	return 0;
}

static int teardown_uwd(void **state)
{
	struct uwd *uwd = *state;

	close(uwd->listen);
	unlink(uwd->path);
	rmdir(uwd->folder);
	free(uwd);
	return 0;
}

/* A child that gives each who calls the next of these answers. */
static pid_t start_answers(const struct uwd *uwd, const char *const *answer)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (; *answer; answer++) {
		int fd = accept(uwd->listen, NULL, NULL);
		char call[4096];

		if (recv(fd, call, sizeof(call), 0) <= 0 ||
		    send(fd, *answer, strlen(*answer) + 1, 0) < 0)
			_exit(1);
		close(fd);
	}
	_exit(0);
}

#define ANSWER_ERROR(name) "{\"error\":\"" name "\",\"parameters\":{\"reason\":\"why\"}}"
#define ANSWER_GOOD        "{\"parameters\":{}}"

/* Of many tasks that come at once each gets in. */
static void test_who_finds_uwd_busy_comes_again(void **state)
{
	static const char *const answers[] = {ANSWER_ERROR(IPC_ERROR_BUSY),
					      ANSWER_ERROR(IPC_ERROR_BUSY), ANSWER_GOOD, NULL};
	const struct slurm_task task = {.component = "batch", .job = 7};
	const struct uwd *uwd = *state;
	struct uw_err err = {0};
	int status = -1;
	pid_t pid = start_answers(uwd, answers);

	assert_int_equal(slurm_place(uwd->path, &task, &err), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* A step ends by what uwd says of it alone. */
static void test_trouble_of_uwds_own_is_no_refusal(void **state)
{
	static const struct {
		const char *answer;
		int rc;
	} rows[] = {
		{ANSWER_ERROR(IPC_ERROR_REFUSED), -EPERM},
		{ANSWER_ERROR(IPC_ERROR_NOT_PERMITTED), -EPERM},
		{ANSWER_ERROR(IPC_ERROR_NO_COMPONENT), -ENOENT},
		{ANSWER_ERROR(IPC_ERROR_INVALID_PARAMETER), -EINVAL},
		{ANSWER_ERROR(IPC_ERROR_FAILED), SLURM_PLACE_AWAY},
		{ANSWER_ERROR(IPC_ERROR_NO_METHOD), SLURM_PLACE_AWAY},
		{ANSWER_ERROR("com.example.Unknown"), SLURM_PLACE_AWAY},
		{"nonsense", SLURM_PLACE_AWAY},
		{"[]", SLURM_PLACE_AWAY},
	};
	const struct slurm_task task = {.component = "batch", .job = 7};
	const struct uwd *uwd = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *const answers[] = {rows[i].answer, NULL};
		struct uw_err err = {0};
		pid_t pid = start_answers(uwd, answers);

		assert_int_equal(slurm_place(uwd->path, &task, &err), rows[i].rc);
		assert_string_not_equal(err.text, "");
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
}

static void test_an_end_that_nobody_hears_is_known(void **state)
{
	static const char *const answers[] = {ANSWER_GOOD, NULL};
	const struct slurm_task task = {.component = "batch", .job = 7};
	const struct uwd *uwd = *state;
	pid_t pid;

	assert_false(slurm_tell_end("/nonexistent/uwd.sock", &task, true));
	assert_false(slurm_tell_end(uwd->path, &task, true));
	close(accept(uwd->listen, NULL, NULL)); /* that call */
	pid = start_answers(uwd, answers);
	assert_true(slurm_tell_end(uwd->path, &task, true));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* uwd looks at no more of them. */
static void test_a_user_of_many_groups_names_the_first(void **state)
{
	static const gid_t groups[IPC_GROUPS_MAX + 1];
	const struct slurm_task task = {
		.component = "batch",
		.group = groups,
		.group_count = ARRAY_SIZE(groups),
	};
	AUTO_JSON json_t *parameters = slurm_place_parameters(&task);

	(void)state;
	assert_int_equal(
		json_array_size(json_object_get(json_object_get(parameters, "user"), "groups")),
		IPC_GROUPS_MAX);
}

/* Its own group of version 2 counts, by whatever is above and below. */
static void test_a_step_that_slurm_tracks_by_cgroup_is_known_by_its_group(void **state)
{
	static const struct {
		const char *cgroups;
		bool tracked;
	} rows[] = {
		{"", false},
		{"0::/\n", false},
		{"0::/system.slice/slurmstepd.scope/system\n", false},
		{"0::/system.slice/slurmd.service\n", false},
		{"0::/system.slice/n1_slurmstepd.scope/job_2/step_0/slurm\n", true},
		{"0::/system.slice/slurmstepd.scope/job_4294967295/step_batch/user/task_0\n", true},
		{"1:name=systemd:/\n0::/slurm/uid_0/job_7/step_extern\n", true},
		{"4:freezer:/slurm/uid_0/job_7/step_0\n0::/system.slice\n", false},
		{"0::/uw/batch/job_7\n", false},
		{"0::/job_/step_0\n", false},
		{"0::/job_7/steps\n", false},
		{"0::/job_7x/step_0\n", false},
		{"0::/job_x/job_7/step_0\n", true},
		{"10::/job_7/step_0\n", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(slurm_is_tracked(rows[i].cgroups, (long)strlen(rows[i].cgroups)),
				 rows[i].tracked);
	assert_true(slurm_is_tracked("", -ENOBUFS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_empty_line_leaves_steps_alone),
		cmocka_unit_test(
			test_what_is_asked_for_goes_before_the_partition_and_that_before_the_default),
		cmocka_unit_test(test_a_key_is_what_one_of_a_job_is),
		cmocka_unit_test(test_who_asks_for_more_than_is_allowed_is_refused_or_lowered),
		cmocka_unit_test(test_without_a_bound_what_is_said_is_what_uwd_hears),
		cmocka_unit_test(test_a_bad_word_is_refused_in_a_line),
		cmocka_unit_test(test_words_that_are_too_long_or_too_many_are_refused),
		cmocka_unit_test(test_a_priority_is_a_number_of_one_to_ten),
		cmocka_unit_test(test_uwd_is_asked_for_the_jobs_user_and_size),
		cmocka_unit_test(test_a_uwd_that_is_away_is_no_refusal),
		cmocka_unit_test_setup_teardown(test_who_finds_uwd_busy_comes_again, setup_uwd,
						teardown_uwd),
		cmocka_unit_test_setup_teardown(test_trouble_of_uwds_own_is_no_refusal, setup_uwd,
						teardown_uwd),
		cmocka_unit_test_setup_teardown(test_an_end_that_nobody_hears_is_known, setup_uwd,
						teardown_uwd),
		cmocka_unit_test(test_a_user_of_many_groups_names_the_first),
		cmocka_unit_test(test_a_step_that_slurm_tracks_by_cgroup_is_known_by_its_group),
	};

	return cmocka_run_group_tests_name("spank_defaults", tests, NULL, NULL);
}
