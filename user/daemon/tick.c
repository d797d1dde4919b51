// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The one road from what is sensed to what is done: fill the frame, let policy decide, hand the
 * plan to act, and write down what was decided and what became of earlier actions. An event of the
 * kernel or the end of a write runs an urgent tick at once, with what can be read in microseconds;
 * the timer runs a full one. Each tick sets the timer for the next full one and beats in the
 * ledger, so that the guard knows that uwd lives.
 */
#include "user/daemon/tick.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>

#include "user/act/act.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/journal.h"
#include "user/daemon/action_journal.h"
#include "user/daemon/entered.h"
#include "user/daemon/flight_log.h"
#include "user/daemon/loop.h"
#include "user/daemon/pool.h"
#include "user/kern/kern.h"
#include "user/ledger/ledger.h"
#include "user/model/leaf_index.h"
#include "user/policy/lease/lease.h"
#include "user/policy/step.h"
#include "user/sense/sense.h"

/* Full frames come at least so often: the heartbeat in the ledger must not grow stale. */
#define TICK_PERIOD_MAX_US (US_PER_SEC)

#define DROPS_TOLD_US (10 * US_PER_SEC)

static const enum event_kind event_of_kern[UW_EVENT__COUNT] = {
	[UW_EVENT_MARK] = EVENT_USAGE_MARK,
	[UW_EVENT_STALL_FIRST] = EVENT_STALL_FIRST,
	[UW_EVENT_STALL_BURST] = EVENT_STALL_BURST,
	[UW_EVENT_OOM] = EVENT_OOM,
};

static void add_kern_event(void *data, const struct kern_event *from)
{
	struct daemon *daemon = data;
	struct frame *frame = &daemon->frame;
	struct frame_event *to;

	daemon->stats.events++;
	daemon->stats.events_of[event_of_kern[from->kind]]++;
	if (frame->event_count == FRAME_EVENTS_MAX) {
		frame->events_dropped++;
		daemon->stats.events_dropped++;
		return;
	}
	to = &frame->event[frame->event_count++];
	to->kind = event_of_kern[from->kind];
	to->component = from->slot < daemon->config.component_count ? from->slot : COMPONENT_NONE;
	to->at_us = from->at_us;
	to->observed = from->observed;
	to->threshold = from->threshold;
}

/* Returns the components whose counts could be read. */
static uint32_t read_bpf_counts(struct daemon *daemon, struct uw_component counts[])
{
	uint32_t read = 0;

	for (uint32_t i = 0; i < daemon->config.component_count && daemon->kern; i++) {
		uint64_t cgid = sense_component_cgid(daemon->sense, i);

		if (cgid && kern_read_counts(daemon->kern, cgid, &counts[i]) >= 0)
			read |= 1U << i;
	}
	return read;
}

/* The components in which nobody stalled since the last full frame: none without who counts. */
static uint32_t calm_components(struct daemon *daemon, const struct uw_component counts[],
				uint32_t read)
{
	uint32_t calm = 0;

	if (!daemon->kern || !(kern_sensors(daemon->kern) & 1U << KERN_STALL))
		return 0;
	for (uint32_t i = 0; i < daemon->config.component_count; i++) {
		if (!(read & 1U << i))
			continue;
		if (!counts[i].stalled_tasks && counts[i].stalls == daemon->component[i].stalls)
			calm |= 1U << i;
		daemon->component[i].stalls = counts[i].stalls;
	}
	return calm;
}

static void sense_everything(struct daemon *daemon)
{
	struct frame *frame = &daemon->frame;
	struct uw_component counts[UW_COMPONENTS_MAX];
	uint32_t read = read_bpf_counts(daemon, counts);

	sense_full(daemon->sense, frame, calm_components(daemon, counts, read), daemon->plan.looks);
	for (uint32_t i = 0; i < frame->component_count; i++) {
		struct component_sample *sample = &frame->component[i];

		if (!(read & 1U << i))
			continue;
		sample->bpf_charged_bytes = counts[i].charged_bytes;
		sample->bpf_stall_us = counts[i].stall_us;
		sample->bpf_stalls = counts[i].stalls;
		sample->valid |= SAMPLE_BPF;
	}
}

/* Triggers that fired without BPF; observed is what they were set to, PSI says no more. */
static void add_psi_events(struct daemon *daemon)
{
	struct frame *frame = &daemon->frame;

	for (uint32_t i = 0; i < daemon->config.component_count; i++) {
		bool fired = daemon->component[i].psi.fired;

		daemon->component[i].psi.fired = false;
		daemon->stats.events_of[EVENT_PSI] += fired;
		if (!fired || frame->event_count == FRAME_EVENTS_MAX)
			continue;
		frame->event[frame->event_count++] = (struct frame_event){
			.kind = EVENT_PSI,
			.component = i,
			.at_us = frame->now_us,
			.observed = daemon->config.policy.stall_burst_us,
			.threshold = daemon->config.policy.stall_burst_us,
		};
	}
}

static void tell_freeze(struct leaf_sample *leaf, const struct ledger_entry *entry, bool is_kept)
{
	leaf->ours = true;
	leaf->kept_asked = is_kept && entry->new_value == LEDGER_FREEZE_ASKED;
	leaf->kept_until_us = is_kept ? entry->deadline_us : 0;
}

/* Each entry once: there may be many that stand still. */
static void tell_entered(struct daemon *daemon)
{
	struct frame *frame = &daemon->frame;
	bool is_kept = ledger_is_handed_over(daemon->ledger, frame->now_us);
	struct leaf_index index;
	struct ledger_entry entry;

	leaf_index_build(&index, LEAF_IDS(frame->leaf, cgid), frame->leaf_count, frame->leaf_count);
	for (uint32_t slot = 0; slot < ledger_slots(daemon->ledger); slot++) {
		uint32_t at;

		if (!ledger_read(daemon->ledger, slot, &entry) || entry.kind != LEDGER_FREEZE)
			continue;
		at = leaf_index_find(&index, LEAF_IDS(frame->leaf, cgid), entry.cgid);
		if (at != LEAF_NONE && frame->leaf[at].frozen)
			tell_freeze(&frame->leaf[at], &entry, is_kept);
	}
}

/*
 * Whose freezes they are the ledger says. One that is new over a pool that an earlier uwd had is
 * another than that uwd's, which was lost: then nobody knows, and they are taken for ours. A
 * workload that stops for ever is worse than one that somebody has to freeze again.
 */
static void tell_freezes(struct daemon *daemon)
{
	bool is_lost = daemon->pool_had_uwd && !ledger_is_adopted(daemon->ledger), any = false;

	for (uint32_t i = 0; i < daemon->frame.leaf_count; i++) {
		struct leaf_sample *leaf = &daemon->frame.leaf[i];

		leaf->kept_asked = false;
		leaf->kept_until_us = 0;
		leaf->ours = leaf->frozen && is_lost;
		any |= leaf->frozen;
	}
	if (any)
		tell_entered(daemon);
}

/* Of what was handed over some may be gone, or was thawed meanwhile. */
static bool is_frozen(const struct frame *frame, uint64_t cgid)
{
	for (uint32_t i = 0; i < frame->leaf_count; i++)
		if (frame->leaf[i].cgid == cgid)
			return frame->leaf[i].frozen;
	return false;
}

/* The policy has seen, and keeps, what was handed over. */
static void end_hand_over(struct daemon *daemon)
{
	struct ledger_entry entry;
	unsigned int kept = 0;

	if (!ledger_is_handed_over(daemon->ledger, daemon->frame.now_us))
		return;
	for (uint32_t slot = 0; slot < ledger_slots(daemon->ledger); slot++) {
		if (!ledger_read(daemon->ledger, slot, &entry) || entry.kind != LEDGER_FREEZE)
			continue;
		if (is_frozen(&daemon->frame, entry.cgid))
			kept++;
		else
			ledger_clear_slot(daemon->ledger, slot);
	}
	ledger_hand_over(daemon->ledger, 0);
	log_notice("goes on with what the uwd before had frozen leaves=%u", kept);
}

/* What the queue and leases wait for is demand as growth is, and what leases were given, or was
 * reserved for who entered, is spoken for before it is used. */
static void add_queued(struct daemon *daemon)
{
	const struct admit *core = daemon->jobs ? jobs_admit(daemon->jobs) : NULL;
	uint64_t entered[UW_COMPONENTS_MAX];

	entered_promised(daemon, entered);
	for (uint32_t i = 0; i < daemon->frame.component_count; i++) {
		struct component_sample *sample = &daemon->frame.component[i];
		struct lease_component_view view = {0};

		if (daemon->leases)
			lease_component_view(daemon->leases, i, daemon->frame.now_us, &view);
		sample->queued_bytes = core ? admit_wanted(core, i) : 0;
		sample->wanted_bytes = view.wanted_bytes;
		sample->promised_bytes = view.promised_bytes + entered[i];
	}
}

/* Of many leaves few have clients. */
static void tell_firm(struct daemon *daemon)
{
	struct frame *frame = &daemon->frame;
	uint64_t cgid[LEASE_CLIENTS];
	uint32_t count = lease_leaves(daemon->leases, cgid);
	struct leaf_index index;

	leaf_index_build(&index, LEAF_IDS(frame->leaf, cgid), frame->leaf_count, frame->leaf_count);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = leaf_index_find(&index, LEAF_IDS(frame->leaf, cgid), cgid[i]);

		if (at != LEAF_NONE)
			frame->leaf[at].leased_bytes += lease_leaf_firm(daemon->leases, cgid[i]);
	}
}

/* Who runs in a leaf is to keep there what it was promised for good. */
static void tell_leases(struct daemon *daemon)
{
	struct lease_totals totals = {0};

	for (uint32_t i = 0; i < daemon->frame.leaf_count; i++) {
		daemon->frame.leaf[i].leased_bytes = 0;
		daemon->frame.leaf[i].priority = 0;
		daemon->frame.leaf[i].freezable = false;
	}
	entered_tell_leaves(daemon);
	if (daemon->leases)
		lease_totals(daemon->leases, &totals);
	if (totals.leases)
		tell_firm(daemon);
}

/* As many may be lost in the next frame again: said now and then. */
static void tell_dropped(struct daemon *daemon)
{
	const struct frame *frame = &daemon->frame;

	if (!frame->events_dropped || frame->now_us < daemon->stats.drops_told_us)
		return;
	daemon->stats.drops_told_us = frame->now_us + DROPS_TOLD_US;
	journal_say(LOG_LEVEL_WARNING, MESSAGE_EVENTS_DROPPED,
		    "events found no room in a frame dropped=%u since_start=%" PRIu64,
		    frame->events_dropped, daemon->stats.events_dropped);
}

static void fill_frame(struct daemon *daemon, enum frame_kind kind)
{
	struct frame *frame = &daemon->frame;

	frame->kind = kind;
	frame->now_us = clock_now_us();
	frame->sequence++;
	frame->event_count = 0;
	frame->events_dropped = 0;
	if (daemon->kern)
		kern_events_drain(daemon->kern, add_kern_event, daemon);
	add_psi_events(daemon);
	tell_dropped(daemon);
	if (kind == FRAME_FULL) {
		sense_everything(daemon);
		tell_freezes(daemon);
		add_queued(daemon);
		tell_leases(daemon);
	} else {
		sense_urgent(daemon->sense, frame);
	}
	frame->outcome_count = act_outcomes_take(daemon->act, frame->outcome, FRAME_OUTCOMES_MAX);
	frame->request_count = daemon->request_count;
	memcpy(frame->request, daemon->request, daemon->request_count * sizeof(daemon->request[0]));
	daemon->request_count = 0;
}

/* Arming a mark is bookkeeping of every tick, not an act upon anybody; a breath belongs to its
 * freeze, which is on record. */
static bool is_entered(enum action_kind kind, enum reason reason)
{
	return kind != ACTION_ARM_MARK && reason != REASON_BREATH;
}

static void publish(struct daemon *daemon, const struct action_entry *entry)
{
	if (daemon->published)
		daemon->published(daemon, entry);
}

static void enter_outcomes(struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->frame.outcome_count; i++) {
		const struct outcome *outcome = &daemon->frame.outcome[i];
		struct action_entry *entry;

		if (!is_entered(outcome->kind, REASON_NONE))
			continue;
		entry = action_log_find(&daemon->action_log, outcome->id);
		if (!entry)
			continue;
		entry->ended = true;
		entry->outcome = *outcome;
		action_log_count(&daemon->action_log, entry);
		action_journal_ended(entry);
		publish(daemon, entry);
	}
}

static void enter_action(struct daemon *daemon, const struct action *action)
{
	struct action_entry *entry = action_log_add(&daemon->action_log);

	entry->at_us = daemon->frame.now_us;
	entry->wall_us = clock_wall_us();
	entry->action = *action;
	if (action->component < daemon->config.component_count) {
		memcpy(entry->component, daemon->config.component[action->component].name,
		       sizeof(entry->component));
		entry->level = daemon->component[action->component].view.level;
		daemon->component[action->component].meters.tiers_exhausted +=
			action->kind == ACTION_NOTICE && action->why.reason == REASON_OUT_OF_TIERS;
	}
	if (action->leaf)
		sense_leaf_name(daemon->sense, action->leaf, entry->leaf, sizeof(entry->leaf));
	action_journal_decided(entry);
	publish(daemon, entry);
}

static void enter_plan(struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->plan.action_count; i++)
		if (is_entered(daemon->plan.action[i].kind, daemon->plan.action[i].why.reason))
			enter_action(daemon, &daemon->plan.action[i]);
	daemon->stats.actions += daemon->plan.action_count;
	if (daemon->plan.actions_dropped) {
		daemon->stats.actions_dropped += daemon->plan.actions_dropped;
		journal_say(LOG_LEVEL_ERR, MESSAGE_EVENTS_DROPPED, "plan is full dropped=%u",
			    daemon->plan.actions_dropped);
	}
}

/* The time since the last frame counts by what was the case all through it. */
static void meter_components(struct daemon *daemon, uint64_t for_us)
{
	for (uint32_t i = 0; i < daemon->config.component_count; i++) {
		const struct component_view *view = &daemon->component[i].view;
		struct component_meters *meters = &daemon->component[i].meters;

		meters->frozen_us += view->frozen_leaves ? for_us : 0;
		meters->throttled_us += view->squeezed ? for_us : 0;
	}
}

/* What is frozen, or goes on, shows in the next frames. */
static void expect_freezes(struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->plan.action_count; i++) {
		const struct action *action = &daemon->plan.action[i];

		if (action->kind == ACTION_FREEZE || action->kind == ACTION_THAW)
			sense_expect(daemon->sense, action->leaf);
	}
}

static void step(struct daemon *daemon, enum frame_kind kind)
{
	uint64_t took_us, last_us = daemon->frame.now_us;

	fill_frame(daemon, kind);
	meter_components(daemon, last_us ? daemon->frame.now_us - last_us : 0);
	flight_log_frame(daemon);
	policy_step(daemon->policy, &daemon->config, &daemon->frame, &daemon->plan);
	act_plan(daemon->act, &daemon->plan);
	expect_freezes(daemon);
	if (kind == FRAME_FULL)
		sense_ask_ages(daemon->sense, &daemon->frame, daemon->plan.ages_wanted);
	took_us = clock_now_us() - daemon->frame.now_us;

	flight_log_plan(daemon);
	for (uint32_t i = 0; i < daemon->config.component_count; i++)
		policy_view(daemon->policy, i, &daemon->component[i].view);
	if (daemon->stepped)
		daemon->stepped(daemon);
	enter_outcomes(daemon);
	enter_plan(daemon);
	if (kind == FRAME_FULL) {
		daemon->stats.ticks_full++;
		if (!daemon->options.dry_run) {
			ledger_set_adopted(daemon->ledger);
			end_hand_over(daemon);
		}
	} else {
		daemon->stats.ticks_urgent++;
	}
	histogram_add(&daemon->stats.tick, HISTOGRAM_TICK, took_us);
	if (took_us > daemon->stats.tick_max_us)
		daemon->stats.tick_max_us = took_us;
}

/* ---- when ---- */

static void schedule(struct daemon *daemon)
{
	uint64_t latest_us = daemon->frame.now_us + TICK_PERIOD_MAX_US;
	uint64_t next_us = daemon->plan.next_us;

	if (!next_us || next_us > latest_us)
		next_us = latest_us;
	loop_set_timer(daemon->tick_timer, next_us);
}

void tick_run(struct daemon *daemon, enum frame_kind kind)
{
	step(daemon, kind);
	ledger_beat(daemon->ledger, LEDGER_UWD, clock_now_us());
	urgency_judge(&daemon->urgency, clock_now_us());
	schedule(daemon);
	/* A cgroup was lost or made anew. */
	if (daemon->synced != sense_generation(daemon->sense))
		loop_start_timer(daemon->repair_timer, POOL_REPAIR_AFTER_US);
}

void tick_soon(struct daemon *daemon)
{
	loop_set_timer(daemon->tick_timer, 0);
}

int tick_request(struct daemon *daemon, const struct frame_request *request)
{
	if (daemon->request_count == FRAME_REQUESTS_MAX)
		return -EBUSY;
	daemon->request[daemon->request_count++] = *request;
	tick_soon(daemon);
	return 0;
}

/* Something happened that a frame says more of: an event of the kernel, the end of a write. */
static int on_urgent(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	(void)source, (void)fd, (void)revents;
	tick_run(data, FRAME_URGENT);
	return 0;
}

bool tick_is_urgent(const struct daemon *daemon)
{
	struct pollfd ready[] = {
		{.fd = daemon->kern ? kern_events_fd(daemon->kern) : -1, .events = POLLIN},
		{.fd = act_outcomes_fd(daemon->act), .events = POLLIN},
	};

	return poll(ready, ARRAY_SIZE(ready), 0) > 0;
}

int tick_watch(struct daemon *daemon)
{
	int rc = 0;

	if (daemon->kern && kern_events_fd(daemon->kern) >= 0)
		rc = loop_add_io(daemon->event, kern_events_fd(daemon->kern), EPOLLIN, on_urgent,
				 daemon, LOOP_KERNEL_EVENTS, &daemon->kern_source);
	if (rc >= 0)
		rc = loop_add_io(daemon->event, act_outcomes_fd(daemon->act), EPOLLIN, on_urgent,
				 daemon, LOOP_OUTCOMES, &daemon->outcome_source);
	return rc;
}

void tick_unwatch(struct daemon *daemon)
{
	daemon->kern_source = sd_event_source_disable_unref(daemon->kern_source);
	daemon->outcome_source = sd_event_source_disable_unref(daemon->outcome_source);
}
