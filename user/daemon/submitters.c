// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Turns a list of users and groups (`submit` and `lease` of each component) into their ids when the
 * configuration is read, so that a call only compares numbers. A name that is not found is logged
 * and lets nobody in.
 */
#include "user/daemon/submitters.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "user/base/log.h"

/* A list, for those who are told of a name in it. */
struct submitters_list {
	const char *key, *component;
};

static void say_unknown(const struct submitters_list *list, const char *what, const char *name)
{
	if (errno && errno != ENOENT && errno != ESRCH)
		log_warning("%s names a %s that could not be looked up component=%s %s=%s "
			    "error=%s: when that is mended, run 'uwctl reload'",
			    list->key, what, list->component, what, name, strerrorname_np(errno));
	else
		log_warning("%s names a %s that does not exist component=%s %s=%s: create it "
			    "and run 'uwctl reload'",
			    list->key, what, list->component, what, name);
}

static void add_group(const struct submitters_list *list, const char *name,
		      struct submitters *submitters)
{
	const struct group *group;

	errno = 0;
	group = getgrnam(name);
	if (!group)
		say_unknown(list, "group", name);
	else if (submitters->gid_count < SUBMITTERS_MAX)
		submitters->gid[submitters->gid_count++] = group->gr_gid;
}

static void add_user(const struct submitters_list *list, const char *name,
		     struct submitters *submitters)
{
	const struct passwd *user;

	errno = 0;
	user = getpwnam(name);
	if (!user)
		say_unknown(list, "user", name);
	else if (submitters->uid_count < SUBMITTERS_MAX)
		submitters->uid[submitters->uid_count++] = user->pw_uid;
}

static void resolve(const struct submitters_list *list, const char *at,
		    struct submitters *ret_submitters)
{
	char word[SUBMIT_WORD_LEN];

	*ret_submitters = (struct submitters){0};
	while ((at = submit_next(at, word))) {
		if (!strcmp(word, "*"))
			ret_submitters->all = true;
		else if (word[0] == '@')
			add_group(list, word + 1, ret_submitters);
		else if (strcmp(word, "root") != 0)
			add_user(list, word, ret_submitters);
	}
}

void submitters_resolve(const struct component *component, struct submitters *ret_submitters)
{
	const struct submitters_list list = {"submit", component->name};

	resolve(&list, component->submit, ret_submitters);
}

void submitters_resolve_lease(const struct component *component, struct submitters *ret_submitters)
{
	const struct submitters_list list = {"lease", component->name};

	resolve(&list, component->lease, ret_submitters);
}

static bool is_in(const uint32_t *list, uint32_t count, uint32_t id)
{
	for (uint32_t i = 0; i < count; i++)
		if (list[i] == id)
			return true;
	return false;
}

bool submitters_include(const struct submitters *submitters, const struct ipc_peer *peer)
{
	if (peer->uid == 0 || submitters->all ||
	    is_in(submitters->uid, submitters->uid_count, peer->uid) ||
	    is_in(submitters->gid, submitters->gid_count, peer->gid))
		return true;
	for (uint32_t i = 0; i < peer->group_count; i++)
		if (is_in(submitters->gid, submitters->gid_count, peer->group[i]))
			return true;
	return false;
}

bool submitters_beside_root(const struct config *config)
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
