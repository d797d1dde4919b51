// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Policy shifts the thresholds of a component by what it sees of its stalls, over hours and days; a
 * restart must not begin that anew. The file is read at the start, and written when a shift differs
 * from what it holds: beside its place first, synced, and then renamed, so that a crash or a loss
 * of power leaves the old one or the new one. The disk may take seconds for that, so a thread
 * waits.
 */
#include "user/daemon/thresholds_file.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/log.h"
#include "user/base/sync.h"
#include "user/base/text.h"
#include "user/base/thread.h"
#include "user/policy/step.h"

#define LINE_LEN    128
#define STACK_BYTES (64U << 10)

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

/* ---- the thread's ---- */

static int write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	int rc = 0;

	if (!file)
		return -errno;
	if (fputs(text, file) < 0 || fflush(file) || fsync(fileno(file)))
		rc = errno ? -errno : -EIO;
	if (fclose(file) && !rc)
		rc = -errno;
	return rc;
}

/* parent: of path, made where it is missing. */
static int make_parent(const char *path, char *parent, size_t size)
{
	char *slash;

	text_copy(parent, size, path);
	slash = strrchr(parent, '/');
	if (!slash || slash == parent) {
		text_copy(parent, size, slash ? "/" : ".");
		return 0;
	}
	*slash = '\0';
	return mkdir(parent, 0755) && errno != EEXIST ? -errno : 0;
}

static void *write_file(void *data)
{
	struct thresholds_write *write = data;
	char fresh[sizeof(write->path) + 8], parent[sizeof(write->path)];
	int rc = make_parent(write->path, parent, sizeof(parent));

	snprintf(fresh, sizeof(fresh), "%s.new", write->path);
	if (!rc)
		rc = write_text(fresh, write->text);
	if (!rc && rename(fresh, write->path))
		rc = -errno;
	write->error = rc ? rc : sync_dir(parent);
	atomic_store(&write->done, true);
	return NULL;
}

/* ---- the loop's ---- */

/* False while it is under way, unless it is waited for. */
static bool reap(struct thresholds_write *write, bool wait)
{
	if (!write->runs)
		return true;
	if (!wait && !atomic_load(&write->done))
		return false;
	pthread_join(write->thread, NULL);
	write->runs = false;
	if (write->error)
		log_warning("adaptive edges are not kept over a restart file=%s error=%s",
			    write->path, strerror(-write->error));
	return true;
}

static void begin(struct thresholds_write *write)
{
	atomic_store(&write->done, false);
	write->error = thread_start(&write->thread, STACK_BYTES, 0, write_file, write);
	write->runs = !write->error;
	if (write->error)
		log_warning("adaptive edges are not kept over a restart file=%s error=%s",
			    write->path, strerror(-write->error));
}

/* It is tried once, also when it fails: the next change tries again. */
static void take_shifts(struct daemon *daemon)
{
	struct thresholds_write *write = &daemon->thresholds;
	size_t at = 0;

	write->text[0] = '\0';
	for (uint32_t i = 0; i < daemon->config.component_count; i++) {
		struct daemon_component *component = &daemon->component[i];

		component->shift_kept_permyriad = component->view.edge_shift_permyriad;
		at += (size_t)snprintf(write->text + at, sizeof(write->text) - at, "%s %d\n",
				       daemon->config.component[i].name,
				       component->shift_kept_permyriad);
	}
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
	struct thresholds_write *write = &daemon->thresholds;

	if (!reap(write, last) || is_kept(daemon))
		return;
	if (!write->asked && (!daemon->config.policy.edges_adapt || (!last && !is_calm(daemon))))
		return;
	write->asked = false;
	text_copy(write->path, sizeof(write->path), path);
	take_shifts(daemon);
	begin(write);
	if (last)
		reap(write, true);
}
