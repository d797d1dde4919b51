/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uwd: one thread that senses, decides and acts. The way of the data, once a tick:
 *	sense and kern fill frame -> policy_step -> plan -> act -> outcomes of the next frame
 * Two lanes feed the same tick: an event of the kernel wakes it at once with an urgent frame, a
 * timer wakes it with a full one at the time the last plan asked for. Nothing allocates on the
 *tick. Clients come last (methods.c) and only read this struct or queue requests for the next
 *frame.
 */
#ifndef UW_DAEMON_DAEMON_H
#define UW_DAEMON_DAEMON_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "cgroups/cgroups.h"
#include "user/act/act.h"
#include "user/daemon/action_log.h"
#include "user/daemon/submitters.h"
#include "user/ipc/server.h"
#include "user/jobs/ops.h"
#include "user/kern/kern.h"
#include "user/ledger/ledger.h"
#include "user/model/config.h"
#include "user/model/frame.h"
#include "user/model/view.h"
#include "user/policy/step.h"
#include "user/sense/sense.h"

struct daemon;
struct jobs;

struct daemon_stats {
	uint64_t started_us;
	uint64_t ticks_full, ticks_urgent;
	uint64_t events, actions, actions_dropped, events_dropped;
	uint64_t tick_max_us; /* the longest tick, sense to act */
	uint64_t guard_restarts;
};

/* One PSI trigger of the fallback without BPF. */
struct loop_psi {
	struct daemon *daemon;
	uint32_t component;
	int fd;
	sd_event_source *source; /* NULL: not armed */
};

struct daemon_options {
	const char *config_file; /* NULL: the standard places */
	const char *root;        /* NULL: as configured */
	bool dry_run;            /* decides and says, writes nothing */
};

struct daemon {
	struct daemon_options options;
	struct config config;
	struct cg_host host;
	struct cg_pool pool;
	pthread_mutex_t pool_lock; /* held to change pool.dir, and to read it on another thread */

	struct kern *kern; /* NULL: no BPF here, kern_why says why */
	struct uw_err kern_why;
	struct sense *sense;
	struct act *act;
	struct ledger *ledger;
	bool pool_had_uwd; /* when this one came */
	uint64_t followed; /* sense_generation that act and kern have followed */
	struct policy_state *policy;
	struct ipc_server *server;
	struct jobs *jobs; /* NULL: no queue here, jobs_why says why */
	struct jobs_machine jobs_machine; /* what the jobs ask of uwd */
	struct uw_err jobs_why;
	uint64_t jobs_look_us;                     /* when next */
	struct job_allow allow[UW_COMPONENTS_MAX]; /* by component */

	struct frame frame; /* of the last tick */
	struct plan plan;
	struct component_view view[UW_COMPONENTS_MAX]; /* after the last tick */
	struct action_log action_log;
	struct daemon_stats stats;

	uint32_t request_count; /* wait for the next frame */
	struct frame_request request[FRAME_REQUESTS_MAX];
	uint64_t stalls[UW_COMPONENTS_MAX];    /* that BPF had counted at the last full frame */
	int32_t edges_kept[UW_COMPONENTS_MAX]; /* as written to EDGES_FILE */
	uint32_t psi_fired; /* components whose PSI trigger fired since the last frame */

	sd_event *event;
	sd_event_source *tick_timer;
	sd_event_source *mend_timer;
	sd_event_source *kern_source;
	sd_event_source *outcome_source;
	sd_event_source *jobs_source;
	sd_event_source *client_source;
	sd_event_source *guard_source;
	struct loop_psi psi[UW_COMPONENTS_MAX];
};

/*
 * daemon_open: reads the configuration, makes or adopts the tree, loads BPF, undoes what an earlier
 * instance left behind, and is ready to run. daemon_run serves until SIGTERM. daemon_close thaws
 * and restores what this instance froze or squeezed; limits and protections of the tree stay, so
 * does counting. -EINVAL: the configuration; -EOPNOTSUPP: the host; -EBUSY: another uwd runs.
 */
int daemon_open(struct daemon *daemon, const struct daemon_options *options, struct uw_err *err);
int daemon_run(struct daemon *daemon, struct uw_err *err);
void daemon_close(struct daemon *daemon); /* takes a zeroed or half-opened one */

/*
 * Reads the configuration again; on any fault nothing changes and err says what is wrong.
 * Components that stay keep all they have; of one that goes everything is undone. Waits for nobody:
 * -EAGAIN while another setup is at work.
 */
int daemon_reload(struct daemon *daemon, struct uw_err *err);

/* Queues a client's request for the next frame and asks for that frame now. -EBUSY when full. */
int daemon_request(struct daemon *daemon, const struct frame_request *request);

/* One tick. kind says which lane. Never fails: what could not be read is absent in the frame. */
void daemon_tick(struct daemon *daemon, enum frame_kind kind);

/*
 * Cgroups of ours were removed, or made anew by hand or by a setup: makes what is missing and sets
 * what is configured, as at the start, and has everybody turn to them. Off the tick, within 0.2 s
 * of its being noticed. What fails is said and tried again.
 */
void daemon_mend_tree(struct daemon *daemon);

/* Starts a guard when none lives, and watches it. */
void daemon_mend_guard(struct daemon *daemon);

/* The handler of the control socket (ipc_handle_fn), and the push to those who follow the log. */
void methods_handle(void *data, const struct ipc_call *call, struct ipc_answer *answer);
void methods_publish(struct daemon *daemon, const struct action_entry *entry);

#endif
