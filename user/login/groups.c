// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A job waits with the groups that its submitter had. Those that the user is no member of any more
 * are left out when it starts; none is added, as it may have been submitted with fewer on purpose.
 * By the groups of this moment it is also decided whether the user may still submit.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "user/login/login.h"

#define GROUPS_MAX 65536 /* NGROUPS_MAX of include/uapi/linux/limits.h */

struct group_list {
	gid_t *gid;
	int count;
};

static int read_groups(const struct passwd *user, struct group_list *ret_groups)
{
	int room = 64;

	for (;;) {
		gid_t *gid = reallocarray(ret_groups->gid, (size_t)room, sizeof(*gid));

		if (!gid)
			return -ENOMEM;
		ret_groups->gid = gid;
		ret_groups->count = room;
		if (getgrouplist(user->pw_name, user->pw_gid, gid, &ret_groups->count) >= 0)
			return 0;
		if (room >= GROUPS_MAX)
			return -E2BIG;
		room = ret_groups->count > 2 * room ? ret_groups->count : 2 * room;
	}
}

static bool has(const struct group_list *groups, uint32_t gid)
{
	for (int i = 0; i < groups->count; i++)
		if (groups->gid[i] == gid)
			return true;
	return false;
}

static void keep_own(struct job_spec *spec, const struct group_list *groups)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < spec->group_count; i++)
		if (has(groups, spec->group[i]))
			spec->group[count++] = spec->group[i];
	spec->group_count = count;
}

/* What errno says after a lookup that found nothing: 0, or that it could not be looked up. */
static int lookup_error(void)
{
	return errno == ENOENT || errno == ESRCH ? 0 : -errno;
}

int login_user(uint32_t uid, const struct passwd **ret_user)
{
	const struct passwd *user;
	int rc;

	errno = 0;
	user = getpwuid(uid);
	rc = user ? 0 : lookup_error();
	if (!rc)
		*ret_user = user;
	return rc;
}

static int is_named_group(const char *name, const struct group_list *groups)
{
	const struct group *group;

	errno = 0;
	group = getgrnam(name);
	return group ? has(groups, group->gr_gid) : lookup_error();
}

static int is_named_user(const char *name, uint32_t uid)
{
	const struct passwd *user;

	errno = 0;
	user = getpwnam(name);
	return user ? user->pw_uid == uid : lookup_error();
}

/* As uwd's submitters.c decides, by the ids of names that are looked up now: a user may be spelled
 * otherwise there than in its own entry. 1, 0, or -errno of a name that may be it. */
static int may_submit(const char *at, uint32_t uid, const struct group_list *groups)
{
	char word[SUBMIT_WORD_LEN];
	int rc, error = 0;

	while ((at = submit_next(at, word))) {
		rc = !strcmp(word, "*") ? 1
		     : word[0] == '@'   ? is_named_group(word + 1, groups)
					: is_named_user(word, uid);
		if (rc > 0)
			return rc;
		error = rc ? rc : error;
	}
	return error;
}

/* user is in the C library's memory, and stays what it is over lookups of groups. */
static int take_groups(struct job_spec *spec, const struct passwd *user, struct group_list *groups)
{
	int rc;

	if (!user) {
		spec->group_count = 0;
		return 0;
	}
	rc = read_groups(user, groups);
	if (rc)
		return rc;
	keep_own(spec, groups);
	if (!has(groups, spec->gid))
		spec->gid = user->pw_gid;
	return 0;
}

int login_groups(struct job_spec *spec, const char *submit)
{
	struct group_list groups = {0};
	const struct passwd *user = NULL;
	int rc = login_user(spec->uid, &user);

	if (!rc)
		rc = take_groups(spec, user, &groups);
	if (!rc && spec->uid) {
		rc = may_submit(submit, spec->uid, &groups);
		rc = rc < 0 ? rc : rc ? 0 : LOGIN_MAY_NOT_SUBMIT;
	}
	free(groups.gid);
	return rc;
}
