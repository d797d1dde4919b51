/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rings of records between processes. A part of uw.h, which includes it.
 */
#ifndef UW_RING_H
#define UW_RING_H

#ifndef UW_H
#error "include uw.h, which has this"
#endif

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A ring of records of any length, in memory that processes share. Records are written and read in
 * place: reserve and peek give out where they stand, commit and release end that. Without
 * UW_RING_MANY there is one writer and one reader at a time, each a process, or a thread in one;
 * the first that reserves and the first that peeks, until they close it or die. Another one gets
 * -EBUSY. With UW_RING_MANY any thread of any client may do either; a record is read once.
 *
 * Who shares a ring can write anything into it at any time. libuw never follows it out of the ring,
 * but what a record holds may change while it is looked at: copy what you check. When a client dies
 * others go on within 100 ms; what it had reserved and not committed is left out.
 */
struct uw_ring;

#define UW_RING_MANY        (1U << 0)
#define UW_RING_DROP_OLDEST (1U << 1) /* when full; without it reserve answers -EAGAIN */
#define UW_RING_FIXED       (1U << 2) /* records of one length: see uw_ring_reserve_span */

struct uw_ring_options {
	uint32_t size;
	uint32_t flags;
	const char *component; /* whose memory, with uw */
	const char *name;      /* as of a pool */
	uint64_t bytes;        /* 4096 to 4 GiB: of one writer rounded up to a power of two, of many
				  down to a power of two of slots */
	uint32_t record_bytes; /* the longest record: many, fixed: to be given; one: 0, it is a
				  quarter of bytes less 8 */
	uint32_t zero;
};

struct uw_record {
	void *bytes;     /* aligned to 8 */
	uint32_t length; /* of bytes */
	uint32_t mark;   /* libuw's own */
};

/* As a length in commit: nothing was written, the record is left out. */
#define UW_RECORD_NONE UINT32_MAX

/*
 * As uw_pool_create: with uw the memory is the component's, without it the caller's own. All of it
 * is there when this returns. uw is closed after the ring.
 */
int uw_ring_create(struct uw *uw, const struct uw_ring_options *options, struct uw_ring **ret_ring);

/*
 * A ring from its file, uw_ring_fd of another process, handed over as a file descriptor is
 * (SCM_RIGHTS). fd stays the caller's, that of uw_ring_fd the ring's. With UW_READ_ONLY one
 * observes a ring of one writer: peek finds each record that is still there and takes none from the
 * reader. -EINVAL: no ring; -EPROTO: of another version; -EPERM: not sealed; -EACCES: fd is
 * read-only; -EXDEV: to write, of another pid namespace, in which nobody can be seen to die;
 * -EMFILE: 126 clients. uw_ring_close gives up what is reserved or held; no other call may run.
 * NULL is fine.
 */
int uw_ring_attach_fd(int fd, uint32_t access, struct uw_ring **ret_ring);
int uw_ring_fd(const struct uw_ring *ring);

/* As of pools, whose names they share: uw_pool_attach, uw_pool_share, uw_pool_name. To read and
 * write one attaches with UW_READ_WRITE; who may only read observes. */
int uw_ring_attach(struct uw *uw, const char *name, uint32_t access, struct uw_ring **ret_ring);
int uw_ring_share(struct uw_ring *ring, uint32_t uid, uint32_t gid, uint32_t mode);
const char *uw_ring_name(const struct uw_ring *ring);
void uw_ring_close(struct uw_ring *ring);

/*
 * Room for up to count records, of records[i].length bytes each. Returns how many there was room
 * for, of which bytes and mark are set. -EAGAIN: none; -EMSGSIZE: longer than a record may be;
 * -EBUSY: another one writes, or (one writer) what was reserved before is not committed; -EBADMSG:
 * others wrote nonsense into the ring; -EACCES: read-only.
 */
int uw_ring_reserve(struct uw_ring *ring, struct uw_record *records, uint32_t count);

/*
 * Has them read, in their order. A length may be less by now, or UW_RECORD_NONE. Of one writer all
 * that were reserved, together; of many any of them, UW_STALE when one was not this client's any
 * more. -EINVAL.
 */
int uw_ring_commit(struct uw_ring *ring, const struct uw_record *records, uint32_t count);

/*
 * The next records, count at most, in the order in which they were reserved. Returns how many;
 * -EAGAIN: none; -EBUSY: another one reads; -EBADMSG: there was nonsense, which is passed over.
 */
int uw_ring_peek(struct uw_ring *ring, struct uw_record *records, uint32_t count);

/*
 * Gives back what peek gave out; of one reader from the oldest on. With UW_RING_DROP_OLDEST, or
 * observing, UW_STALE says that some was overwritten meanwhile: what was read of it must not be
 * used. A writer is never kept waiting by a reader there. -EINVAL.
 */
int uw_ring_release(struct uw_ring *ring, const struct uw_record *records, uint32_t count);

/*
 * With UW_RING_FIXED all records are of record_bytes, rounded up to 8, and stand back to back; they
 * come in runs, by these calls instead of the four before; nothing is dropped, nobody observes.
 * Room for up to count records at *ret_bytes: returns how many; the same again until they are
 * committed. Commit has the first count of them read. Peek and release are the same for who reads.
 * With UW_RING_MANY too a run has 255 records at most, what is not committed of it is left out, and
 * each thread attaches for itself. -EAGAIN: none; -EINVAL: more than there were, or another kind.
 */
int uw_ring_reserve_span(struct uw_ring *ring, uint32_t count, void **ret_bytes);
int uw_ring_commit_span(struct uw_ring *ring, uint32_t count);
int uw_ring_peek_span(struct uw_ring *ring, uint32_t count, void **ret_bytes);
int uw_ring_release_span(struct uw_ring *ring, uint32_t count);

#define UW_RING_READ  0U /* until peek may find a record */
#define UW_RING_WRITE 1U /* until there may be room for what reserve had none for */

/* Spins, then sleeps. 0, or UW_TIMED_OUT after timeout_us: 0 looks once, UINT64_MAX is for ever. */
int uw_ring_wait(struct uw_ring *ring, uint32_t what, uint64_t timeout_us);

struct uw_ring_stats {
	uint32_t size;
	uint32_t record_bytes; /* the longest record */
	uint64_t bytes, used_bytes;
	uint64_t lost; /* dropped before they were read: one reader: by this one; many: by all */
	uint64_t abandoned; /* what clients that died had in hand */
	uint64_t torn;      /* times that this handle found nonsense */
};

/* Written as far as its size says. */
int uw_ring_stats(const struct uw_ring *ring, struct uw_ring_stats *ret_stats);

/* ---- inline ---- */

/* One side of a ring with UW_RING_FIXED. Nobody else writes to this. */
struct uw_ring_span {
	uint64_t at;            /* its next record, counted since the ring was made */
	uint64_t limit;         /* the first one that it may not touch, as far as it knows */
	uint64_t *told;         /* where the other side, and whoever shares the ring, reads at */
	const uint32_t *sleeps; /* not 0: the other side may be asleep */
	uint8_t *data;          /* mapped twice in a row */
	uint64_t mask;          /* bytes of data less 1 */
	uint64_t stride;        /* from one record to the next */
} __attribute__((aligned(128)));

/* How a ring begins. */
struct uw_ring_head {
	struct uw_ring_span writer, reader;
};

UW_INLINE int uw_ring_span_take(const struct uw_ring_span *span, uint32_t count, void **ret_bytes)
{
	*ret_bytes = span->data + (span->at * span->stride & span->mask);
	return (int)count;
}

UW_INLINE void uw_ring_span_give(struct uw_ring_span *span, uint32_t count)
{
	span->at += count;
	__atomic_store_n(span->told, span->at, __ATOMIC_RELEASE);
	/* The kernel orders this before the look at sleeps: membarrier(2). */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

#if defined(__OPTIMIZE__) && !defined(UW_NO_INLINE)

int uw_ring_reserve_span_called(struct uw_ring *ring, uint32_t count,
				void **ret_bytes) __asm__(UW_OTHER "uw_ring_reserve_span");
int uw_ring_commit_span_called(struct uw_ring *ring,
			       uint32_t count) __asm__(UW_OTHER "uw_ring_commit_span");
int uw_ring_peek_span_called(struct uw_ring *ring, uint32_t count,
			     void **ret_bytes) __asm__(UW_OTHER "uw_ring_peek_span");
int uw_ring_release_span_called(struct uw_ring *ring,
				uint32_t count) __asm__(UW_OTHER "uw_ring_release_span");

UW_INLINE int uw_ring_reserve_span(struct uw_ring *ring, uint32_t count, void **ret_bytes)
{
	const struct uw_ring_span *span = &((struct uw_ring_head *)ring)->writer;

	if (UW_SELDOM(span->limit - span->at < count || !count))
		return uw_ring_reserve_span_called(ring, count, ret_bytes);
	return uw_ring_span_take(span, count, ret_bytes);
}

UW_INLINE int uw_ring_commit_span(struct uw_ring *ring, uint32_t count)
{
	struct uw_ring_span *span = &((struct uw_ring_head *)ring)->writer;

	if (UW_SELDOM(span->limit - span->at < count || !count))
		return uw_ring_commit_span_called(ring, count);
	uw_ring_span_give(span, count);
	if (UW_SELDOM(__atomic_load_n(span->sleeps, __ATOMIC_RELAXED)))
		return uw_ring_commit_span_called(ring, 0);
	return 0;
}

UW_INLINE int uw_ring_peek_span(struct uw_ring *ring, uint32_t count, void **ret_bytes)
{
	const struct uw_ring_span *span = &((struct uw_ring_head *)ring)->reader;

	if (UW_SELDOM(span->limit - span->at < count || !count))
		return uw_ring_peek_span_called(ring, count, ret_bytes);
	return uw_ring_span_take(span, count, ret_bytes);
}

UW_INLINE int uw_ring_release_span(struct uw_ring *ring, uint32_t count)
{
	struct uw_ring_span *span = &((struct uw_ring_head *)ring)->reader;

	if (UW_SELDOM(span->limit - span->at < count || !count))
		return uw_ring_release_span_called(ring, count);
	uw_ring_span_give(span, count);
	if (UW_SELDOM(__atomic_load_n(span->sleeps, __ATOMIC_RELAXED)))
		return uw_ring_release_span_called(ring, 0);
	return 0;
}

#endif

#ifdef __cplusplus
}
#endif

#endif
