// SPDX-License-Identifier: GPL-2.0-or-later
#include "user/daemon/submitters.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "user/base/log.h"

static void say_unknown(const struct component *component, const char *what, const char *name)
{
	if (errno && errno != ENOENT && errno != ESRCH)
		log_warning("submit names a %s that could not be looked up component=%s %s=%s "
			    "error=%s: when that is mended, run 'uwctl reload'",
			    what, component->name, what, name, strerrorname_np(errno));
	else
		log_warning("submit names a %s that does not exist component=%s %s=%s: create it "
			    "and run 'uwctl reload'",
			    what, component->name, what, name);
}

static void add_group(const struct component *component, const char *name, struct job_allow *allow)
{
	const struct group *group;

	errno = 0;
	group = getgrnam(name);
	if (!group)
		say_unknown(component, "group", name);
	else if (allow->gid_count < JOB_ALLOW_MAX)
		allow->gid[allow->gid_count++] = group->gr_gid;
}

static void add_user(const struct component *component, const char *name, struct job_allow *allow)
{
	const struct passwd *user;

	errno = 0;
	user = getpwnam(name);
	if (!user)
		say_unknown(component, "user", name);
	else if (allow->uid_count < JOB_ALLOW_MAX)
		allow->uid[allow->uid_count++] = user->pw_uid;
}

void job_allow_resolve(const struct component *component, struct job_allow *ret_allow)
{
	const char *at = component->submit;
	char word[SUBMIT_WORD_LEN];

	*ret_allow = (struct job_allow){0};
	while ((at = submit_next(at, word))) {
		if (!strcmp(word, "*"))
			ret_allow->all = true;
		else if (word[0] == '@')
			add_group(component, word + 1, ret_allow);
		else if (strcmp(word, "root") != 0)
			add_user(component, word, ret_allow);
	}
}

static bool is_in(const uint32_t *list, uint32_t count, uint32_t id)
{
	for (uint32_t i = 0; i < count; i++)
		if (list[i] == id)
			return true;
	return false;
}

bool submit_is_allowed(const struct job_allow *allow, const struct ipc_peer *peer)
{
	if (peer->uid == 0 || allow->all || is_in(allow->uid, allow->uid_count, peer->uid) ||
	    is_in(allow->gid, allow->gid_count, peer->gid))
		return true;
	for (uint32_t i = 0; i < peer->group_count; i++)
		if (is_in(allow->gid, allow->gid_count, peer->group[i]))
			return true;
	return false;
}

bool submit_is_open(const struct config *config)
{
	char word[SUBMIT_WORD_LEN];

	for (uint32_t i = 0; i < config->component_count; i++) {
		const char *at = config->component[i].submit;

		while ((at = submit_next(at, word)))
			if (strcmp(word, "root") != 0)
				return true;
	}
	return false;
}
