/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libuw: leases of memory, and news of pressure, from uwd. A lease is a promise: so much of a
 * component's memory is kept for who holds it, until it is freed, its time is over or its holder
 * ends. It moves no memory; what is used is charged to the cgroup that the process runs in.
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

struct uw_request {
	uint32_t size;
	uint32_t flags;          /* UW_REVOCABLE */
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
 * News come in one of two ways. In a loop of one's own: uw_fd is readable when uw_dispatch has
 * something to do; that never waits, and returns how many callbacks it ran, or a negative errno.
 * Or in a thread of the library, with all signals blocked, until uw_close. With either, and only
 * then, a restart of uwd is noticed at once; without, leases are kept for as long as the process
 * lives, and the next call finds the way back.
 */
int uw_fd(struct uw *uw);
int uw_dispatch(struct uw *uw);
int uw_start_thread(struct uw *uw);

/* ---- what there is ---- */

/* What uwd knows of the system and of each component, as JSON, to be freed with free(3). */
int uw_report(struct uw *uw, char **ret_json);

#ifdef __cplusplus
}
#endif

#endif
