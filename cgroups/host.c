// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds where cgroup2 is mounted, with which options, and who has the memory controller. libcgroup
 * is not asked for this: on a hybrid host it silently picks the v1 memory controller, and it knows
 * no mount options. Both stand in mountinfo.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cgroups/internal.h"
#include "user/base/cleanup.h"
#include "user/base/text.h"

#define LINE_LEN 4096

/* Fields of a mountinfo line, proc(5). */
enum {
	FIELD_POINT = 4,
	FIELD_FLAGS = 5,
	FIELD_OPTIONAL = 6
};

struct mount_line {
	char *point, *flags, *type, *options;
};

static const struct {
	const char *name;
	unsigned long flag;
} mount_flags[] = {
	{"ro", MS_RDONLY},         {"nosuid", MS_NOSUID},   {"nodev", MS_NODEV},
	{"noexec", MS_NOEXEC},     {"noatime", MS_NOATIME}, {"nodiratime", MS_NODIRATIME},
	{"relatime", MS_RELATIME},
};

static bool has_option(const char *options, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = options; (at = strstr(at, name)); at += len)
		if ((at == options || at[-1] == ',') && (!at[len] || at[len] == ','))
			return true;
	return false;
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* mountinfo writes blanks and backslashes as \ooo. */
static void unescape(char *text)
{
	char *out = text;

	for (const char *in = text; *in; out++) {
		if (in[0] == '\\' && in[1] <= '3' && is_octal(in[1]) && is_octal(in[2]) &&
		    is_octal(in[3])) {
			*out = (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
			in += 4;
		} else {
			*out = *in++;
		}
	}
	*out = '\0';
}

/* Cuts line up; false when it is not a whole mountinfo line. */
static bool split_line(char *line, struct mount_line *ret)
{
	char *save = NULL, *word = strtok_r(line, " \n", &save);

	for (int field = 0; word && strcmp(word, "-") != 0; field++) {
		if (field == FIELD_POINT)
			ret->point = word;
		else if (field == FIELD_FLAGS)
			ret->flags = word;
		word = strtok_r(NULL, " \n", &save);
	}
	if (!word || !ret->point || !ret->flags)
		return false;
	ret->type = strtok_r(NULL, " \n", &save);
	strtok_r(NULL, " \n", &save);
	ret->options = strtok_r(NULL, " \n", &save);
	return ret->type && ret->options;
}

/* The first place counts, and of several mounts on one place the last, which hides the others. */
static int take_v2(const struct mount_line *line, struct cg_host *host)
{
	unescape(line->point);
	if (host->mount[0] && strcmp(host->mount, line->point) != 0)
		return 0;
	if (!text_copy(host->mount, sizeof(host->mount), line->point) ||
	    !text_copy(host->options, sizeof(host->options), line->options))
		return -ENAMETOOLONG;
	host->recursiveprot = has_option(line->options, "memory_recursiveprot");
	host->mount_flags = 0;
	for (size_t i = 0; i < ARRAY_SIZE(mount_flags); i++)
		if (has_option(line->flags, mount_flags[i].name))
			host->mount_flags |= mount_flags[i].flag;
	host->read_only = (host->mount_flags & MS_RDONLY) || has_option(line->options, "ro");
	return 0;
}

int cg_host_read_mounts(FILE *mountinfo, struct cg_host *ret_host, bool *ret_memory_v1)
{
	char line[LINE_LEN];
	int ret;

	*ret_memory_v1 = false;
	while (fgets(line, sizeof(line), mountinfo)) {
		struct mount_line mount = {0};

		if (!split_line(line, &mount))
			continue;
		if (!strcmp(mount.type, "cgroup") && has_option(mount.options, "memory"))
			*ret_memory_v1 = true;
		if (strcmp(mount.type, "cgroup2") != 0)
			continue;
		ret = take_v2(&mount, ret_host);
		if (ret)
			return ret;
	}
	return ferror(mountinfo) ? -EIO : 0;
}

static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += len)
		if ((at == text || at[-1] == ' ') &&
		    (!at[len] || at[len] == ' ' || at[len] == '\n'))
			return true;
	return false;
}

bool cg_has_memory(int dirfd, const char *file)
{
	char text[256];

	return text_read_at(dirfd, file, text, sizeof(text)) >= 0 && has_word(text, "memory");
}

int cg_host_probe(struct cg_host *ret_host, struct uw_err *err)
{
	AUTO_FCLOSE FILE *mountinfo = fopen("/proc/self/mountinfo", "re");
	AUTO_CLOSE int dir = -1;
	struct cg_host host = {.memory = CG_MEMORY_NONE};
	bool memory_v1 = false;
	int ret;

	if (!mountinfo)
		return err_set(err, -errno,
			       "cgroups: cannot read /proc/self/mountinfo: %s; mount /proc",
			       strerror(errno));
	ret = cg_host_read_mounts(mountinfo, &host, &memory_v1);
	if (ret)
		return err_set(err, ret, "cgroups: /proc/self/mountinfo: %s", strerror(-ret));
	host.systemd = access("/run/systemd/system", F_OK) == 0;
	if (memory_v1)
		host.memory = CG_MEMORY_V1;
	else if (host.mount[0]) {
		dir = open(host.mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir >= 0 && cg_has_memory(dir, "cgroup.controllers"))
			host.memory = CG_MEMORY_V2;
	}
	*ret_host = host;
	return 0;
}

int cg_host_check(const struct cg_host *host, struct uw_err *err)
{
	switch (host->memory) {
	case CG_MEMORY_V1:
		return err_set(err, -EOPNOTSUPP,
			       "cgroups: the memory controller is on cgroup v1 (hybrid host); boot "
			       "with systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all");
	case CG_MEMORY_NONE:
		return err_set(err, -EOPNOTSUPP, "cgroups: %s; %s",
			       host->mount[0] ? "the memory controller is not available"
					      : "no cgroup2 mount",
			       host->mount[0] ? "boot without cgroup_disable=memory, or have the "
						"container's parent delegate it"
					      : "mount -t cgroup2 cgroup2 /sys/fs/cgroup");
	case CG_MEMORY_V2:
		break;
	}
	if (host->read_only)
		return err_set(err, -EROFS,
			       "cgroups: %s is mounted read-only; mount -o remount,rw %s, or start "
			       "the container with a writable cgroup namespace",
			       host->mount, host->mount);
	return 0;
}

/* Only the true top has no type, and takes both processes and controllers. */
bool cg_host_takes_pool(const struct cg_host *host)
{
	AUTO_CLOSE int dir = open(host->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char text[16];
	pid_t pid;

	return dir < 0 || text_read_at(dir, "cgroup.type", text, sizeof(text)) == -ENOENT ||
	       cg_has_memory(dir, "cgroup.subtree_control") || cg_procs_read(dir, &pid, 1) <= 0;
}

bool cg_host_owns_mount(const struct cg_host *host)
{
	return !host->systemd;
}

/* A remount replaces all options and flags at once: those in force are given again. */
int cg_host_remount_recursive(const struct cg_host *host)
{
	char options[sizeof(host->options) + sizeof(",memory_recursiveprot")];
	const char *rest = host->options;

	if (!strncmp(rest, "rw", 2) && (rest[2] == ',' || !rest[2]))
		rest += rest[2] ? 3 : 2;
	snprintf(options, sizeof(options), "%s%smemory_recursiveprot", rest, *rest ? "," : "");
	if (mount(NULL, host->mount, NULL, MS_REMOUNT | host->mount_flags, options))
		return -errno;
	return 0;
}
