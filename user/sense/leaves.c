// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds the leaves below the components and reads each into the frame. Leaves come and go by uwctl
 * run, by jobs and by hand. inotify on each component's directory says when to search; a search now
 * and then covers a lost notification. There may be thousands, so that one file of each is read
 * with a frame and kept open for it; inotify says of the others when it is worth while.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/text.h"
#include "user/sense/internal.h"
#include "user/sense/parse.h"

#define SEARCH_US      US_PER_SEC /* without inotify */
#define SEARCH_IDLE_US (10 * US_PER_SEC)
#define LEAF_KNOBS     (1U << CG_CURRENT)

#define UNTOLD_US (60 * US_PER_SEC)
#define ASKED_US  (10 * US_PER_SEC) /* longer than it is from one breath to the next */
#define EXPECT_US (5 * US_PER_SEC)  /* the freezer is asynchronous: up to 1 s was seen */

void sense_watch_component(struct sense *sense, struct sense_component *component)
{
	char path[64];

	if (sense->inotify < 0)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", component->group.dir);
	component->watch =
		inotify_add_watch(sense->inotify, path, IN_CREATE | IN_DELETE | IN_ONLYDIR);
}

/* By the component's directory, which the kernel has looked up in /proc before. Not for ever
 * without it: a read of all of it asks for it again. */
static void watch_leaf(const struct sense *sense, struct sense_leaf *leaf)
{
	char path[64 + CG_NAME_LEN];
	int watch;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s/cgroup.events",
		 sense->component[leaf->component].group.dir, leaf->group.name);
	watch = sense->inotify < 0 ? -1 : inotify_add_watch(sense->inotify, path, IN_MODIFY);
	leaf->watch = watch < 0 ? 0 : (uint64_t)watch;
}

/* One that was removed has lost its watch already. */
void sense_unwatch_component(struct sense *sense, const struct sense_component *component)
{
	if (component->watch >= 0)
		inotify_rm_watch(sense->inotify, component->watch);
}

/* ---- the table ---- */

static void tell(const struct sense *sense, const struct sense_leaf *leaf, bool came)
{
	if (sense->leaf_fn)
		sense->leaf_fn(sense->leaf_data, leaf->component, leaf->group.id,
			       came ? leaf->group.name : NULL);
}

#define IDS(sense)     LEAF_IDS((sense)->leaf, group.id)
#define WATCHES(sense) LEAF_IDS((sense)->leaf, watch)

/* After drop_leaf, which moves another one. */
static void renew_index(struct sense *sense)
{
	leaf_index_build(&sense->index, IDS(sense), sense->leaf_count, sense->leaf_count);
	leaf_index_build(&sense->by_watch, WATCHES(sense), sense->leaf_count, sense->leaf_count);
}

static void close_cpu(struct sense_leaf *leaf)
{
	if (leaf->cpu >= 0)
		close(leaf->cpu);
	leaf->cpu = -1;
}

static void drop_leaf(struct sense *sense, uint32_t index)
{
	tell(sense, &sense->leaf[index], false);
	if (sense->leaf[index].watch)
		inotify_rm_watch(sense->inotify, (int)sense->leaf[index].watch);
	close_cpu(&sense->leaf[index]);
	sense_close_spare(&sense->leaf[index]);
	cg_group_close(&sense->leaf[index].group);
	sense->leaf[index] = sense->leaf[--sense->leaf_count];
}

void sense_forget_leaves(struct sense *sense, uint32_t component)
{
	for (uint32_t i = sense->leaf_count; i-- > 0;)
		if (sense->leaf[i].component == component)
			drop_leaf(sense, i);
	renew_index(sense);
}

/* The id, not the name: a leaf that was removed and made anew is another leaf. */
uint32_t sense_leaf_at(const struct sense *sense, uint64_t cgid)
{
	return leaf_index_find(&sense->index, IDS(sense), cgid);
}

/* Once: a person has to change something, and they come and go. */
static void tell_unseen(struct sense *sense, uint32_t component, const char *name, const char *why)
{
	if (!sense->unseen_told)
		log_warning("a leaf is not followed, and neither stopped nor protected by itself "
			    "component=%s leaf=%s why=\"%s\"",
			    sense->component[component].name, name, why);
	sense->unseen_told = true;
}

#define NUMBER_OF(max) #max
#define ALL_TAKEN(max) NUMBER_OF(max) " are followed already"

static void add_leaf(struct sense *sense, uint32_t index, const char *name)
{
	struct sense_component *component = &sense->component[index];
	struct sense_leaf leaf = {.component = index,
				  .born_us = clock_now_us(),
				  .seen = true,
				  .is_new = component->searched && component->watch >= 0,
				  .cpu = -1,
				  .stat = -1};
	int rc;

	if (sense->leaf_count == FRAME_LEAVES_MAX || strlen(name) >= CG_NAME_LEN) {
		tell_unseen(sense, index, name,
			    sense->leaf_count == FRAME_LEAVES_MAX
				    ? ALL_TAKEN(FRAME_LEAVES_MAX)
				    : "its name has more than 127 characters");
		return;
	}
	rc = cg_group_open(component->group.dir, name, LEAF_KNOBS, &leaf.group);
	if (rc == -EMFILE || rc == -ENFILE)
		tell_unseen(sense, index, name, strerror(-rc));
	if (rc) {
		component->changed |= rc != -ENOENT; /* it is searched for again */
		return;
	}
	watch_leaf(sense, &leaf);
	sense->leaf[sense->leaf_count] = leaf;
	tell(sense, &sense->leaf[sense->leaf_count++], true);
	if (!leaf_index_add(&sense->index, IDS(sense), sense->leaf_count - 1) ||
	    !leaf_index_add(&sense->by_watch, WATCHES(sense), sense->leaf_count - 1))
		renew_index(sense); /* larger ones */
}

/* ---- the search ---- */

/* On 64-bit kernels d_ino is the cgroup id; a known one costs nothing more. The leaf of pools is
 * not one of those that are judged and stopped: who keeps pools must run, and only asks can make
 * them smaller. */
static void see_entry(struct sense *sense, uint32_t component, const struct dirent64 *entry)
{
	uint32_t at;

	if (entry->d_type != DT_DIR || entry->d_name[0] == '.' || !strcmp(entry->d_name, CG_POOLS))
		return;
	at = sense_leaf_at(sense, entry->d_ino);
	if (at != LEAF_NONE && sense->leaf[at].component == component)
		sense->leaf[at].seen = true;
	else
		add_leaf(sense, component, entry->d_name);
}

/* Who could not be looked for is not gone. */
static void keep_all(struct sense *sense, uint32_t component)
{
	for (uint32_t i = 0; i < sense->leaf_count; i++)
		sense->leaf[i].seen |= sense->leaf[i].component == component;
	sense->component[component].changed = true;
}

static void search_component(struct sense *sense, uint32_t component)
{
	int dir = sense->component[component].group.dir;
	ssize_t n = -1;

	if (lseek(dir, 0, SEEK_SET) < 0) {
		keep_all(sense, component);
		return;
	}
	while ((n = getdents64(dir, sense->text, sizeof(sense->text))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const void *)(sense->text + at);

			see_entry(sense, component, entry);
			at += entry->d_reclen;
		}
	if (n < 0)
		keep_all(sense, component);
	else
		sense->component[component].searched = !sense->component[component].changed;
}

/* Where something has changed. */
static void search(struct sense *sense)
{
	bool any_gone = false;

	for (uint32_t i = 0; i < sense->leaf_count; i++)
		sense->leaf[i].seen = !sense->component[sense->leaf[i].component].changed;
	for (uint32_t i = 0; i < sense->component_count; i++) {
		if (!sense->component[i].changed)
			continue;
		sense->component[i].changed = false;
		if (sense->component[i].group.dir >= 0)
			search_component(sense, i);
	}
	for (uint32_t i = sense->leaf_count; i-- > 0;) {
		if (sense->leaf[i].seen)
			continue;
		drop_leaf(sense, i);
		any_gone = true;
	}
	if (any_gone)
		renew_index(sense);
}

/* Of directories is not asked what exactly changed: the search finds out. */
static void take_event(struct sense *sense, const struct inotify_event *event)
{
	uint32_t at = event->wd < 0 ? LEAF_NONE
				    : leaf_index_find(&sense->by_watch, WATCHES(sense),
						      (uint64_t)event->wd);

	if (event->mask & IN_Q_OVERFLOW)
		for (uint32_t i = 0; i < sense->leaf_count; i++)
			sense->leaf[i].changed = true;
	for (uint32_t i = 0; i < sense->component_count; i++)
		sense->component[i].changed |=
			event->mask & IN_Q_OVERFLOW || event->wd == sense->component[i].watch;
	if (at == LEAF_NONE)
		return;
	sense->leaf[at].changed = true;
	if (event->mask & IN_IGNORED)
		sense->leaf[at].watch = 0;
}

static void drain_inotify(struct sense *sense)
{
	ssize_t n;

	while (sense->inotify >= 0 &&
	       (n = read(sense->inotify, sense->text, sizeof(sense->text))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *event = (const void *)(sense->text + at);

			take_event(sense, event);
			at += (ssize_t)(sizeof(*event) + event->len);
		}
}

static uint64_t search_period(const struct sense *sense)
{
	for (uint32_t i = 0; i < sense->component_count; i++)
		if (sense->component[i].group.dir >= 0 && sense->component[i].watch < 0)
			return SEARCH_US;
	return SEARCH_IDLE_US;
}

static void search_when_due(struct sense *sense)
{
	uint64_t now_us = clock_now_us();
	bool is_due = !sense->searched_us || now_us - sense->searched_us >= search_period(sense);
	bool any = false;

	drain_inotify(sense);
	for (uint32_t i = 0; i < sense->component_count; i++)
		any |= sense->component[i].changed |= is_due;
	if (is_due)
		sense->searched_us = now_us;
	if (any)
		search(sense);
}

/* ---- the frame ---- */

#define LACKS 1 /* this kernel has no such file, and the value is as it was */

/* -ENODEV: the group is gone; else that it could not be read this time. */
static int renew(struct sense *sense, const struct cg_group *group, enum cg_knob knob,
		 uint64_t *value)
{
	long length = cg_read_text(group, knob, sense->text, sizeof(sense->text));

	if (length == -ENOENT || length == -EACCES || length == -EOPNOTSUPP)
		return LACKS;
	if (length < 0)
		return (int)length;
	return parse_bytes(sense->text, value) ? 0 : -EBADMSG;
}

/* uwd stops it or lets it go, or it stands. */
static bool is_near(const struct sense_leaf *leaf, uint64_t now_us)
{
	return leaf->frozen || now_us < leaf->expect_until_us;
}

/*
 * Frozen is what cgroup.freeze says: "frozen 1" of cgroup.events comes only once the last task has
 * stopped, and one in the kernel's depths can hold it off for seconds. While cgroup.events says
 * what it said, and uwd is not about to stop the leaf or let it go, it need not be asked.
 */
static int renew_state(struct sense *sense, struct sense_leaf *leaf, bool all)
{
	const struct cg_group *group = &leaf->group;
	long length = cg_read_text(group, CG_CGROUP_EVENTS, sense->text, sizeof(sense->text));
	bool stopped;
	uint64_t frozen;
	int rc = 0;

	if (length < 0)
		return (int)length;
	if (!parse_cgroup_events(sense->text, &leaf->populated, &stopped))
		return -EBADMSG;
	frozen = stopped;
	if (all || stopped != leaf->frozen)
		rc = renew(sense, group, CG_FREEZE, &frozen);
	if (rc >= 0)
		leaf->frozen = frozen;
	return rc < 0 ? rc : 0;
}

/* One that came just now has no more of it than its component. */
static bool may_have_swap(const struct sense *sense, const struct sense_leaf *leaf)
{
	const struct sense_component *component = &sense->component[leaf->component];

	return component->swap_moved || (!leaf->known && component->swap_bytes);
}

/* Not of all in the same frame. */
static uint64_t untold_us(const struct sense_leaf *leaf, uint64_t now_us)
{
	return now_us + UNTOLD_US / 2 + leaf->group.id * 7919 * US_PER_MS % (UNTOLD_US / 2);
}

static int renew_told(struct sense *sense, struct sense_leaf *leaf, uint64_t now_us)
{
	bool all = !leaf->watch || leaf->owed || (!leaf->known && !leaf->is_new);
	int rc;

	if (!leaf->watch) {
		watch_leaf(sense, leaf);
		if (!leaf_index_add(&sense->by_watch, WATCHES(sense),
				    (uint32_t)(leaf - sense->leaf)))
			renew_index(sense);
	}
	rc = renew_state(sense, leaf, all || is_near(leaf, now_us));
	if (!rc && (all || may_have_swap(sense, leaf)))
		rc = renew(sense, &leaf->group, CG_SWAP_CURRENT, &leaf->swap_bytes);
	if (rc < 0)
		return rc;
	if (all || !leaf->known)
		leaf->untold_us = untold_us(leaf, now_us);
	leaf->changed = leaf->owed = false;
	leaf->known = true;
	return 0;
}

static bool is_told(const struct sense_leaf *leaf)
{
	return !leaf->known || leaf->changed || leaf->owed || !leaf->watch;
}

/* While it is read with each frame. */
static void keep_freeze_open(struct sense_leaf *leaf, bool keep)
{
	int *fd = &leaf->group.fd[CG_FREEZE];

	if (keep && *fd < 0) {
		*fd = openat(leaf->group.dir, cg_knob_file(CG_FREEZE), O_RDONLY | O_CLOEXEC);
	} else if (!keep && *fd >= 0) {
		close(*fd);
		*fd = -1;
	}
}

static int renew_freeze(struct sense *sense, struct sense_leaf *leaf, uint64_t now_us)
{
	bool near = is_near(leaf, now_us);
	uint64_t frozen = leaf->frozen;
	int rc;

	keep_freeze_open(leaf, near);
	if (!near && now_us < leaf->untold_us)
		return 0;
	leaf->untold_us = untold_us(leaf, now_us);
	rc = renew(sense, &leaf->group, CG_FREEZE, &frozen);
	leaf->frozen = frozen;
	return rc;
}

/* What fails is read again with the next frame. */
static int renew_leaf(struct sense *sense, struct sense_leaf *leaf, uint64_t now_us)
{
	int rc = renew(sense, &leaf->group, CG_CURRENT, &leaf->current_bytes), more = 0;

	if (rc == -ENODEV || (rc < 0 && !leaf->known))
		return rc;
	if (is_told(leaf)) {
		more = renew_told(sense, leaf, now_us);
	} else {
		more = renew_freeze(sense, leaf, now_us);
		if (more >= 0 && may_have_swap(sense, leaf))
			more = renew(sense, &leaf->group, CG_SWAP_CURRENT, &leaf->swap_bytes);
	}
	leaf->owed |= more < 0;
	return more == -ENODEV ? more : 0;
}

/* What could not be read this time is as it was: who lacks a leaf in a frame takes it for gone, and
 * one that has nothing for small. Before that -EAGAIN. */
static int read_leaf(struct sense *sense, struct sense_leaf *leaf, uint64_t now_us,
		     struct leaf_sample *ret_sample)
{
	int rc = renew_leaf(sense, leaf, now_us);

	if (rc || !leaf->known)
		return rc ? rc : -EAGAIN;
	if (leaf->frozen)
		leaf->frozen_us = now_us;
	*ret_sample = (struct leaf_sample){
		.cgid = leaf->group.id,
		.component = leaf->component,
		.born_us = leaf->born_us,
		.populated = leaf->populated,
		.frozen = leaf->frozen,
		.current_bytes = leaf->current_bytes,
		.swap_bytes = leaf->swap_bytes,
	};
	return 0;
}

/* Of those that run. It is asked for while something is about to stand or stands, and then with
 * each frame: so long it is kept open. */
static void read_cpu(struct sense *sense, struct sense_leaf *leaf, struct leaf_sample *sample)
{
	if (!leaf->populated || leaf->frozen)
		return;
	if (leaf->cpu < 0)
		leaf->cpu = openat(leaf->group.dir, "cpu.stat", O_RDONLY | O_CLOEXEC);
	sample->cpu_valid = leaf->cpu >= 0 &&
			    text_pread(leaf->cpu, sense->text, sizeof(sense->text)) >= 0 &&
			    parse_cpu_stat(sense->text, &sample->cpu_us);
}

static void look_at_cpu(struct sense *sense, struct sense_leaf *leaf, uint64_t now_us, bool asked,
			struct leaf_sample *sample)
{
	if (asked) {
		leaf->asked_us = now_us;
		read_cpu(sense, leaf, sample);
	} else if (now_us - leaf->asked_us >= ASKED_US) {
		close_cpu(leaf);
	}
}

/* In the order of the table, so that most stand in the frame where they stood in the last one. */
void sense_read_leaves(struct sense *sense, struct frame *frame, uint32_t looks)
{
	uint32_t count = 0, i = 0, before;

	search_when_due(sense);
	before = sense->leaf_count;
	while (i < sense->leaf_count) {
		int rc = read_leaf(sense, &sense->leaf[i], frame->now_us, &frame->leaf[count]);

		if (!rc) {
			look_at_cpu(sense, &sense->leaf[i], frame->now_us, looks & PLAN_LOOK_CPU,
				    &frame->leaf[count]);
			sense_read_spare(sense, &sense->leaf[i], frame->now_us,
					 &frame->leaf[count]);
		}
		if (rc == -ENODEV)
			drop_leaf(sense, i);
		else
			i++;
		count += !rc;
	}
	if (sense->leaf_count != before)
		renew_index(sense);
	frame->leaf_count = count;
	frame->leaves_valid = true;
}

void sense_expect(struct sense *sense, uint64_t cgid)
{
	uint32_t at = sense_leaf_at(sense, cgid);

	if (at != LEAF_NONE)
		sense->leaf[at].expect_until_us = sense->full_us + EXPECT_US;
}

/* ---- names ---- */

uint32_t sense_leaf_name(const struct sense *sense, uint64_t cgid, char *buf, size_t size)
{
	uint32_t at = sense_leaf_at(sense, cgid);

	text_copy(buf, size, at == LEAF_NONE ? "" : sense->leaf[at].group.name);
	return at == LEAF_NONE ? COMPONENT_NONE : sense->leaf[at].component;
}

/* A client may name a leaf that came after the last full frame, or another of the same name. */
uint64_t sense_leaf_find(struct sense *sense, uint32_t component, const char *name)
{
	search_when_due(sense);
	for (uint32_t i = 0; i < sense->leaf_count; i++)
		if (sense->leaf[i].component == component &&
		    !strcmp(sense->leaf[i].group.name, name))
			return sense->leaf[i].group.id;
	return 0;
}

/* Those that are there already are told of at once. */
void sense_watch_leaves(struct sense *sense, sense_leaf_fn fn, void *data)
{
	sense->leaf_fn = fn;
	sense->leaf_data = data;
	for (uint32_t i = 0; fn && i < sense->leaf_count; i++)
		tell(sense, &sense->leaf[i], true);
}
