/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A queued task: what was asked (struct job_spec, with its command and environment), what the
 * daemon keeps of each in memory (struct job, fixed size, no pointers), what became of it (struct
 * job_result), and the words for all of it. Plain values. The order in which jobs start is decided
 * in user/policy/admit, what of them is on disk in user/store, their life in user/jobs.
 */
#ifndef UW_MODEL_JOB_H
#define UW_MODEL_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "user/base/err.h"
#include "user/model/component.h"
#include "user/model/plan.h"

#define JOB_NONE        0U /* no job has this id; ids count from 1 and are never used again */
#define JOB_KEY_LEN     64 /* with the terminator: letters, digits and _-.:@/+ */
#define JOB_NAME_LEN    24 /* what a queue shows: the key, or the command's last path element */
#define JOB_TAG_LEN     32
#define JOB_TAGS_MAX    8
#define JOB_AFTER_MAX   32 /* jobs that one waits for */
#define JOB_GROUPS_MAX  64 /* supplementary groups that it runs with */
#define JOB_PATH_LEN    1024
#define JOB_BLOCK_MAX   (256U * 1024) /* bytes of the arguments, and of the environment */
#define JOB_PACK_MAX    (2 * JOB_BLOCK_MAX + 8192)
#define JOB_COMMAND_LEN 200     /* of a command as a queue shows it, with the terminator */
#define JOB_ARRAY_MAX   100000U /* elements of one array */
#define JOB_RETRIES_MAX 100
#define JOB_NO_INDEX    UINT32_MAX /* is no element of an array */

#define JOB_PRIORITY_DEFAULT        5
#define JOB_MEMORY_PRIORITY_DEFAULT 5

/* Classes of the queue by priority: 9-10, 7-8, 5-6, 3-4, 1-2. */
enum job_class {
	JOB_DEFERRED,
	JOB_LOW,
	JOB_NORMAL,
	JOB_HIGH,
	JOB_CRITICAL,
	JOB_CLASS__COUNT
};

enum job_state {
	JOB_HELD,     /* until somebody releases it */
	JOB_WAITING,  /* until the jobs named by "after" have ended */
	JOB_QUEUED,   /* until its turn has come and its memory is there */
	JOB_STARTING, /* to be started: on disk before anything is done about it */
	JOB_RUNNING,
	JOB_FROZEN,    /* runs, but stands still at the moment */
	JOB_DONE,      /* exit status 0 */
	JOB_FAILED,    /* another exit status, a signal, or it could not be started */
	JOB_CANCELLED, /* by its owner or by root, before or while it ran */
	JOB_LOST,      /* ran when the machine went down, and did not ask to run again */
	JOB_STATE__COUNT
};

/* Why it waits, or why something was done to it. observed and threshold by the table in job.c. */
enum job_reason {
	JOB_BECAUSE_NONE,
	JOB_BECAUSE_SUBMIT,       /* it was submitted */
	JOB_BECAUSE_REQUEST,      /* a client asked; uid in observed */
	JOB_BECAUSE_AFTER,        /* job observed has not ended */
	JOB_BECAUSE_AFTER_FAILED, /* job observed did not end well */
	JOB_BECAUSE_MEMORY,       /* needs observed bytes, threshold are free in its component */
	JOB_BECAUSE_HOST,         /* needs observed bytes, the host can give threshold */
	JOB_BECAUSE_BEHIND,       /* would delay job observed, which has threshold bytes reserved */
	JOB_BECAUSE_TOO_LARGE,    /* needs observed bytes, its component has threshold at most */
	JOB_BECAUSE_SLOTS,        /* observed jobs run, threshold may */
	JOB_BECAUSE_FITS,         /* needs observed bytes, threshold are free */
	JOB_BECAUSE_BESIDE,       /* needs observed bytes, beside the head are threshold to spare */
	JOB_BECAUSE_CANARY, /* of its key nothing is known: takes observed, threshold are free */
	JOB_BECAUSE_TURN,   /* observed jobs are before it */
	JOB_BECAUSE_HEAD_FIRST,   /* needs observed bytes, beside the head of another component are
				     threshold */
	JOB_BECAUSE_GROWTH_FIRST, /* one that runs waits for observed bytes, threshold are free */
	JOB_BECAUSE_PLATEAU,      /* peaked at observed bytes, reserved were threshold */
	JOB_BECAUSE_NO_GROWTH,    /* wants observed bytes, threshold are free */
	JOB_BECAUSE_DEADLOCK,     /* only frozen jobs are left: has observed, wants threshold */
	JOB_BECAUSE_BACKFILL, /* ends within observed us, the head's memory is free in threshold */
	JOB_BECAUSE_GROWTH,   /* uses observed bytes, reserved were threshold */
	JOB_BECAUSE_STILL_GROWING, /* throttled or frozen for observed us, allowed are threshold */
	JOB_BECAUSE_PREEMPTED,     /* job observed needs threshold bytes */
	JOB_BECAUSE_ROOM,          /* observed bytes are free again, needs threshold */
	JOB_BECAUSE_PRESSURE,      /* uwd froze or thawed it to protect others */
	JOB_BECAUSE_MEMORY_LIMIT,  /* peaked at observed bytes, its limit was threshold */
	JOB_BECAUSE_TIME_LIMIT,    /* ran observed us, its limit was threshold */
	JOB_BECAUSE_OOM,           /* the kernel killed observed of its tasks */
	JOB_BECAUSE_EXIT,          /* its command ended; observed is the status */
	JOB_BECAUSE_SIGNAL,        /* its command was ended by signal observed */
	JOB_BECAUSE_START_FAILED,  /* errno observed, at threshold (enum job_start) */
	JOB_BECAUSE_REBOOT,        /* the machine went down while it ran */
	JOB_BECAUSE_NO_COMPONENT,  /* its component is not configured any more */
	JOB_BECAUSE_SHIM_LOST,     /* what watched it was killed, so that its end is not known */
	JOB_BECAUSE_REFUSED,       /* uwd cannot take it into its queue, errno observed */
	JOB_BECAUSE_LEFT_LEAF,     /* its command has moved itself out of its leaf */
	JOB_BECAUSE_USER_SLOTS,    /* observed jobs of its user run, threshold may */
	JOB_REASON__COUNT
};

/* What a start failed at. */
enum job_start {
	JOB_START_ANYTHING, /* memory, a process, files: nothing of the job's own */
	JOB_START_USER,
	JOB_START_DIRECTORY,
	JOB_START_COMMAND,
	JOB_START_ACCOUNT, /* its user may not run anything now */
	JOB_START_SUBMIT,  /* its user may not submit to its component any more */
	JOB_START__COUNT
};

/* What happened to it; its record lists these in order. */
enum job_step {
	JOB_STEP_SUBMITTED,
	JOB_STEP_HELD,
	JOB_STEP_RELEASED,
	JOB_STEP_STARTED,
	JOB_STEP_ADOPTED,   /* a new uwd found it running */
	JOB_STEP_GREW,      /* its reservation was raised in place; bytes before and after */
	JOB_STEP_THROTTLED, /* memory.high at what it has */
	JOB_STEP_FROZEN,
	JOB_STEP_RECLAIMED, /* memory was taken back while it was frozen */
	JOB_STEP_THAWED,
	JOB_STEP_RESTARTED, /* ended and queued again with more memory */
	JOB_STEP_REQUEUED,  /* queued again: a retry, a request, or it was lost */
	JOB_STEP_CANCELLED,
	JOB_STEP_ENDED,
	JOB_STEP_LOST,
	JOB_STEP__COUNT
};

struct job_why {
	enum job_reason reason;
	uint64_t observed;
	uint64_t threshold;
};

struct job_event {
	uint64_t wall_us;
	enum job_step step;
	uint32_t attempt;
	uint64_t before_bytes, after_bytes; /* of the reservation, where the step changed it */
	struct job_why why;
};

enum job_flag {
	JOB_FREEZABLE = 1U << 0,  /* it takes no harm from standing still */
	JOB_RERUN = 1U << 1,      /* may be ended and run again from the start at any time */
	JOB_AFTER_ANY = 1U << 2,  /* waits for the end of the others, not for their success */
	JOB_CANCELLING = 1U << 3, /* its end is on its way: somebody cancelled it */
	JOB_REQUEUING = 1U << 4,  /* its end is on its way: it goes back to the queue */
	JOB_TIMED_OUT = 1U << 5,  /* its end is on its way: over its time limit */
	JOB_ENLARGING = 1U << 6,  /* its end is on its way: it runs again with more memory */
	JOB_OUTGROWN = 1U << 7,   /* its end is on its way: at its memory limit for too long */
};

/* Its end is on its way. */
#define JOB_ENDING (JOB_CANCELLING | JOB_REQUEUING | JOB_TIMED_OUT | JOB_ENLARGING | JOB_OUTGROWN)

/*
 * The part of a job that is kept in memory for each one that has not ended: 100,000 of them stand
 * in the queue of one daemon. 0 is "not yet". Times are of the queue's own clock, which is never
 * set (jobs_now_us); on disk, and where people read them, of the wall clock (jobs_wall_us).
 */
struct job {
	uint64_t id;
	uint64_t submit_us, start_us, end_us; /* of the last attempt */
	uint64_t queued_us;      /* when it last entered the queue: submitted, or to run again */
	uint64_t memory_bytes;   /* asked */
	uint64_t reserved_bytes; /* while it runs; before that what it will start with */
	uint64_t time_us;        /* how long it says it takes; 0 = unknown */
	uint64_t time_limit_us;  /* ended after that; 0 = never */
	uint64_t input_bytes;    /* size of what it reads; 0 = unknown */
	uint64_t peak_bytes;     /* memory.peak of the last attempt, so far */
	uint64_t observed, threshold; /* of reason */
	uint64_t array;               /* id of the array's first element; its own otherwise */
	uint32_t index;               /* within its array, or JOB_NO_INDEX */
	uint32_t key, tags;           /* interned by the daemon; 0 = none */
	uint32_t bytes;               /* of its spec on disk */
	uint32_t env;                 /* number of its environment there; 0 = none */
	uint32_t uid, gid;
	uint32_t slot;     /* where its shim writes; while it runs */
	uint16_t attempts; /* started so often */
	uint16_t flags;    /* enum job_flag */
	uint8_t component; /* index in the configuration */
	uint8_t state;     /* enum job_state */
	uint8_t reason;    /* enum job_reason: why it waits */
	uint8_t priority, memory_priority;
	uint8_t retries;       /* left */
	uint8_t failed_starts; /* against it: jobs/failed_starts.h */
	char name[JOB_NAME_LEN];
};

/* Strings one after the other, each with its terminator, as in /proc/PID/cmdline. */
struct job_block {
	const char *data;
	uint32_t size;
};

/* All that a submission says. Points into memory of its maker. */
struct job_spec {
	char component[UW_NAME_LEN];
	char key[JOB_KEY_LEN];   /* "" = none: nothing is learned from it and for it */
	char name[JOB_NAME_LEN]; /* "" = after the key or the command */
	uint64_t memory_bytes;
	uint64_t time_us, time_limit_us;
	uint64_t input_bytes; /* as of struct job */
	uint32_t priority, memory_priority;
	uint32_t retries;
	uint32_t flags; /* JOB_FREEZABLE, JOB_RERUN, JOB_AFTER_ANY */
	bool held;      /* submit it held */
	uint32_t index; /* of its array, or JOB_NO_INDEX */
	uint32_t tag_count;
	char tag[JOB_TAGS_MAX][JOB_TAG_LEN];
	uint32_t after_count;
	uint64_t after[JOB_AFTER_MAX];
	uint32_t uid, gid;
	uint32_t group_count;
	uint32_t group[JOB_GROUPS_MAX];
	uint32_t umask;
	const char *cwd;       /* absolute */
	struct job_block argv; /* at least one */
	struct job_block env;  /* NAME=value */
};

/* How an attempt ended. */
struct job_result {
	enum job_state state;
	int32_t status; /* exit status, or -1 */
	int32_t signal; /* that ended it, or 0 */
	uint64_t queued_us, start_us, end_us;
	uint64_t peak_bytes;
	uint64_t cpu_us;
	uint64_t oom_kills;
	uint64_t out_dropped, err_dropped; /* bytes of output beyond the limit */
	struct job_why why;
};

enum job_class job_class_of(uint32_t priority);
bool job_state_is_end(enum job_state state);    /* done, failed, cancelled, lost */
bool job_state_is_active(enum job_state state); /* starting, running, frozen */

/* Whether another attempt may follow that nobody asks for: with JOB_RERUN as often as is needed,
 * else as long as retries are left, each of which is one. */
bool job_may_run_again(const struct job *job);

/* What a shell would say: the exit status, 128 + signal, 127 when there is no such command, 126
 * when it could not be run otherwise, or 255 when none of this is known. */
int job_exit_code(const struct job_result *result);

/* Words of JSON, logs and the command line: "queued", "memory", "throttled"; "?" out of range. */
const char *job_class_name(enum job_class class);
const char *job_state_name(enum job_state state);
const char *job_reason_name(enum job_reason reason);
const char *job_step_name(enum job_step step);

/* The unit of a reason's numbers. */
enum reason_unit job_reason_unit(enum job_reason reason);

/* The class or state of that name, or -1. */
int job_class_find(const char *name);
int job_state_find(const char *name);

/* One clause with its numbers: "needs 800M, 512M are free in its component". Returns buf. */
const char *job_why_text(const struct job_why *why, char *buf, unsigned long size);

/* The same of a job of that spec, which says what could not be run: "cannot run ./x: No such file
 * or directory". */
const char *job_why_text_of(const struct job_why *why, const struct job_spec *spec, char *buf,
			    unsigned long size);

/*
 * Whether spec can be a job at all: ranges, lengths, characters of key and tags, a command, an
 * absolute directory, NAME=value. Not whether the component exists or the submitter may. 0 or
 * -EINVAL with "submit: FIELD: what is wrong, what is allowed".
 */
int job_spec_check(const struct job_spec *spec, struct uw_err *err);

/* The in-memory part of a new job of that spec; id, component, key and times are the caller's. */
void job_init(struct job *job, const struct job_spec *spec);

/* The arguments with a blank between them, cut to size, unprintable bytes as '?'. Returns buf. */
const char *job_command_text(const struct job_spec *spec, char *buf, unsigned long size);

/*
 * A spec as bytes, for the disk and for uw-shim: versioned, self-contained. Without with_env it has
 * no environment. Returns the bytes that it takes; written are at most size of them.
 */
unsigned long job_pack(const struct job_spec *spec, bool with_env, char *buf, unsigned long size);

/* The reverse; ret_spec points into buf. -EBADMSG: not such bytes, or of no version that is known:
 * this one or the one before, which had no input. */
int job_unpack(const char *buf, unsigned long size, struct job_spec *ret_spec);

/* Number of strings in block; UINT32_MAX when its last one has no end. */
uint32_t job_block_count(const struct job_block *block);

/* The string after at, NULL after the last; at NULL begins. */
const char *job_block_next(const struct job_block *block, const char *at);

#endif
