// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Undoes what is entered: limits below their old value are restored and frozen cgroups thawed. It
 * goes in three passes, so that nobody waits longer than he must: limits are opened wide without
 * any reclaim, then what is frozen is thawed, then the exact old values are written, each within a
 * short time. Values that were raised are loans and stay.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/ledger/ledger.h"

#define VALUE_LEN 24

/* The exact old value of memory.high may have to reclaim; the value stands from the start of the
 * write, so the wait for it is cut short, and again every so often should the first cut have come
 * just before the write. */
#define EXACT_WRITE_US 50000

enum undo_pass {
	PASS_RAISE, /* limits: not squeezed any more, without a wait */
	PASS_THAW,
	PASS_EXACT, /* memory.high that the first pass set to max */
	PASS__COUNT
};

enum undo_result {
	UNDO_NOTHING, /* as it should be */
	UNDO_LOAN,    /* above its old value: not ours to lower */
	UNDO_CHANGED,
	UNDO_GONE,
	UNDO_FAILED,
};

struct undo {
	struct ledger *ledger;
	int pool_dirfd;
	enum ledger_undo how;
	uint32_t kinds;
	uint64_t before_us;
	const char *group; /* this one and what is below it; NULL: all */
	enum undo_pass pass;
	bool to_max[LEDGER_ENTRIES_MAX];    /* by PASS_RAISE */
	uint8_t result[LEDGER_ENTRIES_MAX]; /* enum undo_result */
	struct ledger_undone sum;
};

static bool is_gone(int error)
{
	return error == -ENOENT || error == -ENODEV || error == -ENOTDIR;
}

/* 0 with the cgroup's directory, -ENODEV when another has taken its name. */
static int open_group(const struct undo *undo, const struct ledger_entry *entry, int *ret_dir)
{
	AUTO_CLOSE int dir = openat(undo->pool_dirfd, entry->path,
				    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (dir < 0)
		return -errno;
	if (fstat(dir, &st))
		return -errno;
	if (entry->cgid && st.st_ino != entry->cgid)
		return -ENODEV;
	*ret_dir = TAKE_FD(dir);
	return 0;
}

static int read_value(int dir, const char *file, uint64_t *ret_value)
{
	char text[VALUE_LEN + 8];
	long len = text_read_at(dir, file, text, sizeof(text));

	if (len < 0)
		return (int)len;
	if (!strncmp(text, "max", 3))
		*ret_value = LEDGER_MAX;
	else
		*ret_value = strtoull(text, NULL, 10);
	return 0;
}

/* O_NONBLOCK: where memory.high honours it the write does not reclaim. O_TRUNC: nothing to a
 * cgroup, right for a plain file. */
static int write_value(int dir, const char *file, uint64_t value)
{
	AUTO_CLOSE int fd = openat(dir, file, O_WRONLY | O_TRUNC | O_NONBLOCK | O_CLOEXEC);
	char text[VALUE_LEN];
	int len;

	if (fd < 0)
		return -errno;
	if (value == LEDGER_MAX)
		len = snprintf(text, sizeof(text), "max");
	else
		len = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return write(fd, text, (size_t)len) < 0 ? -errno : 0;
}

static enum undo_result conclude(struct undo *undo, int rc)
{
	if (!rc)
		return UNDO_CHANGED;
	if (is_gone(rc))
		return UNDO_GONE;
	undo->sum.error = rc;
	return UNDO_FAILED;
}

static enum undo_result undo_limit(struct undo *undo, const struct ledger_entry *entry,
				   uint32_t slot, int dir)
{
	const char *file = ledger_kind_name(entry->kind);
	uint64_t in_force, use = 0, target = entry->old_value;
	int rc = read_value(dir, file, &in_force);

	if (rc)
		return conclude(undo, rc);
	if (in_force == target)
		return UNDO_NOTHING;
	if (in_force > target)
		return UNDO_LOAN;
	if (entry->kind == LEDGER_HIGH && !read_value(dir, "memory.current", &use) &&
	    use >= target) {
		undo->to_max[slot] = true;
		target = LEDGER_MAX;
	}
	return conclude(undo, write_value(dir, file, target));
}

static enum undo_result undo_freeze(struct undo *undo, const struct ledger_entry *entry, int dir)
{
	const char *file = ledger_kind_name(entry->kind);
	uint64_t frozen;
	int rc = read_value(dir, file, &frozen);

	if (!rc && !frozen)
		return UNDO_NOTHING;
	return conclude(undo, rc ? rc : write_value(dir, file, 0));
}

static void on_alarm(int signal)
{
	(void)signal;
}

static int write_exact(int dir, const char *file, uint64_t value)
{
	const struct sigaction action = {.sa_handler = on_alarm}; /* no SA_RESTART */
	const struct itimerval every = {
		.it_interval = {.tv_usec = EXACT_WRITE_US},
		.it_value = {.tv_usec = EXACT_WRITE_US},
	};
	const struct itimerval never = {0};
	struct sigaction before;
	int rc;

	sigaction(SIGALRM, &action, &before);
	setitimer(ITIMER_REAL, &every, NULL);
	rc = write_value(dir, file, value);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &before, NULL);
	return rc;
}

static bool is_of_pass(const struct undo *undo, enum ledger_kind kind)
{
	switch (undo->pass) {
	case PASS_RAISE:
		return kind != LEDGER_FREEZE;
	case PASS_THAW:
		return kind == LEDGER_FREEZE;
	case PASS_EXACT:
	case PASS__COUNT:
		break;
	}
	return kind == LEDGER_HIGH;
}

static void undo_entry(struct undo *undo, const struct ledger_entry *entry, uint32_t slot)
{
	AUTO_CLOSE int dir = -1;
	int rc = open_group(undo, entry, &dir);
	enum undo_result result;

	if (rc)
		result = conclude(undo, rc);
	else if (undo->pass == PASS_RAISE)
		result = undo_limit(undo, entry, slot, dir);
	else if (undo->pass == PASS_THAW)
		result = undo_freeze(undo, entry, dir);
	else
		result = conclude(
			undo, write_exact(dir, ledger_kind_name(entry->kind), entry->old_value));
	undo->result[slot] = (uint8_t)result;
}

static bool is_below(const char *path, const char *group)
{
	size_t len = strlen(group);

	return !strncmp(path, group, len) && (!path[len] || path[len] == '/');
}

static bool is_due(const struct undo *undo, const struct ledger_entry *entry)
{
	if (!(undo->kinds & (1U << entry->kind)))
		return false;
	if (undo->group && !is_below(entry->path, undo->group))
		return false;
	return undo->before_us == UINT64_MAX ||
	       (entry->deadline_us && entry->deadline_us <= undo->before_us);
}

/* By kind within a pass: the order of enum ledger_kind is the order of undoing. */
static void run_pass(struct undo *undo)
{
	bool is_last = undo->pass == PASS_EXACT;
	struct ledger_entry entry;

	for (enum ledger_kind kind = 0; kind < LEDGER__COUNT; kind++) {
		/* Ten times a second for freezes alone: each slot that is read counts. */
		if (!(undo->kinds & (1U << kind)) || !is_of_pass(undo, kind))
			continue;
		for (uint32_t slot = 0; slot < ledger_slots(undo->ledger); slot++)
			if ((!is_last || undo->to_max[slot]) &&
			    ledger_read(undo->ledger, slot, &entry) && entry.kind == kind &&
			    is_due(undo, &entry))
				undo_entry(undo, &entry, slot);
	}
}

static void settle(struct undo *undo)
{
	struct ledger_entry entry;

	for (uint32_t slot = 0; slot < ledger_slots(undo->ledger); slot++) {
		enum undo_result result = (enum undo_result)undo->result[slot];

		if (!ledger_read(undo->ledger, slot, &entry) || !is_due(undo, &entry))
			continue;
		undo->sum.changed += result == UNDO_CHANGED;
		undo->sum.gone += result == UNDO_GONE;
		undo->sum.failed += result == UNDO_FAILED;
		if (undo->how == LEDGER_UNDO_CLEAR && result != UNDO_FAILED && result != UNDO_LOAN)
			ledger_clear_slot(undo->ledger, slot);
	}
}

static void run(struct undo *undo, struct ledger_undone *ret_undone)
{
	for (undo->pass = 0; undo->pass < PASS__COUNT; undo->pass++)
		run_pass(undo);
	settle(undo);
	*ret_undone = undo->sum;
}

void ledger_undo(struct ledger *ledger, int pool_dirfd, enum ledger_undo how, uint32_t kinds,
		 uint64_t before_us, struct ledger_undone *ret_undone)
{
	struct undo undo = {
		.ledger = ledger,
		.pool_dirfd = pool_dirfd,
		.how = how,
		.kinds = kinds,
		.before_us = before_us,
	};

	run(&undo, ret_undone);
}

void ledger_undo_group(struct ledger *ledger, int pool_dirfd, enum ledger_undo how,
		       const char *group, struct ledger_undone *ret_undone)
{
	struct undo undo = {
		.ledger = ledger,
		.pool_dirfd = pool_dirfd,
		.how = how,
		.kinds = LEDGER_KINDS_ALL,
		.before_us = UINT64_MAX,
		.group = group,
	};

	run(&undo, ret_undone);
}
