// SPDX-License-Identifier: GPL-2.0-or-later
#include "user/daemon/job_allow.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>

static bool is_in_group(const struct ipc_peer *peer, const char *name)
{
	const struct group *group = getgrnam(name);

	if (!group)
		return false;
	for (uint32_t i = 0; i < peer->group_count; i++)
		if (peer->group[i] == group->gr_gid)
			return true;
	return peer->gid == group->gr_gid;
}

static bool is_user(const struct ipc_peer *peer, const char *name)
{
	const struct passwd *user = getpwnam(name);

	return user && user->pw_uid == peer->uid;
}

bool submit_is_allowed(const struct component *component, const struct ipc_peer *peer)
{
	const char *at = component->submit;
	char word[SUBMIT_WORD_LEN];

	if (peer->uid == 0)
		return true;
	while ((at = submit_next(at, word)))
		if (!strcmp(word, "*") || (word[0] == '@' && is_in_group(peer, word + 1)) ||
		    is_user(peer, word))
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
