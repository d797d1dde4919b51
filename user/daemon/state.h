/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What uwd knows, in one place: the configuration, the parts that it has open, the last frame and
 * what came of it. Belongs to the loop's thread; whatever another thread may touch says so. Each
 * field is written by the file that is named with it, and the others only read it.
 */
#ifndef UW_DAEMON_STATE_H
#define UW_DAEMON_STATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "cgroups/cgroups.h"
#include "user/base/err.h"
#include "user/base/urgency.h"
#include "user/daemon/action_log.h"
#include "user/daemon/submitters.h"
#include "user/jobs/ops.h"
#include "user/model/config.h"
#include "user/model/frame.h"
#include "user/model/histogram.h"
#include "user/model/plan.h"
#include "user/model/view.h"

struct act;
struct change;
struct daemon;
struct entered_list;
struct flight;
struct ipc_server;
struct kern;
struct lease_file;
struct lease_ledger;
struct lease_server;
struct ledger;
struct mover;
struct policy_state;
struct queue_page;
struct sense;
struct wait_call;

struct daemon_stats {
	uint64_t started_us, started_wall_us;
	uint64_t ticks_full, ticks_urgent;
	uint64_t events, actions, actions_dropped, events_dropped;
	uint64_t events_of[EVENT__COUNT];
	uint64_t drops_told_us; /* not again before */
	struct histogram tick;  /* HISTOGRAM_TICK: sense to act */
	uint64_t tick_max_us;   /* the longest tick, sense to act */
	uint64_t guard_restarts;
};

/* One PSI trigger of the fallback without BPF. */
struct daemon_psi {
	struct daemon *daemon;
	uint32_t component;
	int fd;
	sd_event_source *source; /* NULL: not armed */
	bool fired;              /* since the last frame */
};

/* Counted of a component since uwd, or the component, came. */
struct component_meters {
	uint64_t frozen_us, throttled_us; /* with a leaf frozen; with memory.high lowered */
	uint64_t tiers_exhausted;         /* notices that nothing allowed is left */
};

/* Of a component with refuse; gate.c. */
struct component_gate {
	uint64_t cgid;               /* that the kernel was told of, 0 = none */
	bool is_open;                /* mappings that do not fit are refused */
	uint64_t room_bytes;         /* as the kernel was told last */
	struct uw_refusals refused;  /* by the last full frame */
	uint64_t said_count, say_us; /* in the journal: so many, and not again before */
};

/* What is kept of each component, by its index in the configuration; a reload moves it as a whole
 * (reload_renumber). */
struct daemon_component {
	struct component_view view;     /* after the last tick; tick.c */
	struct component_meters meters; /* tick.c */
	uint64_t stalls;                /* that BPF had counted at the last full frame; tick.c */
	struct daemon_psi psi;          /* pool.c */
	struct component_gate gate;     /* gate.c */
	struct submitters allow;        /* queue.c */
	struct submitters lease;        /* leases.c */
	enum level level_told;          /* to those who watch it; leases.c */
	uint64_t rises;                 /* how often that was a higher one; leases.c */
	int32_t shift_kept_permyriad;   /* as written; thresholds_file.c */
};

/* What is being written to the disk by a thread. */
struct thresholds_write {
	pthread_t thread;
	bool runs;         /* and is to be joined */
	_Atomic bool done; /* with error, a negative errno or 0 */
	bool asked;        /* for at once, by who will not be told again */
	int error;
	char path[256];
	char text[UW_COMPONENTS_MAX * (UW_NAME_LEN + 16)];
};

struct daemon_options {
	const char *config_file; /* NULL: the standard places */
	const char *root;        /* NULL: as configured */
	bool dry_run;            /* decides and says, writes nothing */
};

struct daemon {
	struct daemon_options options;
	struct config config; /* in force; reload.c */
	struct cg_host host;

	/* pool.c */
	struct cg_pool pool;
	pthread_mutex_t pool_lock; /* held to change pool.dir, and to read it on another thread */
	bool pool_had_uwd;         /* when this one came */
	uint64_t synced;           /* sense_generation that act and kern have turned to */

	/* The parts that are open; daemon.c. */
	struct kern *kern; /* NULL: no BPF here, kern_why says why */
	struct uw_err kern_why;
	struct sense *sense;
	struct uw_err ages_why; /* nothing tells the age of pages here; "" = something does */
	struct act *act;
	struct ledger *ledger;
	bool hands_over; /* it ends for another uwd to go on */
	bool has_switch; /* of the LRU: it is this uwd that puts it back */
	struct policy_state *policy;
	struct ipc_server *server;

	/* queue.c */
	struct jobs *jobs; /* NULL: no queue here, jobs_why says why */
	struct uw_err jobs_why;
	struct jobs_machine jobs_machine; /* what the jobs ask of uwd */
	uint64_t jobs_look_us;            /* when next */
	uint32_t jobs_never_fit;          /* as was said last */

	/* leases.c */
	struct lease_ledger *leases; /* NULL: no leases here, leases_why says why */
	struct uw_err leases_why;
	struct lease_file *lease_file;
	struct lease_server *lease_server;
	uint64_t leases_look_us;                 /* when next */
	pid_t keeper_pid[2 * UW_COMPONENTS_MAX]; /* keepers of pools that are ours to reap */
	uint32_t keeper_leaves; /* mask of components that may have a leaf of pools */

	struct mover *mover; /* mover.c */

	/* flight_log.c */
	struct flight *flight;               /* NULL: nothing is recorded */
	struct record_conf recorded;         /* as it was opened */
	int record_error;                    /* that was told of last */
	struct flight_change *record_change; /* NULL: none is under way */

	/* daemon.c */
	bool is_settled; /* what the start alone needed was let go */

	/* ration.c */
	uint64_t rationed_us; /* until when clients are, as was told; 0: they are not */

	/* spoken.c */
	struct host_sample spoken_host; /* as last read for who gives out memory */

	/* tick.c */
	struct urgency urgency; /* of the loop's thread */
	struct frame frame;     /* of the last tick */
	struct plan plan;
	struct action_log action_log;
	struct daemon_stats stats;
	uint32_t request_count; /* wait for the next frame */
	struct frame_request request[FRAME_REQUESTS_MAX];

	struct daemon_component component[UW_COMPONENTS_MAX];

	/* Who is told of what happens; NULL until there is somebody to tell. */
	void (*stepped)(struct daemon *daemon);
	void (*published)(struct daemon *daemon, const struct action_entry *entry);
	void (*ended)(struct daemon *daemon, const struct job *job,
		      const struct job_result *result);

	/* alone.c */
	int alone_fd;       /* the lock on the pool; -1: none */
	int alone_watch_fd; /* inotify; 0: none */
	sd_event_source *alone_source;
	uint64_t alone_look_us;

	/* Calls that are being answered. */
	struct wait_call *waits;      /* methods/wait.c */
	struct entered_list *entered; /* NULL: nobody has entered; entered.c */
	struct change *changes;       /* methods/change.c */

	struct queue_page *pages;           /* methods/queue_page.c */
	struct thresholds_write thresholds; /* thresholds_file.c */
	uint32_t page_uid;                  /* whose the last one was */

	/* What wakes the loop; each source is its owner's. */
	sd_event *event;
	sd_event_source *tick_timer;     /* daemon.c, set by tick.c */
	sd_event_source *kern_source;    /* tick.c */
	sd_event_source *outcome_source; /* tick.c */
	sd_event_source *repair_timer;   /* pool.c */
	sd_event_source *guard_source;   /* pool.c */
	sd_event_source *jobs_source;    /* queue.c */
	sd_event_source *client_source;  /* daemon.c */
	sd_event_source *lease_source;   /* leases.c */
	sd_event_source *lease_timer;    /* leases.c */
	sd_event_source *ration_timer;   /* ration.c */
};

#endif
