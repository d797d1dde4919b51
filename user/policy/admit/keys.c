// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is known of a key lives in a table that is found by a hash; when the table is full, the key
 * that was used least recently goes. A run that ends, or the peak of one that goes on, makes the
 * estimates of the key's queued tasks stale, and the key is put on a list for queue.c to refresh.
 */
#include <errno.h>
#include <string.h>

#include "user/policy/admit/inside.h"
#include "user/policy/admit/predict.h"

/* A peak that rose by less is no news to siblings. */
#define NEWS_PERCENT 102
/* Of an imported key: so many runs teach the pace of all, so that no key drowns the others. */
#define PACE_IMPORT 8

static uint32_t hash_of(uint64_t id, uint32_t mask)
{
	id *= 0xbf58476d1ce4e5b9ULL;
	return (uint32_t)(id >> 32) & mask;
}

static uint32_t hash_place(const struct admit *admit, uint64_t id)
{
	uint32_t at = hash_of(id, admit->key_mask);

	while (admit->key_hash[at] && admit->key[admit->key_hash[at] - 1].key.key != id)
		at = (at + 1) & admit->key_mask;
	return at;
}

uint32_t key_find(const struct admit *admit, uint64_t id)
{
	return admit->key_hash[hash_place(admit, id)] - 1;
}

static void hash_remove(struct admit *admit, uint32_t at)
{
	uint32_t mask = admit->key_mask;

	for (uint32_t next = (at + 1) & mask; admit->key_hash[next]; next = (next + 1) & mask) {
		uint32_t home = hash_of(admit->key[admit->key_hash[next] - 1].key.key, mask);

		if (((next - home) & mask) < ((next - at) & mask))
			continue;
		admit->key_hash[at] = admit->key_hash[next];
		at = next;
	}
	admit->key_hash[at] = 0;
}

static void use_unlink(struct admit *admit, uint32_t k)
{
	const struct key_state *key = &admit->key[k];

	if (key->newer != NONE)
		admit->key[key->newer].older = key->older;
	else
		admit->key_newest = key->older;
	if (key->older != NONE)
		admit->key[key->older].newer = key->newer;
	else
		admit->key_oldest = key->newer;
}

static void use_link(struct admit *admit, uint32_t k)
{
	admit->key[k].newer = NONE;
	admit->key[k].older = admit->key_newest;
	if (admit->key_newest != NONE)
		admit->key[admit->key_newest].newer = k;
	else
		admit->key_oldest = k;
	admit->key_newest = k;
}

/* The place of the least recently used key that no task needs. */
static uint32_t evict(struct admit *admit)
{
	uint32_t k = admit->key_oldest;

	while (k != NONE &&
	       (admit->key[k].running || admit->key[k].waiting || admit->key[k].dirty_next != k))
		k = admit->key[k].newer;
	if (k == NONE)
		return NONE;
	hash_remove(admit, hash_place(admit, admit->key[k].key.key));
	use_unlink(admit, k);
	return k;
}

uint32_t key_use(struct admit *admit, uint64_t id)
{
	uint32_t k = key_find(admit, id);

	if (k != NONE) {
		use_unlink(admit, k);
		use_link(admit, k);
		return k;
	}
	k = admit->keys < admit->limits.keys ? admit->keys++ : evict(admit);
	if (k == NONE)
		return NONE;
	memset(&admit->key[k], 0, sizeof(admit->key[k]));
	admit_key_init(&admit->key[k].key, id);
	admit->key[k].first = admit->key[k].last = NONE;
	admit->key[k].dirty_next = k;
	admit->key[k].scout = NONE;
	admit->key_hash[hash_place(admit, id)] = k + 1;
	use_link(admit, k);
	return k;
}

/*
 * The first of a key, alone here: nobody waits for what it teaches, so that it may begin with less
 * than its request where most that were the first of theirs took less.
 */
static bool is_lone_canary(const struct admit *admit, const struct ticket *ticket,
			   const struct admit_estimate *estimate)
{
	return estimate->canary && estimate->peak_by == ADMIT_PEAK_REQUEST && ticket->key != NONE &&
	       admit->key[ticket->key].waiting == 1 && !ticket->task.least_bytes &&
	       admit_pace_is_within(&admit->pace.firsts, PERMYRIAD_ONE / CANARY_PART);
}

void ticket_estimate(struct admit *admit, uint32_t i)
{
	static const struct key_state unknown;
	struct ticket *ticket = &admit->ticket[i];
	const struct key_state *key = ticket->key == NONE ? &unknown : &admit->key[ticket->key];
	const struct admit_task *task = &ticket->task;
	struct admit_estimate estimate = {.bytes = task->request_bytes,
					  .run_us = task->declared_us,
					  .peak_by = ADMIT_PEAK_REQUEST,
					  .run_by = ADMIT_RUN_DECLARED};

	if (admit->config.trust == ADMIT_TRUST_LEARNED)
		admit_key_estimate(&key->key, &key->digest, &key->score,
				   &(struct admit_wish){task->request_bytes, task->declared_us,
							task->input_bytes},
				   key->shown_bytes, key->settled, &estimate);
	if (estimate.canary && task->declared_us)
		estimate.run_us =
			mul_div(task->declared_us,
				admit_pace_of(&admit->pace.times) ?: PERMYRIAD_ONE, PERMYRIAD_ONE);
	if (is_lone_canary(admit, ticket, &estimate))
		estimate.bytes /= CANARY_PART;
	if (task->limit_us && (!estimate.run_us || estimate.run_us > task->limit_us))
		estimate.run_us = task->limit_us;
	if (!(task->flags & ADMIT_RESTARTABLE)) {
		estimate.bytes = task->request_bytes;
		estimate.peak_by = ADMIT_PEAK_REQUEST;
	}
	ticket->bytes = max_u64(estimate.bytes, task->least_bytes);
	ticket->run_us = estimate.run_us;
	ticket->canary = estimate.canary;
	ticket->peak_by = estimate.peak_by;
	ticket->run_by = estimate.run_by;
	ticket->version = key->version;
}

static void list_append(struct admit *admit, struct key_state *key, uint32_t i)
{
	admit->ticket[i].prev = key->last;
	admit->ticket[i].next = NONE;
	if (key->last != NONE)
		admit->ticket[key->last].next = i;
	else
		key->first = i;
	key->last = i;
}

static void list_unlink(struct admit *admit, struct key_state *key, uint32_t i)
{
	const struct ticket *ticket = &admit->ticket[i];

	if (ticket->prev != NONE)
		admit->ticket[ticket->prev].next = ticket->next;
	else
		key->first = ticket->next;
	if (ticket->next != NONE)
		admit->ticket[ticket->next].prev = ticket->prev;
	else
		key->last = ticket->prev;
}

/* What is fresh stands behind what is stale. */
void key_enqueue(struct admit *admit, uint32_t i)
{
	if (admit->ticket[i].key != NONE)
		list_append(admit, &admit->key[admit->ticket[i].key], i);
}

void key_dequeue(struct admit *admit, uint32_t i)
{
	if (admit->ticket[i].key != NONE)
		list_unlink(admit, &admit->key[admit->ticket[i].key], i);
}

/* Where it moves nobody, thousands that wait are not gone through for it. */
static bool is_news(const struct key_state *key)
{
	const struct admit_digest *a = &key->digest, *b = &key->told;

	return !is_near(a->base_bytes, b->base_bytes) || !is_near(a->base_ppm, b->base_ppm) ||
	       !is_near(a->run_us, b->run_us) || !b->base_bytes ||
	       key->score.run_by != key->told_score.run_by ||
	       key->score.peak_by != key->told_score.peak_by;
}

/* A key is in the list of dirty ones as long as its dirty_next is not itself. */
static void set_dirty(struct admit *admit, uint32_t k)
{
	struct key_state *key = &admit->key[k];

	key->version++;
	key->told = key->digest;
	key->told_score = key->score;
	if (key->dirty_next != k || key->first == NONE)
		return;
	key->dirty_next = NONE;
	if (admit->dirty.last != NONE)
		admit->key[admit->dirty.last].dirty_next = k;
	else
		admit->dirty.first = k;
	admit->dirty.last = k;
}

void key_started(struct admit *admit, uint32_t i)
{
	if (admit->ticket[i].key != NONE)
		admit->key[admit->ticket[i].key].running++;
}

void key_ended(struct admit *admit, uint32_t i)
{
	struct key_state *key;

	if (admit->ticket[i].key == NONE)
		return;
	key = &admit->key[admit->ticket[i].key];
	if (--key->running)
		return;
	key->shown_bytes = 0;
	key->settled = false;
}

void key_show(struct admit *admit, uint32_t i)
{
	const struct ticket *ticket = &admit->ticket[i];
	struct key_state *key;
	bool rose, news;

	if (ticket->key == NONE)
		return;
	key = &admit->key[ticket->key];
	rose = ticket->peak_bytes > percent_of(key->shown_bytes, NEWS_PERCENT);
	news = rose && ticket->peak_bytes > key->digest.base_bytes && key->digest.base_bytes;
	if (rose)
		key->shown_bytes = ticket->peak_bytes;
	if (!key->digest.base_bytes && ticket->settled) {
		news = rose || !key->settled;
		key->settled = true;
	}
	if (news)
		set_dirty(admit, ticket->key);
}

static uint32_t to_kib(uint64_t bytes)
{
	return (uint32_t)min_u64((bytes + KIB - 1) / KIB, UINT32_MAX);
}

void key_learn(struct admit *admit, uint32_t i, enum admit_exit_how how, uint64_t now_us)
{
	const struct ticket *ticket = &admit->ticket[i];
	struct admit_run run = {
		.peak_kib = to_kib(ticket->peak_bytes),
		.input_kib = to_kib(ticket->task.input_bytes),
		.asked_kib = to_kib(ticket->task.request_bytes),
		.declared_s = (uint32_t)min_u64(ticket->task.declared_us / US_PER_SEC, UINT32_MAX),
	};
	struct key_state *key;

	if (ticket->key == NONE)
		return;
	key = &admit->key[ticket->key];
	if (ticket->outgrew || how == ADMIT_EXIT_MEMORY || how == ADMIT_EXIT_RESTART)
		key->key.outgrown++;
	if (!run.peak_kib || how == ADMIT_EXIT_NOT_RUN || how == ADMIT_EXIT_AGAIN)
		return;
	if (how != ADMIT_EXIT_DONE && ticket->peak_bytes <= key->digest.most_bytes)
		return;
	if (how == ADMIT_EXIT_DONE)
		run.run_ms = (uint32_t)min_u64(sub_sat(now_us, ticket->since_us) / US_PER_MS + 1,
					       UINT32_MAX);
	admit_score_learn(&key->score, &key->key, &key->digest, &run);
	if (!key->key.total)
		admit_pace_learn_first(&admit->pace, &run);
	admit_key_learn(&key->key, &run);
	admit_pace_learn(&admit->pace, &run);
	admit_key_digest(&key->key, &key->digest);
	if (is_news(key))
		set_dirty(admit, ticket->key);
}

int admit_key_export(const struct admit *admit, uint64_t key, struct admit_key *ret)
{
	uint32_t k = key_find(admit, key);

	if (k == NONE)
		return -ENOENT;
	if (ret)
		*ret = admit->key[k].key;
	return 0;
}

bool admit_key_is_sane(const struct admit_key *key)
{
	return key->version == ADMIT_KEY_VERSION && key->key && key->count <= ADMIT_KEY_RUNS &&
	       key->first < ADMIT_KEY_RUNS;
}

int admit_key_import(struct admit *admit, const struct admit_key *key)
{
	uint32_t k;

	if (!admit_key_is_sane(key))
		return -EINVAL;
	k = key_use(admit, key->key);
	if (k == NONE)
		return -ENOSPC;
	admit->key[k].key = *key;
	admit_key_digest(key, &admit->key[k].digest);
	admit_score_again(key, &admit->key[k].score);
	for (uint32_t i = key->count > PACE_IMPORT ? key->count - PACE_IMPORT : 0; i < key->count;
	     i++)
		admit_pace_learn(&admit->pace, &key->run[(key->first + i) % ADMIT_KEY_RUNS]);
	if (key->count && key->total == key->count)
		admit_pace_learn_first(&admit->pace, &key->run[key->first]);
	set_dirty(admit, k);
	return 0;
}

/* The peak of one that did not end well is a lower bound: of no use below what is known, unless it
 * was held to what it had. */
static bool says_nothing(const struct admit_digest *digest, const struct admit_run *run)
{
	return !run->run_ms && run->peak_kib <= run->asked_kib &&
	       run->peak_kib * KIB <= digest->most_bytes;
}

int admit_key_teach(struct admit *admit, uint64_t key, const struct admit_run *run)
{
	uint32_t k = key_use(admit, key);

	if (k == NONE)
		return -ENOSPC;
	if (says_nothing(&admit->key[k].digest, run))
		return 0;
	admit_score_learn(&admit->key[k].score, &admit->key[k].key, &admit->key[k].digest, run);
	admit_key_learn(&admit->key[k].key, run);
	admit_key_digest(&admit->key[k].key, &admit->key[k].digest);
	set_dirty(admit, k);
	return 0;
}
