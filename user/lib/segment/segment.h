/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory of a pool: a sealed memfd of a fixed size, mapped, of which pages are there only where
 * they were committed. Who commits is charged for them: a backend decides who that is. Nothing here
 * knows what the pages hold. Calls come from any thread; those of the backend one at a time.
 *
 * The file is sealed against shrinking, growing and further seals before anybody else sees it, so
 * that no reader meets SIGBUS, and its mode is 0600: another user who was handed a read-only
 * descriptor cannot open it anew for writing through /proc. Mappings are not inherited by fork(2).
 */
#ifndef UW_LIB_SEGMENT_H
#define UW_LIB_SEGMENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct lib_pool;
struct uw;
struct segment;

/* A call of fallocate(2) takes no more: one that is aborted by a signal gives back all it did, and
 * a fatal one must end it soon. */
#define SEGMENT_STEP_BYTES (2ULL << 20)

/* As much as one segment may have. */
#define SEGMENT_BYTES_MAX (1ULL << 40)

/*
 * Who commits. Offsets and sizes are in bytes, multiples of the page size and within the segment; 0
 * or a negative errno. commit is called for pages that are holes, at most SEGMENT_STEP_BYTES at a
 * time; -EINTR has it called again for less; when it fails nothing of them is there. NULL: they are
 * another's to commit. leave ends what the backend has besides the file and the mapping, which may
 * stay; NULL: nothing.
 */
struct segment_backend {
	int (*commit)(struct segment *segment, uint64_t offset, uint64_t bytes);
	void (*leave)(struct segment *segment);
};

struct segment {
	struct segment *next;                  /* of all in the process */
	const struct segment_backend *backend; /* NULL: commits nothing */
	struct lib_pool *pool;                 /* that uwd knows it as; NULL: it does not */
	int fd;
	uint8_t *base;
	uint64_t bytes;
	bool writable;
	bool forked; /* in a child of fork: neither mapped nor ours to give back */
	pthread_mutex_t lock;
	uint64_t *open; /* a bit for each SEGMENT_STEP_BYTES that may be touched */
};

/*
 * bytes (1 to SEGMENT_BYTES_MAX) of component's memory, rounded up to pages; none is there yet.
 * Without uw it is the caller's own. name may be NULL; with uw it is as lib_pool_create has it.
 * -EINVAL; -ENOMEM, also when uwd denies it; -EMFILE; what the backend says.
 */
int segment_create(struct uw *uw, const char *component, const char *name, uint64_t bytes,
		   struct segment **ret_segment);

/*
 * The segment behind a descriptor from elsewhere, which stays the caller's. It may be touched where
 * segment_show was called, and no further. -EPERM: it is not sealed as ours are; -EACCES: writable
 * was asked for and fd is not; -EINVAL: no memfd, one of huge pages, or no size that a segment has.
 */
int segment_attach(int fd, bool writable, struct segment **ret_segment);

/* The same of one that uwd knows by that name; of the errors of lib_pool_attach. */
int segment_attach_named(struct uw *uw, const char *name, bool writable,
			 struct segment **ret_segment);

/* Who else may attach to it by its name: lib_pool_share. -EPERM: uwd does not know it, or it is
 * another's. */
int segment_share(const struct segment *segment, uint32_t uid, uint32_t gid, uint32_t mode);

/* By which uwd knows it; NULL: it does not. */
const char *segment_name(const struct segment *segment);

/* Whether its owner has ended, as far as the handle has heard. */
bool segment_is_orphan(const struct segment *segment);

/* Has pages, which are holes, charged and there. All or nothing. -ENOMEM: its component, or the
 * machine, has no more; -EPERM for one that was attached. With uw also -ENOTCONN: uwd did not come
 * back within 5 s; -ESTALE: it does not know the segment any more. */
int segment_commit(struct segment *segment, uint64_t offset, uint64_t bytes);

/* Gives pages back: they read as zeros once committed again. */
int segment_punch(struct segment *segment, uint64_t offset, uint64_t bytes);

/* Bytes that were committed by another process may be touched. Touching any other allocates at the
 * expense of who does. -ENODATA: not all are there; -ENOMEM; -ERANGE. */
int segment_show(struct segment *segment, uint64_t offset, uint64_t bytes);

void *segment_base(const struct segment *segment);
int segment_fd(const struct segment *segment); /* -1 in a child of fork, of what uwd knows */
uint64_t segment_bytes(const struct segment *segment);
bool segment_is_writable(const struct segment *segment);

/* True in a child of fork, where it is not mapped: calls answer -ECHILD there. */
bool segment_is_forked(const struct segment *segment);

/* Nothing is committed any more, and uwd forgets it: the handle may be closed. What is there stays
 * while anybody maps it. */
void segment_leave(struct segment *segment);

/* NULL is fine. */
void segment_close(struct segment *segment);

/* ---- backends: open the file, and set fd and backend ---- */

/* The caller's own memory. */
int segment_back_local(struct segment *segment, const char *name);

/* Memory of a component, by its keeper. UW_DENIED is -ENOMEM. */
int segment_back_remote(struct segment *segment, struct uw *uw, const char *component,
			const char *name);

/* Another's, of a pool that was attached, which it takes. Sets bytes too. */
int segment_join_remote(struct segment *segment, struct lib_pool *pool);

#endif
