// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each kind of sample feeds one signal: usage gives the working set and its trend (Holt's linear
 * smoothing), memory.stat the cold part and the refaults, stall totals the shares of time over
 * windows, and events of memory.high whether use stands still under its limit. Samples that come
 * too close to each other are passed over, because their noise would be taken for change.
 */
#include "user/policy/signal.h"

#include <string.h>

#include "user/policy/num.h"

#define CHARGE_STEP_US    (200 * US_PER_MS)
#define HOLT_STEP_MIN_US  (50 * US_PER_MS) /* closer samples are noise of charge batches */
#define HOLT_GAP_MAX_US   (5 * US_PER_SEC) /* after a longer gap the trend says nothing */
#define STEP_MIN_US       (20 * US_PER_MS)
#define BATCHES_BYTES     MIB /* what the charge batches of a few CPUs can add at once */
#define RATE_STEP_MIN_US  (900 * US_PER_MS)
#define STALL_STEP_MIN_US (90 * US_PER_MS)
#define WINDOW_FULL_US    (5 * US_PER_SEC)
#define STALL_NOW_US      (300 * US_PER_MS)
#define STALL_NOW_LEAST   100 /* permyriad */
#define MISSED_PER_S      256 /* refaults of files: 1 MB, */
#define MISSED_PART       8   /* and of what was taken */
#define MISSED_US         (10 * US_PER_SEC)
#define FULL_LASTING      6000 /* systemd-oomd's threshold: 60 % */
#define PAGE_BYTES        4096ULL
#define SLOPE_SANE        (1LL << 45)
#define GROWTH_MIN_PER_S  ((int64_t)MIB)
#define STILL_US          (5 * US_PER_SEC)
#define LIVELOCK_FULL     4000 /* permyriad of 5 s */
#define LIVELOCK_STEAL    1000 /* permyriad of what was scanned */

/* An estimate of what is not working set, when the frame brought usage without memory.stat. */
static uint64_t cold_estimate(const struct signal *s, uint64_t current)
{
	uint64_t cold = s->cold_bytes;

	if (current > s->stat_current_bytes)
		cold += mul_div(current - s->stat_current_bytes, s->file_growth_permyriad,
				PERMYRIAD_ONE);
	return min_u64(cold, current);
}

/* Of as much as was dropped for what was read again, by the part from which on it counts: a stream
 * beside it may hold all there is, which nobody misses. */
uint64_t signal_missed_files(const struct signal *s, uint64_t now_us)
{
	if (!s->files_missed_us || now_us - s->files_missed_us >= MISSED_US)
		return 0;
	return min_u64(s->files_missed_bytes, BYTES_SANE / MISSED_PART) * MISSED_PART;
}

/* Dropped at once for whoever needs the room, unless what was dropped is read again. What programs
 * map they work with: without its own text one does nothing but read it again. Reclaimable slab is
 * not among it: to shrink it takes long, and may free nothing. */
static uint64_t spare_estimate(const struct signal *s, uint64_t cold, uint64_t counted)
{
	uint64_t kept = add_sat(s->dirty_bytes, s->mapped_bytes);

	kept = add_sat(kept, counted);
	kept = add_sat(kept, sub_sat(s->cold_bytes, s->inactive_file_bytes));
	return sub_sat(cold, min_u64(kept, BYTES_SANE));
}

static void take_stat(struct signal *s, const struct component_sample *c, uint64_t now_us)
{
	uint64_t file = c->inactive_file_bytes + c->active_file_bytes;
	uint64_t file_before = s->inactive_file_bytes + s->active_file_bytes;

	if (s->stat_seen && c->current_bytes > s->stat_current_bytes + MIB)
		s->file_growth_permyriad =
			(uint32_t)min_u64(permyriad_of(sub_sat(file, file_before),
						       c->current_bytes - s->stat_current_bytes),
					  PERMYRIAD_ONE);
	else
		s->file_growth_permyriad /= 2;
	s->stat_seen = true;
	s->stat_at_us = now_us;
	s->stat_current_bytes = c->current_bytes;
	s->cold_bytes = c->inactive_file_bytes + c->slab_reclaimable_bytes;
	s->inactive_file_bytes = c->inactive_file_bytes;
	s->active_file_bytes = c->active_file_bytes;
	s->anon_bytes = c->anon_bytes;
	s->unreclaimable_bytes = c->unevictable_bytes;
	s->dirty_bytes = add_sat(c->dirty_bytes, c->writeback_bytes);
	s->mapped_bytes = sub_sat(c->mapped_bytes, c->active_file_bytes);
}

/* Of the files that were dropped a good part was read again: beside a stream some always is, of
 * what was read ahead of it. What was taken and is not in swap now was files. */
static bool misses(const struct signal *s, const struct component_sample *c, uint64_t us)
{
	uint64_t again = sub_sat(c->refault_file, s->file_refaults);
	uint64_t put_out = sub_sat(c->swap_bytes, s->rate_swap_bytes) / PAGE_BYTES;
	uint64_t dropped = sub_sat(sub_sat(c->pgsteal, s->pgsteal), put_out);

	return mul_div(again, US_PER_SEC, us) > MISSED_PER_S && again > dropped / MISSED_PART;
}

static void take_missed(struct signal *s, const struct component_sample *c, uint64_t now_us)
{
	uint64_t again = sub_sat(c->refault_file, s->file_refaults);
	uint64_t us = min_u64(now_us - s->files_missed_us, MISSED_US);
	uint64_t fades = mul_div(s->files_missed_bytes, us, MISSED_US);

	if (!misses(s, c, now_us - s->rate_at_us))
		return;
	s->files_missed_bytes = s->files_missed_bytes - fades +
				min_u64(again, BYTES_SANE / PAGE_BYTES) * PAGE_BYTES;
	s->files_missed_us = now_us;
}

static void take_rates(struct signal *s, const struct component_sample *c, uint64_t now_us)
{
	uint64_t refaults = c->refault_anon + c->refault_file;
	uint64_t scanned, dt = now_us - s->rate_at_us;

	if (s->rate_at_us && dt < RATE_STEP_MIN_US)
		return;
	if (s->rate_at_us) {
		take_missed(s, c, now_us);
		scanned = sub_sat(c->pgscan, s->pgscan);
		s->scans_per_s = mul_div(scanned, US_PER_SEC, dt);
		s->refaults_per_s = mul_div(sub_sat(refaults, s->refaults), US_PER_SEC, dt);
		s->steal_permyriad =
			scanned ? (uint32_t)min_u64(
					  permyriad_of(sub_sat(c->pgsteal, s->pgsteal), scanned),
					  PERMYRIAD_ONE)
				: PERMYRIAD_ONE;
	}
	s->rate_at_us = now_us;
	s->pgscan = c->pgscan;
	s->pgsteal = c->pgsteal;
	s->refaults = refaults;
	s->file_refaults = c->refault_file;
	s->rate_swap_bytes = c->swap_bytes;
}

/*
 * Holt with alpha .8, beta .5, phi 1: within 20 % of the crossing 2.4 s ahead on ramps of 20 to
 * 300 MB/s sampled at 10 Hz.
 */
static void take_trend(struct signal *s, uint64_t now_us)
{
	int64_t ws = (int64_t)s->ws_bytes;
	uint64_t dt = now_us - s->holt_at_us;
	int64_t ahead, level;

	if (!s->holt_at_us || dt > HOLT_GAP_MAX_US) {
		s->holt_bytes = ws;
		s->slope_per_s = 0;
		s->holt_at_us = now_us;
		s->rise_from_bytes = s->ws_bytes;
		return;
	}
	if (dt < HOLT_STEP_MIN_US)
		return;
	ahead = s->holt_bytes + s->slope_per_s / 1000 * (int64_t)dt / 1000;
	level = ws / 10 * 8 + ahead / 10 * 2;
	s->slope_per_s = ((level - s->holt_bytes) * 1000 / (int64_t)dt * 1000 + s->slope_per_s) / 2;
	if (s->slope_per_s > SLOPE_SANE)
		s->slope_per_s = SLOPE_SANE;
	if (s->slope_per_s < -SLOPE_SANE)
		s->slope_per_s = -SLOPE_SANE;
	s->holt_bytes = level;
	s->holt_at_us = now_us;
	if (s->slope_per_s <= GROWTH_MIN_PER_S)
		s->rise_from_bytes = s->ws_bytes;
}

static void take_charge(struct signal *s, uint64_t current, uint64_t now_us)
{
	uint64_t dt = now_us - s->charged_at_us;

	if (s->charged_at_us && dt < CHARGE_STEP_US)
		return;
	s->charged_per_s = 0;
	if (s->charged_at_us && current >= s->charged_from_bytes + BATCHES_BYTES)
		s->charged_per_s = rate_of(s->charged_from_bytes, current, dt);
	s->charged_at_us = now_us;
	s->charged_from_bytes = current;
}

static void take_usage(struct signal *s, uint64_t current, bool keeps_files, uint64_t now_us)
{
	uint64_t dt = now_us - s->step_at_us, cold, held, as_before;
	uint64_t counted = keeps_files ? BYTES_MAX : signal_missed_files(s, now_us);
	bool starts = !s->seen;

	current = min_u64(current, BYTES_SANE);
	take_charge(s, current, now_us);
	cold = cold_estimate(s, current);
	held = current - spare_estimate(s, cold, counted);
	/* Files that count otherwise than they did are no step. */
	as_before = current - spare_estimate(s, cold, s->files_counted_bytes);
	s->step_from_bytes = sub_sat(s->step_from_bytes + held, as_before);
	if (s->holds_trend)
		s->step_per_s = 0;
	else if (!starts && held >= s->step_from_bytes + BATCHES_BYTES)
		s->step_per_s = rate_of(s->step_from_bytes, held, dt);
	else if (starts || dt >= STEP_MIN_US)
		s->step_per_s = 0; /* sooner it is too early to say that growth has ended */
	if (!s->holds_trend && (starts || dt >= STEP_MIN_US)) {
		s->step_at_us = now_us;
		s->step_from_bytes = held;
	}
	s->files_counted_bytes = counted;
	s->seen = true;
	s->usage_at_us = now_us;
	s->current_bytes = current;
	s->held_bytes = held;
	s->ws_bytes = current - cold;
	if (!s->holds_trend)
		take_trend(s, now_us);
}

/* The share of a window in which tasks stalled. Short of history it is held against the whole
 * window, so that a first burst is not taken for a lasting one. */
static uint64_t stall_share(const struct signal *s, const struct stall_sample *now,
			    uint64_t window_us, bool full)
{
	const struct stall_sample *then = now;
	uint64_t stalled, span;

	for (uint32_t i = 1; i <= s->stall_count; i++) {
		then = &s->stall[(s->stall_next + STALL_HISTORY - i) % STALL_HISTORY];
		if (now->at_us - then->at_us >= window_us)
			break;
	}
	stalled =
		full ? sub_sat(now->full_us, then->full_us) : sub_sat(now->some_us, then->some_us);
	span = max_u64(now->at_us - then->at_us, window_us);
	return min_u64(permyriad_of(stalled, span), PERMYRIAD_ONE);
}

bool signal_stalls_now(const struct signal *s)
{
	struct stall_sample now = {.some_us = s->stalled_us};
	uint64_t newest = (s->stall_next + STALL_HISTORY - 1) % STALL_HISTORY;

	now.at_us = s->stall[newest].at_us;
	return s->stall_count && stall_share(s, &now, STALL_NOW_US, false) > STALL_NOW_LEAST;
}

static void take_stalls(struct signal *s, const struct component_sample *c, uint64_t now_us)
{
	struct stall_sample now = {.at_us = now_us};
	uint64_t newest;

	if (c->valid & SAMPLE_PSI) {
		now.some_us = c->psi_some_us;
		now.full_us = c->psi_full_us;
	} else {
		now.some_us = c->bpf_stall_us;
	}
	s->stalled_us = now.some_us;
	s->some_permyriad = stall_share(s, &now, SIGNAL_SOME_WINDOW_US, false);
	s->full_permyriad = stall_share(s, &now, WINDOW_FULL_US, true);
	s->full_short_permyriad = stall_share(s, &now, SIGNAL_SOME_WINDOW_US, true);
	if (s->full_permyriad < FULL_LASTING)
		s->full_since_us = 0;
	else if (!s->full_since_us)
		s->full_since_us = now_us;

	newest = s->stall[(s->stall_next + STALL_HISTORY - 1) % STALL_HISTORY].at_us;
	if (s->stall_count && now_us - newest < STALL_STEP_MIN_US)
		return;
	s->stall[s->stall_next] = now;
	s->stall_next = (s->stall_next + 1) % STALL_HISTORY;
	if (s->stall_count < STALL_HISTORY)
		s->stall_count++;
}

/* Use stands still while it stays within a hundredth of where it was. */
static void take_stillness(struct signal *s, uint64_t ev_high, uint64_t now_us)
{
	uint64_t distance = s->current_bytes > s->still_bytes ? s->current_bytes - s->still_bytes
							      : s->still_bytes - s->current_bytes;

	if (!s->high_seen || distance > s->still_bytes / 100 || ev_high < s->still_ev_high) {
		s->high_seen = true;
		s->still_at_us = now_us;
		s->still_bytes = s->current_bytes;
		s->still_ev_high = ev_high;
		s->high_events_per_s = 0;
		return;
	}
	if (now_us - s->still_at_us >= US_PER_SEC)
		s->high_events_per_s =
			mul_div(ev_high - s->still_ev_high, US_PER_SEC, now_us - s->still_at_us);
}

void signal_update(struct signal *s, const struct component_sample *sample, uint64_t event_bytes,
		   bool keeps_files, uint64_t now_us)
{
	bool usage = sample->valid & SAMPLE_USAGE;

	if (usage && (sample->valid & SAMPLE_STAT)) {
		take_stat(s, sample, now_us);
		take_rates(s, sample, now_us);
	}
	if (usage || event_bytes)
		take_usage(s, max_u64(usage ? sample->current_bytes : 0, event_bytes), keeps_files,
			   now_us);
	if (sample->valid & SAMPLE_SWAP)
		s->swap_bytes = sample->swap_bytes;
	if (sample->valid & (SAMPLE_PSI | SAMPLE_BPF))
		take_stalls(s, sample, now_us);
	if (usage && (sample->valid & SAMPLE_EVENTS))
		take_stillness(s, sample->ev_high, now_us);
}

void signal_forget_trend(struct signal *s, uint64_t now_us)
{
	s->holt_bytes = (int64_t)s->ws_bytes;
	s->holt_at_us = now_us;
	s->slope_per_s = s->step_per_s = 0;
	s->rise_from_bytes = s->ws_bytes;
}

void signal_discount(struct signal *s, uint64_t bytes)
{
	s->holt_bytes += (int64_t)bytes;
	s->charged_from_bytes += bytes;
	s->step_from_bytes += bytes;
	s->rise_from_bytes += bytes;
}

uint64_t signal_time_to(const struct signal *s, uint64_t limit_bytes, uint64_t budget_bytes)
{
	if (!signal_is_growing(s, budget_bytes))
		return TTL_NEVER;
	return mul_div(sub_sat(limit_bytes, s->ws_bytes), US_PER_SEC, (uint64_t)s->slope_per_s);
}

bool signal_is_growing(const struct signal *s, uint64_t budget_bytes)
{
	return s->slope_per_s > GROWTH_MIN_PER_S && (uint64_t)s->slope_per_s > budget_bytes / 1000;
}

bool signal_is_thrashing(const struct signal *s)
{
	uint64_t file_pages = (s->inactive_file_bytes + s->active_file_bytes) / PAGE_BYTES;

	if (!s->stat_seen)
		return false;
	if (s->refaults_per_s > file_pages / 100 && s->refaults_per_s > 256 &&
	    s->some_permyriad >= 100)
		return true;
	return s->scans_per_s > 256 && s->steal_permyriad < 3000 && s->some_permyriad > 500;
}

bool signal_is_livelocked(const struct signal *s, uint64_t high_bytes, uint64_t now_us)
{
	if (!s->high_seen || now_us - s->still_at_us < STILL_US)
		return false;
	if (s->held_bytes < high_bytes - high_bytes / 20)
		return false;
	if (s->high_events_per_s > SIGNAL_LIVELOCK_PER_S)
		return true;
	return s->full_permyriad >= LIVELOCK_FULL &&
	       (!s->scans_per_s || s->steal_permyriad < LIVELOCK_STEAL);
}
