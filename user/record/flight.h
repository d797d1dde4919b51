/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flight recorder of uwd: what the policy saw, what it decided and by which configuration, in a
 * file of fixed size. A tick writes to memory that outlives uwd, a tmpfs, and never waits; a thread
 * copies from there to the disk, every minute or every 32 KiB. So a uwd that is killed loses
 * nothing, and a machine that loses power its last minute or two. When the disk is so slow that
 * both slots of the memory are full, frames are left out, and the recording says how many.
 */
#ifndef UW_RECORD_FLIGHT_H
#define UW_RECORD_FLIGHT_H

#include <stddef.h>
#include <stdint.h>

#include "user/base/err.h"
#include "user/model/frame.h"
#include "user/model/plan.h"
#include "user/model/view.h"
#include "user/record/words.h"

#define FLIGHT_STAGE "/run/uw/recording" /* in a tmpfs; what is not on the disk yet */

struct flight;

#define FLIGHT_AREAS 4

/* What is kept of the policy where a slot begins. */
struct flight_state {
	uint64_t layout;
	const void *state;
	uint32_t bytes, areas;
	struct record_area area[FLIGHT_AREAS]; /* of it that are in use */
};

struct flight_conf {
	const char *path;  /* on the disk */
	const char *stage; /* in memory */
	uint64_t bytes;    /* of path: rounded down to whole slots */
	const char *version;
	/* Writes the name of a leaf and returns its component's index, or COMPONENT_NONE. */
	uint32_t (*leaf_name)(void *data, uint64_t cgid, char *buf, size_t size);
	/* The policy's state as it is before the step that the frame is for. */
	void (*checkpoint)(void *data, struct flight_state *ret_state);
	void *data;
};

struct flight_stats {
	uint64_t frames, lost; /* written, left out */
	uint64_t bytes;        /* brought to the disk */
	int error;             /* of the last write to the disk; 0 = it went well */
};

/*
 * Opens or makes both files and brings to the disk what an earlier uwd left in memory. A file of
 * another size or version is made anew. Starts the thread. 0 or a negative errno.
 */
int flight_open(const struct flight_conf *conf, struct flight **ret_flight, struct uw_err *err);

/* Brings the rest to the disk first. Takes NULL. */
void flight_close(struct flight *flight);

/* The configuration from the next frame on; text is copied. Before the first frame. -E2BIG when it
 * is longer than a recording has room for; then the one before stays. */
int flight_configure(struct flight *flight, uint64_t usable_bytes, const char *text, size_t len);

/* Before a step of the policy, and after it. They never fail and do not allocate. */
void flight_frame(struct flight *flight, const struct frame *frame);
void flight_plan(struct flight *flight, const struct plan *plan,
		 const struct component_view view[UW_COMPONENTS_MAX], uint32_t components);

void flight_read_stats(const struct flight *flight, struct flight_stats *ret_stats);

#endif
