/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libuw: leases of memory, and news of pressure, from uwd; and pools of memory, which need no uwd.
 * A lease is a promise: so much of a component's memory is kept for who holds it, until it is
 * freed, its time is over or its holder ends. It moves no memory; what is used is charged to the
 * cgroup that the process runs in.
 *
 * Functions return 0, a negative errno, or a positive enum uw_outcome, to be told apart by the
 * caller. They may be called from any thread, never log, never exit and own no signal. Structs
 * begin with their size, sizeof(struct ...) as the caller knows it. After fork(2) a child has no
 * leases: its handles answer -ECHILD, and it opens its own.
 */
#ifndef UW_H
#define UW_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct uw;

enum uw_outcome {
	UW_DENIED = 1, /* struct uw_denial says why */
	UW_TIMED_OUT,  /* the same, after timeout_us */
	UW_STALE,      /* freed, expired or revoked before, or not of this handle */
	UW_FULL,       /* the pool has no room of that size, and nothing to evict */
};

enum uw_level {
	UW_LEVEL_NORMAL,
	UW_LEVEL_LOW,
	UW_LEVEL_MEDIUM,
	UW_LEVEL_HIGH,
	UW_LEVEL_CRITICAL,
	UW_LEVEL_EMERGENCY,
};

#define UW_NAME_MAX 32 /* of a component, with its terminator */

/*
 * A handle: a connection to uwd at socket (NULL: /run/uw/lease.sock). -ENOTCONN when uwd does not
 * run, -EMFILE when this user has as many as it may, -ENFILE when all have. uw_close frees what was
 * allocated with the handle; not to be called while another call or a callback of it runs. NULL is
 * fine.
 */
int uw_open(const char *socket, struct uw **ret_uw);
void uw_close(struct uw *uw);

/* ---- leases ---- */

/* May be asked back: such a lease may come out of what others lend. */
#define UW_REVOCABLE (1U << 0)

/* Not out of the handle's credit: uwd knows of it when the call returns. */
#define UW_NO_CREDIT (1U << 1)

struct uw_request {
	uint32_t size;
	uint32_t flags;          /* UW_REVOCABLE, UW_NO_CREDIT */
	const char *component;   /* whose memory */
	const char *description; /* shown by `uwctl lease list`; NULL: none */
	const char *const *tags; /* ended by a NULL; NULL: none. With the description 78 bytes */
	uint64_t bytes;
	uint64_t min_bytes;  /* uw_alloc_adaptive: no less; 0: a tenth of bytes */
	uint64_t timeout_us; /* to wait in line, by priority and age; 0: not at all */
	uint64_t ttl_us;     /* freed by itself after this; 0: never */
	uint8_t priority;    /* 1 to 10, 9 and 10 are critical; 0: the component's */
};

/* The holder runs in the component, so that what it uses of the lease counts once. */
#define UW_INSIDE (1U << 0)

struct uw_grant {
	uint32_t size;
	uint32_t flags; /* UW_INSIDE */
	uint64_t id;    /* never 0, and never used again */
	uint64_t bytes;
	uint64_t borrowed; /* of them, beyond the component's budget */
};

struct uw_holder {
	uint64_t bytes;
	uint32_t uid;
	int32_t pid;
	char component[UW_NAME_MAX];
};

struct uw_denial {
	uint32_t size;
	uint32_t level;     /* enum uw_level, of the component */
	char reason[16];    /* budget, host, level, turn, never, quota-client, quota-user, quota */
	uint64_t asked;     /* bytes that would have done */
	uint64_t held;      /* spoken for already */
	uint64_t available; /* of what was asked for */
	uint64_t retry_after_us; /* worth asking again; 0: never */
	uint32_t holder_count, zero;
	struct uw_holder holder[3]; /* who has most, the largest first */
};

/*
 * All of request->bytes, or UW_DENIED; with a timeout UW_TIMED_OUT. grant and denial are written as
 * far as their size says; denial may be NULL. -ENOENT: no such component; -EACCES: the caller may
 * have none of it; -EINVAL; -ENOTCONN: uwd did not come back within 5 s; -ETIMEDOUT: it does not
 * answer; -ECHILD: the handle is the parent's.
 */
int uw_alloc(struct uw *uw, const struct uw_request *request, struct uw_grant *grant,
	     struct uw_denial *denial);

/*
 * count (1 to 512) requests of equal size in one packet, each granted or denied by itself and none
 * waiting. outcomes[i] is what uw_alloc would have returned, and grants[i], of the size that the
 * first one says, what was granted. Negative, and nothing written, when they could not be asked at
 * all.
 */
int uw_alloc_many(struct uw *uw, const struct uw_request *requests, uint32_t count,
		  struct uw_grant *grants, int *outcomes);

/* As much as leaves a third of the free to others, between min_bytes and bytes. */
int uw_alloc_adaptive(struct uw *uw, const struct uw_request *request, struct uw_grant *grant,
		      struct uw_denial *denial);

/* The first of count (1 to 512) requests, of equal size, that fits; *ret_which is its index. The
 * last one may wait; timeouts of the others do not count. The denial is that of the last. */
int uw_alloc_first(struct uw *uw, const struct uw_request *requests, uint32_t count,
		   uint32_t *ret_which, struct uw_grant *grant, struct uw_denial *denial);

/* To another size: grown all or UW_DENIED, shrunk always. grant may be NULL. */
int uw_resize(struct uw *uw, uint64_t id, uint64_t bytes, struct uw_grant *grant,
	      struct uw_denial *denial);

/* It ends ttl_us from now; 0: never. */
int uw_renew(struct uw *uw, uint64_t id, uint64_t ttl_us);
int uw_free(struct uw *uw, uint64_t id);

/* count (1 to 512) leases in one packet; outcomes[i] is what uw_free would have returned. -EINVAL,
 * -ENOMEM: none is freed. */
int uw_free_many(struct uw *uw, const uint64_t *ids, uint32_t count, int *outcomes);

/* A lease that ends with the scope of its variable:
 *	UW_AUTO_LEASE struct uw_lease lease = {uw, grant.id}; */
struct uw_lease {
	struct uw *uw;
	uint64_t id; /* 0: none */
};

static inline void uw_lease_end(struct uw_lease *lease)
{
	if (lease->id)
		uw_free(lease->uw, lease->id);
}

#define UW_AUTO_LEASE __attribute__((cleanup(uw_lease_end)))

/* ---- tasks ---- */

/*
 * A task is work that begins when its memory is there: it waits in line, by priority and age, for
 * as long as it takes, and has a lease from then on. A thread of the caller does it, and nothing
 * moves; or a child, which is moved into a cgroup of its own in the component: memory.high there is
 * what is reserved, it may be frozen, it is killed as a whole, and what it used is learned of its
 * key and the size of its input.
 */
typedef void (*uw_task_fn)(void *data, uint64_t task);

struct uw_task {
	uint32_t size;
	uint32_t flags; /* UW_REVOCABLE */
	const char *component;
	const char *name; /* as a description; NULL: none */
	const char *key;  /* tasks of one key are alike: up to 63 bytes; NULL: nothing is learned */
	uint64_t bytes;   /* 0: what was learned of key, and of inputs like this one */
	uint64_t run_us;  /* how long it is thought to take; 0: what was learned of key, as above */
	uw_task_fn ready; /* called as a callback of pressure when it may begin, or never will */
	void *data;
	uint8_t priority;     /* as of a lease */
	uint64_t input_bytes; /* size of what it reads; 0: nobody knows. Earlier uwds do without */
};

enum uw_task_state {
	UW_TASK_QUEUED,
	UW_TASK_READY,   /* it may begin */
	UW_TASK_RUNNING, /* in a thread, for all that is known, or a child */
	UW_TASK_FROZEN,  /* the child stands still */
	UW_TASK_OVER,    /* the child has ended, or what was reserved was taken away */
	UW_TASK_CANCELLED,
	UW_TASK_LOST, /* its component is gone, or the handle is the parent's: see error */
};

/* It is to end: see uw_task_cancel. */
#define UW_TASK_ENDING (1U << 0)

struct uw_task_status {
	uint32_t size;
	uint32_t flags;  /* UW_TASK_ENDING */
	uint32_t state;  /* enum uw_task_state */
	int32_t error;   /* with LOST, a negative errno */
	char reason[16]; /* while it is queued, as of a denial; else "" */
	uint32_t ahead;  /* others before it, while it is queued */
	uint32_t zero;
	uint64_t start_in_us; /* until it may begin, by how long others are thought to take;
				 UINT64_MAX: nobody knows */
	uint64_t bytes;       /* reserved */
	uint64_t used, peak;  /* of a child's cgroup */
	uint64_t throttled;   /* times that the child went over what is reserved */
};

/*
 * Queues it. 0 with *ret_task, which uw_task_end has to be called for in the end. UW_DENIED: there
 * is never so much, or too many wait. Of the errors of uw_alloc, and -ENODATA: bytes is 0, and
 * nothing was learned of the key. denial may be NULL.
 */
int uw_task_submit(struct uw *uw, const struct uw_task *task, uint64_t *ret_task,
		   struct uw_denial *denial);

/*
 * It begins: in a thread of the caller (pidfd -1), or in the child behind pidfd (pidfd_open(2),
 * clone3(2)), which has to wait, say on a pipe, until this returns: it is in its cgroup then. It
 * must run as the caller's user, descend from the caller, and run in the same cgroup. The lease is
 * the child's from now on, and ends with it, also when the caller is gone; of a caller in a job's
 * cgroup the children end with it. pidfd stays the caller's. -EAGAIN: it may not begin yet;
 * UW_STALE: it is no task, has begun or was cancelled; -EPERM: not the caller's child; -EBUSY: in
 * another cgroup; -ESRCH: it has ended; -EMFILE, -ENFILE: too many run.
 */
int uw_task_begin(struct uw *uw, uint64_t task, int pidfd);

/*
 * How it is. While it is queued this waits for its turn, for at most timeout_us: UW_TIMED_OUT, with
 * the status as it is. UW_STALE.
 */
int uw_task_status(struct uw *uw, uint64_t task, uint64_t timeout_us,
		   struct uw_task_status *status);

/*
 * Has it end: one in the queue at once; a child is sent SIGTERM, and killed with all that runs in
 * its cgroup after grace_us, at most an hour; a shorter grace is kept. A thread is not touched: its
 * state says that it is to end. UW_STALE.
 */
int uw_task_cancel(struct uw *uw, uint64_t task, uint64_t grace_us);

/* It is over, and forgotten: what a child left running is killed, and what is reserved is free. */
int uw_task_end(struct uw *uw, uint64_t task);

/* ---- pressure ---- */

struct uw_pressure {
	uint32_t size;
	uint32_t level;         /* enum uw_level */
	uint32_t use_permyriad; /* of the component's limit, 10000 = all of it */
	uint32_t zero;
	uint64_t at_us;        /* CLOCK_MONOTONIC, when uwd saw it */
	const char *component; /* valid during the call */
};

typedef void (*uw_pressure_fn)(void *data, const struct uw_pressure *pressure);

/*
 * Has fn called with the level of the component (NULL: of each) as it is, and whenever it has
 * changed. Who is slow hears of the newest level only. Called in uw_dispatch, or in the thread of
 * uw_start_thread; it may call anything of here but uw_close. uw_off returns when fn does not run
 * any more, unless it is called from there. -ENOENT.
 */
int uw_on_pressure(struct uw *uw, const char *component, uw_pressure_fn fn, void *data,
		   uint64_t *ret_handle);
int uw_off(struct uw *uw, uint64_t handle);

/*
 * The same when the component enters emergency: once, and again only after it was below critical
 * for 10 s. One that has ended by the time that fn can run is told too, with the level as it is.
 */
int uw_on_emergency(struct uw *uw, const char *component, uw_pressure_fn fn, void *data,
		    uint64_t *ret_handle);

struct uw_shrink {
	uint32_t size, zero;
	uint64_t id;           /* of the lease */
	uint64_t target;       /* bytes that it may keep; 0: none of it */
	uint64_t deadline_us;  /* CLOCK_MONOTONIC */
	const char *why;       /* payback: its owner wants back what the lease borrows */
	const char *component; /* both valid during the call */
};

typedef void (*uw_shrink_fn)(void *data, const struct uw_shrink *shrink);

/*
 * Has fn called when a lease of this handle with UW_REVOCABLE is asked back. The answer is
 * uw_resize to the target or less, or uw_free, before the deadline, when the memory is given back;
 * without one the lease is shrunk to the target then, or is stale, and its cgroup squeezed as if it
 * had never been. Who is slow hears of the newest target of each lease only.
 */
int uw_on_shrink(struct uw *uw, const char *component, uw_shrink_fn fn, void *data,
		 uint64_t *ret_handle);

/*
 * News come in one of two ways. In a loop of one's own: uw_fd is readable when uw_dispatch has
 * something to do; that never waits, and returns how many callbacks it ran, or a negative errno.
 * Or in a thread of the library, with all signals blocked, until uw_close. With either, and only
 * then, a restart of uwd is noticed at once; without, leases are kept for as long as the process
 * lives, and the next call finds the way back.
 *
 * And only then are small leases granted here, without asking: a handle keeps up to 8 MiB of each
 * component that it allocates of as its credit, which counts as its lease. uw_alloc of up to a
 * quarter of it, without a ttl_us, comes out of that; uwd is told within 10 ms, or with what is
 * asked next, and lists it by an id of its own. Credit that is not used goes back after a second.
 */
int uw_fd(struct uw *uw);
int uw_dispatch(struct uw *uw);
int uw_start_thread(struct uw *uw);

/* ---- pools ---- */

/*
 * A pool is memory of a fixed size that programs allocate from, and that other processes can map.
 * Pages are there, and charged, once allocated. When more than a tenth of what is in use is free
 * and there, uw_pool_free gives those of the larger block that it frees back, and of others where
 * frees are few, at 96 MB/s, 2 MiB at once and 8 after a pause; uw_pool_trim the rest. What
 * describes allocations is private to whoever made the pool: it alone allocates and frees; who
 * attaches reads its tensors, or writes them. Small ones, to 8 KiB, seldom lock.
 *
 * An id names an allocation or a tensor. One that was freed or evicted, or is another pool's, is
 * answered with UW_STALE: surely, until its place was used half a million times more. In a child of
 * fork(2) a pool answers -ECHILD, is not mapped, and may only be closed; of one that was made with
 * a handle it has not even the file.
 */
struct uw_pool;

#define UW_READ_ONLY  0U
#define UW_READ_WRITE 1U

#define UW_POOL_BYTES_MAX (1ULL << 39)

struct uw_pool_options {
	uint32_t size;
	uint32_t tensors;      /* there may be at a time, 65536 at most; 0: 4096 */
	const char *component; /* whose memory, with uw */
	const char *name;      /* NULL: one is made up */
	uint64_t bytes;        /* 64 KiB to UW_POOL_BYTES_MAX */
};

/*
 * uw may be NULL: then the memory is the caller's own, charged to its cgroup, component is not
 * looked at, and the name, at most 249 bytes, is shown in /proc. With it the memory is the
 * component's, leased as a whole, and its pages are charged there, whoever touches them; the name
 * is 1 to 31 of a-z 0-9 _ -, and the user's only one. -ENOMEM when it is denied; -EEXIST: the user
 * has one of that name; -ENOTCONN: uwd does not run; else of the errors of uw_alloc. -EINVAL;
 * -EMFILE.
 *
 * While uwd restarts a pool is as it was, and what needs pages waits. When it is away for more than
 * 5 s, uw_pool_alloc and uw_tensor_alloc answer -ENOTCONN where what is there already does not do;
 * nothing else needs uwd. -ESTALE: uwd has taken the pool away.
 *
 * uw_pool_close ends the pool and its lease for its owner, when no other call runs, and before
 * uw_close; memory that was exported with uw_tensor_dlpack stays until the last export ends, and
 * others keep what they have mapped. NULL is fine.
 */
int uw_pool_create(struct uw *uw, const struct uw_pool_options *options, struct uw_pool **ret_pool);
void uw_pool_close(struct uw_pool *pool);

/*
 * The pool of another process, from its file, uw_pool_fd there, handed over as a file descriptor is
 * (SCM_RIGHTS). fd stays the caller's, that of uw_pool_fd the pool's. Tensors can be had then, and
 * nothing else: other calls answer -EPERM. Nothing that the owner writes leads out of the pool.
 * -EINVAL: no pool; -EPERM: not sealed; -EPROTO: of another version; -EACCES: fd is read-only.
 */
int uw_pool_attach_fd(int fd, uint32_t access, struct uw_pool **ret_pool);
int uw_pool_fd(const struct uw_pool *pool);

#define UW_NOBODY UINT32_MAX /* as a uid or gid */

/*
 * The same by a name that uwd knows: NAME, one's own or the only one of it that is shared, or
 * UID/NAME. A pool is its owner's alone until uw_pool_share says who else may attach to it: bits
 * 0400 (to read) and 0200 (to write) of mode for uid, 040 and 020 for gid, 04 and 02 for all; 0 is
 * nobody again. Who has it keeps it. Who may read can neither write to it, grow, shrink or seal it;
 * pages that it does not find are charged to itself. -ENOENT; -EACCES; -ENOTUNIQ: several users
 * share one of that name; -EEXIST: this handle has it, or made it; -EAGAIN: it is being made. Of
 * uw_pool_share: UW_STALE; -EPERM: not the caller's, or made without uw; -EINVAL.
 */
int uw_pool_attach(struct uw *uw, const char *name, uint32_t access, struct uw_pool **ret_pool);
int uw_pool_share(struct uw_pool *pool, uint32_t uid, uint32_t gid, uint32_t mode);

/* By which it was made or attached to; NULL: uwd does not know it. Valid while the pool is. */
const char *uw_pool_name(const struct uw_pool *pool);

/* 1 when the owner of an attached pool has ended, and what is in it changes no more; it can be read
 * on. The handle hears of it as of pressure. */
int uw_pool_is_orphan(const struct uw_pool *pool);

/* May be evicted when there is no room, the least recently used first. It is made with one pin, to
 * be filled; then uw_pool_unpin. From there on its memory is touched only while it is pinned. */
#define UW_EVICTABLE (1U << 0)

/*
 * bytes, from 1 on, aligned to 16, not cleared. *ret_memory is set where it is not NULL. UW_FULL:
 * no free run is large enough, and evicting all that may go makes none; -ENOMEM: the pages cannot
 * be had; -ENOTCONN, -ESTALE: see uw_pool_create; -EINVAL.
 */
int uw_pool_alloc(struct uw_pool *pool, uint64_t bytes, uint32_t flags, uint64_t *ret_id,
		  void **ret_memory);

/* Where it is, and how many bytes may be used, no less than asked for; both may be NULL. It counts
 * as used now. UW_STALE. */
int uw_pool_get(struct uw_pool *pool, uint64_t id, void **ret_memory, uint64_t *ret_bytes);

/*
 * While it is pinned it is not evicted, and when it is freed its memory is not used for others
 * before it is unpinned as often. ret_memory may be NULL. Pins are the owner's alone, and stand in
 * its own memory: of a process that dies, whichever, none is left. UW_STALE, of uw_pool_unpin also
 * when it is not pinned; -EOVERFLOW: it has 1023 pins, of more than 8 KiB 2^32-1.
 */
int uw_pool_pin(struct uw_pool *pool, uint64_t id, void **ret_memory);
int uw_pool_unpin(struct uw_pool *pool, uint64_t id);
int uw_pool_free(struct uw_pool *pool, uint64_t id);

/*
 * Evicts until no more than keep_bytes are in use (UINT64_MAX: evicts nothing), then gives back the
 * pages of free runs from 64 KiB on. What other threads keep at hand, up to 1.5 MiB each, is
 * given back as they go on. *ret_bytes, which may be NULL: how many went back. A pool that is
 * pinned for CUDA gives nothing back.
 */
int uw_pool_trim(struct uw_pool *pool, uint64_t keep_bytes, uint64_t *ret_bytes);

/*
 * fn is told what is evicted: the id is stale already, the memory is there until it returns. It
 * runs in the thread that allocates or trims, and may call anything but uw_pool_close; what it
 * allocates evicts nothing. Set it before the first evictable allocation.
 */
typedef void (*uw_evict_fn)(void *data, uint64_t id, void *memory, uint64_t bytes);
int uw_pool_on_evict(struct uw_pool *pool, uw_evict_fn fn, void *data);

/* Exact when no other thread allocates or frees meanwhile. Else used_bytes may be off by what those
 * threads have at hand; it is never more than there is, and frees are never more than allocations.
 */
struct uw_pool_stats {
	uint32_t size;
	uint32_t fragmentation_permyriad; /* 10000 * (1 - largest_bytes / free_bytes) */
	uint64_t bytes;                   /* of the pool */
	uint64_t used_bytes;              /* allocated, rounded up to what each may use */
	uint64_t zombie_bytes;            /* of these: freed, and pinned still */
	uint64_t evictable_bytes;         /* of these: could go at once */
	uint64_t committed_bytes;         /* pages that are there */
	uint64_t free_bytes;              /* in free runs */
	uint64_t largest_bytes;           /* the longest of them */
	uint64_t allocations, frees, evictions, trimmed_bytes; /* since it was made */
	uint64_t tensors;                                      /* there are */
};

/* Written as far as its size says. */
int uw_pool_stats(struct uw_pool *pool, struct uw_pool_stats *ret_stats);

/* ---- tensors ---- */

#define UW_TENSOR_DIMENSIONS 8

/* Of elements, as DLPack numbers them. */
enum uw_type {
	UW_INT = 0,
	UW_UINT = 1,
	UW_FLOAT = 2,
	UW_BFLOAT = 4,
	UW_COMPLEX = 5,
	UW_BOOL = 6,
};

struct uw_tensor {
	uint32_t size;
	uint16_t type, bits; /* enum uw_type; of an element: 8, 16, 32, 64 or 128 */
	uint32_t dimensions, zero;
	int64_t shape[UW_TENSOR_DIMENSIONS]; /* elements in a row: the last one changes fastest */
	/* Not looked at by uw_tensor_alloc: */
	void *memory;        /* aligned to 64 */
	uint64_t bytes;      /* of the elements */
	uint64_t generation; /* of the id's slot: never the same again */
};

/*
 * A tensor of that type and shape, not cleared, which who attaches to the pool can find by its id.
 * Tensors are freed, pinned and evicted as allocations are, by the same functions. Its size is
 * sizeof(struct uw_tensor). As uw_pool_alloc; UW_FULL also when there are as many as there may be;
 * -EINVAL.
 */
int uw_tensor_alloc(struct uw_pool *pool, const struct uw_tensor *tensor, uint32_t flags,
		    uint64_t *ret_id, void **ret_memory);

/*
 * Written as far as its size says. UW_STALE. Of an attached pool also -EAGAIN: it changes all the
 * time; -EBADMSG: its owner wrote what cannot be. The owner may free it at any time: who reads
 * without its consent asks again afterwards, and believes what was read if the generation is the
 * same.
 */
int uw_tensor_get(struct uw_pool *pool, uint64_t id, struct uw_tensor *ret_tensor);

/* A DLManagedTensorVersioned instead of a DLManagedTensor. */
#define UW_DLPACK_VERSIONED (1U << 0)

/*
 * A DLManagedTensor (DLPack 0.8, or 1.0) over the tensor's memory, which is pinned until the
 * deleter is called, from any thread; that may be after uw_pool_close. The deleter is a function of
 * this library. Of a pool that is attached read-only it must be the versioned one, which says so:
 * else -EACCES. UW_STALE; -EOVERFLOW; -ENOMEM.
 */
int uw_tensor_dlpack(struct uw_pool *pool, uint64_t id, uint32_t flags, void **ret_managed);

/*
 * Has a pool's memory pinned for CUDA devices, all of it, which commits all of it, until
 * uw_pool_close: transfers need no copy then. Of an attached pool once its owner has done so.
 * -ENOTSUP: there is no CUDA driver; -ENODEV: or no device; -ENOMEM; -EIO; -ENODATA: attached, and
 * not all of it is there; -EALREADY.
 */
int uw_pool_pin_cuda(struct uw_pool *pool);

/* ---- what there is ---- */

/* What uwd knows of the system and of each component, as JSON, to be freed with free(3). */
int uw_report(struct uw *uw, char **ret_json);

#ifdef __cplusplus
}
#endif

/* ---- inline ---- */

/* What is called most is inline while it need not wait, lock or begin anything. So the structs that
 * these two have below their functions are part of the interface and stay as they are in all of
 * libuw.so.0, but are for inline functions alone. With UW_NO_INLINE, or not optimised, each call is
 * one of the library. */
#define UW_INLINE      extern inline __attribute__((gnu_inline, always_inline, artificial))
#define UW_SELDOM(yes) __builtin_expect(!!(yes), 0)
/* The library's own, by other names. clang leaves out what is inline where it calls its own name: a
 * first character of 1, which is not in the symbol, makes it another. */
#ifdef __clang__
#define UW_OTHER "\01"
#else
#define UW_OTHER ""
#endif

#include "uw_objects.h"
#include "uw_ring.h"

#endif
