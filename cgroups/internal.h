/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared inside cgroups/. A struct cg_op is one setup or teardown: where it works, whom it tells,
 * and whether it may change anything. Paths are relative to the cgroup2 mount; "" is the mount.
 */
#ifndef CGROUPS_INTERNAL_H
#define CGROUPS_INTERNAL_H

#include <stdio.h>

#include "cgroups/cgroups.h"

#define CG_RUN_DIR "/run/uw"

/* ---- host.c ---- */

/* Fills mount, options and flags from text in the form of /proc/self/mountinfo. */
int cg_host_read_mounts(FILE *mountinfo, struct cg_host *ret_host, bool *ret_memory_v1);

/* Whether dirfd/file (cgroup.controllers, cgroup.subtree_control) names the memory controller. */
bool cg_has_memory(int dirfd, const char *file);

/* Whether mount options are ours to change: not where systemd keeps them. */
bool cg_host_owns_mount(const struct cg_host *host);
int cg_host_remount_recursive(const struct cg_host *host);

/* ---- group.c ---- */

int cg_parse_u64(const char *text, uint64_t *ret_value); /* "max" is CG_MAX; -EINVAL */
void cg_print_u64(uint64_t value, char *buf, size_t size);
int cg_parse_state(const char *text, bool *ret_populated, bool *ret_frozen);

/* ---- names.c ---- */

int cg_check_root(const char *root, struct uw_err *err);
int cg_check_component(const char *name, struct uw_err *err);
int cg_check_leaf(const char *name, struct uw_err *err);

/* Whether the root lies in a unit of systemd, whose ancestors systemd configures. */
bool cg_root_is_unit(const char *root);

/* The unit whose own cgroup path is, "uw-pool.scope"; NULL when it is none's. */
const char *cg_unit_of(const char *path);

/* "a/b" into buf; -ENAMETOOLONG. An empty parent gives "b". */
int cg_join(char *buf, size_t size, const char *parent, const char *name);

/* ---- op.c ---- */

struct cg_op {
	const struct cg_host *host;
	const struct cg_change *change; /* may be NULL */
	struct uw_err *err;
	int mount; /* dirfd */
	int lock;  /* -1 in a dry run */
	bool lib_ready;
	uint64_t until_us; /* of change->no_wait: no longer for systemd; 0 = see cg_wait_until */
};

int cg_op_open(struct cg_op *op, const struct cg_host *host, const struct cg_change *change,
	       struct uw_err *err);
void cg_op_close(struct cg_op *op);
bool cg_op_dry(const struct cg_op *op);
void cg_op_note(const struct cg_op *op, const char *verb, const char *path, const char *value);

/* The directory of path, "" included; -ENOENT. The caller closes it. */
int cg_op_dir(const struct cg_op *op, const char *path);
bool cg_op_exists(const struct cg_op *op, const char *path);

/* Makes a group through libcgroup, which switches memory on in every ancestor. */
int cg_op_make(struct cg_op *op, const char *path);

/* Makes a group and nothing else: where the parent may still hold processes. */
int cg_op_mkdir(struct cg_op *op, const char *path);

/* Lets children of path have the memory controller. */
int cg_op_enable(struct cg_op *op, const char *path);

/* Writes a limit where it differs, rounded down to pages as the kernel does. Of a unit's own cgroup
 * the limit is set through systemd, which would write the file anew otherwise; memory.min is not:
 * see protect.c. */
int cg_op_set(struct cg_op *op, const char *path, enum cg_knob knob, uint64_t value);

/* The limit in force; 0 or "max", as a new group has it, where there is none. */
uint64_t cg_op_get(const struct cg_op *op, const char *path, enum cg_knob knob);

/* "Ours": an extended attribute. mark is CG_MARK_*; an existing one is replaced when it differs. */
#define CG_MARK_XATTR     "user.uw"       /* cgroup2 takes user xattrs since 5.7 */
#define CG_MARK_RECURSIVE "recursiveprot" /* of a pool: protection reaches the leaves */
#define CG_MARK_LEAVES    "leafprot"      /* of a pool: each leaf must be given its own */
#define CG_MARK_PART      "part"          /* of what is in it */
#define CG_MARK_SLICE     "slice"         /* of uw.slice, where setup started it */
int cg_op_mark(struct cg_op *op, const char *path, const char *mark);
int cg_mark_read(int dirfd, char *buf, size_t size); /* -ENODATA when it is not ours */

/* rmdir of path and of the empty groups in it. -EBUSY when something runs in it. */
int cg_op_remove(struct cg_op *op, const char *path);

/* ---- lib.c: libcgroup ---- */

int cg_lib_init(struct uw_err *err);
int cg_lib_create(const char *path, struct uw_err *err);
int cg_lib_set(const char *path, const char *file, const char *value, struct uw_err *err);
int cg_lib_attach(int leaf_dirfd, pid_t pid, struct uw_err *err);

/* ---- find.c ---- */

/* The path, below the mount, of a pool that is marked as ours. -ENOENT. */
int cg_find_marked(const char *mount, char *ret_root, size_t size);

/* ---- procs.c ---- */

/* Reads up to max pids of dirfd's own cgroup.procs; the count or a negative errno. */
int cg_procs_read(int dirfd, pid_t *ret_pids, int max);

/* Moves every process of one group to another, until none is left. -EBUSY when they keep coming. */
int cg_procs_move(int from_dirfd, int to_dirfd);

/* Whether something runs in the group or below it. Of one that is gone nobody does; true when that
 * cannot be read otherwise. */
bool cg_populated(int dirfd);

/* Waits until the group and all below it are empty. -ETIMEDOUT. */
int cg_procs_wait_empty(int dirfd, int timeout_ms);

/* Calls fn for each child group; a negative return stops and is passed up. */
int cg_each_child(int dirfd, cg_leaf_fn fn, void *data);

/* ---- remove.c ---- */

/* At a time; a workload may make as many as cgroup.max.descendants allows. */
#define CG_REMOVED_MAX 4096

/* All groups below dirfd. -EBUSY when something runs in one, or there are more of them. */
int cg_remove_below(int dirfd);

/* parent/name with all groups below it, if nothing runs in them. -EBUSY, -ENOENT. */
int cg_remove_empty(int parent, const char *name);

/* ---- run_files.c: the files of /run/uw ---- */

int cg_setup_lock(int *ret_fd, bool may_wait, struct uw_err *err);
int cg_pool_file_write(const char *root, struct uw_err *err);
void cg_pool_file_remove(const char *root); /* when it is root that is recorded */

/* ---- root.c ---- */

/* Remounts with memory_recursiveprot where that is ours to do; host->recursiveprot says the result.
 */
void cg_want_recursiveprot(struct cg_op *op, struct cg_host *host);

/* -EEXIST when another pool is set up. */
int cg_check_no_other(const struct cg_op *op, const char *root);

/* Makes or adopts the pool's own group and its holder, and lets children have memory. */
int cg_pool_make(struct cg_op *op, const char *root);

/* ---- protect.c ---- */

/* Which part of the work cg_protect_pool does: a parent is raised before its children are, and
 * lowered after them. */
enum cg_protect {
	CG_PROTECT_RAISE,
	CG_PROTECT_LOWER,
};

/* Brings memory.low of the pool, and of its slice, to low_bytes; memory.min is raised to the sum of
 * the components' where it is below that. */
int cg_protect_pool(struct cg_op *op, const char *root, enum cg_protect what, uint64_t low_bytes);

/* Starts and marks uw.slice, unless it is somebody else's: then it stays as it is. One that was
 * started and not marked, by a setup that was killed, is marked. */
int cg_slice_make(struct cg_op *op);

/* Whether it is there with our mark. */
bool cg_slice_is_marked(const struct cg_op *op);

/* Undoes cg_slice_make; with others in it, only the protection goes. -ETIMEDOUT: it stayed. */
int cg_slice_remove(struct cg_op *op);

/* ---- guard.c ---- */

struct cg_guard_start {
	pid_t pid;
	int pidfd;
	int go;     /* a byte written here lets it exec */
	int report; /* end of file: exec succeeded; else an errno */
};

int cg_guard_find(int holder_dirfd, pid_t *ret_pid, int *ret_pidfd);

/* Forks the guard, held back before its exec; in holder_dirfd when that is not -1. */
int cg_guard_begin(const char *program, const char *pool_path, int holder_dirfd,
		   struct cg_guard_start *ret_start, struct uw_err *err);
/* Lets it go and hands its pidfd over; or gives up on it. */
int cg_guard_finish(struct cg_guard_start *start, const char *program, int *ret_pidfd,
		    struct uw_err *err);
void cg_guard_abort(struct cg_guard_start *start);

/* ---- scope.c: sd-bus ---- */

#define CG_SLICE        "uw.slice"
#define CG_SCOPE        "uw-pool.scope"
#define CG_SCOPE_ROOT   CG_SLICE "/" CG_SCOPE
#define CG_UNIT_EXISTS  1
#define CG_UNIT_FOREIGN 2

/*
 * All of these ask systemd and wait for its answer: -EAGAIN when there is none in time. In time is
 * CG_WAIT_S for each, where the caller may wait. uwd's loop may not: the guard takes it for hung
 * LEDGER_STALE_US (2 s) after a heartbeat, of which there is one a second at least, so all of an
 * operation has CG_NO_WAIT_US. The pool's scope has CG_SCOPE_MORE_US on top: without a pool nobody
 * waits for uwd, and one that is given up too soon never comes where systemd is slow.
 */
#define CG_WAIT_S        5 /* an emulated systemd under load takes one */
#define CG_NO_WAIT_US    700000ULL
#define CG_SCOPE_MORE_US 800000ULL

/* When a wait for systemd that begins now has to end. */
uint64_t cg_wait_until(const struct cg_op *op);

/* Sleeps for a moment; false without that when the time is over. */
bool cg_wait_step(uint64_t until_us);

/* Starts uw-pool.scope with pid in it and waits until pid is there. */
int cg_scope_start_pool(const struct cg_op *op, pid_t pid);

/* Begins to start a unit that systemd knows. */
int cg_unit_begin(const struct cg_op *op, const char *unit);

/* Begins to end a unit; 0 too when there is none. systemd removes its cgroup. */
int cg_unit_stop(const struct cg_op *op, const char *unit);

/* Sets the property that stands for knob (a limit) until the unit or the machine ends. */
int cg_unit_set(const struct cg_op *op, const char *unit, enum cg_knob knob, uint64_t value);
const char *cg_unit_property(enum cg_knob knob); /* "MemoryMax"; NULL where there is none */

/* Starts uw.slice as a transient unit. CG_UNIT_EXISTS: it is the one that an earlier call started,
 * perhaps stopped by now. CG_UNIT_FOREIGN: it has a file, or another program started it. */
int cg_slice_start(const struct cg_op *op);

/* A new scope for processes that outlive the pool; its path relative to the mount. */
int cg_scope_start_kept(const struct cg_op *op, const pid_t *pids, int count, char *ret_path,
			size_t size);

#endif
