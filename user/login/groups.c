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

/* As uwd's submitters.c decides, by the ids of names that are looked up now: a user may be spelled
 * otherwise there than in its own entry. */
static bool is_named(const char *word, uint32_t uid, const struct group_list *groups)
{
	const struct passwd *user;
	const struct group *group;

	if (word[0] == '@') {
		group = getgrnam(word + 1);
		return group && has(groups, group->gr_gid);
	}
	if (!strcmp(word, "*"))
		return true;
	user = getpwnam(word);
	return user && user->pw_uid == uid;
}

static bool may_submit(const char *at, uint32_t uid, const struct group_list *groups)
{
	char word[SUBMIT_WORD_LEN];

	while ((at = submit_next(at, word)))
		if (is_named(word, uid, groups))
			return true;
	return false;
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
	const struct passwd *user;
	int rc;

	errno = 0;
	user = getpwuid(spec->uid);
	if (!user && errno && errno != ENOENT && errno != ESRCH)
		return -errno;
	rc = take_groups(spec, user, &groups);
	if (!rc && spec->uid && !may_submit(submit, spec->uid, &groups))
		rc = LOGIN_MAY_NOT_SUBMIT;
	free(groups.gid);
	return rc;
}
