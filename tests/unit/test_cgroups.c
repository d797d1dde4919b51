// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cgroups/internal.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/units.h"

static void test_root_hostile_paths_are_refused(void **state)
{
	static const struct {
		const char *root;
		int ret;
	} rows[] = {
		{"uw", 0},
		{"uw.slice/uw-pool.scope", 0},
		{"a/b/c-1_2.x", 0},
		{"", -EINVAL},
		{"/", -EINVAL},
		{"/uw", -EINVAL},
		{"uw/", -EINVAL},
		{"a//b", -EINVAL},
		{".", -EINVAL},
		{"..", -EINVAL},
		{"uw/../system.slice", -EINVAL},
		{"uw/.hidden", -EINVAL},
		{"two words", -EINVAL},
		{"line\nfeed", -EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct uw_err err = {0};

		assert_int_equal(cg_check_root(rows[i].root, &err), rows[i].ret);
		assert_int_equal(err.text[0] != '\0', rows[i].ret != 0);
	}
}

static void test_root_too_long_is_refused(void **state)
{
	char root[CG_PATH_LEN + 1], part[300];

	(void)state;
	memset(root, 'a', sizeof(root) - 1);
	root[sizeof(root) - 1] = '\0';
	assert_int_equal(cg_check_root(root, NULL), -ENAMETOOLONG);
	memset(part, 'a', 256);
	part[256] = '\0';
	assert_int_equal(cg_check_root(part, NULL), -EINVAL);
	part[255] = '\0';
	assert_int_equal(cg_check_root(part, NULL), 0);
}

static void test_component_and_leaf_hostile_names_are_refused(void **state)
{
	static const char *const rows[] = {
		"",
		"..",
		".",
		"a/b",
		"../x",
		"a b",
		"Upper",
		"-x",
		"a\nb",
		"cgroup.procs",
		"a234567890123456789012345678901b",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(cg_check_component(rows[i], NULL), -EINVAL);
		assert_int_equal(cg_check_leaf(rows[i], NULL), -EINVAL);
	}
	assert_int_equal(cg_check_component("holder", NULL), -EINVAL);
	assert_int_equal(cg_check_component("trading_data", NULL), 0);
	assert_int_equal(cg_check_leaf(CG_POOLS, NULL), -EINVAL);
	assert_int_equal(cg_check_leaf("run-123-0", NULL), 0);
}

static void test_unit_roots_are_told_by_their_first_part(void **state)
{
	(void)state;
	assert_true(cg_root_is_unit("uw.slice/uw-pool.scope"));
	assert_true(cg_root_is_unit("x.service"));
	assert_true(cg_root_is_unit("y.scope/z"));
	assert_false(cg_root_is_unit("uw"));
	assert_false(cg_root_is_unit("uw/x.scope"));
	assert_false(cg_root_is_unit("slice"));
}

static void test_a_unit_is_told_by_its_own_cgroup(void **state)
{
	static const struct {
		const char *path, *unit;
	} rows[] = {
		{"uw.slice", "uw.slice"},
		{CG_SCOPE_ROOT, CG_SCOPE},
		{"system.slice/x.service", "x.service"},
		{CG_SCOPE_ROOT "/cache", NULL},
		{"x.service/uw", NULL},
		{"uw", NULL},
		{"a/b", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *unit = cg_unit_of(rows[i].path);

		assert_int_equal(!unit, !rows[i].unit);
		if (unit)
			assert_string_equal(unit, rows[i].unit);
	}
}

static void test_each_limit_of_a_unit_has_a_property(void **state)
{
	(void)state;
	assert_string_equal(cg_unit_property(CG_LOW), "MemoryLow");
	assert_string_equal(cg_unit_property(CG_MIN), "MemoryMin");
	assert_string_equal(cg_unit_property(CG_HIGH), "MemoryHigh");
	assert_string_equal(cg_unit_property(CG_LIMIT), "MemoryMax");
	assert_null(cg_unit_property(CG_FREEZE));
}

static void test_a_wait_ends_when_it_has_to(void **state)
{
	const struct cg_op patient = {.mount = -1}, hurried = {.until_us = 7};
	uint64_t now_us = clock_now_us();

	(void)state;
	assert_true(cg_wait_until(&patient) >= now_us + CG_WAIT_S * US_PER_SEC);
	assert_int_equal(cg_wait_until(&hurried), 7);
	assert_false(cg_wait_step(7));
	assert_true(cg_wait_step(now_us + CG_WAIT_S * US_PER_SEC));
}

/* Takes connections, as its backlog does, and never says a word. */
static int listen_silently(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

/* It never says a word: who waited for one would not come back. */
static void test_a_silent_bus_is_given_up_in_time(void **state)
{
	char dir[] = "/tmp/uw-bus-XXXXXX", path[64], address[80];
	struct uw_err err = {0};
	struct cg_op op = {.err = &err, .mount = -1};
	AUTO_CLOSE int fd = -1;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/bus", dir);
	snprintf(address, sizeof(address), "unix:path=%s", path);
	assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1), 0);
	fd = listen_silently(path);
	op.until_us = clock_now_us() + 10 * US_PER_MS;
	assert_int_equal(cg_unit_stop(&op, "uw-no-such.scope"), -EAGAIN);
	assert_true(clock_now_us() >= op.until_us);
	assert_non_null(strstr(err.text, "no answer in time; try again"));
	unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
	unlink(path);
	rmdir(dir);
}

static void test_pool_root_auto_follows_systemd(void **state)
{
	struct cg_host host = {.systemd = true};
	char root[CG_PATH_LEN];

	(void)state;
	assert_int_equal(cg_pool_root(&host, "auto", root, sizeof(root), NULL), 0);
	assert_string_equal(root, "uw.slice/uw-pool.scope");
	host.systemd = false;
	assert_int_equal(cg_pool_root(&host, NULL, root, sizeof(root), NULL), 0);
	assert_string_equal(root, "uw");
	assert_int_equal(cg_pool_root(&host, "x/y", root, sizeof(root), NULL), 0);
	assert_string_equal(root, "x/y");
	assert_int_equal(cg_pool_root(&host, "../x", root, sizeof(root), NULL), -EINVAL);
	assert_int_equal(cg_pool_root(&host, "x/y", root, 3, NULL), -ENAMETOOLONG);
}

static int read_mounts(const char *text, struct cg_host *host, bool *memory_v1)
{
	AUTO_FCLOSE FILE *file = fmemopen((void *)text, strlen(text), "r");

	assert_non_null(file);
	return cg_host_read_mounts(file, host, memory_v1);
}

static void make_dir(int at, const char *name)
{
	assert_int_equal(mkdirat(at, name, 0755), 0);
}

/* As deep as a workload may have gone, past what would fit into a path or a stack. */
static void put_file(int at, const char *name, const char *text)
{
	AUTO_CLOSE int fd = openat(at, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* The top of a machine, of a container with processes in it, and of one that can be used. */
static void test_a_namespace_with_processes_at_its_top_takes_no_pool(void **state)
{
	char path[] = "/tmp/uw-test-XXXXXX", command[64];
	struct cg_host host = {.memory = CG_MEMORY_V2};
	AUTO_CLOSE int top = -1;

	(void)state;
	assert_non_null(mkdtemp(path));
	snprintf(host.mount, sizeof(host.mount), "%s", path);
	top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put_file(top, "cgroup.procs", "1\n17\n");
	put_file(top, "cgroup.subtree_control", "cpu\n");
	assert_true(cg_host_takes_pool(&host));
	put_file(top, "cgroup.type", "domain\n");
	assert_false(cg_host_takes_pool(&host));
	put_file(top, "cgroup.procs", "");
	assert_true(cg_host_takes_pool(&host));
	put_file(top, "cgroup.procs", "1\n");
	put_file(top, "cgroup.subtree_control", "cpu memory\n");
	assert_true(cg_host_takes_pool(&host));
	snprintf(command, sizeof(command), "rm -r %s", path);
	assert_int_equal(system(command), 0);
}

/* above/pool/cache, where of memory.min the pool is uwd's to keep and above is not. */
static void test_what_a_group_above_the_components_lacks_is_found(void **state)
{
	char path[] = "/tmp/uw-test-XXXXXX", command[64];
	struct cg_host host = {.memory = CG_MEMORY_V2};
	struct cg_reach reach;
	AUTO_CLOSE int top = -1;

	(void)state;
	assert_non_null(mkdtemp(path));
	snprintf(host.mount, sizeof(host.mount), "%s", path);
	top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_dir(top, "above");
	make_dir(top, "above/pool");
	make_dir(top, "above/pool/cache");
	put_file(top, "above/pool/cache/memory.low", "500\n");
	put_file(top, "above/pool/cache/memory.min", "300\n");
	put_file(top, "above/pool/memory.low", "500\n");
	put_file(top, "above/pool/memory.min", "0\n");
	put_file(top, "above/memory.low", "max\n");
	put_file(top, "above/memory.min", "200\n");
	assert_int_equal(cg_pool_reach(&host, "above/pool", CG_LOW, &reach), 0);
	assert_string_equal(reach.path, "");
	assert_int_equal(cg_pool_reach(&host, "above/pool", CG_MIN, &reach), 0);
	assert_string_equal(reach.path, "above");
	assert_int_equal(reach.want_bytes, 300);
	assert_int_equal(reach.has_bytes, 200);
	put_file(top, "above/pool/memory.low", "400\n");
	assert_int_equal(cg_pool_reach(&host, "above/pool", CG_LOW, &reach), 0);
	assert_string_equal(reach.path, "above/pool");
	assert_int_equal(cg_pool_reach(&host, "above/none", CG_LOW, &reach), -ENOENT);
	snprintf(command, sizeof(command), "rm -r %s", path);
	assert_int_equal(system(command), 0);
}

static void test_groups_below_a_leaf_are_removed_at_any_depth(void **state)
{
	static const char deep[] =
		"ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";
	char path[] = "/tmp/uw-test-XXXXXX";
	AUTO_CLOSE int top = -1;
	int at;

	(void)state;
	assert_non_null(mkdtemp(path));
	top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_dir(top, "a");
	make_dir(top, "a/b");
	make_dir(top, "c");
	at = dup(top);
	for (int i = 0; i < 200; i++) {
		int next;

		make_dir(at, deep);
		next = openat(at, deep, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(at);
		at = next;
	}
	close(at);
	assert_int_equal(cg_remove_below(top), 0);
	assert_int_equal(rmdir(path), 0);
}

static void test_mounts_pure_v2_gives_place_and_options(void **state)
{
	struct cg_host host = {0};
	bool v1 = true;

	(void)state;
	assert_int_equal(read_mounts("22 1 0:20 / /proc rw - proc proc rw\n"
				     "27 23 0:23 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime "
				     "shared:4 - cgroup2 cgroup2 "
				     "rw,nsdelegate,memory_recursiveprot\n",
				     &host, &v1),
			 0);
	assert_false(v1);
	assert_string_equal(host.mount, "/sys/fs/cgroup");
	assert_true(host.recursiveprot);
	assert_false(host.read_only);
	assert_int_equal(host.mount_flags, MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME);
	assert_string_equal(host.options, "rw,nsdelegate,memory_recursiveprot");
}

static void test_mounts_hybrid_is_told(void **state)
{
	struct cg_host host = {0};
	bool v1 = false;

	(void)state;
	assert_int_equal(read_mounts("30 25 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
				     "31 25 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup "
				     "rw,memory\n",
				     &host, &v1),
			 0);
	assert_true(v1);
	assert_string_equal(host.mount, "/sys/fs/cgroup/unified");
	assert_false(host.recursiveprot);
}

static void test_mounts_v1_controller_name_is_a_whole_word(void **state)
{
	struct cg_host host = {0};
	bool v1 = true;

	(void)state;
	assert_int_equal(
		read_mounts("31 25 0:27 / /x rw - cgroup cgroup rw,name=memory_x\n", &host, &v1),
		0);
	assert_false(v1);
	assert_string_equal(host.mount, "");
}

static void test_mounts_read_only_and_blanks_are_seen(void **state)
{
	struct cg_host host = {0};
	bool v1;

	(void)state;
	assert_int_equal(
		read_mounts("27 23 0:23 / /my\\040cg ro,nosuid - cgroup2 none rw\n", &host, &v1),
		0);
	assert_string_equal(host.mount, "/my cg");
	assert_true(host.read_only);
}

static void test_mounts_last_of_several_on_one_place_counts(void **state)
{
	struct cg_host host = {0};
	bool v1;

	(void)state;
	assert_int_equal(read_mounts("27 23 0:23 / /c rw - cgroup2 none rw,memory_recursiveprot\n"
				     "28 27 0:23 / /c ro - cgroup2 none rw\n"
				     "29 23 0:23 / /elsewhere rw - cgroup2 none rw\n",
				     &host, &v1),
			 0);
	assert_string_equal(host.mount, "/c");
	assert_true(host.read_only);
	assert_false(host.recursiveprot);
}

static void test_mounts_broken_escapes_stay_as_they_are(void **state)
{
	static const char *const rows[] = {"/a\\0\xfd\xff", "/a\\", "/a\\04", "/a\\049", "/a\\700"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct cg_host host = {0};
		char line[128];
		bool v1;

		snprintf(line, sizeof(line), "27 23 0:23 / %s rw - cgroup2 none rw\n", rows[i]);
		assert_int_equal(read_mounts(line, &host, &v1), 0);
		assert_string_equal(host.mount, rows[i]);
	}
}

static void test_mounts_hostile_lines_are_passed_over(void **state)
{
	struct cg_host host = {0};
	bool v1 = true;

	(void)state;
	assert_int_equal(read_mounts("\n-\n- - -\n1 2 3\n27 23 0:23 / /a rw - cgroup2\n"
				     "27 23 0:23 / /a\\ rw - cgroup2 x\n"
				     "1 2 3 4 5 6 7 8 9 cgroup2\n",
				     &host, &v1),
			 0);
	assert_string_equal(host.mount, "");
	assert_false(v1);
}

static void test_u64_and_max_read_and_print(void **state)
{
	char text[32];
	uint64_t value = 1;

	(void)state;
	assert_int_equal(cg_parse_u64("max\n", &value), 0);
	assert_true(value == CG_MAX);
	cg_print_u64(value, text, sizeof(text));
	assert_string_equal(text, "max");
	assert_int_equal(cg_parse_u64("4096\n", &value), 0);
	cg_print_u64(value, text, sizeof(text));
	assert_string_equal(text, "4096");
	assert_int_equal(cg_parse_u64("-1", &value), -EINVAL);
	assert_int_equal(cg_parse_u64("", &value), -EINVAL);
	assert_int_equal(cg_parse_u64("1x", &value), -EINVAL);
	assert_int_equal(cg_parse_u64("99999999999999999999", &value), -EINVAL);
}

static void test_usable_of_the_mission_is_20_of_24_gib(void **state)
{
	(void)state;
	assert_int_equal(cg_usable_of(24 * GIB, 23 * GIB, 0), 20 * GIB);
}

static void test_usable_leaves_room_for_what_lies_outside(void **state)
{
	uint64_t total = 1000 * MIB;

	(void)state;
	/* 400 MiB are gone to others. */
	assert_int_equal(cg_usable_of(total, 600 * MIB, 0), total - 400 * MIB - total / 100 * 3);
	/* Half of that is the pool's own. */
	assert_int_equal(cg_usable_of(total, 600 * MIB, 200 * MIB),
			 total - 200 * MIB - total / 100 * 3);
	/* Never less than a quarter, never more than 5/6, whatever is claimed. */
	assert_int_equal(cg_usable_of(total, 10 * MIB, 0), total / 4);
	assert_int_equal(cg_usable_of(total, 10 * MIB, 5000 * MIB), total / 6 * 5 / MIB * MIB);
	assert_int_equal(cg_usable_of(total, 9000 * MIB, 0), total / 6 * 5 / MIB * MIB);
	assert_int_equal(cg_usable_of(0, 0, 0), 0);
	/* In whole pages, as the kernel keeps it: read back, it is the same. */
	assert_int_equal(cg_usable_of(total, 600 * MIB - 1, 0), (1000 - 400 - 30 - 1) * MIB);
}

static void test_tree_spec_faults_are_refused_before_the_host_is_touched(void **state)
{
	static const struct cg_component_spec twice[] = {{.name = "a"}, {.name = "a"}};
	static const struct cg_component_spec much[] = {{.name = "a", .low_bytes = 60},
							{.name = "b", .low_bytes = 60}};
	static const struct cg_component_spec vast[] = {{.name = "a", .low_bytes = UINT64_MAX},
							{.name = "b", .low_bytes = 60}};
	struct cg_host host = {.memory = CG_MEMORY_NONE};
	struct cg_tree_spec spec = {.root = "uw", .max_bytes = 100, .count = 2};
	struct uw_err err = {0};

	(void)state;
	spec.component = twice;
	assert_int_equal(cg_tree_setup(&host, &spec, NULL, &err), -EINVAL);
	spec.component = much;
	assert_int_equal(cg_tree_setup(&host, &spec, NULL, &err), -ERANGE);
	spec.component = vast;
	assert_int_equal(cg_tree_setup(&host, &spec, NULL, &err), -ERANGE);
	spec.root = "../..";
	assert_int_equal(cg_tree_setup(&host, &spec, NULL, &err), -EINVAL);
	assert_int_equal(cg_tree_teardown(&host, "..", CG_TEARDOWN_KILL, NULL, &err), -EINVAL);
}

static void test_unsuitable_hosts_are_refused_with_a_remedy(void **state)
{
	static const struct {
		struct cg_host host;
		int ret;
		const char *word;
	} rows[] = {
		{{.mount = "/c", .memory = CG_MEMORY_V2}, 0, ""},
		{{.mount = "/c", .memory = CG_MEMORY_V1}, -EOPNOTSUPP, "cgroup_no_v1"},
		{{.memory = CG_MEMORY_NONE}, -EOPNOTSUPP, "mount -t cgroup2"},
		{{.mount = "/c", .memory = CG_MEMORY_NONE}, -EOPNOTSUPP, "cgroup_disable"},
		{{.mount = "/c", .memory = CG_MEMORY_V2, .read_only = true},
		 -EROFS,
		 "remount,rw /c"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct uw_err err = {0};

		assert_int_equal(cg_host_check(&rows[i].host, &err), rows[i].ret);
		assert_non_null(strstr(err.text, rows[i].word));
	}
}

/* The child stands still as one that gets no processor. */
static void test_a_guard_that_is_slow_to_start_is_not_waited_for(void **state)
{
	struct cg_guard_start start;
	struct uw_err err = {0};
	int pidfd = -1, status = 0;

	(void)state;
	assert_int_equal(cg_guard_begin("/bin/true", "/nowhere", -1, &start, &err), 0);
	assert_int_equal(kill(start.pid, SIGSTOP), 0);
	alarm(20);
	assert_int_equal(cg_guard_finish(&start, "/bin/true", &pidfd, &err), 0);
	alarm(0);
	assert_int_equal(kill(start.pid, SIGCONT), 0);
	assert_int_equal(waitpid(start.pid, &status, 0), start.pid);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	close(pidfd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root_hostile_paths_are_refused),
		cmocka_unit_test(test_root_too_long_is_refused),
		cmocka_unit_test(test_component_and_leaf_hostile_names_are_refused),
		cmocka_unit_test(test_unit_roots_are_told_by_their_first_part),
		cmocka_unit_test(test_a_unit_is_told_by_its_own_cgroup),
		cmocka_unit_test(test_each_limit_of_a_unit_has_a_property),
		cmocka_unit_test(test_a_wait_ends_when_it_has_to),
		cmocka_unit_test(test_a_silent_bus_is_given_up_in_time),
		cmocka_unit_test(test_a_guard_that_is_slow_to_start_is_not_waited_for),
		cmocka_unit_test(test_what_a_group_above_the_components_lacks_is_found),
		cmocka_unit_test(test_groups_below_a_leaf_are_removed_at_any_depth),
		cmocka_unit_test(test_a_namespace_with_processes_at_its_top_takes_no_pool),
		cmocka_unit_test(test_pool_root_auto_follows_systemd),
		cmocka_unit_test(test_mounts_pure_v2_gives_place_and_options),
		cmocka_unit_test(test_mounts_hybrid_is_told),
		cmocka_unit_test(test_mounts_v1_controller_name_is_a_whole_word),
		cmocka_unit_test(test_mounts_read_only_and_blanks_are_seen),
		cmocka_unit_test(test_mounts_last_of_several_on_one_place_counts),
		cmocka_unit_test(test_mounts_broken_escapes_stay_as_they_are),
		cmocka_unit_test(test_mounts_hostile_lines_are_passed_over),
		cmocka_unit_test(test_u64_and_max_read_and_print),
		cmocka_unit_test(test_usable_of_the_mission_is_20_of_24_gib),
		cmocka_unit_test(test_usable_leaves_room_for_what_lies_outside),
		cmocka_unit_test(test_tree_spec_faults_are_refused_before_the_host_is_touched),
		cmocka_unit_test(test_unsuitable_hosts_are_refused_with_a_remedy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
