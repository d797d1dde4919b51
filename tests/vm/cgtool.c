// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The cgroup library by hand, for VM cases that want less than uwctl does. Prints each change as
 * "VERB PATH VALUE"; an error goes to stderr and its errno is the exit status.
 *
 *	cgtool [-n] [-r] [-w] setup ROOT MAX NAME=LOW[:HIGH[:MAX]]...
 *	cgtool [-n] [-w] pool ROOT GUARD       prints "guard PID"
 *	cgtool [-n] teardown ROOT refuse|kill|keep
 *	cgtool leaf ROOT COMPONENT [NAME]      prints the name
 *	cgtool attach ROOT COMPONENT LEAF PID
 *	cgtool min ROOT COMPONENT BYTES
 * -n: dry run. -r: as on a host that may not remount with memory_recursiveprot. -w: does not wait,
 *as uwd's loop.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/cgroups.h"
#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/base/units.h"

#define SPECS_MAX 32

struct tool {
	struct cg_host host;
	struct cg_change change;
	struct uw_err err;
	const char *root;
	int argc;
	char **argv; /* after ROOT */
};

static void print_change(void *data, const char *verb, const char *path, const char *value)
{
	(void)data;
	printf("%s %s%s%s\n", verb, path, value ? " " : "", value ? value : "");
}

static int bad_usage(struct uw_err *err)
{
	return err_set(err, -EINVAL, "see the top of tests/vm/cgtool.c");
}

static int read_bytes(const char *text, uint64_t *ret_bytes, struct uw_err *err)
{
	int ret = 0;

	if (!strcmp(text, "max"))
		*ret_bytes = CG_MAX;
	else
		ret = units_parse_bytes(text, ret_bytes);
	return ret ? err_set(err, ret, "not a size: %s", text) : 0;
}

/* "cache=64M:96M": what is not given is "max". */
static int read_spec(char *text, struct cg_component_spec *spec, struct uw_err *err)
{
	uint64_t *const values[] = {&spec->low_bytes, &spec->high_bytes, &spec->max_bytes};
	char *at = strchr(text, '=');

	*spec = (struct cg_component_spec){text, 0, CG_MAX, CG_MAX};
	if (!at)
		return bad_usage(err);
	*at++ = '\0';
	for (size_t i = 0; at && i < ARRAY_SIZE(values); i++) {
		char *value = strsep(&at, ":");
		int ret = read_bytes(value, values[i], err);

		if (ret)
			return ret;
	}
	return 0;
}

static int run_setup(struct tool *tool)
{
	struct cg_component_spec component[SPECS_MAX];
	struct cg_tree_spec spec = {.root = tool->root, .component = component};
	int ret = tool->argc < 1 ? bad_usage(&tool->err)
				 : read_bytes(tool->argv[0], &spec.max_bytes, &tool->err);

	for (int i = 1; !ret && i < tool->argc && i <= SPECS_MAX; i++)
		ret = read_spec(tool->argv[i], &component[spec.count++], &tool->err);
	return ret ? ret : cg_tree_setup(&tool->host, &spec, &tool->change, &tool->err);
}

static int run_pool(struct tool *tool)
{
	struct cg_pool pool;
	int ret = cg_pool_create(&tool->host, tool->root, tool->argc ? tool->argv[0] : NULL,
				 &tool->change, &pool, &tool->err);

	if (ret)
		return ret;
	printf("root %s\nguard %d\n", pool.root, (int)pool.guard_pid);
	cg_pool_close(&pool);
	return 0;
}

static int run_teardown(struct tool *tool)
{
	static const char *const words[] = {
		[CG_TEARDOWN_REFUSE] = "refuse",
		[CG_TEARDOWN_KILL] = "kill",
		[CG_TEARDOWN_KEEP_RUNNING] = "keep",
	};

	for (size_t i = 0; tool->argc == 1 && i < ARRAY_SIZE(words); i++)
		if (!strcmp(tool->argv[0], words[i]))
			return cg_tree_teardown(&tool->host, tool->root, (enum cg_teardown)i,
						&tool->change, &tool->err);
	return bad_usage(&tool->err);
}

static int open_pool(struct tool *tool, int *ret_dir)
{
	return cg_tree_open(&tool->host, tool->root, ret_dir, &tool->err);
}

static int run_leaf(struct tool *tool)
{
	AUTO_CLOSE int pool = -1, leaf = -1;
	char name[CG_NAME_LEN];
	int ret = tool->argc < 1 ? bad_usage(&tool->err) : open_pool(tool, &pool);

	if (!ret)
		ret = cg_leaf_create(pool, tool->argv[0], tool->argc > 1 ? tool->argv[1] : NULL,
				     name, sizeof(name), &leaf, &tool->err);
	if (!ret)
		printf("%s\n", name);
	return ret;
}

static int run_attach(struct tool *tool)
{
	AUTO_CLOSE int pool = -1;
	int ret = tool->argc < 3 ? bad_usage(&tool->err) : open_pool(tool, &pool);

	return ret ? ret
		   : cg_attach(pool, tool->argv[0], tool->argv[1], atoi(tool->argv[2]), &tool->err);
}

static int run_min(struct tool *tool)
{
	AUTO_CLOSE int pool = -1;
	uint64_t bytes = 0;
	int ret = tool->argc < 2 ? bad_usage(&tool->err) : open_pool(tool, &pool);

	if (!ret)
		ret = read_bytes(tool->argv[1], &bytes, &tool->err);
	return ret ? ret : cg_min_check(pool, tool->argv[0], bytes, &tool->err);
}

static const struct {
	const char *name;
	int (*run)(struct tool *tool);
} commands[] = {
	{"setup", run_setup}, {"pool", run_pool},     {"teardown", run_teardown},
	{"leaf", run_leaf},   {"attach", run_attach}, {"min", run_min},
};

static int run(struct tool *tool, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return commands[i].run(tool);
	return bad_usage(&tool->err);
}

int main(int argc, char **argv)
{
	struct tool tool = {.change.note = print_change};
	bool foreign_mount = false;
	int option, ret;

	while ((option = getopt(argc, argv, "+nrw")) != -1) {
		tool.change.dry_run |= option == 'n';
		foreign_mount |= option == 'r';
		tool.change.no_wait |= option == 'w';
	}
	if (argc - optind < 2) {
		ret = bad_usage(&tool.err);
	} else {
		tool.root = argv[optind + 1];
		tool.argc = argc - optind - 2;
		tool.argv = argv + optind + 2;
		ret = cg_host_probe(&tool.host, &tool.err);
		if (foreign_mount)
			tool.host.systemd = true;
		if (!ret)
			ret = run(&tool, argv[optind]);
	}
	if (ret)
		fprintf(stderr, "cgtool: %s\n", tool.err.text);
	return -ret & 0xff;
}
