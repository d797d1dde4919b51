// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads the cgroup files of the components and the host's memory files into a frame. What stands
 * still is read less often: where a component's use has not moved and nobody in it stalled, the
 * rest of its files wait for up to 20 seconds, and a roomy host at rest is not read each time. A
 * component whose files fail is lost, and looked for by name with the next full frame.
 */
#include "user/sense/sense.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/sense/internal.h"
#include "user/sense/parse.h"

/* 3 fds a leaf here and 4 in act, 15 a component: beyond the usual soft limit of 1024. */
#define FILES_WANTED 20480

#define COMPONENT_KNOBS                                                                           \
	(1U << CG_CURRENT | 1U << CG_SWAP_CURRENT | 1U << CG_MIN | 1U << CG_LOW | 1U << CG_HIGH | \
	 1U << CG_STAT | 1U << CG_EVENTS | 1U << CG_PRESSURE)

#define SETTLED_US    (20 * US_PER_SEC)
#define SETTLED_BYTES MIB

#define STAT_US       (200 * US_PER_MS) /* while only stalls move: it is added up from all below */
#define PRESSURE_US   (5 * US_PER_SEC)
#define REST_US       (500 * US_PER_MS) /* frames further apart than that are of a host at rest */
#define ROOMY_HOST_US (5 * US_PER_SEC)
#define FRESH_US      (250 * US_PER_MS) /* of page sets; 60 MB/s of page-out bring 15 MB in that */
#define SHORT_US      (50 * US_PER_MS)
#define SHORT_PART    8 /* of the host free: near the reserve, by a burst */
#define ROOMY_PART    4 /* of the host free: far from anything the policy would do */

/* ---- one component ---- */

static void set_absent(struct sense_component *component)
{
	component->group = (struct cg_group){.dir = -1};
	for (int k = 0; k < CG_KNOB__COUNT; k++)
		component->group.fd[k] = -1;
	component->watch = -1;
	component->changed = component->searched = false;
	component->settled_us = component->stat_us = 0;
	component->swap_bytes = UINT64_MAX;
	component->pressure_known = false;
}

static void open_component(struct sense *sense, struct sense_component *component)
{
	if (component->group.dir >= 0)
		return;
	if (cg_group_open(sense->pool, component->name, COMPONENT_KNOBS, &component->group))
		return;
	sense_watch_component(sense, component);
	component->changed = true;
	sense->generation++;
}

/* Removed, perhaps made anew since: the next full frame looks for it by name. */
static void lose_component(struct sense *sense, uint32_t index)
{
	struct sense_component *component = &sense->component[index];

	if (component->group.dir < 0)
		return;
	sense_forget_leaves(sense, index);
	sense_unwatch_component(sense, component);
	cg_group_close(&component->group);
	set_absent(component);
	sense->generation++;
}

static bool read_file(struct sense *sense, const struct cg_group *group, enum cg_knob knob)
{
	return group->fd[knob] >= 0 &&
	       cg_read_text(group, knob, sense->text, sizeof(sense->text)) >= 0;
}

static bool read_bytes(struct sense *sense, const struct cg_group *group, enum cg_knob knob,
		       uint64_t *ret_bytes)
{
	return read_file(sense, group, knob) && parse_bytes(sense->text, ret_bytes);
}

static bool read_limits(struct sense *sense, const struct cg_group *group,
			struct component_sample *sample)
{
	return read_bytes(sense, group, CG_HIGH, &sample->high_bytes) &&
	       read_bytes(sense, group, CG_LOW, &sample->low_bytes) &&
	       read_bytes(sense, group, CG_MIN, &sample->min_bytes);
}

/*
 * memory.current decides whether the group is alive: it is in every kernel and every group.
 * -ENODEV: it is not; -EAGAIN: only this read failed, and its leaves are where they were.
 */
static int read_usage(struct sense *sense, uint32_t index, struct component_sample *sample)
{
	const struct cg_group *group = &sense->component[index].group;
	long length = -ENODEV;

	sample->cgid = group->id;
	if (group->dir >= 0 && group->fd[CG_CURRENT] >= 0)
		length = cg_read_text(group, CG_CURRENT, sense->text, sizeof(sense->text));
	if (length < 0 && length != -ENODEV && length != -ENOENT)
		return -EAGAIN;
	if (length >= 0 && parse_bytes(sense->text, &sample->current_bytes)) {
		sample->valid |= SAMPLE_USAGE;
		return 0;
	}
	lose_component(sense, index);
	return -ENODEV;
}

/*
 * Usage stands still and nobody stalled: the rest has not changed either, but for slow drift, and
 * is read every SETTLED_US.
 */
static bool is_settled(const struct sense_component *component,
		       const struct component_sample *sample, uint64_t now_us)
{
	return component->settled_us && now_us - component->settled_us < SETTLED_US &&
	       !sense_has_moved(sample->current_bytes, component->settled_bytes, SETTLED_BYTES) &&
	       sample->psi_some_us == component->settled_psi_us;
}

/* What was put off is read even if nothing has moved since. */
static void read_stat(struct sense *sense, struct sense_component *component, uint64_t now_us,
		      struct component_sample *sample)
{
	component->stat_owed =
		component->stat_us && now_us - component->stat_us < STAT_US &&
		!sense_has_moved(sample->current_bytes, component->stat_bytes, SETTLED_BYTES);
	if (component->stat_owed)
		return;
	if (!read_file(sense, &component->group, CG_STAT) ||
	    !parse_memory_stat(sense->text, sample))
		return;
	sample->valid |= SAMPLE_STAT;
	component->stat_us = now_us;
	component->stat_bytes = sample->current_bytes;
}

static void read_rest(struct sense *sense, const struct cg_group *group,
		      struct component_sample *sample)
{
	if (read_bytes(sense, group, CG_SWAP_CURRENT, &sample->swap_bytes))
		sample->valid |= SAMPLE_SWAP;
	if (read_file(sense, group, CG_EVENTS) && parse_memory_events(sense->text, sample))
		sample->valid |= SAMPLE_EVENTS;
	if (read_limits(sense, group, sample))
		sample->valid |= SAMPLE_LIMITS;
}

/* Nobody is calm for ever: who counts stalls may miss one, and forgets one that lasts for 10 s. */
static void read_pressure(struct sense *sense, struct sense_component *component, bool calm,
			  uint64_t now_us, struct component_sample *sample)
{
	bool is_old = now_us - component->pressure_us >= PRESSURE_US;

	if (!calm || !component->pressure_known || is_old) {
		component->pressure_known = read_file(sense, &component->group, CG_PRESSURE) &&
					    parse_pressure(sense->text, &component->psi_some_us,
							   &component->psi_full_us);
		component->pressure_us = now_us;
	}
	if (!component->pressure_known)
		return;
	sample->psi_some_us = component->psi_some_us;
	sample->psi_full_us = component->psi_full_us;
	sample->valid |= SAMPLE_PSI;
}

static void read_component(struct sense *sense, uint32_t index, bool calm, uint64_t now_us,
			   struct component_sample *sample)
{
	struct sense_component *component = &sense->component[index];
	const struct cg_group *group = &component->group;
	int rc;

	sample->valid = 0;
	open_component(sense, component);
	rc = read_usage(sense, index, sample);
	if (rc == -ENODEV) {
		*sample = (struct component_sample){0};
		open_component(sense, component);
		rc = read_usage(sense, index, sample);
	}
	if (rc)
		return;
	read_pressure(sense, component, calm, now_us, sample);
	if (!is_settled(component, sample, now_us)) {
		read_rest(sense, group, sample);
		read_stat(sense, component, now_us, sample);
		component->settled_us = now_us;
		component->settled_bytes = sample->current_bytes;
		component->settled_psi_us = sample->psi_some_us;
	} else if (component->stat_owed) {
		read_stat(sense, component, now_us, sample);
	}
	component->swap_moved =
		sample->valid & SAMPLE_SWAP && sample->swap_bytes != component->swap_bytes;
	if (component->swap_moved)
		component->swap_bytes = sample->swap_bytes;
	sample->known |= sample->valid;
}

/* ---- the host ---- */

/* There may have been no file for it when it was wanted first. */
static void open_once(int *fd, const char *path)
{
	if (*fd < 0)
		*fd = open(path, O_RDONLY | O_CLOEXEC);
}

/* What lies in page sets is free, and is looked for where that can make a difference, at once where
 * it decides. */
static void read_meminfo(struct sense *sense, uint64_t now_us, struct host_sample *host)
{
	open_once(&sense->meminfo, "/proc/meminfo");
	host->valid = sense->meminfo >= 0 &&
		      text_pread(sense->meminfo, sense->text, sizeof(sense->text)) >= 0 &&
		      parse_meminfo(sense->text, host);
	if (host->valid && host->available_bytes < host->total_bytes / ROOMY_PART)
		host->available_bytes += pagesets_bytes(
			&sense->pagesets, now_us,
			host->available_bytes < host->total_bytes / SHORT_PART ? SHORT_US
									       : FRESH_US);
}

void sense_host(struct sense *sense, struct host_sample *ret_host)
{
	*ret_host = (struct host_sample){0};
	read_meminfo(sense, clock_now_us(), ret_host);
	open_once(&sense->pressure, "/proc/pressure/memory");
	/* Without PSI the totals stand still at 0. */
	if (sense->pressure >= 0 &&
	    text_pread(sense->pressure, sense->text, sizeof(sense->text)) >= 0)
		parse_pressure(sense->text, &ret_host->psi_some_us, &ret_host->psi_full_us);
}

/* sysinfo(2) costs a thirtieth of meminfo. What is free is available, but for the low watermarks.
 */
static bool host_is_roomy(void)
{
	struct sysinfo info;

	return sysinfo(&info) == 0 && info.freeram >= info.totalram / ROOMY_PART;
}

static void read_host(struct sense *sense, uint64_t now_us, struct host_sample *host)
{
	bool at_rest = now_us - sense->full_us >= REST_US;
	bool is_known = sense->meminfo_us && now_us - sense->meminfo_us < ROOMY_HOST_US;

	*host = (struct host_sample){0};
	if (at_rest && is_known && host_is_roomy())
		return;
	read_meminfo(sense, now_us, host);
	sense->meminfo_us = now_us;
}

/* ---- frames ---- */

void sense_full(struct sense *sense, struct frame *frame, uint32_t calm, uint32_t looks)
{
	read_host(sense, frame->now_us, &frame->host);
	frame->component_count = sense->component_count;
	for (uint32_t i = 0; i < sense->component_count; i++)
		read_component(sense, i, calm >> i & 1, frame->now_us, &frame->component[i]);
	sense_read_leaves(sense, frame, looks);
	sense_read_locks(sense, frame, looks);
	if (sense->ages)
		ages_thread_tell(sense->ages, frame->leaf, frame->leaf_count, frame->now_us);
	frame_sum_ages(frame);
	sense->full_us = frame->now_us;
}

void sense_urgent(struct sense *sense, struct frame *frame)
{
	frame->component_count = sense->component_count;
	for (uint32_t i = 0; i < sense->component_count; i++) {
		frame->component[i].valid = 0;
		read_usage(sense, i, &frame->component[i]);
	}
	read_meminfo(sense, frame->now_us, &frame->host);
	frame->leaves_valid = frame->locks_valid = false;
}

/* ---- lifetime ---- */

/* The hard one too where we may: an init without limits of its own leaves it at 4096. */
static void raise_file_limit(void)
{
	struct rlimit limit, wanted = {.rlim_cur = FILES_WANTED, .rlim_max = FILES_WANTED};

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= FILES_WANTED)
		return;
	if (limit.rlim_max > FILES_WANTED)
		wanted.rlim_max = limit.rlim_max;
	if (!setrlimit(RLIMIT_NOFILE, &wanted))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* ---- the components ---- */

/* The component at index of the old configuration, or an absent one, is now called name. */
static struct sense_component take_component(struct sense *sense, const char *name,
					     uint32_t ret_to[UW_COMPONENTS_MAX], uint32_t to)
{
	struct sense_component component;

	for (uint32_t i = 0; i < sense->component_count; i++) {
		if (strcmp(sense->component[i].name, name))
			continue;
		ret_to[i] = to;
		component = sense->component[i];
		/* Its sample is read whole into its new place. */
		component.settled_us = component.stat_us = 0;
		return component;
	}
	component = (struct sense_component){0};
	text_copy(component.name, sizeof(component.name), name);
	set_absent(&component);
	return component;
}

void sense_sync(struct sense *sense, const struct config *config, int pool_dirfd)
{
	struct sense_component next[UW_COMPONENTS_MAX] = {0};
	uint32_t to[UW_COMPONENTS_MAX] = {0};

	for (uint32_t i = 0; i < sense->component_count; i++)
		if (pool_dirfd != sense->pool || config_find(config, sense->component[i].name) < 0)
			lose_component(sense, i);
	sense->pool = pool_dirfd;
	for (uint32_t i = 0; i < config->component_count; i++)
		next[i] = take_component(sense, config->component[i].name, to, i);
	for (uint32_t i = 0; i < sense->leaf_count; i++)
		sense->leaf[i].component = to[sense->leaf[i].component];
	sense->component_count = config->component_count;
	memcpy(sense->component, next, config->component_count * sizeof(next[0]));
	for (uint32_t i = 0; i < sense->component_count; i++)
		open_component(sense, &sense->component[i]);
}

uint64_t sense_generation(const struct sense *sense)
{
	return sense->generation;
}

int sense_new(const struct config *config, int pool_dirfd, struct sense **ret_sense,
	      struct uw_err *err)
{
	struct sense *sense = calloc(1, sizeof(*sense));

	if (!sense)
		return err_set(err, -ENOMEM, "sense: out of memory");
	raise_file_limit();
	sense->meminfo = sense->pressure = -1;
	locks_thread_init(&sense->locks, LOCKS_FILE);
	open_once(&sense->meminfo, "/proc/meminfo");
	open_once(&sense->pressure, "/proc/pressure/memory");
	pagesets_open(&sense->pagesets);
	sense->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	sense_sync(sense, config, pool_dirfd);
	*ret_sense = sense;
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void sense_free(struct sense *sense)
{
	if (!sense)
		return;
	ages_thread_free(sense->ages);
	sense->leaf_fn = NULL;
	for (uint32_t i = 0; i < sense->component_count; i++)
		lose_component(sense, i);
	close_fd(sense->meminfo);
	close_fd(sense->pressure);
	pagesets_close(&sense->pagesets);
	locks_thread_done(&sense->locks);
	close_fd(sense->inotify);
	free(sense);
}

uint64_t sense_component_cgid(const struct sense *sense, uint32_t component)
{
	return component < sense->component_count ? sense->component[component].group.id : 0;
}

/* ---- ages ---- */

int sense_watch_ages(struct sense *sense, const char *root, struct uw_err *err)
{
	static const struct ages_files files = {.ages = LRU_GEN_FILE, .on = LRU_GEN_SWITCH};

	return ages_thread_new(&files, root, &sense->ages, err);
}

static bool make_wish(const struct sense *sense, const struct leaf_sample *leaf,
		      struct ages_wish *ret_wish)
{
	struct ages_wish wish = {.cgid = leaf->cgid, .frozen = leaf->frozen};
	char name[CG_NAME_LEN];
	uint32_t component = sense_leaf_name(sense, leaf->cgid, name, sizeof(name));

	if (component == COMPONENT_NONE)
		return false;
	snprintf(wish.path, sizeof(wish.path), "%s/%s", sense->component[component].name, name);
	*ret_wish = wish;
	return true;
}

void sense_ask_ages(struct sense *sense, const struct frame *frame, uint32_t components)
{
	uint32_t count = 0;

	sense->ages_wanted = components;
	if (!sense->ages)
		return;
	for (uint32_t i = 0; i < frame->leaf_count && components; i++)
		if (components >> frame->leaf[i].component & 1 &&
		    make_wish(sense, &frame->leaf[i], &sense->wish[count]))
			count++;
	ages_thread_ask(sense->ages, sense->wish, count);
}

bool sense_ages_stats(const struct sense *sense, struct ages_stats *ret_stats)
{
	if (sense->ages)
		ages_thread_read_stats(sense->ages, ret_stats);
	return sense->ages != NULL;
}

/* ---- the fallback without BPF ---- */

/* The kernel's shortest window for anyone before 6.6, kernel/sched/psi.c WINDOW_MIN_US. */
#define OLD_WINDOW_US 500000ULL

static int write_trigger(int fd, uint64_t stall_us, uint64_t window_us)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "some %llu %llu", (unsigned long long)stall_us,
			   (unsigned long long)window_us);

	/* The terminator belongs to it: without, 6.1 reads past the number. */
	return write(fd, text, (size_t)len + 1) < 0 ? -errno : 0;
}

int sense_psi_open(const struct sense *sense, uint32_t component, uint64_t stall_us,
		   uint64_t window_us, int *ret_fd)
{
	AUTO_CLOSE int fd = -1;
	int ret;

	if (component >= sense->component_count || sense->component[component].group.dir < 0)
		return -ENODEV;
	fd = openat(sense->component[component].group.dir, cg_knob_file(CG_PRESSURE),
		    O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -EOPNOTSUPP : -errno;
	ret = write_trigger(fd, stall_us, window_us);
	if (ret == -EINVAL && window_us < OLD_WINDOW_US)
		ret = write_trigger(fd, stall_us, OLD_WINDOW_US);
	if (ret)
		return ret;
	*ret_fd = TAKE_FD(fd);
	return 0;
}
