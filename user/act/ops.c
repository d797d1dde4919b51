// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Gives act its two ways of touching cgroup files: for real, through the kept fds, or as a dry run,
 * which reads for real and tells each write instead of doing it. Tests bring a third. All writes of
 * numbers go through act_write_u64, which counts those that fail.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

#include "user/act/internal.h"
#include "user/base/clock.h"
#include "user/base/text.h"

static int real_write(void *data, const struct cg_group *group, enum cg_knob knob,
		      const char *value)
{
	(void)data;
	return cg_write_text(group, knob, value);
}

static int real_read(void *data, const struct cg_group *group, enum cg_knob knob,
		     uint64_t *ret_value)
{
	(void)data;
	return cg_read_u64(group, knob, ret_value);
}

static int real_populated(void *data, const struct cg_group *group, bool *ret_populated)
{
	bool frozen;

	(void)data;
	return cg_read_state(group, ret_populated, &frozen);
}

static uint64_t real_now_us(void *data)
{
	(void)data;
	return clock_now_us();
}

static int real_set_niceness(void *data, pid_t tid, int niceness)
{
	(void)data;
	return setpriority(PRIO_PROCESS, (id_t)tid, niceness) ? -errno : 0;
}

static int dry_write(void *data, const struct cg_group *group, enum cg_knob knob, const char *value)
{
	const struct act_dry *dry = data;
	char path[CG_NAME_LEN + 32];

	snprintf(path, sizeof(path), "%s/%s", group->name, cg_knob_file(knob));
	dry->note(dry->data, "write", path, value);
	return 0;
}

const struct act_ops act_ops_real = {
	.write = real_write,
	.read = real_read,
	.populated = real_populated,
	.now_us = real_now_us,
	.set_niceness = real_set_niceness,
};

const struct act_ops act_ops_dry_run = {
	.dry = true,
	.write = dry_write,
	.read = real_read,
	.populated = real_populated,
	.now_us = real_now_us,
	.set_niceness = real_set_niceness,
};

const char *act_print_u64(uint64_t value, char buf[static ACT_VALUE_LEN])
{
	if (value == CG_MAX)
		text_copy(buf, ACT_VALUE_LEN, "max");
	else
		snprintf(buf, ACT_VALUE_LEN, "%llu", (unsigned long long)value);
	return buf;
}

int act_write_u64(struct act *act, const struct cg_group *group, enum cg_knob knob, uint64_t value)
{
	char text[ACT_VALUE_LEN];
	int rc = act->ops->write(act->ops_data, group, knob, act_print_u64(value, text));

	if (rc)
		atomic_fetch_add(&act->writes_failed, 1);
	return rc;
}
