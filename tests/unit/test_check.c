// SPDX-License-Identifier: GPL-2.0-or-later
/* What check prints first, and that what it found is not cut. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/cli_fixture.h"
#include "user/kern/kern.h"

#define CONTROLLERS "cpuset cpu io memory hugetlb pids rdma misc dmem"

static void test_check_begins_with_its_verdict(void **state)
{
	static const char *const verdicts[] = {"ok: ", "degraded: ", "unsupported: "};
	AUTO_FREE char *out = NULL, *err = NULL;
	int status = UWCTL_LINE(80, &out, &err, "check", "--color", "never");
	const char *second;

	(void)state;
	assert_in_range(status, 0, 2);
	second = strchr(out, '\n') + 1;
	assert_memory_equal(second, verdicts[status], strlen(verdicts[status]));
	assert_memory_equal(strchr(second, '\n'), "\n\n  ", 4);
	assert_null(strstr(second + 1, verdicts[status]));
}

static void test_check_names_every_controller(void **state)
{
	char dir[] = "/tmp/uw-test-XXXXXX", path[64];
	struct kern_feature feature[KERN_FEATURES_MAX];
	size_t count, found = 0;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/cgroup.controllers", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, CONTROLLERS "\n", sizeof(CONTROLLERS)), sizeof(CONTROLLERS));
	close(fd);
	count = kern_probe(dir, false, feature, KERN_FEATURES_MAX);
	for (size_t i = 0; i < count; i++)
		found += strstr(feature[i].detail, ": " CONTROLLERS) != NULL;
	assert_int_equal(found, 1);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check_begins_with_its_verdict),
		cmocka_unit_test(test_check_names_every_controller),
	};

	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
