// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Policy shifts the thresholds of a component by what it sees of its stalls, over hours and days; a
 * restart must not begin that anew. The file is read at the start, and written when a shift differs
 * from what it holds: beside its place first and then renamed, so that a crash leaves the old one.
 */
#include "user/daemon/thresholds_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "user/base/cleanup.h"
#include "user/base/log.h"
#include "user/base/text.h"
#include "user/policy/step.h"

#define LINE_LEN 128

void thresholds_file_load(struct daemon *daemon, const char *path)
{
	FILE *file = fopen(path, "re");
	char line[LINE_LEN], name[LINE_LEN];
	int shift, component;

	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%127s %6d", name, &shift) != 2)
			continue;
		component = config_find(&daemon->config, name);
		if (component < 0)
			continue;
		policy_restore_thresholds(daemon->policy, &daemon->config, (uint32_t)component,
					  shift);
		daemon->component[component].shift_kept_permyriad = shift;
	}
	fclose(file);
}

static bool is_kept(const struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->config.component_count; i++)
		if (daemon->component[i].view.edge_shift_permyriad !=
		    daemon->component[i].shift_kept_permyriad)
			return false;
	return true;
}

static bool write_shifts(const struct daemon *daemon, const char *path)
{
	FILE *file = fopen(path, "we");
	bool written = true;

	if (!file)
		return false;
	for (uint32_t i = 0; i < daemon->config.component_count; i++)
		written &= fprintf(file, "%s %d\n", daemon->config.component[i].name,
				   daemon->component[i].view.edge_shift_permyriad) > 0;
	return fclose(file) == 0 && written;
}

static bool make_parent(const char *path)
{
	char parent[256];
	char *slash;

	text_copy(parent, sizeof(parent), path);
	slash = strrchr(parent, '/');
	if (!slash || slash == parent)
		return true;
	*slash = '\0';
	return mkdir(parent, 0755) == 0 || errno == EEXIST;
}

/* A write may wait for the disk that is being swapped to. */
static bool is_calm(const struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->config.component_count; i++)
		if (daemon->component[i].view.level > LEVEL_NORMAL ||
		    daemon->component[i].view.frozen_leaves)
			return false;
	return true;
}

void thresholds_file_save(struct daemon *daemon, const char *path, bool last)
{
	char fresh[256];

	if (!daemon->config.policy.edges_adapt || is_kept(daemon) || (!last && !is_calm(daemon)))
		return;
	/* Once, also when it fails: the next change tries again. */
	for (uint32_t i = 0; i < daemon->config.component_count; i++)
		daemon->component[i].shift_kept_permyriad =
			daemon->component[i].view.edge_shift_permyriad;
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	if (!make_parent(path) || !write_shifts(daemon, fresh) || rename(fresh, path))
		log_warning("adaptive edges are not kept over a restart file=%s error=%s", path,
			    strerror(errno));
}
