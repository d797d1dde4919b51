/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cgroup v2: structure through libcgroup (mount discovery, create, attach), the tick through kept
 * file descriptors. A tree is <pool>/<component>/<leaf>, beside <pool>/holder. What is not ours is
 * never written to, except the pool root's ancestors' cgroup.subtree_control where we own them.
 */
#ifndef CGROUPS_CGROUPS_H
#define CGROUPS_CGROUPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "user/base/err.h"

#define CG_PATH_LEN 640
#define CG_NAME_LEN 128 /* a container's scope has 64 digits and more; the kernel takes 255 */
#define CG_MAX      UINT64_MAX /* "max" */

/* ---- the host ---- */

enum cg_memory {
	CG_MEMORY_V2,   /* usable */
	CG_MEMORY_V1,   /* hybrid: the memory controller sits on v1 */
	CG_MEMORY_NONE, /* disabled (cgroup_disable=memory) or no cgroup2 mount */
};

struct cg_host {
	char mount[CG_PATH_LEN]; /* where cgroup2 is mounted; "" when nowhere */
	enum cg_memory memory;
	bool recursiveprot;        /* mount option memory_recursiveprot */
	bool systemd;              /* systemd is PID 1 */
	bool read_only;            /* the mount takes no writes */
	unsigned long mount_flags; /* MS_*, and the options below: for a remount */
	char options[256];
};

/* Looks, changes nothing. 0 also on an unsuitable host: read ->memory, or ask cg_host_check. */
int cg_host_probe(struct cg_host *ret_host, struct uw_err *err);

/* 0, or -EOPNOTSUPP, -EROFS with what is wrong with this host and the remedy in err. */
int cg_host_check(const struct cg_host *host, struct uw_err *err);

/* ---- knobs, read and written through kept fds ---- */

enum cg_knob {
	CG_CURRENT,       /* memory.current */
	CG_SWAP_CURRENT,  /* memory.swap.current */
	CG_MIN,           /* memory.min */
	CG_LOW,           /* memory.low */
	CG_HIGH,          /* memory.high */
	CG_LIMIT,         /* memory.max */
	CG_STAT,          /* memory.stat */
	CG_EVENTS,        /* memory.events */
	CG_PRESSURE,      /* memory.pressure */
	CG_RECLAIM,       /* memory.reclaim */
	CG_FREEZE,        /* cgroup.freeze */
	CG_CGROUP_EVENTS, /* cgroup.events */
	CG_KILL,          /* cgroup.kill */
	CG_PROCS,         /* cgroup.procs */
	CG_PEAK,          /* memory.peak */
	CG_KNOB__COUNT
};

const char *cg_knob_file(enum cg_knob knob);

/* One cgroup with the fds that its tick needs; -1 where not opened or not there. */
struct cg_group {
	char name[CG_NAME_LEN];
	uint64_t id; /* the cgroup id, as BPF sees it (inode of the directory) */
	int dir;
	int fd[CG_KNOB__COUNT];
};

/* Opens dirfd/name and the fds of knobs (a bit mask of 1U << enum cg_knob). -ENOENT when gone. */
int cg_group_open(int dirfd, const char *name, uint32_t knobs, struct cg_group *ret_group);
void cg_group_close(struct cg_group *group); /* takes a zeroed or half-opened one */

/* A kept fd when there is one, openat otherwise. -ENODEV when the group was removed, -ENOENT when
 * this kernel has no such file. */
int cg_read_u64(const struct cg_group *group, enum cg_knob knob, uint64_t *ret_value);
long cg_read_text(const struct cg_group *group, enum cg_knob knob, char *buf, size_t size);
int cg_write_u64(const struct cg_group *group, enum cg_knob knob, uint64_t value);
int cg_write_text(const struct cg_group *group, enum cg_knob knob, const char *value);

/* populated and frozen of cgroup.events. */
int cg_read_state(const struct cg_group *group, bool *ret_populated, bool *ret_frozen);

/* ---- the tree ---- */

#define CG_HOLDER  "holder"          /* the guard's group, beside the components */
#define CG_SHIMS   CG_HOLDER "/jobs" /* where the parents of queued jobs stand */
#define CG_POOLS   "pools"           /* the leaf of a component's pools, with their keeper */
#define CG_ADOPTED "adopted"         /* the leaf for processes found directly in a component */

struct cg_component_spec {
	const char *name;                          /* as text_is_name, and not "holder" */
	uint64_t low_bytes, high_bytes, max_bytes; /* CG_MAX for "max" */
};

struct cg_tree_spec {
	const char *root;   /* pool path relative to the mount, e.g. "uw" or
			     * "uw.slice/uw-pool.scope" */
	uint64_t max_bytes; /* of the pool */
	uint32_t count;
	const struct cg_component_spec *component;
};

/*
 * Told of each change before it is made, as VERB PATH VALUE:
 * - mkdir, rmdir, kill: a group, NULL
 * - write: a file, what is written
 * - keep: a file, what is not written (a memory.high below use: it would block, the daemon does it)
 * - mark: a group, the extended attribute that says "ours"
 * - move: a group, where its processes go
 * - remount: the mount point, an option
 * - property: a unit of systemd, PROPERTY=VALUE (a limit of the unit's own cgroup)
 * - scope, stop: the pool's root, or its slice; properties or NULL
 * - spawn: a program, the group it starts in
 */
typedef void (*cg_note_fn)(void *data, const char *verb, const char *path, const char *value);

struct cg_change {
	bool dry_run; /* note, do not do */
	bool no_wait; /* -EAGAIN while another setup or teardown is at work, or systemd is slow */
	cg_note_fn note; /* may be NULL */
	void *data;
};

/*
 * Makes the tree be as spec says; what already is so is left alone (idempotent, and then notes
 * nothing); what an interrupted setup left half-made is completed. Concurrent setups are serialised
 * by a lock file in /run/uw. Components of the pool that spec does not name are left alone when
 * populated and removed when empty. Processes directly in a component move to its leaf "adopted".
 * memory.low of the pool (and of uw.slice, where setup started it) becomes the sum of the
 * components'. memory.min of a component is not touched, the pool's is raised to their sum. A
 * memory.high below use is not written ("keep"): that blocks.
 * -EOPNOTSUPP, -EROFS, -EACCES: the host; -EINVAL, -ERANGE: the spec (sum of low over max_bytes);
 * -EEXIST: the root belongs to another program; -EBUSY: a limit below what is in use, or processes
 * where the kernel allows none; -ENOENT: a systemd scope that cg_pool_create has not made.
 */
int cg_tree_setup(const struct cg_host *host, const struct cg_tree_spec *spec,
		  const struct cg_change *change, struct uw_err *err);

enum cg_teardown {
	CG_TEARDOWN_REFUSE, /* -EBUSY, naming the leaf, while something runs in it */
	CG_TEARDOWN_KILL,   /* cgroup.kill, wait for populated 0, rmdir */
	/* Thaw, move the processes out, rmdir: to the top of the hierarchy, to ROOT-kept where the
	 * pool's parent is not the top, to a scope uw-kept-PID.scope under systemd. */
	CG_TEARDOWN_KEEP_RUNNING,
};

int cg_tree_teardown(const struct cg_host *host, const char *root, enum cg_teardown how,
		     const struct cg_change *change, struct uw_err *err);

/*
 * 0 when component's memory.min may become min_bytes: the sum over the pool's components stays
 * within its memory.max. -ERANGE otherwise: overcommitted memory.min makes the kernel kill.
 */
int cg_min_check(int pool_dirfd, const char *component, uint64_t min_bytes, struct uw_err *err);

/* What the pool's components have in sum; CG_MAX where it does not fit. */
uint64_t cg_min_sum(int pool_dirfd);
uint64_t cg_low_sum(int pool_dirfd);

#define CG_BOUNDS_MAX 2

/*
 * Opens the groups whose memory.min bounds that of the components and is ours to write: the pool's
 * own, and then uw.slice above it where setup started it; their names are "." and "..". How many.
 * The caller closes them.
 */
uint32_t cg_pool_open_bounds(int pool_dirfd, uint32_t knobs,
			     struct cg_group ret_group[static CG_BOUNDS_MAX]);

/* How much of the components' memory.low or memory.min counts against reclaim from outside. */
struct cg_reach {
	uint64_t want_bytes;    /* the components' sum */
	uint64_t has_bytes;     /* what the groups above them have at least, up to that */
	char path[CG_PATH_LEN]; /* the group that has so little; "" when nothing lacks */
};

/* knob: CG_LOW or CG_MIN, of which only what is not uwd's to keep is looked at. -ENOENT: there is
 * no pool. Needs no rights. */
int cg_pool_reach(const struct cg_host *host, const char *root, enum cg_knob knob,
		  struct cg_reach *ret_reach);

/* The pool of a running setup: recorded by setup in /run/uw/pool. -ENOENT when there is none. */
int cg_tree_root(char *ret_root, size_t size);

/*
 * The same; and where nothing is recorded, a pool that is found by its mark. -ENOENT: none of ours
 * stands anywhere. Looks at each group of the machine then. Also what is left of one under systemd.
 */
int cg_tree_find(const struct cg_host *host, char *ret_root, size_t size);

/* Opens the pool's directory. */
int cg_tree_open(const struct cg_host *host, const char *root, int *ret_dirfd, struct uw_err *err);

/*
 * Whether the top of the hierarchy, as it is seen here, lets a pool be made in it: below a cgroup
 * namespace's (in a container) no controller can be switched on while processes stand directly in
 * it, and setup fails with -EBUSY. Needs no rights.
 */
bool cg_host_takes_pool(const struct cg_host *host);

/* ---- leaves ---- */

/*
 * Makes <pool>/<component>/<name>; NULL name picks "run-<pid>-<n>". -EEXIST when a populated leaf
 * of that name is there. *ret_dirfd is for clone3(CLONE_INTO_CGROUP).
 */
int cg_leaf_create(int pool_dirfd, const char *component, const char *name, char *ret_name,
		   size_t size, int *ret_dirfd, struct uw_err *err);

/* The leaf, made where it is missing, whatever its name means. The caller closes it. */
int cg_leaf_ensure(int pool_dirfd, const char *component, const char *name, int *ret_dirfd,
		   struct uw_err *err);

/*
 * Notes on a leaf which user's process entered it and manages itself there: nobody waits for its
 * end, so that any uwd removes the leaf once it is empty. -ENODATA: it was not entered.
 */
int cg_leaf_note_entered(int leaf_dirfd, uid_t uid);
int cg_leaf_read_entered(int leaf_dirfd, uid_t *ret_uid);

/* And what its user has said of it: how much it matters beside its like, and that it takes no harm
 * from standing still. -ENODATA: nothing. */
struct cg_said {
	uint8_t priority; /* 0 = not said */
	bool freezable;
};
int cg_leaf_note_said(int leaf_dirfd, const struct cg_said *said);
int cg_leaf_read_said(int leaf_dirfd, struct cg_said *ret_said);

/* rmdir, with the groups that the workload made below it, when nothing runs in them; 0, -EBUSY,
 * -ENOENT. */
int cg_leaf_remove(int pool_dirfd, const char *component, const char *name);

/* Calls fn for each leaf of a component; a negative return stops and is passed up. */
typedef int (*cg_leaf_fn)(void *data, const char *name);
int cg_leaf_each(int component_dirfd, cg_leaf_fn fn, void *data);

/*
 * Moves pid into the leaf (made when missing; NULL = "adopted"). -ESRCH, -EPERM, -EBUSY, -EINVAL
 * (a kernel thread) with a text in err.
 */
int cg_attach(int pool_dirfd, const char *component, const char *leaf, pid_t pid,
	      struct uw_err *err);

/*
 * Without memory_recursiveprot a component's protection reaches no leaf. When the pool was set up
 * that way this gives every leaf its component's memory.min and memory.low (the kernel scales an
 * overcommit down to the component's own); otherwise it does nothing. Call it after writing either.
 */
int cg_leaf_protect(int pool_dirfd, const char *component);

/*
 * fork() whose child starts in the cgroup from its first instruction (clone3; where seccomp forbids
 * that, it moves there before this returns). Returns 0 in the child, its pid in the parent,
 * negative errno. A threaded caller's child may only do what is safe in a signal handler until
 * exec. ret_pidfd may be NULL.
 */
pid_t cg_fork_into(int cgroup_dirfd, int *ret_pidfd);

#define CG_SPAWN_FDS 2

/*
 * Starts program (an absolute path) in the group, detached as the guard is, with one argument and
 * fds as its descriptors 3 and 4. Its pid, which the caller reaps; it is not waited for, so one
 * that cannot be executed ends at once. Negative errno.
 */
pid_t cg_spawn_into(int cgroup_dirfd, const char *program, const char *argument,
		    const int fds[static CG_SPAWN_FDS]);

/* ---- the pool and its guard ---- */

struct cg_pool {
	char root[CG_PATH_LEN]; /* relative to the mount; goes into struct cg_tree_spec */
	int dir;                /* -1 in a dry run of a pool that is not there */
	int guard;              /* pidfd of uw-guard; -1 in a dry run */
	pid_t guard_pid;
};

/* Where a pool called root ("auto", NULL, or a path) stands on this host. -EINVAL: a bad path. */
int cg_pool_root(const struct cg_host *host, const char *root, char *ret_root, size_t size,
		 struct uw_err *err);

/*
 * Makes or finds the pool's root and sees to it that a guard lives in its holder/ group. Under
 * systemd the root is a transient delegated scope, made through the system bus with the guard as
 * first member; elsewhere, and for a root given as a path, a plain cgroup. guard is the program
 * (NULL: UW_LIBEXEC_DIR/uw-guard). Repeatable: a scope that vanished is made anew, a dead guard
 * replaced. Errors as cg_tree_setup, and -ENOENT: no guard program, -ECONNREFUSED: no system bus,
 * -EAGAIN: systemd did not answer, within 5 s or, with no_wait, soon.
 */
int cg_pool_create(const struct cg_host *host, const char *root, const char *guard,
		   const struct cg_change *change, struct cg_pool *ret_pool, struct uw_err *err);

/*
 * A new guard for a pool whose guard died, unless one lives there already. Updates pool->guard.
 * -EAGAIN while a setup or teardown is at work, which may have ended it.
 * -ENOENT, -ENODEV: the pool itself is gone (an idle scope goes with its guard); cg_pool_create and
 * cg_tree_setup make it anew, with new cgroup ids.
 */
int cg_pool_guard_spawn(const struct cg_host *host, struct cg_pool *pool, const char *guard,
			struct uw_err *err);

/*
 * Notes on the pool's cgroup that a uwd runs over it. True when one did before, or when that cannot
 * be known: the note lives as long as the cgroup does, and so as long as any freeze below it.
 */
bool cg_pool_note_uwd(int pool_dirfd);

/* Of the same pool: takes the guard over and closes the rest of from. */
void cg_pool_take_guard(struct cg_pool *pool, struct cg_pool *from);

void cg_pool_close(struct cg_pool *pool);

/* ---- usable = auto ---- */

/*
 * min(5/6 of total, total - what lies outside the pool - 3 %), at least a quarter of total. Outside
 * is what is neither available nor held by the pool; pool_held_bytes is its memory.current less
 * the file cache and slab that MemAvailable counts already. In whole MiB.
 */
uint64_t cg_usable_of(uint64_t total_bytes, uint64_t available_bytes, uint64_t pool_held_bytes);

/* The same from /proc/meminfo and the pool (-1: there is none yet). A pool whose memory.max is
 * within 2 % of total of that keeps it, so that setup is idempotent while the machine breathes. */
int cg_usable_auto(int pool_dirfd, uint64_t *ret_bytes, struct uw_err *err);

#endif
