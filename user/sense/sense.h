/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fills frames: cgroup files of the components and their leaves, /proc/meminfo and
 * /proc/pressure/memory, all through kept fds. Allocates in sense_new only. What cannot be read is
 * absent in the frame (validity bits), never zero and never an error. One owner, the loop thread.
 */
#ifndef UW_SENSE_SENSE_H
#define UW_SENSE_SENSE_H

#include <stddef.h>
#include <stdint.h>

#include "user/base/err.h"
#include "user/model/config.h"
#include "user/model/frame.h"

struct ages_stats;
struct sense;

/*
 * Opens the component groups of config below pool_dirfd (borrowed; must outlive sense). A component
 * that is not there is absent until it is. -ENOMEM.
 */
int sense_new(const struct config *config, int pool_dirfd, struct sense **ret_sense,
	      struct uw_err *err);
void sense_free(struct sense *sense); /* NULL is fine */

/*
 * Another configuration, or another pool: a component of a known name keeps its fds and its leaves
 * under its new index, unless the pool is another; what config does not name is closed, its leaves
 * told of as gone; what is missing is looked for.
 */
void sense_sync(struct sense *sense, const struct config *config, int pool_dirfd);

/* Grows whenever a component's cgroup is found or lost: whoever keeps fds of its own compares. */
uint64_t sense_generation(const struct sense *sense);

/*
 * Everything: host, each component's files, each leaf. Leaves are searched for when inotify says
 * that a component's directory changed, and every 10 s (every second without inotify); the first
 * FRAME_LEAVES_MAX found are sensed. A group that vanished is absent and looked for again by name.
 * Bit i of calm says that no task of component i stalled since the last full frame: its pressure
 * stands where it was and is read every 5 s only. Of the host only meminfo, without its pressure;
 * at rest, and while a quarter of it is free, every 5 s, absent in between. looks (enum plan_look)
 * is read beside that; locks by a thread, for a later frame. Writes frame->host, ->component*,
 * ->leaf*, ->locks_valid; nothing else.
 * Of a leaf memory.current alone is read each time, its swap when that of its component has moved,
 * cgroup.freeze while it stands frozen or is expected to, and every minute, and cgroup.events when
 * inotify says that it has changed: who freezes it behind uwd's back, and has to wait for a task
 * that the kernel does not let stop, is noticed that late.
 * Cost: 10 pread(2) a component, 1 a leaf; while nothing moves and all is calm 1 a component.
 */
void sense_full(struct sense *sense, struct frame *frame, uint32_t calm, uint32_t looks);

/* Its cgroup.freeze was written: that is read with each frame for some seconds. */
void sense_expect(struct sense *sense, uint64_t cgid);

/* The host as it is now, its pressure too: for who asks, not for the tick. */
void sense_host(struct sense *sense, struct host_sample *ret_host);

/* The fast lane: only usage of each component and the host's meminfo; the rest is marked absent
 * (leaves stay as of the last full frame, with leaves_valid false). One pread(2) a component. */
void sense_urgent(struct sense *sense, struct frame *frame);

/*
 * From now on leaves are told of with the ages of their pages where somebody asks, by a thread of
 * its own (ages_thread.h); root is the pool's path below the mount. -ENOENT without lru_gen or
 * debugfs, -EPERM under lockdown.
 */
int sense_watch_ages(struct sense *sense, const char *root, struct uw_err *err);

/* Bit i of components: the ages of its leaves, as they are in frame, are wanted until the next
 * call. They come with later full frames, those of the first time after AGES_COLD_US. */
void sense_ask_ages(struct sense *sense, const struct frame *frame, uint32_t components);

/* False where no ages are told. */
bool sense_ages_stats(const struct sense *sense, struct ages_stats *ret_stats);

/* Cgroup id of component index (config order), 0 while it is not there. Changes when recreated. */
uint64_t sense_component_cgid(const struct sense *sense, uint32_t component);

/* The leaf's name ("hog") into buf; "" when unknown. Returns its component or COMPONENT_NONE. */
uint32_t sense_leaf_name(const struct sense *sense, uint64_t cgid, char *buf, size_t size);

/* The leaf called name in component, searched for anew when a directory changed since the last full
 * frame; 0 when there is none. */
uint64_t sense_leaf_find(struct sense *sense, uint32_t component, const char *name);

/*
 * Told by sense_full of each leaf that came (name) or went (NULL), in that order of discovery, so
 * that others can keep their own fds. Those that are known already are told of at once; sense_free
 * tells nothing.
 */
typedef void (*sense_leaf_fn)(void *data, uint32_t component, uint64_t cgid, const char *name);
void sense_watch_leaves(struct sense *sense, sense_leaf_fn fn, void *data);

/*
 * The fallback without BPF: a PSI trigger on component's memory.pressure, "some" stall_us within
 * window_us (raised to the 500 ms that 6.1 wants when the kernel refuses shorter). *ret_fd becomes
 * ready with EPOLLPRI; the caller closes it. -EOPNOTSUPP without PSI.
 */
int sense_psi_open(const struct sense *sense, uint32_t component, uint64_t stall_us,
		   uint64_t window_us, int *ret_fd);

#endif
