// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Checks the names of pools, components and leaves before they become paths, and joins them. Which
 * names are units of systemd, and so whose ancestors systemd configures, is told by their endings.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cgroups/internal.h"
#include "user/base/text.h"

#define PART_MAX 255 /* NAME_MAX of kernfs */

static bool is_part(const char *part, size_t len)
{
	if (!len || len > PART_MAX)
		return false;
	if (part[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)part[i] <= ' ' || part[i] == 0x7f)
			return false;
	return true;
}

int cg_check_root(const char *root, struct uw_err *err)
{
	size_t len = strlen(root);

	if (len >= CG_PATH_LEN - 2 * CG_NAME_LEN)
		return err_set(err, -ENAMETOOLONG, "cgroups: root of %zu characters; at most %d",
			       len, CG_PATH_LEN - 2 * CG_NAME_LEN - 1);
	for (const char *part = root;; part++) {
		size_t n = strcspn(part, "/");

		if (!is_part(part, n))
			return err_set(err, -EINVAL,
				       "cgroups: root '%s': want a path below the cgroup2 mount, "
				       "like \"uw\", without a leading or double '/', \"..\" or "
				       "blanks",
				       root);
		part += n;
		if (!*part)
			return 0;
	}
}

int cg_check_component(const char *name, struct uw_err *err)
{
	if (!text_is_name(name))
		return err_set(err, -EINVAL,
			       "cgroups: component '%.40s': want 1 to 31 of a-z 0-9 _ -, the first "
			       "a letter or digit",
			       name);
	if (!strcmp(name, CG_HOLDER))
		return err_set(
			err, -EINVAL,
			"cgroups: component 'holder': the name is the guard's; take another");
	return 0;
}

int cg_check_leaf(const char *name, struct uw_err *err)
{
	if (!text_is_name(name))
		return err_set(err, -EINVAL,
			       "cgroups: leaf '%.40s': want 1 to 31 of a-z 0-9 _ -, the first a "
			       "letter or digit",
			       name);
	if (!strcmp(name, CG_POOLS))
		return err_set(err, -EINVAL,
			       "cgroups: leaf '" CG_POOLS
			       "': the name is that of a component's pools; take another");
	return 0;
}

static bool ends_with(const char *text, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && !memcmp(text + len - n, end, n);
}

bool cg_root_is_unit(const char *root)
{
	size_t n = strcspn(root, "/");

	return ends_with(root, n, ".slice") || ends_with(root, n, ".scope") ||
	       ends_with(root, n, ".service");
}

const char *cg_unit_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	return cg_root_is_unit(name) ? name : NULL;
}

int cg_join(char *buf, size_t size, const char *parent, const char *name)
{
	int n = snprintf(buf, size, "%s%s%s", parent, *parent ? "/" : "", name);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}
